/** METHOD: Replies. Addresses that name no place, and those of the source's own network. */
import { isPlacesName } from '../reply/place-name.js';
import type { TraceState } from '../state/trace-state.js';
import type { Place } from './place.js';

/** Met at two hop limits of one flow, equal to the target's, or no global address outside the source's own prefix. */
export function namelessAddresses(state: TraceState, hops: readonly (Place | undefined)[]): Set<string> {
  const nameless = new Set<string>([state.identity.targetText]);
  // Two sources answered one probe: neither names the hop.
  for (const names of state.contradicted.values()) for (const name of names) nameless.add(name);
  const isMet = metTwice(hops);
  for (const [hop, place] of hops.entries()) {
    if (place === undefined) continue;
    const { plainResponders, pdmResponders } = place;
    noteNameless(nameless, plainResponders, isMet, hop, state);
    const isSame = pdmResponders.length === 1 && pdmResponders[0] === plainResponders[0];
    if (!isSame) noteNameless(nameless, pdmResponders, isMet, hop, state);
  }
  return nameless;
}

function noteNameless(
  into: Set<string>,
  addresses: readonly string[],
  isMetBefore: (address: string, hop: number) => boolean,
  hop: number,
  state: TraceState,
): void {
  for (const address of addresses) {
    if (isMetBefore(address, hop) || !isPlacesName(address, state)) into.add(address);
  }
}

/** So many names are looked through one by one: who answers by another name each time makes no step slow. */
const FEW_NAMES = 64;

/** Whether an address was met at a nearer hop. */
function metTwice(hops: readonly (Place | undefined)[]): (address: string, hop: number) => boolean {
  let names = 0;
  for (const place of hops) if (place !== undefined) names += place.plainResponders.length + place.pdmResponders.length;
  if (names > FEW_NAMES) {
    const first = new Map<string, number>();
    for (const [hop, place] of hops.entries()) {
      for (const address of [...(place?.plainResponders ?? []), ...(place?.pdmResponders ?? [])])
        if (!first.has(address)) first.set(address, hop);
    }
    return (address, hop) => (first.get(address) ?? hop) < hop;
  }
  return (address, hop) => {
    for (let before = 1; before < hop; before += 1) {
      const place = hops[before];
      if (place?.plainResponders.includes(address) === true || place?.pdmResponders.includes(address) === true)
        return true;
    }
    return false;
  };
}
