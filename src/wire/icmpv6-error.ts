/** ICMPv6 errors: what they say, and where in them the invoking packet is. The hot path of every measurement. */
import { readU32, readU8 } from './big-endian.js';
import {
  EXTENSION_HEADER_LENGTH,
  EXTENSION_OBJECT_HEADER_LENGTH,
  parseIcmpExtensions,
  type IcmpExtensions,
} from './icmp-extensions.js';
import { IPV6_HEADER_LENGTH } from './ipv6.js';
import { failed, parsed, type ParseResult } from './result.js';

// The layout of the header is drawn in icmpv6.ts.
const HEADER_LENGTH = 8;
const CODE = 1;
const WORD = 4;
const TYPE = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  firstInformational: 128,
};

/** RFC 4884 §4: a quote with extensions behind it is zero-padded to at least this. */
const MIN_EXTENDED_QUOTE = 128;
/** Octets that one unit of its length attribute counts. */
const WORDS = 8;

/** RFC 4443 §3, with the RFC 4884 structure where there is one. `type`: 0–127. */
export interface Icmpv6Error {
  readonly type: number;
  readonly code: number;
  /** Of Parameter Problem, or of an RFC 8883 object. Octets from the start of the invoking packet. */
  readonly pointer: number | null;
  /** Of Packet Too Big. */
  readonly mtu: number | null;
  /** The invoking packet is [quoteOffset, quoteEnd) of the parsed buffer, zero padding included (`parseQuotedPacket` trims it). */
  readonly quoteOffset: number;
  readonly quoteEnd: number;
  readonly extensions: IcmpExtensions | null;
}

/**
 * Parses the ICMPv6 message in [offset, end). Its checksum is not verified here. Fails with `truncated` below 8 octets
 * and `not-an-error` for types from 128.
 *
 * Extensions (types 1 and 3 alone, RFC 4884 §4.6) are looked for where the length attribute says, in words of 8 octets; then
 * at the place used before that RFC, behind exactly 128 octets; then where it would be if the attribute counted octets, or
 * if it was rounded. A structure that does not hold together is no structure.
 */
export function parseIcmpv6Error(bytes: Uint8Array, offset = 0, end = bytes.length): ParseResult<Icmpv6Error> {
  if (end - offset < HEADER_LENGTH) return failed('truncated', end);
  const type = readU8(bytes, offset);
  if (type >= TYPE.firstInformational) return failed('not-an-error', offset);
  const code = readU8(bytes, offset + CODE);
  const quoteOffset = offset + HEADER_LENGTH;
  let pointer: number | null = null;
  let mtu: number | null = null;
  let quoteEnd = end;
  let extensions: IcmpExtensions | null = null;
  if (type === TYPE.timeExceeded || type === TYPE.destinationUnreachable) {
    const attribute = readU8(bytes, offset + WORD);
    const announced = attribute * WORDS;
    const announcedAt = quoteOffset + (announced === 0 ? MIN_EXTENDED_QUOTE : announced);
    if (announcedAt <= end) {
      extensions = extensionsIn(bytes, announcedAt, end, announced !== 0);
      // A length that RFC 4884 does not allow counts only if what it points to proves it; junk in a field that was
      // unused before that RFC must not shorten the quote.
      if (extensions !== null || announced >= MIN_EXTENDED_QUOTE) quoteEnd = announcedAt;
    }
    if (extensions === null && attribute !== 0) {
      const found = misannounced(bytes, quoteOffset, end, attribute);
      if (found !== null) ({ extensions, quoteEnd } = found);
    }
    // RFC 8883 §3 defines its object for Destination Unreachable alone.
    if (type === TYPE.destinationUnreachable) pointer = extensions?.pointer ?? null;
  } else if (type === TYPE.parameterProblem) {
    pointer = readU32(bytes, offset + WORD);
  } else if (type === TYPE.packetTooBig) {
    mtu = readU32(bytes, offset + WORD);
  }
  return parsed({ type, code, pointer, mtu, quoteOffset, quoteEnd, extensions });
}

/** Other readings of the length attribute, each of which only a checksum proves. */
function misannounced(
  bytes: Uint8Array,
  quoteOffset: number,
  end: number,
  attribute: number,
): { readonly extensions: IcmpExtensions; readonly quoteEnd: number } | null {
  const words = attribute * WORDS;
  const readings = [MIN_EXTENDED_QUOTE, attribute];
  for (let i = 1; i < WORDS; i += 1) readings.push(words + i, words - i);
  for (const length of readings) {
    // A quote is an IPv6 header at least.
    if (length < IPV6_HEADER_LENGTH) continue;
    const quoteEnd = quoteOffset + length;
    const extensions = extensionsIn(bytes, quoteEnd, end, false);
    if (extensions !== null) return { extensions, quoteEnd };
  }
  return null;
}

function extensionsIn(bytes: Uint8Array, offset: number, end: number, announced: boolean): IcmpExtensions | null {
  if (end - offset < EXTENSION_HEADER_LENGTH + EXTENSION_OBJECT_HEADER_LENGTH) return null;
  const extensions = parseIcmpExtensions(bytes, offset, end);
  if (!extensions.ok) return null;
  // Unannounced, only a checksum tells a structure from octets of a long quote.
  return announced || extensions.value.checksumVerified ? extensions.value : null;
}
