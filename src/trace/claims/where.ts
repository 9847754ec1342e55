/** METHOD: where. (n, u] in hop limits. */
import type { Case } from '../case.js';
import { flowsToSeeAll, isDependable } from '../evidence/e-values.js';
import { isSilent, losesMore } from '../evidence/place.js';
import type { Place } from '../evidence/place.js';
import {
  ANSWERED_FLOWS_SHARE,
  DISTANCE_REPEATS,
  INTERVAL_MARGIN,
  INTERVAL_PAIRS,
  INTERVAL_PAIR_CAP,
  LIKELY_PAIRS,
  LIKELY_PAIR_CAP,
  PAIRS_PER_HOP,
} from '../numbers.js';
import { PURPOSE, TARGET_HOP_LIMIT } from '../state/trace-state.js';
import { RANK, targetBudget, wishAtHop } from '../wish.js';
import type { PairWish } from '../wish.js';
import { divergenceOf } from '../evidence/divergence.js';

/** (after, upTo] in hop limits (METHOD: where), and the pairs that would make it smaller. */
export interface Where {
  readonly interval: { readonly after: number; readonly upTo: number; readonly likelyUpTo: number };
  readonly wants: readonly PairWish[];
  /** Nothing that was asked for is awaited any more. */
  readonly settled: boolean;
}

interface Wishes {
  readonly wants: readonly PairWish[];
  readonly settled: boolean;
}
const NOTHING: Wishes = { wants: [], settled: true };

/** Where packets with the option are lost: after the last hop where no loss is seen, at u at the latest. */
export function locate(trace: Case): Where {
  const begin = beginOf(trace);
  const upTo = upToOf(trace);
  const beyond = beyondWishes(trace, upTo);
  const end = upTo === trace.distance.plain ? endWishes(trace, upTo) : NOTHING;
  return {
    interval: { after: isOnAnotherWay(trace) ? 0 : begin.after, upTo, likelyUpTo: likelyUpTo(trace, upTo) },
    wants: [...begin.wants, ...beyond.wants, ...end.wants],
    settled: begin.settled && beyond.settled && end.settled,
  };
}

/**
 * Hops are asked on one flow. Where the target answers some flows only, and that one at no hop limit, what answers may stand on
 * a way of its own: hops of another way say nothing of where its packets are lost.
 */
function isOnAnotherWay({ distance, counts }: Case): boolean {
  const { plainArrived, pairs } = counts.looks;
  return distance.plain === null && plainArrived > 0 && plainArrived < ANSWERED_FLOWS_SHARE * pairs;
}

/**
 * METHOD: Exploring, 3. The highest hop ≤ n with five pairs answered in both arms and hardly one that lost the option's
 * packet, asked from n downwards: one lucky packet at n must not hide a loss before it.
 */
function beginOf(trace: Case): { after: number; wants: readonly PairWish[]; settled: boolean } {
  const { hops, state, lastPdmHop } = trace;
  for (let hop = lastPdmHop; hop >= 1; hop -= 1) {
    const place = hops[hop];
    if (place === undefined || place.pdmIntact === 0) continue;
    if (losesMore(place, INTERVAL_MARGIN)) continue;
    // A router that limits its errors answers one packet of a pair, and either as often as the other.
    const seen = place.both + place.pdmOnly;
    if (seen >= INTERVAL_PAIRS) return { after: hop, wants: [], settled: true };
    if (place.pairs >= INTERVAL_PAIR_CAP) continue;
    const isOut = seen + place.pending >= INTERVAL_PAIRS;
    const wants = isOut ? [] : [wishAtHop(state, place, PURPOSE.explore, hop, 0, RANK.where)];
    return { after: hop, wants, settled: false };
  }
  return { after: 0, wants: [], settled: true };
}

/**
 * The target may have moved meanwhile (anycast): plain packets are sent once more as far as it was met. Where a router answers
 * them now, its distance is not known, and the interval ends at the target wherever it is.
 */
function endWishes(trace: Case, distance: number): Wishes {
  const { distanceRepeat } = trace;
  if (distanceRepeat.plainAnswered > 0 || distanceRepeat.pairs - distanceRepeat.pending >= DISTANCE_REPEATS)
    return NOTHING;
  return { wants: distanceRepeat.pending > 0 ? [] : [wishAtDistance(trace, distance)], settled: false };
}

/** A pair on the trace's own flow as far as the target was met. */
export function wishAtDistance({ state, hops }: Case, distance: number): PairWish {
  const wish = wishAtHop(state, hops[distance], PURPOSE.distance, distance, 0, RANK.where);
  const notBeforeNs = Math.max(wish.notBeforeNs, state.pace.readyAtNs());
  const responder = targetBudget(state, state.identity.protocol);
  return { ...wish, notBeforeNs, reachesTarget: true, draws: null, responder };
}

/** The smallest hop beyond n that is a dependable reporter and lost packets; else the target's distance. */
function upToOf(trace: Case): number {
  const { hops, lastPdmHop: n, distance, highestHop } = trace;
  if (divergenceOf(trace) !== null || isRefusedElsewhere(trace)) return TARGET_HOP_LIMIT;
  const end = distance.plain !== null && distance.plain > n ? distance.plain : TARGET_HOP_LIMIT;
  for (let hop = n + 1; hop < end && hop <= highestHop; hop += 1) {
    if (isReporterOfLoss(trace, hop, hops[hop])) return hop;
  }
  return end;
}

/**
 * Refused on other flows, and on the one that is followed lost without a word as far as plain packets of it arrive: the
 * option's way may be a longer one, on which nobody says where its packets run out, and the refuser stands behind that.
 */
function isRefusedElsewhere({ refusedPairs }: Case): boolean {
  return refusedPairs.pdm > 0 && refusedPairs.refusedOnOwnWay === 0 && refusedPairs.lostOnOwnWay > 0;
}

/** A place that is known, in this run, to quote packets with the option, and did not quote those lost there. */
export function isReporterOfLoss(trace: Case, hop: number, place: Place | undefined): boolean {
  if (place === undefined || place.lost === 0 || place.treatedPassed > 0 || place.refused > 0) return false;
  const addresses = place.plainResponderOnAnyFlow;
  return addresses.length > 0 && addresses.every((address) => isDependableAt(trace, hop, address, place));
}

function isDependableAt({ context, state, nameless }: Case, hop: number, address: string, place: Place): boolean {
  const habit = context.habitOf(hop, address);
  if (habit === null || nameless.has(address)) return false;
  // Which member of a bundle the option takes may depend on addresses alone: then each target's packets are one draw.
  if (habit.isSilentToSome || habit.targets < flowsToSeeAll(state.limits.confidence, 1)) return false;
  // A router may stop reporting in the middle of a run: it must be seen to report before and after.
  if (habit.firstNs >= place.firstLostNs || habit.lastNs <= place.lastLostNs) return false;
  return isDependable(state.limits.confidence, habit.passed, habit.reported, place.lost);
}

/**
 * METHOD: dropped, one broken way among several. Packets with the option to another target passed from place n to the router at u:
 * what takes those to this one may be a member of a bundle that is chosen by addresses. At the target itself nobody can tell.
 */
export function isPassedByOthers({ hops, context, lastPdmHop: n }: Case, upTo: number): boolean {
  const before = hops[n]?.pdmResponders ?? [];
  const beyond = hops[upTo]?.plainResponderOnAnyFlow ?? [];
  return before.some((one) =>
    beyond.some((other) => context.haveOthersPassed({ hop: n, address: one }, { hop: upTo, address: other })),
  );
}

function likelyUpTo({ hops, lastPdmHop: n }: Case, upTo: number): number {
  for (let hop = n + 1; hop < upTo; hop += 1) {
    const place = hops[hop];
    if (place !== undefined && place.lost >= LIKELY_PAIRS && place.treatedPassed === 0) return hop;
  }
  return upTo;
}

/** METHOD: Exploring, 4. Fresh flows at the next hop that answers: seven lost pairs there, and all of its members seen. */
function beyondWishes(trace: Case, upTo: number): Wishes {
  const { state, hops, lastPdmHop: n, highestHop } = trace;
  for (let hop = n + 1; hop < upTo && hop <= highestHop; hop += 1) {
    const place = hops[hop];
    if (place === undefined || isSilent(place) || place.plainResponderOnAnyFlow.length === 0) continue;
    const members = place.plainResponderOnAnyFlow.length;
    const flows = hop === n + 1 ? flowsToSeeAll(state.limits.confidence, members) : 0;
    const lacks = place.flowsSinceNew < flows || (place.lost < LIKELY_PAIRS && place.treatedPassed === 0);
    const cap = Math.max(LIKELY_PAIR_CAP, PAIRS_PER_HOP + 2 * flows);
    if (!lacks || place.pairs >= cap) return { wants: [], settled: true };
    const isOut =
      place.flowsSinceNew + place.pending >= flows && place.lost + place.pending >= Math.min(LIKELY_PAIRS, cap);
    return { wants: isOut ? [] : [wishAtHop(state, place, PURPOSE.beyond, hop, 'fresh', RANK.where)], settled: false };
  }
  return { wants: [], settled: true };
}
