/** METHOD: impaired */
import {
  confidenceOfLoss,
  isLossShown,
  isUndecidable,
  lossProgress,
  mayShowLoss,
  ratesText,
  targetWishes,
  undecided,
} from '../evidence/target-pairs.js';
import { standOfWayBack } from '../evidence/way-back.js';
import { SIBLING_POLL_NS } from '../numbers.js';
import { forEachPair, replyTo } from '../evidence/pair.js';
import { PROTOCOLS } from '../../record/record.js';
import { MEANING } from '../reply/meaning.js';
import { ARM_CODE, PURPOSE } from '../state/trace-state.js';
import { open, proven, refuted } from './claim.js';
import type { Claim } from './claim.js';
import { confirm } from './confirm.js';
import type { Case } from '../case.js';
import { findRefusalsOnly } from '../evidence/closed-port.js';
import type { Reason } from '../reason.js';
import { SENDS_PDM } from '../evidence/own-pdm.js';

/** Fewer of the packets with the option arrive, and some do. */
export const impaired: Claim = {
  name: 'impaired',
  stand(trace) {
    const { counts, pdmArrivals, plainArrivals } = trace;
    const { counted } = counts;
    if (plainArrivals === 0) return refuted();
    if (counted.showsNoLoss('pdm')) return refuted();
    if (!isLossShown(trace)) {
      if (isUndecidable(trace)) return refuted(undecided(trace));
      if (counts.looks.plainOnly === 0 && counted.pairs > 0) return refuted();
      const isOut = mayShowLoss(trace);
      return open(lossProgress(trace), isOut ? [] : targetWishes(trace), counts.nextNs);
    }
    if (pdmArrivals === 0) return refuted();
    if (trace.state.pdm.isSent) return refuted(withRates(trace, SENDS_PDM));
    const others = standOfOthers(trace);
    if (others === 'whole') return refuted(withRates(trace, WHOLE_IN_ANOTHER));
    const wayBack = standOfWayBack(trace, true);
    if (wayBack.is === 'answered' || wayBack.is === 'unknown') return refuted(withRates(trace, wayBack.reason));
    const confirmation = confirm(trace, { name: 'impaired', lost: counted.plainOnly, causeAt: null, isPartial: true });
    if (confirmation.is === 'no') return refuted(confirmation.by);
    if (wayBack.is === 'open' || confirmation.is === 'open') {
      const wants = [
        ...(wayBack.is === 'open' ? wayBack.wants : []),
        ...(confirmation.is === 'open' ? confirmation.wants : []),
      ];
      return open('asking for the way back', wants, wayBack.is === 'open' ? wayBack.untilNs : null);
    }
    if (others === 'waits') return open('waiting for the other protocols', [], trace.nowNs + SIBLING_POLL_NS);
    if (isAnsweredFromNearer(trace)) return refuted(withRates(trace, FROM_NEARER));
    if (isAnsweredInOtherWords(trace)) return refuted(withRates(trace, IN_OTHER_WORDS));
    const refusalsOnly = findRefusalsOnly(trace);
    if (refusalsOnly !== null) return refuted(withRates(trace, refusalsOnly));
    return proven({
      outcome: 'impaired',
      basis: 'target',
      confidence: confidenceOfLoss(trace),
      returnPath: 'excluded',
      reasons: [
        `Fewer of the packets with the option are answered: ${ratesText(trace)}; of ${counted.placebos} placebo pairs ${counted.placebosBoth} came whole.`,
        ...(counted.pdmArrived === 0
          ? [
              `${pdmArrivals === 1 ? 'One packet' : `${pdmArrivals} packets`} with the option arrived besides these pairs.`,
            ]
          : []),
        'The others, or the answers to them, are lost.',
        ...(trace.pdmRefusals > 0 ? [`${trace.pdmRefusals} packets with the option were refused.`] : []),
      ],
    });
  },
};

/**
 * All answers to the option come from nearer than most to `plain` do: a box on one of several ways may answer whatever it gets, and
 * the target no packet with the option.
 */
function isAnsweredFromNearer({ counts: { counted }, cameFrom }: Case): boolean {
  const farthest = Math.max(...cameFrom.pdm.keys());
  let farther = 0;
  for (const [from, answers] of cameFrom.plain) if (from > farthest) farther += answers;
  return cameFrom.pdm.size > 0 && 2 * farther > counted.plainArrived;
}

/** … or in words that fewer than half of those to `plain` use, as such a box does that answers in the target's place. */
function isAnsweredInOtherWords({ state, meanings }: Case): boolean {
  const plain = new Map<string, number>();
  const used = new Set<string>();
  let answers = 0;
  forEachPair(state, meanings, state.attemptStart, (pair) => {
    if (pair.purpose !== PURPOSE.target) return;
    for (const row of [pair.first, pair.first + 1]) {
      const reply = replyTo(state, row);
      if (reply === null || meanings.of(state, row) !== MEANING.arrived) continue;
      const words = `${reply.type} ${reply.code}`;
      if (state.probes.arm(row) === ARM_CODE.pdm) used.add(words);
      else if (state.probes.arm(row) === ARM_CODE.plain) {
        answers += 1;
        plain.set(words, (plain.get(words) ?? 0) + 1);
      }
    }
  });
  let alike = 0;
  for (const words of used) alike += plain.get(words) ?? 0;
  return used.size > 0 && 2 * alike < answers;
}

const IN_OTHER_WORDS: Reason = {
  says: 'What answered those says what few answers to packets without it say: something before the target may answer for it on one of several ways.',
  settledBy: 'other-protocol',
};

const FROM_NEARER: Reason = {
  says: 'What answered those comes from nearer than most answers to packets without it: something before the target may answer for it.',
  settledBy: 'other-protocol',
};

/** METHOD: impaired. */
const WHOLE_IN_ANOTHER: Reason = {
  says: 'Packets of another protocol with the option are answered by the target as well as those without: the answers may be what is lost, the filter may be protocol-specific, or a limit or one of several ways lets some packets by.',
  settledBy: 'capture-at-target',
};

function standOfOthers({ state, context }: Case): 'whole' | 'waits' | 'clear' {
  const others = PROTOCOLS.filter((protocol) => protocol !== state.identity.protocol);
  const known = others.map((protocol) => context.sibling(protocol)).filter((sibling) => sibling !== null);
  if (known.some(({ isWhole }) => isWhole === true)) return 'whole';
  return known.every(({ settled, isLosing }) => settled || isLosing === true) ? 'clear' : 'waits';
}

function withRates(trace: Case, { says, settledBy }: Reason): Reason {
  return { says: `Fewer of the packets with the option are answered: ${ratesText(trace)}. ${says}`, settledBy };
}
