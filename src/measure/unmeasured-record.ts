import type { TraceRequest } from '../engine/trace-engine.js';
import { unstartedRecord } from '../engine/unstarted-record.js';
import type { Outcome, TraceRecord } from '../record/record.js';

/** What is known of a target that no packet was sent to. */
export interface UnmeasuredTarget {
  readonly request: TraceRequest;
  /** RFC 5952 text, or null when the name did not resolve. */
  readonly address: string | null;
  readonly transport: string | null;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** `not-measured` for targets without an address or not to be probed, `unreachable` without a route, `inconclusive` when interrupted. */
  readonly outcome: Extract<Outcome, 'not-measured' | 'unreachable' | 'inconclusive'>;
  /** One sentence. */
  readonly reason: string;
}

/** Every target yields a record, those that were never probed too: the list it came from stays complete. */
export function unmeasuredRecord(target: UnmeasuredTarget): TraceRecord {
  const { request, startedAtMs, endedAtMs, reason } = target;
  const tool = { version: request.toolVersion, transport: target.transport, clock: null };
  const record = unstartedRecord(request, tool, startedAtMs, endedAtMs, 'inconclusive', reason);
  return {
    ...record,
    target: { ...record.target, address: target.address },
    verdict: {
      ...record.verdict,
      outcome: target.outcome,
      settledBy: target.outcome === 'inconclusive' ? 'whole-trace' : null,
    },
  };
}
