import type { AddressNames } from '../annotate/annotate-record.js';
import type { TargetResolution } from '../annotate/names/names.js';
import type { EngineTime, TraceEngine } from '../engine/trace-engine.js';
import type { TraceRecord } from '../record/record.js';
import type { ProbeTransport } from '../transport/probe-transport.js';
import type { Settings } from '../config/settings.js';

/** Everything that measuring needs, put together by `compose.ts`; tests put together their own. */
export interface Measuring {
  readonly engine: TraceEngine;
  readonly time: EngineTime;
  readonly transport: Pick<ProbeTransport, 'name' | 'route' | 'stats'>;
  /** Which adapter was chosen and why, e.g. `raw-socket (native: not installed)`. */
  readonly transportChoice: string;
  readonly newId: () => string;
  /** Never rejects. */
  resolve(host: string): Promise<TargetResolution>;
  /** Why an address (16 octets) must not be probed, or null. */
  refuse(octets: Uint8Array, zone: string | null): string | null;
  /** With names, ASes and the judgement about the destination's network. Never rejects for want of an answer. */
  annotate(record: TraceRecord): Promise<TraceRecord>;
  /** Name and AS of one address, 16 octets. Never rejects for want of an answer. */
  describe(octets: Uint8Array): Promise<AddressNames>;
  /** Gives up the lookups that are under way and any later ones: names are null from now on. */
  stopLookups(): void;
  /** The transport broke and can no longer be used. */
  onFatal(listener: (error: Error) => void): void;
  /** Rejects, with all closed, when the capture of packets is not complete. */
  close(): Promise<void>;
}

/** Whom measuring tells what, and what it is to be ready for. */
export interface MeasuringHooks {
  /** Why an address (16 octets) is not probed besides, or null: a list that may change while all else stays open. */
  readonly refuseToo?: (octets: Uint8Array) => string | null;
  readonly onProgress: (traceId: string) => void;
  /** Who answered: see `TraceEngineOptions`. */
  readonly onResponder?: (octets: Uint8Array) => void;
  /** Something besides the measurement failed, which goes on; one line. */
  readonly onWarning: (message: string) => void;
  /**
   * Thousands of targets: names are asked of the name server directly, as many at a time as it takes, because the system's
   * own lookup goes by four threads and one dead name server holds one of them for many seconds. Default false.
   */
  readonly forList?: boolean;
  /**
   * Files that this process opened will be opened again: where it gives its privileges up it must keep an identity that
   * can. See `becomeFileOwner`.
   */
  readonly ownsFiles?: boolean;
}

/** Opens sockets and data. Throws errors with a `code`, and an `exitCode` where 70 is not meant. */
export type OpenMeasuring = (settings: Settings, hooks: MeasuringHooks) => Promise<Measuring>;
