import { formatAddress, isLinkLocal, parseAddress, sameAddress } from '../address/address.js';
import type { ProbeTransport } from '../transport/probe-transport.js';
import { CliError } from './cli-error.js';
import type { LocalAddress } from './doctor-ports.js';
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

/** The same for a setting: null where it names no source. */
export function refuseSourceSetting(source: string | null, addresses: LocalAddresses): CliError | null {
  const parsed = source === null ? null : parseAddress(source);
  return parsed === null ? null : refuseSource(parsed.octets, parsed.zone, addresses());
}

/** The same transport, with no route, so that nothing is sent, for a source that is not this host's (any more). */
export function ownSourcesOnly(transport: ProbeTransport, addresses: LocalAddresses): ProbeTransport['route'] {
  return async (target, options) => {
    const source = options?.source;
    if (source !== undefined) {
      const zone = isLinkLocal(source) ? (options?.interface ?? null) : null;
      const refusal = refuseSource(source, zone, addresses());
      if (refusal !== null) throw refusal;
    }
    return transport.route(target, options);
  };
}
