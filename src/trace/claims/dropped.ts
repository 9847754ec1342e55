/** METHOD: dropped */
import type { Case } from '../case.js';
import {
  confidenceOfLoss,
  findTooNear,
  isLossShown,
  isTargetSilent,
  lossProgress,
  mayShowLoss,
  looksLost,
  ratesText,
  targetWishes,
} from '../evidence/target-pairs.js';
import { FELL_SILENT, hasFallenSilent } from '../evidence/silence.js';
import { standOfOwnPdm } from '../evidence/own-pdm.js';
import { standOfWayBack } from '../evidence/way-back.js';
import { firstRoundIsOver } from '../explore.js';
import { LOST_LATELY, LOST_SINCE_SEEN, NONE_AT_MOST, REPORTER_PAIR_CAP, SILENT_TARGET_PAIRS } from '../numbers.js';
import { confidenceOf, lossEValue, passRateUpperBound } from '../evidence/e-values.js';
import { Ledger } from '../evidence/ledger.js';
import type { Reason } from '../reason.js';
import { isTooBigWithOption, tooBigReason } from '../reply/too-big.js';
import { PURPOSE, TARGET_HOP_LIMIT } from '../state/trace-state.js';
import { earlier, RANK, wishAtHop } from '../wish.js';
import { withAndWithout } from '../with-and-without.js';
import type { PairWish } from '../wish.js';
import { open, proven, refuted } from './claim.js';
import type { Claim, Standing } from './claim.js';
import { confirm } from './confirm.js';
import { describeRefusals, refusalsExplain } from './rejected.js';
import { lossOutlivesN } from './same-path.js';
import { isPassedByOthers, isReporterOfLoss } from './where.js';

/** None of the packets with the option arrives from this source at this target. */
export const dropped: Claim = {
  name: 'dropped',
  stand(trace) {
    const { pdmArrivals, plainArrivals, state, counts } = trace;
    if (pdmArrivals > 0) return refuted();
    if (hasFallenSilent(trace)) return refuted(FELL_SILENT);
    if (trace.context.isIntactAtTarget()) return refuted(GOT_BY_ANOTHER);
    const tooBig = tooBigReason(state);
    if (tooBig !== null && (plainArrivals === 0 || isTooBigWithOption(state, counts.looks.plainOnly)))
      return refuted(tooBig);
    if (plainArrivals > 0) return standAtTarget(trace);
    if (!isTargetSilent(trace)) {
      const isOut = counts.looks.pairs + counts.pending >= SILENT_TARGET_PAIRS && counts.looks.plainOnly === 0;
      return open(`${counts.counted.pairs} pairs`, isOut ? [] : targetWishes(trace), counts.nextNs);
    }
    return standAtRouters(trace);
  },
};

/** METHOD: dropped, the way back. */
const GOT_BY_ANOTHER: Reason = {
  says: 'Packets of another protocol reached the target with the option intact, as it quotes them: the answers may be what is lost, the filter may be protocol-specific, or a limit or one of several ways lets some packets by.',
  settledBy: 'capture-at-target',
};

/** METHOD: dropped, a loss last seen long ago: no more pairs are left to see it again. */
const LONG_AGO: Reason = {
  says: 'No packet with the option arrived, but the loss was last seen long before the end: it may have ended.',
  settledBy: 'retrace',
};

/** METHOD: dropped, one broken way among several. */
const ONE_WAY: Reason = {
  says: 'Packets with the option to another target passed where those to this one are lost: one way among several may be broken.',
  settledBy: 'other-way',
};

function standAtTarget(trace: Case): Standing {
  const { counts } = trace;
  const { counted } = counts;
  const tooNear = findTooNear(trace);
  if (tooNear !== null) return refuted(tooNear);
  const wants: PairWish[] = [];
  let untilNs: number | null = null;
  const has: string[] = [];
  const isShown = isLossShown(trace);
  if (!isShown || needsLossSinceSeen(trace)) {
    has.push(lossProgress(trace));
    untilNs = counts.nextNs;
    const isOut = counts.lostSinceSeen + counts.pending >= LOST_SINCE_SEEN;
    if (!mayShowLoss(trace) || (needsLossSinceSeen(trace) && !isOut)) wants.push(...targetWishes(trace));
    if (wants.length === 0 && counts.pending === 0) return refuted(shortOfLoss(trace));
  }
  if (!looksLost(trace)) return open(has.join(', '), wants, untilNs);
  const wayBack = standOfWayBack(trace);
  if (wayBack.is === 'answered') return refuted(wayBack.reason);
  if (wayBack.is === 'unknown' && isShown) return refuted(wayBack.reason);
  if (wayBack.is === 'open') {
    has.push(wayBack.has);
    wants.push(...wayBack.wants);
    untilNs = earlier(untilNs, wayBack.untilNs);
  }
  const lost = counted.plainOnly;
  const confirmation = confirm(trace, {
    name: 'dropped',
    lost,
    // Why is asked while the last pairs are awaited.
    causeAt: mayShowLoss(trace) && firstRoundIsOver(trace) ? TARGET_HOP_LIMIT : null,
  });
  if (confirmation.is === 'no') return refuted(confirmation.by);
  if (confirmation.is === 'open') {
    has.push(confirmation.has);
    wants.push(...confirmation.wants);
    untilNs = earlier(untilNs, confirmation.untilNs);
  }
  // `rejected` is open itself, and says until when: with nothing more to come the trace is to end.
  if (refusalsExplain(trace)) return open('waiting for who refuses', wants, untilNs);
  if (!isShown || confirmation.is === 'open' || wayBack.is !== 'excluded' || has.length > 0) {
    return open(has.join(', '), wants, untilNs);
  }
  if (isLongAgo(trace)) {
    const isOut = counts.lostLately + counts.pending >= LOST_LATELY;
    const again = isOut ? [] : targetWishes(trace);
    return again.length + counts.pending === 0 ? refuted(LONG_AGO) : open('asking once more', again, counts.nextNs);
  }
  if (isPassedByOthers(trace, confirmation.interval.upTo)) return refuted(ONE_WAY);
  const ownPdm = standOfOwnPdm(trace, confirmation.cause, confirmation.interval.upTo);
  if (ownPdm.is === 'possible') return refuted(ownPdm.reason);
  if (ownPdm.is === 'open') return open('asking a hop with another option', ownPdm.wants);
  // The loss may have moved nearer since n was seen; a hop before it where the interval begins was asked for that since.
  const restsOnN = confirmation.interval.after === trace.lastPdmHop;
  const interval = restsOnN && lossOutlivesN(trace) ? { ...confirmation.interval, after: 0 } : confirmation.interval;
  const answeredUpTo = wayBack.upTo ?? interval.after;
  return proven({
    outcome: 'dropped',
    basis: 'target',
    confidence: confidenceOfLoss(trace),
    returnPath: 'excluded',
    // A firewall farther on may let the packets by and take their answers.
    interval: { ...interval, after: Math.min(interval.after, answeredUpTo) },
    cause: confirmation.cause,
    boundedBy: counted.plainArrived,
    reasons: [
      `Of the packets with the option ${noneText(trace)}: ${ratesText(trace)}; of ${counted.placebos} placebo pairs ${counted.placebosBoth} came whole.`,
      ...describeRefusals(trace),
      ...confirmation.reasons,
      'Packets with the option are lost by a filter, which may take the answers to them instead, or by one broken way among several.',
    ],
  });
}

/** "None" is said where at most three in ten may still arrive. */
function noneText({ counts, state }: Case): string {
  const upper = passRateUpperBound(state.limits.confidence, counts.counted.plainArrived) ?? 1;
  return upper <= NONE_AT_MOST ? 'none arrives' : 'none arrived';
}

function needsLossSinceSeen({ lastPdmHop, counts }: Case): boolean {
  return lastPdmHop > 0 && counts.lostSinceSeen < LOST_SINCE_SEEN;
}

/** The loss was last seen before the hops were asked to the end: it may have ended meanwhile. */
function isLongAgo({ counts, state }: Case): boolean {
  return counts.lostLately < LOST_LATELY && !state.interrupted;
}

function shortOfLoss(trace: Case): Reason {
  return {
    says: `No packet with the option arrived, but the loss is not shown: ${ratesText(trace)}.`,
    settledBy: 'retrace',
  };
}

/** With a silent target only a router beyond n shows a loss: one that is known to report such packets. */
function standAtRouters(trace: Case): Standing {
  const { state, hops, lastPdmHop: n, lastPlainHop, highestHop, counts } = trace;
  const silence = `The target answered none of ${counts.counted.pairs} pairs`;
  if (n >= lastPlainHop) return refuted();
  if (!firstRoundIsOver(trace)) return open('exploring', []);
  const needed = new Ledger().pairsToShowLoss(state.limits.confidence, 1);
  for (let hop = n + 1; hop <= highestHop; hop += 1) {
    const place = hops[hop];
    if (place === undefined || place.treatedPassed > 0 || place.plainResponderOnAnyFlow.length === 0) continue;
    const mayReport = place.plainResponderOnAnyFlow.every(
      (address) => (trace.context.habitOf(hop, address)?.reported ?? 0) > 0,
    );
    if (!mayReport) continue;
    if (place.lost < needed) {
      if (place.pairs >= REPORTER_PAIR_CAP) continue;
      const isOut = place.lost + place.pending >= needed;
      return open(
        `${place.lost} of ${needed} pairs at hop ${hop}`,
        isOut ? [] : [wishAtHop(state, place, PURPOSE.beyond, hop, 'fresh', RANK.where)],
      );
    }
    if (!isReporterOfLoss(trace, hop, place)) continue;
    if (trace.pdmRefusals > 0) {
      return refuted({
        says: `${silence}, and some packets with the option were refused.`,
        settledBy: 'answering-protocol',
      });
    }
    const confirmation = confirm(trace, { name: 'dropped', lost: place.lost, causeAt: hop });
    if (confirmation.is === 'no') return refuted(confirmation.by);
    if (confirmation.is === 'open') return open(confirmation.has, confirmation.wants, confirmation.untilNs);
    if (isPassedByOthers(trace, hop)) return refuted(ONE_WAY);
    return proven({
      outcome: 'dropped',
      basis: 'routers',
      confidence: confidenceOf(lossEValue(place.lost, 0, true)),
      returnPath: 'not excluded',
      interval: { ...confirmation.interval, upTo: hop, likelyUpTo: Math.min(hop, confirmation.interval.likelyUpTo) },
      cause: confirmation.cause,
      restsOn: place,
      boundedBy: place.lost,
      reasons: [
        `${silence}. Hop ${hop}, which reported packets with the option before and after, answered ${withAndWithout(0, place.lost, place.lost)}.`,
        'Packets with the option, or the errors about them, are lost by a filter, or by one broken way among several.',
      ],
    });
  }
  return refuted({
    says: `${silence}. Without the option hop ${lastPlainHop} still answered, with it none beyond hop ${n}: it may be lost there, or the hops may not report such packets.`,
    settledBy: 'answering-protocol',
  });
}
