/** METHOD: bypassed */
import {
  confidenceOfLoss,
  isLossShown,
  lossProgress,
  ratesText,
  targetWishes,
  wouldShowLoss,
} from '../evidence/target-pairs.js';
import { TARGET_PAIR_CAP } from '../numbers.js';
import type { TraceState } from '../state/trace-state.js';
import { open, proven, refuted } from './claim.js';
import type { Claim } from './claim.js';
import { confirm } from './confirm.js';

/** Some answer of the target's port quotes nothing, whether or not it can be told which packet it answers. */
function hasServiceAnswered({ identity, signatures }: TraceState): boolean {
  return signatures.some(({ quoted, responder }) => !quoted && responder === identity.targetText);
}

/** Packets with the option arrive where those without do not: filters that read only the first next header. */
export const bypassed: Claim = {
  name: 'bypassed',
  stand(trace) {
    const { counts, plainArrivals, state } = trace;
    const { counted, looks } = counts;
    if (counted.showsNoLoss('plain')) return refuted();
    if (looks.pdmOnly <= looks.plainOnly) return refuted();
    if (!isLossShown(trace, 'plain')) {
      if (looks.pairs >= TARGET_PAIR_CAP && counts.pending === 0) return refuted();
      const isOut = wouldShowLoss(trace, 'plain');
      return open(`plain lost: ${lossProgress(trace, 'plain')}`, isOut ? [] : targetWishes(trace), counts.nextNs);
    }
    if (plainArrivals > 0) {
      return refuted(`Fewer of the packets without the option arrive, but some do: ${ratesText(trace)}.`);
    }
    if (state.identity.protocol === 'udp' && !hasServiceAnswered(state)) {
      return refuted(
        'Only packets with the option are answered, by errors that somebody else may send in the name of the target.',
      );
    }
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
