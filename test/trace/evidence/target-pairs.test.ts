import { describe, expect, it } from 'vitest';
import {
  confidenceOfLoss,
  isLossShown,
  isTargetSilent,
  isUndecidable,
  looksLost,
  mayShowLoss,
  ratesText,
  targetWishes,
} from '../../../src/trace/evidence/target-pairs.js';
import { restOf } from '../../../src/trace/evidence/pair.js';
import type { Protocol } from '../../../src/record/record.js';
import { makeCase, type Case } from '../../../src/trace/case.js';
import { ByHand } from '../by-hand.js';

describe('pairs at the target', () => {
  it('are wished for on fresh flows up to the cap of 200', () => {
    expect(targetWishes(new ByHand().target(199, 'arrives', 'arrives').case)).toMatchObject([
      { flow: 'fresh', hopLimit: 64, restNs: null },
    ]);
    expect(targetWishes(new ByHand().target(200, 'arrives', 'arrives').case)).toEqual([]);
  });

  it('are wished for no more, and decide nothing, once no bar can be reached by the cap', () => {
    const half = (pairs: number): ByHand =>
      new ByHand().target(pairs, 'arrives', 'arrives').target(pairs, null, 'arrives').placebos(2, 'arrives');
    const isOver = (trace: ByHand): boolean => isUndecidable(trace.case) && targetWishes(trace.case).length === 0;
    expect(isOver(half(20))).toBe(true);
    expect(isOver(half(19))).toBe(false);
    expect(isOver(new ByHand().target(40, 'arrives', 'arrives'))).toBe(false);
    expect(isOver(new ByHand().target(40, 'arrives', null))).toBe(false);
  });

  it('are as many as would show a loss, and no more, while it is not known how the first ones end', () => {
    const onTheirWay = (pairs: number, before = 0): Case => {
      const trace = new ByHand().target(before, 'arrives', null);
      const nowNs = trace.nowNs + 4e9;
      for (let pair = 0; pair < pairs; pair += 1) {
        trace.nowNs = nowNs;
        trace.target(1, null, null);
      }
      return makeCase(trace.state, trace.context, nowNs + 1e6);
    };
    expect([10, 11].map((pairs) => mayShowLoss(onTheirWay(pairs)))).toEqual([false, true]);
    // Something is missing: now placebos have to be sent as well.
    expect(mayShowLoss(onTheirWay(11, 1))).toBe(false);
  });

  it('leave at once, in the second count after 120 ms, in the third after 1.1 s, and SYNs one by one', () => {
    const rests = (protocol: Protocol, serviceAnswers = false): (number | null)[] =>
      [1, 2, 3].map((countIndex) => restOf({ countIndex, serviceAnswers }, protocol));
    expect(rests('udp')).toEqual([null, 120e6, 1.1e9]);
    expect(rests('tcp')).toEqual([0, 120e6, 1.1e9]);
    // Half a second for an answer that a service or the network repeats.
    expect(rests('udp', true)).toEqual([500e6, 500e6, 1.1e9]);
    expect(rests('icmp6', true)).toEqual(rests('icmp6'));
  });

  it('show their loss from eleven on beside six placebos', () => {
    expect(isLossShown(new ByHand().target(11, 'arrives', null).placebos(6, 'arrives').case)).toBe(true);
    expect(isLossShown(new ByHand().target(10, 'arrives', null).placebos(6, 'arrives').case)).toBe(false);
  });

  it('an arrival at a hop limit of its own defeats the sharper half of the bar', () => {
    const trace = new ByHand().pairs(1, 5, 'arrives', 'arrives').target(11, 'arrives', null).placebos(6, 'arrives');
    expect(isLossShown(trace.case)).toBe(false);
  });

  it('give a confidence above the bar and below one', () => {
    const trace = new ByHand().target(150, 'arrives', null).placebos(6, 'arrives');
    expect(confidenceOfLoss(trace.case)).toBeGreaterThan(0.999999);
    expect(confidenceOfLoss(trace.case)).toBeLessThan(1);
  });

  it('look lost from the third on, and no more once a packet with the option arrived, be it alone', () => {
    expect(looksLost(new ByHand().target(2, 'arrives', null).case)).toBe(false);
    expect(looksLost(new ByHand().target(3, 'arrives', null).case)).toBe(true);
    for (const plain of ['arrives', null] as const)
      expect(looksLost(new ByHand().target(20, 'arrives', null).target(1, plain, 'arrives').case)).toBe(false);
  });

  it('make a target silent after ten that nobody answered, not after nine', () => {
    expect(isTargetSilent(new ByHand().target(10, null, null).case)).toBe(true);
    expect(isTargetSilent(new ByHand().target(9, null, null).case)).toBe(false);
    expect(isTargetSilent(new ByHand().target(10, null, null).target(1, 'arrives', null).case)).toBe(false);
  });

  it('are said as n of m', () => {
    expect(ratesText(new ByHand().target(2, 'arrives', 'arrives').target(3, 'arrives', null).case)).toBe(
      '2 of 5 with, 5 of 5 without',
    );
  });
});
