/** Which hops are asked for, in which order, and when no more. */
import { describe, expect, it } from 'vitest';
import { makeCase } from '../../src/trace/case.js';
import { aloneWishes, explorationWishes, isAloneOver, isExplored } from '../../src/trace/explore.js';
import { ACCUSATION_PROBE_CAP } from '../../src/trace/numbers.js';
import { ARM_CODE, PURPOSE, TARGET_HOP_LIMIT, type TraceState } from '../../src/trace/state/trace-state.js';
import { step } from '../../src/trace/trace-machine.js';
import { wishAtHop } from '../../src/trace/wish.js';
import { ByHand } from './by-hand.js';
import { contextOf, routerAt, dropsFrom, runTrace, type FakePath, type Outcome } from './fake-path.js';
import { makeState, TARGET } from './trace-fixture.js';

const path = (values: Partial<FakePath> = {}): FakePath => ({ protocol: 'udp', routers: 8, ...values });
const pairsOf = (state: TraceState, purpose: number): number[] => {
  const rows: number[] = [];
  for (let row = 0; row < state.probes.count; row += 2) if (state.probes.purpose(row) === purpose) rows.push(row);
  return rows;
};
const hopsOf = ({ state }: Outcome): number[] =>
  pairsOf(state, PURPOSE.explore).map((row) => state.probes.hopLimit(row));

describe('the first packets', () => {
  it('are plain, at the target and at hop 1, before any option is sent', () => {
    const wishes = aloneWishes(makeCase(makeState('udp'), contextOf(), 0));
    expect(wishes).toMatchObject([{ treatment: 'plain', hopLimit: TARGET_HOP_LIMIT }]);
    const { state } = runTrace(path());
    expect([0, 1, 2, 3].map((row) => state.probes.arm(row))).toEqual([0, 0, 0, 0]);
    expect([0, 2].map((row) => state.probes.hopLimit(row))).toEqual([TARGET_HOP_LIMIT, 1]);
  });

  it('are waited for 300 ms at most, and no longer than until the target answered', () => {
    const options = { purpose: PURPOSE.alone, treatment: 'plain', flow: 'fresh' } as const;
    const silent = new ByHand().pairs(1, 64, null, null, options);
    expect(isAloneOver(makeCase(silent.state, contextOf(), 299e6))).toBe(false);
    expect(isAloneOver(makeCase(silent.state, contextOf(), 300e6))).toBe(true);
    const answered = new ByHand().pairs(1, 64, 'arrives', null, options);
    expect(isAloneOver(makeCase(answered.state, contextOf(), 20e6))).toBe(true);
  });
});

describe('exploring', () => {
  const order = (seed: number): number[] => {
    const wishes = explorationWishes(makeCase(makeState('udp', { seed }), contextOf(), 0));
    return [...wishes].sort((a, b) => a.rank - b.rank).map(({ hopLimit }) => hopLimit);
  };

  it('begins with a window of 8, in an order that the seed makes', () => {
    expect([...order(1)].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(order(1)).toEqual(order(1));
    expect(order(1)).not.toEqual(order(2));
  });

  it('sends one pair to each hop that both arms cross, on one flow, and stops at the target', () => {
    const outcome = runTrace(path({ routers: 11 }));
    const hops = hopsOf(outcome);
    expect(hops.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(pairsOf(outcome.state, PURPOSE.explore).every((row) => outcome.state.probes.flow(row) === 0)).toBe(true);
  });

  it('sends three pairs to every hop once a packet with the option is missing anywhere', () => {
    let isFirst = true;
    const hops = hopsOf(
      runTrace(
        path({
          routers: 11,
          differs: ({ hopLimit, arm }) => {
            if (hopLimit !== 9 || arm !== ARM_CODE.pdm || !isFirst) return undefined;
            isFirst = false;
            return null;
          },
        }),
      ),
    );
    for (let hop = 1; hop <= 11; hop += 1) expect(hops.filter((other) => other === hop)).toHaveLength(3);
  });

  it('sends two pairs to the hops before n where all of the option is lost farther on, and three from n on', () => {
    const hops = hopsOf(runTrace(path({ routers: 11, differs: dropsFrom(9) }))).filter((hop) => hop <= 11);
    const pairs = (hop: number): number => hops.filter((other) => other === hop).length;
    for (let hop = 1; hop <= 7; hop += 1) expect(pairs(hop)).toBe(2);
    for (let hop = 8; hop <= 11; hop += 1) expect(pairs(hop)).toBeGreaterThanOrEqual(3);
  });

  it('sends two pairs to the silent hops far behind the last answer of a silent target, and three to all others', () => {
    const silent = runTrace(path({ routers: 25, differs: ({ hopLimit }) => (hopLimit > 4 ? null : undefined) }));
    const hops = hopsOf(silent);
    const pairs = (hop: number): number => hops.filter((other) => other === hop).length;
    expect([5, 6].map(pairs)).toEqual([3, 3]);
    expect([7, 8, 9, 10, 11, 12].map(pairs)).toEqual([2, 2, 2, 2, 2, 2]);
    // A target that answers is looked for with all pairs.
    const gap = path({
      routers: 12,
      differs: ({ hopLimit }) => (hopLimit > 4 && hopLimit < 13 ? null : undefined),
    });
    const answered = hopsOf(runTrace(gap));
    expect([7, 8, 9].map((hop) => answered.filter((other) => other === hop).length)).toEqual([3, 3, 3]);
  });

  it('opens the next window when the one before was heard or given up', () => {
    const hops = hopsOf(runTrace(path({ routers: 11 })));
    const before = hops.slice(
      0,
      hops.findIndex((hop) => hop > 8),
    );
    expect(new Set(before)).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));
  });

  it('gives up after 8 hops that are silent in both arms, and not after 7', () => {
    const highest = (count: number): number =>
      runTrace(
        path({
          routers: 25,
          differs: ({ hopLimit }) => (hopLimit > 25 || (hopLimit >= 4 && hopLimit < 4 + count) ? null : undefined),
        }),
      ).trace.highestHop;
    expect(highest(8)).toBe(11);
    expect(highest(7)).toBe(30);
  });

  it('is over only when each hop has had its pairs', () => {
    const trace = new ByHand('icmp6', { routers: 1 })
      .pairs(1, 1, 'expires', 'expires')
      .pairs(1, 2, 'arrives', 'arrives');
    expect(isExplored(trace.case)).toBe(true);
    expect(isExplored(trace.pairs(1, 1, 'expires', null).case)).toBe(false);
    trace.pairs(1, 1, 'expires', 'expires').pairs(1, 2, 'arrives', 'arrives');
    expect(isExplored(trace.case)).toBe(false);
    expect(isExplored(trace.pairs(1, 2, 'arrives', 'arrives').case)).toBe(true);
  });

  it('looks at the target where its own quote says that it is, before looking beyond', () => {
    const { trace } = runTrace(path());
    expect(trace).toMatchObject({ distanceHint: 9, highestHop: 9, distance: { plain: 9, pdm: 9 } });
  });

  it('looks eight times for a target where its own quote says that it is, while it is not heard there', () => {
    const at9 = (answersFrom: number): number => {
      let asked = 0;
      const differs: FakePath['differs'] = ({ hopLimit, arm }) => {
        if (hopLimit !== 9) return undefined;
        if (arm === ARM_CODE.plain) asked += 1;
        return asked < answersFrom ? null : undefined;
      };
      return hopsOf(runTrace(path({ differs }))).filter((hop) => hop === 9).length;
    };
    expect(at9(Number.POSITIVE_INFINITY)).toBe(8);
    expect(at9(5)).toBeLessThan(8);
  });
});

describe('a hop that limits its errors', () => {
  /** What a pair more there would have to wait, after these answers to `plain`. */
  const spacingAfter = (...answers: readonly ('expires' | null)[]): number => {
    const trace = new ByHand();
    for (const answer of answers) trace.pairs(1, 3, answer, answer);
    return wishAtHop(trace.state, trace.case.hops[3], PURPOSE.explore, 3, 0, 0).spacingMs;
  };

  it('is asked once a second after two plain packets in a row that it left unanswered, and not after one', () => {
    expect(spacingAfter('expires', null)).toBe(100);
    expect(spacingAfter('expires', null, null)).toBe(1000);
    expect(spacingAfter('expires', null, 'expires', null)).toBe(100);
    expect(spacingAfter('expires', null, null, 'expires')).toBe(100);
  });

  it('is none where nobody ever answered', () => {
    expect(spacingAfter(null, null, null, null)).toBe(100);
  });
});

describe('every trace', () => {
  /** So many packets with the option lost at the target, and filled up to this number of probes; it still has hops to ask. */
  const filled = (lost: number, probes: number): ByHand => {
    const alone = { purpose: PURPOSE.alone, treatment: 'plain', flow: 'fresh' } as const;
    const trace = new ByHand().pairs(1, TARGET_HOP_LIMIT, 'arrives', null, alone).target(lost, 'arrives', null);
    while (trace.state.probes.count < probes)
      trace.pairs(1, 1, 'expires', 'expires', { purpose: PURPOSE.beyond, flow: 'fresh' });
    return trace;
  };
  const mostPairs = ({ state, context, nowNs }: ByHand): number => {
    let next = step(state, context, nowNs + 20e9);
    // What it learns at first makes it look once more.
    for (let i = 0; i < 3 && next.kind === 'wait'; i += 1) next = step(state, context, nowNs + 20e9);
    return next.kind === 'send' ? next.mostPairs : 0;
  };

  it.each([
    [2, 600],
    [3, 1400],
  ])('that lost the option %i times sends %i probes and no more', (lost, cap) => {
    expect(mostPairs(filled(lost, cap - 4))).toBe(2);
    expect(mostPairs(filled(lost, cap))).toBe(0);
  });

  it('of which one packet with the option was refused has 1400 probes too, and one in which plain was lost three times', () => {
    const refused = filled(0, 700).pairs(1, 3, 'expires', { from: routerAt(2), type: 1, code: 1 });
    const plainLost = filled(0, 700).target(3, null, 'arrives');
    expect([refused, plainLost].map(mostPairs)).toEqual([349, 347]);
    expect(mostPairs(filled(0, 700).target(2, null, 'arrives'))).toBe(0);
  });

  it('ends at its cap where refusals came that are too few to name who refuses', () => {
    const refusal = { from: routerAt(2), type: 1, code: 1 };
    const trace = filled(0, 600).target(4, 'arrives', refusal);
    while (trace.state.probes.count < 1400)
      trace.pairs(1, 1, 'expires', 'expires', { purpose: PURPOSE.beyond, flow: 'fresh' });
    const { state, context, nowNs } = trace;
    const kinds = Array.from({ length: 10 }, (_, i) => step(state, context, nowNs + (20 + i) * 1e9).kind);
    expect(kinds.at(-1)).toBe('done');
  });

  it('stays within its cap of probes and ends, whatever the path does', () => {
    let seed = 1;
    const random = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 2 ** 32;
    };
    for (let run = 0; run < 12; run += 1) {
      const loss = random();
      const { state, verdict } = runTrace({
        protocol: run % 2 === 0 ? 'udp' : 'icmp6',
        routers: 1 + Math.floor(random() * 28),
        confidence: 0.9999,
        differs: ({ hopLimit }) => {
          if (random() < loss) return null;
          if (random() < 0.1) return { from: routerAt(1 + (hopLimit % 9)), type: 1, code: Math.floor(random() * 9) };
          if (random() < 0.1) return { from: TARGET, type: 4, code: 2, delayMs: random() * 4000 };
          return undefined;
        },
      });
      expect(state.probes.count).toBeLessThanOrEqual(ACCUSATION_PROBE_CAP);
      // Both arms suffer the same: nobody is accused.
      expect(['dropped', 'impaired', 'bypassed', 'rejected']).not.toContain(verdict.outcome);
    }
  }, 240_000);
});
