/** Who refuses packets with the option (METHOD §6.9). */
import { DESTINATION_UNREACHABLE, ICMPV6 } from '../wire/icmpv6.js';
import { replyOf } from './evidence.js';
import type { Evidence } from './evidence.js';
import type { Refusal } from './record.js';
import { ARM_CODE, PURPOSE, REPLY_KIND, TARGET_HOP_LIMIT } from './trace-state.js';
import type { ReplySignature, TraceState } from './trace-state.js';

export interface RefusalFinding {
  readonly refusal: Refusal;
  /** Refusals of `pdm` by this address. */
  readonly refusals: number;
  /** The smallest hop limit that drew one. */
  readonly firstHopLimit: number;
  /** Pairs in which `pdm` was refused, or drew nothing, while `plain` was answered from beyond this address. */
  readonly pairsBeyond: number;
}

export function findRefusal(state: TraceState, evidence: Evidence, pathsDiverge: number | null): RefusalFinding | null {
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
  // On a way of its own, the option's distance to the target is not the other arm's.
  if (pathsDiverge === null) firstHopLimit = Math.min(firstHopLimit, evidence.distance.plain ?? TARGET_HOP_LIMIT);
  const ownHop = hopOf(evidence, address, firstHopLimit);
  const first = replyOf(state, rows[0] ?? 0);
  if (first === null) return null;
  // A refuser limits its errors like any router: a partner that drew nothing counts too, unless the code is one that
  // routers send for a moment while routes change (METHOD §5).
  const isTransient = rows.every((row) => isTransientRefusal(replyOf(state, row)));
  let pairsBeyond = 0;
  for (let row = state.attemptStart; row < probes.count; row += 1) {
    if (
      probes.arm(row) !== ARM_CODE.pdm ||
      probes.purpose(row) === PURPOSE.echo ||
      probes.hopLimit(row) < firstHopLimit
    )
      continue;
    const partner = row ^ 1;
    if (probes.arm(partner) !== ARM_CODE.plain || probes.isLate(partner) || probes.isLate(row)) continue;
    if (!probes.isSent(row) || !probes.isSent(partner)) continue;
    const own = replyOf(state, row);
    const refused = own?.kind === REPLY_KIND.refused;
    if (!refused && (isTransient || own !== null || evidence.plainArrivals === 0)) continue;
    const reply = replyOf(state, partner);
    if (reply === null) continue;
    const beyond =
      reply.kind === REPLY_KIND.arrived || (reply.kind === REPLY_KIND.timeExceeded && reply.responder !== address);
    if (beyond) pairsBeyond += 1;
  }
  return {
    refusal: { address, hop: ownHop ?? firstHopLimit, type: first.type, code: first.code, pointer: first.pointer },
    refusals: rows.length,
    firstHopLimit,
    pairsBeyond,
  };
}

function isTransientRefusal(reply: ReplySignature | null): boolean {
  if (reply?.type !== ICMPV6.destinationUnreachable) return false;
  return reply.code === DESTINATION_UNREACHABLE.noRoute || reply.code === DESTINATION_UNREACHABLE.addressUnreachable;
}

/**
 * The hop of the refuser. METHOD names the one where its address answers `plain` with a Time Exceeded; where the arms take
 * different ways, the hop at which it answers `pdm` is the one that the interval counts in, and one at which another
 * router answers `pdm` is none. Of several, the last before it refuses.
 */
function hopOf(evidence: Evidence, address: string, firstHopLimit: number): number | null {
  let plainHop: number | null = null;
  for (let hop = Math.min(firstHopLimit, evidence.highestHop); hop >= 1; hop -= 1) {
    const place = evidence.hops[hop];
    if (place === undefined) continue;
    if (place.pdmResponders.includes(address)) return hop;
    if (place.pdmResponders.length === 0 && place.plainResponderOnAnyFlow.includes(address)) plainHop ??= hop;
  }
  return plainHop;
}
