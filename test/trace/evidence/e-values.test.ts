import { describe, expect, it } from 'vitest';
import {
  chanceOfOneRate,
  fisherPValue,
  flowsToSeeAll,
  isDependable,
  lossEValue,
  mcnemarPValue,
  median,
  noLossEValue,
  passRateUpperBound,
} from '../../../src/trace/evidence/e-values.js';

describe('the e-value of a loss', () => {
  it('is ½ before the first pair where something arrived, and 1 where nothing did', () => {
    expect(lossEValue(0, 0, false)).toBeCloseTo(0.5, 12);
    expect(lossEValue(0, 0, true)).toBeCloseTo(1, 12);
  });

  it('of one pair is exactly what the formula says, by hand', () => {
    // a = 1, b = 0: (C(2,0) + C(2,1)) / (2 · C(1,1)) = 3/2; a = 0, b = 1: C(2,0) / (2 · C(1,0)) = 1/2.
    expect(lossEValue(1, 0, true)).toBeCloseTo(1 + 0.75, 12);
    expect(lossEValue(0, 1, false)).toBeCloseTo(0.25, 12);
    // a = 2, b = 1: (1 + 4 + 6) / (4 · 3) = 11/12.
    expect(lossEValue(2, 1, false)).toBeCloseTo(11 / 24, 12);
  });

  it.each([
    [0.999, 11],
    [0.9999, 15],
  ])('reaches the bar at %d with %i lost pairs, and not with one less', (confidence, pairs) => {
    expect(lossEValue(pairs, 0, true)).toBeGreaterThanOrEqual(1 / (1 - confidence) - 1e-6);
    expect(lossEValue(pairs - 1, 0, true)).toBeLessThan(1 / (1 - confidence));
  });

  it('is that of its own counts, whichever others were asked for before: what is kept of them is told apart', () => {
    // 41 lost beside 12 won accuse; 40 lost beside 140 won, which the cap on pairs allows, do anything but.
    expect(lossEValue(41, 12, false)).toBeGreaterThan(600);
    expect(lossEValue(40, 140, false)).toBeLessThan(0.01);
    lossEValue(1, 2, false);
    // a = 0: C(n + 1, 0) / ((n + 1) · C(n, 0)) = 1 / (n + 1).
    for (const won of [127, 128, 130, 199]) expect(lossEValue(0, won, false)).toBeCloseTo(0.5 / (won + 1), 12);
    lossEValue(0, 70, false);
    expect(lossEValue(0.5, 6, false)).not.toBe(lossEValue(0, 70, false));
  });

  it('has an expected value of at most one after any number of fair pairs', () => {
    for (let n = 0; n <= 12; n += 1) {
      let expected = 0;
      for (let word = 0; word < 2 ** n; word += 1) {
        const lost = word.toString(2).replaceAll('0', '').length;
        expected += lossEValue(lost, n - lost, lost === n) / 2 ** n;
      }
      expect(expected).toBeLessThanOrEqual(1 + 1e-9);
      expect(expected).toBeGreaterThan(0.4);
    }
  });

  it('falls with every pair that the other packet lost', () => {
    for (let won = 1; won < 20; won += 1) {
      expect(lossEValue(20, won, false)).toBeLessThan(lossEValue(20, won - 1, false));
    }
  });
});

describe("Fisher's exact test", () => {
  it('of none of eleven against six of six is one in 12,376, and of five of five not below 0.0002', () => {
    expect(fisherPValue(0, 11, 6, 6)).toBeCloseTo(1 / 12_376, 12);
    expect(fisherPValue(0, 11, 5, 5)).toBeCloseTo(1 / 4368, 12);
    expect(fisherPValue(0, 15, 6, 6)).toBeCloseTo(1 / 54_264, 12);
  });

  it('knows the lady tasting tea', () => {
    expect(fisherPValue(1, 4, 3, 4)).toBeCloseTo(17 / 70, 12);
  });

  it('is one where a side is empty', () => {
    expect(fisherPValue(0, 0, 6, 6)).toBe(1);
    expect(fisherPValue(0, 6, 0, 0)).toBe(1);
  });
});

describe('no loss that matters', () => {
  it('is shown by eleven whole pairs and not by ten', () => {
    expect(noLossEValue(11, 0, 0)).toBeGreaterThanOrEqual(20);
    expect(noLossEValue(10, 0, 0)).toBeLessThan(20);
  });

  it('is not shown by nothing, and more by a packet that arrives where the other one is lost than by a whole pair', () => {
    expect(noLossEValue(0, 0, 0)).toBe(1);
    expect(noLossEValue(0, 0, 1)).toBeGreaterThan(noLossEValue(1, 0, 0));
  });

  it('sinks with a lost packet, and does not die of it', () => {
    const sunk = noLossEValue(11, 1, 0);
    expect(sunk).toBeLessThan(noLossEValue(11, 0, 0) / 2);
    expect(sunk).toBeGreaterThan(0);
  });
});

describe('a dependable reporter', () => {
  it.each([
    [7, 7, 9],
    [10, 8, 13],
    [20, 15, 10],
  ])(
    'of %i pairs that passed reported %i: believed about %i at 0.9999, not about one less',
    (passed, reported, lost) => {
      expect(isDependable(0.9999, passed, reported, lost)).toBe(true);
      expect(isDependable(0.9999, passed, reported, lost - 1)).toBe(false);
    },
  );

  it('is nobody who never reported, and there is nothing to believe where nothing was lost', () => {
    expect(isDependable(0.999, 1000, 0, 1000)).toBe(false);
    expect(isDependable(0.999, 1000, 1000, 0)).toBe(false);
  });
});

describe('flows to see all ways', () => {
  it.each([
    [0.999, [11, 20, 29]],
    [0.9999, [15, 26, 37]],
  ])('at %d are %j for one, two and three seen', (confidence, flows) => {
    expect([1, 2, 3].map((seen) => flowsToSeeAll(confidence, seen))).toEqual(flows);
  });

  it('are as many for none seen as for one', () => {
    expect(flowsToSeeAll(0.999, 0)).toBe(11);
  });
});

describe('the bound of the pass rate', () => {
  it.each([
    [0.999, 20],
    [0.9999, 26],
  ])('at %d is at most 0.3 from %i answered pairs on', (confidence, answered) => {
    expect(passRateUpperBound(confidence, answered)).toBeLessThanOrEqual(0.3);
    expect(passRateUpperBound(confidence, answered - 1)).toBeGreaterThan(0.3);
  });

  it('of 15 pairs at 0.9999 is 46 percent, and of none is not known', () => {
    expect(passRateUpperBound(0.9999, 15)).toBeCloseTo(0.46, 2);
    expect(passRateUpperBound(0.9999, 0)).toBeNull();
  });
});

describe('one rate of answers for who is asked and for the target', () => {
  it.each([
    [0.999, 11, 3],
    [0.9999, 15, 4],
  ])(
    'is out of the question at %d beside %i lost ones where %i of as many are answered, not one less',
    (confidence, lost, asked) => {
      expect(chanceOfOneRate(lost, asked, asked)).toBeLessThanOrEqual(1 - confidence);
      expect(chanceOfOneRate(lost, asked - 1, asked - 1)).toBeGreaterThan(1 - confidence);
    },
  );

  it('is not where one of three is answered: a firewall that takes nine in ten gives that as well', () => {
    expect(chanceOfOneRate(11, 1, 3)).toBeGreaterThan(0.05);
    expect(chanceOfOneRate(11, 1, 3)).toBeGreaterThanOrEqual((1 - 0.9 ** 3) * 0.9 ** 11 - 1e-12);
  });
});

describe('habits and middles', () => {
  it('the sign test counts tails: 3 of 3 is one in eight', () => {
    expect(mcnemarPValue(3, 0)).toBeCloseTo(1 / 8, 12);
    expect(mcnemarPValue(0, 3)).toBeCloseTo(1, 12);
    expect(mcnemarPValue(0, 0)).toBe(1);
  });

  it('the median is the middle one, or the mean of two', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 2, 9])).toBe(3);
    expect(median([])).toBeNull();
  });
});
