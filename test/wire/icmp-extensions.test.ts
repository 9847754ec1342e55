import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/address/address.js';
import { EmitRangeError } from '../../src/wire/emit-check.js';
import {
  emitIcmpExtensions,
  icmpExtensionsLength,
  parseIcmpExtensions,
  type ExtensionObjectToEmit,
  type IcmpExtensions,
  type MplsLabel,
} from '../../src/wire/icmp-extensions.js';
import { INTERFACE_ROLES, type InterfaceInformation } from '../../src/wire/interface-information.js';
import { address, u32, u8 } from './codec-suite.js';
import { hex, prefilled, toHex } from './hex.js';

function emitted(objects: readonly ExtensionObjectToEmit[]): Uint8Array {
  const length = icmpExtensionsLength(objects);
  const into = prefilled(length + 5);
  expect(emitIcmpExtensions(objects, into, 3)).toBe(length);
  expect(toHex(into.subarray(0, 3)) + toHex(into.subarray(3 + length))).toBe('a5a5a5a5a5');
  return into.slice(3, 3 + length);
}

function parsedExtensions(bytes: Uint8Array): IcmpExtensions {
  const result = parseIcmpExtensions(bytes);
  return result.ok ? result.value : expect.fail(result.reason);
}

const mpls: ExtensionObjectToEmit = {
  kind: 'mpls',
  labels: [
    { label: 24_005, trafficClass: 0, bottomOfStack: false, ttl: 1 },
    { label: 0xfffff, trafficClass: 7, bottomOfStack: true, ttl: 255 },
  ],
};
const ethernet: InterfaceInformation = {
  role: 'incoming',
  ifIndex: 7,
  address: '2001:db8::7',
  name: 'et-0/0/7',
  mtu: 9000,
};

describe('an ICMP extension structure', () => {
  it('carries an MPLS label stack (RFC 4950)', () => {
    const bytes = emitted([mpls]);
    expect(toHex(bytes.subarray(4))).toBe('000c0101' + '05dc5001' + 'ffffffff');
    expect(parsedExtensions(bytes)).toMatchObject({
      checksumVerified: true,
      mpls: [
        { label: 24_005, trafficClass: 0, bottomOfStack: false, ttl: 1 },
        { label: 0xfffff, trafficClass: 7, bottomOfStack: true, ttl: 255 },
      ],
      interfaces: [],
      pointer: null,
    });
  });

  it('carries interface information (RFC 5837)', () => {
    const bytes = emitted([{ kind: 'interface', information: ethernet }]);
    expect(toHex(bytes.subarray(4))).toBe(
      '002c020f' +
        '00000007' +
        '00020000' +
        '20010db8000000000000000000000007' +
        '0c65742d302f302f37000000' +
        '00002328',
    );
    expect(parsedExtensions(bytes).interfaces).toEqual([ethernet]);
  });

  it('carries the pointer of a refused header chain (RFC 8883)', () => {
    const bytes = emitted([{ kind: 'pointer', pointer: 42 }]);
    expect(toHex(bytes)).toBe('2000' + 'dbcc' + '00080401' + '0000002a');
    expect(parsedExtensions(bytes).pointer).toBe(42);
  });

  it('keeps objects that nobody knows, and known ones as octets too', () => {
    const payload = hex('0102030405060708');
    const bytes = emitted([
      { kind: 'other', classNumber: 247, cType: 9, payload },
      { kind: 'pointer', pointer: 1 },
    ]);
    expect(parsedExtensions(bytes).objects).toEqual([
      { classNumber: 247, cType: 9, payload },
      { classNumber: 4, cType: 1, payload: hex('00000001') },
    ]);
  });

  it('keeps a malformed object as octets', () => {
    const object = { classNumber: 2, cType: 0x0c, payload: hex('00000007 00630000 20010db8') };
    const extensions = parsedExtensions(emitted([{ kind: 'other', ...object }]));
    expect(extensions.interfaces).toEqual([]);
    expect(extensions.objects).toEqual([object]);
  });

  it('survives the receive buffer being used again', () => {
    const bytes = Buffer.from(emitted([{ kind: 'other', classNumber: 247, cType: 9, payload: hex('01020304') }]));
    const extensions = parsedExtensions(bytes);
    bytes.fill(0);
    expect(toHex(extensions.objects[0]!.payload)).toBe('01020304');
  });

  it('may do without a checksum, and says so', () => {
    const bytes = emitted([{ kind: 'pointer', pointer: 42 }]);
    bytes.fill(0, 2, 4);
    expect(parsedExtensions(bytes)).toMatchObject({ checksumVerified: false, pointer: 42 });
  });

  it('is refused when any bit has changed', () => {
    const good = emitted([mpls, { kind: 'interface', information: ethernet }]);
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = Uint8Array.from(good);
      bad[bit >> 3]! ^= 0x80 >> (bit & 7);
      const result = parseIcmpExtensions(bad);
      expect(result).toMatchObject({ ok: false, reason: bit < 4 ? 'bad-version' : 'bad-checksum' });
    }
  });

  it('is refused at every shorter length', () => {
    const good = emitted([mpls, { kind: 'interface', information: ethernet }]);
    for (let length = 0; length < good.length; length++) {
      const result = parseIcmpExtensions(good, 0, length);
      expect(result).toMatchObject({ ok: false, reason: length < 4 ? 'truncated' : 'bad-checksum' });
    }
    // Without the checksum's help too, but for the length at which one object ends.
    good.fill(0, 2, 4);
    for (let length = 0; length < good.length; length++) {
      expect(parseIcmpExtensions(good, 0, length).ok).toBe(length === 4 || length === 16);
    }
  });

  it.each([
    ['an object shorter than its own header', '20000000 00030401', 'bad-length'],
    ['an object of length zero', '20000000 00000401', 'bad-length'],
    ['an object that passes the end', '20000000 00090401 00000000', 'bad-length'],
    ['octets too few for an object', '20000000 000804', 'truncated'],
    ['33 objects', `20000000 ${'0004f701'.repeat(33)}`, 'too-many-objects'],
    ['two descriptions of one role', '20000000 00080208 00000001 00080208 00000002', 'duplicate-role'],
  ])('is refused with %s', (_, octets, reason) => {
    expect(parseIcmpExtensions(hex(octets))).toMatchObject({ ok: false, reason });
  });

  it('keeps 32 objects and 32 labels at most', () => {
    expect(parsedExtensions(hex(`20000000 ${'0004f701'.repeat(32)}`)).objects).toHaveLength(32);
    expect(parsedExtensions(hex(`20000000 00c80101 ${'00001101'.repeat(49)}`)).mpls).toHaveLength(32);
  });

  it('comes back as it was emitted', () => {
    const label: fc.Arbitrary<MplsLabel> = fc.record({
      label: fc.integer({ min: 0, max: 0xfffff }),
      trafficClass: fc.nat(7),
      bottomOfStack: fc.boolean(),
      ttl: u8,
    });
    const addressText = fc.oneof(
      address.map((octets) => formatAddress(octets)),
      fc.ipV4(),
    );
    const name = fc.stringMatching(/^[!-~][ -~]{0,61}[!-~]$/);
    const information = fc.record({
      role: fc.constantFrom(...INTERFACE_ROLES),
      ifIndex: fc.option(u32),
      address: fc.option(addressText),
      name: fc.option(name),
      mtu: fc.option(u32),
    });
    const labels = fc.array(label, { maxLength: 8 });
    const roles = fc.uniqueArray(information, { maxLength: 4, selector: ({ role }) => role });
    fc.assert(
      fc.property(labels, roles, fc.option(u32), (stack, interfaces, pointer) => {
        const objects: ExtensionObjectToEmit[] = [
          { kind: 'mpls', labels: stack },
          ...interfaces.map((one) => ({ kind: 'interface', information: one }) as const),
          ...(pointer === null ? [] : [{ kind: 'pointer', pointer } as const]),
        ];
        expect(parsedExtensions(emitted(objects))).toMatchObject({ mpls: stack, interfaces, pointer });
      }),
    );
  });

  it('never throws on what a network may send', () => {
    const anything = fc.uint8Array({ maxLength: 120 });
    const plausible = anything.map((bytes) => {
      bytes.set([0x20, 0, 0, 0, 0, bytes.length - 4, 1 + (bytes.length % 4)].slice(0, bytes.length));
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(anything, plausible), fc.nat(9), (bytes, offset) => {
        expect(typeof parseIcmpExtensions(bytes, offset).ok).toBe('boolean');
      }),
      { numRuns: 2000 },
    );
  });

  it('cannot be emitted with values that do not fit', () => {
    const label = { label: 1, trafficClass: 0, bottomOfStack: true, ttl: 1 };
    const bad: ExtensionObjectToEmit[] = [
      { kind: 'mpls', labels: [{ ...label, label: 0x100000 }] },
      { kind: 'mpls', labels: [{ ...label, trafficClass: 8 }] },
      { kind: 'mpls', labels: [{ ...label, ttl: 256 }] },
      { kind: 'pointer', pointer: -1 },
      { kind: 'other', classNumber: 256, cType: 0, payload: new Uint8Array(0) },
      { kind: 'other', classNumber: 0, cType: 256, payload: new Uint8Array(0) },
      { kind: 'other', classNumber: 0, cType: 0, payload: new Uint8Array(65536) },
      { kind: 'interface', information: { ...ethernet, name: 'x'.repeat(64) } },
      { kind: 'interface', information: { ...ethernet, address: 'nowhere' } },
      { kind: 'interface', information: { ...ethernet, address: '192.0.2.256' } },
      { kind: 'interface', information: { ...ethernet, address: 'x::' } },
      { kind: 'interface', information: { ...ethernet, ifIndex: 2 ** 32 } },
      { kind: 'interface', information: { ...ethernet, mtu: -1 } },
    ];
    for (const object of bad) {
      expect(() => emitIcmpExtensions([object], new Uint8Array(70_000), 0)).toThrow(EmitRangeError);
    }
    expect(() => emitIcmpExtensions([mpls], new Uint8Array(15), 0)).toThrow(/16 octets/);
  });
});

describe('interface information', () => {
  const parse = (payload: string): InterfaceInformation | undefined =>
    parsedExtensions(
      hex(`20000000 ${(payload.replaceAll(' ', '').length / 2 + 3).toString(16).padStart(4, '0')}02${payload}`),
    ).interfaces[0];

  it('names all four roles and ignores reserved bits', () => {
    const roles = ['00', '40', '80', 'c0', '30'].map((cType) => parse(cType)?.role);
    expect(roles).toEqual(['incoming', 'sub-ip', 'outgoing', 'next-hop', 'incoming']);
  });

  it('shows an IPv4 address as such', () => {
    expect(parse('04 00010000 c0000201')?.address).toBe('192.0.2.1');
  });

  it('ignores what follows the fields that it announces', () => {
    expect(parse('09 00000002 000005dc ffffffff')).toEqual({
      role: 'incoming',
      ifIndex: 2,
      address: null,
      name: null,
      mtu: 1500,
    });
  });

  it('carries no character that steers a terminal', () => {
    // ESC [ 2 J, a right-to-left override, and octets that are no UTF-8.
    expect(parse('02 0c 1b5b324a e280ae 78 ff 00 00')?.name).toBe('\ufffd[2J\ufffdx\ufffd');
  });

  it.each([
    ['no octet left for a field', '08 000000'],
    ['an unknown address family', '04 00030000 00000000 00000000 00000000 00000000'],
    ['an address that is cut off', '04 00020000 20010db8'],
    ['a name of length zero', '02 00000000'],
    ['a name whose length is no multiple of 4', '02 05 61626364 000000'],
    ['a name longer than 63 octets', `02 44 ${'61'.repeat(67)}`],
    ['a name that passes the object', '02 08 616263'],
    ['a missing name', '02'],
    ['a missing MTU', '01 0000'],
  ])('is left as octets with %s', (_, payload) => {
    expect(parse(payload)).toBeUndefined();
  });
});
