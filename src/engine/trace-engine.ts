/**
 * What the rest of the program sees of the engine: requests go in, records come out, progress can be watched.
 * `createTraceEngine` in `create-trace-engine.ts` implements it.
 */
import type { EngineClock, ProbeTransport } from '../transport/probe-transport.js';
import type { Protocol, TraceRecord } from '../record/record.js';
import type { PacketTap } from './tap/packet-tap.js';

/** Time as the engine needs it. Pacing is monotonic; wall time only dates records. A virtual one drives simulations. */
export interface EngineTime extends EngineClock {
  /** Milliseconds since 1970, for `startedAt` and `endedAt`. */
  wallMs(): number;
  /** Calls back once, not before `atNs` on this clock. Returns a function that cancels. */
  at(atNs: number, callback: () => void): () => void;
}

/** What one trace may do, as the settings say; METHOD's numbers are no parameters. */
export interface TraceParameters {
  /** Bar for every accusation, 0.5 < P < 1. */
  readonly confidence: number;
  /** 1–64. */
  readonly maxHops: number;
  readonly timeoutMs: number;
  readonly hopIntervalMs: number;
  readonly gapLimit: number;
  /** Run the arms that explain an accusation (METHOD: cause). */
  readonly explain: boolean;
  /** A host elsewhere, RFC 5952 text, that is asked for an unquoted answer (METHOD: dropped, the source's own firewall). */
  readonly reference?: string | null;
  /** Seed of the order of probes. */
  readonly seed: number;
  /** 1–0xfffff, or null for a random one. */
  readonly flowLabel: number | null;
  /** Probe description URI (RFC 9511), at most 36 octets, or null. */
  readonly probeUri: string | null;
  /** Octets of the `plain` probe of UDP and echo traces, IPv6 header included; null or absent for the smallest. */
  readonly size?: number | null;
  /** UDP and echo probes as fragments, PDM before the Fragment header. */
  readonly fragment?: boolean;
}

/** One target, one protocol. What is not measured goes into the record as it is. */
export interface TraceRequest {
  readonly id: string;
  readonly runId: string;
  readonly vantage: string | null;
  readonly company: string | null;
  readonly toolVersion: string;
  /** As the user wrote it. */
  readonly input: string;
  readonly aliases: readonly string[];
  /** 16 octets. */
  readonly target: Uint8Array;
  readonly protocol: Protocol;
  /** Null for icmp6. */
  readonly destinationPort: number | null;
  readonly source: Uint8Array | null;
  readonly interface: string | null;
  /** The source address, 16 octets, of a route that was just looked up for it; the engine asks for one where absent. */
  readonly routedFrom?: Uint8Array;
  readonly parameters: TraceParameters;
  /**
   * Near hops that other traces of the same run have measured may fill the record (METHOD: Exploring): for lists. Without it the
   * trace probes every hop itself.
   */
  readonly shareNearHops?: boolean;
}

/** One trace that was started: its record to be, and what is known until then. */
export interface TraceHandle {
  /** Never rejects for anything a network does: such ends are outcomes. Names and AS fields are still null. */
  readonly record: Promise<TraceRecord>;
  /** What is known so far, as a record whose verdict is `inconclusive` while it runs. */
  snapshot(): TraceRecord;
}

/** Counts since the engine was made, but for `tracesInFlight`. */
export interface EngineStats {
  readonly tracesInFlight: number;
  readonly probesSent: number;
  readonly repliesMatched: number;
  /** Replies that fit no trace of ours. */
  readonly foreign: number;
  readonly malformed: number;
  readonly sendErrors: number;
}

/** Runs many traces at once, over one transport and within one rate. `close` ends them, and closes the transport. */
export interface TraceEngine {
  start(request: TraceRequest): TraceHandle;
  /** Ends all traces now: their records say they were interrupted and hold what was measured. */
  interrupt(): Promise<void>;
  stats(): EngineStats;
  close(): Promise<void>;
}

/** What the engine may not make itself: packets, time, chance. */
export interface TraceEngineOptions {
  readonly transport: ProbeTransport;
  readonly time: EngineTime;
  /** Unguessable octets (nonces, ports, PSN starts). Seeded in simulations only. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** Packets per second over all traces. */
  readonly rate: number;
  /** Whether a router on the way may be asked itself (16 octets); any where absent. */
  readonly mayBeAsked?: (address: Uint8Array) => boolean;
  /** Called at most once per change of a trace, for live tables; cheap when absent. */
  readonly onProgress?: (traceId: string) => void;
  /** Who answered: 16 octets that are valid during the call alone, for each answer anew. Cheap when absent. */
  readonly onResponder?: (address: Uint8Array) => void;
  /** A trace is begun again, or given up, because nothing went on in it: see `STUCK_AFTER_NS`. One line. */
  readonly onWarning?: (message: string) => void;
  /** Sees every packet of the traces; free when absent. */
  readonly tap?: PacketTap;
}
