/** What HTTP needs to know of the daemon, and the one thing it can ask of it. */
import type { Protocol } from '../record/record.js';
import type { MeasurerStats } from '../measure/target-measurer.js';

/** A job as it is shown over HTTP. Times are milliseconds since 1970. */
export interface JobView {
  readonly name: string;
  /** The list's file. */
  readonly targets: string;
  /** Five or six fields, as configured. */
  readonly cron: string;
  /** IANA name. */
  readonly timezone: string;
  readonly protocols: readonly Protocol[];
  /** Null: it will not run again. */
  readonly nextRunAtMs: number | null;
  readonly running: {
    readonly runId: string;
    readonly startedAtMs: number;
    /** Of the list, and how many of them have all their records. */
    readonly targets: number;
    readonly done: number;
  } | null;
  /** Null: it has not ended since the daemon was started. `error` is one line. */
  readonly lastEnd: {
    readonly runId: string | null;
    readonly endedAtMs: number;
    readonly state: 'finished' | 'stopped' | 'failed';
    readonly error: string | null;
  } | null;
  /** Times that it was due and did not begin, because its last run was still under way or by its policy. */
  readonly skipped: number;
}

/** What a client may say about a trace. Undefined: the daemon's own settings. */
export interface TraceRequest {
  readonly host: string;
  readonly protocol?: Protocol;
  readonly dport?: number;
  readonly maxHops?: number;
  readonly tags?: readonly string[];
}

/** Codes with which `traceNow` rejects. Anything else is a defect. */
export const TRACE_REFUSALS = {
  /** As many wait as may. */
  queueFull: 'EQUEUEFULL',
  /** See `notReady`. */
  notReady: 'ENOTREADY',
  /** The host is an address that is not to be probed; the message is one sentence for the client. */
  forbiddenTarget: 'EFORBIDDENTARGET',
} as const;

/** What HTTP may see and ask of the daemon; nothing of it waits for the disk but `traceNow`. */
export interface DaemonView {
  /** Why the daemon is not ready, one sentence each; empty: it is. */
  notReady(): readonly string[];
  jobs(): readonly JobView[];
  /** Null while nothing measures. */
  measurer(): MeasurerStats | null;
  counts(): {
    /** Traces asked for over HTTP that wait or are under way. */
    readonly queueLength: number;
    /** Measured and not on disk yet. */
    readonly recordsHeld: number;
    /** Of the measuring child, since the daemon was started. */
    readonly childRestarts: number;
    /** Records stored since the daemon was started, by outcome. */
    readonly outcomes: ReadonlyMap<string, number>;
  };
  /**
   * Resolves when the trace is in the store and its run waits or is under way; the records follow there. At most the
   * settings' `traceQueue` wait. Rejects with a code of TRACE_REFUSALS. Addresses are checked once the name is resolved.
   */
  traceNow(request: TraceRequest): Promise<{ readonly runId: string }>;
}
