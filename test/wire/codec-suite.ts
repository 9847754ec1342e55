import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EmitRangeError } from '../../src/wire/emit-check.js';
import type { ParseResult } from '../../src/wire/result.js';
import { hex, prefilled, toHex } from './hex.js';

export interface Codec<T> {
  readonly name: string;
  /** Octets as an RFC or a capture has them, and what they say. */
  readonly golden: readonly { readonly title: string; readonly hex: string; readonly value: T }[];
  readonly parse: (bytes: Uint8Array, offset?: number, end?: number) => ParseResult<T>;
  readonly emit: (value: T, into: Uint8Array, offset: number) => number;
  /** Octets that `emit` writes. */
  readonly length: (value: T) => number;
  readonly arbitrary: fc.Arbitrary<T>;
  /** Values with one field out of range. */
  readonly tooLarge: readonly T[];
}

/** What holds for every codec, whatever its header. */
export function describeCodec<T>(codec: Codec<T>): void {
  describe(codec.name, () => {
    it.each(codec.golden)('parses $title', ({ hex: text, value }) => {
      expect(codec.parse(hex(text))).toEqual({ ok: true, value });
    });

    it.each(codec.golden)('emits every octet of $title and none around it', ({ hex: text, value }) => {
      const expected = hex(text);
      const into = prefilled(expected.length + 5);
      expect(codec.emit(value, into, 3)).toBe(expected.length);
      expect(toHex(into)).toBe(`a5a5a5${toHex(expected)}a5a5`);
    });

    it.each(codec.golden)('says that $title is truncated at every shorter length', ({ hex: text }) => {
      const whole = hex(text);
      const inside = prefilled(whole.length + 7);
      inside.set(whole, 3);
      for (let length = 0; length < whole.length; length++) {
        expect(codec.parse(whole.subarray(0, length))).toMatchObject({ ok: false, reason: 'truncated' });
        // The same by `end`, with octets behind it that must not be read.
        expect(codec.parse(inside, 3, 3 + length)).toMatchObject({ ok: false, reason: 'truncated' });
      }
    });

    it('reads back what it wrote, at any offset', () => {
      fc.assert(
        fc.property(codec.arbitrary, fc.nat(9), (value, offset) => {
          const length = codec.length(value);
          const into = prefilled(offset + length + 1);
          expect(codec.emit(value, into, offset)).toBe(length);
          expect(codec.parse(into, offset, offset + length)).toEqual({ ok: true, value });
          expect([into.at(-1), ...into.subarray(0, offset)].every((octet) => octet === 0xa5)).toBe(true);
        }),
      );
    });

    it('never throws on what a network may send', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(210), fc.nat(210), (bytes, offset, end) => {
          expect(typeof codec.parse(bytes, offset, Math.min(end, bytes.length)).ok).toBe('boolean');
        }),
        { numRuns: 500 },
      );
    });

    it('refuses a buffer that is too small, touching nothing', () => {
      for (const { value } of codec.golden) {
        const into = prefilled(codec.length(value) + 2);
        expect(() => codec.emit(value, into, 3)).toThrow(EmitRangeError);
        expect(into.every((octet) => octet === 0xa5)).toBe(true);
      }
    });

    it.each(codec.tooLarge.map((value, index) => ({ value, index })))(
      'refuses a value that no field can hold (#$index)',
      ({ value }) => {
        expect(() => codec.emit(value, prefilled(400), 0)).toThrow(RangeError);
      },
    );
  });
}

export const u8 = fc.integer({ min: 0, max: 0xff });
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const u32 = fc.integer({ min: 0, max: 0xffffffff });
export const address = fc.uint8Array({ minLength: 16, maxLength: 16 });
