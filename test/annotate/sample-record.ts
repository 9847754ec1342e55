import { noCounters } from '../../src/record/record.js';
import type { ArmRecord, HopRecord, ResponderRecord, SummaryHop, TraceRecord } from '../../src/record/record.js';

/** A record as the trace room leaves it: no names, no origins. */
export function sampleRecord(changes: Partial<TraceRecord> = {}): TraceRecord {
  return {
    schema: 'pdm-trace/1',
    id: '01928f7e-0000-7000-8000-000000000001',
    runId: '01928f7e-0000-7000-8000-000000000000',
    vantage: 'PDM-Toronto',
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:00:05.000Z',
    tool: { version: '0.1.0', transport: 'raw-socket', clock: 'process' },
    parameters: { confidence: 0.999, maxHops: 30, timeoutMs: 2000, hopIntervalMs: 250, seed: 1 },
    company: null,
    source: { address: '2001:db8:1::1', name: null, asn: null, asName: null },
    target: { input: 'www.example', address: '2001:db8:d::80', name: null, asn: null, asName: null, aliases: [] },
    protocol: 'udp',
    flow: { sourcePort: 50000, destinationPort: 33434, echoId: null, flowLabel: 74565, size: 80 },
    hops: [],
    targetPairs: null,
    summary: { lastPdmHop: null, lastPlainHop: null, nextHop: null, inDestinationNetwork: null, attribution: null },
    verdict: {
      outcome: 'inconclusive',
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
      reasons: [],
    },
    pdm: { serverDelayMs: null, roundTripMs: null },
    counters: noCounters(),
    ...changes,
  };
}

export function sampleResponder(address: string, type = 3, code = 0): ResponderRecord {
  return {
    address,
    name: null,
    asn: null,
    asName: null,
    answered: 3,
    rttMs: { min: 1, median: 1.5, max: 2 },
    replyHopLimit: null,
    icmp: [{ type, code, pointer: null, count: 3 }],
    mpls: [],
    interfaces: [],
    quotes: [{ intact: null, changes: [], count: 3 }],
  };
}

export function sampleArm(...responders: ResponderRecord[]): ArmRecord {
  return { sent: 3, answered: responders.length === 0 ? 0 : 3, responders };
}

/** A hop at which `plain` drew `plain` and `pdm` drew `pdm`. */
export function sampleHop(hop: number, plain: readonly ResponderRecord[], pdm: readonly ResponderRecord[]): HopRecord {
  return {
    hop,
    pairs: { both: 0, plainOnly: 0, pdmOnly: 0, neither: 0, void: 0 },
    arms: { plain: sampleArm(...plain), pdm: sampleArm(...pdm) },
  };
}

export function sampleSummaryHop(hop: number, address: string | null): SummaryHop {
  return { hop, address, name: null, asn: null, asName: null };
}
