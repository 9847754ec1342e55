/** The rhythm of pairs at one responder, seen from when the next pair may leave. */
import { describe, expect, it } from 'vitest';
import { Pace } from '../../src/trace/pace.js';
import { lookOf, PAIR_CLASS, type Pair, type PairClass } from '../../src/trace/evidence/pair.js';
import { MEANING } from '../../src/trace/reply/meaning.js';
import { PURPOSE } from '../../src/trace/state/trace-state.js';

const ARRIVED = { plain: true, pdm: true };

/** Shows the pairs one by one, each sent later than the one before, long after their time. */
class Shown {
  readonly pace: Pace;
  #row = 0;
  nowNs = 0;

  constructor(drawsErrors = false) {
    this.pace = new Pace(100, drawsErrors);
  }

  show(count: number, pairClass: PairClass, hasArrived = ARRIVED, values: Partial<Pair> = {}): this {
    for (let i = 0; i < count; i += 1) {
      this.nowNs += 10e9;
      const pair: Pair = {
        first: this.#row,
        purpose: PURPOSE.target,
        hopLimit: 64,
        flow: 1,
        isPlacebo: false,
        arm: 1,
        plainRow: this.#row,
        treatedRow: this.#row + 1,
        plain: MEANING.none,
        treated: MEANING.none,
        lastSentNs: this.nowNs - 1e9,
        hasFailed: false,
        isLeaving: false,
        ...values,
      };
      this.#row += 2;
      this.pace.begin();
      this.pace.observe(
        pair.first,
        pair.lastSentNs,
        lookOf(pair, pairClass, hasArrived, this.nowNs, 150e6),
        this.nowNs,
      );
    }
    return this;
  }

  get ms(): number {
    return this.pace.intervalNs / 1e6;
  }
}

const { both, plainOnly, neither } = PAIR_CLASS;

/** When so many pairs of two answers leave, one as soon as it may. */
function leaving(pace: Pace, count: number): number[] {
  const left: number[] = [];
  let nowNs = 0;
  for (let i = 0; i < count; i += 1) {
    nowNs = Math.max(nowNs, pace.readyAtNs());
    if (!Number.isFinite(nowNs)) nowNs = 0;
    left.push(Math.round(nowNs / 1e6));
    pace.spend(2, nowNs);
  }
  return left;
}

const steps = (left: readonly number[]): number[] => left.slice(1).map((at, i) => at - left[i]!);

describe('the budget', () => {
  it('lets pairs of two errors go 100 ms apart, then one in 200 ms: a burst of 6 and 10 answers a second', () => {
    const apart = steps(leaving(new Pace(100, true), 30));
    expect(apart.slice(0, 3)).toEqual([100, 100, 100]);
    expect(apart.slice(-5)).toEqual([200, 200, 200, 200, 200]);
  });

  it('lets pairs of echo replies go 100 ms apart, and half as far where they are not counted', () => {
    expect(new Set(steps(leaving(new Pace(100, false), 30)))).toEqual(new Set([100]));
    const pace = new Pace(100, false);
    pace.spend(1, 1e9);
    expect([pace.readyAtNs(), pace.readyAtNs(0.5)]).toEqual([1.1e9, 1.05e9]);
  });

  it('charges a pair that draws one answer half as much, afterwards', () => {
    const ready = (answers: number): number => {
      const pace = new Pace(100, true);
      for (let i = 0; i < 10; i += 1) pace.spend(answers, 0);
      return pace.readyAtNs();
    };
    // Of a burst of six a quarter of an answer is kept.
    expect(ready(1)).toBe(625e6);
    expect(ready(2)).toBe(1625e6);
  });

  it('counts from when a packet really left: one that leaves late may meet a bucket that is no fuller', () => {
    const pace = new Pace(100, true);
    pace.spend(2, 0);
    pace.noteSent(0, 40e6);
    for (let pair = 0; pair < 3; pair += 1) pace.spend(2, 40e6);
    expect(pace.readyAtNs()).toBe(40e6 + 425e6);
  });

  it('does not wait longer for packets of which no answer is counted: echo pairs every 100 ms held up those of a slow target', () => {
    const pace = new Pace(100, true);
    for (let pair = 0; pair < 3; pair += 1) pace.spend(2, 0);
    const readyNs = pace.readyAtNs();
    for (let atNs = 100e6; atNs < 1e9; atNs += 100e6) pace.noteSent(atNs, atNs + 1e5);
    expect(pace.readyAtNs()).toBe(readyNs);
  });
});

describe('what was learnt', () => {
  it('is forgotten where the counts start again: incomplete pairs before say nothing any more', () => {
    expect(new Shown().show(2, plainOnly).show(1, plainOnly).ms).toBe(200);
    const shown = new Shown().show(2, plainOnly);
    shown.pace.forget(4);
    expect(shown.show(1, plainOnly).ms).toBe(100);
    expect(shown.show(2, plainOnly).ms).toBe(200);
  });

  it('is forgotten of a lossy way too: it may be another, or asked otherwise', () => {
    // Half of all packets are lost at any pace, so that none slows it down any more.
    const lossy = (): Shown => new Shown().show(40, plainOnly);
    expect(lossy().show(3, plainOnly).ms).toBe(lossy().ms);
    const forgetting = lossy();
    forgetting.pace.forget(80);
    expect(forgetting.show(3, plainOnly).ms).toBeGreaterThan(lossy().ms);
  });
});

describe('pairs that come back incomplete', () => {
  it('three of three double the interval, two of two do not', () => {
    expect(new Shown().show(2, plainOnly).ms).toBe(100);
    expect(new Shown().show(3, plainOnly).ms).toBe(200);
  });

  it('three of seven make it longer by 1.4, three of eight do not', () => {
    expect(new Shown().show(4, both).show(3, plainOnly).ms).toBeCloseTo(140, 6);
    expect(new Shown().show(5, both).show(3, plainOnly).ms).toBe(100);
  });

  it('make it rest for two answers where it doubles, and not where it becomes longer by 1.4', () => {
    // Nothing had left before: without a rest the next pair may leave at once.
    const doubled = new Shown().show(3, plainOnly);
    expect(doubled.pace.readyAtNs() - doubled.nowNs).toBe(2 * 200e6);
    const longer = new Shown().show(4, both).show(3, plainOnly);
    expect(longer.pace.readyAtNs()).toBeLessThan(longer.nowNs);
  });

  it('never make it longer than two seconds', () => {
    expect(new Shown().show(60, neither).ms).toBe(2000);
  });

  it('are incomplete only when a packet is missing of an arm that has ever arrived', () => {
    expect(new Shown().show(12, plainOnly, { plain: true, pdm: false }).ms).toBe(100);
    expect(new Shown().show(3, neither, { plain: true, pdm: false }).ms).toBe(200);
    expect(new Shown().show(3, neither, { plain: false, pdm: false }).ms).toBe(100);
  });

  it('count placebos by their own arm', () => {
    const placebo = { isPlacebo: true, arm: 0 };
    expect(new Shown().show(3, plainOnly, { plain: true, pdm: false }, placebo).ms).toBe(200);
    expect(new Shown().show(3, plainOnly, { plain: false, pdm: true }, placebo).ms).toBe(100);
  });

  it('are waited for while they may still be answered', () => {
    const shown = new Shown().show(3, plainOnly, ARRIVED, { lastSentNs: 1e15 });
    expect(shown.ms).toBe(100);
  });
});

describe('loss at any pace', () => {
  /** One pair in three lacks a packet, whatever the interval; now and then three in a row do. */
  const lossy = (shown: Shown, rounds: number): Shown => {
    for (let i = 0; i < rounds; i += 1) shown.show(3, plainOnly).show(6, both);
    return shown;
  };

  it('is no limit: back to the interval before, and no slower any more', () => {
    const shown = new Shown().show(6, both).show(4, plainOnly);
    expect(shown.ms).toBeGreaterThan(100);
    expect(shown.show(4, both).show(4, plainOnly).ms).toBe(100);
    expect(lossy(shown, 6).ms).toBe(100);
  });

  it('does not hide a limit that comes later, nor one behind a burst', () => {
    const shown = new Shown().show(6, both).show(4, plainOnly).show(4, both).show(4, plainOnly);
    expect(shown.show(20, neither).ms).toBeGreaterThan(1000);
    // Of a burst of six all is answered, then next to nothing, and in proportion to the interval.
    const limited = new Shown().show(3, both).show(3, neither).show(2, plainOnly);
    expect(limited.show(4, both).show(4, plainOnly).ms).toBeGreaterThan(150);
  });

  it('is held against the last pairs before, not against all since the interval changed: a burst hides a limit', () => {
    // Eight in ten packets were answered, of the last pairs two in three: at 1.4 times the interval a limit gives nine in ten.
    const limited = new Shown().show(6, both).show(4, plainOnly);
    expect(limited.show(7, both).show(1, neither).ms).toBeCloseTo(140, 6);
  });
});

describe('calm', () => {
  it('twelve whole pairs make it faster by a quarter, eleven do not', () => {
    expect(new Shown().show(3, neither).show(3, neither).show(11, both).ms).toBe(400);
    expect(new Shown().show(3, neither).show(3, neither).show(12, both).ms).toBe(300);
  });

  it('never makes it faster than 100 ms', () => {
    expect(new Shown(true).show(200, both).ms).toBe(100);
  });

  it('of pairs that drew one answer each never makes it faster than at first: a limit of ten a second lost a packet of every placebo', () => {
    const shown = new Shown(true);
    shown.pace.spend(1, 0);
    expect(shown.show(200, both).ms).toBe(200);
    const alone = new Shown(true);
    alone.pace.spendAlone(0);
    expect(alone.show(200, both).ms).toBe(100);
  });

  it('never makes it faster than 1.3 times the worst interval that was bad', () => {
    expect(new Shown().show(3, plainOnly).show(200, both).ms).toBeCloseTo(130, 6);
  });
});
