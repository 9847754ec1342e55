/**
 * Records as a real trace leaves them, about 20 kB at the default size: enough of everything that a store, a table or an
 * export can be tested on, and the same for the same options.
 */
import { noCounters } from '../../src/record/record.js';
import type {
  Arm,
  ArmRecord,
  HopRecord,
  NamedAddress,
  Outcome,
  Protocol,
  ResponderRecord,
  SummaryHop,
  TraceRecord,
} from '../../src/record/record.js';

export interface RecordOptions {
  /** Makes id, addresses and names differ. Default 1. */
  readonly number?: number;
  readonly runId?: string;
  readonly input?: string;
  readonly company?: string | null;
  readonly protocol?: Protocol;
  readonly outcome?: Outcome;
  /** Hops to the target, the target's own hop included. Default 20. */
  readonly distance?: number;
  /** The last hop that PDM passes when it is lost. Default 8. */
  readonly lastPdmHop?: number;
  readonly startedAtMs?: number;
  readonly vantage?: string | null;
  readonly silentHops?: readonly number[];
  readonly destinationPort?: number;
}

export const RUN_ID = '0193a4b0-0000-7000-8000-000000000001';
export const START_MS = Date.UTC(2026, 10, 24, 8, 0, 0);
const SOURCE: NamedAddress = {
  address: '2001:db8:ffff::10',
  name: 'probe.example.net',
  asn: 64500,
  asName: 'Vantage Net',
};

export function buildRecord(options: RecordOptions = {}): TraceRecord {
  const number = options.number ?? 1;
  const protocol = options.protocol ?? 'udp';
  const outcome = options.outcome ?? 'dropped';
  const distance = options.distance ?? 20;
  const lost = outcome === 'dropped' || outcome === 'rejected';
  const n = lost ? (options.lastPdmHop ?? 8) : distance - 1;
  const startedAtMs = options.startedAtMs ?? START_MS + number * 1000;
  const target: NamedAddress = {
    address: `2001:db8:${hex(0x1000 + (number % 0x8000))}::${hex(1 + (number >> 15))}`,
    name: `www${number}.customer.example`,
    asn: 64501 + (number % 50),
    asName: `Destination Network ${number % 50}`,
  };
  const context: Context = {
    number,
    protocol,
    distance,
    n,
    target,
    silent: new Set(options.silentHops ?? [distance - 3]),
  };
  const hops = Array.from({ length: distance }, (_, index) => buildHop(context, index + 1));
  const at = (hop: number): SummaryHop => ({ hop, ...router(context, hop) });
  const silentNext = context.silent.has(n + 1);
  return {
    schema: 'pdm-trace/1',
    id: uuid(number),
    runId: options.runId ?? RUN_ID,
    vantage: options.vantage === undefined ? 'PDM-Toronto' : options.vantage,
    startedAt: new Date(startedAtMs).toISOString(),
    endedAt: new Date(startedAtMs + 4200).toISOString(),
    tool: { version: '0.1.0', transport: 'native', clock: 'kernel' },
    parameters: { confidence: 0.999, maxHops: 30, timeoutMs: 2000, hopIntervalMs: 250, seed: number },
    company: options.company === undefined ? `Company ${number % 500}` : options.company,
    source: SOURCE,
    target: { input: options.input ?? `www${number}.customer.example`, aliases: [], ...target },
    protocol,
    flow: {
      sourcePort: protocol === 'icmp6' ? null : 50000 + (number % 10000),
      destinationPort: protocol === 'icmp6' ? null : (options.destinationPort ?? (protocol === 'tcp' ? 443 : 33434)),
      echoId: protocol === 'icmp6' ? number % 65536 : null,
      flowLabel: 74565,
      size: 80,
    },
    hops,
    targetPairs: {
      hop: null,
      distance: { plain: distance, pdm: lost ? null : distance },
      pairs: { both: lost ? 0 : 6, plainOnly: lost ? 12 : 0, pdmOnly: 0, neither: 0, void: 0 },
      arms: {
        plain: arm(12, [responder(context, distance, 'plain', 12)]),
        pdm: lost ? arm(12, []) : arm(12, [responder(context, distance, 'pdm', 12)]),
      },
    },
    summary: {
      lastPdmHop: at(n),
      lastPlainHop: at(distance - 1),
      nextHop: lost
        ? {
            ...at(n + 1),
            ...(silentNext ? { address: null, name: null, asn: null, asName: null } : {}),
            candidates: [],
            uncertain: false,
          }
        : null,
      inDestinationNetwork: lost ? 'no' : null,
      attribution: lost
        ? {
            best: asnAt(context, n),
            worst: asnAt(context, n + 1),
            candidates: [asnAt(context, n), asnAt(context, n + 1)],
            rule: 'x, y, y',
            method: 'origin-as',
            source: 'ip-location-db',
            date: '2026-11-01',
          }
        : null,
    },
    verdict: {
      outcome,
      confidence: lost ? 0.99976 : null,
      interval: outcome === 'dropped' ? { after: n, upTo: distance, likelyUpTo: n + 1 } : null,
      cause: lost ? 'option' : null,
      refusal:
        outcome === 'rejected'
          ? { address: router(context, n + 1).address ?? '', hop: n + 1, type: 1, code: 1, pointer: null }
          : null,
      pathsDiverge: null,
      optionSeenUpTo: lost ? n : 'target',
      evidence: {
        basis: 'target',
        returnPath: lost ? 'excluded' : null,
        pairs: 41,
        plainOnly: lost ? 12 : 0,
        pdmOnly: 0,
        rates: { plain: 1, pdm: lost ? 0 : 1 },
        passRateUpper: lost ? 0.44 : null,
      },
      reasons: [
        lost
          ? `0 of 12 PDM probes reached the target while 12 of 12 plain ones did; at most 44 % do.`
          : 'The target answered both arms equally well.',
      ],
    },
    pdm: { serverDelayMs: null, roundTripMs: null },
    counters: { ...noCounters(), sent: 96, answered: 77, kernelDrops: 0 },
  };
}

interface Context {
  readonly number: number;
  readonly protocol: Protocol;
  readonly distance: number;
  readonly n: number;
  readonly target: NamedAddress;
  readonly silent: ReadonlySet<number>;
}

function buildHop(context: Context, hop: number): HopRecord {
  const isSilent = context.silent.has(hop);
  const pdmPasses = hop <= context.n || context.n === context.distance - 1;
  const answers = (name: Arm): ArmRecord =>
    arm(3, isSilent || (name !== 'plain' && !pdmPasses) ? [] : [responder(context, hop, name, 3)]);
  const both = isSilent || !pdmPasses ? 0 : 3;
  return {
    hop,
    pairs: { both, plainOnly: isSilent || pdmPasses ? 0 : 3, pdmOnly: 0, neither: isSilent ? 3 : 0, void: 0 },
    arms: { plain: answers('plain'), pdm: answers('pdm') },
  };
}

function arm(sent: number, responders: ResponderRecord[]): ArmRecord {
  return { sent, answered: responders.reduce((sum, one) => sum + one.answered, 0), responders };
}

function responder(context: Context, hop: number, name: Arm, answered: number): ResponderRecord {
  const isTarget = hop === context.distance;
  const rtt = hop * 3.1 + (name === 'pdm' ? 0.2 : 0);
  const isError = !isTarget || context.protocol === 'udp';
  return {
    ...router(context, hop),
    address: router(context, hop).address ?? '',
    answered,
    rttMs: { min: round(rtt), median: round(rtt + 0.4137), max: round(rtt + 1.9021) },
    replyHopLimit: 64 - hop,
    icmp: isTarget
      ? [
          {
            type: context.protocol === 'udp' ? 1 : 129,
            code: context.protocol === 'udp' ? 4 : 0,
            pointer: null,
            count: answered,
          },
        ]
      : [{ type: 3, code: 0, pointer: null, count: answered }],
    mpls: hop % 5 === 3 ? [{ label: 24000 + hop, trafficClass: 0, bottomOfStack: true, ttl: 1 }] : [],
    interfaces:
      hop % 4 === 2
        ? [
            {
              role: 'incoming',
              ifIndex: 500 + hop,
              address: `2001:db8:${hex(hop)}:ffff::1`,
              name: `TenGigE0/0/0/${hop}`,
              mtu: 9000,
            },
          ]
        : [],
    quotes: isError
      ? [
          { intact: name === 'plain' || name === 'long' ? null : true, changes: [], count: answered - 1 },
          { intact: name === 'plain' || name === 'long' ? null : true, changes: ['traffic-class-rewritten'], count: 1 },
        ]
      : [],
  };
}

function router(context: Context, hop: number): NamedAddress {
  if (hop >= context.distance) return context.target;
  return {
    address: `2001:db8:${hex(hop)}:${hex(context.number % 97)}::1`,
    name: `ae-${hop}.r${context.number % 97}.transit${hop % 4}.example.net`,
    asn: asnAt(context, hop),
    asName: `Transit ${hop % 4} Communications`,
  };
}

function asnAt(context: Context, hop: number): number {
  if (hop >= context.distance) return context.target.asn ?? 0;
  if (hop <= 2) return 64500;
  return 65000 + Math.min(3, Math.floor(hop / 4));
}

export function uuid(number: number): string {
  return `0193a4b1-${hex((number >>> 16) & 0xffff).padStart(4, '0')}-7${hex(number & 0xfff).padStart(3, '0')}-8000-${hex(number).padStart(12, '0')}`;
}

function hex(value: number): string {
  return value.toString(16);
}

function round(value: number): number {
  return Math.round(value * 10000) / 10000;
}

/** A drop of which more networks may be meant than two, on a way that puts headers in. */
export function withNetworks(options: RecordOptions = {}): TraceRecord {
  const record = buildRecord({ distance: 6, lastPdmHop: 4, ...options });
  if (record.summary.attribution !== null) {
    record.summary.attribution.candidates = [64500, 64777, 64501];
    record.summary.attribution.silent = [
      { from: 5, to: 6 },
      { from: 9, to: 9 },
    ];
    record.summary.attribution.unknown = true;
  }
  const quotes = (changes: readonly string[], responders: readonly ResponderRecord[] = []): void => {
    responders[0]?.quotes.push({ intact: true, changes: [...changes], count: 1 });
  };
  quotes(['inserted-routing', 'inserted-hop-by-hop'], record.hops[1]?.arms.pdm.responders);
  quotes(['inserted-routing'], record.hops[1]?.arms.plain.responders);
  quotes(['inserted-routing'], record.hops[3]?.arms.pdm.responders);
  quotes(['inserted-routing'], record.targetPairs?.arms.plain.responders);
  return record;
}
