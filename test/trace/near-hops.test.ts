/** Near hops that other traces measured: where a trace joins them, when it looks itself, and what it claims then. */
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/address/address.js';
import type { NearHop, NearHops } from '../../src/trace/trace-context.js';
import { sharedHops } from '../../src/trace/near-hops.js';
import { ACCUSATION_PROBE_CAP } from '../../src/trace/numbers.js';
import type { HopRecord } from '../../src/record/record.js';
import { PURPOSE } from '../../src/trace/state/trace-state.js';
import { writeRecord } from '../../src/trace/write-record.js';
import { dropsFrom, routerAt, runTrace, type Drawn, type FakePath, type Outcome } from './fake-path.js';
import { Random } from '../sim/random.js';
import { octetsOf, TARGET } from './trace-fixture.js';

const addressAt = (hop: number): string => formatAddress(routerAt(hop));
const echoLost = { plainArrivals: 15, pdmArrivals: 0, lossShown: true, settled: true };

function sharedHop(hop: number, responder: string): NearHop {
  const arm = { sent: 3, answered: 3, responders: [] };
  const pairs = { both: 3, plainOnly: 0, pdmOnly: 0, neither: 0, void: 0 };
  const record: HopRecord = { hop, pairs, arms: { plain: arm, pdm: arm }, sharedFrom: 'another' };
  return { responder, record };
}

/** Others that know the one way there is, up to this hop. */
function knowing(upTo: number, values: Partial<NearHops> = {}, silentAt = 0): NearHops {
  return {
    isScout: false,
    isBeingScouted: () => false,
    startAt: () => upTo,
    distanceHint: () => null,
    wayTo: (responder, hop) =>
      hop <= upTo && responder === addressAt(hop)
        ? Array.from({ length: hop - 1 }, (_, i) => sharedHop(i + 1, i + 1 === silentAt ? '' : addressAt(i + 1)))
        : null,
    learn: () => undefined,
    ...values,
  };
}

function traced(values: Partial<FakePath> & { nearHops: NearHops }): Outcome & { own: number[]; shared: number[] } {
  const outcome = runTrace({ protocol: 'udp', routers: 9, siblingEcho: echoLost, ...values });
  const { state } = outcome;
  const own = new Set<number>();
  for (let row = 0; row < state.probes.count; row += 2)
    if (state.probes.purpose(row) === PURPOSE.explore) own.add(state.probes.hopLimit(row));
  const shared = sharedHops(outcome.trace, values.nearHops).map(({ record }) => record.hop);
  return { ...outcome, own: [...own].sort((a, b) => a - b), shared };
}

/** Places that have reported packets with the option in other traces of the run, before and after this one's. */
function reporting(hops: readonly number[]): NonNullable<FakePath['habits']> {
  const habit = {
    passed: 20,
    reported: 20,
    firstNs: Number.NEGATIVE_INFINITY,
    lastNs: Number.POSITIVE_INFINITY,
    targets: 20,
    isSilentToSome: false,
  };
  return Object.fromEntries(hops.map((hop) => [hop, habit]));
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const elsewhere = (hop: number): Drawn => ({ from: octetsOf(`2001:db8:9:${hop}::1`), type: 3, code: 0 });

describe('a trace whose near hops others know', () => {
  it('explores from before the target down to the first hop that others know, and leaves the rest to them', () => {
    const { own, shared, verdict } = traced({ nearHops: knowing(4) });
    expect(verdict.outcome).toBe('delivered');
    expect(own).toEqual(range(4, 10));
    expect(shared).toEqual([1, 2, 3]);
  });

  it('joins at the last router before the target when that is known, with three pairs, since n is there', () => {
    const { own, state } = traced({ nearHops: knowing(9) });
    expect(own).toEqual([8, 9, 10]);
    expect(state.near.joinedAt).toBe(8);
  });

  it('writes the hops of the others first, each with the record that measured it', () => {
    const nearHops = knowing(4);
    const outcome = traced({ nearHops });
    const shared = sharedHops(outcome.trace, nearHops);
    const header = { id: 'own', runId: 'run', vantage: null, company: null, input: 'x', aliases: [] };
    const tool = { version: '0', transport: null, clock: null };
    const record = writeRecord(
      outcome.state,
      outcome,
      { ...header, tool, seed: 1, startedAtMs: 0, endedAtMs: 0 },
      shared,
    );
    expect(record.hops.map(({ hop, sharedFrom }) => [hop, sharedFrom])).toEqual([
      ...[1, 2, 3].map((hop) => [hop, 'another']),
      ...range(4, 10).map((hop) => [hop, undefined]),
    ]);
    // What is in the record is nobody else's to change.
    expect(record.hops[0]).toEqual(shared[0]!.record);
    expect(record.hops[0]).not.toBe(shared[0]!.record);
  });

  it.each([1, 2, 3, 5, 6, 8])(
    'finds a drop behind hop %i at the same hops as alone, with n, n + 1 and n + 2 its own',
    (n) => {
      const differs = dropsFrom(n + 1);
      const alone = runTrace({ protocol: 'udp', routers: 9, siblingEcho: echoLost, differs });
      const { verdict, trace, own, shared } = traced({ nearHops: knowing(5), differs });
      const claims = ({ outcome, interval, cause, pathsDiverge }: Outcome['verdict']): unknown => ({
        ...{ outcome, interval, cause, pathsDiverge },
      });
      expect(claims(verdict)).toEqual(claims(alone.verdict));
      expect(trace.lastPdmHop).toBe(n);
      expect(own).toEqual(expect.arrayContaining([n, n + 1, n + 2]));
      expect(shared.every((hop) => hop < n && !own.includes(hop))).toBe(true);
      expect([...shared, ...own]).toEqual(range(1, 10));
    },
  );

  it('probes every hop when packets with the option are lost from the first one on', () => {
    const { own, trace, verdict } = traced({ nearHops: knowing(5), differs: dropsFrom(1) });
    expect(trace.lastPdmHop).toBe(0);
    expect(own).toEqual(range(1, 10));
    expect(verdict.interval?.after).toBe(0);
  });

  it('begins nearer when the target is nearer than where others start', () => {
    const { own, trace } = traced({ nearHops: knowing(6), routers: 3 });
    expect(trace.distance).toEqual({ plain: 4, pdm: 4 });
    expect(own).toEqual([2, 3, 4]);
  });

  it('begins where others found the ways to part when nobody says how far the target is', () => {
    const differs: FakePath['differs'] = ({ hopLimit }) => (hopLimit > 9 ? null : undefined);
    const { own, shared, verdict } = traced({ nearHops: knowing(4), differs });
    expect(verdict.outcome).toBe('no-difference');
    expect(own).toEqual(range(4, 17));
    expect(shared).toEqual([1, 2, 3]);
  });

  it('takes the distance from a trace to the same target', () => {
    const nearHops = knowing(4, { distanceHint: () => 10 });
    const { own } = traced({ protocol: 'icmp6', nearHops });
    expect(own).toEqual(range(4, 10));
  });

  it('finds a target that answers where it is, whatever distance another trace was told', () => {
    const silent: FakePath['differs'] = ({ hopLimit }) => (hopLimit >= 4 && hopLimit <= 6 ? null : undefined);
    const differs: FakePath['differs'] = (probe) => (probe.hopLimit > 7 ? dropsFrom(8)(probe) : silent(probe));
    const { trace, verdict } = traced({
      protocol: 'icmp6',
      nearHops: knowing(4, { distanceHint: () => 3 }),
      differs,
    });
    expect(trace.lastPdmHop).toBe(7);
    expect(verdict).toMatchObject({ outcome: 'dropped', interval: { after: 7, upTo: 10 } });
  });

  it('does not walk back from a distance that no target can have', () => {
    // What a target or a middlebox quotes may have any hop limit.
    const nearHops = knowing(4, { distanceHint: () => 64 });
    const { own } = traced({ protocol: 'icmp6', nearHops });
    // The first window is out at once.
    expect(own).toEqual(range(4, 11));
  });

  it('goes to where the ways part when the target answers at the hop where it begins', () => {
    const nearHops = knowing(4, { distanceHint: () => 30 });
    const { own, verdict } = traced({ protocol: 'icmp6', nearHops });
    expect(verdict.outcome).toBe('delivered');
    expect(own).toEqual([...range(4, 11), 28, 29, 30]);
  });

  it('waits while others are finding out, and asks the target meanwhile', () => {
    let looks = 0;
    const nearHops = knowing(4, { isBeingScouted: () => (looks += 1) < 40 });
    const { own, state } = traced({ nearHops });
    expect(own).toEqual(range(4, 10));
    const explores = range(0, state.probes.count - 1).filter((row) => state.probes.purpose(row) === PURPOSE.explore);
    expect(explores[0]).toBeGreaterThan(2);
  });

  it('looks at every hop where it scouts for the others', () => {
    const { own, shared } = traced({ nearHops: knowing(4, { isScout: true }) });
    expect(own).toEqual(range(1, 10));
    expect(shared).toEqual([]);
  });

  it('passes a hop on that is silent for all', () => {
    const differs: FakePath['differs'] = ({ hopLimit }) => (hopLimit === 2 ? null : undefined);
    expect(traced({ nearHops: knowing(4, {}, 2), differs }).shared).toEqual([1, 2, 3]);
  });
});

describe("pairs that exploring spends on a hop of a list's trace", () => {
  /** Reporters: hops 4 to 8. */
  const habits = reporting(range(4, 8));
  const pairsAt = (values: Partial<FakePath> & { nearHops: NearHops }): number[] => {
    const { state } = traced({ habits, ...values });
    const pairs = new Array<number>(18).fill(0);
    for (let row = 0; row < state.probes.count; row += 2)
      if (state.probes.purpose(row) === PURPOSE.explore) pairs[state.probes.hopLimit(row)]! += 1;
    return pairs.slice(1, pairs.findLastIndex((count) => count > 0) + 1);
  };
  /** What the first packet with the option draws at this hop limit. */
  const firstWithOption = (at: number, drawn: Drawn | null): NonNullable<FakePath['differs']> => {
    let isFirst = true;
    return ({ hopLimit, arm }) => {
      if (hopLimit !== at || arm !== 1 || !isFirst) return undefined;
      isFirst = false;
      return drawn;
    };
  };
  const isSilent: FakePath['differs'] = ({ hopLimit }) => (hopLimit > 9 ? null : undefined);

  it('are one where both packets came whole, whoever is known to report', () => {
    for (const reporters of [habits, reporting([6])])
      expect(pairsAt({ nearHops: knowing(4), habits: reporters })).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('are three at a router that answers the first only without the option, and then everywhere', () => {
    const differs = firstWithOption(7, null);
    expect(pairsAt({ nearHops: knowing(4), differs })).toEqual([0, 0, 0, 1, 3, 3, 3, 3, 3, 3]);
  });

  it('are three where a packet with the option is missing at the target', () => {
    const differs = firstWithOption(64, null);
    expect(pairsAt({ nearHops: knowing(4), differs })).toEqual([0, 0, 0, 1, 3, 3, 3, 3, 3, 3]);
  });

  it.each([
    { where: 'everywhere for a scout', nearHops: knowing(4, { isScout: true }), below: [3, 3, 3, 3] },
    { where: 'beyond n and below it where none arrives', nearHops: knowing(4), below: [0, 0, 0, 1] },
  ])('are three $where', ({ nearHops, below }) => {
    const pairs = pairsAt({ nearHops, differs: dropsFrom(7) });
    expect(pairs).toEqual([...below, 3, 3, 3, 3, 3, 3]);
  });

  it('are three at the two hops behind the last answer of a silent target, and two in the gap beyond', () => {
    const pairs = pairsAt({ nearHops: knowing(4), differs: isSilent });
    expect(pairs).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 3, 3, 2, 2, 2, 2, 2, 2]);
  });

  it('are three in the gap where packets without the option got further', () => {
    const differs: FakePath['differs'] = (probe) => (probe.hopLimit > 9 ? null : dropsFrom(7)(probe));
    expect(pairsAt({ nearHops: knowing(4), differs }).slice(8)).toEqual([3, 3, 3, 3, 3, 3, 3, 3, 3]);
  });

  it('are three everywhere where a known reporter refused the packet with the option, be it once', () => {
    const differs = firstWithOption(7, { from: routerAt(7), type: 1, code: 1 });
    expect(pairsAt({ nearHops: knowing(4), differs })).toEqual(range(1, 10).map(() => 3));
  });

  it.each([
    { drawn: 'Packet Too Big', answer: { from: routerAt(4), type: 2, code: 0 } },
    { drawn: "an answer in the target's name", answer: { from: TARGET, type: 1, code: 4 } },
  ])('are three where the way is known and the packet with the option drew $drawn, and then it goes on', (given) => {
    const differs: FakePath['differs'] = ({ hopLimit, arm }) =>
      hopLimit === 4 && arm === 1 ? given.answer : undefined;
    expect(pairsAt({ nearHops: knowing(4), differs }).slice(0, 4)).toEqual([0, 0, 1, 3]);
  });

  it('are three where others met the target that is silent here, and it looks beyond as alone', () => {
    const nearHops = knowing(4, { distanceHint: () => 7 });
    const isGap = (hopLimit: number): boolean => (hopLimit >= 5 && hopLimit <= 7) || hopLimit > 9;
    const differs: FakePath['differs'] = (probe) => (isGap(probe.hopLimit) ? null : dropsFrom(5)(probe));
    expect(pairsAt({ nearHops, differs })).toEqual([0, 0, 0, ...range(4, 11).map(() => 3)]);
    const { verdict } = traced({ nearHops, differs, habits });
    expect(verdict).toMatchObject({ outcome: 'dropped', interval: { after: 4, upTo: 8 } });
  });

  it('are one for a trace by itself, whoever is known', () => {
    const { state } = runTrace({ protocol: 'udp', routers: 9, siblingEcho: echoLost, habits });
    const explores = range(0, state.probes.count - 1).filter((row) => state.probes.purpose(row) === PURPOSE.explore);
    expect(explores.length).toBe(2 * (9 + 1));
  });
});

describe('a trace whose own pairs contradict the others', () => {
  it('goes on to the source where another router answers at each of the known hops', () => {
    const { own, shared } = traced({
      nearHops: knowing(4),
      differs: ({ hopLimit }) => (hopLimit <= 4 ? elsewhere(hopLimit) : undefined),
    });
    expect(own).toEqual(range(1, 10));
    expect(shared).toEqual([]);
  });

  it('joins one hop nearer where only the joining hop is another router', () => {
    const { own, shared } = traced({
      nearHops: knowing(4),
      differs: ({ hopLimit }) => (hopLimit === 4 ? elsewhere(4) : undefined),
    });
    expect(own).toEqual(range(3, 10));
    expect(shared).toEqual([1, 2]);
  });

  it('joins one hop nearer where the joining hop is silent', () => {
    const { own } = traced({
      nearHops: knowing(4),
      differs: ({ hopLimit }) => (hopLimit === 4 ? null : undefined),
    });
    expect(own).toEqual(range(3, 10));
  });

  it('joins one hop nearer where the joining hop answers only without the option', () => {
    const { own } = traced({
      nearHops: knowing(4),
      differs: ({ hopLimit, arm }) => (hopLimit === 4 && arm === 1 ? null : undefined),
    });
    expect(own).toEqual(range(3, 10));
  });

  it('does not join where the arms are answered by different routers', () => {
    const { own, verdict } = traced({
      nearHops: knowing(4),
      differs: ({ hopLimit, arm }) => (hopLimit <= 4 && hopLimit > 1 && arm === 1 ? elsewhere(hopLimit) : undefined),
    });
    expect(own).toEqual(range(1, 10));
    // They meet again before n.
    expect(verdict).toMatchObject({ outcome: 'delivered', pathsDiverge: null });
  });

  it('does not join above an own hop that is not on the known way', () => {
    const { own, shared } = traced({
      nearHops: knowing(6, { startAt: () => 4 }),
      differs: ({ hopLimit }) => (hopLimit === 4 || hopLimit > 9 ? (hopLimit === 4 ? elsewhere(4) : null) : undefined),
    });
    expect(own[0]).toBe(3);
    expect(shared).toEqual([1, 2]);
  });

  it('does not join when the others know several ways to the joining hop', () => {
    const { own } = traced({ nearHops: knowing(5, { wayTo: () => null }) });
    expect(own).toEqual(range(1, 10));
  });
});

describe('a trace that sees something wrong with packets with the option', () => {
  it('looks at every hop itself where they are refused, so that the refuser is found at its hop', () => {
    const differs: FakePath['differs'] = ({ hopLimit, arm }) =>
      arm === 1 && hopLimit > 2 ? { from: routerAt(2), type: 1, code: 1 } : undefined;
    const { own, verdict } = traced({ nearHops: knowing(5), differs });
    expect(own).toEqual(range(1, 10));
    expect(verdict.refusal).toMatchObject({ address: addressAt(2), hop: 2 });
  });

  it('looks at every hop itself where some of them are lost', () => {
    const { own, shared } = traced({
      nearHops: knowing(4),
      differs: ({ hopLimit, arm, number }) => (arm === 1 && hopLimit < 64 && number % 8 > 1 ? null : undefined),
    });
    expect(own).toEqual(range(1, 10));
    expect(shared).toEqual([]);
  });

  it('looks at every hop itself where a quote shows them changed', () => {
    const differs: FakePath['differs'] = ({ hopLimit, arm }) =>
      arm === 1 && hopLimit > 6 && hopLimit <= 9
        ? {
            from: routerAt(hopLimit),
            type: 3,
            code: 0,
            quote: (packet) => {
              const stripped = Uint8Array.from([...packet.subarray(0, 40), ...packet.subarray(56)]);
              stripped[6] = packet[40]!;
              stripped[4] = (stripped.length - 40) >> 8;
              stripped[5] = (stripped.length - 40) & 0xff;
              return stripped;
            },
          }
        : undefined;
    const { own } = traced({ nearHops: knowing(5), differs });
    expect(own).toEqual(range(1, 10));
  });
});

describe("whatever is said to a list's trace", () => {
  const ROUTERS = 9;
  const AT_EACH = 12;

  /** Packets of one hop limit and arm draw one thing, or now this and now that. */
  function anything(random: Random): NonNullable<FakePath['differs']> {
    const draws = (hop: number): Drawn | null | undefined =>
      random.pick<() => Drawn | null | undefined>([
        () => undefined,
        () => undefined,
        () => null,
        () => elsewhere(hop),
        () => ({ from: routerAt(hop), type: 1, code: random.pick([0, 1, 3, 8]) }),
        () => ({ from: routerAt(hop), type: 2, code: 0 }),
        () => ({ from: routerAt(hop), type: 3, code: 0, delayMs: random.integer(1, 3000) }),
        () => ({ from: TARGET, type: 1, code: 4 }),
        () => ({ from: TARGET, type: 3, code: 1 }),
      ])();
    const steady = new Map<number, Drawn | null | undefined>();
    const isOdd = range(0, AT_EACH).map(() => random.chance(0.12));
    return ({ hopLimit, arm }) => {
      const hop = Math.min(hopLimit, AT_EACH);
      if (isOdd[hop] !== true) return undefined;
      if (random.chance(0.2)) return draws(hop);
      const key = hop * 8 + arm;
      if (!steady.has(key)) steady.set(key, draws(hop));
      return steady.get(key);
    };
  }

  it('it ends, within its cap, with hops of others only below n', () => {
    for (let seed = 0; seed < 600; seed += 1) {
      const random = new Random(seed, 5);
      const known = random.integer(1, ROUTERS);
      const distance = random.chance(0.3) ? random.integer(1, 16) : null;
      const habits = reporting(range(1, ROUTERS).filter(() => random.chance(0.5)));
      const nearHops = knowing(known, { distanceHint: () => distance, isScout: random.chance(0.1) });
      const protocol = random.pick(['udp', 'icmp6'] as const);
      const { state, trace, shared } = traced({ protocol, nearHops, habits, differs: anything(random) });
      expect(state.probes.count, `seed ${seed}`).toBeLessThanOrEqual(ACCUSATION_PROBE_CAP);
      expect(
        shared.every((hop) => hop < trace.lastPdmHop),
        `seed ${seed}`,
      ).toBe(true);
    }
  }, 240_000);
});
