/** What the tap is told of a packet, from the trace that it belongs to. */
import { ARMS } from '../trace/record.js';
import type { Reply } from '../trace/reply/reply.js';
import type { Observed } from '../trace/reply/observe.js';
import { ARM_CODE } from '../trace/state/trace-state.js';
import type { ObservedPacket } from '../transport/probe-transport.js';
import type { PacketTap, TappedFragment, TappedProbe, TappedTrace } from './packet-tap.js';
import type { RunningTrace } from './running-trace.js';

/** `fragment`: index and number of fragments, or null for a whole probe. */
export function tapSent(
  tap: PacketTap,
  trace: RunningTrace,
  row: number,
  fragment: TappedFragment | null,
  bytes: Uint8Array,
  atNs: number,
): void {
  tap.sent(tappedTrace(trace), tappedProbe(trace, row), fragment, bytes, atNs);
}

/** `row` is that of the probe which the reply belongs to. */
export function tapMatched(
  tap: PacketTap,
  trace: RunningTrace,
  row: number,
  packet: ObservedPacket,
  reply: Reply,
  observed: Observed,
): void {
  const kind = observed === 'answer' ? (trace.state.probes.isLate(row) ? 'late' : 'answers') : observed;
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
