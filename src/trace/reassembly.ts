/** What is said of fragments beside the verdict: targets that could not put them together (RFC 4443 §3.3, code 1). */
import { ICMPV6, TIME_EXCEEDED } from '../wire/icmpv6.js';
import { replyOf } from './evidence.js';
import type { Evidence } from './evidence.js';
import { ARM_CODE } from './trace-state.js';
import type { TraceState } from './trace-state.js';

/** Probes of which some fragments came, and not all. Not of the current attempt alone: the answer comes a minute later. */
export function countUnassembled(state: TraceState): { plain: number; pdm: number } {
  const counts = { plain: 0, pdm: 0 };
  for (let row = 0; row < state.probes.count; row += 1) {
    const reply = replyOf(state, row);
    if (reply?.type !== ICMPV6.timeExceeded || reply.code !== TIME_EXCEEDED.reassembly) continue;
    if (state.probes.arm(row) === ARM_CODE.plain) counts.plain += 1;
    else if (state.probes.arm(row) === ARM_CODE.pdm) counts.pdm += 1;
  }
  return counts;
}

export function describeFragments(state: TraceState, evidence: Evidence): string[] {
  if (!state.identity.fragmented || state.identity.protocol === 'tcp') return [];
  const { plain, pdm } = countUnassembled(state);
  const said: string[] = [];
  if (plain + pdm > 0) {
    said.push(
      `Fragments of ${plain} packets without the option and ${pdm} with it were not put together (Time Exceeded 3/1): some of them came and others did not.`,
    );
  }
  if (evidence.plainArrivals === 0 && evidence.pdmArrivals === 0) {
    said.push(
      'All probes were fragments: where those are dropped, nothing is learnt of the option without --fragment.',
    );
  }
  return said;
}
