import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { walkExtensionChain } from '../../src/wire/extension-chain.js';
import { emitIpv6Header } from '../../src/wire/ipv6.js';
import { parseQuotedPacket, type QuotedPacket } from '../../src/wire/quoted-packet.js';
import { address, u8 } from './codec-suite.js';
import { arbitraryChain, chainOctets } from './chains.js';
import { hex, prefilled } from './hex.js';
import { ARMS, DESTINATION, probePacket, PROTOCOLS, SOURCE } from './packets.js';

function quote(bytes: Uint8Array, offset = 0, end = bytes.length): QuotedPacket {
  const result = parseQuotedPacket(bytes, offset, end);
  return result.ok ? result.value : expect.fail(`${result.reason} at ${result.offset}`);
}

const header = {
  trafficClass: 0xb8,
  flowLabel: 0x54321,
  payloadLength: 0,
  nextHeader: 0,
  hopLimit: 1,
  source: SOURCE,
  destination: DESTINATION,
};

/** A packet of an IPv6 header and these octets. */
function packet(nextHeader: number, octets: Uint8Array, payloadLength = octets.length): Uint8Array {
  const bytes = prefilled(40 + octets.length);
  emitIpv6Header({ ...header, nextHeader, payloadLength }, bytes, 0);
  bytes.set(octets, 40);
  return bytes;
}

describe('a quoted packet', () => {
  it('gives the header fields and offsets into the buffer, wherever it lies', () => {
    const probe = probePacket({
      arm: 'pdm',
      protocol: 'udp',
      payload: hex('00112233'),
      trafficClass: 0x2e,
      hopLimit: 1,
    });
    const bytes = prefilled(probe.length + 20);
    bytes.set(probe, 8);
    expect(quote(bytes, 8, 8 + probe.length)).toEqual({
      trafficClass: 0x2e,
      flowLabel: 0x12345,
      payloadLength: 28,
      nextHeader: 60,
      hopLimit: 1,
      sourceOffset: 16,
      destinationOffset: 32,
      start: 8,
      end: 76,
      headers: [{ kind: 60, offset: 48, length: 16 }],
      optionsOffset: 48,
      optionsNextHeader: 17,
      pdmOffset: 50,
      experimentOffset: null,
      hasFragmentHeader: false,
      fragmented: false,
      fragment: null,
      upperProtocol: 17,
      upperOffset: 64,
      upperAvailable: 12,
    });
  });

  it('is refused below 40 octets and under another version', () => {
    const probe = probePacket({ arm: 'plain', protocol: 'udp' });
    for (let end = 0; end < 40; end++) {
      expect(parseQuotedPacket(probe, 0, end)).toEqual({ ok: false, reason: 'truncated', offset: end });
    }
    probe[0] = 0x45;
    expect(parseQuotedPacket(probe)).toEqual({ ok: false, reason: 'not-ipv6', offset: 0 });
  });

  it.each(PROTOCOLS.flatMap((protocol) => ARMS.map((arm) => ({ protocol, arm }))))(
    'gives what it holds at every truncation: $protocol, $arm',
    ({ protocol, arm }) => {
      const probe = probePacket({ arm, protocol, payload: hex('0011223344556677') });
      const whole = quote(probe);
      const upper = whole.upperOffset!;
      for (let end = 40; end <= probe.length; end++) {
        const cut = quote(probe, 0, end);
        const options = arm !== 'plain' && end > 40;
        const option = arm !== 'plain' && end > 42;
        expect(cut).toEqual({
          ...whole,
          end,
          headers: options ? whole.headers.map((one) => ({ ...one, length: end > 41 ? one.length : -1 })) : [],
          optionsOffset: options ? 40 : null,
          optionsNextHeader: options ? whole.upperProtocol : null,
          pdmOffset: option && arm === 'pdm' ? 42 : null,
          experimentOffset: option && arm !== 'pdm' ? 42 : null,
          upperProtocol: end >= upper ? whole.upperProtocol : null,
          upperOffset: end >= upper ? upper : null,
          upperAvailable: Math.max(0, end - upper),
        });
      }
    },
  );

  it('ends where the packet says it ends: zero padding up to 128 octets is not part of it', () => {
    const probe = probePacket({ arm: 'pdm', protocol: 'udp', payload: hex('00112233') });
    const padded = new Uint8Array(128);
    padded.set(probe);
    expect(quote(padded)).toEqual(quote(probe));
  });

  it('ends before an upper layer that its own payload length leaves no room for', () => {
    const probe = probePacket({ arm: 'pdm', protocol: 'udp' });
    probe[5] = 10;
    expect(quote(probe)).toMatchObject({ end: 50, pdmOffset: 42, upperProtocol: null, upperOffset: null });
    probe[5] = 0;
    expect(quote(probe)).toMatchObject({ end: 40, optionsOffset: null, upperProtocol: null });
  });

  it('names the upper layer of which nothing is quoted', () => {
    const probe = probePacket({ arm: 'plain', protocol: 'icmp6' });
    expect(quote(probe, 0, 40)).toMatchObject({ upperProtocol: 58, upperOffset: 40, upperAvailable: 0 });
  });

  it('tells atomic fragments, first fragments and later ones apart', () => {
    const fragment = (word: string): QuotedPacket => quote(packet(44, hex(`1100${word}00000001 c000829a 000861ce`)));
    const upper = { upperProtocol: 17, upperOffset: 48, upperAvailable: 8 };
    const none = { upperProtocol: null, upperOffset: null, upperAvailable: 0 };
    expect(fragment('0000')).toMatchObject({ hasFragmentHeader: true, fragmented: false, ...upper });
    expect(fragment('0001')).toMatchObject({ hasFragmentHeader: true, fragmented: true, ...upper });
    expect(fragment('0008')).toMatchObject({ hasFragmentHeader: true, fragmented: true, ...none });
    // A Fragment header of which too little is quoted to tell.
    const cut = quote(packet(44, hex('11000008'), 16));
    expect(cut).toMatchObject({ hasFragmentHeader: true, fragmented: false, ...none });
  });

  it('finds PDM before a Fragment header', () => {
    const octets = hex('2c010f0a000000190000000000000100 1100000100000001 c000829a000861ce');
    expect(quote(packet(60, octets))).toMatchObject({
      optionsOffset: 40,
      optionsNextHeader: 44,
      pdmOffset: 42,
      hasFragmentHeader: true,
      upperProtocol: 17,
      upperOffset: 64,
    });
  });

  it('finds PDM in the second Destination Options header, and calls the first one the options', () => {
    const octets = hex('3c001e0400000000 11010f0a000000190000000000000100 c000829a000861ce');
    expect(quote(packet(60, octets))).toMatchObject({
      optionsOffset: 40,
      optionsNextHeader: 60,
      experimentOffset: 42,
      pdmOffset: 50,
    });
  });

  it('walks the chain exactly as the general walk does', () => {
    const anyChain = fc.oneof(
      arbitraryChain.map((chain) => {
        const { octets, first } = chainOctets(chain);
        return { octets, first };
      }),
      fc.record({ octets: fc.uint8Array({ maxLength: 90 }), first: fc.constantFrom(0, 43, 44, 51, 60, 135, 17) }),
      fc.record({
        octets: fc.array(fc.constantFrom(0, 43, 44, 51, 60), { maxLength: 200 }).map((list) => Uint8Array.from(list)),
        first: fc.constantFrom(0, 43, 44, 51, 60),
      }),
    );
    fc.assert(
      fc.property(anyChain, fc.double({ min: 0, max: 1, noNaN: true }), ({ octets, first }, part) => {
        const bytes = packet(first, octets);
        const end = 40 + Math.floor(part * octets.length);
        const chain = walkExtensionChain(bytes, first, 40, end);
        const cut = quote(bytes, 0, end);
        expect(cut.upperProtocol).toBe(chain.upperLayer);
        expect(cut.upperOffset).toBe(chain.upperLayerOffset);
        expect(cut.optionsOffset).toBe(chain.headers.find(({ kind }) => kind === 60)?.offset ?? null);
        expect(cut.headers.map(({ kind, offset }) => ({ kind, offset }))).toEqual(
          chain.headers.map(({ kind, offset }) => ({ kind, offset })),
        );
        expect(cut.hasFragmentHeader).toBe(chain.headers.some(({ kind }) => kind === 44));
      }),
      { numRuns: 3000 },
    );
  });

  it('never throws on what a network may send, and stays inside', () => {
    const start = fc.record({
      nextHeader: fc.constantFrom(0, 17, 43, 44, 51, 60),
      payloadLength: fc.nat(300),
      tail: fc.uint8Array({ maxLength: 200 }),
    });
    const plausible = start.map(({ nextHeader, payloadLength, tail }) => packet(nextHeader, tail, payloadLength));
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 200 }), plausible),
        fc.nat(20),
        fc.nat(260),
        (bytes, offset, limit) => {
          const end = Math.min(limit, bytes.length);
          const result = parseQuotedPacket(bytes, offset, end);
          if (!result.ok) return;
          const { value } = result;
          expect(value.end).toBeLessThanOrEqual(end);
          for (const at of [value.optionsOffset, value.pdmOffset, value.experimentOffset]) {
            if (at !== null) expect(at).toBeLessThan(value.end);
          }
          if (value.upperOffset !== null) expect(value.upperOffset + value.upperAvailable).toBe(value.end);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('keeps header fields as they were written, for any values', () => {
    fc.assert(
      fc.property(u8, fc.nat(0xfffff), u8, address, (trafficClass, flowLabel, hopLimit, source) => {
        const bytes = new Uint8Array(40);
        emitIpv6Header({ ...header, nextHeader: 17, trafficClass, flowLabel, hopLimit, source }, bytes, 0);
        const value = quote(bytes);
        expect(value).toMatchObject({ trafficClass, flowLabel, hopLimit });
        expect(bytes.slice(value.sourceOffset, value.sourceOffset + 16)).toEqual(source);
      }),
    );
  });
});
