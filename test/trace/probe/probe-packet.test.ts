import { describe, expect, it } from 'vitest';
import { encodeProbe } from '../../../src/trace/probe/probe-packet.js';
import type { Arm, Protocol } from '../../../src/record/record.js';
import { PURPOSE } from '../../../src/trace/state/trace-state.js';
import { upperLayerChecksum } from '../../../src/wire/checksum.js';
import { makeState, packetOf, sendPair, SOURCE, TARGET } from '../trace-fixture.js';

const TREATMENTS: readonly Arm[] = ['pdm', 'do8', 'do16', 'long'];
const PROTOCOLS: readonly Protocol[] = ['udp', 'icmp6', 'tcp'];
const UPPER = { udp: 17, icmp6: 58, tcp: 6 };
const read16 = (bytes: Uint8Array, at: number): number => bytes[at]! * 256 + bytes[at + 1]!;
const upperOf = (packet: Uint8Array): number => (packet[6] === 60 ? 40 + 8 * (packet[41]! + 1) : 40);

describe('a probe', () => {
  for (const protocol of PROTOCOLS) {
    for (const treatment of TREATMENTS) {
      it(`of ${protocol} differs from its ${treatment} partner in nothing but the option, the length and its number`, () => {
        const state = makeState(protocol);
        const { plain, treated } = sendPair(state, { treatment });
        const [a, b] = [packetOf(state, plain), packetOf(state, treated)];
        expect(a.subarray(0, 4)).toEqual(b.subarray(0, 4));
        expect(a.subarray(7, 40)).toEqual(b.subarray(7, 40));
        const [ua, ub] = [a.subarray(upperOf(a)), b.subarray(upperOf(b))];
        expect(ub.length - ua.length).toBe(treatment === 'long' ? 16 : 0);
        expect(ua.subarray(0, 4)).toEqual(ub.subarray(0, 4));
        if (protocol === 'icmp6') expect(ua.subarray(4, 6)).toEqual(ub.subarray(4, 6));
        for (const [packet, upper] of [[a, ua] as const, [b, ub] as const]) {
          expect(read16(packet, 4)).toBe(packet.length - 40);
          expect(upperLayerChecksum(SOURCE, TARGET, UPPER[protocol], upper, 0, upper.length)).toBe(0);
        }
      });
    }

    it(`of ${protocol} writes every one of its octets`, () => {
      const state = makeState(protocol);
      for (const treatment of TREATMENTS) {
        const { treated } = sendPair(state, { treatment });
        const [clean, dirty] = [new Uint8Array(128), new Uint8Array(128).fill(0xa5)];
        const length = encodeProbe(state, treated, clean, 0);
        expect(encodeProbe(state, treated, dirty, 0)).toBe(length);
        expect(dirty.subarray(0, length)).toEqual(clean.subarray(0, length));
        expect(dirty.subarray(length).every((octet) => octet === 0xa5)).toBe(true);
      }
    });
  }

  it('carries the PDM header of METHOD: PDM on the wire, with PSNTP counting up and wrapping within a flow', () => {
    const state = makeState('udp', { flow: { psnNext: 0xfffe } });
    const psns = Array.from({ length: 4 }, () => {
      const packet = packetOf(state, sendPair(state).treated);
      expect([...packet.subarray(40, 46)]).toEqual([17, 1, 0x0f, 0x0a, 0, 0]);
      expect([...packet.subarray(48, 56)]).toEqual([0, 0, 0, 0, 0, 0, 1, 0]);
      return read16(packet, 46);
    });
    expect(psns).toEqual([0xfffe, 0xffff, 0, 1]);
  });

  it('stays within 128 octets with the longest description URI, which comes first and ends with NUL', () => {
    const probeUri = `https://example.com/${'x'.repeat(16)}`;
    expect(probeUri).toHaveLength(36);
    for (const protocol of ['udp', 'icmp6'] as const) {
      const state = makeState(protocol, { probeUri });
      for (const treatment of TREATMENTS) {
        const packet = packetOf(state, sendPair(state, { treatment }).treated);
        expect(packet.length).toBeLessThanOrEqual(128);
        const payload = packet.subarray(upperOf(packet) + 8);
        expect(String.fromCharCode(...payload.subarray(0, 36))).toBe(probeUri);
        expect(payload[36]).toBe(0);
      }
    }
  });

  it('keeps what a load balancer may hash within a flow, and changes it from flow to flow', () => {
    const hashed = (packet: Uint8Array, protocol: Protocol): string => {
      const at = upperOf(packet);
      const upper = protocol === 'icmp6' ? packet.subarray(at, at + 6) : packet.subarray(at, at + 4);
      return Buffer.concat([packet.subarray(0, 4), packet.subarray(8, 40), upper]).toString('hex');
    };
    for (const protocol of PROTOCOLS) {
      const state = makeState(protocol);
      const same = new Set<string>();
      for (let i = 0; i < 20; i += 1)
        for (const row of Object.values(sendPair(state))) same.add(hashed(packetOf(state, row), protocol));
      expect(same.size).toBe(1);
      const fresh = new Set<string>();
      for (let i = 0; i < 20; i += 1) {
        const { plain, treated } = sendPair(state, { flow: 'fresh' });
        expect(hashed(packetOf(state, plain), protocol)).toBe(hashed(packetOf(state, treated), protocol));
        fresh.add(hashed(packetOf(state, plain), protocol));
      }
      expect(fresh.size).toBe(20);
    }
  });

  it('of TCP that bears witness for datagrams is no shorter than they are, in both arms, with the option that SYNs have', () => {
    const payload = (packet: Uint8Array): number => read16(packet, 4);
    for (const values of [{}, { probeUri: 'https://a.example/what-this-is' }]) {
      const state = makeState('udp', values);
      const datagrams = sendPair(state);
      const syns = sendPair(state, { protocol: 'tcp', purpose: PURPOSE.syn, flow: 'fresh' });
      for (const arm of ['plain', 'treated'] as const) {
        const [datagram, syn] = [packetOf(state, datagrams[arm]), packetOf(state, syns[arm])];
        expect(payload(syn) - payload(datagram)).toBeGreaterThanOrEqual(0);
        expect(payload(syn) - payload(datagram)).toBeLessThan(4);
        const at = upperOf(syn);
        expect([...syn.subarray(at + 20, at + 24)]).toEqual([2, 4, 4, 196]);
        expect((syn[at + 12]! >> 4) * 4).toBe(syn.length - at);
        expect(upperLayerChecksum(SOURCE, TARGET, 6, syn, at, syn.length - at)).toBe(0);
      }
    }
  });

  it('goes first or second in its pair by a fair coin of its own, the same for the same seed', () => {
    const order = (seed: number): string => {
      const state = makeState('udp', { seed });
      return Array.from({ length: 200 }, () => {
        const { plain, treated } = sendPair(state);
        return plain < treated ? '1' : '0';
      }).join('');
    };
    expect(order(5)).toBe(order(5));
    expect(order(5)).not.toBe(order(6));
    const plainFirst = order(5).replaceAll('0', '').length;
    expect(plainFirst).toBeGreaterThan(70);
    expect(plainFirst).toBeLessThan(130);
  });
});
