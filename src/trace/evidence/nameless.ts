/** METHOD: Replies. Addresses that name no place, and those of the source's own network. */
import { parseAddress, sharesSite } from '../../address/address.js';
import type { TraceState } from '../state/trace-state.js';
import type { Place } from './place.js';

/** Met at two hop limits of one flow, equal to the target's, or no global address outside the source's own prefix. */
export function namelessAddresses(state: TraceState, hops: readonly (Place | undefined)[]): Set<string> {
  const met = new Map<string, number>();
  const nameless = new Set<string>([state.identity.targetText]);
  // Two sources answered one probe: neither names the hop.
  for (const names of state.contradicted.values()) for (const name of names) nameless.add(name);
  hops.forEach((place, hop) => {
    for (const address of [...(place?.plainResponders ?? []), ...(place?.pdmResponders ?? [])]) {
      const before = met.get(address);
      if (before !== undefined && before !== hop) nameless.add(address);
      met.set(address, hop);
      if (!isGlobalUnicast(address) && !sharesPrefix(address, state)) nameless.add(address);
    }
  });
  return nameless;
}

/** 2000::/3, by its text. */
function isGlobalUnicast(address: string): boolean {
  return /^[23][0-9a-f]{3}:/.test(address);
}

/** The source's own /48. */
export function sharesPrefix(address: string, { identity }: TraceState): boolean {
  const octets = parseAddress(address)?.octets;
  return octets !== undefined && sharesSite(octets, identity.source);
}
