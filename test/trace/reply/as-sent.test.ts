/**
 * A quote of a packet as it was sent is not looked at octet by octet. The same quote with another traffic class is, so the two must
 * come to the same, that change apart.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Protocol } from '../../../src/record/record.js';
import { cutOf, encodeFragment, encodeWholeProbe } from '../../../src/trace/probe/probe-packet.js';
import { compareQuote } from '../../../src/trace/reply/quote-comparison.js';
import type { QuoteFindings } from '../../../src/trace/reply/quote-comparison.js';
import { parseReply } from '../../../src/trace/reply/reply.js';
import type { TraceState } from '../../../src/trace/state/trace-state.js';
import { upperLayerChecksum } from '../../../src/wire/checksum.js';
import { parseQuotedPacket } from '../../../src/wire/quoted-packet.js';
import { errorAbout, makeState, ROUTER, sendPair, SOURCE, TARGET } from '../trace-fixture.js';

const CLASS_CHANGED = 'traffic-class-rewritten';
const CLASS_BIT = 0x10;

/** Every arm and protocol, with a description URI, longer, and in fragments; a pair of other protocols in each. */
const STATES = (['udp', 'icmp6', 'tcp'] as const).flatMap((protocol) =>
  [{}, { probeUri: 'https://example.com/a' }, { size: 300 }, { fragment: true }].map((values) => {
    const state = makeState(protocol, values);
    for (const treatment of ['pdm', 'do8', 'do16', 'long'] as const) sendPair(state, { treatment });
    for (const other of ['icmp6', 'tcp'] as const satisfies readonly Protocol[]) {
      sendPair(state, { protocol: other, flow: 'fresh' });
    }
    return state;
  }),
);

function wholeProbe(state: TraceState, row: number): Uint8Array {
  const arena = new Uint8Array(4096);
  return arena.slice(0, encodeWholeProbe(state, row, arena, 0));
}

/** One of its fragments, where it goes out in such. */
function pieceOf(state: TraceState, row: number, index: number): Uint8Array {
  const cut = cutOf(state, state.probes.arm(row), state.flows[state.probes.flow(row)]!.protocol);
  if (cut === null) return wholeProbe(state, row);
  const arena = new Uint8Array(4096);
  return arena.slice(0, encodeFragment(state, row, index % cut.count, arena, 0));
}

/** Null where no packet can be read out of it. */
function findingsOf(state: TraceState, row: number, octets: Uint8Array): QuoteFindings | null {
  const quote = parseQuotedPacket(octets);
  if (!quote.ok) return null;
  const { changes, ...others } = compareQuote(state, row, octets, quote.value);
  return { ...others, changes: changes.filter((change) => change !== CLASS_CHANGED) };
}

function withOtherClass(octets: Uint8Array): Uint8Array {
  const copy = octets.slice();
  copy[1]! ^= CLASS_BIT;
  return copy;
}

describe('a quote of a packet as it was sent', () => {
  it('says what it says when it is looked at octet by octet, of every arm and protocol', () => {
    for (const state of STATES) {
      for (let row = 0; row < state.probes.count; row += 1) {
        for (const hopLimit of [0, 1, 255]) {
          for (const padding of [0, 50]) {
            const packet = wholeProbe(state, row);
            const quote = new Uint8Array(packet.length + padding);
            quote.set(packet);
            quote[7] = hopLimit;
            const findings = findingsOf(state, row, quote);
            expect(findings).toMatchObject({ identityHeld: true, quotedHopLimit: hopLimit, changes: [] });
            expect(findings).toStrictEqual(findingsOf(state, row, withOtherClass(quote)));
          }
        }
      }
    }
  });

  it('is told from every other one: any octet changed, put in or cut off, and any other probe of the trace', () => {
    const change = fc.tuple(fc.nat(400), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 6, 17, 43, 44, 58, 60)));
    fc.assert(
      fc.property(
        fc.nat(STATES.length - 1),
        fc.nat(),
        fc.option(fc.nat()),
        fc.array(change, { maxLength: 2 }),
        fc.option(fc.integer({ min: -20, max: 20 })),
        fc.option(fc.nat()),
        (index, quoted, against, changes, longer, piece) => {
          const state = STATES[index]!;
          const row = quoted % state.probes.count;
          const packet = piece === null ? wholeProbe(state, row) : pieceOf(state, row, piece);
          const quote = new Uint8Array(Math.max(40, packet.length + (longer ?? 0)));
          quote.set(packet.subarray(0, quote.length));
          for (const [at, value] of changes) quote[at % quote.length] = value;
          const other = against === null ? row : against % state.probes.count;
          expect(findingsOf(state, other, quote)).toStrictEqual(findingsOf(state, other, withOtherClass(quote)));
        },
      ),
      { numRuns: 5000, seed: 20_261_201 },
    );
  });
});

describe('the source of a reply', () => {
  it('is what its IPv6 header says, whatever the transport took it for', () => {
    const { bytes: message } = errorAbout(wholeProbe(STATES[0]!, 0));
    const bytes = new Uint8Array(40 + message.length);
    bytes.set([0x60, 0, 0, 0, message.length >> 8, message.length, 58, 60]);
    bytes.set(ROUTER, 8);
    bytes.set(SOURCE, 24);
    bytes.set(message, 40);
    bytes.set([0, 0], 42);
    const checksum = upperLayerChecksum(ROUTER, SOURCE, 58, bytes, 40, message.length);
    bytes.set([checksum >> 8, checksum], 42);
    for (const source of [ROUTER, TARGET, new Uint8Array(0), Uint8Array.of(...ROUTER, 1)]) {
      const reply = parseReply({ layer: 'ipv6', source, bytes, hopLimit: null, timeNs: 1 });
      expect(reply).toMatchObject({ ok: true, value: { kind: 'error', hopLimit: 60 } });
      if (reply.ok) expect(reply.value.source).toStrictEqual(ROUTER);
    }
    for (const at of [8, 23, 24, 39, 48]) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      expect(parseReply({ layer: 'ipv6', source: ROUTER, bytes: changed, hopLimit: null, timeNs: 1 })).toMatchObject({
        reason: 'bad-checksum',
      });
    }
  });
});
