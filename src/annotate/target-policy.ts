import { formatAddress, isIpv4Mapped, isLinkLocal, isMulticast, isUnspecified } from '../address/address.js';
import type { PrefixSet } from '../address/prefix.js';

/**
 * Why a target must not be probed (METHOD §9), as one sentence, or null when it may be. Ask before every trace, with the
 * resolved address (16 octets) and the zone that came with it.
 */
export function refuseTarget(octets: Uint8Array, zone: string | null, doNotProbe: PrefixSet | null): string | null {
  const address = formatAddress(octets);
  if (isUnspecified(octets)) return `${address} is the unspecified address, which no host has.`;
  if (isMulticast(octets))
    return `${address} is a multicast address: probes to a group are answered by many and prove nothing.`;
  if (isIpv4Mapped(octets))
    return `${address} is an IPv4-mapped address: it means an IPv4 host, and PDM is an IPv6 option.`;
  if (isLinkLocal(octets) && zone === null)
    return `${address} is a link-local address without a zone; name the interface, as in ${address}%eth0.`;
  if (doNotProbe?.has(octets) === true) return `${address} is in the do-not-probe list.`;
  return null;
}
