/** IPv6 addresses: text ⇄ 16 octets. Text comes out as RFC 5952 asks. */
import ip6addr from 'ip6addr';

/** Octets of an IPv6 address (RFC 4291 §2). */
export const ADDRESS_LENGTH = 16;

/** An address as text names it, zone included. */
export interface ParsedAddress {
  /** 16 octets. */
  readonly octets: Uint8Array;
  /** RFC 4007 §11: what follows the `%`, e.g. an interface's name; null without one. */
  readonly zone: string | null;
}

const DOTTED_QUAD = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
const ZONE = /^[^\s%/]{1,64}$/;
const COLON = 0x3a;

/** Null for anything that is not an IPv6 address (RFC 4291 §2.2): names, IPv4 addresses, prefixes, brackets. */
export function parseAddress(text: string): ParsedAddress | null {
  const percent = text.indexOf('%');
  const zone = percent < 0 ? null : text.slice(percent + 1);
  if (zone !== null && !ZONE.test(zone)) return null;
  const bare = percent < 0 ? text : text.slice(0, percent);
  const groups = bare.includes('.') ? withoutDottedQuad(bare) : bare;
  const octets = groups === null ? null : readGroups(groups);
  return octets === null ? null : { octets, zone };
}

/** Writes the dotted quad at the end of an address as two groups. */
function withoutDottedQuad(text: string): string | null {
  const start = text.lastIndexOf(':') + 1;
  const quad = text.slice(start);
  if (start === 0 || !DOTTED_QUAD.test(quad)) return null;
  try {
    const value = ip6addr.parse(quad).toLong();
    return `${text.slice(0, start)}${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
  } catch {
    // ip6addr says of 256 by an exception what a null says here.
    return null;
  }
}

/**
 * Reads groups of hexadecimal digits, at most one run of zeros written `::`. Not left to ip6addr, which takes nine groups
 * and groups of five digits, refuses `1::192.0.2.1`, and needs microseconds for what happens once a packet.
 */
function readGroups(text: string): Uint8Array | null {
  const octets = new Uint8Array(ADDRESS_LENGTH);
  let filled = 0;
  let zerosAt = text.startsWith('::') ? 0 : -1;
  let index = zerosAt === 0 ? 2 : 0;
  while (index < text.length) {
    let value = 0;
    const start = index;
    for (let digit = hexDigit(text, index); digit >= 0; digit = hexDigit(text, ++index)) value = (value << 4) | digit;
    if (index === start || index > start + 4 || filled === ADDRESS_LENGTH) return null;
    octets[filled++] = value >>> 8;
    octets[filled++] = value;
    if (index === text.length) break;
    if (text.charCodeAt(index++) !== COLON || index === text.length) return null;
    if (text.charCodeAt(index) !== COLON) continue;
    if (zerosAt >= 0) return null;
    zerosAt = filled;
    index++;
  }
  if (zerosAt < 0) return filled === ADDRESS_LENGTH ? octets : null;
  if (filled === ADDRESS_LENGTH) return null;
  const rest = ADDRESS_LENGTH - (filled - zerosAt);
  octets.copyWithin(rest, zerosAt, filled);
  octets.fill(0, zerosAt, rest);
  return octets;
}

/** −1 for what is no digit, the end of the text included. */
function hexDigit(text: string, index: number): number {
  const code = text.charCodeAt(index);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
export function formatAddress(octets: Uint8Array, offset = 0): string {
  let runStart = -1;
  let runLength = 1;
  for (let group = 0; group < 8;) {
    let zeros = 0;
    while (group + zeros < 8 && groupAt(octets, offset, group + zeros) === 0) zeros++;
    if (zeros > runLength) {
      runStart = group;
      runLength = zeros;
    }
    group += zeros + 1;
  }
  // RFC 5952 §5: a mapped address is known as such, so its IPv4 part is written dotted.
  if (isIpv4Mapped(octets, offset)) return `::ffff:${octets.subarray(offset + 12, offset + 16).join('.')}`;
  let text = '';
  for (let group = 0; group < 8; group++) {
    if (group === runStart) {
      text += '::';
      group += runLength - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += groupAt(octets, offset, group).toString(16);
  }
  return text;
}

function groupAt(octets: Uint8Array, offset: number, group: number): number {
  return ((octets[offset + 2 * group] ?? 0) << 8) | (octets[offset + 2 * group + 1] ?? 0);
}

/** Octets of what a network is given to number its links from: a /48, as METHOD takes for the source's own. */
const SITE_OCTETS = 6;

/** METHOD: Replies. Whether two addresses, 16 octets each, may be of one network by their /48. */
export function sharesSite(a: Uint8Array, b: Uint8Array): boolean {
  for (let index = 0; index < SITE_OCTETS; index++) if (a[index] !== b[index]) return false;
  return true;
}

/**
 * Whether the 16 octets at `aOffset` and at `bOffset` are the same. On the way of each packet, so nothing is allocated; that
 * both buffers hold 16 is the caller's to know.
 */
export function sameAddress(a: Uint8Array, b: Uint8Array, aOffset = 0, bOffset = 0): boolean {
  for (let index = 0; index < ADDRESS_LENGTH; index++) {
    if (a[aOffset + index] !== b[bOffset + index]) return false;
  }
  return true;
}

function zeroUpTo(octets: Uint8Array, offset: number, count: number): boolean {
  for (let index = 0; index < count; index++) if (octets[offset + index] !== 0) return false;
  return true;
}

/** ff00::/8 */
export function isMulticast(octets: Uint8Array, offset = 0): boolean {
  return octets[offset] === 0xff;
}

/** :: */
export function isUnspecified(octets: Uint8Array, offset = 0): boolean {
  return zeroUpTo(octets, offset, 16);
}

/** ::1 */
export function isLoopback(octets: Uint8Array, offset = 0): boolean {
  return zeroUpTo(octets, offset, 15) && octets[offset + 15] === 1;
}

/** ::ffff:0:0/96 */
export function isIpv4Mapped(octets: Uint8Array, offset = 0): boolean {
  return octets[offset + 10] === 0xff && octets[offset + 11] === 0xff && zeroUpTo(octets, offset, 10);
}

/** fe80::/10 */
export function isLinkLocal(octets: Uint8Array, offset = 0): boolean {
  return octets[offset] === 0xfe && ((octets[offset + 1] ?? 0) & 0xc0) === 0x80;
}

/** fc00::/7 */
export function isUniqueLocal(octets: Uint8Array, offset = 0): boolean {
  return ((octets[offset] ?? 0) & 0xfe) === 0xfc;
}

/** An address as RFC 5952 writes it, which is how records hold it; any other text, and one with a zone, as it is. */
export function canonicalText(text: string): string {
  const address = parseAddress(text);
  return address === null || address.zone !== null ? text : formatAddress(address.octets);
}
