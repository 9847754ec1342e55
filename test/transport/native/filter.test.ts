import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildFilter, rangesOf, REJECT_ALL } from '../../../src/transport/native/filter.js';
import type { WatchedFlow } from '../../../src/transport/probe-transport.js';
import { runFilter } from '../../native/bpf-machine.js';

const IPV6 = 0x86dd;
const HOST = 0;
const OUTGOING = 4;
const UDP = 17;
const TCP = 6;
const ICMP6 = 58;

function packet(nextHeader: number, payload: readonly number[]): Uint8Array {
  return Uint8Array.of(
    0x60,
    0,
    0,
    0,
    0,
    payload.length,
    nextHeader,
    64,
    ...new Array<number>(32).fill(0x20),
    ...payload,
  );
}
const words = (...values: number[]): number[] => values.flatMap((value) => [value >> 8, value & 0xff]);
const udp = (from: number, to: number): number[] => [...words(from, to, 8, 0)];
const echo = (type: number, identifier: number): number[] => [type, 0, 0, 0, ...words(identifier, 1)];
const pdmBefore = (nextHeader: number): number[] => [nextHeader, 1, 0x0f, 0x0a, ...new Array<number>(10).fill(0), 1, 0];

const FLOWS: readonly WatchedFlow[] = [
  { protocol: 'udp', from: 50_000, to: 50_010 },
  { protocol: 'udp', from: 51_000, to: 51_000 },
  { protocol: 'tcp', from: 60_000, to: 60_001 },
  { protocol: 'icmp6', from: 0x1234, to: 0x1234 },
];

function passes(filter: Uint32Array, bytes: Uint8Array, packetType = HOST, etherType = IPV6): boolean {
  return runFilter(filter, { bytes, packetType, etherType }) !== 0;
}

describe.each([false, true])('the filter (outgoing packets too: %s)', (outgoing) => {
  const filter = buildFilter(FLOWS, outgoing);
  const arrives = (bytes: Uint8Array): boolean => passes(filter, bytes);

  it('lets every ICMPv6 error through and no other ICMPv6 but echo replies of ours', () => {
    for (let type = 0; type < 256; type += 1) expect(arrives(packet(ICMP6, echo(type, 0x9999)))).toBe(type < 128);
    expect(arrives(packet(ICMP6, echo(129, 0x1234)))).toBe(true);
    expect(arrives(packet(ICMP6, echo(128, 0x1234)))).toBe(false);
  });

  it('lets UDP and TCP to our ports through, the ends of each range included, and to no other', () => {
    const ports = [49_999, 50_000, 50_010, 50_011, 50_999, 51_000, 51_001, 60_000, 60_002];
    expect(ports.filter((port) => arrives(packet(UDP, udp(33_434, port))))).toEqual([50_000, 50_010, 51_000]);
    expect(ports.filter((port) => arrives(packet(TCP, udp(443, port))))).toEqual([60_000]);
  });

  it('lets everything with an extension header through, and nothing of other protocols', () => {
    const passing = Array.from({ length: 256 }, (_, nextHeader) => nextHeader).filter((nextHeader) =>
      arrives(packet(nextHeader, new Array<number>(16).fill(0))),
    );
    // 58 with type 0 is an error.
    expect(passing).toEqual([0, 43, 44, 51, 58, 60]);
  });

  it('drops what is for another host, not IPv6, of another version or shorter than its header', () => {
    const good = packet(UDP, udp(1, 50_000));
    expect(passes(filter, good)).toBe(true);
    for (const packetType of [1, 2, 3, 5, 6]) expect(passes(filter, good, packetType)).toBe(false);
    for (const etherType of [0x0800, 0x0806, 0x8100, 0]) expect(passes(filter, good, HOST, etherType)).toBe(false);
    expect(arrives(Uint8Array.from(good, (octet, i) => (i === 0 ? 0x40 : octet)))).toBe(false);
    for (let length = 0; length < 44; length += 1) expect(arrives(good.subarray(0, length))).toBe(false);
    for (let length = 0; length < 40; length += 1) expect(arrives(packet(60, []).subarray(0, length))).toBe(false);
  });

  it('lets our probes through as they leave only if asked, with and without options before the upper layer', () => {
    const leaves = (bytes: Uint8Array): boolean => passes(filter, bytes, OUTGOING);
    for (const [nextHeader, upper] of [
      [UDP, udp(50_000, 33_434)],
      [TCP, udp(60_001, 443)],
      [ICMP6, echo(128, 0x1234)],
    ] as const) {
      expect(leaves(packet(nextHeader, upper))).toBe(outgoing);
      expect(leaves(packet(60, [...pdmBefore(nextHeader), ...upper]))).toBe(outgoing);
      expect(leaves(packet(60, [nextHeader, 0, 0x1e, 4, 0, 0, 0, 0, ...upper]))).toBe(outgoing);
      expect(leaves(packet(60, [...pdmBefore(44), nextHeader, 0, 0, 1, 0, 0, 0, 0, ...upper]))).toBe(outgoing);
      expect(leaves(packet(44, [nextHeader, 0, 0, 1, 0, 0, 0, 0, ...upper]))).toBe(outgoing);
    }
    for (const [nextHeader, upper] of [
      [UDP, udp(33_434, 50_000)],
      [TCP, udp(443, 60_001)],
      [ICMP6, echo(128, 0x1235)],
      [ICMP6, echo(129, 0x1234)],
      [ICMP6, echo(3, 0x1234)],
      [59, udp(50_000, 33_434)],
    ] as const) {
      expect(leaves(packet(nextHeader, upper))).toBe(false);
      expect(leaves(packet(60, [...pdmBefore(nextHeader), ...upper]))).toBe(false);
    }
    expect(leaves(packet(60, [UDP, 255, 0, 0]))).toBe(false);
  });
});

describe('any filter', () => {
  const port = fc.integer({ min: 0, max: 0xffff });
  const flow = fc
    .record({ protocol: fc.constantFrom('udp', 'tcp', 'icmp6'), ends: fc.tuple(port, port) })
    .map(({ protocol, ends: [a, b] }): WatchedFlow => ({ protocol, from: Math.min(a, b), to: Math.max(a, b) }));

  it('lets through whatever is watched, and with few ranges nothing else, whatever the packet', () => {
    fc.assert(
      fc.property(fc.array(flow, { maxLength: 20 }), port, fc.boolean(), (flows, value, outgoing) => {
        const filter = buildFilter(flows, outgoing);
        const watched = (protocol: string): boolean =>
          flows.some((each) => each.protocol === protocol && each.from <= value && value <= each.to);
        expect(passes(filter, packet(UDP, udp(1, value)))).toBe(watched('udp'));
        expect(passes(filter, packet(TCP, udp(1, value)))).toBe(watched('tcp'));
        expect(passes(filter, packet(ICMP6, echo(129, value)))).toBe(watched('icmp6'));
      }),
    );
  });

  it('stays below the kernel’s 4,096 instructions with any number of flows, and still misses none', () => {
    fc.assert(
      fc.property(fc.uniqueArray(port, { minLength: 600, maxLength: 900 }), (ports) => {
        const flows = (['udp', 'tcp', 'icmp6'] as const).flatMap((protocol) =>
          ports.map((value): WatchedFlow => ({ protocol, from: value, to: value })),
        );
        const filter = buildFilter(flows, true);
        expect(filter.length / 4).toBeLessThanOrEqual(4096);
        expect(rangesOf(flows, 'udp').length).toBeLessThanOrEqual(192);
        for (const value of ports) expect(passes(filter, packet(UDP, udp(1, value)))).toBe(true);
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });

  it('never fails on arbitrary octets', () => {
    const filter = buildFilter(FLOWS, true);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(HOST, OUTGOING), (bytes, packetType) => {
        expect([0, 0x40000]).toContain(runFilter(filter, { bytes, packetType, etherType: IPV6 }));
      }),
    );
  });

  it('is closed before flows are known', () => {
    expect(passes(REJECT_ALL, packet(ICMP6, echo(3, 0)))).toBe(false);
  });
});

describe('ranges', () => {
  it('are joined where they touch or overlap', () => {
    const flows = [
      { protocol: 'udp', from: 10, to: 20 },
      { protocol: 'udp', from: 5, to: 9 },
      { protocol: 'udp', from: 12, to: 14 },
      { protocol: 'udp', from: 22, to: 22 },
      { protocol: 'tcp', from: 21, to: 21 },
    ] as const;
    expect(rangesOf(flows, 'udp')).toEqual([
      { from: 5, to: 20 },
      { from: 22, to: 22 },
    ]);
  });

  it('are joined over the smallest gaps when there are too many', () => {
    const flows = Array.from({ length: 192 }, (_, i): WatchedFlow => ({ protocol: 'udp', from: i * 10, to: i * 10 }));
    const close = [...flows, { protocol: 'udp', from: 1003, to: 1003 } as const];
    const ranges = rangesOf(close, 'udp');
    expect(ranges).toHaveLength(192);
    expect(ranges).toContainEqual({ from: 1000, to: 1003 });
  });
});
