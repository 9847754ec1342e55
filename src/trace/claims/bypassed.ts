/** METHOD: bypassed */
import {
  confidenceOfLoss,
  isLossShown,
  isUndecidable,
  lossProgress,
  mayShowLoss,
  ratesText,
  targetWishes,
} from '../evidence/target-pairs.js';
import { divergenceOf } from '../evidence/divergence.js';
import { SENDS_PDM } from '../evidence/own-pdm.js';
import type { Reason } from '../reason.js';
import { open, proven, refuted } from './claim.js';
import type { Claim } from './claim.js';
import { confirm } from './confirm.js';

/** Where no received hop limit is seen, neither is an option in what is received. */
const MAY_SEND_IT: Reason = {
  says: 'Only packets with the option are answered, which take another way than those without; whether the target sends the option itself is not seen by this transport: its answers to those without may be lost on their own way back.',
  settledBy: 'capture-at-target',
};

/** Packets with the option arrive where those without do not: filters that read only the first next header. */
export const bypassed: Claim = {
  name: 'bypassed',
  stand(trace) {
    const { counts, plainArrivals, state, cameFrom } = trace;
    const { counted, looks } = counts;
    if (counted.showsNoLoss('plain')) return refuted();
    if (looks.pdmOnly <= looks.plainOnly) return refuted();
    if (!isLossShown(trace, 'plain')) {
      // An arrival is a fact of the whole trace: no pairs would prove it any more.
      if (plainArrivals > 0 || isUndecidable(trace)) return refuted();
      const isOut = mayShowLoss(trace, 'plain');
      return open(`plain lost: ${lossProgress(trace, 'plain')}`, isOut ? [] : targetWishes(trace), counts.nextNs);
    }
    if (plainArrivals > 0) {
      return refuted({
        says: `Fewer of the packets without the option arrive, but some do: ${ratesText(trace)}.`,
        settledBy: null,
      });
    }
    // A service may answer without our nonce, or with it.
    if (state.identity.protocol === 'udp' && !state.serviceAnswers && counts.pdmUnquoted === 0) {
      return refuted({
        says: 'Only packets with the option are answered, by errors that somebody else may send in the name of the target.',
        settledBy: 'tcp',
      });
    }
    // Such a target may do so in each of its answers, and those to plain packets come back by a way of their own.
    if (state.pdm.isSent) return refuted(SENDS_PDM);
    if (cameFrom.pdm.size === 0 && divergenceOf(trace) !== null) return refuted(MAY_SEND_IT);
    const confirmation = confirm(trace, { name: 'bypassed', lost: counted.pdmOnly, causeAt: null, isPartial: true });
    if (confirmation.is === 'no') return refuted(confirmation.by);
    if (confirmation.is === 'open') return open(confirmation.has, confirmation.wants);
    return proven({
      outcome: 'bypassed',
      basis: 'target',
      confidence: confidenceOfLoss(trace, 'plain'),
      reasons: [`Packets with the option arrive where those without do not: ${ratesText(trace)}.`],
    });
  },
};
