/**
 * Near hops that other traces of the run have measured (METHOD: Exploring): which of them this trace leaves to the others, and
 * when it must look itself. A trace with this help explores from far to near, until one of its own hops is answered in both
 * arms by somebody to whom only one way is known; the hops of that way fill the record below.
 *
 * Why nothing that is claimed changes:
 * - The joining hop answered a packet with the option, so n is it or one beyond it. All hops from there on are the trace's own.
 * - A divergence that is over where both arms meet the same router at the same hop limit cannot move what is beyond.
 * - Losses before the joining hop would show at it and beyond. Where own hops lose packets with the option more often
 *   than chance has it, or one was refused, stripped or altered, or the path changed, the trace looks at every hop itself.
 * - Hops at which the others lost packets in this way are not passed on at all (engine/shared/near-hop-table.ts).
 * - Habits of reporters are counted from own pairs alone, as places that were not probed have none.
 */
import type { Case } from './case.js';
import { mcnemarPValue } from './evidence/e-values.js';
import { hasOneNameAtMost, responderOf } from './evidence/place.js';
import type { Place } from './evidence/place.js';
import {
  HINTED_PAIRS,
  HOPS_BEFORE_TARGET,
  HOPS_BEHIND_LAST,
  MIXED_HOPS_P,
  PAIRS_BEFORE_EXPLORING,
  PAIRS_BEFORE_N,
  PAIRS_IN_GAP,
  PAIRS_PER_HOP,
} from './numbers.js';
import type { TraceState } from './state/trace-state.js';
import type { NearHop, NearHops } from './trace-context.js';

/** Moves the first hop that the trace explores itself. Keeps `state.near`. */
export function settleNearHops(trace: Case, others: NearHops): void {
  const { state } = trace;
  const { near } = state;
  near.joinedAt = null;
  near.distanceOfOthers = others.distanceHint();
  // A target behind which something rewrites hop limits seems to be anywhere.
  const hint = trace.distanceHint ?? near.distanceOfOthers;
  near.distanceHint = hint !== null && hint <= state.limits.maxHops ? hint : null;
  const { distanceHint } = near;
  if (near.from !== 1 && (others.isScout || mustLookItself(trace))) near.from = 1;
  if (near.from === 0) {
    if (others.isBeingScouted()) return;
    const { pairs, pending } = trace.target;
    if (distanceHint === null && pairs - pending < PAIRS_BEFORE_EXPLORING) return;
    const from = distanceHint === null ? others.startAt() : Math.max(1, distanceHint - HOPS_BEFORE_TARGET);
    near.from = Math.min(state.limits.maxHops, from);
  }
  // Nearer than where the trace began.
  if (distanceHint !== null && distanceHint < near.from) near.from = Math.max(1, distanceHint - HOPS_BEFORE_TARGET);
  if (near.from === 1) return;
  const owed = pairsOwed(trace, others);
  while (near.from > 1) {
    near.joinedAt = findJoin(trace, near.from, others);
    if (near.joinedAt !== null || mayStillJoin(trace, near.from, others, owed)) return;
    const { plain } = trace.distance;
    const isBeyondTarget = plain !== null && plain <= near.from;
    near.from = isBeyondTarget ? Math.min(near.from - 1, others.startAt()) : near.from - 1;
  }
}

/** The near hops are known, or are this trace's own. */
export function nearHopsAreSettled({ near }: TraceState): boolean {
  return near.from === 1 || near.joinedAt !== null;
}

/** Hops below the first own one, for the record. */
export function sharedHops({ state, hops }: Case, others: NearHops): readonly NearHop[] {
  const { from, joinedAt } = state.near;
  const responder = joinedAt === null ? undefined : hops[joinedAt]?.plainResponders[0];
  if (joinedAt === null || responder === undefined) return [];
  return (others.wayTo(responder, joinedAt) ?? []).slice(0, from - 1);
}

/**
 * Pairs that exploring owes to each hop. In lists fewer will do as long as the trace has nothing to explain: one where it
 * joins a known path, or that both arms crossed; two far behind the last answer where the target is silent too.
 */
export function pairsOwed(trace: Case, others: NearHops | null): (hop: number) => number {
  if (others === null) return pairsOwedAlone(trace);
  const { state, hops, distance, lastPdmHop, lastPlainHop } = trace;
  const mayBeFewer = !others.isScout && !losesOption(trace);
  const isSilentTarget = trace.plainArrivals + trace.pdmArrivals === 0;
  return (hop) => {
    const place = hops[hop];
    if (place === undefined) return PAIRS_PER_HOP;
    const isTargets = hop === distance.plain && hop === distance.pdm;
    // What lies beyond it is looked at once all pairs ended where the target was said to be.
    if (hop === state.near.distanceHint && !isTargets) return PAIRS_PER_HOP;
    if (hop === state.near.joinedAt && hop < lastPdmHop) return 1;
    if (!mayBeFewer) return PAIRS_PER_HOP;
    // How the first one ends shows whether it will do.
    if (place.pairs === 1 && place.pending === 1) return 1;
    if (isSilentTarget && hop > Math.max(lastPdmHop, lastPlainHop) + HOPS_BEHIND_LAST) return PAIRS_IN_GAP;
    return crossedByBoth(place) ? 1 : PAIRS_PER_HOP;
  };
}

/**
 * METHOD: Exploring. One where both came whole and nothing is missing anywhere, two where all of the option's packets are lost
 * farther on, and at silent hops far behind the last answer of a silent target; one at the target's own distance.
 */
function pairsOwedAlone(trace: Case): (hop: number) => number {
  const { hops, distance, distanceHint, plainArrivals, pdmArrivals, lastPlainHop, lastPdmHop } = trace;
  const isWhole = !losesOption(trace);
  const lastHeard = Math.max(lastPlainHop, lastPdmHop);
  return (hop) => {
    const place = hops[hop];
    const isHinted = hop === distanceHint && hop > lastHeard;
    if (isHinted && distance.plain === null && plainArrivals > 0) return HINTED_PAIRS;
    if (plainArrivals + pdmArrivals === 0 && hop > lastHeard + HOPS_BEHIND_LAST) return PAIRS_IN_GAP;
    // Where plain arrived, the pairs that are counted tell the rest.
    if (hop === distance.plain && pdmArrivals === 0) return 1;
    if (place === undefined || !crossedByBoth(place)) return PAIRS_PER_HOP;
    if (isWhole) return 1;
    // Before n two that came whole show as much as three: that no loss begins there.
    return pdmArrivals === 0 && hop < lastPdmHop ? PAIRS_BEFORE_N : PAIRS_PER_HOP;
  };
}

/** A refusal is an answer too, but its packet did not cross. Where the arms met two names one pair does not tell whose they are. */
function crossedByBoth(place: Place): boolean {
  const { pairs, void: uncounted, both, lost } = place;
  return both > 0 && both === pairs - uncounted && lost === 0 && hasOneNameAtMost(place);
}

/** Packets with the option are missing somewhere, at the target, at hops that answer others of them, or refused; or changed. */
function losesOption({ state, hops, target, pdmArrivals, plainArrivals, lastPlainHop, lastPdmHop }: Case): boolean {
  if (state.signatures.some(({ quoted, stripped, altered }) => quoted && (stripped || altered))) return true;
  if (pdmArrivals === 0 && (plainArrivals > 0 || lastPlainHop > lastPdmHop)) return true;
  return (
    target.plainOnly > 0 ||
    hops.some((place) => place !== undefined && place.lost > 0 && place.treatedPassed + place.refused > 0)
  );
}

/** Something is wrong with packets with the option that may have begun before the joining hop. */
function mustLookItself({ state, hops, lastPdmHop, pdmRefusals, plainRefusals }: Case): boolean {
  if (state.restarts > 0 || pdmRefusals > 0 || plainRefusals > 0) return true;
  if (state.signatures.some(({ stripped, altered }) => stripped || altered)) return true;
  let lost = 0;
  let pdmOnly = 0;
  for (let hop = 1; hop <= lastPdmHop; hop += 1) {
    const place = hops[hop];
    if (place === undefined || place.pdmIntact === 0) continue;
    lost += place.plainOnly;
    pdmOnly += place.pdmOnly;
  }
  return mcnemarPValue(lost, pdmOnly) < MIXED_HOPS_P;
}

/** The lowest own hop that a known way leads to, such that all own hops below it are on that way too. */
function findJoin(trace: Case, from: number, others: NearHops): number | null {
  for (let hop = from; hop <= trace.lastPdmHop; hop += 1) {
    const place = trace.hops[hop];
    const [responder] = place?.plainResponders ?? [];
    if (place === undefined || responder === undefined || place.pdmIntact === 0) continue;
    if (responderOf(place) !== responder || !place.pdmResponders.includes(responder)) continue;
    const way = others.wayTo(responder, hop);
    if (way === null) continue;
    if (isOnWay(trace, from, hop, way)) return hop;
  }
  return null;
}

function isOnWay({ hops }: Case, from: number, to: number, way: readonly NearHop[]): boolean {
  for (let hop = from; hop < to; hop += 1) {
    const place = hops[hop];
    if (place === undefined || responderOf(place) !== way[hop - 1]?.responder) return false;
  }
  return true;
}

/** Waits for this hop to answer, or to answer in both arms where its way is known. */
function mayStillJoin({ hops }: Case, hop: number, others: NearHops, owed: (hop: number) => number): boolean {
  const place = hops[hop];
  if (place === undefined || place.pairs === 0) return true;
  const responder = responderOf(place);
  if (responder === null) return false;
  if (responder === '') return place.pairs === place.pending;
  if (others.wayTo(responder, hop) === null) return false;
  return place.pending > 0 || owesPairs(place, owed(hop));
}

/** Void pairs are made up for. Only those that exploring will send are waited for. */
export function owesPairs(place: Place, owed: number): boolean {
  return place.pairs - place.void < owed && place.pairs < Math.max(owed, 2 * PAIRS_PER_HOP);
}
