/** METHOD: same path. Whether packets with and without the option take one way. */
import type { Case } from '../case.js';

/**
 * The first hop from which on the arms' responders differ and do not meet again before n, or where one arm has arrived and
 * the other has not; null where they go together. Two names at one hop with the same router behind it are two addresses of
 * one router, or two ways that meet again: either is no doubt of n+1.
 */
export function divergenceOf({ hops, lastPdmHop, lastPlainHop, distance }: Case): number | null {
  let from: number | null = null;
  for (let hop = 1; hop <= lastPdmHop; hop += 1) {
    const place = hops[hop];
    if (place === undefined || place.plainResponders.length === 0 || place.pdmResponders.length === 0) continue;
    if (areDisjoint(place.plainResponders, place.pdmResponders)) from ??= hop;
    else from = null;
  }
  if (from !== null) return from;
  const { plain, pdm } = distance;
  // Only a router's own answer beyond the other arm's distance shows a longer way; silence may be loss.
  if (plain !== null && lastPdmHop >= plain) return plain;
  if (pdm !== null && lastPlainHop >= pdm) return pdm;
  return null;
}

/**
 * Both arms come by the router before it, and where plain is answered the option is still on its way: a longer way of its own,
 * or something that answers plain packets for the target.
 */
export function meetsRouterInPlaceOfTarget({ hops, distance, lastPdmHop, pdmArrivals }: Case): boolean {
  const { plain } = distance;
  if (plain === null || pdmArrivals > 0 || lastPdmHop < plain) return false;
  const before = hops[plain - 1];
  return before?.plainResponders.some((address) => before.pdmResponders.includes(address)) === true;
}

/**
 * METHOD: dropped, a proxy. Packets with the option met routers as far as something answers echo requests or SYNs without it: on a
 * longer way, or behind a box that answers for the target. Few boxes answer datagrams: where those are answered, it is no such box.
 */
export function mayBeAnsweredOnTheWay({ state, context, distance, lastPdmHop, pdmArrivals }: Case): boolean {
  const { plain } = distance;
  if (state.identity.protocol === 'udp' || plain === null || pdmArrivals > 0 || lastPdmHop < plain) return false;
  return (context.sibling('udp')?.plainArrivals ?? 0) === 0;
}

function areDisjoint(a: readonly string[], b: readonly string[]): boolean {
  return !a.some((address) => b.includes(address));
}
