import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emitPdmDestinationOptions } from '../../src/wire/destination-options.js';
import { findPdm } from '../../src/wire/pdm.js';
import { arbitraryChain, chainOctets } from './chains.js';
import { hex, prefilled } from './hex.js';
import { FIRST_PDM } from './packets.js';

const found = { version: 'rfc8250', pdm: FIRST_PDM };
const header = '11010f0a000000190000000000000100';

function find(octets: string, first = 60, end?: number): ReturnType<typeof findPdm> {
  const bytes = hex(octets);
  return findPdm(bytes, 0, end ?? bytes.length, first);
}

describe('finding PDM', () => {
  it('works behind any legal chain', () => {
    fc.assert(
      fc.property(arbitraryChain, (chain) => {
        const { octets, first, headers } = chainOctets({ ...chain, upperLayer: 60 });
        const bytes = prefilled(octets.length + 16);
        bytes.set(octets);
        emitPdmDestinationOptions(17, FIRST_PDM, bytes, octets.length);
        expect(findPdm(bytes, 0, bytes.length, headers.length === 0 ? 60 : first)).toEqual(found);
      }),
    );
  });

  it('works before a Fragment header, as in the Toronto-Mumbai capture', () => {
    expect(find(`2c010f0a225d6805100a937ab0a00100 11000001 00000001`)).toMatchObject({ version: 'rfc8250' });
  });

  it('works behind other options and padding in its header', () => {
    expect(find('1102 1e0400000000 0f0a00000019000000000000 01020000')).toEqual(found);
    expect(find('1102 0000 01020000 0f0a00000019000000000000 01020000')).toEqual(found);
  });

  it('works in a second Destination Options header', () => {
    expect(find(`3c00010400000000 ${header}`)).toEqual(found);
  });

  it('needs the whole option, and no more', () => {
    for (let end = 0; end <= 16; end++) {
      expect(find(header, 60, end)).toEqual(end < 14 ? null : found);
    }
  });

  it('takes no PDM from a Hop-by-Hop header or from behind the upper layer', () => {
    expect(find(header, 0)).toBeNull();
    expect(find(`11000104 00000000 ${header}`)).toBeNull();
  });

  it('says that an option of the PDMv2 draft is one', () => {
    expect(find(`1102 0f12 ${'00'.repeat(18)} 0000`)).toEqual({ version: 'pdmv2-draft', length: 0x12 });
    expect(find(`1104 0f22 ${'00'.repeat(34)} 0000`)).toEqual({ version: 'pdmv2-draft', length: 0x22 });
    expect(find(`1103 0f16 ${'00'.repeat(22)} 0104 0000 0000`)).toEqual({ version: 'pdmv2-draft', length: 0x16 });
    expect(find(`1105 0f26 ${'00'.repeat(38)} 0104 0000 0000`)).toEqual({ version: 'pdmv2-draft', length: 0x26 });
    expect(find('1102 0f12')).toEqual({ version: 'pdmv2-draft', length: 0x12 });
    expect(find('1102 0f')).toBeNull();
  });

  it('takes no other length for PDM', () => {
    for (const length of [0, 4, 9, 11, 12]) {
      expect(find(`1101 0f${length.toString(16).padStart(2, '0')} ${'00'.repeat(12)}`)).toBeNull();
    }
  });

  it('never throws on what a network may send', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.nat(100),
        fc.constantFrom(0, 43, 44, 51, 60, 17),
        (bytes, at, first) => {
          expect(() => findPdm(bytes, at, bytes.length, first)).not.toThrow();
        },
      ),
    );
  });
});
