import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { formatAddress } from '../../src/address/address.js';
import { finishChecksum, onesComplementSum, pseudoHeaderSum } from '../../src/wire/checksum.js';
import { emitDestinationOptions, destinationOptionsLength } from '../../src/wire/destination-options.js';
import { emitFragmentHeader } from '../../src/wire/fragment.js';
import {
  emitIcmpExtensions,
  icmpExtensionsLength,
  type ExtensionObjectToEmit,
} from '../../src/wire/icmp-extensions.js';
import { emitIpv6Header } from '../../src/wire/ipv6.js';
import type { PdmOption } from '../../src/wire/pdm.js';
import { u16, u8 } from './codec-suite.js';
import { hex, prefilled } from './hex.js';
import { ARMS, DESTINATION, icmpMessage, probePacket, PROTOCOLS, SOURCE } from './packets.js';
import { tsharkFields } from './tshark.js';

// tshark takes its time on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const STATUS = ['udp.checksum.status', 'tcp.checksum.status', 'icmpv6.checksum.status'] as const;
const GOOD = '1';

const anyPdm: fc.Arbitrary<PdmOption> = fc.record({
  scaleDtlr: u8,
  scaleDtls: u8,
  psnThisPacket: u16,
  psnLastReceived: u16,
  deltaTimeLastReceived: u16,
  deltaTimeLastSent: u16,
});

const anyProbe = fc.record({
  arm: fc.constantFrom(...ARMS),
  protocol: fc.constantFrom(...PROTOCOLS),
  hopLimit: u8,
  flowLabel: fc.nat(0xfffff),
  trafficClass: u8,
  pdm: anyPdm,
  // Of one letter: tshark guesses protocols (RTCP, say) from random payloads and calls them malformed.
  payload: fc.nat(64).map((length) => new Uint8Array(length).fill(0x70)),
});
// A SYN carries no data (and tshark would try to put the data of all of them together).
const probes = fc
  .sample(anyProbe, { numRuns: 300, seed: 8250 })
  .map((probe) => (probe.protocol === 'tcp' ? { ...probe, payload: new Uint8Array(0) } : probe));

describe('tshark, reading the probes that we emit,', () => {
  const packets = probes.map(probePacket);

  it('finds nothing malformed and every checksum right', () => {
    const rows = tsharkFields(packets, [...STATUS, '_ws.malformed', '_ws.expert.severity']);
    expect(rows).toHaveLength(packets.length);
    for (const [index, [udp, tcp, icmp, malformed, severities]] of rows.entries()) {
      const { protocol } = probes[index]!;
      const status = { udp, tcp, icmp6: icmp };
      expect(status).toEqual({ udp: [], tcp: [], icmp6: [], [protocol]: [GOOD] });
      expect(malformed).toEqual([]);
      // 0x00200000 is a remark ("connection establish request"); warnings and errors are 0x00600000 and 0x00800000.
      expect((severities ?? []).filter((severity) => Number(severity) > 0x00400000)).toEqual([]);
    }
  });

  it('reads the values of PDM that were given', () => {
    const fields = ['scale_dtlr', 'scale_dtls', 'psn_this_pkt', 'psn_last_recv', 'delta_last_recv', 'delta_last_sent'];
    const rows = tsharkFields(
      packets,
      fields.map((field) => `ipv6.opt.pdm.${field}`),
    );
    for (const [index, row] of rows.entries()) {
      const { arm, pdm } = probes[index]!;
      expect(row.map((values) => values.map(Number))).toEqual(
        arm === 'pdm' ? Object.values<number>({ ...pdm }).map((value) => [value]) : fields.map(() => []),
      );
    }
  });

  it('reads the IPv6 header that was given', () => {
    const rows = tsharkFields(packets, [
      'ipv6.tclass',
      'ipv6.flow',
      'ipv6.plen',
      'ipv6.hlim',
      'ipv6.src',
      'ipv6.dst',
      'ipv6.opt.type',
    ]);
    for (const [index, [tclass, flow, plen, hlim, source, destination, options]] of rows.entries()) {
      const { arm, trafficClass, flowLabel, hopLimit } = probes[index]!;
      expect([tclass, flow, plen, hlim].map((values) => values?.map(Number))).toEqual([
        [trafficClass],
        [flowLabel],
        [packets[index]!.length - 40],
        [hopLimit],
      ]);
      expect([source, destination]).toEqual([[formatAddress(SOURCE)], [formatAddress(DESTINATION)]]);
      const types = { plain: [], pdm: [0x0f, 1], do8: [0x1e], do16: [0x1e, 1] };
      expect(options?.map(Number)).toEqual(types[arm]);
    }
  });
});

/** An error from the destination about the probe, with its checksum. */
function errorPacket(message: Uint8Array): Uint8Array {
  const packet = prefilled(40 + message.length);
  const payloadLength = message.length;
  const header = {
    trafficClass: 0,
    flowLabel: 1,
    nextHeader: 58,
    hopLimit: 64,
    source: DESTINATION,
    destination: SOURCE,
  };
  emitIpv6Header({ ...header, payloadLength }, packet, 0);
  packet.set(message, 40);
  const sum = onesComplementSum(packet, 40, payloadLength, pseudoHeaderSum(DESTINATION, SOURCE, payloadLength, 58));
  packet.set([finishChecksum(sum) >> 8, finishChecksum(sum) & 0xff], 42);
  return packet;
}

describe('tshark, reading errors that simulated routers emit,', () => {
  const quote = new Uint8Array(128);
  quote.set(probePacket({ arm: 'pdm', protocol: 'udp', payload: hex('00112233') }));
  const objects: readonly ExtensionObjectToEmit[] = [
    {
      kind: 'mpls',
      labels: [
        { label: 24_005, trafficClass: 3, bottomOfStack: false, ttl: 1 },
        { label: 0xfffff, trafficClass: 7, bottomOfStack: true, ttl: 255 },
      ],
    },
    {
      kind: 'interface',
      information: { role: 'incoming', ifIndex: 7, address: '2001:db8::7', name: 'et-0/0/7', mtu: 9000 },
    },
    {
      kind: 'interface',
      information: { role: 'next-hop', ifIndex: null, address: '192.0.2.1', name: null, mtu: null },
    },
    { kind: 'pointer', pointer: 56 },
    { kind: 'other', classNumber: 247, cType: 9, payload: hex('01020304') },
  ];
  const structure = prefilled(icmpExtensionsLength(objects));
  emitIcmpExtensions(objects, structure, 0);
  const packets = [
    errorPacket(icmpMessage(3, 0, 16 * 2 ** 24, quote, structure)),
    errorPacket(icmpMessage(1, 8, 16 * 2 ** 24, quote, structure)),
    errorPacket(icmpMessage(4, 2, 42, quote.subarray(0, 68))),
    errorPacket(icmpMessage(2, 0, 1280, quote.subarray(0, 68))),
  ];

  it('finds both checksums right and nothing malformed', () => {
    const rows = tsharkFields(packets, [
      'icmpv6.checksum.status',
      'icmp.ext.checksum.status',
      'udp.checksum.status',
      '_ws.malformed',
    ]);
    expect(rows).toEqual([
      [[GOOD], [GOOD], [GOOD], []],
      [[GOOD], [GOOD], [GOOD], []],
      [[GOOD], [], [GOOD], []],
      [[GOOD], [], [GOOD], []],
    ]);
  });

  it('reads types, codes, pointers, MTUs and the length of the quote', () => {
    const rows = tsharkFields(packets, ['icmpv6.type', 'icmpv6.code', 'icmpv6.length', 'icmpv6.pointer', 'icmpv6.mtu']);
    expect(rows).toEqual([
      [['3'], ['0'], ['16'], [], []],
      [['1'], ['8'], ['16'], [], []],
      [['4'], ['2'], [], ['42'], []],
      [['2'], ['0'], [], [], ['1280']],
    ]);
  });

  it('reads the extension objects that were given', () => {
    const fields = [
      'mpls.label',
      'mpls.exp',
      'mpls.ttl',
      'int_info.role',
      'int_info.index',
      'int_info.ipv6',
      'int_info.ipv4',
      'int_info.name',
      'int_info.mtu',
      'ext.class',
      'ext.ctype',
    ];
    const rows = tsharkFields(
      packets.slice(0, 1),
      fields.map((field) => `icmp.${field}`),
    );
    expect(rows).toEqual([
      [
        ['24005', '1048575'],
        ['3', '7'],
        ['1', '255'],
        ['0', '3'],
        ['7'],
        ['2001:db8::7'],
        ['192.0.2.1'],
        ['et-0/0/7'],
        ['9000'],
        ['1', '2', '2', '4', '247'],
        ['1', '15', '196', '1', '9'],
      ],
    ]);
  });
});

describe('tshark, reading chains that we emit,', () => {
  it('finds options where they were aligned, and the fragment behind them', () => {
    const options = [
      { type: 0x05, data: hex('0000'), alignment: { multiple: 2, remainder: 0 } },
      { type: 0x0f, data: hex('2e30000c0019de0ba688'), alignment: { multiple: 2, remainder: 0 } },
      { type: 0xc9, data: hex('20010db8000000000000000000000001'), alignment: { multiple: 8, remainder: 6 } },
    ];
    const length = destinationOptionsLength(options);
    const packet = prefilled(40 + length + 8 + 8);
    const header = {
      trafficClass: 0,
      flowLabel: 1,
      nextHeader: 60,
      hopLimit: 64,
      source: SOURCE,
      destination: DESTINATION,
    };
    emitIpv6Header({ ...header, payloadLength: packet.length - 40 }, packet, 0);
    emitDestinationOptions(44, options, packet, 40);
    emitFragmentHeader(
      { nextHeader: 17, fragmentOffset: 1448, more: false, identification: 0xdeadbeef },
      packet,
      40 + length,
    );
    packet.fill(0, 40 + length + 8);
    const fields = [
      'ipv6.opt.type',
      'ipv6.opt.length',
      'ipv6.opt.pdm.delta_last_sent',
      'ipv6.fraghdr.offset',
      'ipv6.fraghdr.ident',
      '_ws.malformed',
    ];
    const [row] = tsharkFields([packet], fields);
    expect(row?.map((values) => values.map(Number))).toEqual([
      [5, 15, 1, 201],
      [2, 10, 2, 16],
      [0xa688],
      [1448 / 8],
      [0xdeadbeef],
      [],
    ]);
  });
});
