import { RECORD_SCHEMA, type Outcome, type Protocol, type TraceRecord } from '../trace/record.js';
import type { TraceParameters } from '../engine/trace-engine.js';

/** What is known of a target that no packet was sent to. */
export interface UnmeasuredTarget {
  readonly id: string;
  readonly runId: string;
  readonly vantage: string | null;
  readonly company: string | null;
  readonly toolVersion: string;
  readonly transport: string | null;
  readonly input: string;
  readonly aliases: readonly string[];
  /** RFC 5952 text, or null when the name did not resolve. */
  readonly address: string | null;
  readonly protocol: Protocol;
  readonly destinationPort: number | null;
  readonly parameters: TraceParameters;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** `not-measured` for targets without an address or not to be probed, `unreachable` without a route, `inconclusive` when interrupted. */
  readonly outcome: Extract<Outcome, 'not-measured' | 'unreachable' | 'inconclusive'>;
  /** One sentence. */
  readonly reason: string;
}

/** Every target yields a record, those that were never probed too: the list it came from stays complete. */
export function unmeasuredRecord(target: UnmeasuredTarget): TraceRecord {
  const { parameters } = target;
  return {
    schema: RECORD_SCHEMA,
    id: target.id,
    runId: target.runId,
    vantage: target.vantage,
    startedAt: new Date(target.startedAtMs).toISOString(),
    endedAt: new Date(target.endedAtMs).toISOString(),
    tool: { version: target.toolVersion, transport: target.transport, clock: null },
    parameters: {
      confidence: parameters.confidence,
      maxHops: parameters.maxHops,
      timeoutMs: parameters.timeoutMs,
      hopIntervalMs: parameters.hopIntervalMs,
      seed: parameters.seed,
    },
    company: target.company,
    source: { address: null, name: null, asn: null, asName: null },
    target: {
      input: target.input,
      address: target.address,
      name: null,
      aliases: [...target.aliases],
      asn: null,
      asName: null,
    },
    protocol: target.protocol,
    flow: { sourcePort: null, destinationPort: target.destinationPort, echoId: null, flowLabel: null, size: null },
    hops: [],
    targetPairs: null,
    summary: { lastPdmHop: null, lastPlainHop: null, nextHop: null, inDestinationNetwork: null, attribution: null },
    verdict: {
      outcome: target.outcome,
      confidence: null,
      interval: null,
      cause: null,
      refusal: null,
      pathsDiverge: null,
      optionSeenUpTo: null,
      evidence: {
        basis: null,
        returnPath: null,
        pairs: 0,
        plainOnly: 0,
        pdmOnly: 0,
        rates: { plain: null, pdm: null },
        passRateUpper: null,
      },
      reasons: [target.reason],
    },
    pdm: { serverDelayMs: null, roundTripMs: null },
    counters: {
      sent: 0,
      answered: 0,
      late: 0,
      duplicate: 0,
      foreign: 0,
      ambiguous: 0,
      malformed: 0,
      forged: 0,
      sendErrors: 0,
      kernelDrops: null,
    },
  };
}
