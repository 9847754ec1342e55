/** Packets whose option was removed or rewritten on the way (METHOD §6.11). */
import { replyOf } from './evidence.js';
import type { Evidence } from './evidence.js';
import type { VerdictRecord } from './record.js';
import { ARM_CODE, REPLY_KIND } from './trace-state.js';
import type { ReplySignature, TraceState } from './trace-state.js';

export interface TamperingFinding {
  readonly outcome: 'stripped' | 'altered';
  readonly basis: 'target' | 'routers';
  readonly interval: NonNullable<VerdictRecord['interval']>;
  readonly reasons: readonly string[];
}

export function findTampering(state: TraceState, evidence: Evidence): TamperingFinding | null {
  return (
    findKind(state, evidence, 'stripped', (reply) => reply.stripped) ??
    findKind(state, evidence, 'altered', (reply) => reply.altered)
  );
}

function findKind(
  state: TraceState,
  evidence: Evidence,
  outcome: 'stripped' | 'altered',
  shows: (reply: ReplySignature) => boolean,
): TamperingFinding | null {
  const { probes } = state;
  const n = evidence.lastPdmHop;
  const witnesses = new Set<string>();
  let byTarget = 0;
  let firstHop = Number.POSITIVE_INFINITY;
  for (let row = state.attemptStart; row < probes.count; row += 1) {
    if (probes.arm(row) !== ARM_CODE.pdm) continue;
    const reply = replyOf(state, row);
    if (reply?.quoted !== true) continue;
    if (reply.kind === REPLY_KIND.arrived) {
      // The target saw the option as it was sent: whatever routers quoted is an artefact of their quoting.
      if (reply.intact === true) return null;
      if (shows(reply)) byTarget += 1;
      continue;
    }
    if (reply.kind !== REPLY_KIND.timeExceeded || probes.hopLimit(row) <= n || !shows(reply)) continue;
    witnesses.add(reply.responder);
    firstHop = Math.min(firstHop, probes.hopLimit(row));
  }
  if (byTarget === 0 && witnesses.size < 2) return null;
  const upTo = Math.min(firstHop, evidence.distance.plain ?? evidence.distance.pdm ?? 64);
  if (upTo <= n) return null;
  const seen = byTarget > 0 ? 'the target quoted it so' : `${witnesses.size} routers beyond quoted it so`;
  return {
    outcome,
    basis: byTarget > 0 ? 'target' : 'routers',
    interval: { after: n, upTo, likelyUpTo: upTo },
    reasons: [
      outcome === 'stripped'
        ? `The option was removed on the way: ${seen}.`
        : `The option's octets were changed on the way: ${seen}.`,
    ],
  };
}
