import { formatAddress } from '../../address/address.js';
import { parsePrefix, prefixContains, type Prefix } from '../../address/prefix.js';

/** A name that has IPv4 addresses alone: an IPv6 address of it was made by a DNS64, and shows the prefix (RFC 7050). */
export const IPV4_ONLY_NAME = 'ipv4only.arpa';
/** 192.0.0.170 and 192.0.0.171. */
const KNOWN = [
  [192, 0, 0, 170],
  [192, 0, 0, 171],
] as const;
/** RFC 6052 §2.2. */
const LENGTHS = [32, 40, 48, 56, 64, 96] as const;
/** Octet 8 is zero in all of them. */
const RESERVED_OCTET = 8;

/** The prefixes that these addresses of `ipv4only.arpa` were made with; none where nobody translates. */
export function nat64PrefixesOf(addresses: readonly Uint8Array[]): Prefix[] {
  return addresses.flatMap((octets) =>
    LENGTHS.flatMap((length) => {
      const embedded = embeddedIpv4(octets, length);
      if (embedded === null || !KNOWN.some((known) => known.every((octet, index) => octet === embedded[index])))
        return [];
      const prefix = parsePrefix(`${formatAddress(octets)}/${length}`);
      return prefix === null ? [] : [prefix];
    }),
  );
}

/** Whether an address was made with one of these prefixes: it leads through a NAT64 to an IPv4 host. */
export function isOfNat64(octets: Uint8Array, prefixes: readonly Prefix[]): boolean {
  return prefixes.some((prefix) => prefixContains(prefix, octets));
}

/** Whether an address can hold that of a public IPv4 host at all: of others nobody need ask for the prefix. */
export function mayBeOfNat64(octets: Uint8Array): boolean {
  return LENGTHS.some((length) => {
    const first = embeddedIpv4(octets, length)?.[0] ?? 0;
    return first > 0 && first !== 127 && first < 224;
  });
}

/** Null where the octets that have to be zero are not. */
function embeddedIpv4(octets: Uint8Array, length: (typeof LENGTHS)[number]): number[] | null {
  if (octets[RESERVED_OCTET] !== 0) return null;
  const free = Array.from(octets.keys()).filter((index) => index >= length / 8 && index !== RESERVED_OCTET);
  const embedded = free.slice(0, 4).map((index) => octets[index] ?? 0);
  return free.slice(4).every((index) => octets[index] === 0) ? embedded : null;
}
