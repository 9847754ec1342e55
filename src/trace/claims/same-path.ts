/** METHOD: same path. Asked of every accusation. */
import type { Case } from '../case.js';
import { DIFFERING_REPEATS, LOST_AFTER_SEEN, REPEATS, REPEAT_CAP, SILENT_REPEATS } from '../numbers.js';
import type { Reason } from '../reason.js';
import { PURPOSE } from '../state/trace-state.js';
import { RANK, wishAtHop } from '../wish.js';
import type { PairWish } from '../wish.js';

/** `changed`: other responders up to n than before, or none there for the option any more. */
export type PathStanding =
  { readonly is: 'same' } | { readonly is: 'changed' } | { readonly is: 'open'; readonly wants: readonly PairWish[] };

/** Said of the second change: after the first one the trace starts again (trace-machine.ts). */
export const CHANGED_TWICE: Reason = {
  says: 'Twice the answers changed at the last hop that the option was seen at: another router gave them, or none came to the option any more. The path may have changed.',
  settledBy: 'steady-path',
};

/** Hop n is asked again while a claim is confirmed: whether packets with the option still get there, and who answers. */
export function standOfPath(trace: Case): PathStanding {
  const { repeat, lastPdmHop: n } = trace;
  if (n === 0) return { is: 'same' };
  if (repeat.lost >= SILENT_REPEATS && repeat.pdmIntact === 0) return { is: 'changed' };
  if (wantsRepeat(trace)) return { is: 'open', wants: repeatWishes(trace) };
  if (repeat.pending > 0) return { is: 'open', wants: [] };
  return { is: answersDiffer(trace) ? 'changed' : 'same' };
}

/** Hop n once more. */
export function repeatWishes({ state, hops, lastPdmHop }: Case): PairWish[] {
  return [wishAtHop(state, hops[lastPdmHop], PURPOSE.repeat, lastPdmHop, 0, RANK.where)];
}

function wantsRepeat(trace: Case): boolean {
  const { repeat } = trace;
  if (repeat.pairs >= REPEAT_CAP) return false;
  if (lossOutlivesN(trace)) return repeat.pending === 0;
  if (repeat.pairs - repeat.void < REPEATS) return true;
  if (repeat.pending > 0) return false;
  if (repeat.pdmIntact === 0) return repeat.lost > 0 && repeat.lost < SILENT_REPEATS;
  return answersDiffer(trace) && repeat.pairs < DIFFERING_REPEATS;
}

/** Several pairs were lost after packets with the option were last seen at n: the loss may have moved nearer. */
export function lossOutlivesN({ lastPdmHop, counts }: Case): boolean {
  return lastPdmHop > 0 && counts.lostAfterSeen > LOST_AFTER_SEEN;
}

/** Hop n's repeats were answered by nobody who had answered there before. */
function answersDiffer({ hops, repeat, lastPdmHop }: Case): boolean {
  const before = hops[lastPdmHop];
  if (before === undefined) return false;
  // The hop's own counts hold the repeats as well: whoever is there first was there before them.
  const differs = ([first]: readonly string[], again: readonly string[]): boolean =>
    first !== undefined && again.length > 0 && !again.includes(first);
  return differs(before.plainResponders, repeat.plainResponders) || differs(before.pdmResponders, repeat.pdmResponders);
}
