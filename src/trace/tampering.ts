/** Packets whose option was removed or rewritten on the way (METHOD §6.11). */
import { replyOf } from './evidence.js';
import type { Evidence } from './evidence.js';
import type { VerdictRecord } from './record.js';
import { ARM_CODE, PURPOSE, REPLY_KIND } from './trace-state.js';
import type { ReplySignature, TraceState } from './trace-state.js';

export interface TamperingFinding {
  readonly outcome: 'stripped' | 'altered';
  readonly basis: 'target' | 'routers';
  readonly interval: NonNullable<VerdictRecord['interval']>;
  readonly reasons: readonly string[];
}

export function findTampering(state: TraceState, evidence: Evidence): TamperingFinding | null {
  return (
    findKind(
      state,
      'stripped',
      (reply) => reply.stripped,
      (reply) => reply.intact === true,
      evidence,
    ) ??
    findKind(
      state,
      'altered',
      (reply) => reply.altered,
      (reply) => reply.intactWhole,
      evidence,
    )
  );
}

/** The last hop that quoted the option so that it cannot have been tampered with before. A short quote may not show a change. */
function lastRefutingHop(state: TraceState, refutes: (reply: ReplySignature) => boolean): number {
  const { probes } = state;
  let last = 0;
  for (let row = state.attemptStart; row < probes.count; row += 1) {
    const reply = replyOf(state, row);
    const atHop = reply?.kind === REPLY_KIND.timeExceeded && probes.purpose(row) !== PURPOSE.target;
    if (atHop && probes.arm(row) === ARM_CODE.pdm && probes.hopLimit(row) > last && refutes(reply))
      last = probes.hopLimit(row);
  }
  return last;
}

function findKind(
  state: TraceState,
  outcome: 'stripped' | 'altered',
  shows: (reply: ReplySignature) => boolean,
  refutes: (reply: ReplySignature) => boolean,
  evidence: Evidence,
): TamperingFinding | null {
  const { probes } = state;
  const n = lastRefutingHop(state, refutes);
  const witnesses = new Set<string>();
  let byTarget = 0;
  let firstHop = Number.POSITIVE_INFINITY;
  for (let row = state.attemptStart; row < probes.count; row += 1) {
    if (probes.arm(row) !== ARM_CODE.pdm) continue;
    const reply = replyOf(state, row);
    if (reply?.quoted !== true) continue;
    if (reply.kind === REPLY_KIND.arrived) {
      // The target saw the option as it was sent: whatever routers quoted is an artefact of their quoting.
      if (refutes(reply)) return null;
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
