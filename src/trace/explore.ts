/** Which hops still lack pairs (METHOD: Exploring). Nothing here decides. */
import type { Case } from './case.js';
import type { Place } from './evidence/place.js';
import { isSilent } from './evidence/place.js';
import { nearHopsAreSettled, owesPairs, pairsOwed } from './near-hops.js';
import { ALONE_NS, HOPS_BEYOND_TARGET, WINDOW } from './numbers.js';
import { isTooBigForAll } from './reply/too-big.js';
import { PURPOSE, TARGET_HOP_LIMIT, hopRank } from './state/trace-state.js';
import type { TraceState } from './state/trace-state.js';
import { RANK, targetBudget, wishAtHop } from './wish.js';
import type { Exploration, PairWish } from './wish.js';

/** The first packets, all plain: one or two at the target (of SYNs two), the second only where the first is not answered soon, and two at hop 1 unless others look there. */
export function aloneWishes({ state, alone, context }: Case): PairWish[] {
  const { protocol } = state.identity;
  const atHop1 = protocol !== 'tcp' && context.nearHops === null;
  const wanted = atHop1 ? 2 : 1;
  if (alone.pairs >= wanted) return [];
  const wish = wishAtHop(state, undefined, PURPOSE.alone, alone.pairs === 0 ? TARGET_HOP_LIMIT : 1, 0, RANK.alone);
  const isTarget = alone.pairs === 0;
  return [
    {
      ...wish,
      treatment: 'plain',
      isSpare: isTarget && protocol !== 'tcp',
      flow: isTarget ? 'fresh' : 0,
      ...(isTarget ? { responder: targetBudget(state, protocol), draws: null } : { responder: null }),
    },
  ];
}

/** The first packets were answered, or waited for long enough: options may be sent. */
export function isAloneOver({ alone, nowNs, state }: Case): boolean {
  if (alone.pairs === 0) return false;
  return alone.done === alone.pairs || alone.targetAnswered || nowNs >= state.probes.sentAtNs(0) + ALONE_NS;
}

function explorationOf(trace: Case): Exploration {
  return (trace.exploration ??= explore(trace));
}

function explore(trace: Case): Exploration {
  const { state, hops, context } = trace;
  const owed = pairsOwed(trace, context.nearHops);
  const end = openUpTo(trace, owed);
  const wishes = wishesUpTo(trace, end, owed);
  const isRoundOver = nearHopsAreSettled(state) && isRoundOverUpTo(trace, end);
  const isOver =
    isRoundOver && wishes.length === 0 && hops.every((place) => place === undefined || place.pending === 0);
  return { wishes, firstRoundIsOver: isRoundOver, isOver };
}

/**
 * One pair for each hop of the open windows that is still owed some; none while it is open which near hops others share.
 */
export function explorationWishes(trace: Case): readonly PairWish[] {
  return explorationOf(trace).wishes;
}

/** Every hop that is to be explored was heard or given up once. */
export function firstRoundIsOver(trace: Case): boolean {
  return explorationOf(trace).firstRoundIsOver;
}

/** Nothing more is owed to any hop, and nothing is awaited from one. */
export function isExplored(trace: Case): boolean {
  return explorationOf(trace).isOver;
}

function wishesUpTo(trace: Case, end: number, owed: (hop: number) => number): PairWish[] {
  const { state, hops } = trace;
  if (state.near.from === 0) return [];
  const wishes: PairWish[] = [];
  for (let hop = state.near.from; hop <= end; hop += 1) {
    const place = hops[hop];
    const pairs = place === undefined ? 0 : place.pairs - place.void;
    if (place !== undefined && !owesPairs(place, owed(hop))) continue;
    const isPaced = mayReachTarget(trace, hop);
    // What shares the target's budget would come behind all of its pairs: where and why wait for the first round.
    const isFirst = pairs === 0 && (state.identity.protocol === 'tcp' || isPaced);
    const rank = isFirst ? RANK.nextStep : RANK.explore + pairs * TARGET_HOP_LIMIT + hopRank(state, hop);
    const wish = wishAtHop(state, place, PURPOSE.explore, hop, 0, rank);
    wishes.push(isPaced ? paced(state, wish) : wish);
  }
  return wishes;
}

/** No nearer than where the target was met, or where its own quote says that it is. */
function mayReachTarget({ distance, distanceHint, lastPlainHop }: Case, hop: number): boolean {
  const from = distance.plain ?? distanceHint;
  return from !== null && from > lastPlainHop && hop >= from;
}

/** A target that limits its errors answers these in place of the pairs that are counted. */
function paced(state: TraceState, wish: PairWish): PairWish {
  if (state.identity.protocol !== 'udp') return wish;
  return { ...wish, notBeforeNs: Math.max(wish.notBeforeNs, state.pace.readyAtNs()), reachesTarget: true, draws: null };
}

function isRoundOverUpTo({ state, hops }: Case, end: number): boolean {
  for (let hop = state.near.from; hop <= end; hop += 1) {
    const place = hops[hop];
    if (place === undefined || !isHeardOrGivenUp(place)) return false;
  }
  return true;
}

/** The highest hop limit worth exploring as far as is known. */
function explorationLimit(trace: Case): number {
  const { state, distance, distanceHint, lastPdmHop, lastPlainHop, plainArrivals } = trace;
  const { maxHops } = state.limits;
  const { plain, pdm } = distance;
  if (plain === null) {
    // Beyond a link that is too small for both arms there is nothing to see.
    if (isTooBigForAll(state)) return Math.min(maxHops, lastPlainHop + WINDOW);
    // Its own quote says how far the target is, and no router was met so far out: who limits its errors is asked there again,
    // not beyond.
    if (distanceHint !== null && plainArrivals > 0 && distanceHint > Math.max(lastPlainHop, lastPdmHop)) {
      return Math.min(maxHops, distanceHint);
    }
    // Another trace met the target: with a silent one there is no need to look for it far beyond. One that answers is
    // looked for until it is found, since what the other trace was told of its distance may be wrong.
    const { distanceOfOthers } = state.near;
    if (distanceOfOthers === null || plainArrivals > 0) return maxHops;
    const farthest = Math.max(distanceOfOthers, lastPlainHop, lastPdmHop);
    return Math.min(maxHops, farthest + HOPS_BEYOND_TARGET);
  }
  // Packets with the option may take a longer way: follow them until they arrive or fall silent.
  if (lastPdmHop >= plain && pdm === null) return Math.min(maxHops, lastPdmHop + WINDOW);
  if (pdm !== null) return Math.min(maxHops, Math.max(plain, pdm));
  return Math.min(maxHops, plain);
}

/**
 * The last hop of the windows that are open. A window opens when each hop of the one before was heard or given up once, and
 * ends where the gap limit would be reached.
 */
function openUpTo(trace: Case, owed: (hop: number) => number): number {
  const { state, hops } = trace;
  const { from, distanceHint } = state.near;
  const limit = Math.max(from, explorationLimit(trace));
  // SYNs that may reach the target are dear: each hop is settled before the next one is tried.
  const window = state.identity.protocol === 'tcp' ? 1 : WINDOW;
  const { gapLimit } = state.limits;
  let lastHeard = from - 1;
  let hop = from;
  for (let end = from - 1 + window; ; end += window) {
    // The target's own quote says how far it is: look there before looking beyond.
    const hinted =
      distanceHint !== null &&
      distanceHint >= from &&
      distanceHint <= end &&
      !isSettled(hops[distanceHint], owed(distanceHint));
    const bound = Math.min(limit, lastHeard + gapLimit, hinted ? distanceHint : end);
    for (; hop <= bound; hop += 1) {
      const place = hops[hop];
      if (place === undefined || !isHeardOrGivenUp(place)) return bound;
      if (!isSilent(place)) lastHeard = hop;
    }
    if (hinted || bound === limit || bound - lastHeard >= gapLimit) return bound;
  }
}

function isSettled(place: Place | undefined, owed: number): boolean {
  return place !== undefined && !owesPairs(place, owed) && place.pending === 0;
}

function isHeardOrGivenUp(place: Place): boolean {
  return place.pairs > place.pending || place.plainAnswered > 0 || place.pdmResponders.length > 0;
}
