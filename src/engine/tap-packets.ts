/** What the tap is told of a packet, from the trace that it belongs to. */
import { ARMS } from '../trace/record.js';
import type { Reply } from '../trace/reply.js';
import { ARM_CODE } from '../trace/trace-state.js';
import type { ObservedPacket } from '../transport/probe-transport.js';
import type { PacketTap, TappedProbe, TappedTrace } from './packet-tap.js';
import type { RunningTrace } from './running-trace.js';

export function tapSent(tap: PacketTap, trace: RunningTrace, row: number, bytes: Uint8Array, atNs: number): void {
  tap.sent(tappedTrace(trace), tappedProbe(trace, row), bytes, atNs);
}

/** `row` is that of the probe which the reply belongs to. */
export function tapMatched(
  tap: PacketTap,
  trace: RunningTrace,
  row: number,
  packet: ObservedPacket,
  reply: Reply,
  isFirst: boolean,
): void {
  const kind = isFirst ? (trace.state.probes.isLate(row) ? 'late' : 'answers') : 'duplicate';
  tap.received(tappedTrace(trace), packet, reply, { kind, probe: tappedProbe(trace, row) });
}

export function tapUnmatched(
  tap: PacketTap,
  trace: RunningTrace,
  packet: ObservedPacket,
  reply: Reply,
  kind: 'forged' | 'ambiguous' | 'malformed',
): void {
  tap.received(tappedTrace(trace), packet, reply, { kind });
}

function tappedTrace({ request, state }: RunningTrace): TappedTrace {
  const { targetText, source } = state.identity;
  return { id: request.id, target: targetText, protocol: request.protocol, source };
}

function tappedProbe({ state: { probes } }: RunningTrace, row: number): TappedProbe {
  const code = probes.arm(row);
  return {
    number: row,
    arm: ARMS.find((arm) => ARM_CODE[arm] === code) ?? 'plain',
    hopLimit: probes.hopLimit(row),
    sentAtNs: () => probes.sentAtNs(row),
  };
}
