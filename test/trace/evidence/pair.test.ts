import { describe, expect, it } from 'vitest';
import { classify, forEachPair, graceNs, PAIR_CLASS, waitNs, type Pair } from '../../../src/trace/evidence/pair.js';
import { Meanings } from '../../../src/trace/reply/meaning.js';
import { markFailed } from '../../../src/trace/probe/sending.js';
import { ByHand, type Answer } from '../by-hand.js';
import { routerAt } from '../fake-path.js';
import { makeState } from '../trace-fixture.js';

const pairsOf = ({ state }: ByHand): Pair[] => {
  const seen: Pair[] = [];
  forEachPair(state, new Meanings(state), 0, (pair) => seen.push({ ...pair }));
  return seen;
};
const classOf = (hopLimit: number, plain: Answer, treated: Answer): number =>
  classify(pairsOf(new ByHand().pairs(1, hopLimit, plain, treated)).at(-1)!);

describe('the class of a pair', () => {
  it('at the target counts arrivals', () => {
    expect(classOf(64, 'arrives', 'arrives')).toBe(PAIR_CLASS.both);
    expect(classOf(64, 'arrives', null)).toBe(PAIR_CLASS.plainOnly);
    expect(classOf(64, null, 'arrives')).toBe(PAIR_CLASS.pdmOnly);
    expect(classOf(64, null, null)).toBe(PAIR_CLASS.neither);
  });

  it('a refusal is no arrival, and a Time Exceeded at the target is none', () => {
    expect(classOf(64, 'arrives', { from: routerAt(3), type: 1, code: 1 })).toBe(PAIR_CLASS.plainOnly);
    expect(classOf(64, 'arrives', { from: routerAt(3), type: 3, code: 0 })).toBe(PAIR_CLASS.plainOnly);
  });

  it('at a hop counts whoever answers, refusals apart', () => {
    expect(classOf(3, 'expires', 'expires')).toBe(PAIR_CLASS.both);
    expect(classOf(3, 'expires', { from: routerAt(2), type: 1, code: 1 })).toBe(PAIR_CLASS.plainOnly);
  });

  it('a late reply is an arrival', () => {
    expect(classOf(64, 'arrives', { from: routerAt(9), type: 1, code: 4, delayMs: 5000 })).toBe(PAIR_CLASS.plainOnly);
    const trace = new ByHand('udp');
    const target = Uint8Array.from(trace.state.identity.target);
    trace.target(1, 'arrives', { from: target, type: 1, code: 4, delayMs: 9000 });
    expect(classify(pairsOf(trace)[0]!)).toBe(PAIR_CLASS.both);
  });

  it('a failed send makes it void, whatever came back', () => {
    const trace = new ByHand().target(1, 'arrives', 'arrives');
    markFailed(trace.state, 0, 'ENOBUFS', 'full');
    expect(classify(pairsOf(trace)[0]!)).toBe(PAIR_CLASS.void);
  });

  it('a placebo is told from a treated pair', () => {
    const pairs = pairsOf(new ByHand().target(1, null, null).placebos(1, null).placebos(1, null, null, 'pdm'));
    expect(pairs.map(({ isPlacebo, arm }) => [isPlacebo, arm])).toEqual([
      [false, 1],
      [true, 0],
      [true, 1],
    ]);
  });
});

describe('waiting', () => {
  it('grace is 1.5 s, four round trips or ten differences of the arms, at most 10 s', () => {
    const state = makeState('udp');
    expect(graceNs(state)).toBe(1.5e9);
    state.largestRttNs = 1e9;
    expect(graceNs(state)).toBe(4e9);
    state.largestArmDifferenceNs = 0.6e9;
    expect(graceNs(state)).toBe(6e9);
    state.largestArmDifferenceNs = 5e9;
    expect(graceNs(state)).toBe(10e9);
  });

  it('a hop is given the whole timeout until the path is known, then four round trips, 300 ms at least', () => {
    const state = makeState('udp');
    expect(waitNs(state)).toBe(2e9);
    state.pathKnown = true;
    expect(waitNs(state)).toBe(0.3e9);
    state.largestRttNs = 0.2e9;
    expect(waitNs(state)).toBe(0.8e9);
    state.largestRttNs = 3e9;
    expect(waitNs(state)).toBe(2e9);
  });
});
