import { formatPrefix, parsePrefix, prefixContains, type Prefix } from './prefix.js';

/** A block of addresses that are not ordinary hosts of the Internet. */
export interface SpecialPurpose {
  readonly prefix: Prefix;
  /** What an address of it is, with its article: `a documentation address`. */
  readonly what: string;
  /** Where that is defined. */
  readonly reference: string;
  readonly reach: Reach;
}

/**
 * `global`: an ordinary destination. `local`: not globally reachable, so of use on a link or within a site only. `never`: no
 * destination of an IPv6 packet with the option. `unallocated`: nobody has it.
 */
export type Reach = 'global' | 'local' | 'never' | 'unallocated';

/**
 * IANA IPv6 Special-Purpose Address Registry (RFC 6890, RFC 8190), what RFC 4291 keeps for other uses, and the two cases where
 * the registry's column "globally reachable" does not answer our question: ORCHIDs are identifiers that no router forwards
 * (RFC 7343 §4), and behind a NAT64 prefix is an IPv4 host. The longest prefix that holds an address counts.
 */
const ROWS = [
  ['::/0', 'an address that is not allocated', 'RFC 4291 section 2.4', 'unallocated'],
  ['2000::/3', 'a global unicast address', 'RFC 4291 section 2.4', 'global'],
  ['::/128', 'the unspecified address', 'RFC 4291', 'never'],
  ['::1/128', 'the loopback address', 'RFC 4291', 'local'],
  ['::/96', 'an IPv4-compatible address', 'RFC 4291 section 2.5.5.1', 'never'],
  ['::ffff:0:0/96', 'an IPv4-mapped address', 'RFC 4291', 'never'],
  ['64:ff9b::/96', 'an address of a NAT64', 'RFC 6052', 'never'],
  ['64:ff9b:1::/48', 'an address of a local-use NAT64', 'RFC 8215', 'never'],
  ['100::/64', 'a discard-only address', 'RFC 6666', 'local'],
  ['100:0:0:1::/64', 'a dummy address', 'RFC 9780', 'local'],
  ['2001::/23', 'an address of an IETF protocol assignment', 'RFC 2928', 'local'],
  ['2001::/32', 'a Teredo address', 'RFC 4380', 'local'],
  ['2001:1::1/128', 'the Port Control Protocol anycast address', 'RFC 7723', 'global'],
  ['2001:1::2/128', 'the TURN anycast address', 'RFC 8155', 'global'],
  ['2001:1::3/128', 'the DNS-SD service registration anycast address', 'RFC 9665', 'global'],
  ['2001:2::/48', 'a benchmarking address', 'RFC 5180', 'local'],
  ['2001:3::/32', 'an AMT address', 'RFC 7450', 'global'],
  ['2001:4:112::/48', 'an AS112 address', 'RFC 7535', 'global'],
  ['2001:10::/28', 'an ORCHID, an identifier without a route', 'RFC 4843', 'local'],
  ['2001:20::/28', 'an ORCHIDv2, an identifier without a route', 'RFC 7343', 'local'],
  ['2001:30::/28', 'a drone remote identification tag', 'RFC 9374', 'global'],
  ['2001:db8::/32', 'a documentation address', 'RFC 3849', 'local'],
  ['2002::/16', 'a 6to4 address', 'RFC 3056', 'global'],
  ['2620:4f:8000::/48', 'an AS112 address', 'RFC 7534', 'global'],
  ['3fff::/20', 'a documentation address', 'RFC 9637', 'local'],
  ['5f00::/16', 'a segment identifier (SRv6)', 'RFC 9602', 'local'],
  ['fc00::/7', 'a unique local address', 'RFC 4193', 'local'],
  ['fe80::/10', 'a link-local address', 'RFC 4291', 'local'],
  ['fec0::/10', 'a site-local address', 'RFC 3879', 'local'],
  ['ff00::/8', 'a multicast address', 'RFC 4291', 'never'],
] as const;

/** Longest prefixes first. */
const TABLE: readonly SpecialPurpose[] = ROWS.map(([text, what, reference, reach]) => {
  return { prefix: knownPrefix(text), what, reference, reach };
}).sort((a, b) => b.prefix.length - a.prefix.length);

function knownPrefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === null) throw new TypeError(`no prefix: ${text}`);
  return prefix;
}

/** What kind of address this is (16 octets from `offset`). */
export function specialPurposeOf(octets: Uint8Array, offset = 0): SpecialPurpose {
  const found = TABLE.find(({ prefix }) => prefixContains(prefix, octets, offset));
  if (found === undefined) throw new TypeError(`${TABLE.length} blocks do not cover all addresses`);
  return found;
}

/** `64:ff9b::/96, RFC 6052`. */
export function blockText({ prefix, reference }: SpecialPurpose): string {
  return `${prefix.length === 0 ? 'outside 2000::/3' : formatPrefix(prefix)}, ${reference}`;
}

const SIX_TO_FOUR = knownPrefix('2002::/16');
const TEREDO = knownPrefix('2001::/32');

/** 2002::/16: made of the IPv4 address of whoever has it (RFC 3056). */
export function isSixToFour(octets: Uint8Array): boolean {
  return prefixContains(SIX_TO_FOUR, octets);
}

/**
 * Whether an address was made of an IPv4 address, by 6to4 or Teredo. Whoever announces these prefixes is a relay for everybody's
 * tunnels and not the network of the address, so their origin AS says nothing about it.
 */
export function isOfTunnelledIpv4(octets: Uint8Array): boolean {
  return isSixToFour(octets) || prefixContains(TEREDO, octets);
}

/** IANA IPv4 Special-Purpose Address Registry (RFC 6890): what is not globally reachable, multicast and reserved space too. */
const NOT_GLOBAL_IPV4 = [
  [[0], 8],
  [[10], 8],
  [[100, 64], 10],
  [[127], 8],
  [[169, 254], 16],
  [[172, 16], 12],
  [[192, 0, 0], 24],
  [[192, 0, 2], 24],
  // The 6to4 relays' own anycast prefix, which is given up (RFC 7526).
  [[192, 88, 99], 24],
  [[192, 168], 16],
  [[198, 18], 15],
  [[198, 51, 100], 24],
  [[203, 0, 113], 24],
  [[224], 3],
] as const;

/** Whether the IPv4 address in the four octets from `offset` is globally reachable. */
export function isGlobalIpv4(octets: Uint8Array, offset: number): boolean {
  const value = ipv4Value(octets.subarray(offset, offset + 4));
  return !NOT_GLOBAL_IPV4.some(([start, length]) => (value ^ ipv4Value(start)) >>> (32 - length) === 0);
}

function ipv4Value([a = 0, b = 0, c = 0, d = 0]: Iterable<number>): number {
  return (a << 24) | (b << 16) | (c << 8) | d;
}
