/** The record of a trace that could not begin: every target yields one. */
import { formatAddress } from '../address/address.js';
import { RECORD_SCHEMA, noCounters } from '../record/record.js';
import type { TraceRecord } from '../record/record.js';
import type { TraceRequest } from './trace-engine.js';

/** No hops, no pairs and no counts; `reason` is all that it says. Times are milliseconds since 1970. */
export function unstartedRecord(
  request: TraceRequest,
  tool: TraceRecord['tool'],
  startedAtMs: number,
  endedAtMs: number,
  outcome: 'unreachable' | 'inconclusive',
  reason: string,
): TraceRecord {
  const { parameters } = request;
  const unknown = { name: null, asn: null, asName: null };
  return {
    schema: RECORD_SCHEMA,
    id: request.id,
    runId: request.runId,
    vantage: request.vantage,
    startedAt: new Date(startedAtMs).toISOString(),
    endedAt: new Date(endedAtMs).toISOString(),
    tool: { ...tool, version: request.toolVersion },
    parameters: {
      confidence: parameters.confidence,
      maxHops: parameters.maxHops,
      timeoutMs: parameters.timeoutMs,
      hopIntervalMs: parameters.hopIntervalMs,
      seed: parameters.seed,
    },
    company: request.company,
    source: { address: null, ...unknown },
    target: { input: request.input, address: formatAddress(request.target), ...unknown, aliases: [...request.aliases] },
    protocol: request.protocol,
    flow: { sourcePort: null, destinationPort: request.destinationPort, echoId: null, flowLabel: null, size: null },
    hops: [],
    targetPairs: null,
    summary: { lastPdmHop: null, lastPlainHop: null, nextHop: null, inDestinationNetwork: null, attribution: null },
    verdict: {
      outcome,
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
      reasons: [reason],
      settledBy: outcome === 'inconclusive' ? 'whole-trace' : null,
    },
    pdm: { serverDelayMs: null, roundTripMs: null },
    counters: noCounters(),
  };
}
