import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checksumIsRight,
  finishChecksum,
  foldSum,
  onesComplementSum,
  pseudoHeaderSum,
  updateChecksum,
  upperLayerChecksum,
} from '../../src/wire/checksum.js';
import { address, u16, u8 } from './codec-suite.js';
import { hex } from './hex.js';

/** RFC 1071 the slow way: one big number modulo 2¹⁶−1. */
function slowSum(bytes: Uint8Array): bigint {
  const even = bytes.length % 2 === 0 ? bytes : Uint8Array.of(...bytes, 0);
  const value = BigInt(`0x0${Array.from(even, (octet) => octet.toString(16).padStart(2, '0')).join('')}`);
  return value === 0n ? 0n : value % 0xffffn || 0xffffn;
}

describe('the Internet checksum', () => {
  it('is that of the example in RFC 1071 §3', () => {
    const bytes = hex('0001 f203 f4f5 f6f7');
    expect(onesComplementSum(bytes, 0, 8)).toBe(0x2ddf0);
    expect(foldSum(0x2ddf0)).toBe(0xddf2);
    expect(finishChecksum(0x2ddf0)).toBe(0x220d);
  });

  it('agrees with arithmetic modulo 2^16 - 1 for any octets at any offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(9), (bytes, offset) => {
        const padded = new Uint8Array(offset + bytes.length + 3).fill(0xa5);
        padded.set(bytes, offset);
        expect(foldSum(onesComplementSum(padded, offset, bytes.length))).toBe(Number(slowSum(bytes)));
      }),
    );
  });

  it('adds up over pieces of even length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 64 }), fc.nat(31), (bytes, words) => {
        const cut = Math.min(2 * words, bytes.length & ~1);
        const first = onesComplementSum(bytes, 0, cut);
        expect(onesComplementSum(bytes, cut, bytes.length - cut, first)).toBe(
          onesComplementSum(bytes, 0, bytes.length),
        );
      }),
    );
  });

  it('does not overflow over the largest packet', () => {
    const bytes = new Uint8Array(65535).fill(0xff);
    expect(onesComplementSum(bytes, 0, 65535)).toBe(32767 * 0xffff + 0xff00);
    expect(finishChecksum(onesComplementSum(bytes, 0, 65534))).toBe(0);
  });

  it('follows a change of one word without being computed anew', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 10, maxLength: 10 }), fc.nat(3), u16, (bytes, word, value) => {
        const at = 2 + 2 * word;
        bytes.set([0x60, 1]); // A sum of zero does not occur in packets.
        const before = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
        const checksum = finishChecksum(onesComplementSum(bytes, 0, 10));
        bytes.set([value >> 8, value & 0xff], at);
        expect(updateChecksum(checksum, before, value)).toBe(finishChecksum(onesComplementSum(bytes, 0, 10)));
      }),
    );
  });
});

describe('the upper-layer checksum', () => {
  const probe = hex(
    '6001234500183c0520010db800000000000000000000000120010db800000000000000000000000211010f0a000000190000000000000100c000829a000861ce',
  );
  const source = probe.subarray(8, 24);
  const destination = probe.subarray(24, 40);

  it('of the probe in the vectors is right, and wrong once any bit differs', () => {
    expect(checksumIsRight(source, destination, 17, probe, 56, 8)).toBe(true);
    for (let bit = 0; bit < 64; bit++) {
      const copy = Uint8Array.from(probe);
      copy[56 + (bit >> 3)] = (copy[56 + (bit >> 3)] ?? 0) ^ (1 << (bit & 7));
      expect(checksumIsRight(source, destination, 17, copy, 56, 8)).toBe(false);
    }
  });

  it('is the value of the field when the field is zero', () => {
    const copy = Uint8Array.from(probe);
    copy.fill(0, 62, 64);
    expect(upperLayerChecksum(source, destination, 17, copy, 56, 8)).toBe(0x61ce);
  });

  it('covers the pseudo-header of RFC 8200: both addresses, the length in 32 bits, the protocol', () => {
    fc.assert(
      fc.property(address, address, fc.integer({ min: 0, max: 0xffffff }), u8, (from, to, length, protocol) => {
        const header = new Uint8Array(40);
        header.set(from, 0);
        header.set(to, 16);
        header.set([0, length >>> 16, (length >>> 8) & 0xff, length & 0xff, 0, 0, 0, protocol], 32);
        expect(foldSum(pseudoHeaderSum(from, to, length, protocol))).toBe(Number(slowSum(header)));
      }),
    );
  });

  it('can take the addresses out of the packet', () => {
    expect(pseudoHeaderSum(probe, probe, 8, 17, 8, 24)).toBe(pseudoHeaderSum(source, destination, 8, 17));
  });
});
