/** Who refuses packets with the option (METHOD §6.9). */
import { replyOf } from './evidence.js';
import type { Evidence } from './evidence.js';
import type { Refusal } from './record.js';
import { ARM_CODE, PURPOSE, REPLY_KIND, TARGET_HOP_LIMIT } from './trace-state.js';
import type { TraceState } from './trace-state.js';

export interface RefusalFinding {
  readonly refusal: Refusal;
  /** Refusals of `pdm` by this address. */
  readonly refusals: number;
  /** The smallest hop limit that drew one. */
  readonly firstHopLimit: number;
  /** Pairs in which this address refused `pdm` while `plain` was answered from beyond it. */
  readonly pairsBeyond: number;
}

export function findRefusal(state: TraceState, evidence: Evidence): RefusalFinding | null {
  const { probes } = state;
  const bySource = new Map<string, number[]>();
  for (const row of evidence.pdmRefusals) {
    const source = replyOf(state, row)?.responder;
    if (source === undefined) continue;
    const rows = bySource.get(source);
    if (rows === undefined) bySource.set(source, [row]);
    else rows.push(row);
  }
  // Two refusers would be two stories; one of them must have refused everything that was refused.
  if (bySource.size !== 1) return null;
  const [entry] = bySource;
  if (entry === undefined) return null;
  const [address, rows] = entry;
  let firstHopLimit = TARGET_HOP_LIMIT;
  for (const row of rows) if (probes.hopLimit(row) < firstHopLimit) firstHopLimit = probes.hopLimit(row);
  firstHopLimit = Math.min(firstHopLimit, evidence.distance.plain ?? TARGET_HOP_LIMIT);
  const ownHop = hopOf(evidence, address);
  let pairsBeyond = 0;
  for (const row of rows) {
    const partner = row ^ 1;
    const reply = replyOf(state, partner);
    if (reply === null || probes.arm(partner) !== ARM_CODE.plain || probes.isLate(partner) || probes.isLate(row))
      continue;
    if (probes.purpose(row) === PURPOSE.echo) continue;
    const beyond =
      reply.kind === REPLY_KIND.arrived || (reply.kind === REPLY_KIND.timeExceeded && reply.responder !== address);
    if (beyond) pairsBeyond += 1;
  }
  const first = replyOf(state, rows[0] ?? 0);
  if (first === null) return null;
  return {
    refusal: { address, hop: ownHop ?? firstHopLimit, type: first.type, code: first.code, pointer: first.pointer },
    refusals: rows.length,
    firstHopLimit,
    pairsBeyond,
  };
}

/** The hop at which this address answers `plain` with a Time Exceeded. */
function hopOf(evidence: Evidence, address: string): number | null {
  for (let hop = 1; hop <= evidence.highestHop; hop += 1) {
    if (evidence.hops[hop]?.plainResponderOnAnyFlow.includes(address) === true) return hop;
  }
  return null;
}
