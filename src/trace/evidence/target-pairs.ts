/** What several claims ask of the pairs at the target, and the wish for one more of them. */
import type { Case } from '../case.js';
import {
  ACCUSATION_PROBE_CAP,
  LEAST_PLACEBOS,
  LOST_TO_ACCUSE,
  PAIRS_TO_FORESEE,
  PAIRS_TO_LOOK_LOST,
  PLACEBO_EVERY,
  PROBE_CAP,
  SILENT_TARGET_PAIRS,
  TARGET_PAIR_CAP,
} from '../numbers.js';
import type { Reason } from '../reason.js';
import { PURPOSE } from '../state/trace-state.js';
import type { TraceState } from '../state/trace-state.js';
import { RANK, wishAtTarget } from '../wish.js';
import type { PairWish } from '../wish.js';
import { withAndWithout } from '../with-and-without.js';
import { confidenceOf } from './e-values.js';
import { restOf } from './pair.js';
import type { Direction, Ledger } from './ledger.js';

/** One more pair at the target, on a fresh flow; none beyond the cap, nor where no bar would be reached by then. */
export function targetWishes(trace: Case): readonly PairWish[] {
  const { state, counts, context, nowNs } = trace;
  if (counts.pairs >= TARGET_PAIR_CAP || isHopeless(trace)) return [];
  const { protocol } = state.identity;
  // In lists the rate of all traces is what takes the time.
  const test = context.nearHops === null && state.pace.wantsTest(nowNs) ? [paceTest(state)] : [];
  const wish = wishAtTarget(state, PURPOSE.target, protocol, RANK.target);
  return [...test, { ...wish, notBeforeNs: state.pace.readyAtNs(), restNs: restOf(state, protocol) }];
}

/** Two plain packets beyond the target's budget. */
function paceTest(state: TraceState): PairWish {
  const wish = wishAtTarget(state, PURPOSE.pace, state.identity.protocol, RANK.alone);
  return { ...wish, treatment: 'plain', spacingMs: 0, responder: null };
}

/** Loss of one arm's packets is shown at the target, by pairs that left their grace. */
export function isLossShown(trace: Case, worse: Direction = 'pdm'): boolean {
  return showsLoss(trace, trace.counts.counted, worse);
}

function showsLoss(trace: Case, ledger: Ledger, worse: Direction): boolean {
  const { state } = trace;
  return ledger.showsLoss(worse, state.limits.confidence, noneArrived(trace, worse), state.countIndex);
}

/**
 * It would be shown if those on their way end as is expected: no more are needed until that is known. Where nothing is missing yet
 * no more are on their way than would show it if all of them were lost.
 */
export function mayShowLoss(trace: Case, worse: Direction = 'pdm'): boolean {
  const { counts, state } = trace;
  if (showsLoss(trace, counts.hoped, worse)) return true;
  return (
    !counts.looks.started && counts.awaited >= counts.looks.pairsToShowLoss(state.limits.confidence, state.countIndex)
  );
}

/** In the whole trace, counts that were given up included: arrivals stay facts of it (METHOD: Pairs, Loss shown). */
export function noneArrived({ pdmArrivals, plainArrivals }: Case, arm: Direction): boolean {
  return arm === 'pdm' ? pdmArrivals === 0 : plainArrivals === 0;
}

/** Of the loss shown. */
export function confidenceOfLoss(trace: Case, worse: Direction = 'pdm'): number {
  const { counted } = trace.counts;
  const e = counted.lossE(worse, noneArrived(trace, worse)) / trace.state.countIndex;
  return confidenceOf(e);
}

/** "7 of 11 pairs, 3 of 5 placebos", as far as the pairs look now. */
export function lossProgress(trace: Case, worse: Direction = 'pdm'): string {
  const { looks } = trace.counts;
  const needed = looks.pairsToShowLoss(trace.state.limits.confidence, trace.state.countIndex);
  const lost = worse === 'pdm' ? looks.plainOnly : looks.pdmOnly;
  // So many are enough where no packet of the worse arm arrives: else it takes more, nobody knows how many.
  const pairs = lost < needed ? `${lost} of ${needed} pairs` : `${lost} pairs`;
  return `${pairs}, ${Math.min(looks.placebos, LEAST_PLACEBOS)} of ${LEAST_PLACEBOS} placebos`;
}

/** Packets with the option look lost: worth asking where, why and by which way back, before it is shown. */
export function looksLost(trace: Case): boolean {
  return trace.pdmArrivals === 0 && trace.counts.looks.plainOnly >= PAIRS_TO_LOOK_LOST;
}

/** METHOD: doubt. Probes that a trace may send: more where something may be accused. */
export function probeCap({ counts, pdmRefusals }: Case): number {
  const { plainOnly, pdmOnly } = counts.looks;
  const isAccusing = Math.max(plainOnly, pdmOnly) >= LOST_TO_ACCUSE || pdmRefusals > 0;
  return isAccusing ? ACCUSATION_PROBE_CAP : PROBE_CAP;
}

/** All that `plain` draws there quotes nothing: no filter on quoted options can hide an answer to the option. */
export function answersUnquoted({ plainUnquoted, looks }: Case['counts']): boolean {
  return plainUnquoted > 0 && plainUnquoted === looks.plainArrived;
}

/** Ten plain packets drew nothing from the target. */
export function isTargetSilent({ counts, plainArrivals }: Case): boolean {
  return plainArrivals === 0 && counts.counted.pairs >= SILENT_TARGET_PAIRS;
}

/** "3 of 24 with, 23 of 24 without". */
export function ratesText({ counts }: Case): string {
  const { pairs, pdmArrived, plainArrived } = counts.counted;
  return withAndWithout(pdmArrived, plainArrived, pairs);
}

/** METHOD: dropped, a proxy. What answers from nearer than routers are met is not the target; null where nothing shows that. */
export function findTooNear(trace: Case, isAccusing = true): Reason | null {
  const { context, distance, meanings, state } = trace;
  if (distance.plain === null) return null;
  const met = Math.max(context.routerSeenByOthers(), meanings.routerAt);
  const counted = routerFromShared(trace, distance.plain);
  const routerBeyond = Math.max(met, counted);
  // At the target's own distance a router may stand where other packets take another way: no bar to what accuses nobody, nor
  // to datagrams, which fewer boxes answer.
  const isAtOnce = isAccusing && state.identity.protocol !== 'udp';
  if (isAtOnce ? routerBeyond < distance.plain : routerBeyond <= distance.plain) return null;
  return {
    says: `Something answers in the target's name from hop ${distance.plain}, but a router on the way ${met >= counted ? 'was met' : "stands, counted from one that another trace's way shares,"} at hop ${routerBeyond}: too near to be the target, so its answers are not counted.`,
    settledBy: 'other-protocol',
  };
}

/**
 * METHOD: dropped, a proxy. The farthest hop of a router that others met, counted from a router of this trace's own way: where they
 * came to that by fewer hops, what they met behind it is farther away than their own hop limits say. 0 where there is none.
 */
function routerFromShared({ context, hops }: Case, distance: number): number {
  let farthest = 0;
  for (const { met, routerAt } of context.waysOfOthers()) {
    for (let hop = 1; hop < distance; hop += 1) {
      for (const address of hops[hop]?.plainResponders ?? NOBODY) {
        // Where it was met twice, behind the farther place.
        const at = met.lastIndexOf(address, routerAt);
        if (at >= 0 && at < routerAt) farthest = Math.max(farthest, hop + routerAt - at);
      }
    }
  }
  return farthest;
}

const NOBODY: readonly string[] = [];

/** METHOD: Pairs. No bar will be reached: the pairs that the cap allows are spent, or would not do. */
export function isUndecidable(trace: Case): boolean {
  const { counts } = trace;
  return counts.pending === 0 && (counts.pairs >= TARGET_PAIR_CAP || isHopeless(trace));
}

/** So it looks, with those in grace as they look. */
function isHopeless(trace: Case): boolean {
  const { counts, state } = trace;
  if (counts.looks.pairs < PAIRS_TO_FORESEE) return false;
  const more = ((TARGET_PAIR_CAP - counts.pairs) * (PLACEBO_EVERY - 1)) / PLACEBO_EVERY;
  const none = { pdm: noneArrived(trace, 'pdm'), plain: noneArrived(trace, 'plain') };
  return !counts.looks.mayStillShow(more, state.limits.confidence, none, state.countIndex);
}

/** What is said at the cap where neither bar was reached. */
export function undecided(trace: Case): Reason {
  return {
    says: `Neither a loss of packets with the option nor its absence is shown: ${ratesText(trace)}.`,
    settledBy: 'retrace',
  };
}
