/**
 * Pairs, the only evidence of loss (METHOD: Pairs): the one iterator over probe rows and the one classifier. Pair k is rows
 * 2k and 2k + 1, in the order in which they were sent.
 */
import { MEANING } from '../reply/meaning.js';
import { isPlainArm } from '../reply/words.js';
import type { Meaning, Meanings } from '../reply/meaning.js';
import type { PairLook } from '../pace.js';
import type { Protocol } from '../../record/record.js';
import { ARM_CODE, TARGET_HOP_LIMIT, PURPOSE, signatureOf } from '../state/trace-state.js';
import type { ReplySignature, TraceState, Purpose } from '../state/trace-state.js';
import {
  GRACE_ARM_DIFFERENCES,
  GRACE_ROUND_TRIPS,
  LONGEST_GRACE_NS,
  LOOKS_LOST_NS,
  PART_RESTS_NS,
  ROUND_TRIPS_PER_WAIT,
  SERVICE_REST_NS,
  SHORTEST_GRACE_NS,
  SHORTEST_WAIT_NS,
} from '../numbers.js';

/** `void`: a packet of it never left. Counted nowhere. */
export const PAIR_CLASS = { both: 0, plainOnly: 1, pdmOnly: 2, neither: 3, void: 4 } as const;
/** One of `PAIR_CLASS` (METHOD: Pairs, Classes). */
export type PairClass = (typeof PAIR_CLASS)[keyof typeof PAIR_CLASS];

/** One pair as it stands now. The iterator hands out the same object again and again: keep nothing of it. */
export interface Pair {
  /** Row of the packet sent first. */
  first: number;
  purpose: Purpose;
  hopLimit: number;
  flow: number;
  /** Two packets of one arm. `plainRow` is then the one sent first. */
  isPlacebo: boolean;
  /** Of the treatment, or of both packets of a placebo. */
  arm: number;
  plainRow: number;
  treatedRow: number;
  plain: Meaning;
  treated: Meaning;
  /** When its last packet left, or was to leave. */
  lastSentNs: number;
  hasFailed: boolean;
  /** A packet of it has not left yet. */
  isLeaving: boolean;
}

/** Pairs of the target count only arrivals; at a hop whoever answers shows that the packet got there, refusals apart. */
export function classify(pair: Pair): PairClass {
  if (pair.hasFailed) return PAIR_CLASS.void;
  const atTarget = isAtTarget(pair);
  const plain = counts(pair.plain, atTarget);
  const treated = counts(pair.treated, atTarget);
  if (plain) return treated ? PAIR_CLASS.both : PAIR_CLASS.plainOnly;
  return treated ? PAIR_CLASS.pdmOnly : PAIR_CLASS.neither;
}

function counts(meaning: Meaning, atTarget: boolean): boolean {
  return meaning === MEANING.arrived || (!atTarget && meaning === MEANING.expired);
}

/** Sent with the hop limit that reaches the target, and not one that is to run out on the way. */
export function isAtTarget({ hopLimit }: Pair): boolean {
  return hopLimit === TARGET_HOP_LIMIT;
}

/** A packet of it may still be answered within `waitNs` of its sending. */
export function isAwaited(pair: Pair, nowNs: number, waitNs: number): boolean {
  if (pair.hasFailed) return false;
  const isSilent = pair.plain === MEANING.none || pair.treated === MEANING.none;
  return isSilent && (pair.isLeaving || pair.lastSentNs + waitNs > nowNs);
}

/** Walks over all pairs from row `from` on. */
export function forEachPair(state: TraceState, meanings: Meanings, from: number, visit: (pair: Pair) => void): void {
  const { probes } = state;
  const pair: Pair = {
    first: 0,
    purpose: PURPOSE.explore,
    hopLimit: 0,
    flow: 0,
    isPlacebo: false,
    arm: 0,
    plainRow: 0,
    treatedRow: 0,
    plain: MEANING.none,
    treated: MEANING.none,
    lastSentNs: 0,
    hasFailed: false,
    isLeaving: false,
  };
  for (let row = from; row + 1 < probes.count; row += 2) {
    const own = probes.arm(row);
    const other = probes.arm(row + 1);
    pair.first = row;
    pair.purpose = probes.purpose(row);
    pair.hopLimit = probes.hopLimit(row);
    pair.flow = probes.flow(row);
    pair.isPlacebo = own === other;
    const plainFirst = own === other || own === ARM_CODE.plain;
    pair.plainRow = plainFirst ? row : row + 1;
    pair.treatedRow = plainFirst ? row + 1 : row;
    pair.arm = plainFirst ? other : own;
    pair.plain = meanings.of(state, pair.plainRow);
    pair.treated = meanings.of(state, pair.treatedRow);
    pair.hasFailed = probes.isFailed(row) || probes.isFailed(row + 1);
    pair.isLeaving = !pair.hasFailed && !(probes.isSent(row) && probes.isSent(row + 1));
    pair.lastSentNs = Math.max(probes.sentAtNs(row), probes.sentAtNs(row + 1));
    visit(pair);
  }
}

/** Whether packets of each arm ever arrived. */
export interface HasArrived {
  readonly plain: boolean;
  readonly pdm: boolean;
}

/** METHOD: Pairs, Rhythm at a responder. Incomplete is a pair that lacks a packet of an arm that has ever arrived there. */
export function lookOf(
  pair: Pair,
  pairClass: PairClass,
  hasArrived: HasArrived,
  nowNs: number,
  lostAfterNs: number,
): PairLook {
  if (pairClass === PAIR_CLASS.both) return 'fine';
  if (isAwaited(pair, nowNs, lostAfterNs)) return 'awaited';
  if (!lacksExpected(pair, pairClass, hasArrived)) return 'fine';
  return pairClass === PAIR_CLASS.neither ? 'silent' : 'half';
}

function lacksExpected({ isPlacebo, arm }: Pair, pairClass: PairClass, hasArrived: HasArrived): boolean {
  if (isPlacebo) return isPlainArm(arm) ? hasArrived.plain : hasArrived.pdm;
  const lacksPlain = pairClass === PAIR_CLASS.pdmOnly || pairClass === PAIR_CLASS.neither;
  const lacksPdm = pairClass === PAIR_CLASS.plainOnly || pairClass === PAIR_CLASS.neither;
  return (hasArrived.plain && lacksPlain) || (hasArrived.pdm && lacksPdm);
}

/** What came back for a row, or null. */
export function replyTo(state: TraceState, row: number): ReplySignature | null {
  return signatureOf(state, row) ?? null;
}

/** How long a hop's answer is waited for: the timeout until the path is known, then by its own pace. Claims nothing. */
export function waitNs({ limits, pathKnown, largestRttNs }: TraceState): number {
  const timeoutNs = limits.timeoutMs * 1e6;
  if (!pathKnown) return timeoutNs;
  return Math.min(timeoutNs, Math.max(SHORTEST_WAIT_NS, ROUND_TRIPS_PER_WAIT * largestRttNs));
}

/** METHOD: Pairs. Until then a pair that lacks an answer is not counted. */
export function graceNs({ largestRttNs, largestArmDifferenceNs }: TraceState): number {
  const wanted = Math.max(
    SHORTEST_GRACE_NS,
    GRACE_ROUND_TRIPS * largestRttNs,
    GRACE_ARM_DIFFERENCES * largestArmDifferenceNs,
  );
  return Math.min(LONGEST_GRACE_NS, wanted);
}

/** From then on a pair that lacks an answer looks lost, for deciding whether to send more and what METHOD: Pairs lists besides. */
export function looksLostNs(state: TraceState): number {
  return Math.min(graceNs(state), Math.max(LOOKS_LOST_NS, GRACE_ROUND_TRIPS * state.largestRttNs));
}

/**
 * METHOD: Pairs. In the first count both packets leave at once, unless their answers could not be told apart. A service may
 * answer twice, or the network copy its answer: the second one must have come before the other packet leaves.
 */
export function restOf(
  { countIndex, serviceAnswers }: Pick<TraceState, 'countIndex' | 'serviceAnswers'>,
  protocol: Protocol,
): number | null {
  const restNs = PART_RESTS_NS[countIndex - 1] ?? (protocol === 'tcp' ? 0 : null);
  return protocol === 'udp' && serviceAnswers ? Math.max(restNs ?? 0, SERVICE_REST_NS) : restNs;
}

/** The longest that a pair whose packets do not leave at once takes, one of them unanswered; 0 for one whose packets do. */
export function partedNs(state: TraceState): number {
  const restNs = restOf(state, state.identity.protocol);
  return restNs === null ? 0 : 2 * restNs + waitNs(state);
}
