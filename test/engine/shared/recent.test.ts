import { describe, expect, it } from 'vitest';
import { Recent } from '../../../src/engine/shared/recent.js';

describe('what is recent', () => {
  it('is all that was learned, until there is too much of it', () => {
    const recent = new Recent<number>(20);
    for (let i = 0; i < 9; i += 1) recent.set(`${i}`, i);
    expect(Array.from({ length: 10 }, (_, i) => recent.get(`${i}`))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, undefined]);
  });

  it('is no more than so many keys, the last half of so many among them', () => {
    const recent = new Recent<number>(100);
    for (let i = 0; i < 10_000; i += 1) recent.set(`${i}`, i);
    const kept = Array.from({ length: 10_000 }, (_, i) => i).filter((i) => recent.get(`${i}`) !== undefined);
    expect(kept.length).toBeLessThanOrEqual(100);
    expect(kept.slice(-50)).toEqual(Array.from({ length: 50 }, (_, i) => 9950 + i));
  });

  it('is what is asked for again and again, whatever comes besides', () => {
    const recent = new Recent<object>(100);
    const near = {};
    recent.set('near', near);
    for (let i = 0; i < 10_000; i += 1) {
      recent.set(`${i}`, {});
      if (i % 40 === 0) expect(recent.get('near')).toBe(near);
    }
    expect(recent.get('0')).toBeUndefined();
  });
});
