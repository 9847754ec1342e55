/** Pairs of one place, a hop limit or the target, counted by what came back. */
import { MEANING } from '../reply/meaning.js';
import { isExpired } from '../reply/words.js';
import { ARM_CODE } from '../state/trace-state.js';
import type { TraceState } from '../state/trace-state.js';
import { classify, isAwaited, PAIR_CLASS, replyTo } from './pair.js';
import type { Pair } from './pair.js';

/** Counts of the treated pairs at one place; placebos are none of them. Times are nanoseconds of the engine's clock. */
export interface Place {
  /** Pairs sent or given up, whatever came back. */
  pairs: number;
  /** Pairs that may still be answered in time. */
  pending: number;
  both: number;
  plainOnly: number;
  pdmOnly: number;
  neither: number;
  void: number;
  /** Pairs in which `plain` passed and the other packet was silent or refused, none of them pending. */
  lost: number;
  /** Of `lost`, those in which the other packet was refused. */
  refused: number;
  /** Of `lost`, those whose lost packet left first: a limit that answers one of two would have answered it. */
  lostLeading: number;
  /** When the first and the last of `lost` were sent. */
  firstLostNs: number;
  lastLostNs: number;
  /** Probes of `plain`, no longer awaited, that were answered. */
  plainAnswered: number;
  /** Pairs in a row, the last ones, in which `plain` drew nothing. */
  plainSilentRow: number;
  lastSentNs: number;
  /** Of the trace's own flow, sources of Time Exceeded. */
  plainResponders: readonly string[];
  pdmResponders: readonly string[];
  /** Sources of Time Exceeded to `plain`, any flow. */
  plainResponderOnAnyFlow: readonly string[];
  /** Flows on which `plain` was answered since one showed a new source. */
  flowsSinceNew: number;
  /** Packets with the option that a Time Exceeded quotes intact. */
  pdmIntact: number;
  /** When the first and the last of them were sent. */
  firstIntactNs: number;
  lastIntactNs: number;
  /** Packets of the treatment that arrived, or ran out of hop limit further on. */
  treatedPassed: number;
  /** … and those about which something else was said: neither of these, nor a refusal. */
  treatedOtherwise: number;
}

/** Shared by all that have none: a case is made in each step, and most lists of it hold one name or none. */
const NOBODY: readonly string[] = [];

/** No pair yet: first times are ∞ and last ones −∞, so that each comparison with them comes out right. */
export function emptyPlace(): Place {
  return {
    pairs: 0,
    pending: 0,
    both: 0,
    plainOnly: 0,
    pdmOnly: 0,
    neither: 0,
    void: 0,
    lost: 0,
    refused: 0,
    lostLeading: 0,
    firstLostNs: Number.POSITIVE_INFINITY,
    lastLostNs: Number.NEGATIVE_INFINITY,
    plainAnswered: 0,
    plainSilentRow: 0,
    lastSentNs: Number.NEGATIVE_INFINITY,
    plainResponders: NOBODY,
    pdmResponders: NOBODY,
    plainResponderOnAnyFlow: NOBODY,
    flowsSinceNew: 0,
    pdmIntact: 0,
    firstIntactNs: Number.POSITIVE_INFINITY,
    lastIntactNs: Number.NEGATIVE_INFINITY,
    treatedPassed: 0,
    treatedOtherwise: 0,
  };
}

/** Takes in one treated pair. */
export function addToPlace(place: Place, state: TraceState, pair: Pair, nowNs: number, waitNs: number): void {
  place.pairs += 1;
  if (pair.lastSentNs > place.lastSentNs) place.lastSentNs = pair.lastSentNs;
  const plainPassed = pair.plain === MEANING.expired || pair.plain === MEANING.arrived;
  const treatedPassed = pair.treated === MEANING.expired || pair.treated === MEANING.arrived;
  if (pair.plain === MEANING.expired) notePlainResponder(place, state, pair);
  if (pair.treated === MEANING.expired) {
    const reply = replyTo(state, pair.treatedRow);
    if (reply !== null) {
      if (pair.flow === 0 && pair.arm === ARM_CODE.pdm) {
        place.pdmResponders = withName(place.pdmResponders, reply.responder);
      }
      if (reply.intact === true && !reply.partial && isExpired(reply)) noteIntact(place, pair);
    }
  }
  if (treatedPassed) place.treatedPassed += 1;
  if (pair.treated === MEANING.other) place.treatedOtherwise += 1;
  if (pair.hasFailed) {
    place.void += 1;
    return;
  }
  if (pair.plain !== MEANING.none) {
    place.plainAnswered += 1;
    place.plainSilentRow = 0;
  } else if (!isAwaited(pair, nowNs, waitNs)) place.plainSilentRow += 1;
  const pairClass = classify(pair);
  if (pairClass !== PAIR_CLASS.both && isAwaited(pair, nowNs, waitNs)) {
    place.pending += 1;
    return;
  }
  if (pairClass === PAIR_CLASS.both) place.both += 1;
  else if (pairClass === PAIR_CLASS.plainOnly) place.plainOnly += 1;
  else if (pairClass === PAIR_CLASS.pdmOnly) place.pdmOnly += 1;
  else place.neither += 1;
  if (plainPassed && (pair.treated === MEANING.none || pair.treated === MEANING.refused)) {
    place.lost += 1;
    if (pair.treated === MEANING.refused) place.refused += 1;
    if (pair.treatedRow === pair.first) place.lostLeading += 1;
    if (pair.lastSentNs < place.firstLostNs) place.firstLostNs = pair.lastSentNs;
    if (pair.lastSentNs > place.lastLostNs) place.lastLostNs = pair.lastSentNs;
  }
}

function noteIntact(place: Place, { lastSentNs }: Pair): void {
  place.pdmIntact += 1;
  if (lastSentNs < place.firstIntactNs) place.firstIntactNs = lastSentNs;
  if (lastSentNs > place.lastIntactNs) place.lastIntactNs = lastSentNs;
}

function notePlainResponder(place: Place, state: TraceState, pair: Pair): void {
  const reply = replyTo(state, pair.plainRow);
  if (reply === null) return;
  if (pair.flow === 0) place.plainResponders = withName(place.plainResponders, reply.responder);
  if (place.plainResponderOnAnyFlow.includes(reply.responder)) {
    if (pair.flow !== 0) place.flowsSinceNew += 1;
    return;
  }
  place.plainResponderOnAnyFlow = withName(place.plainResponderOnAnyFlow, reply.responder);
  place.flowsSinceNew = 1;
}

function withName(names: readonly string[], name: string): readonly string[] {
  if (names.length === 0) return [name];
  return names.includes(name) ? names : [...names, name];
}

/** Nobody has answered there, neither arm. */
export function isSilent(place: Place | undefined): boolean {
  if (place === undefined) return true;
  return (
    place.both + place.plainOnly + place.pdmOnly === 0 && place.plainAnswered === 0 && place.pdmResponders.length === 0
  );
}

/** More pairs there lost the option's packet alone than the other one alone, by more than `margin`. */
export function losesMore({ plainOnly, pdmOnly }: Place, margin = 0): boolean {
  return plainOnly > pdmOnly + margin;
}

/** The highest hop up to `last` at and before which no place is lossy. */
export function hopBeforeFirst(
  hops: readonly (Place | undefined)[],
  last: number,
  isLossy: (place: Place) => boolean,
): number {
  for (let hop = 1; hop <= last; hop += 1) {
    const place = hops[hop];
    if (place !== undefined && isLossy(place)) return hop - 1;
  }
  return last;
}

/** Who answers at a hop: the one address, empty for nobody, null where there are several or something else came back. */
export function responderOf(place: Place): string | null {
  const { plainResponders, pdmResponders } = place;
  const responder = plainResponders[0] ?? pdmResponders[0];
  if (responder === undefined) {
    return place.plainAnswered + place.treatedPassed + place.refused + place.pdmOnly === 0 ? '' : null;
  }
  return isNoOther(plainResponders, responder) && isNoOther(pdmResponders, responder) ? responder : null;
}

/** Nobody but this address is named. */
function isNoOther(names: readonly string[], address: string): boolean {
  return names.length === 0 || (names.length === 1 && names[0] === address);
}

/** One address answered both arms, or one of them; or nobody. */
export function hasOneNameAtMost({ plainResponders, pdmResponders }: Place): boolean {
  const name = plainResponders[0] ?? pdmResponders[0];
  return name === undefined || (isNoOther(plainResponders, name) && isNoOther(pdmResponders, name));
}
