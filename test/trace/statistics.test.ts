import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retestBar } from '../../src/trace/significance.js';
import { mcnemarPValue, median, passRateUpperBound, requiredDiscordantPairs } from '../../src/trace/statistics.js';

describe('the arithmetic behind a claim', () => {
  it('needs 10 pairs for 99.9 %, 14 for 99.99 % and 1 for 50 %', () => {
    expect([0.999, 0.9999, 0.99, 0.5].map(requiredDiscordantPairs)).toEqual([10, 14, 7, 1]);
  });

  it('gives 2^-b when only plain was answered', () => {
    for (let b = 0; b <= 30; b += 1) expect(mcnemarPValue(b, 0)).toBeCloseTo(2 ** -b, 15);
  });

  it('is the tail of a fair coin, counted one by one', () => {
    const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n, k - 1) * (n - k + 1)) / k);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }), (b, c) => {
        let tail = 0;
        for (let k = b; k <= b + c; k += 1) tail += choose(b + c, k) / 2 ** (b + c);
        expect(mcnemarPValue(b, c)).toBeCloseTo(tail, 10);
      }),
    );
  });

  it('bounds the share that may pass as METHOD words it: 0 of 12 arrived, at most 44 % do', () => {
    expect(passRateUpperBound(0.999, 12)).toBeCloseTo(0.4377, 3);
    expect(passRateUpperBound(0.999, 0)).toBeNull();
  });

  it('asks more of a flow that was chosen for what it did', () => {
    expect(retestBar(0.999)).toBe(13);
    expect(retestBar(0.999)).toBeGreaterThan(requiredDiscordantPairs(0.999));
  });

  it('takes the middle, or the mean of the two in the middle', () => {
    expect([median([]), median([3]), median([4, 1, 2]), median([4, 1, 2, 3])]).toEqual([null, 3, 2, 2.5]);
  });
});
