/** What is said of fragments beside the verdict: targets that could not put them together (RFC 4443 §3.3, code 1). */
import { ICMPV6, TIME_EXCEEDED } from '../../wire/icmpv6.js';
import type { Case } from '../case.js';
import { replyTo } from '../evidence/pair.js';
import { isExpired } from './words.js';
import { ARM_CODE, TARGET_HOP_LIMIT } from '../state/trace-state.js';
import type { ReplySignature, TraceState } from '../state/trace-state.js';

/** Probes of which some fragments came, and not all. Not of the current attempt alone: the answer comes a minute later. */
export function countUnassembled(state: TraceState): { plain: number; pdm: number } {
  const counts = { plain: 0, pdm: 0 };
  if (!state.signatures.some(isPartOnly)) return counts;
  for (let row = 0; row < state.probes.count; row += 1) {
    const reply = replyTo(state, row);
    if (reply === null || !isPartOnly(reply)) continue;
    if (state.probes.arm(row) === ARM_CODE.plain) counts.plain += 1;
    else if (state.probes.arm(row) === ARM_CODE.pdm) counts.pdm += 1;
  }
  return counts;
}

function isPartOnly({ type, code }: ReplySignature): boolean {
  return type === ICMPV6.timeExceeded && code === TIME_EXCEEDED.reassembly;
}

/** The last hop beyond n that reported some fragments of a packet with the option, and not all of them; 0 where there is none. */
function lastPartlyReported({ state, lastPdmHop }: Case): number {
  const { probes } = state;
  let last = 0;
  for (let row = state.attemptStart; row < probes.count; row += 1) {
    const hop = probes.hopLimit(row);
    if (probes.arm(row) !== ARM_CODE.pdm || hop === TARGET_HOP_LIMIT || hop <= Math.max(last, lastPdmHop)) continue;
    const reply = replyTo(state, row);
    if (reply !== null && isExpired(reply) && reply.partial && reply.intact === true) last = hop;
  }
  return last;
}

/** Sentences for the verdict's reasons; none unless the probes were sent as fragments. */
export function describeFragments(trace: Case): string[] {
  const { state } = trace;
  if (!state.identity.fragmented || state.identity.protocol === 'tcp') return [];
  const { plain, pdm } = countUnassembled(state);
  const said: string[] = [];
  if (plain + pdm > 0) {
    said.push(
      `Fragments of ${plain} packets without the option and ${pdm} with it were not put together (Time Exceeded 3/1): some of them came and others did not.`,
    );
  }
  const partly = lastPartlyReported(trace);
  if (partly > 0 && trace.pdmArrivals === 0) {
    said.push(
      `Hop ${partly} reported some fragments of packets with the option and never all of one packet: a filter may drop the others before it, or it limits its errors and the packets came as far as that.`,
    );
  }
  if (trace.plainArrivals === 0 && trace.pdmArrivals === 0) {
    said.push(
      'All probes were fragments: where those are dropped, nothing is learnt of the option without --fragment.',
    );
  }
  return said;
}
