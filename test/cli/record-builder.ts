import type {
  ArmRecord,
  HopRecord,
  PairCounts,
  ResponderRecord,
  SummaryRecord,
  TargetPairsRecord,
  TraceRecord,
  VerdictRecord,
} from '../../src/record/record.js';
import { noCounters } from '../../src/record/record.js';

/** Routers of one path: r1…r3 in AS64500, r4…r6 in AS64510, the target in AS64501. */
const AS_NAMES: Readonly<Record<number, string>> = { 64500: 'Source Net', 64510: 'Transit Ltd', 64501: 'Example Corp' };

function asOfHop(hop: number): number {
  return hop <= 3 ? 64500 : 64510;
}

export function place(address: string | null, name: string | null, asn: number | null) {
  return { address, name, asn, asName: asn === null ? null : (AS_NAMES[asn] ?? null) };
}

export function routerPlace(hop: number) {
  return { hop, ...place(`2001:db8:${hop}::1`, `r${hop}.example.net`, asOfHop(hop)) };
}

export const TARGET = place('2001:db8:ffff::80', 'www.example.com', 64501);

export function responder(
  where: { address: string | null; name: string | null; asn: number | null; asName: string | null },
  answered: number,
  rttMs: number | null,
): ResponderRecord {
  return {
    address: where.address ?? '',
    name: where.name,
    asn: where.asn,
    asName: where.asName,
    answered,
    rttMs: rttMs === null ? null : { min: rttMs, median: rttMs, max: rttMs },
    replyHopLimit: null,
    icmp: [{ type: 3, code: 0, pointer: null, count: answered }],
    mpls: [],
    interfaces: [],
    quotes: [],
  };
}

export function arm(sent: number, ...responders: ResponderRecord[]): ArmRecord {
  return { sent, answered: responders.reduce((sum, one) => sum + one.answered, 0), responders };
}

function pairs(counts: Partial<PairCounts>): PairCounts {
  return { both: 0, plainOnly: 0, pdmOnly: 0, neither: 0, void: 0, ...counts };
}

/** A hop whose router answers both arms, `plain` alone, or nothing. */
export function hop(number: number, answers: 'both' | 'plain' | 'none'): HopRecord {
  const router = responder(routerPlace(number), 3, number * 1.5);
  return {
    hop: number,
    pairs: pairs(answers === 'both' ? { both: 3 } : answers === 'plain' ? { plainOnly: 3 } : { neither: 3 }),
    arms: {
      plain: answers === 'none' ? arm(3) : arm(3, router),
      pdm: answers === 'both' ? arm(3, router) : arm(3),
    },
  };
}

export function targetPairs(plain: number, pdm: number, sent: number, distance = 7): TargetPairsRecord {
  const both = Math.min(plain, pdm);
  return {
    hop: null,
    pairs: pairs({ both, plainOnly: plain - both, pdmOnly: pdm - both, neither: sent - Math.max(plain, pdm) }),
    arms: {
      plain: plain === 0 ? arm(sent) : arm(sent, responder(TARGET, plain, 12.25)),
      pdm: pdm === 0 ? arm(sent) : arm(sent, responder(TARGET, pdm, 12.5)),
    },
    distance: { plain: plain === 0 ? null : distance, pdm: pdm === 0 ? null : distance },
  };
}

export interface RecordParts {
  readonly hops?: HopRecord[];
  readonly targetPairs?: TargetPairsRecord | null;
  readonly summary?: Partial<SummaryRecord>;
  readonly verdict?: Partial<VerdictRecord>;
  readonly input?: string;
  readonly record?: Partial<TraceRecord>;
}

export function buildRecord(parts: RecordParts = {}): TraceRecord {
  return {
    schema: 'pdm-trace/1',
    id: '01900000-0000-7000-8000-000000000001',
    runId: '01900000-0000-7000-8000-000000000000',
    vantage: 'lab',
    startedAt: '2025-01-01T00:00:00.000Z',
    endedAt: '2025-01-01T00:00:02.000Z',
    tool: { version: '0.1.0', transport: 'simulated', clock: 'process' },
    parameters: { confidence: 0.999, maxHops: 30, timeoutMs: 2000, hopIntervalMs: 250, seed: 1 },
    company: null,
    source: place('2001:db8::1', 'here.example.org', 64500),
    target: { ...TARGET, input: parts.input ?? 'www.example.com', aliases: [] },
    protocol: 'udp',
    flow: { sourcePort: 50000, destinationPort: 33434, echoId: null, flowLabel: 74565, size: 62 },
    hops: parts.hops ?? [],
    targetPairs: parts.targetPairs ?? null,
    summary: {
      lastPdmHop: null,
      lastPlainHop: null,
      nextHop: null,
      inDestinationNetwork: null,
      attribution: null,
      ...parts.summary,
    },
    verdict: {
      outcome: 'delivered',
      confidence: null,
      interval: null,
      cause: null,
      refusal: null,
      pathsDiverge: null,
      optionSeenUpTo: null,
      reasons: [],
      ...parts.verdict,
      evidence: {
        basis: null,
        returnPath: null,
        pairs: 0,
        plainOnly: 0,
        pdmOnly: 0,
        rates: { plain: null, pdm: null },
        passRateUpper: null,
        ...parts.verdict?.evidence,
      },
    },
    pdm: { serverDelayMs: null, roundTripMs: null },
    counters: { ...noCounters(), sent: 66, answered: 50 },
    ...parts.record,
  };
}

const BARE_EVIDENCE = {
  basis: null,
  returnPath: null,
  pairs: 0,
  plainOnly: 0,
  pdmOnly: 0,
  rates: { plain: null, pdm: null },
  passRateUpper: null,
} as const;

export function evidence(parts: Partial<VerdictRecord['evidence']>): VerdictRecord['evidence'] {
  return { ...BARE_EVIDENCE, ...parts };
}

/** Six routers and the target; PDM arrives. */
export function deliveredRecord(): TraceRecord {
  return buildRecord({
    hops: [1, 2, 3, 4, 5, 6].map((number) => hop(number, 'both')),
    targetPairs: targetPairs(10, 10, 10),
    summary: { lastPdmHop: routerPlace(6), lastPlainHop: { hop: 7, ...TARGET } },
    verdict: { outcome: 'delivered', optionSeenUpTo: 'target' },
  });
}

/** Hop 4 drops after its expiry check. */
export function droppedRecord(): TraceRecord {
  const next = { ...routerPlace(5), candidates: [], uncertain: false };
  return buildRecord({
    hops: [1, 2, 3, 4, 5, 6].map((number) => hop(number, number <= 4 ? 'both' : 'plain')),
    targetPairs: targetPairs(12, 0, 12),
    summary: {
      lastPdmHop: routerPlace(4),
      lastPlainHop: { hop: 7, ...TARGET },
      nextHop: next,
      inDestinationNetwork: 'no',
      attribution: {
        best: 64510,
        worst: 64510,
        candidates: [64510],
        rule: 'x, x, x',
        method: 'origin-as',
        source: 'test data',
        date: '2025-01-01',
      },
    },
    verdict: {
      outcome: 'dropped',
      confidence: 1 - 2 ** -12,
      interval: { after: 4, upTo: 7, likelyUpTo: 5 },
      optionSeenUpTo: 4,
      evidence: evidence({
        basis: 'target',
        returnPath: 'excluded',
        witness: 'echo',
        pairs: 12,
        plainOnly: 12,
        rates: { plain: 1, pdm: 0 },
        passRateUpper: 0.4377,
      }),
    },
  });
}
