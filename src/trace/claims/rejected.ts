/** METHOD: rejected */
import type { Case } from '../case.js';
import { hopBeforeFirst, losesMore } from '../evidence/place.js';
import type { Place } from '../evidence/place.js';
import { lostWithoutAWord, refusedFlows } from '../evidence/refusals.js';
import type { Refuser } from '../evidence/refusals.js';
import { confidenceOf, fisherPValue, lossEValue } from '../evidence/e-values.js';
import { isTargetSilent, targetWishes } from '../evidence/target-pairs.js';
import { standOfWayBack } from '../evidence/way-back.js';
import { firstRoundIsOver, isExplored } from '../explore.js';
import {
  INTERVAL_PAIR_CAP,
  LEAST_PLACEBOS,
  LOST_ON_OWN_WAY,
  MOST_PENDING,
  PLACEBO_SHARE,
  POINTED_REFUSALS,
  REFUSALS_TO_WAIT_FOR,
  REFUSED_SHARE,
  REPORTER_PAIR_CAP,
  TARGET_PAIR_CAP,
} from '../numbers.js';
import type { Reason } from '../reason.js';
import { comesFrom } from '../reply/words.js';
import type { Refusal } from '../../record/record.js';
import { PURPOSE, TARGET_HOP_LIMIT } from '../state/trace-state.js';
import { earlier, RANK, wishAtHop } from '../wish.js';
import type { PairWish } from '../wish.js';
import { open, proven, refuted } from './claim.js';
import type { Claim } from './claim.js';
import { confirm } from './confirm.js';
import { wishAtDistance } from './where.js';

/** Somebody says that packets with the option are refused, and lets those without pass. */
export const rejected: Claim = {
  name: 'rejected',
  stand(trace) {
    const { refusers, pdmArrivals, plainRefusals, refusedPairs, state } = trace;
    if (trace.pdmRefusals === 0) return refuted();
    if (pdmArrivals > 0) return refuted();
    if (plainRefusals > 0)
      return refuted({ says: 'Packets without the option were refused as well.', settledBy: 'answering-protocol' });
    if (refusers.length !== 1)
      return refuted({
        says: 'Packets with the option were refused by several addresses: too mixed to name one.',
        settledBy: null,
      });
    const [refuser] = refusers;
    if (refuser === undefined) return refuted();
    if (trace.lastPdmHop >= refuser.firstHopLimit) {
      return refuted(othersGotBeyond(refuser));
    }
    if (refusedPairs.refusedOnOwnWay === 0 && refusedPairs.lostOnOwnWay >= LOST_ON_OWN_WAY) {
      return refuted(refusedElsewhere(refuser));
    }
    const { interval, hop, refusedFrom } = place(trace, refuser);
    for (let at = refusedFrom; at <= trace.highestHop; at += 1) {
      if ((trace.hops[at]?.treatedPassed ?? 0) > 0) {
        return refuted(othersGotBeyond(refuser));
      }
    }
    if (isAnsweredFromNearer(trace, refuser)) return refuted(ANSWERED_FROM_NEARER);
    const e = lossEValue(refusedFlows(refusedPairs), refusedPairs.plain, true);
    const needed = 1 / (1 - state.limits.confidence);
    const has = `${refuser.refusals} refusals`;
    if (!isShown(trace, refuser, e)) {
      if (trace.counts.pairs >= TARGET_PAIR_CAP && trace.counts.pending === 0) {
        return refuted({
          says: `${refuser.address} refused ${refuser.refusals} packets with the option: too few to name it.`,
          settledBy: 'retrace',
        });
      }
      const wants = moreRefusals(trace);
      if (wants.length === 0 && isNobodyBeyond(trace)) {
        return refuted({
          says: `${refuser.address} refused ${refuser.refusals} packets with the option, and nothing beyond it answers those without.`,
          settledBy: 'answering-protocol',
        });
      }
      return open(has, wants, trace.counts.nextNs);
    }
    const unexplained = trace.plainArrivals === 0 ? findUnexplained(trace, refuser, refusedFrom) : null;
    if (unexplained !== null) return refuted(unexplained);
    // The way that is followed hop by hop need not be one that is refused: then nothing is known of where the refuser stands.
    const ownWay = refusedPairs.refusedOnOwnWay === 0 && refusedPairs.lostOnOwnWay > 0 ? ownWayWishes(trace) : null;
    if (ownWay !== null) {
      const isSpent = ownWay === 'spent';
      return isSpent ? refuted(refusedElsewhere(refuser)) : open(`${has}, asking on the way that is followed`, ownWay);
    }
    const confirmation = confirm(trace, {
      name: 'rejected',
      lost: refusedPairs.pdm,
      causeAt: firstRoundIsOver(trace) ? causeAt(trace, refusedFrom) : null,
    });
    if (confirmation.is === 'no') return refuted(confirmation.by);
    const rest = standOfTheRest(trace, refuser);
    if (rest.is === 'lost elsewhere') return refuted(rest.reason);
    if (confirmation.is === 'open') {
      const wants = [...confirmation.wants, ...rest.wants];
      return open(`${has}, ${confirmation.has}`, wants, earlier(confirmation.untilNs, rest.untilNs));
    }
    if (rest.is === 'open') return open(`${has}, asking for the way back`, rest.wants, rest.untilNs);
    const { type, code, pointer } = refuser.reply;
    const refusal: Refusal = {
      address: refuser.address,
      hop,
      type,
      code,
      pointer,
      ...(refuser.inTargetName ? { inTargetName: true } : {}),
    };
    return proven({
      outcome: 'rejected',
      basis: trace.plainArrivals > 0 ? 'target' : 'routers',
      // Words that point into our header need no count.
      ...(e < needed * state.countIndex ? {} : { confidence: confidenceOf(e / state.countIndex) }),
      // A reset has no type and code.
      ...(type < 0 ? {} : { refusal }),
      // Where hops up to n lose some, the refuser may stand before those.
      interval: {
        ...interval,
        after: Math.min(
          interval.after,
          confirmation.interval.after,
          // The target's address names no place: before the first hop that lost any more with the option.
          ...(refuser.inTargetName ? [hopBeforeFirst(trace.hops, trace.lastPdmHop, (at) => losesMore(at))] : []),
        ),
      },
      cause: confirmation.cause,
      // Before a silent target what was not refused may get through.
      ...(trace.plainArrivals > 0 ? { boundedBy: trace.counts.counted.plainArrived } : {}),
      reasons: [
        `${refuser.inTargetName ? "Something in the target's name" : refuser.address} refused ${type < 0 ? 'by RST ' : ''}${refuser.refusals} packets with the option and none without, while ${refusedPairs.pdm} of their partners were answered from beyond.`,
        ...restText(trace),
        ...confirmation.reasons,
      ],
    });
  },
};

/**
 * A proxy answers what it knows and lets the rest by, to a target that says of it what it says of everything. Who refuses in the
 * target's name stands no farther than the target.
 */
function isAnsweredFromNearer({ counts }: Case, { inTargetName, reply }: Refuser): boolean {
  const from = comesFrom(reply);
  return inTargetName && from !== null && counts.comesFrom !== null && counts.comesFrom < from;
}

const ANSWERED_FROM_NEARER: Reason = {
  says: "What refuses packets with the option in the target's name stands farther away than what answers those without: a proxy may answer for a target that says so of all packets.",
  settledBy: 'capture-at-target',
};

/** Nothing is out, and no partner of a refused packet was answered from beyond the refuser. */
function isNobodyBeyond(trace: Case): boolean {
  return isTargetSilent(trace) && trace.refusedPairs.pdm === 0 && trace.pendingProbes === 0 && isExplored(trace);
}

function restText(trace: Case): string[] {
  const lost = lostWithoutAWord(trace);
  if (lost === 0) return [];
  return [
    `Of ${trace.counts.counted.plainOnly} lost at the target ${lost} were lost without a word: a limit on such errors, or another loser besides.`,
  ];
}

type Rest =
  | { readonly is: 'settled' | 'open'; readonly wants: readonly PairWish[]; readonly untilNs: number | null }
  | { readonly is: 'lost elsewhere'; readonly reason: Reason };

const NO_REST: Rest = { is: 'settled', wants: [], untilNs: null };

/**
 * One refuses some, and the target gets the rest: where many are lost without a word it takes what `dropped` takes to say that it is not
 * the answers to those that are lost.
 */
function standOfTheRest(trace: Case, { address, refusals }: Refuser): Rest {
  const lost = trace.plainArrivals === 0 ? 0 : lostWithoutAWord(trace);
  if (lost === 0) return NO_REST;
  const wayBack = standOfWayBack(trace);
  if (wayBack.is === 'excluded') return NO_REST;
  if (wayBack.is === 'open') return { is: 'open', wants: wayBack.wants, untilNs: wayBack.untilNs };
  const { says, settledBy } = wayBack.reason;
  return {
    is: 'lost elsewhere',
    reason: {
      says: `${address} refused ${refusals} packets with the option, and of those to the target ${lost} were lost without a word: they may get through. ${says}`,
      settledBy,
    },
  };
}

function refusedElsewhere({ address }: Refuser): Reason {
  return {
    says: `${address} refused packets with the option on some ways only: on the one that was followed hop by hop they are lost without a word.`,
    settledBy: 'retrace',
  };
}

function othersGotBeyond({ address }: Refuser): Reason {
  return {
    says: `${address} refused some packets with the option, and others got beyond it.`,
    settledBy: 'retrace',
  };
}

/** Those that are not refused may get through where nobody behind the refuser would show it. */
function findUnexplained({ hops, highestHop }: Case, { address }: Refuser, from: number): Reason | null {
  let lost = 0;
  let refused = 0;
  for (let hop = from; hop <= highestHop; hop += 1) {
    lost += hops[hop]?.lost ?? 0;
    refused += hops[hop]?.refused ?? 0;
  }
  if (refused >= REFUSED_SHARE * lost) return null;
  return {
    says: `${address} refused ${refused} of ${lost} packets with the option whose partners were answered from there on: the others may get through to hops that do not report them.`,
    settledBy: 'answering-protocol',
  };
}

function causeAt(trace: Case, upTo: number): number {
  return trace.plainArrivals > 0 ? TARGET_HOP_LIMIT : upTo;
}

function isShown(trace: Case, refuser: Refuser, e: number): boolean {
  const { refusedPairs, state } = trace;
  const { confidence } = state.limits;
  if (refuser.isPointed && !refuser.inTargetName) return refusedPairs.pdm >= POINTED_REFUSALS;
  if (e < (state.countIndex / (1 - confidence)) * (1 - 1e-9)) return false;
  const { placebos, placebosRefused, pairsAtTarget, pdmAtTarget } = refusedPairs;
  // A silent target draws no placebos: then `plain` that passes the refuser itself shows that it refuses none of it.
  if (trace.plainArrivals === 0) return true;
  if (placebos < LEAST_PLACEBOS) return false;
  return (
    fisherPValue(placebosRefused, placebos, pdmAtTarget, pairsAtTarget) <=
    (1 - confidence) / (PLACEBO_SHARE * state.countIndex)
  );
}

/** Pairs that may be refused: at the target, and beyond the refuser where the target is silent. */
function moreRefusals(trace: Case): readonly PairWish[] {
  if (!isTargetSilent(trace)) return targetWishes(trace);
  const { state, hops, refusers, highestHop } = trace;
  for (let hop = refusers[0]?.firstHopLimit ?? 0; hop <= highestHop; hop += 1) {
    const at = hops[hop];
    if (at === undefined || at.plainResponderOnAnyFlow.length === 0 || at.pairs >= REPORTER_PAIR_CAP) continue;
    if (at.plainResponderOnAnyFlow.includes(refusers[0]?.address ?? '')) continue;
    // What is on its way may be refused already.
    return at.pending > MOST_PENDING ? [] : [wishAtHop(state, at, PURPOSE.beyond, hop, 'fresh', RANK.where)];
  }
  return [];
}

/** One more pair on the trace's own flow, as far as plain packets of it were answered, until one is refused or enough are lost. */
function ownWayWishes(trace: Case): readonly PairWish[] | 'spent' {
  const { state, hops, distance, lastPdmHop: n } = trace;
  const last = hops.findLastIndex((place) => (place?.plainResponders.length ?? 0) > 0);
  const hop = Math.max(n + 1, distance.plain ?? last);
  const at = hops[hop];
  if ((at?.pending ?? 0) > 0) return [];
  if ((at?.pairs ?? 0) >= INTERVAL_PAIR_CAP) return 'spent';
  return [
    hop === distance.plain ? wishAtDistance(trace, hop) : wishAtHop(state, at, PURPOSE.explore, hop, 0, RANK.where),
  ];
}

interface RefuserPlace {
  readonly interval: { readonly after: number; readonly upTo: number; readonly likelyUpTo: number };
  readonly hop: number | null;
  /** The smallest hop limit beyond n that drew a refusal, on whatever flow. */
  readonly refusedFrom: number;
}

/**
 * The refuser stands before the smallest hop limit that drew a refusal, or at it: on the trace's own flow, on which n is
 * known. Another flow's way may be shorter, and its refusals nearer than that flow's refuser.
 */
function place(trace: Case, refuser: Refuser): RefuserPlace {
  const { lastPdmHop: n } = trace;
  // The distance at which `plain` is answered is no bound: where nobody answers on either way, the option's may be longer.
  const beyond = (hopLimit: number): number => Math.max(n + 1, Math.min(hopLimit, TARGET_HOP_LIMIT));
  const upTo = beyond(refuser.firstOwnHopLimit);
  const refusedFrom = beyond(refuser.firstHopLimit);
  return {
    interval: { after: n, upTo, likelyUpTo: upTo },
    hop: refuser.inTargetName ? null : hopOf(trace, refuser.address, refusedFrom),
    refusedFrom,
  };
}

/**
 * The hop of the refuser: where its address answers `plain` with a Time Exceeded; where the arms take different ways, where
 * it answers `pdm`, which is what the interval counts in. Of several, the last before it refuses; where it answers nowhere,
 * the smallest hop limit that drew a refusal. Null where the address names no place: packets with the option got beyond the
 * router that is known to have it, or several have it.
 */
function hopOf({ hops, highestHop, lastPdmHop }: Case, address: string, firstHopLimit: number): number | null {
  if (isMetTwice(hops, address)) return null;
  let known: number | null = null;
  for (let hop = Math.min(firstHopLimit, highestHop); hop >= 1; hop -= 1) {
    const at = hops[hop];
    if (at === undefined) continue;
    const isMetWithOption = at.pdmResponders.includes(address);
    const isMet = isMetWithOption || (at.pdmResponders.length === 0 && at.plainResponderOnAnyFlow.includes(address));
    if (isMet) known ??= hop;
    if (isMetWithOption) {
      known = hop;
      break;
    }
  }
  if (known === null) return firstHopLimit;
  return known < lastPdmHop ? null : known;
}

/** One address of several routers: which of them refuses is not known by it. */
function isMetTwice(hops: Case['hops'], address: string): boolean {
  const metIn = (responders: (place: Place) => readonly string[]): number =>
    hops.filter((place) => place !== undefined && responders(place).includes(address)).length;
  return metIn(({ plainResponders }) => plainResponders) > 1 || metIn(({ pdmResponders }) => pdmResponders) > 1;
}

/** METHOD: Claims. A drop waits while `rejected` may still be shown. */
export function refusalsExplain(trace: Case): boolean {
  if (trace.pdmRefusals < REFUSALS_TO_WAIT_FOR || trace.plainRefusals > 0) return false;
  return rejected.stand(trace).is === 'open';
}

/** Refusals that do not add up to `rejected` are still worth showing. */
export function describeRefusals({ pdmRefusals, refusers }: Case): string[] {
  if (pdmRefusals === 0) return [];
  const names = refusers.map(({ address }) => address).sort();
  return [`And ${pdmRefusals} were refused by ${names.join(', ')}: too little or too mixed to name a refuser.`];
}
