import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emitFragmentHeader,
  FRAGMENT_HEADER_LENGTH,
  parseFragmentHeader,
  type FragmentHeader,
} from '../../src/wire/fragment.js';
import {
  DESTINATION_UNREACHABLE,
  emitIcmpv6,
  ICMPV6,
  ICMPV6_HEADER_LENGTH,
  isIcmpv6Error,
  PARAMETER_PROBLEM,
  parseIcmpv6,
  TIME_EXCEEDED,
  type Icmpv6Message,
} from '../../src/wire/icmpv6.js';
import { emitIpv6Header, parseIpv6Header, type Ipv6Header } from '../../src/wire/ipv6.js';
import { emitPdm, parsePdm, PDM_OPTION_LENGTH, type PdmOption } from '../../src/wire/pdm.js';
import { emitTcpHeader, parseTcpHeader, TCP_FLAG, type TcpHeader } from '../../src/wire/tcp.js';
import { emitUdpHeader, parseUdpHeader, udpChecksumField, type UdpHeader } from '../../src/wire/udp.js';
import { address, describeCodec, u16, u32, u8 } from './codec-suite.js';
import { hex } from './hex.js';

const probe: Ipv6Header = {
  trafficClass: 0,
  flowLabel: 0x12345,
  payloadLength: 24,
  nextHeader: 60,
  hopLimit: 5,
  source: hex('20010db8000000000000000000000001'),
  destination: hex('20010db8000000000000000000000002'),
};

describeCodec<Ipv6Header>({
  name: 'the IPv6 header',
  golden: [
    {
      title: 'the header of the probe in the vectors',
      hex: '6001234500183c0520010db800000000000000000000000120010db8000000000000000000000002',
      value: probe,
    },
    {
      title: 'a header with every bit of class and label set',
      hex: '6fffffffffff3bffffffffffffffffffffffffffffffffff00000000000000000000000000000000',
      value: {
        trafficClass: 0xff,
        flowLabel: 0xfffff,
        payloadLength: 0xffff,
        nextHeader: 59,
        hopLimit: 255,
        source: new Uint8Array(16).fill(0xff),
        destination: new Uint8Array(16),
      },
    },
  ],
  parse: parseIpv6Header,
  emit: emitIpv6Header,
  length: () => 40,
  arbitrary: fc.record({
    trafficClass: u8,
    flowLabel: fc.integer({ min: 0, max: 0xfffff }),
    payloadLength: u16,
    nextHeader: u8,
    hopLimit: u8,
    source: address,
    destination: address,
  }),
  tooLarge: [
    { ...probe, trafficClass: 256 },
    { ...probe, flowLabel: 0x100000 },
    { ...probe, payloadLength: 65536 },
    { ...probe, nextHeader: -1 },
    { ...probe, hopLimit: 256 },
    { ...probe, source: new Uint8Array(4) },
    { ...probe, destination: new Uint8Array(17) },
  ],
});

describe('the IPv6 header', () => {
  it('is refused under any other version', () => {
    for (let version = 0; version < 16; version++) {
      const bytes = hex('6001234500183c0520010db800000000000000000000000120010db8000000000000000000000002');
      bytes[0] = (version << 4) | 0x0f;
      const result = parseIpv6Header(bytes);
      expect(result.ok).toBe(version === 6);
      if (!result.ok) expect(result.reason).toBe('not-ipv6');
    }
  });
});

const fragment: FragmentHeader = { nextHeader: 17, fragmentOffset: 1448, more: true, identification: 0xdeadbeef };

describeCodec<FragmentHeader>({
  name: 'the Fragment header',
  golden: [
    { title: 'a middle fragment', hex: '110005a9deadbeef', value: fragment },
    {
      title: 'an atomic fragment',
      hex: '3a00000000000001',
      value: { nextHeader: 58, fragmentOffset: 0, more: false, identification: 1 },
    },
    {
      title: 'the last possible offset',
      hex: '0600fff8ffffffff',
      value: { nextHeader: 6, fragmentOffset: 65528, more: false, identification: 0xffffffff },
    },
  ],
  parse: parseFragmentHeader,
  emit: emitFragmentHeader,
  length: () => FRAGMENT_HEADER_LENGTH,
  arbitrary: fc.record({
    nextHeader: u8,
    fragmentOffset: fc.integer({ min: 0, max: 8191 }).map((units) => units * 8),
    more: fc.boolean(),
    identification: u32,
  }),
  tooLarge: [
    { ...fragment, nextHeader: 256 },
    { ...fragment, fragmentOffset: 65536 },
    { ...fragment, fragmentOffset: 4 },
    { ...fragment, identification: 2 ** 32 },
  ],
});

describe('the Fragment header', () => {
  it('is read with any reserved bits', () => {
    expect(parseFragmentHeader(hex('11ff05afdeadbeef'))).toEqual({ ok: true, value: fragment });
  });
});

const pdm: PdmOption = {
  scaleDtlr: 46,
  scaleDtls: 0,
  psnThisPacket: 12,
  psnLastReceived: 25,
  deltaTimeLastReceived: 56843,
  deltaTimeLastSent: 0,
};

describeCodec<PdmOption>({
  name: 'the PDM option',
  golden: [
    { title: 'the reply of RFC 8250 appendix C step 3', hex: '0f0a2e00000c0019de0b0000', value: pdm },
    {
      title: 'a first packet',
      hex: '0f0a00000019000000000000',
      value: {
        scaleDtlr: 0,
        scaleDtls: 0,
        psnThisPacket: 25,
        psnLastReceived: 0,
        deltaTimeLastReceived: 0,
        deltaTimeLastSent: 0,
      },
    },
    {
      title: 'scales above 127, which are unsigned',
      hex: '0f0afffeffff8000800100ff',
      value: {
        scaleDtlr: 255,
        scaleDtls: 254,
        psnThisPacket: 0xffff,
        psnLastReceived: 0x8000,
        deltaTimeLastReceived: 0x8001,
        deltaTimeLastSent: 0xff,
      },
    },
  ],
  parse: parsePdm,
  emit: emitPdm,
  length: () => 12,
  arbitrary: fc.record({
    scaleDtlr: u8,
    scaleDtls: u8,
    psnThisPacket: u16,
    psnLastReceived: u16,
    deltaTimeLastReceived: u16,
    deltaTimeLastSent: u16,
  }),
  tooLarge: [
    { ...pdm, scaleDtlr: 256 },
    { ...pdm, scaleDtls: -1 },
    { ...pdm, psnThisPacket: 65536 },
    { ...pdm, psnLastReceived: 1.5 },
    { ...pdm, deltaTimeLastReceived: NaN },
    { ...pdm, deltaTimeLastSent: 65536 },
  ],
});

describe('the PDM option', () => {
  it('is told from other options and from the PDMv2 draft by type and length', () => {
    const withHead = (type: number, length: number): Uint8Array => {
      const bytes = new Uint8Array(64);
      bytes.set([type, length]);
      return bytes;
    };
    for (let length = 0; length < 256; length++) {
      const result = parsePdm(withHead(0x0f, length));
      if (length === PDM_OPTION_LENGTH) expect(result.ok).toBe(true);
      else {
        const reason = [0x12, 0x16, 0x22, 0x26].includes(length) ? 'pdmv2-draft' : 'bad-length';
        expect(result).toMatchObject({ ok: false, reason, offset: 1 });
      }
    }
    expect(parsePdm(withHead(0x1e, 10))).toMatchObject({ ok: false, reason: 'not-pdm', offset: 0 });
  });
});

const udp: UdpHeader = { sourcePort: 49152, destinationPort: 33434, length: 8, checksum: 0x61ce };

describeCodec<UdpHeader>({
  name: 'the UDP header',
  golden: [
    { title: 'the header of the probe in the vectors', hex: 'c000829a000861ce', value: udp },
    {
      title: 'a zero checksum and the largest length',
      hex: '0000ffffffff0000',
      value: { sourcePort: 0, destinationPort: 0xffff, length: 0xffff, checksum: 0 },
    },
  ],
  parse: parseUdpHeader,
  emit: emitUdpHeader,
  length: () => 8,
  arbitrary: fc.record({
    sourcePort: u16,
    destinationPort: u16,
    length: fc.integer({ min: 8, max: 0xffff }),
    checksum: u16,
  }),
  tooLarge: [
    { ...udp, sourcePort: 65536 },
    { ...udp, destinationPort: -1 },
    { ...udp, length: 65536 },
    { ...udp, checksum: 65536 },
  ],
});

describe('the UDP header', () => {
  it('is refused when it announces less than itself', () => {
    for (let length = 0; length < 8; length++) {
      expect(parseUdpHeader(hex(`c000829a000${length}61ce`))).toEqual({ ok: false, reason: 'bad-length', offset: 4 });
    }
  });

  it('never carries a zero checksum', () => {
    expect(udpChecksumField(0)).toBe(0xffff);
    expect(udpChecksumField(1)).toBe(1);
    expect(udpChecksumField(0xffff)).toBe(0xffff);
  });
});

const syn: TcpHeader = {
  sourcePort: 50000,
  destinationPort: 443,
  sequence: 0x12345678,
  acknowledgement: 0,
  dataOffset: 5,
  flags: TCP_FLAG.syn,
  window: 1024,
  checksum: 0xbeef,
  urgent: 0,
};

describeCodec<TcpHeader>({
  name: 'the TCP header',
  golden: [
    { title: 'a SYN', hex: 'c35001bb 12345678 00000000 50020400 beef0000', value: syn },
    {
      title: 'a SYN-ACK with options and reserved bits',
      hex: '01bbc350 ffffffff 80000000 ff12ffff 0000ffff',
      value: {
        sourcePort: 443,
        destinationPort: 50000,
        sequence: 0xffffffff,
        acknowledgement: 0x80000000,
        dataOffset: 15,
        flags: 0xf00 | TCP_FLAG.syn | TCP_FLAG.ack,
        window: 0xffff,
        checksum: 0,
        urgent: 0xffff,
      },
    },
  ],
  parse: parseTcpHeader,
  emit: emitTcpHeader,
  length: () => 20,
  arbitrary: fc.record({
    sourcePort: u16,
    destinationPort: u16,
    sequence: u32,
    acknowledgement: u32,
    dataOffset: fc.integer({ min: 5, max: 15 }),
    flags: fc.integer({ min: 0, max: 0xfff }),
    window: u16,
    checksum: u16,
    urgent: u16,
  }),
  tooLarge: [
    { ...syn, sourcePort: 65536 },
    { ...syn, destinationPort: 65536 },
    { ...syn, sequence: 2 ** 32 },
    { ...syn, acknowledgement: -1 },
    { ...syn, dataOffset: 16 },
    { ...syn, flags: 0x1000 },
    { ...syn, window: 65536 },
    { ...syn, checksum: 65536 },
    { ...syn, urgent: 65536 },
  ],
});

describe('the TCP header', () => {
  it('is refused when it announces less than itself', () => {
    for (let words = 0; words < 5; words++) {
      const bytes = hex(`c35001bb 12345678 00000000 ${words}0020400 beef0000`);
      expect(parseTcpHeader(bytes)).toEqual({ ok: false, reason: 'bad-length', offset: 12 });
    }
  });
});

const echo: Icmpv6Message = { kind: 'echo', type: 128, code: 0, checksum: 0x1234, identifier: 0xabcd, sequence: 7 };
const problem: Icmpv6Message = { kind: 'parameter-problem', type: 4, code: 2, checksum: 0xffff, pointer: 42 };
const tooBig: Icmpv6Message = { kind: 'packet-too-big', type: 2, code: 0, checksum: 1, mtu: 1280 };
const other: Icmpv6Message = { kind: 'other', type: 3, code: 0, checksum: 0, rest: 0x10000000 };
const common = { code: u8, checksum: u16 };

describeCodec<Icmpv6Message>({
  name: 'the ICMPv6 header',
  golden: [
    { title: 'an echo request', hex: '80001234abcd0007', value: echo },
    {
      title: 'an echo reply',
      hex: '81000000ffff8000',
      value: { ...echo, type: 129, checksum: 0, identifier: 0xffff, sequence: 0x8000 },
    },
    { title: 'Parameter Problem', hex: '0402ffff0000002a', value: problem },
    { title: 'Packet Too Big', hex: '0200000100000500', value: tooBig },
    { title: 'Time Exceeded', hex: '0300000010000000', value: other },
    {
      title: 'a type that nobody has assigned',
      hex: 'fdff0102fffffffe',
      value: { kind: 'other', type: 253, code: 255, checksum: 0x102, rest: 0xfffffffe },
    },
  ],
  parse: parseIcmpv6,
  emit: emitIcmpv6,
  length: () => ICMPV6_HEADER_LENGTH,
  arbitrary: fc.oneof(
    fc.record({
      kind: fc.constant('echo'),
      type: fc.constantFrom(128, 129),
      ...common,
      identifier: u16,
      sequence: u16,
    }),
    fc.record({ kind: fc.constant('parameter-problem'), type: fc.constant(4), ...common, pointer: u32 }),
    fc.record({ kind: fc.constant('packet-too-big'), type: fc.constant(2), ...common, mtu: u32 }),
    fc.record({
      kind: fc.constant('other'),
      type: u8.filter((type) => ![2, 4, 128, 129].includes(type)),
      ...common,
      rest: u32,
    }),
  ),
  tooLarge: [
    { ...echo, type: 256 },
    { ...echo, code: 256 },
    { ...echo, checksum: 65536 },
    { ...echo, identifier: 65536 },
    { ...echo, sequence: -1 },
    { ...problem, pointer: 2 ** 32 },
    { ...tooBig, mtu: 2 ** 32 },
    { ...other, rest: -1 },
  ],
});

describe('ICMPv6 types', () => {
  it('are errors below 128', () => {
    expect([0, 1, 2, 3, 4, 100, 127].every(isIcmpv6Error)).toBe(true);
    expect([128, 129, 135, 255].some(isIcmpv6Error)).toBe(false);
  });

  it('and codes have the numbers that IANA gives them', () => {
    expect(Object.values(ICMPV6)).toEqual([1, 2, 3, 4, 128, 129]);
    expect(Object.values(TIME_EXCEEDED)).toEqual([0, 1]);
    expect(Object.entries(DESTINATION_UNREACHABLE)).toEqual([
      ['noRoute', 0],
      ['adminProhibited', 1],
      ['beyondScope', 2],
      ['addressUnreachable', 3],
      ['portUnreachable', 4],
      ['sourcePolicy', 5],
      ['rejectRoute', 6],
      ['sourceRoutingError', 7],
      ['headersTooLong', 8],
    ]);
    expect(Object.entries(PARAMETER_PROBLEM)).toEqual([
      ['erroneousField', 0],
      ['unrecognizedNextHeader', 1],
      ['unrecognizedOption', 2],
      ['incompleteChain', 3],
      ['segmentRoutingUpperLayer', 4],
      ['unrecognizedNextHeaderAtNode', 5],
      ['extensionHeaderTooBig', 6],
      ['chainTooLong', 7],
      ['tooManyExtensionHeaders', 8],
      ['tooManyOptions', 9],
      ['optionTooBig', 10],
    ]);
  });
});
