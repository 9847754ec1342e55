/** `--reference`: packets go there as well, so what may not be probed is refused before anything is sent. */
import { parseAddress } from '../address/address.js';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';

/** `refuse`: why an address is not probed, or null where it may be (METHOD: Good citizen). */
export function refuseReference(
  reference: string | null,
  refuse: (octets: Uint8Array, zone: string | null) => string | null,
): CliError | null {
  const parsed = reference === null ? null : parseAddress(reference);
  const why = parsed === null ? null : refuse(parsed.octets, parsed.zone);
  if (why === null) return null;
  const message = `--reference ${reference ?? ''} is not probed: ${why} Give a host in another network that answers echo requests.`;
  return new CliError('EADDRNOTAVAIL', EXIT.usage, message);
}
