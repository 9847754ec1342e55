import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SynBudget } from '../../../src/engine/pace/syn-budget.js';

describe('the budget of SYNs', () => {
  it('never grants more than 8, and 2 more for each second, whatever the traces that ask', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 4e9 }), { minLength: 20, maxLength: 60 });
    fc.assert(
      fc.property(steps, (waits) => {
        const budget = new SynBudget();
        const sentAtNs: number[] = [];
        let nowNs = 0;
        for (const [row, wait] of waits.entries()) {
          nowNs = Math.max(nowNs + wait, budget.readyAtNs('target', nowNs));
          for (const half of [0, 1]) budget.spend('target', budget, 2 * row + half, nowNs);
          sentAtNs.push(nowNs, nowNs);
        }
        let most = 0;
        for (const [from, fromNs] of sentAtNs.entries()) {
          for (let to = from; to < sentAtNs.length; to += 1) {
            most = Math.max(most, to - from + 1 - (2 * (sentAtNs[to]! - fromNs)) / 1e9);
          }
        }
        expect(most).toBeLessThanOrEqual(8 + 1e-6);
      }),
    );
  });

  it('grants four pairs at once, then one a second', () => {
    const budget = new SynBudget();
    const grantedAtNs: number[] = [];
    let nowNs = 0;
    for (let pair = 0; pair < 30; pair += 1) {
      nowNs = Math.max(nowNs, budget.readyAtNs('target', nowNs));
      budget.spend('target', budget, 2 * pair, nowNs);
      budget.spend('target', budget, 2 * pair + 1, nowNs);
      grantedAtNs.push(nowNs / 1e9);
    }
    expect(grantedAtNs).toEqual([0, 0, 0, ...Array.from({ length: 27 }, (_, second) => second)]);
  });

  it('counts no SYN that ran out of hop limit, and each target alone', () => {
    const budget = new SynBudget();
    for (let row = 0; row < 8; row += 1) budget.spend('a', budget, row, 0);
    expect(budget.readyAtNs('a', 0)).toBe(1e9);
    expect(budget.readyAtNs('b', 0)).toBeLessThanOrEqual(0);
    budget.giveBack('a', budget, 3);
    expect(budget.readyAtNs('a', 0)).toBe(0.5e9);
    budget.giveBack('a', budget, 4);
    expect(budget.readyAtNs('a', 0)).toBeLessThanOrEqual(0);
  });

  it('counts a SYN from when it leaves, which may be later than it was granted', () => {
    const budget = new SynBudget();
    for (let row = 0; row < 8; row += 1) budget.spend('a', budget, row, 0);
    budget.spend('a', budget, 7, 3e9);
    expect(budget.readyAtNs('a', 3e9)).toBeLessThanOrEqual(3e9);
    for (let row = 8; row < 14; row += 1) budget.spend('a', budget, row, 3e9);
    expect(budget.readyAtNs('a', 3e9)).toBe(4e9);
  });

  it('forgets what is full again', () => {
    const budget = new SynBudget();
    budget.spend('a', budget, 0, 0);
    expect(budget.readyAtNs('a', 0.4e9)).toBe(0.5e9 - 3e9);
    expect(budget.readyAtNs('a', 0.6e9)).toBe(Number.NEGATIVE_INFINITY);
  });
});
