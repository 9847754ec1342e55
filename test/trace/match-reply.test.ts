import { describe, expect, it } from 'vitest';
import { matchReply, type MatchResult } from '../../src/trace/match-reply.js';
import type { Arm, Protocol } from '../../src/trace/record.js';
import { observe } from '../../src/trace/trace-machine.js';
import type { TraceState } from '../../src/trace/trace-state.js';
import { echoReplyTo, errorAbout, makeState, packetOf, replyFrom, sendPair, TARGET } from './trace-fixture.js';

const matchQuote = (state: TraceState, quote: Uint8Array): MatchResult =>
  matchReply(state, replyFrom(errorAbout(quote)));
const rowOf = (result: MatchResult): number | string => (typeof result === 'string' ? result : result.row);
const findingsOf = (result: MatchResult) => (typeof result === 'string' ? null : result.findings);
const changed = (packet: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array => {
  const copy = packet.slice();
  change(copy);
  return copy;
};

/** Where a quote of this probe may end and still name it: 8 octets of the option, or of the upper layer. */
const decisiveLength = (packet: Uint8Array, treatment: Arm): number =>
  treatment === 'pdm' ? 48 : treatment === 'plain' ? 48 : packet.length;

describe('a quote', () => {
  for (const protocol of ['udp', 'icmp6', 'tcp'] as const satisfies readonly Protocol[]) {
    for (const treatment of ['plain', 'pdm'] as const) {
      it(`of a ${treatment} ${protocol} probe names it from 8 octets behind the IPv6 header on, and nobody before`, () => {
        const state = makeState(protocol);
        for (let i = 0; i < 5; i += 1) sendPair(state);
        const pair = sendPair(state);
        const row = treatment === 'plain' ? pair.plain : pair.treated;
        const packet = packetOf(state, row);
        for (let length = 40; length <= packet.length; length += 1) {
          const result = rowOf(matchQuote(state, packet.subarray(0, length)));
          if (length >= decisiveLength(packet, treatment)) expect(result, `${length} octets`).toBe(row);
          else expect(result, `${length} octets`).toBeTypeOf('string');
        }
      });

      it(`of a ${treatment} ${protocol} probe may be padded with zeros to 128 octets (RFC 4884)`, () => {
        const state = makeState(protocol);
        sendPair(state);
        const pair = sendPair(state);
        const row = treatment === 'plain' ? pair.plain : pair.treated;
        const packet = packetOf(state, row);
        for (let length = 48; length <= packet.length; length += 8) {
          const padded = new Uint8Array(128);
          padded.set(packet.subarray(0, length));
          const result = matchQuote(state, padded);
          expect(rowOf(result), `${length} octets`).toBe(row);
          expect(findingsOf(result)?.altered).toBe(false);
        }
      });
    }
  }

  it('is intact from PSNTP on, and says nothing before', () => {
    const state = makeState('udp');
    const packet = packetOf(state, sendPair(state).treated);
    expect(findingsOf(matchQuote(state, packet.subarray(0, 48)))).toMatchObject({ intact: true, intactWhole: false });
    expect(findingsOf(matchQuote(state, packet))).toMatchObject({ intact: true, intactWhole: true, changes: [] });
  });

  it('without the option, 16 octets shorter, is of a stripped packet', () => {
    const state = makeState('udp');
    const { treated } = sendPair(state);
    const packet = packetOf(state, treated);
    const stripped = Uint8Array.from([...packet.subarray(0, 40), ...packet.subarray(56)]);
    stripped[5]! -= 16;
    stripped[6] = 17;
    const result = matchQuote(state, stripped);
    expect(rowOf(result)).toBe(treated);
    expect(findingsOf(result)).toMatchObject({ stripped: true, intact: false, changes: ['stripped'] });
  });

  it('with other octets in the option is of an altered packet', () => {
    const state = makeState('udp');
    const { treated } = sendPair(state);
    const packet = packetOf(state, treated);
    for (const at of [42, 44, 47, 50, 54]) {
      const result = matchQuote(
        state,
        changed(packet, (copy) => (copy[at]! ^= 0x11)),
      );
      expect(rowOf(result), `octet ${at}`).toBe(treated);
      expect(findingsOf(result)).toMatchObject({ altered: true, intact: false });
    }
  });

  it('may have another source and checksum (NAT66), flow label, traffic class and hop limit: findings, not grounds to reject', () => {
    const state = makeState('udp');
    const { plain } = sendPair(state);
    const quote = changed(packetOf(state, plain), (copy) => {
      copy[1]! ^= 0x35;
      copy[0] = 0x62;
      copy[7] = 3;
      copy[20]! ^= 0xff;
      copy[46]! ^= 0x55;
    });
    const result = matchQuote(state, quote);
    expect(rowOf(result)).toBe(plain);
    expect(findingsOf(result)?.changes).toEqual(
      expect.arrayContaining([
        'source-rewritten',
        'flow-label-rewritten',
        'traffic-class-rewritten',
        'checksum-rewritten',
      ]),
    );
  });

  it('with a nonce that is not ours is forged, whatever else fits', () => {
    const state = makeState('udp');
    const { plain, treated } = sendPair(state);
    for (const row of [plain, treated]) {
      const packet = packetOf(state, row);
      const nonceAt = packet.length - 14;
      expect(
        rowOf(
          matchQuote(
            state,
            changed(packet, (copy) => (copy[nonceAt + 3]! ^= 1)),
          ),
        ),
      ).toBe('forged');
    }
  });

  it('cut before the nonce must fit in every identifying octet', () => {
    const state = makeState('udp');
    const packet = packetOf(state, sendPair(state).plain).subarray(0, 48);
    for (let at = 40; at < 48; at += 1) {
      expect(
        matchQuote(
          state,
          changed(packet, (copy) => (copy[at]! ^= 1)),
        ),
        `octet ${at}`,
      ).toBeTypeOf('string');
    }
  });

  it('that holds PSNTP alone counts only with a flow label that our packets show', () => {
    const state = makeState('udp');
    const { treated } = sendPair(state);
    const quote = packetOf(state, treated).slice(0, 48);
    expect(rowOf(matchQuote(state, quote))).toBe(treated);
    const relabelled = changed(quote, (copy) => (copy[3]! ^= 1));
    expect(rowOf(matchQuote(state, relabelled))).toBe('forged');
    // A verified quote with the same other label shows that somebody on the way rewrites it.
    const verified = replyFrom(errorAbout(changed(packetOf(state, sendPair(state).plain), (copy) => (copy[3]! ^= 1))));
    const match = matchReply(state, verified);
    if (typeof match === 'string') throw new Error(match);
    observe(state, match, verified);
    expect(rowOf(matchQuote(state, relabelled))).toBe(treated);
  });

  it('with a PSNTP of nobody is a doubt when it knows our flow label, and a guess when it does not', () => {
    const state = makeState('udp');
    const quote = packetOf(state, sendPair(state).treated).slice(0, 48);
    const other = changed(quote, (copy) => (copy[46]! ^= 0x40));
    expect(rowOf(matchQuote(state, other))).toBe('ambiguous');
    expect(
      rowOf(
        matchQuote(
          state,
          changed(other, (copy) => (copy[3]! ^= 1)),
        ),
      ),
    ).toBe('forged');
  });

  it('of a packet to our target that is not ours is foreign', () => {
    const state = makeState('udp');
    const other = makeState('udp', { nonce: Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9) });
    sendPair(state);
    expect(rowOf(matchQuote(state, packetOf(other, sendPair(other).plain)))).toBe('foreign');
  });

  it('of a probe that was never sent is not believed', () => {
    const state = makeState('udp');
    const ahead = makeState('udp', { flow: { ...state.flows[0]! } });
    sendPair(state);
    for (let i = 0; i < 4; i += 1) sendPair(ahead);
    const { plain } = sendPair(ahead);
    expect(matchQuote(state, packetOf(ahead, plain))).toBeTypeOf('string');
  });
});

describe('an answer of the target', () => {
  it('to an echo request must bring back identifier, sequence number and nonce', () => {
    const state = makeState('icmp6');
    const { treated } = sendPair(state);
    const reply = echoReplyTo(packetOf(state, treated));
    expect(rowOf(matchReply(state, replyFrom(reply)))).toBe(treated);
    for (const at of [6, 7, 8, 15, 17]) {
      const forged = { ...reply, bytes: changed(reply.bytes, (copy) => (copy[at]! ^= 1)) };
      expect(rowOf(matchReply(state, replyFrom(forged))), `octet ${at}`).toBe('forged');
    }
    const foreign = { ...reply, bytes: changed(reply.bytes, (copy) => (copy[4]! ^= 1)) };
    expect(rowOf(matchReply(state, replyFrom(foreign)))).toBe('foreign');
  });

  const udpAnswer = (state: TraceState, payload: Uint8Array) => {
    const flow = state.flows[0]!;
    const bytes = Uint8Array.from([0, 0, 0, 0, 0, 8 + payload.length, 0, 0, ...payload]);
    new DataView(bytes.buffer).setUint16(0, flow.destinationPort);
    new DataView(bytes.buffer).setUint16(2, flow.localId);
    return replyFrom({ layer: 'udp', source: TARGET, bytes, hopLimit: null, timeNs: 1e6 });
  };

  it('by a UDP service that echoes names its probe; one that does not names none of two', () => {
    const state = makeState('udp');
    const { plain, treated } = sendPair(state);
    expect(rowOf(matchReply(state, udpAnswer(state, packetOf(state, treated).subarray(64))))).toBe(treated);
    expect(rowOf(matchReply(state, udpAnswer(state, Uint8Array.of(1, 2, 3))))).toBe('ambiguous');
    const error = replyFrom(errorAbout(packetOf(state, plain), 3, 0));
    const match = matchReply(state, error);
    if (typeof match === 'string') throw new Error(match);
    observe(state, match, error);
    expect(rowOf(matchReply(state, udpAnswer(state, Uint8Array.of(1, 2, 3))))).toBe(treated);
  });

  it('by UDP is a guess where the port has answered with port unreachable', () => {
    const state = makeState('udp');
    const { plain } = sendPair(state);
    const closed = replyFrom(errorAbout(packetOf(state, plain), 1, 4, TARGET));
    const match = matchReply(state, closed);
    if (typeof match === 'string') throw new Error(match);
    observe(state, match, closed);
    expect(rowOf(matchReply(state, udpAnswer(state, Uint8Array.of(1, 2, 3))))).toBe('forged');
  });

  it('to a SYN acknowledges its sequence number', () => {
    const state = makeState('tcp');
    const { treated } = sendPair(state);
    const syn = packetOf(state, treated).subarray(56);
    const bytes = new Uint8Array(20);
    bytes.set(syn.subarray(2, 4), 0);
    bytes.set(syn.subarray(0, 2), 2);
    const sequence = new DataView(syn.slice().buffer).getUint32(4);
    const view = new DataView(bytes.buffer);
    view.setUint32(8, (sequence + 1) >>> 0);
    view.setUint16(12, 0x5012);
    const answer = (): MatchResult =>
      matchReply(state, replyFrom({ layer: 'tcp', source: TARGET, bytes, hopLimit: null, timeNs: 1e6 }));
    expect(rowOf(answer())).toBe(treated);
    view.setUint32(8, (sequence + 99) >>> 0);
    expect(rowOf(answer())).toBe('forged');
  });
});
