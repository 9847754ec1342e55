/** METHOD: unreachable */
import { isExplored } from '../explore.js';
import { SILENT_TARGET_PAIRS } from '../numbers.js';
import { targetWishes } from '../evidence/target-pairs.js';
import type { TraceState } from '../state/trace-state.js';
import { open, proven, refuted } from './claim.js';
import type { Claim } from './claim.js';

/** Nothing answered `plain` at any hop limit, or sending failed. */
export const unreachable: Claim = {
  name: 'unreachable',
  stand(trace) {
    const { state, plainAnswers, pdmArrivals, counts } = trace;
    if (state.sendError !== null) {
      return proven({ outcome: 'unreachable', reasons: [describeSendError(state.sendError)] });
    }
    if (plainAnswers > 0 || pdmArrivals > 0) return refuted();
    if (counts.counted.pairs < SILENT_TARGET_PAIRS) {
      const isOut = counts.looks.pairs + counts.pending >= SILENT_TARGET_PAIRS;
      const has = `${counts.counted.pairs} of ${SILENT_TARGET_PAIRS} pairs unanswered`;
      return open(has, isOut ? [] : targetWishes(trace), counts.nextNs);
    }
    const { last, count } = trace.ownAnswers;
    if (last !== null && count >= SILENT_TARGET_PAIRS) {
      const says = `This host itself (${last.responder}) answered ${count} packets without the option by ${last.type}/${last.code}`;
      return proven({
        outcome: 'unreachable',
        reasons: [
          `${says}: they never left it, as the router that they go to first, or the target on its own link, is not there.`,
        ],
      });
    }
    if (!isExplored(trace)) return open('exploring', []);
    return proven({
      outcome: 'unreachable',
      reasons: ['Nothing answered a packet without the option, at any hop limit.'],
    });
  },
};

const REFUSED = {
  all: 'the packets',
  option: 'packets with the option, and sends those without',
  plain: 'packets without the option, and sends those with it',
} as const;

function describeSendError({ arm, code, message }: NonNullable<TraceState['sendError']>): string {
  if (code !== 'EPERM' && code !== 'EACCES') return `No probe could be sent: ${code}: ${message}.`;
  return `This host itself refuses to send ${REFUSED[arm]} (${code}): its own output filter, or a missing privilege.`;
}
