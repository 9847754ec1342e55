import {
  formatAddress,
  isIpv4Mapped,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUniqueLocal,
  isUnspecified,
} from '../address/address.js';
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

/**
 * Why a target that somebody asked for over the network must not be probed, or null when it may be: what others ask for
 * must not reach into the network that we stand in. On top of `refuseTarget`, also with the resolved address.
 */
export function refuseNonPublic(octets: Uint8Array): string | null {
  const kind = nonPublicKind(octets);
  return kind === null
    ? null
    : `${formatAddress(octets)} is a ${kind} address: only public ones are traced on request.`;
}

function nonPublicKind(octets: Uint8Array): string | null {
  if (isLoopback(octets)) return 'loopback';
  if (isLinkLocal(octets)) return 'link-local';
  if (isUniqueLocal(octets)) return 'unique local';
  const first = octets[0] ?? 0;
  const second = octets[1] ?? 0;
  // fec0::/10, RFC 3879: deprecated, and still in use where it is.
  if (first === 0xfe && (second & 0xc0) === 0xc0) return 'site-local';
  // ::/96, RFC 4291 §2.5.5.1.
  if (octets.subarray(0, 12).every((octet) => octet === 0)) return 'IPv4-compatible';
  // 2002::/16 (RFC 3056) and 64:ff9b::/96 (RFC 6052) lead to an IPv4 host, which may be one of ours.
  if (first === 0x20 && second === 0x02) return isPrivateIpv4(octets, 2) ? '6to4 (of a private IPv4)' : null;
  const isNat64 = WELL_KNOWN_NAT64.every((octet, index) => octets[index] === octet);
  return isNat64 && isPrivateIpv4(octets, 12) ? 'NAT64 (of a private IPv4)' : null;
}

const WELL_KNOWN_NAT64 = [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];

/** 0/8, 10/8, 100.64/10, 127/8, 169.254/16, 172.16/12, 192.168/16, and 224/3 (RFC 6890). */
function isPrivateIpv4(octets: Uint8Array, offset: number): boolean {
  const first = octets[offset] ?? 0;
  const second = octets[offset + 1] ?? 0;
  if (first === 0 || first === 10 || first === 127 || first >= 224) return true;
  if (first === 100) return (second & 0xc0) === 64;
  if (first === 172) return (second & 0xf0) === 16;
  return (first === 169 && second === 254) || (first === 192 && second === 168);
}
