import { formatAddress, isLinkLocal, isLoopback, parseAddress, sameAddress } from '../address/address.js';
import type { ProbeTransport } from '../transport/probe-transport.js';
import { CliError } from './cli-error.js';
import type { LocalAddress } from './doctor/doctor-ports.js';
import { EXIT } from './exit-codes.js';

/** The addresses of this host's interfaces, as they are now. */
export type LocalAddresses = () => readonly LocalAddress[];

/**
 * An error where a source is no address of this host's interfaces, else null: probes are never sent in somebody else's name,
 * who would get the answers. A zone, by name or number, must be the address's own link. Addresses that only a local route gives
 * this host (AnyIP) are on no interface and are refused too.
 */
export function refuseSource(
  octets: Uint8Array,
  zone: string | null,
  addresses: readonly LocalAddress[],
): CliError | null {
  const owners = addresses.filter(({ address }) => {
    const own = parseAddress(address)?.octets;
    return own !== undefined && sameAddress(own, octets);
  });
  if (owners.some((owner) => zone === null || owner.interface === zone || String(owner.scopeId) === zone)) return null;
  const value = `${formatAddress(octets)}${zone === null ? '' : `%${zone}`}`;
  const whose = owners.length === 0 ? 'of this host' : `of ${zone ?? ''} (it is one of ${owners[0]?.interface ?? ''})`;
  const message =
    `--source ${value} is not an address ${whose}, and nothing is sent in another's name; give one that \`ip -6 address\` ` +
    'lists (addresses that only a local route gives this host, AnyIP, are not covered)';
  return new CliError('EADDRNOTAVAIL', EXIT.unavailable, message);
}

/**
 * An error where a source must not be used towards a target, else null: a packet with the loopback address as its source never
 * leaves the node (RFC 4291 §2.5.3), and no router forwards one with a link-local source (§2.5.6), so no answer would come.
 */
function refuseSourceTowards(source: Uint8Array, target: Uint8Array): CliError | null {
  if (isLoopback(source) && !isLoopback(target)) return narrowSource(source, LOOPBACK, target);
  if (isLinkLocal(source) && !isLinkLocal(target)) return narrowSource(source, LINK_LOCAL, target);
  return null;
}

const LOOPBACK = 'the loopback address, which no packet that leaves this host may have as its source';
const LINK_LOCAL = 'a link-local address, which no router forwards packets of';

function narrowSource(source: Uint8Array, kind: string, target: Uint8Array | null): CliError {
  const towards = target === null ? '' : `, so nothing is sent to ${formatAddress(target)}`;
  const message =
    `--source ${formatAddress(source)} is ${kind}${towards}; give a global address that \`ip -6 address\` lists, ` +
    'or leave --source out';
  return new CliError('EADDRNOTAVAIL', EXIT.unavailable, message);
}

/** Why a source that is set is none of this host's, or null: also where none is set. No list is of this host alone. */
export function refuseSourceSetting(
  source: string | null,
  addresses: LocalAddresses,
  forList = false,
): CliError | null {
  const parsed = source === null ? null : parseAddress(source);
  if (parsed === null) return null;
  if (forList && isLoopback(parsed.octets)) return narrowSource(parsed.octets, LOOPBACK, null);
  return refuseSource(parsed.octets, parsed.zone, addresses());
}

/**
 * The same transport, with no route, so that nothing is sent, for a source that is not this host's (any more) or whose scope does
 * not reach the target.
 */
export function ownSourcesOnly(transport: ProbeTransport, addresses: LocalAddresses): ProbeTransport['route'] {
  return async (target, options) => {
    const source = options?.source;
    if (source !== undefined) {
      const zone = isLinkLocal(source) ? (options?.interface ?? null) : null;
      const refusal = refuseSourceTowards(source, target) ?? refuseSource(source, zone, addresses());
      if (refusal !== null) throw refusal;
    }
    return transport.route(target, options);
  };
}
