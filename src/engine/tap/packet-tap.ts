/**
 * Shows every packet of the traces to somebody else, with what the engine made of it. The engine knows nothing of what
 * happens to them; whoever listens must be quick and must not throw.
 */
import type { Arm, Protocol } from '../../record/record.js';
import type { Reply } from '../../trace/reply/reply.js';
import type { ObservedPacket } from '../../transport/probe-transport.js';

/** What a tap is told of the trace that a packet belongs to. */
export interface TappedTrace {
  readonly id: string;
  /** RFC 5952 text. */
  readonly target: string;
  readonly protocol: Protocol;
  /** 16 octets: our address. */
  readonly source: Uint8Array;
}

/** What a tap is told of the probe that a packet is, or answers. */
export interface TappedProbe {
  /** Within the trace, in the order of sending. */
  readonly number: number;
  readonly arm: Arm;
  readonly hopLimit: number;
  /** On the engine's clock. May get better within some milliseconds after the reply, when the kernel's time is known. */
  readonly sentAtNs: () => number;
}

/** Of a probe that went out as `count` fragments; the first has index 0. */
export interface TappedFragment {
  readonly index: number;
  readonly count: number;
}

/**
 * `late`: it answers, but after the wait was over. `duplicate`: the probe was answered before. `further-fragment`: the
 * probe was answered when another fragment of it was quoted.
 */
export type TappedVerdict =
  | { readonly kind: 'answers' | 'late' | 'duplicate' | 'further-fragment'; readonly probe: TappedProbe }
  | { readonly kind: 'forged' | 'ambiguous' | 'malformed' };

/** Octets are only valid during the call. */
export interface PacketTap {
  /** A probe, or one fragment of it, left at this time on the engine's clock. `bytes` is the whole IPv6 packet. */
  sent(trace: TappedTrace, probe: TappedProbe, fragment: TappedFragment | null, bytes: Uint8Array, atNs: number): void;
  /** A packet that belongs to a trace, or claims to. */
  received(trace: TappedTrace, packet: ObservedPacket, reply: Reply, verdict: TappedVerdict): void;
}
