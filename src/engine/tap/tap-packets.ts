/** What the tap is told of a packet, from the trace that it belongs to. */
import { describeProbe } from '../../trace/probe/one-probe.js';
import type { Reply } from '../../trace/reply/reply.js';
import type { Observed } from '../../trace/reply/observe.js';
import type { ObservedPacket } from '../../transport/probe-transport.js';
import type { PacketTap, TappedFragment, TappedTrace } from './packet-tap.js';
import type { RunningTrace } from '../running-trace.js';

/** `fragment`: index and number of fragments, or null for a whole probe. */
export function tapSent(
  tap: PacketTap,
  trace: RunningTrace,
  row: number,
  fragment: TappedFragment | null,
  bytes: Uint8Array,
  atNs: number,
): void {
  tap.sent(tappedTrace(trace), describeProbe(trace.state, row), fragment, bytes, atNs);
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
  const probe = describeProbe(trace.state, row);
  const kind = observed !== 'answer' ? observed : probe.isLate ? 'late' : 'answers';
  tap.received(tappedTrace(trace), packet, reply, { kind, probe });
}

/** It concerns this trace and was taken for the answer to none of its probes; `kind` says why. */
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
