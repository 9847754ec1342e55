/** METHOD: Replies. Addresses that name no place, and those of the source's own network. */
import { parseAddress, sharesSite } from '../../address/address.js';
import type { TraceState } from '../state/trace-state.js';
import type { Place } from './place.js';

/** Met at two hop limits of one flow, equal to the target's, or no global address outside the source's own prefix. */
export function namelessAddresses(state: TraceState, hops: readonly (Place | undefined)[]): Set<string> {
  const nameless = new Set<string>([state.identity.targetText]);
  // Two sources answered one probe: neither names the hop.
  for (const names of state.contradicted.values()) for (const name of names) nameless.add(name);
  for (const [hop, place] of hops.entries()) {
    if (place === undefined) continue;
    noteNameless(nameless, place.plainResponders, hops, hop, state);
    if (place.pdmResponders[0] !== place.plainResponders[0] || place.pdmResponders.length > 1)
      noteNameless(nameless, place.pdmResponders, hops, hop, state);
  }
  return nameless;
}

function noteNameless(
  into: Set<string>,
  addresses: readonly string[],
  hops: readonly (Place | undefined)[],
  hop: number,
  state: TraceState,
): void {
  for (const address of addresses) {
    const isMetTwice = isMetBefore(address, hops, hop);
    if (isMetTwice || (!isGlobalUnicast(address) && !sharesPrefix(address, state))) into.add(address);
  }
}

function isMetBefore(address: string, hops: readonly (Place | undefined)[], hop: number): boolean {
  for (let before = 1; before < hop; before += 1) {
    const place = hops[before];
    if (place === undefined) continue;
    if (place.plainResponders.includes(address) || place.pdmResponders.includes(address)) return true;
  }
  return false;
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
