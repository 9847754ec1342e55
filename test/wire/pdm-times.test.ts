import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePdmTime, decodePdmTimeMs, encodePdmTime, encodePdmTimeNs } from '../../src/wire/pdm.js';
import { EmitRangeError } from '../../src/wire/emit-check.js';

interface TimeVector {
  readonly label: string;
  readonly attoseconds: string;
  readonly delta: string;
  readonly scale: number;
}

const vectors = JSON.parse(readFileSync(new URL('vectors/pdm-times.json', import.meta.url), 'utf8')) as {
  readonly times: readonly TimeVector[];
};

describe('PDM times', () => {
  it.each(vectors.times)('encode $label as the vectors say', ({ attoseconds, delta, scale }) => {
    expect(encodePdmTime(BigInt(`0x${attoseconds}`))).toEqual({ scale, delta: parseInt(delta, 16) });
  });

  it.each(vectors.times)(
    'decode $label to the time itself, its lowest bits cleared',
    ({ attoseconds, delta, scale }) => {
      const shift = BigInt(scale);
      expect(decodePdmTime(scale, parseInt(delta, 16))).toBe((BigInt(`0x${attoseconds}`) >> shift) << shift);
    },
  );

  const wholeNs = vectors.times.filter(({ attoseconds }) => BigInt(`0x${attoseconds}`) % 1_000_000_000n === 0n);
  it.each(wholeNs)('encode $label from nanoseconds alike', ({ attoseconds, delta, scale }) => {
    const ns = Number(BigInt(`0x${attoseconds}`) / 1_000_000_000n);
    expect(encodePdmTimeNs(ns)).toEqual({ scale, delta: parseInt(delta, 16) });
  });

  it('has vectors of both kinds', () => {
    expect(vectors.times.length).toBeGreaterThanOrEqual(12);
    expect(wholeNs.length).toBeGreaterThanOrEqual(8);
  });

  it('lose at most one part in 2^15 of a time, and nothing below 65536 as', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 271n - 1n }), (attoseconds) => {
        const { scale, delta } = encodePdmTime(attoseconds);
        const lost = attoseconds - decodePdmTime(scale, delta);
        expect(lost >= 0n && lost * 2n ** 15n <= attoseconds).toBe(true);
        if (attoseconds < 65536n) expect(lost).toBe(0n);
      }),
    );
  });

  it('come back the same when a decoded time is encoded in its normal form', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0x8000, max: 0xffff }), (scale, delta) => {
        expect(encodePdmTime(decodePdmTime(scale, delta))).toEqual({ scale, delta });
      }),
    );
  });

  it('agree between the BigInt and the number version for every safe nanosecond count', () => {
    const edges = [0, 1, 2, 2 ** 26 - 1, 2 ** 26, 9_007_199, 9_007_200, Number.MAX_SAFE_INTEGER];
    const ns = fc.oneof(
      fc.maxSafeNat(),
      fc.integer({ min: 0, max: 0x7fffffff }),
      fc
        .tuple(fc.integer({ min: 0, max: 52 }), fc.integer({ min: -3, max: 3 }))
        .map(([bit, near]) => Math.max(0, 2 ** bit + near)),
      fc.constantFrom(...edges),
    );
    fc.assert(
      fc.property(ns, (value) => {
        expect(encodePdmTimeNs(value)).toEqual(encodePdmTime(BigInt(value) * 1_000_000_000n));
      }),
      { numRuns: 5000 },
    );
  });

  it('agree between the BigInt and the number version in milliseconds for every scale', () => {
    for (let scale = 0; scale <= 255; scale++) {
      for (const delta of [0, 1, 2, 0x7fff, 0x8000, 0xe033, 0xffff]) {
        expect(decodePdmTimeMs(scale, delta)).toBe(Number(decodePdmTime(scale, delta)) / 1e15);
      }
    }
  });

  it('refuse what no field can hold, naming the value', () => {
    expect(() => encodePdmTime(-1n)).toThrow(EmitRangeError);
    expect(() => encodePdmTime(2n ** 271n)).toThrow(/2\^271/);
    expect(() => encodePdmTimeNs(-1)).toThrow(/-1/);
    expect(() => encodePdmTimeNs(1.5)).toThrow(/1\.5/);
    expect(() => encodePdmTimeNs(2 ** 53)).toThrow(EmitRangeError);
    expect(() => decodePdmTime(256, 0)).toThrow(/scale is 256/);
    expect(() => decodePdmTime(0, 65536)).toThrow(/65536/);
    expect(() => decodePdmTimeMs(-1, 0)).toThrow(EmitRangeError);
  });
});
