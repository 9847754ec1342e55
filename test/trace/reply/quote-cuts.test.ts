/** Quotes of every arm, protocol and length, cut or padded: the right probe or none, never another one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchReply } from '../../../src/trace/reply/match-reply.js';
import type { Arm, Protocol } from '../../../src/record/record.js';
import type { MatchResult } from '../../../src/trace/reply/match.js';
import { parseReply, type Reply } from '../../../src/trace/reply/reply.js';
import { observe } from '../../../src/trace/reply/observe.js';
import type { TraceState } from '../../../src/trace/state/trace-state.js';
import { errorAbout, makeState, packetOf, replyFrom, sendPair } from '../trace-fixture.js';

const PROTOCOLS: readonly Protocol[] = ['udp', 'icmp6', 'tcp'];
const TREATMENTS: readonly Arm[] = ['pdm', 'do8', 'do16', 'long'];

/** A trace with several probes of every arm, each explaining pair on a flow of its own as the procedure does it. */
function busy(protocol: Protocol, probeUri?: string): TraceState {
  const state = makeState(protocol, { flow: { psnNext: 0x1234 }, ...(probeUri === undefined ? {} : { probeUri }) });
  for (let i = 0; i < 4; i += 1) {
    for (const treatment of TREATMENTS) {
      sendPair(state, { treatment, hopLimit: 3 + i, ...(treatment === 'pdm' ? {} : { flow: 'fresh' as const }) });
    }
  }
  return state;
}

const cut = (packet: Uint8Array, length: number, padded: boolean): Uint8Array => {
  const quote = new Uint8Array(padded ? 128 : length);
  quote.set(packet.subarray(0, length));
  return quote;
};

describe('a quote of any probe', () => {
  for (const protocol of PROTOCOLS) {
    it(`of ${protocol}, whole, names its probe and shows no change`, () => {
      const state = busy(protocol);
      for (let row = 0; row < state.probes.count; row += 1) {
        const match = matchReply(state, replyFrom(errorAbout(packetOf(state, row))));
        const hasOption = [1, 2, 3].includes(state.probes.arm(row));
        expect(match).toMatchObject({
          row,
          findings: { changes: [], altered: false, stripped: false, intact: hasOption ? true : null },
        });
      }
    });

    it(`of ${protocol}, cut at any length, never names another one`, () => {
      const state = busy(protocol);
      for (let row = 0; row < state.probes.count; row += 1) {
        const packet = packetOf(state, row);
        for (let length = 40; length <= packet.length; length += 1) {
          const match = matchReply(state, replyFrom(errorAbout(cut(packet, length, false))));
          if (typeof match === 'string') continue;
          expect(match.row, `probe ${row} cut at ${length}`).toBe(row);
          expect(match.findings, `probe ${row} cut at ${length}`).toMatchObject({ altered: false, stripped: false });
        }
      }
    });

    it(`of ${protocol}, cut at eight octets and padded with zeros to 128, never names another one, nor looks changed`, () => {
      const state = busy(protocol);
      for (let row = 0; row < state.probes.count; row += 1) {
        const packet = packetOf(state, row);
        for (let length = 40; length <= packet.length; length += 8) {
          const match = matchReply(state, replyFrom(errorAbout(cut(packet, length, true))));
          if (typeof match === 'string') continue;
          expect(match.row, `probe ${row} cut at ${length}`).toBe(row);
          expect(match.findings, `probe ${row} cut at ${length}`).toMatchObject({ altered: false, stripped: false });
        }
      }
    });
  }

  it('of every arm, cut anywhere and padded with zeros, is never changed: a nonce of zeros is absent', () => {
    for (const protocol of PROTOCOLS) {
      const state = busy(protocol);
      for (let row = 0; row < state.probes.count; row += 1) {
        const packet = packetOf(state, row);
        for (let length = 40; length <= packet.length; length += 1) {
          for (const size of [128, 136, 600]) {
            const quote = new Uint8Array(size);
            quote.set(packet.subarray(0, length));
            const match = matchReply(state, replyFrom(errorAbout(quote)));
            if (typeof match === 'string') continue;
            expect(match.row, `probe ${row} cut at ${length}`).toBe(row);
            expect(match.findings?.changes, `probe ${row} cut at ${length}`).toEqual([]);
          }
        }
      }
    }
  });

  it('of every arm ends with its own payload length, whatever octets follow', () => {
    for (const protocol of PROTOCOLS) {
      const state = busy(protocol);
      for (let row = 0; row < state.probes.count; row += 1) {
        const quote = new Uint8Array(160).fill(0xee);
        quote.set(packetOf(state, row));
        const match = matchReply(state, replyFrom(errorAbout(quote)));
        expect(match).toMatchObject({ row, findings: { changes: [], altered: false, stripped: false, inserted: [] } });
      }
    }
  });

  it('with the longest description URI is named when it is whole, and when it ends within the URI', () => {
    for (const protocol of ['udp', 'icmp6'] as const) {
      const state = busy(protocol, `https://example.com/${'x'.repeat(16)}`);
      for (let row = 0; row < state.probes.count; row += 1) {
        const packet = packetOf(state, row);
        const upper = packet[6] === 60 ? 48 + 8 * packet[41]! : 40;
        for (const length of [packet.length, upper + 20]) {
          expect(matchReply(state, replyFrom(errorAbout(packet.subarray(0, length))))).toMatchObject({ row });
        }
      }
    }
  });

  it('is believed for the source and the code that it has, not for the router that sends it', () => {
    const state = makeState('udp');
    const { treated } = sendPair(state, { hopLimit: 5 });
    const reply = replyFrom(errorAbout(packetOf(state, treated), 4, 2));
    const match = matchReply(state, reply);
    if (typeof match === 'string') throw new Error(match);
    observe(state, match, reply);
    expect(state.signatures[0]).toMatchObject({ responder: '2001:db8:1:4::1', type: 4, code: 2, pointer: 0 });
  });
});

describe('a reply with octets changed at random', () => {
  it('never throws, and names the probe that it quotes or none', () => {
    const state = busy('udp');
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: state.probes.count - 1 }),
        fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }),
        (row, changes) => {
          const packet = errorAbout(packetOf(state, row));
          for (const [at, flip] of changes) packet.bytes[at % packet.bytes.length]! ^= flip;
          const reply = parseReply(packet);
          if (!reply.ok) return;
          const match = matchReply(state, reply.value);
          if (typeof match !== 'string') expect(match.row).toBe(row);
        },
      ),
      { numRuns: 3000, seed: 20_261_124 },
    );
  });

  it('of any protocol, with octets put in, taken out and cut off as well, never throws, nor observing it', () => {
    const edits = fc.array(
      fc.record({
        at: fc.nat(200),
        remove: fc.nat(24),
        insert: fc.oneof(
          fc.uint8Array({ maxLength: 24 }),
          fc.constantFrom(0, 43, 44, 51, 60, 135).map((kind) => Uint8Array.of(60, 0, kind, 4, 0, 0, 0, 0)),
        ),
      }),
      { maxLength: 3 },
    );
    const kinds = fc.constantFrom(0, 6, 17, 43, 44, 51, 58, 60, 135);
    for (const protocol of PROTOCOLS) {
      const state = busy(protocol);
      fc.assert(
        fc.property(
          fc.nat(state.probes.count - 1),
          edits,
          kinds,
          fc.nat(255),
          fc.nat(255),
          (row, list, kind, word, length) => {
            let quote = packetOf(state, row);
            quote[6] = kind;
            quote[5] = length;
            for (const { at, remove, insert } of list) {
              const place = 40 + (at % Math.max(1, quote.length - 40));
              quote = Uint8Array.from([...quote.subarray(0, place), ...insert, ...quote.subarray(place + remove)]);
            }
            const packet = errorAbout(quote);
            packet.bytes[4] = word;
            const reply = parseReply(packet);
            if (!reply.ok) return;
            const match = matchReply(state, reply.value);
            if (typeof match !== 'string') observe(state, match, reply.value);
          },
        ),
        { numRuns: 1500, seed: 20_261_128 },
      );
      expect(state.weakQuotes.size).toBeLessThanOrEqual(64);
      expect(state.signatures.length).toBeLessThanOrEqual(1000);
    }
  });

  it('of the first six octets names the one probe still unanswered, and no other when it comes again', () => {
    const state = makeState('icmp6');
    const answer = (row: number): { error: Reply; match: MatchResult } => {
      const error = replyFrom(errorAbout(cut(packetOf(state, row), 46, false)));
      const match = matchReply(state, error);
      if (typeof match !== 'string') observe(state, match, error);
      return { error, match };
    };
    const atThree = sendPair(state, { hopLimit: 3, flow: 0 });
    const { error, match } = answer(atThree.plain);
    expect(match).toMatchObject({ row: atThree.plain });
    // The network may deliver it twice, and by then another packet is out.
    sendPair(state, { hopLimit: 2, flow: 0 });
    expect(matchReply(state, error)).toBe('weak');
    // A second answer from the same hop is one, whichever of its packets it is about.
    const again = makeState('icmp6');
    const first = sendPair(again, { hopLimit: 3, flow: 0 });
    const told = replyFrom(errorAbout(cut(packetOf(again, first.plain), 46, false)));
    const known = matchReply(again, told);
    if (typeof known !== 'string') observe(again, known, told);
    const second = sendPair(again, { hopLimit: 3, flow: 0 });
    expect(matchReply(again, told)).toMatchObject({ row: second.plain });
  });

  it('of octets without any sense gives a reason', () => {
    const state = busy('icmp6');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(1, 2, 3, 4, 129), (bytes, type) => {
        const octets = Uint8Array.from([type, ...bytes]);
        const reply = parseReply({ ...errorAbout(new Uint8Array(0)), bytes: octets });
        if (reply.ok) expect(matchReply(state, reply.value)).toBeTypeOf('string');
        else expect(reply.reason).toBeTypeOf('string');
      }),
      { numRuns: 2000 },
    );
  });
});
