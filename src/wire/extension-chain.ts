/**
 * The chain of extension headers (RFC 8200 §4) in any legal order, in whole packets and in quotes cut anywhere.
 *
 * All but two of them start alike (RFC 6564 §4):
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+-------------------------------+
 *   0 |  Next header  | Hdr Ext Len   |  data, 8 × (length + 1) − 2   |
 *     +---------------+---------------+-------------------------------+
 *
 * The Fragment header always has 8 octets; the Authentication Header counts 4 × (length + 2) (RFC 4302 §2.2).
 */
import { readU16, readU32, readU8 } from './big-endian.js';
import { NEXT_HEADER } from './ipv6.js';

const EXTENSION_OFFSET = { nextHeader: 0, length: 1 } as const;

/** More headers than this are not walked: a packet of 64 KiB could hold 8,000. */
export const MAX_EXTENSION_HEADERS = 16;

/** Headers that are never asked for here but may stand in a chain, all of the common form (IANA: IPv6 extension headers). */
const MOBILITY = 135;
const HIP = 139;
const SHIM6 = 140;

/** Words for the kinds that `isExtensionHeader` knows. */
export const EXTENSION_HEADER_NAMES: Readonly<Record<number, string>> = {
  [NEXT_HEADER.hopByHop]: 'hop-by-hop',
  [NEXT_HEADER.routing]: 'routing',
  [NEXT_HEADER.fragment]: 'fragment',
  [NEXT_HEADER.ah]: 'ah',
  [NEXT_HEADER.destinationOptions]: 'destination-options',
  [MOBILITY]: 'mobility',
  [HIP]: 'hip',
  [SHIM6]: 'shim6',
};

interface ExtensionHeader {
  /** The next-header value that led here. */
  readonly kind: number;
  /** Of its first octet, in the parsed buffer. */
  readonly offset: number;
  /** Octets as announced; what is there where the length itself is cut off. With `truncated` it may pass the end. */
  readonly length: number;
}

interface ChainFragment {
  /** Octets, a multiple of 8. */
  readonly offset: number;
  readonly more: boolean;
  readonly identification: number;
}

/** What was walked, and where it ended; offsets are of the parsed buffer. */
export interface ExtensionChain {
  readonly headers: readonly ExtensionHeader[];
  /** The first protocol that is not a walked extension header: also ESP (50) and "no next header" (59). Else null. */
  readonly upperLayer: number | null;
  readonly upperLayerOffset: number | null;
  /** The octets end inside the chain. */
  readonly truncated: boolean;
  /** Why there is no upper layer: `truncated`, `non-first-fragment`, `misplaced-hop-by-hop`, `too-many-headers`. */
  readonly reason: string | null;
  /** The first Fragment header of the chain. */
  readonly fragment: ChainFragment | null;
}

/**
 * IANA's IPv6 extension header types but for ESP, behind which nothing can be read, and 253 and 254, which are for
 * experiments.
 */
export function isExtensionHeader(kind: number): boolean {
  switch (kind) {
    case NEXT_HEADER.hopByHop:
    case NEXT_HEADER.routing:
    case NEXT_HEADER.fragment:
    case NEXT_HEADER.ah:
    case NEXT_HEADER.destinationOptions:
    case MOBILITY:
    case HIP:
    case SHIM6:
      return true;
    default:
      return false;
  }
}

/** Octets of the extension header at `offset` as it announces them, or −1 where its length octet is not there. */
export function extensionHeaderLength(kind: number, bytes: Uint8Array, offset: number, end: number): number {
  if (kind === NEXT_HEADER.fragment) return 8;
  if (offset + EXTENSION_OFFSET.length >= end) return -1;
  const length = readU8(bytes, offset + EXTENSION_OFFSET.length);
  return kind === NEXT_HEADER.ah ? (length + 2) * 4 : (length + 1) * 8;
}

/** Walks from the header of kind `firstNextHeader` at `offset`. Bounded, never throws, never reads past `end`. */
export function walkExtensionChain(
  bytes: Uint8Array,
  firstNextHeader: number,
  offset = 0,
  end = bytes.length,
): ExtensionChain {
  const headers: ExtensionHeader[] = [];
  let fragment: ChainFragment | null = null;
  const stop = (reason: string): ExtensionChain => ({
    headers,
    upperLayer: null,
    upperLayerOffset: null,
    truncated: reason === 'truncated',
    reason,
    fragment,
  });

  let kind = firstNextHeader;
  let at = offset;
  while (isExtensionHeader(kind)) {
    if (headers.length === MAX_EXTENSION_HEADERS) return stop('too-many-headers');
    // RFC 8200 §4.1: only ever right after the IPv6 header; elsewhere it is Parameter Problem 4/1.
    if (kind === NEXT_HEADER.hopByHop && headers.length > 0) return stop('misplaced-hop-by-hop');
    const length = extensionHeaderLength(kind, bytes, at, end);
    if (length < 0 || at + length > end) {
      if (at < end) headers.push({ kind, offset: at, length: length < 0 ? end - at : length });
      return stop('truncated');
    }
    headers.push({ kind, offset: at, length });
    if (kind === NEXT_HEADER.fragment) {
      const offsetAndMore = readU16(bytes, at + 2);
      fragment ??= {
        offset: offsetAndMore & 0xfff8,
        more: (offsetAndMore & 1) !== 0,
        identification: readU32(bytes, at + 4),
      };
      // What follows is the middle of something: no header starts there.
      if ((offsetAndMore & 0xfff8) !== 0) return stop('non-first-fragment');
    }
    kind = readU8(bytes, at + EXTENSION_OFFSET.nextHeader);
    at += length;
  }
  return { headers, upperLayer: kind, upperLayerOffset: at, truncated: false, reason: null, fragment };
}
