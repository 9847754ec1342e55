import { destinationPort } from '../../config/settings.js';
import { unstartedRecord } from '../../engine/unstarted-record.js';
import type { Protocol, TraceRecord } from '../../record/record.js';
import type { MeasureOrder } from '../target-measurer.js';

/** A trace that ended with the process that measured it. Times are milliseconds since 1970. */
export interface InterruptedTrace {
  readonly id: string;
  readonly order: MeasureOrder;
  readonly protocol: Protocol;
  /** RFC 5952 text, a zone after it where there is one; null where it is not known. */
  readonly address: string | null;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly toolVersion: string;
  /** It was a defect of ours over this very target: tracing again may meet it again. */
  readonly isDefect: boolean;
  /** One sentence. */
  readonly reason: string;
}

/** Not shown: the record's address is put in its place. */
const NO_ADDRESS = new Uint8Array(16);

/** The record of a trace whose process died over it: what it had measured is gone, that it began is not. */
export function interruptedRecord(trace: InterruptedTrace): TraceRecord {
  const { order, protocol, address, reason } = trace;
  const { options } = order;
  const request = {
    id: trace.id,
    runId: order.runId,
    vantage: options.vantage,
    company: order.company,
    toolVersion: trace.toolVersion,
    input: order.host,
    aliases: [],
    target: NO_ADDRESS,
    protocol,
    destinationPort: destinationPort({ dport: order.dport }, protocol),
    source: null,
    interface: null,
    parameters: { ...options, timeoutMs: options.timeout, hopIntervalMs: options.hopInterval },
  };
  const tool = { version: trace.toolVersion, transport: null, clock: null };
  const record = unstartedRecord(request, tool, trace.startedAtMs, trace.endedAtMs, 'inconclusive', reason);
  return {
    ...record,
    target: { ...record.target, address },
    verdict: { ...record.verdict, settledBy: trace.isDefect ? null : 'whole-trace' },
  };
}
