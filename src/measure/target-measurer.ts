/** The port between lists and whatever measures their targets: this process, or a child of it. */
import type { EngineStats } from '../engine/trace-engine.js';
import type { Protocol, TraceRecord } from '../record/record.js';

/** What is the same for all targets of a run. Names and units are the settings'. */
export interface MeasureOptions {
  readonly confidence: number;
  readonly maxHops: number;
  readonly timeout: number;
  readonly hopInterval: number;
  readonly gapLimit: number;
  readonly explain: boolean;
  readonly seed: number;
  readonly flowLabel: number | null;
  readonly probeUri: string | null;
  readonly size: number | null;
  readonly fragment: boolean;
  readonly reference: string | null;
  readonly source: string | null;
  readonly interface: string | null;
  readonly addresses: 'first' | 'all';
  readonly vantage: string;
}

/** One target to be measured: a record for each address and protocol. */
export interface MeasureOrder {
  readonly runId: string;
  /** A name or an address, as the user wrote it. */
  readonly host: string;
  readonly company: string | null;
  readonly protocols: readonly Protocol[];
  /** Null: the protocol's default. */
  readonly dport: number | null;
  /** Records that are not wanted again. */
  readonly stored: readonly { readonly protocol: Protocol; readonly address: string | null }[];
  readonly options: MeasureOptions;
  /** Refuses addresses that only mean something here: loopback, link-local, unique local. */
  readonly publicOnly: boolean;
}

/** A record of an order, annotated. */
export interface MeasuredRecord {
  readonly record: TraceRecord;
  /** It ended early: a later record of the same target may take its place. */
  readonly interrupted: boolean;
  /** The order has no further ones, and this one was given up or none was. */
  readonly last: boolean;
  /** What ended it can only have been this order: a defect over it, or a process died that was measuring nothing else. */
  readonly toBlame?: boolean;
}

/** Counts of the process that measures, since it was started. */
export interface MeasurerStats extends EngineStats {
  /** Null where it cannot be known. */
  readonly kernelDrops: number | null;
}

/** A trace of an order that has begun. */
export interface StartedTrace {
  readonly id: string;
  readonly protocol: Protocol;
  /** Of its target, with its zone. */
  readonly address: string;
}

/** How an order is measured, for who needs it otherwise. */
export interface OrderOptions {
  /** With no other order under way, where a process of its own measures. Default false. */
  readonly alone?: boolean;
  /** Told of each trace that begins, where that is known here. */
  readonly onStarted?: (trace: StartedTrace) => void;
}

/** Whatever turns orders into records. */
export interface TargetMeasurer {
  /**
   * Resolves a target and traces it with every protocol. Every record is handed over as soon as it is there, names
   * included. Resolves with `interrupted` when the order was given up: then what was handed over may not be all.
   * Rejects for defects only.
   */
  measure(
    order: MeasureOrder,
    onRecord: (measured: MeasuredRecord) => void,
    options?: OrderOptions,
  ): Promise<'done' | 'interrupted'>;
  /** Null where it cannot be known now. */
  stats(): MeasurerStats | null;
}
