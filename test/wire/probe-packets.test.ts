import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumIsRight } from '../../src/wire/checksum.js';
import { emitPdmDestinationOptions, parseOptions } from '../../src/wire/destination-options.js';
import { findPdm, parsePdm, type PdmOption } from '../../src/wire/pdm.js';
import { parseQuotedPacket } from '../../src/wire/quoted-packet.js';
import { ARMS, DESTINATION, probePacket, PROTOCOLS, SOURCE } from './packets.js';
import { hex, prefilled, toHex } from './hex.js';

interface Vectors {
  readonly headers: readonly {
    readonly label: string;
    readonly hex?: string;
    readonly fields: PdmOption & { readonly nextHeader: number };
  }[];
  readonly probes: readonly { readonly label: string; readonly hex: string }[];
}

const vectors = JSON.parse(readFileSync(new URL('vectors/pdm-times.json', import.meta.url), 'utf8')) as Vectors;
const headers = vectors.headers.flatMap(({ label, hex: octets, fields: { nextHeader, ...pdm } }) =>
  octets === undefined ? [] : [{ label, octets, nextHeader, pdm }],
);

describe('the PDM headers of the vectors', () => {
  it('are three with octets, and two with values alone', () => {
    expect([headers.length, vectors.headers.length]).toEqual([3, 5]);
  });

  it.each(headers)('emitted: $label', ({ octets, nextHeader, pdm }) => {
    const into = prefilled(16);
    expect(emitPdmDestinationOptions(nextHeader, pdm, into, 0)).toBe(16);
    expect(toHex(into)).toBe(octets);
  });

  it.each(headers)('parsed: $label', ({ octets, nextHeader, pdm }) => {
    const header = parseOptions(hex(octets));
    expect(header).toMatchObject({ ok: true, value: { nextHeader, length: 16 } });
    expect(parsePdm(hex(octets), 2)).toEqual({ ok: true, value: pdm });
    expect(findPdm(hex(octets), 0, 16, 60)).toEqual({ version: 'rfc8250', pdm });
  });

  it.each(vectors.headers)('come back through octets: $label', ({ fields: { nextHeader, ...pdm } }) => {
    const into = prefilled(16);
    emitPdmDestinationOptions(nextHeader, pdm, into, 0);
    expect(into[0]).toBe(nextHeader);
    expect(findPdm(into, 0, 16, 60)).toEqual({ version: 'rfc8250', pdm });
  });
});

describe('a probe', () => {
  it('is, octet by octet, the one of the vectors', () => {
    expect(toHex(probePacket({ arm: 'pdm', protocol: 'udp' }))).toBe(vectors.probes[0]!.hex);
  });

  it.each(PROTOCOLS)('has the same upper layer, checksum included, in every arm: %s', (protocol) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (payload) => {
        const uppers = ARMS.map((arm) => {
          const packet = probePacket({ arm, protocol, payload });
          const quote = parseQuotedPacket(packet);
          if (!quote.ok) return expect.fail(quote.reason);
          const { upperOffset, upperAvailable, upperProtocol } = quote.value;
          expect(checksumIsRight(SOURCE, DESTINATION, upperProtocol!, packet, upperOffset!, upperAvailable)).toBe(true);
          return toHex(packet.subarray(upperOffset!));
        });
        expect(new Set(uppers).size).toBe(1);
      }),
    );
  });
});
