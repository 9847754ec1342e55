import { describe, expect, it } from 'vitest';

import {
  ARMS,
  noCounters,
  type Cause,
  type Outcome,
  type TraceRecord,
  type VerdictRecord,
} from '../../src/record/record.js';
import { acceptable } from './acceptable.js';
import { formatText, octetsOf } from './address-text.js';
import { FORGER } from './adversary.js';
import { line, routers } from './exchange.js';
import { generateNetwork, type Scenario } from './generate-network.js';
import { PEACE, type Action, type Match, type Network, type Router, type Rule } from './network.js';
import { ANY_OPTIONS, DROP, plainRouter, plainTarget, routerAddress, rule } from './network-parts.js';
import { truthOf, type Effect, type Truth } from './truth.js';

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
    counters: { ...noCounters(), sent: 90, answered: 60 },
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

  it('wants hops in the summary where they are', () => {
    const truth = truthOf(line(routers(3)));
    const at = (hop: number): string[] => {
      const given = record('delivered');
      const lastPlainHop = { hop, address: formatText(routerAddress(1, 2)), name: null, asn: null, asName: null };
      return kinds({ ...given, summary: { ...given.summary, lastPlainHop } }, truth);
    };
    expect(at(2)).toEqual([]);
    expect(at(3)).toEqual(['misplaced-hop']);
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

/** Four routers of the networks 1 to 4 in a row; the one at `hop` is changed. */
function row(hop: number, change: (router: ReturnType<typeof plainRouter>) => void, target = plainTarget()): Network {
  const all = [1, 2, 3, 4].map((number) => plainRouter(number, number));
  change(all[hop - 1]!);
  return line(all, target);
}

type Naming = Partial<NonNullable<TraceRecord['summary']['attribution']>> & { silent?: unknown; unknown?: unknown };

/** A drop in (2, 3], as the truth has it, that names networks. */
function naming(attribution: Naming): TraceRecord {
  const given = record('dropped', around(2, 3));
  const nobody = { best: null, worst: null, candidates: [], rule: 'x', method: 'origin-as', source: 'x', date: null };
  return { ...given, summary: { ...given.summary, attribution: { ...nobody, ...attribution } as never } };
}

describe('the examiner of what packets fare', () => {
  const dead: Partial<Router> = { rules: [rule('forward', { kind: 'everything' }, DROP)] };
  const bundle = (hash: 'flow+next-header' | 'addresses+next-header', salt: number): Network => {
    const members = [0, 1].map((index) => [{ ...plainRouter(1, index + 1), ...(index === 1 ? dead : {}) }]);
    return line([], plainTarget(), {
      epochs: [{ fromNs: 0, segments: [{ members, hash, headerMember: null, salt }] }],
    });
  };

  it('lets nobody be accused for a dead member that takes as much of both', () => {
    const truth = truthOf(bundle('flow+next-header', 1));
    for (const outcome of ['impaired', 'dropped'] as const)
      expect(kinds(record(outcome, around(1, 2)), truth)).toEqual(['false-accusation']);
    expect(kinds(record('bypassed'), truth)).toEqual(['false-accusation']);
  });

  it('takes a dead member that addresses choose for the option alone for a drop, and not elsewhere', () => {
    for (let salt = 1; salt < 40; salt++) {
      const truth = truthOf(bundle('addresses+next-header', salt));
      const { plain, pdm } = truth.fates('udp', { fromNs: 0, untilNs: 1e9 });
      const said = record('dropped', { ...around(1, 2), cause: 'destination-options' });
      expect(kinds(said, truth)).toEqual(pdm < plain ? [] : ['false-accusation']);
      expect(kinds(record('bypassed'), truth)).toEqual(pdm > plain ? [] : ['false-accusation']);
      expect(kinds(record('delivered'), truth)).toEqual(pdm < plain ? ['false-delivery'] : []);
    }
  });

  it('grants a delivery up to 40 points', () => {
    const losing = (share: number): Truth =>
      truthOf(row(2, (router) => router.rules.push(rule('forward', ANY_OPTIONS, DROP, { share }))));
    expect(kinds(record('delivered'), losing(0.35))).toEqual([]);
    expect(kinds(record('delivered'), losing(0.4))).toEqual(['false-delivery']);
    expect(kinds(record('impaired', around(2, 3)), losing(0.35))).toEqual([]);
  });

  it('judges by the time of the trace', () => {
    const truth = truthOf(row(2, (router) => router.rules.push(rule('forward', ANY_OPTIONS, DROP, { fromNs: 5e9 }))));
    const endingAt = (outcome: Outcome, second: number): TraceRecord => ({
      ...record(outcome, around(2, 3)),
      endedAt: `2025-01-01T00:00:${String(second).padStart(2, '0')}Z`,
    });
    expect(kinds(endingAt('delivered', 4), truth)).not.toContain('false-delivery');
    // Of a loss that begins in the middle a trace says no more than what it saw.
    expect(kinds(endingAt('delivered', 10), truth)).not.toContain('false-delivery');
    expect(kinds(endingAt('dropped', 4), truth)).toEqual(['false-accusation']);
    expect(kinds(endingAt('dropped', 10), truth)).toEqual([]);
    expect(kinds(endingAt('dropped', 9), truth)).toEqual(['false-accusation']);
  });

  it('judges by the end of a trace where answers to what arrived before were lost on the way back', () => {
    const truthWith = (fromNs: number, untilNs: number, answersWithPdm?: 'to-pdm'): Truth =>
      truthOf(
        row(
          2,
          (router) => {
            router.rules.push(rule('forward', ANY_OPTIONS, DROP, { fromNs, untilNs }));
            router.returnRules.push({ match: 'carrying-options', share: 1 });
          },
          { ...plainTarget(), ...(answersWithPdm && { answersWithPdm }) },
        ),
      );
    const said = { ...record('dropped', around(2, 3)), endedAt: '2025-01-01T00:00:09Z' };
    expect(kinds(said, truthWith(5e9, 20e9, 'to-pdm'))).toEqual([]);
    expect(kinds(said, truthWith(5e9, 20e9))).toEqual(['false-accusation']);
    expect(kinds(said, truthWith(4e9, 8e9, 'to-pdm'))).toEqual(['false-accusation']);
  });

  it('takes no answer that is lost on the way back for a loss, nor a shunned source', () => {
    const target = { ...plainTarget(), answersWithPdm: 'to-pdm' as const };
    for (const network of [
      row(1, (router) => router.returnRules.push({ match: 'answers-to-options', share: 1 })),
      row(3, (router) => router.returnRules.push({ match: 'carrying-options', share: 1 }), target),
      row(2, (router) => (router.shun = { stage: 'forward', after: 3, seconds: 60 })),
    ]) {
      const truth = truthOf(network);
      for (const outcome of ['dropped', 'impaired', 'rejected'] as const)
        expect(kinds(record(outcome, around(2, 3)), truth)).toContain('false-accusation');
      expect(kinds(record('inconclusive'), truth)).toEqual([]);
    }
  });

  it("wants a refusal in the target's name to be told as such", () => {
    const action: Action = { kind: 'reject', type: 1, code: 1, pointer: 'none', inTargetsName: true };
    const network = row(2, (router) => router.rules.push(rule('forward', ANY_OPTIONS, action)));
    const truth = truthOf(network);
    const told = (address: Uint8Array, hop: number | null): string[] => {
      const refusal = { address: formatText(address), hop, type: 1, code: 1, pointer: null };
      return kinds(record('rejected', { ...around(2, 5), refusal }), truth);
    };
    expect(told(network.target.addresses[0]!, null)).toEqual([]);
    expect(told(network.target.addresses[0]!, 5)).toEqual([]);
    expect(told(routerAddress(2, 2), 2)).toEqual(['wrong-refusal']);
    expect(kinds(record('delivered'), truth)).toEqual(['false-delivery']);
  });

  it('knows the loopback of a refuser and the other addresses of a target', () => {
    const loopback = routerAddress(2, 99);
    const action: Action = { kind: 'reject', type: 1, code: 1, pointer: 'none' };
    const truth = truthOf(
      row(2, (router) => {
        router.optionAddresses = [loopback];
        router.rules.push(rule('forward', ANY_OPTIONS, action));
      }),
    );
    const refusal = { address: formatText(loopback), hop: 2, type: 1, code: 1, pointer: null };
    expect(kinds(record('rejected', { ...around(2, 3), refusal }), truth)).toEqual([]);
    const other = routerAddress(9, 9);
    const hops = [hopAt(5, formatText(other))];
    expect(kinds(record('delivered', {}, hops), truthOf(row(1, () => undefined)))).toContain('forged-hop');
    const terminal = truthOf(row(1, () => undefined, { ...plainTarget(), answersFrom: other }));
    expect(kinds(record('delivered', {}, hops), terminal)).toEqual([]);
  });

  it('takes a scrubbed quote for no change', () => {
    const truth = truthOf(row(4, (router) => (router.quote = { ...router.quote, artefact: 'stripped' })));
    expect(kinds(record('stripped', around(3, 4)), truth)).toEqual(['false-accusation']);
  });

  it('grants that two routers show a change where the target shows nothing, if nobody is named', () => {
    const scrubbed = routers(4, (router, hop) => {
      if (hop > 2) router.quote = { ...router.quote, artefact: 'stripped' };
    });
    const truth = truthOf(line(scrubbed));
    const said = record('stripped', around(2, 3));
    expect(kinds(said, truth)).toEqual([]);
    const { attribution } = naming({ candidates: [1] }).summary;
    expect(kinds({ ...said, summary: { ...said.summary, attribution } }, truth)).toEqual(['false-accusation']);
    const address = '2001:db8:ff00::50';
    const target = { ...said.target, address };
    const whole = hopAt(5, address);
    const quotes = [{ intact: true, changes: [], count: 1 }];
    const [responder] = whole.arms.pdm.responders;
    Object.assign(responder!, { quotes, icmp: [{ type: 1, code: 4, pointer: null, count: 1 }] });
    expect(kinds({ ...said, target, hops: [whole] }, truth)).toEqual(['false-accusation']);
    // A router that has the target's address is not the target.
    Object.assign(responder!, { icmp: [{ type: 3, code: 0, pointer: null, count: 1 }] });
    expect(kinds({ ...said, target, hops: [whole] }, truth)).toEqual([]);
  });

  it('takes a drop in front of a proxy for one, and nobody for the death of a target behind it', () => {
    const answer: Action = { kind: 'answer', udp: 'port-unreachable' };
    const dead = { ...plainTarget(), rules: [rule('local', { kind: 'everything' }, DROP)] };
    const behind = (target: ReturnType<typeof plainTarget>, drops: boolean): Truth => {
      const network = row(
        3,
        (router) => {
          if (drops) router.rules.push(rule('ingress', ANY_OPTIONS, DROP));
          router.rules.push(rule('forward', { kind: 'bare' }, answer));
        },
        target,
      );
      return truthOf(network);
    };
    expect(kinds(record('dropped', around(2, 3)), behind(plainTarget(), true))).toEqual([]);
    expect(kinds(record('dropped', around(2, 3)), behind(plainTarget(), false))).toEqual(['false-accusation']);
    expect(kinds(record('dropped', around(4, 5)), behind(dead, false))).toEqual(['false-accusation']);
  });

  it('takes a proxy for the target where no record shows a router behind it', () => {
    const network = row(
      3,
      (router) => {
        router.rules.push(rule('ingress', ANY_OPTIONS, DROP));
        router.rules.push(rule('forward', { kind: 'everything' }, { kind: 'answer', udp: 'port-unreachable' }));
      },
      { ...plainTarget(), rules: [rule('local', { kind: 'everything' }, DROP)] },
    );
    const truth = truthOf(network);
    const said = record('impaired');
    const seen = (upTo: number): string[] => acceptable(said, truth, upTo).map(({ kind }) => kind);
    expect(truth.atProxy?.place).toBe(3);
    // As the proxy shows it, no packet with the option arrives and all others do.
    expect(acceptable(record('dropped', around(2, 3)), truth, 2)).toEqual([]);
    expect(seen(2)).toEqual(['false-accusation']);
    expect(acceptable(record('dropped', around(4, 5)), truth, 2).map(({ kind }) => kind)).toEqual(['false-interval']);
  });

  it('takes what a host behind a proxy loses for lost by the target, and not what a router between them does', () => {
    const behind = (rules: 'router' | 'host'): Truth => {
      const drops = (stage: 'ingress' | 'local'): Rule => rule(stage, ANY_OPTIONS, DROP);
      const all = [1, 2, 3, 4].map((number) => plainRouter(number, number));
      all[1]!.rules.push(rule('forward', { kind: 'bare' }, { kind: 'answer', udp: 'port-unreachable' }));
      if (rules === 'router') all[3]!.rules.push(drops('ingress'));
      return truthOf(line(all, { ...plainTarget(), rules: rules === 'host' ? [drops('local')] : [] }));
    };
    const said = (truth: Truth, seenUpTo: number): string[] =>
      acceptable(record('dropped', around(1, 3)), truth, seenUpTo).map(({ kind }) => kind);
    expect(said(behind('host'), 2)).toEqual([]);
    // A router met behind it shows that it is a proxy.
    expect(said(behind('host'), 3)).toEqual(['false-interval']);
    expect(said(behind('router'), 2)).toEqual(['false-interval']);
  });

  it('grants the cause that the fates of all arms show, where a second filter takes more than the first', () => {
    const truth = truthOf(
      row(3, (router) => {
        router.rules.push(rule('ingress', { kind: 'option' }, DROP), rule('ingress', ANY_OPTIONS, DROP));
      }),
    );
    const said = record('dropped', around(2, 3));
    const verdict = (cause: Cause): TraceRecord => ({ ...said, verdict: { ...said.verdict, cause } });
    expect(truth.udp.armsCause).toBe('destination-options');
    expect(kinds(verdict('destination-options'), truth)).toEqual([]);
    expect(kinds(verdict('length'), truth)).toEqual(['wrong-cause']);
  });

  it('knows whom a filter of one protocol hits by what it matches besides', () => {
    const causes = (match: Match): Effect['cause'][] => {
      const ofUdp: Match = { kind: 'every', of: [{ kind: 'protocol', protocol: 'udp' }, match] };
      const truth = truthOf(row(3, (router) => router.rules.push(rule('ingress', ofUdp, DROP))));
      return truth.udp.effects.map(({ cause }) => cause);
    };
    expect(causes(ANY_OPTIONS)).toEqual(['destination-options']);
    expect(causes({ kind: 'option' })).toEqual(['option']);
    expect(causes({ kind: 'header-octets', atLeast: 16 })).toEqual(['size']);
  });

  it('takes an interval that ends at the target to hold the end of a longer way for options, and no other', () => {
    const way = (length: number): Router[] =>
      routers(length).map((router, index) => ({ ...router, ...plainRouter(2, 10 * length + index) }));
    const network = line(
      [],
      { ...plainTarget(), rules: [rule('local', ANY_OPTIONS, DROP)] },
      { epochs: [{ fromNs: 0, segments: [{ members: [way(3), way(5)], hash: 'none', headerMember: 1, salt: 0 }] }] },
    );
    const truth = truthOf(network);
    expect(truth.udp).toMatchObject({ plainDistance: 4, effects: [{ hopLimit: 6 }] });
    const said = (upTo: number, distance: number): string[] => {
      const given = record('dropped', around(2, upTo));
      const { hop: _hop, ...place } = hopAt(distance, formatText(network.target.addresses[0]!));
      const targetPairs = { ...place, distance: { plain: distance, pdm: null } } as TraceRecord['targetPairs'];
      return kinds({ ...given, targetPairs }, truth);
    };
    expect(said(4, 4)).toEqual([]);
    expect(said(3, 4)).toEqual(['false-interval']);
    // What answers from there is not the target.
    expect(said(3, 3)).toEqual(['false-interval']);
  });

  it('grants names to rivals only where doubt is said, and quotes to those who know the label', () => {
    const rival = routerAddress(7, 77);
    const truth = truthOf(
      row(3, (router) => {
        router.rival = { address: rival, asn: 7, share: 1 };
        router.rules.push(rule('ingress', ANY_OPTIONS, DROP));
      }),
    );
    const said = (uncertain: boolean, candidates: Uint8Array[] = []): string[] => {
      const given = record('dropped', around(2, 3), [hopAt(3, formatText(rival))]);
      const named = { address: formatText(rival), name: null, asn: null, asName: null };
      const nextHop = {
        ...named,
        hop: 3,
        uncertain,
        candidates: candidates.map((address) => ({ ...named, address: formatText(address) })),
      };
      return kinds({ ...given, summary: { ...given.summary, nextHop } }, truth);
    };
    expect(said(false)).toEqual(['false-name']);
    expect(said(true)).toEqual([]);
    expect(said(false, [routerAddress(3, 3)])).toEqual([]);

    const forged = (knowsLabel: boolean): string[] => {
      const forgedQuotes = { count: 1, knowsLabel };
      const network = line(routers(3), plainTarget(), { adversary: { ...PEACE, forgedQuotes } });
      return kinds(record('delivered', {}, [hopAt(2, formatText(FORGER))]), truthOf(network));
    };
    expect(forged(false)).toEqual(['forged-hop', 'forged-hop']);
    expect(forged(true)).toEqual([]);
  });

  it('wants the network of the dropper among those that are named', () => {
    const network = row(3, (router) => router.rules.push(rule('ingress', ANY_OPTIONS, DROP)));
    const truth = truthOf(network);
    expect(kinds(naming({ candidates: [2, 3] }), truth)).toEqual([]);
    expect(kinds(naming({ candidates: [] }), truth)).toEqual([]);
    expect(kinds(naming({ candidates: [2, 4] }), truth)).toEqual(['false-network']);
    expect(kinds(naming({ best: 4, worst: 4 }), truth)).toEqual(['false-network']);
    expect(kinds(naming({ candidates: [2, 4], unknown: true }), truth)).toEqual([]);
    for (const silent of [[{ from: 3, to: 3 }], [{ from: 3, to: 4 }], [{ from: 2, to: 3 }]])
      expect(kinds(naming({ candidates: [2], silent }), truth)).toEqual([]);
    expect(kinds(naming({ candidates: [2], silent: [{ from: 4, to: 5 }] }), truth)).toEqual(['false-network']);
    expect(kinds(naming({ candidates: [2], silent: [] }), truth)).toEqual(['false-network']);
  });
});
