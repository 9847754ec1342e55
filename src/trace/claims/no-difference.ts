/** METHOD: no-difference */
import { hasFallenSilent } from '../evidence/silence.js';
import { isTargetSilent, targetWishes } from '../evidence/target-pairs.js';
import { describeTooBig } from '../reply/too-big.js';
import { isExplored } from '../explore.js';
import { SILENT_TARGET_PAIRS } from '../numbers.js';
import { open, proven, refuted } from './claim.js';
import type { Claim } from './claim.js';

/** The target answers neither arm, and packets with the option reach at least as far. */
export const noDifference: Claim = {
  name: 'no-difference',
  stand(trace) {
    const { plainArrivals, pdmArrivals, lastPdmHop: n, lastPlainHop, counts, plainAnswers, oddAnswers } = trace;
    if (plainArrivals > 0 || pdmArrivals > 0 || hasFallenSilent(trace)) return refuted();
    if (plainAnswers === 0) return refuted();
    // A link too small for either arm: `dropped` says so.
    if (isTargetSilent(trace) && describeTooBig(trace.state).length > 0) return refuted();
    if (!isTargetSilent(trace)) {
      // Where every packet is too big for a link no other claim asks for the target, and exploring waits for its pairs.
      const isOut = counts.looks.pairs + counts.pending >= SILENT_TARGET_PAIRS;
      return open(`${counts.counted.pairs} pairs`, isOut ? [] : targetWishes(trace), counts.nextNs);
    }
    if (!isExplored(trace)) return open('exploring', []);
    const bothRefused = trace.pdmRefusals > 0 && trace.plainRefusals > 0;
    if (n < lastPlainHop || (trace.pdmRefusals > 0 && !bothRefused)) return refuted();
    if (oddAnswers > 0) {
      return refuted({
        says: `Without the option the target answered nothing, with it ${oddAnswers} packets drew errors in its name, which somebody else may send as well.`,
        settledBy: 'answering-protocol',
      });
    }
    const seen =
      n > lastPlainHop
        ? `farther (hop ${n}) than those without (hop ${lastPlainHop})`
        : `as far as those without (hop ${n})`;
    return proven({
      outcome: 'no-difference',
      basis: 'routers',
      reasons: [
        `The target answered none of ${counts.counted.pairs} pairs, and packets with the option were seen ${seen}.`,
      ],
    });
  },
};
