import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAddress,
  isIpv4Mapped,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUniqueLocal,
  isUnspecified,
  parseAddress,
  sameAddress,
} from '../../src/address/address.js';

function octetsOf(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === null) throw new Error(`${text} is no address`);
  return address.octets;
}

describe('address text', () => {
  // Examples of RFC 5952 §§1, 2, 4 and 5.
  it.each([
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8:0:0:1::1', '2001:db8::1:0:0:1'],
    ['2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:1'],
    ['2001:db8:aaaa:bbbb:cccc:dddd::1', '2001:db8:aaaa:bbbb:cccc:dddd:0:1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['::FFFF:C000:201', '::ffff:192.0.2.1'],
    ['1::192.0.2.1', '1::c000:201'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['0:0:1::', '0:0:1::'],
    ['fe80::', 'fe80::'],
  ])('%s is written %s', (text, canonical) => {
    expect(formatAddress(octetsOf(text))).toBe(canonical);
  });

  it('is read into the octets it names', () => {
    expect([...octetsOf('2001:db8:1:203:405:607:809:a0b')]).toEqual([
      0x20, 0x01, 0x0d, 0xb8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    ]);
  });

  it('keeps a zone apart from the octets', () => {
    expect(parseAddress('fe80::1%eth0')).toEqual({ octets: octetsOf('fe80::1'), zone: 'eth0' });
    expect(parseAddress('fe80::1')?.zone).toBeNull();
  });

  it.each([
    '',
    ':',
    ':::',
    '1',
    '192.0.2.1',
    'example.com',
    '[::1]',
    '::1/64',
    ' ::1',
    '::1 ',
    '1::2::3',
    '12345::',
    '00000::1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '1:2:3:4::5:6:7:8',
    ':1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7:8:',
    '1:2:3:4:5:6:7:',
    '::192.0.2.256',
    '::192.0.2',
    '::1.2.3.4:5',
    '1.2.3.4::',
    '::ffff:01.2.3.4',
    '::g',
    'fe80::1%',
    'fe80::1%a b',
    'fe80::1%a%b',
    `fe80::1%${'a'.repeat(65)}`,
    `${'0:'.repeat(1000)}0`,
  ])('refuses %j', (text) => {
    expect(parseAddress(text)).toBeNull();
  });

  it('is accepted exactly where the C library takes it', () => {
    const piece = fc.constantFrom(
      '::',
      ':',
      '0',
      '1',
      'ffff',
      '00000',
      '12345',
      'aBcD',
      '1.2.3.4',
      '.',
      '256.1.1.1',
      '01.2.3.4',
    );
    const soup = fc.array(piece, { minLength: 1, maxLength: 16 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(fc.oneof(soup, fc.ipV6(), fc.string()), (text) => {
        fc.pre(!text.includes('%'));
        expect(parseAddress(text) !== null).toBe(isIPv6(text));
      }),
      { numRuns: 5000 },
    );
  });

  it('comes back the same after writing and reading, at any offset', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), fc.nat(5), (groups, offset) => {
        const octets = Uint8Array.from(groups.flatMap((value) => [value >> 8, value & 0xff]));
        const padded = new Uint8Array(offset + 18).fill(0xa5);
        padded.set(octets, offset);
        const text = formatAddress(padded, offset);
        expect(parseAddress(text)?.octets).toEqual(octets);
        // The C++ URL parser is another RFC 5952 writer (but keeps mapped addresses in hex).
        if (!isIpv4Mapped(octets)) expect(`[${text}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
    );
  });
});

describe('kinds of address', () => {
  const kinds = { isMulticast, isUnspecified, isLoopback, isIpv4Mapped, isLinkLocal, isUniqueLocal };
  it.each([
    ['ff02::1', 'isMulticast'],
    ['ff00::', 'isMulticast'],
    ['::', 'isUnspecified'],
    ['::1', 'isLoopback'],
    ['::ffff:192.0.2.1', 'isIpv4Mapped'],
    ['fe80::1', 'isLinkLocal'],
    ['febf:ffff::1', 'isLinkLocal'],
    ['fc00::1', 'isUniqueLocal'],
    ['fdff::', 'isUniqueLocal'],
    ['2001:db8::1', null],
    ['fec0::1', null],
    ['fe7f::1', null],
    ['fe00::1', null],
    ['fb00::', null],
    ['::2', null],
    ['::1:0', null],
    ['::ffff:0:0:0', null],
    ['0:0:0:0:1:ffff::', null],
    ['100::', null],
  ])('%s is of one kind only: %s', (text, kind) => {
    for (const [name, is] of Object.entries(kinds)) expect(is(octetsOf(text)), name).toBe(name === kind);
  });

  it('are told at an offset too', () => {
    const octets = new Uint8Array(20);
    octets.set(octetsOf('fe80::1'), 3);
    expect(isLinkLocal(octets, 3)).toBe(true);
    expect(isLinkLocal(octets)).toBe(false);
  });
});

describe('comparing addresses', () => {
  it('finds any octet that differs', () => {
    const address = octetsOf('2001:db8::1');
    expect(sameAddress(address, octetsOf('2001:db8:0::1'))).toBe(true);
    for (let index = 0; index < 16; index++) {
      const other = Uint8Array.from(address);
      other[index] = (other[index] ?? 0) ^ 0x10;
      expect(sameAddress(address, other)).toBe(false);
    }
  });

  it('takes addresses out of packets', () => {
    const packet = new Uint8Array(40);
    packet.set(octetsOf('2001:db8::7'), 24);
    expect(sameAddress(packet, octetsOf('2001:db8::7'), 24)).toBe(true);
    expect(sameAddress(packet, octetsOf('2001:db8::7'), 8)).toBe(false);
  });

  it('holds nothing equal to an address that is cut off', () => {
    const address = octetsOf('::');
    expect(sameAddress(address, new Uint8Array(15))).toBe(false);
  });
});
