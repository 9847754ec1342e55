/** Real budgets against routers with token buckets, in virtual time: METHOD: Rhythm at a router. */
import { describe, expect, it } from 'vitest';
import { ResponderBudgets } from '../../../src/engine/pace/responder-budgets.js';
import type { Ask, RouterBudget } from '../../../src/engine/pace/responder-budgets.js';
import { WaitingLine, type Waiting } from '../../../src/engine/pace/waiting-line.js';

const ROUTER = '2001:db8::1';
const INTERVAL_MS = 100;
const RTT_NS = 20e6;

/** Errors a second and at once; null where there is no limit. */
interface Limit {
  readonly perSecond: number;
  readonly burst: number;
}

interface Seconds {
  /** Packets of each second. */
  readonly asked: number[];
  readonly answered: number[];
  readonly budget: RouterBudget;
}

/** So many seconds in which somebody always waits. `others`: errors a second that others draw from the same limit. */
function ask(
  limit: Limit | null,
  seconds: number,
  { mostRate = 20_000, isSure = true, answers = true, lost = 0 } = {},
): Seconds {
  const budgets = new ResponderBudgets(mostRate);
  const budget = budgets.of(ROUTER, INTERVAL_MS, 0);
  const arriving: { atNs: number; ask: Ask }[] = [];
  const asked = Array.from({ length: seconds }, () => 0);
  const answered = asked.slice();
  let tokens = limit?.burst ?? 0;
  let filledNs = 0;
  let sent = 0;
  for (let nowNs = 0; nowNs < seconds * 1e9;) {
    while ((arriving[0]?.atNs ?? Number.POSITIVE_INFINITY) <= nowNs) {
      const { ask: one } = arriving.shift()!;
      budgets.answered(one, budget, { rttNs: RTT_NS, reports: 1 }, nowNs);
    }
    const readyNs = budgets.readyAtNs(budget, 2, nowNs);
    if (readyNs > nowNs) {
      nowNs = Math.min(readyNs, arriving[0]?.atNs ?? readyNs);
      continue;
    }
    const second = Math.floor(nowNs / 1e9);
    // Which packet of a pair goes first is drawn, here by turns that have nothing to do with the limit.
    for (const isPlain of (sent * 7) % 11 < 6 ? [true, false] : [false, true]) {
      const one = budgets.ask(budget, { isPlain, isSure, cost: 1 }, nowNs);
      asked[second]! += 1;
      sent += 1;
      if (limit !== null) tokens = Math.min(limit.burst, tokens + ((nowNs - filledNs) / 1e9) * limit.perSecond);
      filledNs = nowNs;
      const isLost = lost > 0 && sent % Math.round(1 / lost) === 0;
      if (!answers || isLost || (limit !== null && tokens < 1)) continue;
      tokens -= 1;
      answered[second]! += 1;
      arriving.push({ atNs: nowNs + RTT_NS, ask: one });
    }
  }
  return { asked, answered, budget };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('the budget of a router', () => {
  it('starts with a burst of six and ten a second, --hop-interval apart', () => {
    const budgets = new ResponderBudgets(20_000);
    const budget = budgets.of(ROUTER, INTERVAL_MS, 0);
    for (let packet = 0; packet < 6; packet += 1) {
      expect(budgets.readyAtNs(budget, 1, 0)).toBe(0);
      budgets.ask(budget, { isPlain: true, isSure: true, cost: 1 }, 0);
    }
    expect(budgets.readyAtNs(budget, 1, 0)).toBeCloseTo(100e6);
    expect(new ResponderBudgets(20_000).of(ROUTER, 250, 0).rate).toBe(4);
    expect(new ResponderBudgets(3).of(ROUTER, INTERVAL_MS, 0).rate).toBe(3);
  });

  it('asks a router without a limit thousands of times after some seconds, and never above the rate of the run', () => {
    expect(ask(null, 6).asked.at(-1)).toBeGreaterThan(2000);
    expect(Math.max(...ask(null, 6, { mostRate: 300 }).asked)).toBeLessThanOrEqual(300 + 12);
  });

  it('stays where nobody waits', () => {
    const budgets = new ResponderBudgets(20_000);
    const budget = budgets.of(ROUTER, INTERVAL_MS, 0);
    for (let nowNs = 0; nowNs < 60e9; nowNs += 300e6) {
      budgets.answered(
        budgets.ask(budget, { isPlain: true, isSure: true, cost: 1 }, nowNs),
        budget,
        { rttNs: RTT_NS, reports: 1 },
        nowNs + RTT_NS,
      );
    }
    expect(budget.rate).toBe(10);
  });

  it.each([
    [10, 6],
    [10, 10],
    [4, 6],
    [1, 6],
    [1, 1],
    [100, 50],
  ])(
    'asks a router that answers %i a second after a burst of %i for no more than twice that once it is learnt',
    (perSecond, burst) => {
      const { asked, answered } = ask({ perSecond, burst }, 60);
      for (const of of asked.slice(20)) expect(of).toBeLessThanOrEqual(2 * perSecond + 2);
      // What it gives is used, too; of two packets at once a bucket of one answers one.
      expect(sum(answered.slice(20))).toBeGreaterThanOrEqual((burst === 1 ? 0.45 : 0.6) * 40 * perSecond);
    },
  );

  it('asks for two at once, however long it rested, once it has met a limit', () => {
    const { budget } = ask({ perSecond: 1, burst: 1 }, 30);
    const budgets = new ResponderBudgets(20_000);
    const nowNs = 3600e9;
    const waits: boolean[] = [];
    for (let packet = 0; packet < 3; packet += 1) {
      waits.push(budgets.readyAtNs(budget, 1, nowNs) > nowNs);
      budgets.ask(budget, { isPlain: false, isSure: true, cost: 1 }, nowNs);
    }
    expect(waits).toEqual([false, false, true]);
  });

  it('takes loss for no limit', () => {
    expect(ask(null, 10, { lost: 0.2 }).asked.at(-1)).toBeGreaterThan(500);
  });

  it('is never pushed below its start by packets of which it is not known that this router was asked', () => {
    expect(ask(null, 30, { answers: false, isSure: false }).budget.rate).toBe(10);
    expect(ask(null, 30, { answers: false }).budget.rate).toBe(1);
  });

  it('asks no faster because nothing is answered, with --hop-interval above a second, and keeps nothing where it is 0', () => {
    const silent = (intervalMs: number): RouterBudget => {
      const budgets = new ResponderBudgets(100);
      const budget = budgets.of(ROUTER, intervalMs, 0);
      for (let nowNs = 0; nowNs < 600e9; nowNs += 1e9) {
        budgets.readyAtNs(budget, 2, nowNs);
        budgets.ask(budget, { isPlain: true, isSure: true, cost: 1 }, nowNs);
      }
      return budget;
    };
    expect(silent(5000).rate).toBe(0.2);
    expect(silent(0).open).toEqual([]);
  });

  it('learns from plain packets alone: that those with the option come back is no sign, nor that they do not', () => {
    const rateAfter = (isPlain: boolean, isAnswered: boolean): number => {
      const budgets = new ResponderBudgets(20_000);
      const budget = budgets.of(ROUTER, INTERVAL_MS, 0);
      for (let nowNs = 0; nowNs < 20e9; nowNs += 50e6) {
        budgets.readyAtNs(budget, 2, nowNs);
        const one = budgets.ask(budget, { isPlain, isSure: true, cost: 1 }, nowNs);
        if (isAnswered) budgets.answered(one, budget, { rttNs: RTT_NS, reports: 1 }, nowNs + RTT_NS);
      }
      return budget.rate;
    };
    expect(rateAfter(false, true)).toBe(10);
    expect(rateAfter(false, false)).toBe(10);
    expect(rateAfter(true, true)).toBeGreaterThan(10);
    expect(rateAfter(true, false)).toBeLessThan(10);
  });

  it('takes back what it held against packets that were late, not lost', () => {
    const budgets = new ResponderBudgets(20_000);
    const budget = budgets.of(ROUTER, INTERVAL_MS, 0);
    const asks = [0, 1, 2].map(() => budgets.ask(budget, { isPlain: true, isSure: true, cost: 1 }, 0));
    budgets.readyAtNs(budget, 2, 600e6);
    expect(budget.misses).toBe(3);
    for (const one of asks) budgets.answered(one, budget, { rttNs: 650e6, reports: 1 }, 650e6);
    expect(budget).toMatchObject({ misses: 0, sureMisses: 0, hits: 3, rate: 10 });
  });

  it('of who answered pays, and the one that was expected gets its answer back', () => {
    const budgets = new ResponderBudgets(20_000);
    const expected = budgets.of(ROUTER, INTERVAL_MS, 0);
    const other = budgets.of('2001:db8::2', INTERVAL_MS, 0);
    const one = budgets.ask(expected, { isPlain: true, isSure: false, cost: 1 }, 0);
    const unknown = budgets.ask(null, { isPlain: true, isSure: false, cost: 1 }, 0);
    budgets.answered(one, other, { rttNs: RTT_NS, reports: 1 }, 0);
    budgets.answered(unknown, other, { rttNs: RTT_NS, reports: 1 }, 0);
    expect([expected.tokens, other.tokens]).toEqual([6, 4]);
    // Told twice it counts once.
    budgets.answered(one, other, { rttNs: RTT_NS, reports: 1 }, 0);
    budgets.giveBack(one);
    expect([expected.tokens, other.tokens]).toEqual([6, 4]);
  });

  it('does not grow with the addresses that answer', () => {
    const budgets = new ResponderBudgets(20_000);
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 300_000; i += 1) budgets.of(`2001:db8::${i.toString(16)}`, INTERVAL_MS, i * 10e6);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 2 ** 20);
  });
});

describe('the line of those that wait for a router', () => {
  const waiting = (order: number): Waiting & { finished: boolean } => ({ order, finished: false, waitsIn: new Set() });

  it('calls the oldest first, each once, and nobody who has ended', () => {
    const budget = new ResponderBudgets(100).of(ROUTER, INTERVAL_MS, 0);
    const line = new WaitingLine<Waiting>(budget);
    const traces = [5, 3, 9, 1, 7, 2, 8].map(waiting);
    for (const trace of [...traces, ...traces]) line.join(trace, 2);
    traces[1]!.finished = true;
    const called: number[] = [];
    for (let first = line.first(); first !== undefined; first = line.first()) {
      called.push(first.trace.order);
      line.leave();
    }
    expect(called).toEqual([1, 2, 5, 7, 8, 9]);
    expect(traces.every(({ waitsIn }) => waitsIn.size === 0)).toBe(true);
  });
});
