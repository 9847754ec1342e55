/**
 * The case: all that claims read, made once a step from the probes of the trace. Counts only; what they show is the claims'
 * business.
 */
import { emptyPlace, addToPlace } from './evidence/place.js';
import type { Place } from './evidence/place.js';
import { countPairs, noteWitnessAnswer } from './evidence/counts.js';
import type { AllCounts, Counts, WitnessAnswers } from './evidence/counts.js';
import { classify, forEachPair, graceNs, isAwaited, PAIR_CLASS, replyTo, waitNs } from './evidence/pair.js';
import type { Pair } from './evidence/pair.js';
import { namelessAddresses } from './evidence/nameless.js';
import { MEANING, meaningsOf } from './reply/meaning.js';
import { isPlainArm, isTerminalKind } from './reply/words.js';
import type { Meanings } from './reply/meaning.js';
import { countRefusedPair, noteRefuser } from './evidence/refusals.js';
import type { RefusedPairs, Refuser } from './evidence/refusals.js';
import type { Protocol } from '../record/record.js';
import type { TraceContext } from './trace-context.js';
import { ARM_CODE, isExplaining, PURPOSE, TARGET_HOP_LIMIT, witnessOf } from './state/trace-state.js';
import type { ReplySignature, TraceState, WitnessProtocol } from './state/trace-state.js';
import type { Exploration } from './wish.js';

/** What is known at one moment: made anew in each step, not to be kept. Times are nanoseconds of the engine's clock. */
export interface Case {
  readonly state: TraceState;
  readonly context: TraceContext;
  readonly nowNs: number;
  readonly meanings: Meanings;
  /** Index is the hop limit; [0] is unused. */
  readonly hops: readonly (Place | undefined)[];
  /** Treated pairs at the target, as a place: for exploring and for the record. */
  readonly target: Place;
  readonly counts: Counts;
  /** Echo pairs, and pairs of SYNs, of a UDP trace to the same target. */
  readonly witness: AllCounts['witness'];
  readonly cameFrom: AllCounts['cameFrom'];
  /** Treated pairs at the target of counts and attempts before these, in which one packet alone was answered. */
  readonly givenUp: { plainOnly: number; pdmOnly: number };
  readonly witnessAnswers: Readonly<Record<WitnessProtocol, WitnessAnswers>>;
  /** Repeats at n (METHOD: same path); they count at the hop as well. */
  readonly repeat: Place;
  /** Pairs sent again at what is now the target's distance; they count at the hop as well. */
  readonly distanceRepeat: Place;
  /** Pairs with explaining arms, by arm: own ones, and those of other protocols that ask in their place or beside them. */
  readonly explain: Readonly<Partial<Record<Protocol, ReadonlyMap<number, Place>>>>;
  /** Pairs with another option at hops beyond n, by hop. */
  readonly otherOptions: ReadonlyMap<number, Place>;
  /** Pairs to routers themselves, by flow. */
  readonly references: ReadonlyMap<number, Place>;
  /** The first packets, all plain: pairs, and those of them that are settled or answered. */
  readonly alone: { pairs: number; done: number; targetAnswered: boolean };
  /** n: the highest hop whose Time Exceeded quotes the option intact; 0 when none. */
  readonly lastPdmHop: number;
  readonly lastPlainHop: number;
  readonly highestHop: number;
  /** Smallest hop limit that the target answered on the trace's own flow. */
  readonly distance: { readonly plain: number | null; readonly pdm: number | null };
  /** From the hop limit that the target's own quote shows. Plans only, claims nothing. */
  readonly distanceHint: number | null;
  /** Arrivals in the whole trace, earlier attempts included. */
  readonly pdmArrivals: number;
  readonly plainArrivals: number;
  /** Of others: what this host itself says of packets that never left it counts in `ownAnswers`. */
  readonly plainAnswers: number;
  readonly ownAnswers: { count: number; last: Pick<ReplySignature, 'responder' | 'type' | 'code'> | null };
  readonly refusers: readonly Refuser[];
  readonly pdmRefusals: number;
  /** Answers to packets with the option, in the target's name or such as the end of a path sends, that are neither arrivals nor refusals. */
  readonly oddAnswers: number;
  readonly plainRefusals: number;
  /** Treated pairs in which only the option's packet was refused and the other one passed beyond, and the other way round. */
  readonly refusedPairs: RefusedPairs;
  /** Addresses that name no place (METHOD: Replies). */
  readonly nameless: ReadonlySet<string>;
  readonly pendingProbes: number;
  /** When something that is awaited is given up; null when nothing is. */
  readonly nextDeadlineNs: number | null;
  /** Kept by explore.ts, once it is asked for; null before, and again when it is settled which hops are this trace's own. */
  exploration: Exploration | null;
}

/** What most cases hold none of is made where it is needed: there is a case for each step. */
const NO_PAIRS: Place = Object.freeze(emptyPlace());
const NO_PLACES: ReadonlyMap<number, Place> = new Map();
const NO_REFUSERS: ReadonlyMap<string, Refuser> = new Map();
const NOBODY: readonly Refuser[] = [];

/** Makes the case. Moves `state.largestArmDifferenceNs` and the pace at the target, which read the same pairs. */
export function makeCase(state: TraceState, context: TraceContext, nowNs: number): Case {
  const meanings = meaningsOf(state);
  const { probes } = state;
  const wait = waitNs(state);
  const grace = graceNs(state);
  const hops: (Place | undefined)[] = [];
  const target = emptyPlace();
  let repeat = NO_PAIRS;
  let distanceRepeat = NO_PAIRS;
  const explain: Partial<Record<Protocol, Map<number, Place>>> = {};
  let references = null as Map<number, Place> | null;
  let otherOptions = null as Map<number, Place> | null;
  const givenUp = { plainOnly: 0, pdmOnly: 0 };
  const startOfCount = Math.max(state.attemptStart, state.countStart);
  const alone = { pairs: 0, done: 0, targetAnswered: false };
  const witnessAnswers = { icmp6: { arrived: 0, otherwise: 0 }, tcp: { arrived: 0, otherwise: 0 } };
  const refusedPairs = {
    pdm: 0,
    pdmOnOwnFlow: 0,
    plain: 0,
    placebos: 0,
    placebosRefused: 0,
    pdmAtTarget: 0,
    pairsAtTarget: 0,
    refusedOnOwnWay: 0,
    lostOnOwnWay: 0,
  };
  let refusers = null as Map<string, Refuser> | null;
  let lastPdmHop = 0;
  let seenFirstNs = Number.NEGATIVE_INFINITY;
  let seenLastNs = Number.NEGATIVE_INFINITY;
  let lastPlainHop = 0;
  let highestHop = 0;
  /** Since the path changed: the target may have moved. */
  let laterDistance: number | null = null;
  const plainDistance = (): number | null => (state.restarts > 0 ? laterDistance : meanings.plainDistance);
  let pdmDistance: number | null = null;
  let distanceHint: number | null = null;
  let pdmArrivals = 0;
  let plainArrivals = 0;
  let plainAnswers = 0;
  const ownAnswers: Case['ownAnswers'] = { count: 0, last: null };
  let pdmRefusals = 0;
  let plainRefusals = 0;
  let oddAnswers = 0;
  let pendingProbes = 0;
  let nextDeadlineNs: number | null = null;

  const protocolOf = ({ flow }: Pair): Protocol => state.flows[flow]?.protocol ?? state.identity.protocol;

  const takeRow = (pair: Pair, row: number, meaning: number): void => {
    if (meaning === MEANING.none) {
      if (probes.isFailed(row)) return;
      if (!probes.isSent(row)) {
        pendingProbes += 1;
        return;
      }
      // The pair is given up as one.
      const deadlineNs = pair.lastSentNs + wait;
      if (deadlineNs > nowNs) {
        pendingProbes += 1;
        if (nextDeadlineNs === null || deadlineNs < nextDeadlineNs) nextDeadlineNs = deadlineNs;
      }
      return;
    }
    const isOtherExplaining = pair.purpose === PURPOSE.explain && protocolOf(pair) !== state.identity.protocol;
    const by = witnessOf(pair.purpose);
    const isOfTarget = by === null && pair.purpose !== PURPOSE.reference && !isOtherExplaining;
    const arm = probes.arm(row);
    if (by !== null && arm === ARM_CODE.pdm) {
      const answer = replyTo(state, row);
      if (answer !== null) noteWitnessAnswer(witnessAnswers[by], meaning, answer);
    }
    if (arm === ARM_CODE.pdm && meaning === MEANING.arrived && isOfTarget) pdmArrivals += 1;
    if (arm === ARM_CODE.plain && meaning === MEANING.arrived && isOfTarget) plainArrivals += 1;
    if (row < state.attemptStart || !isOfTarget || isExplaining(pair.purpose)) return;
    const reply = replyTo(state, row);
    if (reply === null) return;
    const hop = pair.hopLimit;
    const atTarget = hop === TARGET_HOP_LIMIT;
    const isOwnFlow = pair.flow === 0;
    if (isPlainArm(arm)) {
      if (reply.responder === state.identity.sourceText && meaning !== MEANING.arrived) {
        ownAnswers.count += 1;
        ownAnswers.last = reply;
        return;
      }
      plainAnswers += 1;
      if (meaning === MEANING.arrived) {
        if (!atTarget && hop > meanings.routerAt) laterDistance = Math.min(laterDistance ?? hop, hop);
        if (atTarget && reply.quotedHopLimit !== null && reply.quotedHopLimit <= hop) {
          const hint = hop - reply.quotedHopLimit + 1;
          distanceHint = distanceHint === null ? hint : Math.min(distanceHint, hint);
        }
      } else if (meaning === MEANING.expired) {
        if (!atTarget && !reply.partial && hop > lastPlainHop) lastPlainHop = hop;
      } else if (meaning === MEANING.refused) plainRefusals += 1;
      return;
    }
    if (meaning === MEANING.arrived) {
      if (!atTarget && isOwnFlow && (pdmDistance === null || hop < pdmDistance)) pdmDistance = hop;
    } else if (meaning === MEANING.expired) {
      if (atTarget || reply.intact !== true || reply.partial || hop < lastPdmHop) return;
      if (hop > lastPdmHop) {
        seenFirstNs = Number.POSITIVE_INFINITY;
        seenLastNs = Number.NEGATIVE_INFINITY;
        lastPdmHop = hop;
      }
      seenFirstNs = Math.min(seenFirstNs, probes.sentAtNs(row) + probes.rttNs(row));
      seenLastNs = Math.max(seenLastNs, probes.sentAtNs(row));
    } else if (meaning === MEANING.other) {
      const { targetText } = state.identity;
      const isWord = reply.type === 2 || reply.type === 3;
      const isOfTheEnd =
        reply.responder === targetText || meanings.terminal.has(reply.responder) || isTerminalKind(reply);
      if (!isWord && isOfTheEnd) oddAnswers += 1;
    } else if (meaning === MEANING.refused) {
      pdmRefusals += 1;
      noteRefuser((refusers ??= new Map<string, Refuser>()), reply, pair, state.identity.targetText, meanings.terminal);
    }
  };

  const takeExplaining = (pair: Pair): void => {
    const arms = (explain[protocolOf(pair)] ??= new Map());
    // Only pairs with PDM that went out after all of the others show that the loss was still there.
    if (pair.arm !== ARM_CODE.pdm) arms.delete(ARM_CODE.pdm);
    addToPlace(placeIn(arms, pair.arm), state, pair, nowNs, wait);
  };

  forEachPair(state, meanings, 0, (pair) => {
    takeRow(pair, pair.plainRow, pair.plain);
    takeRow(pair, pair.treatedRow, pair.treated);
    if (pair.purpose === PURPOSE.target && pair.first < startOfCount) noteGivenUp(givenUp, pair);
    if (pair.first < state.attemptStart) return;
    noteArmDifference(state, pair);
    switch (pair.purpose) {
      case PURPOSE.alone:
        alone.pairs += 1;
        if (pair.hopLimit === TARGET_HOP_LIMIT) alone.targetAnswered ||= pair.plain === MEANING.arrived;
        if (pair.plain !== MEANING.none || !isAwaited(pair, nowNs, wait)) alone.done += 1;
        return;
      case PURPOSE.pace:
        if (pair.plain === MEANING.arrived && pair.treated === MEANING.arrived) state.pace.noteNoLimit(pair.first);
        return;
      case PURPOSE.explain:
        takeExplaining(pair);
        return;
      case PURPOSE.otherOption:
        addToPlace(placeIn((otherOptions ??= new Map<number, Place>()), pair.hopLimit), state, pair, nowNs, wait);
        return;
      case PURPOSE.reference:
        addToPlace(placeIn((references ??= new Map<number, Place>()), pair.flow), state, pair, nowNs, wait);
        return;
      case PURPOSE.echo:
      case PURPOSE.syn:
        return;
      case PURPOSE.target:
        if (pair.isPlacebo) break;
        addToPlace(target, state, pair, nowNs, wait);
        break;
      default: {
        if (pair.hopLimit > highestHop) highestHop = pair.hopLimit;
        if (pair.purpose === PURPOSE.repeat) {
          if (repeat === NO_PAIRS) repeat = emptyPlace();
          addToPlace(repeat, state, pair, nowNs, wait);
        }
        if (pair.purpose === PURPOSE.distance && pair.hopLimit === plainDistance()) {
          if (distanceRepeat === NO_PAIRS) distanceRepeat = emptyPlace();
          addToPlace(distanceRepeat, state, pair, nowNs, wait);
        }
        addToPlace((hops[pair.hopLimit] ??= emptyPlace()), state, pair, nowNs, wait);
      }
    }
    countRefusedPair(refusedPairs, refusers ?? NO_REFUSERS, state, pair, lastPdmHop, !isAwaited(pair, nowNs, grace));
  });

  const {
    target: counts,
    witness,
    cameFrom,
  } = countPairs(state, meanings, nowNs, {
    firstNs: seenFirstNs,
    lastNs: seenLastNs,
    hasArrived: { plain: plainArrivals > 0, pdm: pdmArrivals > 0 },
  });

  return {
    state,
    context,
    nowNs,
    meanings,
    hops,
    target,
    counts,
    witness,
    cameFrom,
    givenUp,
    witnessAnswers,
    repeat,
    distanceRepeat,
    explain,
    otherOptions: otherOptions ?? NO_PLACES,
    references: references ?? NO_PLACES,
    alone,
    lastPdmHop,
    lastPlainHop,
    highestHop,
    distance: { plain: plainDistance(), pdm: pdmDistance },
    distanceHint,
    pdmArrivals,
    plainArrivals,
    plainAnswers,
    ownAnswers,
    refusers: refusers === null ? NOBODY : [...refusers.values()],
    pdmRefusals,
    oddAnswers,
    plainRefusals,
    refusedPairs,
    nameless: namelessAddresses(state, hops),
    pendingProbes,
    nextDeadlineNs,
    exploration: null,
  };
}

function noteGivenUp(into: Case['givenUp'], pair: Pair): void {
  if (pair.isPlacebo) return;
  const pairClass = classify(pair);
  if (pairClass === PAIR_CLASS.plainOnly) into.plainOnly += 1;
  else if (pairClass === PAIR_CLASS.pdmOnly) into.pdmOnly += 1;
}

function noteArmDifference(state: TraceState, pair: Pair): void {
  if (pair.plain === MEANING.none || pair.treated === MEANING.none || pair.isPlacebo) return;
  const difference = Math.abs(state.probes.rttNs(pair.plainRow) - state.probes.rttNs(pair.treatedRow));
  if (difference > state.largestArmDifferenceNs) state.largestArmDifferenceNs = difference;
}

function placeIn(places: Map<number, Place>, key: number): Place {
  let place = places.get(key);
  if (place === undefined) {
    place = emptyPlace();
    places.set(key, place);
  }
  return place;
}
