import { describe, expect, it } from 'vitest';

import { ARMS, type Outcome, type TraceRecord, type VerdictRecord } from '../../src/trace/record.js';
import { acceptable } from './acceptable.js';
import { formatText, octetsOf } from './address-text.js';
import { generateNetwork, type Scenario } from './generate-network.js';
import type { Network } from './network.js';
import { truthOf, type Truth } from './truth.js';

/** The first generated network of this scenario that `wanted` accepts. */
function find(
  scenario: Scenario,
  wanted: (network: Network, truth: Truth) => boolean = () => true,
): { network: Network; truth: Truth } {
  for (let seed = 1; seed < 500; seed++) {
    const { network } = generateNetwork(seed, scenario);
    const truth = truthOf(network);
    if (wanted(network, truth)) return { network, truth };
  }
  throw new Error(`No such network of ${scenario}.`);
}

function record(outcome: Outcome, verdict: Partial<VerdictRecord> = {}, hops: TraceRecord['hops'] = []): TraceRecord {
  const nobody = { address: null, name: null, asn: null, asName: null };
  return {
    schema: 'pdm-trace/1',
    id: 'x',
    runId: 'x',
    vantage: null,
    startedAt: '2025-01-01T00:00:00Z',
    endedAt: '2025-01-01T00:00:01Z',
    tool: { version: '0', transport: null, clock: null },
    parameters: { confidence: 0.999, maxHops: 30, timeoutMs: 2000, hopIntervalMs: 250, seed: 1 },
    company: null,
    source: nobody,
    target: { ...nobody, input: 'x', aliases: [] },
    protocol: 'udp',
    flow: { sourcePort: 50000, destinationPort: 33434, echoId: null, flowLabel: 1, size: 80 },
    hops,
    targetPairs: null,
    summary: { lastPdmHop: null, lastPlainHop: null, nextHop: null, inDestinationNetwork: null, attribution: null },
    verdict: {
      outcome,
      confidence: 0.9995,
      interval: null,
      cause: null,
      refusal: null,
      pathsDiverge: null,
      optionSeenUpTo: null,
      evidence: {
        basis: 'target',
        returnPath: null,
        pairs: 30,
        plainOnly: 10,
        pdmOnly: 0,
        rates: { plain: 1, pdm: 0 },
        passRateUpper: 0.5,
      },
      reasons: [],
      ...verdict,
    },
    pdm: { serverDelayMs: null, roundTripMs: null },
    counters: {
      sent: 90,
      answered: 60,
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

function hopAt(hop: number, address: string): TraceRecord['hops'][number] {
  const responder = {
    address,
    name: null,
    asn: null,
    asName: null,
    answered: 1,
    rttMs: null,
    replyHopLimit: null,
    icmp: [{ type: 3, code: 0, pointer: null, count: 1 }],
    mpls: [],
    interfaces: [],
    quotes: [],
  };
  const arm = { sent: 1, answered: 1, responders: [responder] };
  return {
    hop,
    pairs: { both: 1, plainOnly: 0, pdmOnly: 0, neither: 0, void: 0 },
    arms: { plain: arm, [ARMS[1]]: arm },
  };
}

const kinds = (given: TraceRecord, truth: Truth): string[] => acceptable(given, truth).map(({ kind }) => kind);
const around = (after: number, upTo: number): Partial<VerdictRecord> => ({
  interval: { after, upTo, likelyUpTo: upTo },
});

describe('the examiner', () => {
  it('reads addresses', () => {
    expect(formatText(octetsOf('2001:db8::10')!)).toBe('2001:db8::10');
    expect(octetsOf('2001:db8::10:0:0')).toEqual(
      Uint8Array.from([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0]),
    );
    expect(octetsOf('nobody')).toBeNull();
  });

  it('finds an accusation false where nothing happens', () => {
    const { truth } = find('nothing happens');
    for (const outcome of ['dropped', 'rejected', 'stripped', 'altered', 'impaired'] as const) {
      expect(kinds(record(outcome, around(0, 9)), truth)).toContain('false-accusation');
    }
    for (const outcome of ['delivered', 'inconclusive', 'no-difference', 'unreachable'] as const) {
      expect(kinds(record(outcome), truth)).toEqual([]);
    }
  });

  it('accepts a drop in the right interval only', () => {
    const { truth } = find(
      'forward filter drops',
      (_, { udp }) => udp.effects.length === 1 && udp.effects[0]!.hopLimit > 2,
    );
    const at = truth.udp.effects[0]!.hopLimit;
    expect(kinds(record('dropped', around(at - 1, at)), truth)).toEqual([]);
    expect(kinds(record('dropped', around(0, 30)), truth)).toEqual([]);
    expect(kinds(record('dropped', around(at, at + 1)), truth)).toEqual(['false-interval']);
    expect(kinds(record('dropped', around(at - 2, at - 1)), truth)).toEqual(['false-interval']);
    expect(kinds(record('dropped'), truth)).toEqual(['inconsistent']);
    expect(kinds(record('delivered'), truth)).toEqual(['false-delivery']);
    expect(kinds(record('impaired', around(at - 1, at)), truth)).toEqual(['false-accusation']);
    expect(kinds(record('rejected', around(at - 1, at)), truth)).toEqual(['false-accusation']);
    expect(kinds(record('dropped', { ...around(at - 1, at), cause: 'length' }), truth)).toEqual(['wrong-cause']);
    expect(kinds(record('dropped', { ...around(at - 1, at), confidence: 0.9 }), truth)).toEqual(['inconsistent']);
  });

  it('holds a drop against the pass rate that the record grants', () => {
    const { truth } = find('partial drop', (_, { udp }) => Math.abs(udp.pdmArrives[1] - 0.3) < 0.01);
    const at = truth.udp.effects[0]!.hopLimit;
    expect(kinds(record('dropped', around(at - 1, at)), truth)).toEqual([]);
    const evidence = { ...record('dropped').verdict.evidence, passRateUpper: 0.2 };
    expect(kinds(record('dropped', { ...around(at - 1, at), evidence }), truth)).toEqual(['false-accusation']);
    expect(kinds(record('impaired', around(at - 1, at)), truth)).toEqual([]);
  });

  it('wants the refuser, its code and its hop', () => {
    const { truth } = find('refused 1/0-1/6 by a router', (_, { udp }) => udp.effects.length === 1);
    const [effect] = truth.udp.effects;
    if (effect?.action.kind !== 'reject') throw new Error('not a refusal');
    const { type, code } = effect.action;
    const address = formatText(effect.node.addresses[0]!);
    const refusal = { address, hop: effect.place, type, code, pointer: null };
    const interval = around(effect.hopLimit - 1, effect.hopLimit);
    expect(kinds(record('rejected', { ...interval, refusal }), truth)).toEqual([]);
    expect(kinds(record('rejected', { ...interval, refusal: { ...refusal, code: code + 1 } }), truth)).toEqual([
      'wrong-refusal',
    ]);
    expect(kinds(record('rejected', { ...interval, refusal: { ...refusal, address: '2001:db8::1' } }), truth)).toEqual([
      'wrong-refusal',
    ]);
    expect(kinds(record('dropped', interval), truth)).toEqual([]);
  });

  it('calls a filter on the way back no drop', () => {
    const { truth } = find('return path filter');
    expect(kinds(record('dropped', around(3, 9)), truth)).toContain('false-accusation');
    expect(kinds(record('inconclusive'), truth)).toEqual([]);
  });

  it('finds forged and misplaced hops', () => {
    const { network, truth } = find('nothing happens', ({ epochs }) => epochs[0]!.segments.length === 1);
    const routers = network.epochs[0]!.segments[0]!.members[0]!;
    const first = formatText(routers[0]!.addresses[0]!);
    expect(kinds(record('delivered', {}, [hopAt(1, first)]), truth)).toEqual([]);
    expect(kinds(record('delivered', {}, [hopAt(3, first)]), truth)).toContain('misplaced-hop');
    expect(kinds(record('delivered', {}, [hopAt(1, '2001:db8:bad::1')]), truth)).toContain('forged-hop');
    expect(kinds(record('delivered', {}, [hopAt(1, formatText(network.target.addresses[0]!))]), truth)).toEqual([]);
  });
});
