/** IPv6 addresses: text ⇄ 16 octets. Text comes out as RFC 5952 asks. */
import ip6addr from 'ip6addr';

export const ADDRESS_LENGTH = 16;

export interface ParsedAddress {
  /** 16 octets. */
  readonly octets: Uint8Array;
  /** RFC 4007 §11: what follows the `%`, e.g. an interface's name; null without one. */
  readonly zone: string | null;
}

const GROUP = /^[0-9a-fA-F]{1,4}$/;
const DOTTED_QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const ZONE = /^[^\s%/]{1,64}$/;

/** Null for anything that is not an IPv6 address (RFC 4291 §2.2): names, IPv4 addresses, prefixes, brackets. */
export function parseAddress(text: string): ParsedAddress | null {
  const percent = text.indexOf('%');
  const zone = percent < 0 ? null : text.slice(percent + 1);
  if (zone !== null && !ZONE.test(zone)) return null;
  // ip6addr takes nine groups and groups of five digits, and refuses `1::192.0.2.1`: it gets eight plain groups.
  const groups = eightGroups(percent < 0 ? text : text.slice(0, percent));
  return groups === null ? null : { octets: Uint8Array.from(ip6addr.parse(groups.join(':')).toBuffer()), zone };
}

function eightGroups(text: string): readonly string[] | null {
  // Lists come from files: what is far too long is not split.
  if (text.length > 45) return null;
  const halves = text.split('::');
  const [before = '', after] = halves;
  if (halves.length > 2) return null;
  const left = groupsOf(before, after === undefined);
  const right = groupsOf(after ?? '', true);
  if (left === null || right === null) return null;
  if (after === undefined) return left.length === 8 ? left : null;
  const zeros = 8 - left.length - right.length;
  return zeros < 1 ? null : [...left, ...Array<string>(zeros).fill('0'), ...right];
}

/** The groups of one side of `::`; a dotted quad is two of them and may stand only at the end of an address. */
function groupsOf(text: string, atEnd: boolean): readonly string[] | null {
  if (text === '') return [];
  const groups: string[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (GROUP.test(part)) {
      groups.push(part);
      continue;
    }
    const quad = atEnd && index === parts.length - 1 ? DOTTED_QUAD.exec(part) : null;
    const [high = 256, second = 256, third = 256, low = 256] = quad?.slice(1).map(Number) ?? [];
    if (Math.max(high, second, third, low) > 255) return null;
    groups.push(((high << 8) | second).toString(16), ((third << 8) | low).toString(16));
  }
  return groups;
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
