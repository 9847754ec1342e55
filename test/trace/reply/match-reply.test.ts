import { describe, expect, it } from 'vitest';
import { matchReply, type MatchResult } from '../../../src/trace/reply/match-reply.js';
import type { Arm, Protocol } from '../../../src/record/record.js';
import { addPair, markHandedOver } from '../../../src/trace/probe/sending.js';
import { observe } from '../../../src/trace/reply/observe.js';
import type { Reply } from '../../../src/trace/reply/reply.js';
import { ARM_CODE } from '../../../src/trace/state/trace-state.js';
import type { TraceState } from '../../../src/trace/state/trace-state.js';
import { updateChecksum } from '../../../src/wire/checksum.js';
import {
  echoReplyTo,
  errorAbout,
  makeFlow,
  makeState,
  octetsOf,
  packetOf,
  replyFrom,
  ROUTER,
  sendPair,
  TARGET,
  wishFor,
} from '../trace-fixture.js';

const matchQuote = (state: TraceState, quote: Uint8Array): MatchResult =>
  matchReply(state, replyFrom(errorAbout(quote)));
const rowOf = (result: MatchResult): number | string => (typeof result === 'string' ? result : result.row);
const findingsOf = (result: MatchResult) => (typeof result === 'string' ? null : result.findings);
const changed = (packet: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array => {
  const copy = packet.slice();
  change(copy);
  return copy;
};

/** Where a quote of this probe may end and still name it: 8 octets of the option, or of the upper layer, of a SYN 7, for numbers are so far apart. */
const decisiveLength = (packet: Uint8Array, treatment: Arm, protocol: Protocol): number =>
  treatment === 'pdm' ? 48 : treatment === 'plain' ? (protocol === 'tcp' ? 47 : 48) : packet.length;

describe('a quote', () => {
  for (const protocol of ['udp', 'icmp6', 'tcp'] as const satisfies readonly Protocol[]) {
    for (const treatment of ['plain', 'pdm'] as const) {
      it(`of a ${treatment} ${protocol} probe names it from 8 octets behind the IPv6 header on, or 7 of a SYN, and nobody before`, () => {
        const state = makeState(protocol);
        for (let i = 0; i < 5; i += 1) sendPair(state);
        const pair = sendPair(state);
        const row = treatment === 'plain' ? pair.plain : pair.treated;
        const packet = packetOf(state, row);
        for (let length = 40; length <= packet.length; length += 1) {
          const result = rowOf(matchQuote(state, packet.subarray(0, length)));
          if (length >= decisiveLength(packet, treatment, protocol)) expect(result, `${length} octets`).toBe(row);
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

  it('of another option alone names its probe by label and length, and fits no one where two have both: that is counted', () => {
    const state = makeState('icmp6');
    const short = (row: number): Uint8Array => packetOf(state, row).slice(0, 48);
    const { treated } = sendPair(state, { treatment: 'do8', flow: 'fresh' });
    sendPair(state, { treatment: 'do16', flow: state.probes.flow(treated) });
    expect([rowOf(matchQuote(state, short(treated))), state.unmatchedExplanations]).toEqual([treated, 0]);
    sendPair(state, { treatment: 'do8', flow: state.probes.flow(treated) });
    expect([rowOf(matchQuote(state, short(treated))), state.unmatchedExplanations]).toEqual(['foreign', 1]);
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
    expect(rowOf(matchReply(state, udpAnswer(state, Uint8Array.of(1, 2, 3))))).toBe('service');
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

/** What a translator does to the UDP or ICMPv6 checksum when it changes the addresses (RFC 1624). */
function translated(packet: Uint8Array, destination: Uint8Array, checksumAt: number, corrects = true): Uint8Array {
  return changed(packet, (copy) => {
    const view = new DataView(copy.buffer);
    for (let i = 0; i < 16; i += 2) {
      const before = view.getUint16(24 + i);
      copy.set(destination.subarray(i, i + 2), 24 + i);
      if (corrects)
        view.setUint16(checksumAt, updateChecksum(view.getUint16(checksumAt), before, view.getUint16(24 + i)));
    }
  });
}

describe('a quote of another destination', () => {
  const INSIDE = octetsOf('fd00:1::77');
  const SEGMENT = octetsOf('2001:db8:ffff::9');

  it('names its probe by the nonce, and says that the destination was rewritten', () => {
    for (const protocol of ['udp', 'icmp6'] as const) {
      const state = makeState(protocol);
      const { plain, treated } = sendPair(state);
      for (const [row, checksumAt] of [
        [plain, protocol === 'udp' ? 46 : 42],
        [treated, protocol === 'udp' ? 62 : 58],
      ] as const) {
        const result = matchQuote(state, translated(packetOf(state, row), INSIDE, checksumAt));
        expect(result).toMatchObject({ row });
        expect(findingsOf(result)?.changes).toContain('destination-rewritten');
        expect(findingsOf(result)?.altered).toBe(false);
      }
    }
  });

  it('names it by number, flow label and our source where it ends before the nonce, checksum corrected or not', () => {
    for (const protocol of ['udp', 'icmp6', 'tcp'] as const) {
      for (const corrects of [true, false]) {
        const state = makeState(protocol);
        for (let i = 0; i < 20; i += 1) sendPair(state);
        const { plain, treated } = sendPair(state);
        const at = protocol === 'udp' ? 6 : 2;
        const correcting = corrects && protocol !== 'tcp';
        const quotes = [
          [plain, translated(packetOf(state, plain), INSIDE, 40 + at, correcting).subarray(0, 48)],
          [treated, translated(packetOf(state, treated), SEGMENT, 56 + at, correcting).subarray(0, 64)],
          [treated, translated(packetOf(state, treated), SEGMENT, 56 + at, false).subarray(0, 48)],
        ] as const;
        for (const [row, quote] of quotes) {
          expect(matchQuote(state, quote), `${protocol} ${quote.length}`).toMatchObject({ row });
          const relabelled = changed(quote, (copy) => (copy[3]! ^= 1));
          expect(matchQuote(state, relabelled), `${protocol} ${quote.length}`).toBe('forged');
        }
      }
    }
  });

  it('of a source rewritten as well, without the nonce, names none', () => {
    const state = makeState('tcp');
    const { plain } = sendPair(state);
    const quote = translated(packetOf(state, plain), INSIDE, 0, false);
    quote[20]! ^= 0xff;
    expect(matchQuote(state, quote)).toBeTypeOf('string');
  });

  it('with a checksum that names nobody belongs to the only probe of its flow that is out, and to none of two', () => {
    const state = makeState('udp');
    const { plain } = sendPair(state, { flow: 'fresh' });
    const quote = translated(packetOf(state, plain), INSIDE, 46, false).subarray(0, 48);
    quote[46]! ^= 0x5a;
    expect(matchQuote(state, quote)).toMatchObject({ row: plain });
    sendPair(state, { flow: 1 });
    expect(matchQuote(state, quote)).toBeTypeOf('string');
  });
});

describe('a quote that ends too early', () => {
  const short = (state: TraceState, row: number, length: number, type = 3, code = 0, from = ROUTER): MatchResult =>
    matchReply(state, replyFrom(errorAbout(packetOf(state, row).subarray(0, length), type, code, from)));

  it('is weak where a router sends it about a packet without the option: nothing is in doubt', () => {
    for (const protocol of ['udp', 'icmp6', 'tcp'] as const) {
      const state = makeState(protocol);
      for (let i = 0; i < 3; i += 1) sendPair(state);
      const { plain } = sendPair(state);
      for (let length = 40; length < 46; length += 1) {
        expect(short(state, plain, length), `${protocol} ${length}`).toBe('weak');
      }
      expect(state.weakQuotes.get('2001:db8:1:4::1')).toMatchObject({ quotes: 6, doubts: 0 });
    }
  });

  /** Hop 3 quotes 42 octets, in whatever order; the others up to `last` answer as they should. */
  const exploring = (last: number): TraceState => {
    const state = makeState('udp');
    const pairs = Array.from({ length: 3 }, () =>
      [1, 2, 3, 4, 5, 6].map((hopLimit) => sendPair(state, { hopLimit })),
    ).flat();
    for (const { plain, treated } of pairs) {
      for (const row of [treated, plain]) {
        const hopLimit = state.probes.hopLimit(row);
        if (hopLimit === 3) {
          const result = short(state, row, 42);
          expect(['weak', 'ambiguous']).toContain(result);
          if (result === 'ambiguous') state.counters.ambiguous += 1;
        } else if (row === plain || hopLimit <= last) {
          const reply = replyFrom(errorAbout(packetOf(state, row), 3, 0, octetsOf(`2001:db8:1:${hopLimit}::1`)));
          const match = matchReply(state, reply);
          if (typeof match === 'string') throw new Error(match);
          observe(state, match, reply);
        }
      }
    }
    return state;
  };

  it('leaves no doubt in the end where the option is known to have got as far as the router that sends it', () => {
    for (const last of [4, 5, 6]) expect(exploring(last).counters.ambiguous).toBe(0);
  });

  it('is a doubt where the router may stand beyond the last hop that quoted the option', () => {
    expect(exploring(2).counters.ambiguous).toBeGreaterThanOrEqual(2);
  });

  it('is a doubt where the target sends it, or where it is no Time Exceeded: an answer may be hidden in it', () => {
    const state = makeState('udp');
    for (let i = 0; i < 3; i += 1) sendPair(state);
    const { treated } = sendPair(state);
    expect(short(state, treated, 40, 1, 4, TARGET)).toBe('ambiguous');
    expect(short(state, treated, 44, 1, 1)).toBe('ambiguous');
  });

  it('is too short all the same where zeros make up for what is missing', () => {
    const padded = (packet: Uint8Array): Uint8Array =>
      Uint8Array.from([...packet, ...new Uint8Array(128 - packet.length)]);
    for (const protocol of ['udp', 'icmp6', 'tcp'] as const) {
      const state = makeState(protocol);
      for (let i = 0; i < 3; i += 1) sendPair(state);
      const { plain, treated } = sendPair(state);
      expect(matchQuote(state, padded(packetOf(state, plain).subarray(0, 40)))).toBe('weak');
      for (const row of [plain, treated]) {
        const fromTarget = errorAbout(padded(packetOf(state, row).subarray(0, 40)), 1, 4, TARGET);
        expect(matchReply(state, replyFrom(fromTarget)), `${protocol} ${row}`).toBe('ambiguous');
      }
    }
  });

  it('is forged without our flow label, whoever guessed the port', () => {
    const state = makeState('udp');
    const { plain } = sendPair(state);
    for (let length = 40; length < 48; length += 1) {
      const quote = changed(packetOf(state, plain), (copy) => (copy[3]! ^= 1)).subarray(0, length);
      expect(matchQuote(state, quote), `${length} octets`).toBe('forged');
      const fromTarget = matchReply(state, replyFrom(errorAbout(quote, 1, 4, TARGET)));
      expect(fromTarget, `${length} octets`).toBe('forged');
    }
  });

  it('names a probe by source, label and ports where one alone of its shape is still out', () => {
    const state = makeState('udp');
    const { plain } = sendPair(state, { flow: 'fresh' });
    expect(short(state, plain, 44, 1, 4, TARGET)).toMatchObject({ row: plain });
    sendPair(state, { flow: 1 });
    expect(short(state, plain, 44, 1, 4, TARGET)).toBe('ambiguous');
  });

  it('names no probe whose number does not fit as far as it is quoted, though it alone is still out', () => {
    const state = makeState('udp');
    const last = (row: number): number => packetOf(state, row)[47]!;
    let { plain } = sendPair(state, { hopLimit: 5 });
    while (last(plain) !== 0) ({ plain } = sendPair(state, { hopLimit: 5 }));
    for (let row = 0; row < state.probes.count; row += 1) {
      if (state.probes.arm(row) !== ARM_CODE.plain) continue;
      const answer = replyFrom(errorAbout(packetOf(state, row)));
      const match = matchReply(state, answer);
      if (typeof match === 'string') throw new Error(match);
      observe(state, match, answer);
    }
    sendPair(state, { hopLimit: 9 });
    // Eight octets of the upper layer, the last of them zero, and zeros behind: another router's word of the same probe.
    const padded = new Uint8Array(128);
    padded.set(packetOf(state, plain).subarray(0, 48));
    const copy = replyFrom(errorAbout(padded, 3, 0, octetsOf('2001:db8:7::2')));
    expect(rowOf(matchReply(state, copy))).toBeTypeOf('string');
  });

  it('names none where one with the option is out as well, of which others were quoted without it', () => {
    const lacking = (packet: Uint8Array): Uint8Array =>
      Uint8Array.from([
        ...packet.subarray(0, 4),
        0,
        packet[5]! - 16,
        17,
        ...packet.subarray(7, 40),
        ...packet.subarray(56),
      ]);
    for (const isTakenOut of [false, true]) {
      const state = makeState('udp');
      const before = sendPair(state, { hopLimit: 2, flow: 'fresh' });
      const seen = packetOf(state, before.treated);
      const first = replyFrom(errorAbout(isTakenOut ? lacking(seen) : seen));
      const match = matchReply(state, first);
      if (typeof match === 'string') throw new Error(match);
      observe(state, match, first);
      const { plain } = sendPair(state, { hopLimit: 9, flow: 'fresh' });
      expect(rowOf(short(state, plain, 46)), `${isTakenOut}`).toBe(isTakenOut ? 'weak' : plain);
    }
  });

  it('keeps the names of a bounded number of routers', () => {
    const state = makeState('udp');
    for (let i = 0; i < 2; i += 1) sendPair(state);
    const { plain } = sendPair(state);
    for (let i = 0; i < 500; i += 1) {
      expect(short(state, plain, 40, 3, 0, octetsOf(`2001:db8:7::${i.toString(16)}`))).toBe('weak');
    }
    expect(state.weakQuotes.size).toBeLessThanOrEqual(64);
  });
});

describe('a service that answers without our payload', () => {
  const answerOf = (state: TraceState, flow: number, atNs: number, from = TARGET): Reply => {
    const { destinationPort, localId } = state.flows[flow]!;
    const bytes = Uint8Array.from([0, 0, 0, 0, 0, 12, 0, 0, 0x80, 1, 2, 3]);
    new DataView(bytes.buffer).setUint16(0, destinationPort);
    new DataView(bytes.buffer).setUint16(2, localId);
    return replyFrom({ layer: 'udp', source: from, bytes, hopLimit: null, timeNs: atNs });
  };
  const answerTo = (...answer: Parameters<typeof answerOf>): MatchResult => matchReply(answer[0], answerOf(...answer));

  it('is remembered, and is no doubt', () => {
    const state = makeState('udp');
    sendPair(state);
    expect(state.serviceAnswers).toBe(false);
    expect(answerTo(state, 0, 1e6)).toBe('service');
    expect(state.serviceAnswers).toBe(true);
  });

  it('answers the only probe of the flow that is out; one that was given up is out no more', () => {
    const state = makeState('udp');
    const [first, second] = addPair(state, wishFor(state, { flow: 'fresh' }), () => makeFlow('udp'), 0);
    markHandedOver(state, first, 0);
    expect(answerTo(state, 1, 1e6)).toMatchObject({ row: first });
    // Not taken in: as if it had been lost. It is late when it is the only one, and silent when another is out.
    expect(answerTo(state, 1, 5e9)).toMatchObject({ row: first });
    markHandedOver(state, second, 5e9);
    expect(answerTo(state, 1, 5.001e9)).toMatchObject({ row: second });
  });

  it('answers no packet that was given up before another one left: it may be that one’s answer once more', () => {
    const state = makeState('udp');
    const [first, second] = addPair(state, wishFor(state, { flow: 'fresh' }), () => makeFlow('udp'), 0);
    markHandedOver(state, first, 0);
    markHandedOver(state, second, 5e9);
    const answer = answerOf(state, 1, 5.001e9);
    const match = matchReply(state, answer);
    if (typeof match === 'string') throw new Error(match);
    observe(state, match, answer);
    expect(match.row).toBe(second);
    expect(answerTo(state, 1, 5.002e9)).toBe('service');
  });

  it('is not believed from another address than the target’s', () => {
    const state = makeState('udp');
    sendPair(state);
    expect(answerTo(state, 0, 1e6, ROUTER)).toBe('foreign');
    expect(state.serviceAnswers).toBe(false);
  });

  it('is known by our nonce when it echoes, from whatever address', () => {
    const state = makeState('udp');
    const { treated } = sendPair(state);
    const bytes = packetOf(state, treated).slice(56);
    bytes.copyWithin(4, 0, 2);
    bytes.copyWithin(0, 2, 4);
    bytes.copyWithin(2, 4, 6);
    const reply = replyFrom({ layer: 'udp', source: ROUTER, bytes, hopLimit: null, timeNs: 1e6 });
    expect(matchReply(state, reply)).toMatchObject({ row: treated });
    expect(state.serviceAnswers).toBe(false);
  });
});
