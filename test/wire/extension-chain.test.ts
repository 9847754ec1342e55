import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_EXTENSION_HEADERS, walkExtensionChain } from '../../src/wire/extension-chain.js';
import { hex } from './hex.js';
import { arbitraryChain, chainOctets } from './chains.js';

describe('the chain of extension headers', () => {
  it('is empty when the upper layer follows at once', () => {
    expect(walkExtensionChain(hex('ff'.repeat(10)), 17, 4)).toEqual({
      headers: [],
      upperLayer: 17,
      upperLayerOffset: 4,
      truncated: false,
      reason: null,
      fragment: null,
    });
  });

  it('is walked through every kind of header in the order that RFC 8200 recommends', () => {
    const bytes = hex(
      `a5a5a5
      3c00010400000000
      2b00010400000000
      2c020000 00000000 0000000000000000 0000000000000000
      33000001 12345678
      3c040000 00000001 00000001 000000000000000000000000
      11010f0a00000019000000000000 0100
      c000829a000861ce`,
    );
    expect(walkExtensionChain(bytes, 0, 3)).toEqual({
      headers: [
        { kind: 0, offset: 3, length: 8 },
        { kind: 60, offset: 11, length: 8 },
        { kind: 43, offset: 19, length: 24 },
        { kind: 44, offset: 43, length: 8 },
        { kind: 51, offset: 51, length: 24 },
        { kind: 60, offset: 75, length: 16 },
      ],
      upperLayer: 17,
      upperLayerOffset: 91,
      truncated: false,
      reason: null,
      fragment: { offset: 0, more: true, identification: 0x12345678 },
    });
  });

  it('ends at protocols whose insides are not headers: ESP, no next header, anything unknown', () => {
    for (const protocol of [50, 59, 6, 58, 99, 253, 255]) {
      const bytes = hex(`${protocol.toString(16).padStart(2, '0')}00010400000000`);
      expect(walkExtensionChain(bytes, 60)).toMatchObject({ upperLayer: protocol, upperLayerOffset: 8, reason: null });
    }
  });

  it('has no upper layer in a fragment that is not the first', () => {
    const chain = walkExtensionChain(hex('1100000912345678 0102030405060708'), 44);
    expect(chain).toMatchObject({
      upperLayer: null,
      upperLayerOffset: null,
      truncated: false,
      reason: 'non-first-fragment',
      fragment: { offset: 8, more: true, identification: 0x12345678 },
    });
    expect(chain.headers).toHaveLength(1);
  });

  it('does not follow a Hop-by-Hop header behind another header', () => {
    expect(walkExtensionChain(hex('0000010400000000 1100010400000000'), 60)).toMatchObject({
      upperLayer: null,
      truncated: false,
      reason: 'misplaced-hop-by-hop',
      headers: [{ kind: 60, offset: 0, length: 8 }],
    });
  });

  it('is given up after 16 headers', () => {
    const header = (next: string): string => `${next}00010400000000`;
    const sixteen = hex(header('3c').repeat(15) + header('11'));
    expect(walkExtensionChain(sixteen, 60)).toMatchObject({ upperLayer: 17, upperLayerOffset: 128, reason: null });
    const seventeen = hex(header('3c').repeat(16) + header('11'));
    const chain = walkExtensionChain(seventeen, 60);
    expect(chain).toMatchObject({ upperLayer: null, truncated: false, reason: 'too-many-headers' });
    expect(chain.headers).toHaveLength(MAX_EXTENSION_HEADERS);
  });

  it('is found as it was built, in any legal order', () => {
    fc.assert(
      fc.property(arbitraryChain, fc.nat(9), (chain, offset) => {
        const { octets, first, headers } = chainOctets(chain);
        const bytes = new Uint8Array(offset + octets.length).fill(0xa5);
        bytes.set(octets, offset);
        const walked = walkExtensionChain(bytes, first, offset);
        expect(walked.headers).toEqual(headers.map((header) => ({ ...header, offset: header.offset + offset })));
        expect(walked.reason).toBeNull();
        expect(walked.upperLayer).toBe(chain.upperLayer);
        expect(walked.upperLayerOffset).toBe(bytes.length);
      }),
    );
  });

  it('says at every truncation that it is truncated, and names the headers that have begun', () => {
    fc.assert(
      fc.property(arbitraryChain, (chain) => {
        const { octets, first, headers } = chainOctets(chain);
        for (let end = 0; end < octets.length; end++) {
          const walked = walkExtensionChain(octets, first, 0, end);
          expect(walked).toMatchObject({
            truncated: true,
            reason: 'truncated',
            upperLayer: null,
            upperLayerOffset: null,
          });
          expect(walked.headers.map(({ kind, offset }) => ({ kind, offset }))).toEqual(
            headers.filter(({ offset }) => offset < end).map(({ kind, offset }) => ({ kind, offset })),
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it('ends on any octets, without leaving them', () => {
    const kinds = fc.constantFrom(0, 43, 44, 51, 60, 135, 139, 140, 17, 59);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(kinds, { maxLength: 200 }).map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(bytes, kinds, fc.nat(200), fc.nat(200), (octets, first, offset, limit) => {
        const end = Math.min(limit, octets.length);
        const chain = walkExtensionChain(octets, first, offset, end);
        expect(chain.headers.length).toBeLessThanOrEqual(MAX_EXTENSION_HEADERS);
        expect(chain.upperLayer === null).toBe(chain.reason !== null);
        if (chain.upperLayerOffset !== null) expect(chain.upperLayerOffset).toBeLessThanOrEqual(Math.max(offset, end));
      }),
      { numRuns: 2000 },
    );
  });
});
