/**
 * The invoking packet inside an ICMPv6 error, cut anywhere, possibly padded, possibly rewritten on its way. Nothing is
 * copied: offsets point into the parsed buffer. The chain is walked as in extension-chain.ts.
 */
import { readU16, readU32, readU8 } from './big-endian.js';
import { findOption, OPTION_TYPE, OPTIONS_OFFSET } from './destination-options.js';
import { extensionHeaderLength, isExtensionHeader, MAX_EXTENSION_HEADERS } from './extension-chain.js';
import { parseFragmentHeader, type FragmentHeader } from './fragment.js';
import { IPV6_HEADER_LENGTH, IPV6_OFFSET, NEXT_HEADER } from './ipv6.js';
import { failed, parsed, type ParseResult } from './result.js';

/** An extension header of which at least one octet is quoted. */
export interface QuotedHeader {
  /** The next-header value that led here. */
  readonly kind: number;
  /** Of its first octet, in the parsed buffer. */
  readonly offset: number;
  /** Octets as announced, which may pass the end of the quote; −1 where the length octet is not quoted. */
  readonly length: number;
}

/** Null offsets: the quote ends before that, or has none. All offsets are of the parsed buffer. */
export interface QuotedPacket {
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly payloadLength: number;
  /** Of the IPv6 header. */
  readonly nextHeader: number;
  /** As quoted: usually 0 or 1 at a hop, as sent or nearly so at a target. */
  readonly hopLimit: number;
  /** Of 16 octets each. */
  readonly sourceOffset: number;
  readonly destinationOffset: number;
  /** Of the IPv6 header. */
  readonly start: number;
  /** End of the quoted packet: of the quote, or where the packet itself ends if padding follows. */
  readonly end: number;
  /** All extension headers, in order; at most `MAX_EXTENSION_HEADERS`. */
  readonly headers: readonly QuotedHeader[];
  /** Of the first Destination Options header of which at least one octet is quoted. */
  readonly optionsOffset: number | null;
  /** That header's next-header octet. */
  readonly optionsNextHeader: number | null;
  /** Of the type octet of the first PDM option, whatever its length and however much of it is quoted. */
  readonly pdmOffset: number | null;
  /** Of the type octet of the first experiment option (0x1e). */
  readonly experimentOffset: number | null;
  readonly hasFragmentHeader: boolean;
  /** The packet is a fragment proper: there is more of it, before or after. */
  readonly fragmented: boolean;
  /** The first Fragment header, where all of it is quoted, and where its data begins. */
  readonly fragment: (FragmentHeader & { readonly dataOffset: number }) | null;
  /** Null where the quote ends before the upper layer or holds none (a later fragment). */
  readonly upperProtocol: number | null;
  /** Equals `end` where the chain is whole and nothing of the upper layer is quoted. */
  readonly upperOffset: number | null;
  /** Octets of the upper layer that are quoted. */
  readonly upperAvailable: number;
}

const NO_HEADERS: readonly QuotedHeader[] = [];

/** Fails with `truncated` below 40 octets and `not-ipv6` for another version; any other quote gives what it holds. */
export function parseQuotedPacket(bytes: Uint8Array, offset = 0, end = bytes.length): ParseResult<QuotedPacket> {
  if (end - offset < IPV6_HEADER_LENGTH) return failed('truncated', end);
  const word = readU32(bytes, offset);
  if (word >>> 28 !== 6) return failed('not-ipv6', offset);
  const payloadLength = readU16(bytes, offset + IPV6_OFFSET.payloadLength);
  const nextHeader = readU8(bytes, offset + IPV6_OFFSET.nextHeader);
  const quoteEnd = Math.min(end, offset + IPV6_HEADER_LENGTH + payloadLength);

  let headers: QuotedHeader[] | null = null;
  let optionsOffset: number | null = null;
  let pdmOffset: number | null = null;
  let experimentOffset: number | null = null;
  let hasFragmentHeader = false;
  let fragmented = false;
  let fragment: QuotedPacket['fragment'] = null;
  let complete = true;
  let kind = nextHeader;
  let at = offset + IPV6_HEADER_LENGTH;
  for (let count = 0; isExtensionHeader(kind); count++) {
    if (count === MAX_EXTENSION_HEADERS || at >= quoteEnd || (kind === NEXT_HEADER.hopByHop && count > 0)) {
      complete = false;
      break;
    }
    const length = extensionHeaderLength(kind, bytes, at, quoteEnd);
    headers ??= [];
    headers.push({ kind, offset: at, length });
    if (kind === NEXT_HEADER.destinationOptions) {
      optionsOffset ??= at;
      const limit = length < 0 ? quoteEnd : Math.min(quoteEnd, at + length);
      pdmOffset ??= offsetOrNull(findOption(bytes, at + OPTIONS_OFFSET.options, limit, OPTION_TYPE.pdm));
      experimentOffset ??= offsetOrNull(findOption(bytes, at + OPTIONS_OFFSET.options, limit, OPTION_TYPE.experiment));
    }
    if (kind === NEXT_HEADER.fragment) hasFragmentHeader = true;
    if (length < 0 || at + length > quoteEnd) {
      complete = false;
      break;
    }
    if (kind === NEXT_HEADER.fragment) {
      const header = parseFragmentHeader(bytes, at, quoteEnd);
      if (header.ok) {
        fragment ??= { ...header.value, dataOffset: at + length };
        if (header.value.more || header.value.fragmentOffset !== 0) fragmented = true;
        if (header.value.fragmentOffset !== 0) {
          complete = false;
          break;
        }
      }
    }
    kind = readU8(bytes, at);
    at += length;
  }

  return parsed({
    trafficClass: (word >>> 20) & 0xff,
    flowLabel: word & 0xfffff,
    payloadLength,
    nextHeader,
    hopLimit: readU8(bytes, offset + IPV6_OFFSET.hopLimit),
    sourceOffset: offset + IPV6_OFFSET.source,
    destinationOffset: offset + IPV6_OFFSET.destination,
    start: offset,
    end: quoteEnd,
    headers: headers ?? NO_HEADERS,
    optionsOffset,
    optionsNextHeader: optionsOffset === null ? null : readU8(bytes, optionsOffset),
    pdmOffset,
    experimentOffset,
    hasFragmentHeader,
    fragmented,
    fragment,
    upperProtocol: complete ? kind : null,
    upperOffset: complete ? at : null,
    upperAvailable: complete ? quoteEnd - at : 0,
  });
}

function offsetOrNull(offset: number): number | null {
  return offset < 0 ? null : offset;
}
