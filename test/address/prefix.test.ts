import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../src/address/address.js';
import {
  formatPrefix,
  parsePrefix,
  parsePrefixList,
  prefixContains,
  PrefixSet,
  type Prefix,
} from '../../src/address/prefix.js';

function octetsOf(text: string): Uint8Array {
  return parseAddress(text)?.octets ?? expect.fail(`${text} is no address`);
}

function prefixOf(text: string): Prefix {
  return parsePrefix(text) ?? expect.fail(`${text} is no prefix`);
}

const octets16 = fc.uint8Array({ minLength: 16, maxLength: 16 });

/** The slow way: bit by bit. */
function contains(prefix: Prefix, octets: Uint8Array): boolean {
  for (let bit = 0; bit < prefix.length; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((prefix.octets[bit >> 3]! ^ octets[bit >> 3]!) & mask) !== 0) return false;
  }
  return true;
}

describe('a prefix', () => {
  it.each([
    ['2001:db8::/32', '2001:db8::/32'],
    ['2001:db8:ffff::1/33', '2001:db8:8000::/33'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['::/0', '::/0'],
    ['ffff::/1', '8000::/1'],
    ['2001:db8::/128', '2001:db8::/128'],
  ])('%s is read as %s', (text, canonical) => {
    expect(formatPrefix(prefixOf(text))).toBe(canonical);
  });

  it.each([
    '',
    '/',
    '::/',
    '::/129',
    '::/-1',
    '::/1e1',
    '::/01',
    '::/ 1',
    '192.0.2.0/24',
    'x/32',
    'fe80::1%eth0/64',
    '::/1/2',
  ])('refuses %j', (text) => {
    expect(parsePrefix(text)).toBeNull();
  });

  it('holds what shares its bits, as a comparison bit by bit says', () => {
    fc.assert(
      fc.property(
        octets16,
        fc.integer({ min: 0, max: 128 }),
        fc.integer({ min: 0, max: 127 }),
        (octets, length, flipped) => {
          const prefix = prefixOf(`${formatAddress(octets)}/${length}`);
          expect(prefixContains(prefix, octets)).toBe(true);
          const other = Uint8Array.from(octets);
          other[flipped >> 3]! ^= 0x80 >> (flipped & 7);
          expect(prefixContains(prefix, other)).toBe(contains(prefix, other));
          expect(prefixContains(prefix, other)).toBe(flipped >= length);
        },
      ),
    );
  });
});

describe('a set of prefixes', () => {
  it('agrees with asking every prefix in turn', () => {
    // Few distinct bits, so that prefixes nest and addresses fall inside.
    const narrow = fc
      .array(fc.constantFrom(0, 1, 0x80, 0xff), { minLength: 16, maxLength: 16 })
      .map((list) => Uint8Array.from(list));
    const prefix = fc.tuple(narrow, fc.integer({ min: 0, max: 128 }));
    fc.assert(
      fc.property(
        fc.array(prefix, { maxLength: 20 }),
        fc.array(narrow, { minLength: 1, maxLength: 20 }),
        (pairs, addresses) => {
          const prefixes = pairs.map(([octets, length]) => prefixOf(`${formatAddress(octets)}/${length}`));
          const set = new PrefixSet(prefixes);
          for (const octets of [...addresses, ...prefixes.map(({ octets }) => octets)]) {
            expect(set.has(octets)).toBe(prefixes.some((one) => contains(one, octets)));
          }
        },
      ),
    );
  });

  it('gives the outermost prefix that holds an address', () => {
    const set = new PrefixSet(['2001:db8:1::/48', '2001:db8::/32', '2001:db8::/32', '2001:db9::/32'].map(prefixOf));
    expect(set.size).toBe(2);
    expect(set.find(octetsOf('2001:db8:1::5'))).toEqual(prefixOf('2001:db8::/32'));
    expect(set.find(octetsOf('2001:dba::5'))).toBeNull();
  });

  it('answers at an offset of a packet', () => {
    const packet = new Uint8Array(40);
    packet.set(octetsOf('2001:db8::1'), 24);
    const set = new PrefixSet([prefixOf('2001:db8::/32')]);
    expect(set.has(packet, 24)).toBe(true);
    expect(set.has(packet, 8)).toBe(false);
  });

  it('is empty without prefixes', () => {
    expect(new PrefixSet([]).has(octetsOf('::'))).toBe(false);
  });
});

describe('a list of prefixes', () => {
  it('skips comments and empty lines and names each line it cannot read', () => {
    const text =
      '\ufeff# exchanges\r\n2001:7f8::/32 # all\r\n\n  2001:db8::1  \nnonsense\n2001::/129 # no\r192.0.2.0/24';
    const { set, errors } = parsePrefixList(text);
    expect(set.size).toBe(2);
    expect(set.has(octetsOf('2001:7f8:1::1'))).toBe(true);
    expect(set.has(octetsOf('2001:db8::1'))).toBe(true);
    expect(set.has(octetsOf('2001:db8::2'))).toBe(false);
    expect(errors).toEqual([
      { line: 5, text: 'nonsense' },
      { line: 6, text: '2001::/129 # no' },
      { line: 7, text: '192.0.2.0/24' },
    ]);
  });

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(() => parsePrefixList(text)).not.toThrow();
      }),
    );
  });
});
