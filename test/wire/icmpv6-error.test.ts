import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emitIcmpExtensions,
  icmpExtensionsLength,
  type ExtensionObjectToEmit,
} from '../../src/wire/icmp-extensions.js';
import { parseIcmpv6Error, type Icmpv6Error } from '../../src/wire/icmpv6.js';
import { u8 } from './codec-suite.js';
import { hex, prefilled } from './hex.js';
import { icmpMessage, probePacket } from './packets.js';

function error(bytes: Uint8Array, offset = 0, end = bytes.length): Icmpv6Error {
  const result = parseIcmpv6Error(bytes, offset, end);
  return result.ok ? result.value : expect.fail(`${result.reason} at ${result.offset}`);
}

function extensions(...objects: ExtensionObjectToEmit[]): Uint8Array {
  const bytes = prefilled(icmpExtensionsLength(objects));
  emitIcmpExtensions(objects, bytes, 0);
  return bytes;
}

/** Zero-padded to `length`. */
function padded(quote: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(quote);
  return bytes;
}

const quote = probePacket({ arm: 'pdm', protocol: 'udp', payload: hex('0011223344556677') });
const label = { label: 17, trafficClass: 0, bottomOfStack: true, ttl: 1 };
const mpls: ExtensionObjectToEmit = { kind: 'mpls', labels: [label] };
const longQuote = probePacket({ arm: 'plain', protocol: 'udp', payload: new Uint8Array(200).fill(0x5a) });
const announced = (octets: number): number => (octets / 8) * 2 ** 24;

describe('an ICMPv6 error', () => {
  it('without extensions quotes to its end', () => {
    const bytes = prefilled(quote.length + 20);
    bytes.set(icmpMessage(3, 0, 0, quote), 5);
    expect(error(bytes, 5, 13 + quote.length)).toEqual({
      type: 3,
      code: 0,
      pointer: null,
      mtu: null,
      quoteOffset: 13,
      quoteEnd: 13 + quote.length,
      extensions: null,
    });
  });

  it('carries a pointer in Parameter Problem and an MTU in Packet Too Big, unsigned', () => {
    expect(error(icmpMessage(4, 2, 42, quote))).toMatchObject({ type: 4, code: 2, pointer: 42, mtu: null });
    expect(error(icmpMessage(4, 10, 0xffffffff))).toMatchObject({ pointer: 0xffffffff });
    expect(error(icmpMessage(2, 0, 1280, quote))).toMatchObject({ type: 2, pointer: null, mtu: 1280 });
    expect(error(icmpMessage(2, 0, 0x80000000))).toMatchObject({ mtu: 0x80000000 });
  });

  it('survives with any type and code below 128, and is none from 128', () => {
    for (let type = 0; type < 256; type++) {
      const result = parseIcmpv6Error(icmpMessage(type, 255, 0, quote));
      if (type < 128) expect(result).toMatchObject({ ok: true, value: { type, code: 255 } });
      else expect(result).toEqual({ ok: false, reason: 'not-an-error', offset: 0 });
    }
  });

  it('is truncated below 8 octets, and from there on gives what quote there is', () => {
    const bytes = icmpMessage(1, 4, 0, quote);
    for (let end = 0; end <= bytes.length; end++) {
      if (end < 8) expect(parseIcmpv6Error(bytes, 0, end)).toMatchObject({ ok: false, reason: 'truncated' });
      else expect(error(bytes, 0, end)).toMatchObject({ quoteOffset: 8, quoteEnd: end, extensions: null });
    }
  });

  it.each([1, 3])('of type %i has its extensions where the length attribute says (RFC 4884)', (type) => {
    for (const length of [128, 136, 248]) {
      const bytes = icmpMessage(type, 0, announced(length), padded(quote, length), extensions(mpls));
      expect(error(bytes)).toMatchObject({ quoteOffset: 8, quoteEnd: 8 + length, extensions: { mpls: [label] } });
    }
  });

  it.each([1, 3])('of type %i may have them behind 128 octets without saying so, as before RFC 4884', (type) => {
    const bytes = icmpMessage(type, 0, 0, padded(quote, 128), extensions(mpls));
    expect(error(bytes)).toMatchObject({ quoteOffset: 8, quoteEnd: 136, extensions: { mpls: [label] } });
  });

  it('is not believed to have extensions without a checksum, unless it announces them', () => {
    const structure = extensions(mpls);
    structure.fill(0, 2, 4);
    expect(error(icmpMessage(3, 0, 0, padded(quote, 128), structure))).toMatchObject({
      extensions: null,
      quoteEnd: 148,
    });
    const bytes = icmpMessage(3, 0, announced(128), padded(quote, 128), structure);
    expect(error(bytes)).toMatchObject({ quoteEnd: 136, extensions: { checksumVerified: false, mpls: [label] } });
  });

  it('with a quote longer than 128 octets is not cut at octets that only look like a version', () => {
    const bytes = icmpMessage(3, 0, 0, longQuote);
    bytes[8 + 128] = 0x20;
    expect(error(bytes)).toMatchObject({ quoteEnd: bytes.length, extensions: null });
  });

  it.each([2, 4])('of type %i has none: these octets are its MTU or pointer', (type) => {
    const bytes = icmpMessage(type, 0, announced(128), padded(quote, 128), extensions(mpls));
    expect(error(bytes)).toMatchObject({ quoteEnd: bytes.length, extensions: null });
  });

  it('keeps the announced end of the quote when the extensions are corrupt', () => {
    const structure = extensions(mpls);
    structure[7]! ^= 1;
    const bytes = icmpMessage(3, 0, announced(128), padded(quote, 128), structure);
    expect(error(bytes)).toMatchObject({ quoteEnd: 136, extensions: null });
  });

  it('is not shortened by junk where the length attribute is now', () => {
    for (let words = 1; words < 16; words++) {
      const bytes = icmpMessage(3, 0, words * 2 ** 24 + 0x123456, quote);
      expect(error(bytes)).toMatchObject({ quoteEnd: bytes.length, extensions: null });
    }
  });

  it('may announce fewer octets than RFC 4884 asks for if the structure there proves it', () => {
    const bytes = icmpMessage(3, 0, announced(quote.length), quote, extensions(mpls));
    expect(quote.length % 8).toBe(0);
    expect(error(bytes)).toMatchObject({ quoteEnd: 8 + quote.length, extensions: { mpls: [label] } });
  });

  it('may count its length in octets, or round it, or announce none, where a checksum proves the structure', () => {
    for (const length of [128, 130, 131, 135, 136, 200]) {
      const octets = padded(quote, length);
      const read = (attribute: number): Icmpv6Error =>
        error(icmpMessage(3, 0, attribute * 2 ** 24, octets, extensions(mpls)));
      for (const attribute of [length, Math.floor(length / 8), Math.ceil(length / 8)]) {
        expect(read(attribute), `${length} as ${attribute}`).toMatchObject({
          quoteEnd: 8 + length,
          extensions: { mpls: [label], checksumVerified: true },
        });
      }
    }
    for (const attribute of [0, 1, 40, 56, 255]) {
      const bytes = icmpMessage(1, 3, attribute * 2 ** 24, padded(quote, 128), extensions(mpls));
      expect(error(bytes), `128 as ${attribute}`).toMatchObject({ quoteEnd: 136, extensions: { mpls: [label] } });
    }
  });

  it('with another length and no checksum keeps its quote as it is: nothing proves a structure', () => {
    const structure = extensions(mpls);
    structure.fill(0, 2, 4);
    const bytes = icmpMessage(3, 0, 130 * 2 ** 24, padded(quote, 130), structure);
    expect(error(bytes)).toMatchObject({ quoteEnd: bytes.length, extensions: null });
  });

  it('keeps Node IDs and unknown objects apart from those that are decoded', () => {
    const nodeId: ExtensionObjectToEmit = { kind: 'other', classNumber: 5, cType: 3, payload: hex('000120010db8') };
    const unknown: ExtensionObjectToEmit = { kind: 'other', classNumber: 200, cType: 1, payload: hex('cafe') };
    const bytes = icmpMessage(3, 0, announced(128), padded(quote, 128), extensions(mpls, nodeId, unknown));
    const { extensions: read } = error(bytes);
    expect(read?.undecoded.map(({ classNumber }) => classNumber)).toEqual([5, 200]);
    expect(read?.objects).toHaveLength(3);
  });

  it('that announces more than arrived quotes what arrived', () => {
    const bytes = icmpMessage(3, 0, announced(2040), padded(quote, 128));
    expect(error(bytes)).toMatchObject({ quoteEnd: bytes.length, extensions: null });
  });

  it('takes the pointer of an RFC 8883 object', () => {
    const bytes = icmpMessage(1, 8, announced(128), padded(quote, 128), extensions({ kind: 'pointer', pointer: 56 }));
    expect(error(bytes)).toMatchObject({ type: 1, code: 8, pointer: 56 });
    expect(error(icmpMessage(1, 8, 0, quote))).toMatchObject({ type: 1, code: 8, pointer: null });
    const exceeded = icmpMessage(
      3,
      0,
      announced(128),
      padded(quote, 128),
      extensions({ kind: 'pointer', pointer: 56 }),
    );
    expect(error(exceeded)).toMatchObject({ pointer: null, extensions: { pointer: 56 } });
  });

  it('cut anywhere in its extensions keeps the quote and loses the extensions alone', () => {
    const whole = icmpMessage(3, 0, announced(128), padded(quote, 128), extensions(mpls));
    for (let end = 136; end < whole.length; end++) {
      expect(error(whole, 0, end)).toMatchObject({ quoteEnd: 136, extensions: null });
    }
  });

  it('never throws on what a network may send, and quotes nothing outside', () => {
    const tail = fc.uint8Array({ maxLength: 60 });
    const extended = fc
      .tuple(fc.constantFrom(1, 3), u8, fc.constantFrom(0, 15, 16, 17), tail, fc.boolean())
      .map(([type, code, words, octets, whole]) =>
        icmpMessage(type, code, words * 2 ** 24, padded(quote, 128), whole ? extensions(mpls) : hex('2000'), octets),
      );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), extended), fc.nat(20), (bytes, offset) => {
        const result = parseIcmpv6Error(bytes, offset);
        if (!result.ok) return;
        expect(result.value.quoteOffset).toBe(offset + 8);
        expect(result.value.quoteEnd).toBeGreaterThanOrEqual(offset + 8);
        expect(result.value.quoteEnd).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});
