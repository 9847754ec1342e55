import { formatAddress, isIpv4Mapped, isLinkLocal, isMulticast, isUnspecified } from '../address/address.js';
import type { PrefixSet } from '../address/prefix.js';
import { blockText, isGlobalIpv4, isSixToFour, specialPurposeOf } from '../address/special-purpose.js';

/** What else may be probed, and what not. */
export interface TargetPolicy {
  readonly doNotProbe: PrefixSet | null;
  /** `--allow-special`: addresses that are not globally reachable may be probed. */
  readonly allowSpecial: boolean;
  /** Whether an address is on a link of this host: then it may be probed whatever kind it is of. */
  readonly isOnLink: (octets: Uint8Array, zone: string | null) => boolean;
}

/**
 * Why a target must not be probed (METHOD: Good citizen), as one sentence, or null when it may be. Ask before every trace, with
 * the resolved address (16 octets) and the zone that came with it.
 */
export function refuseTarget(octets: Uint8Array, zone: string | null, policy: TargetPolicy): string | null {
  const address = formatAddress(octets);
  if (isLinkLocal(octets) && zone === null)
    return `${address} is a link-local address without a zone; name the interface, as in ${address}%eth0.`;
  const refused = refuseImpossible(octets) ?? refuseListed(octets, policy.doNotProbe);
  if (refused !== null) return refused;
  const kind = specialPurposeOf(octets);
  if (kind.reach === 'global' || policy.allowSpecial || policy.isOnLink(octets, zone)) return null;
  return `${address} is ${kind.what} (${blockText(kind)}): not globally reachable, and on no link of this host; --allow-special traces it all the same.`;
}

/** The part of it that a list decides, which may change while others stay. */
export function refuseListed(octets: Uint8Array, doNotProbe: PrefixSet | null): string | null {
  return doNotProbe?.has(octets) === true
    ? `${formatAddress(octets)} is in the do-not-probe list; take its prefix out of that file if it may be probed.`
    : null;
}

/**
 * Why a target that somebody asked for over the network must not be probed, or null when it may be: what others ask for must
 * not reach into the network that we stand in, whatever is on a link and whatever is allowed here.
 */
export function refuseNonPublic(octets: Uint8Array): string | null {
  const impossible = refuseImpossible(octets);
  if (impossible !== null) return impossible;
  const { reach, what } = specialPurposeOf(octets);
  if (reach === 'global') return null;
  return `${formatAddress(octets)} is ${what}: only public ones are traced on request; trace it from a command line on this host.`;
}

/** What no trace can be made of, whoever asks. */
function refuseImpossible(octets: Uint8Array): string | null {
  const address = formatAddress(octets);
  if (isUnspecified(octets)) return `${address} is the unspecified address, which no host has; give that of a host.`;
  if (isMulticast(octets))
    return `${address} is a multicast address: probes to a group are answered by many and prove nothing; give the address of one host.`;
  if (isIpv4Mapped(octets))
    return `${address} is an IPv4-mapped address: it means an IPv4 host, and PDM is an IPv6 option; give an IPv6 address of the host.`;
  const kind = specialPurposeOf(octets);
  if (isSixToFour(octets) && !isGlobalIpv4(octets, SIX_TO_FOUR_IPV4)) {
    const ipv4 = octets.subarray(SIX_TO_FOUR_IPV4, SIX_TO_FOUR_IPV4 + 4).join('.');
    return `${address} is ${kind.what} (${blockText(kind)}): it leads to the IPv4 host ${ipv4}, which is not globally reachable; give another IPv6 address of the host.`;
  }
  if (kind.reach !== 'never') return null;
  const why = kind.what.includes('NAT64') ? 'the option cannot pass a NAT64' : 'PDM is an IPv6 option';
  return `${address} is ${kind.what} (${blockText(kind)}): it leads to an IPv4 host, and ${why}; give an IPv6 address of the host.`;
}

/** RFC 3056 §2: where the IPv4 address of the router stands that a 6to4 prefix belongs to. It must be a global one. */
const SIX_TO_FOUR_IPV4 = 2;
