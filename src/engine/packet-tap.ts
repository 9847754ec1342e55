/**
 * Shows every packet of the traces to somebody else, with what the engine made of it. The engine knows nothing of what
 * happens to them; whoever listens must be quick and must not throw.
 */
import { ARMS } from '../trace/record.js';
import type { Arm, Protocol } from '../trace/record.js';
import type { Reply } from '../trace/reply.js';
import { ARM_CODE } from '../trace/trace-state.js';
import type { ObservedPacket } from '../transport/probe-transport.js';
import type { RunningTrace } from './running-trace.js';

export interface TappedTrace {
  readonly id: string;
  /** RFC 5952 text. */
  readonly target: string;
  readonly protocol: Protocol;
  /** 16 octets: our address. */
  readonly source: Uint8Array;
}

export interface TappedProbe {
  /** Within the trace, in the order of sending. */
  readonly number: number;
  readonly arm: Arm;
  readonly hopLimit: number;
  /** On the engine's clock. May get better within some milliseconds after the reply, when the kernel's time is known. */
  readonly sentAtNs: () => number;
}

/** `late`: it answers, but after the wait was over. `duplicate`: the probe was answered before. */
export type TappedVerdict =
  | { readonly kind: 'answers' | 'late' | 'duplicate'; readonly probe: TappedProbe }
  | { readonly kind: 'forged' | 'ambiguous' | 'malformed' };

/** Octets are only valid during the call. */
export interface PacketTap {
  /** A probe left at this time on the engine's clock. `bytes` is the whole IPv6 packet. */
  sent(trace: TappedTrace, probe: TappedProbe, bytes: Uint8Array, atNs: number): void;
  /** A packet that belongs to a trace, or claims to. */
  received(trace: TappedTrace, packet: ObservedPacket, reply: Reply, verdict: TappedVerdict): void;
}

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
