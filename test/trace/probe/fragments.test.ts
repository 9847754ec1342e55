/** Probes that go out as fragments: how they are cut, and whose quotes are believed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeCase, type Case } from '../../../src/trace/case.js';
import { matchReply, type Match } from '../../../src/trace/reply/match-reply.js';
import {
  encodeProbe,
  encodeWholeProbe,
  encodedLength,
  packetsPerProbe,
} from '../../../src/trace/probe/probe-packet.js';
import type { Arm, Protocol } from '../../../src/record/record.js';
import { describeFragments } from '../../../src/trace/reply/reassembly.js';
import { observe } from '../../../src/trace/reply/observe.js';
import { ARM_CODE, type TraceState } from '../../../src/trace/state/trace-state.js';
import { checksumIsRight } from '../../../src/wire/checksum.js';
import { parseFragmentHeader } from '../../../src/wire/fragment.js';
import { contextOf } from '../fake-path.js';
import { ROUTER, SOURCE, TARGET, errorAbout, makeState, replyFrom, sendPair } from '../trace-fixture.js';

const PROTOCOLS = ['udp', 'icmp6'] as const satisfies readonly Protocol[];
const TREATMENTS: readonly Arm[] = ['pdm', 'do8', 'do16', 'long'];
const NUMBERS: Readonly<Record<(typeof PROTOCOLS)[number], number>> = { udp: 17, icmp6: 58 };

function fragmented(protocol: Protocol, size: number | null = null, pairs = 3): TraceState {
  const state = makeState(protocol, { size, fragment: true, flow: { psnNext: 0x1234 } });
  for (let i = 0; i < pairs; i += 1) {
    for (const treatment of TREATMENTS) {
      sendPair(state, { treatment, hopLimit: 3 + i, ...(treatment === 'pdm' ? {} : { flow: 'fresh' as const }) });
    }
  }
  return state;
}

function fragmentsOf(state: TraceState, row: number): Uint8Array[] {
  const protocol = state.flows[state.probes.flow(row)]!.protocol;
  const bytes = new Uint8Array(encodedLength(state, state.probes.arm(row), protocol)).fill(0xa5);
  expect(encodeProbe(state, row, bytes, 0)).toBe(bytes.length);
  const packets: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = 40 + new DataView(bytes.buffer).getUint16(at + 4);
    packets.push(bytes.slice(at, at + length));
    at += length;
  }
  return packets;
}

interface Parts {
  readonly options: Uint8Array;
  readonly offset: number;
  readonly more: boolean;
  readonly id: number;
  readonly data: Uint8Array;
}

function partsOf(packet: Uint8Array): Parts {
  const at = packet[6] === 60 ? 48 + 8 * packet[41]! : 40;
  const header = parseFragmentHeader(packet, at);
  if (!header.ok) throw new Error(header.reason);
  const { fragmentOffset: offset, more, identification: id } = header.value;
  return { options: packet.slice(40, at), offset, more, id, data: packet.slice(at + 8) };
}

const caseOf = (state: TraceState, nowNs: number): Case => makeCase(state, contextOf(), nowNs);

const sizes = fc.integer({ min: 80, max: 4900 });
const protocols = fc.constantFrom(...PROTOCOLS);

describe('a fragmented probe', () => {
  it('is two to four packets that every link takes, and together the whole probe with a checksum that is right', () => {
    fc.assert(
      fc.property(sizes, protocols, (size, protocol) => {
        const state = fragmented(protocol, size, 1);
        for (let row = 0; row < state.probes.count; row += 1) {
          const packets = fragmentsOf(state, row);
          expect(packets.length).toBe(packetsPerProbe(state, protocol));
          expect(packets.length).toBeGreaterThanOrEqual(2);
          expect(packets.length).toBeLessThanOrEqual(4);
          const parts = packets.map(partsOf);
          let end = 0;
          for (const [index, { offset, more, data }] of parts.entries()) {
            expect(packets[index]!.length).toBeLessThanOrEqual(1280);
            expect([offset, more]).toEqual([end, index < parts.length - 1]);
            end += data.length;
          }
          const whole = new Uint8Array(40 + parts[0]!.options.length + end);
          encodeWholeProbe(state, row, whole, 0);
          const upper = whole.subarray(40 + parts[0]!.options.length);
          expect(Buffer.concat(parts.map(({ data }) => data))).toEqual(Buffer.from(upper));
          expect(checksumIsRight(SOURCE, TARGET, NUMBERS[protocol], upper, 0, upper.length)).toBe(true);
          expect(state.probes.arm(row) !== ARM_CODE.plain || whole.length === size).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is cut alike in every arm, and each fragment of the longer arm is as long as that of pdm', () => {
    fc.assert(
      fc.property(sizes, protocols, (size, protocol) => {
        const state = fragmented(protocol, size, 1);
        const byArm = new Map<number, Uint8Array[]>();
        for (let row = 0; row < state.probes.count; row += 1) byArm.set(state.probes.arm(row), fragmentsOf(state, row));
        const cut = (arm: Arm) =>
          byArm.get(ARM_CODE[arm])!.map((packet) => {
            const { offset, data } = partsOf(packet);
            return [offset, data.length];
          });
        for (const arm of ['pdm', 'do8', 'do16'] as const) expect(cut(arm)).toEqual(cut('plain'));
        const lengths = (arm: Arm) => byArm.get(ARM_CODE[arm])!.map(({ length }) => length);
        expect(lengths('long')).toEqual(lengths('pdm'));
        expect(lengths('do16')).toEqual(lengths('pdm'));
      }),
      { numRuns: 60 },
    );
  });

  it('has the option of PDM in front of each Fragment header, as in the Toronto-Mumbai capture', () => {
    const state = fragmented('udp', null, 1);
    const row = [0, 1].find((each) => state.probes.arm(each) === ARM_CODE.pdm)!;
    for (const packet of fragmentsOf(state, row)) {
      expect(packet[6]).toBe(60);
      const { options } = partsOf(packet);
      expect(Buffer.from(options).toString('hex')).toBe('2c010f0a0000123400000000000001' + '00');
    }
  });

  it('has an identification of its own in each probe', () => {
    const state = fragmented('icmp6');
    const ids = new Set<number>();
    for (let row = 0; row < state.probes.count; row += 1) {
      const own = new Set(fragmentsOf(state, row).map((packet) => partsOf(packet).id));
      expect(own.size).toBe(1);
      for (const id of own) ids.add(id);
    }
    expect(ids.size).toBe(state.probes.count);
  });
});

describe('a quote of a fragment', () => {
  for (const protocol of PROTOCOLS) {
    for (const size of [80, 1400, 3000]) {
      it(`of ${protocol} and ${size} octets, whole, names its probe and fragment and shows no change`, () => {
        const state = fragmented(protocol, size);
        for (let row = 0; row < state.probes.count; row += 1) {
          const hasOption = [1, 2, 3].includes(state.probes.arm(row));
          for (const [fragment, packet] of fragmentsOf(state, row).entries()) {
            const quote = packet.subarray(0, 1232);
            expect(matchReply(state, replyFrom(errorAbout(quote)))).toMatchObject({
              row,
              findings: { fragment, changes: [], altered: false, stripped: false, intact: hasOption ? true : null },
            });
          }
        }
      });

      it(`of ${protocol} and ${size} octets, cut anywhere, padded or not, never names another probe`, () => {
        const state = fragmented(protocol, size, 2);
        for (let row = 0; row < state.probes.count; row += 1) {
          for (const packet of fragmentsOf(state, row)) {
            for (let length = 40; length <= Math.min(packet.length, 140); length += 1) {
              const padded = new Uint8Array(128);
              padded.set(packet.subarray(0, Math.min(length, 128)));
              for (const quote of [packet.subarray(0, length), padded]) {
                const match = matchReply(state, replyFrom(errorAbout(quote)));
                if (typeof match === 'string') continue;
                expect(match.row, `probe ${row} cut at ${length}`).toBe(row);
                expect(match.findings).toMatchObject({ altered: false, stripped: false });
              }
            }
          }
        }
      });
    }

    it(`of ${protocol} that holds no more than the Fragment header names its probe by the identification`, () => {
      const state = fragmented(protocol);
      for (let row = 0; row < state.probes.count; row += 1) {
        const later = fragmentsOf(state, row)[1]!;
        const end = later.length - partsOf(later).data.length;
        expect(matchReply(state, replyFrom(errorAbout(later.subarray(0, end))))).toMatchObject({ row });
      }
    });

    it(`of ${protocol} that was put together by the target names its probe and shows no change`, () => {
      const state = fragmented(protocol);
      for (let row = 0; row < state.probes.count; row += 1) {
        const room = new Uint8Array(2000);
        const whole = room.subarray(0, encodeWholeProbe(state, row, room, 0));
        const match = matchReply(state, replyFrom(errorAbout(whole.subarray(0, 1232), 1, 4, TARGET)));
        expect(match).toMatchObject({ row, findings: { fragment: null, changes: [], stripped: false } });
      }
    });
  }

  it('cut anew on the way, with another identification, is known by what it carries, and the change is noted', () => {
    const state = fragmented('udp');
    for (let row = 0; row < state.probes.count; row += 1) {
      for (const packet of fragmentsOf(state, row)) {
        const quote = packet.slice(0, 1232);
        const at = packet.length - partsOf(packet).data.length - 4;
        quote.set([1, 2, 3, 4], at);
        expect(matchReply(state, replyFrom(errorAbout(quote)))).toMatchObject({
          row,
          findings: { changes: ['fragment-header-rewritten'] },
        });
      }
    }
  });

  it('whose option was removed is seen to be stripped, first and later', () => {
    const state = fragmented('icmp6', null, 1);
    const row = [0, 1].find((each) => state.probes.arm(each) === ARM_CODE.pdm)!;
    for (const packet of fragmentsOf(state, row)) {
      const quote = new Uint8Array(packet.length - 16);
      quote.set(packet.subarray(0, 40));
      quote.set(packet.subarray(56), 40);
      quote[6] = 44;
      new DataView(quote.buffer).setUint16(4, quote.length - 40);
      const match = matchReply(state, replyFrom(errorAbout(quote.subarray(0, 1232))));
      expect(match).toMatchObject({ row, findings: { stripped: true, intact: false } });
    }
  });

  it('is forged when it carries another nonce, and foreign when nothing in it is ours', () => {
    const state = fragmented('udp');
    const later = fragmentsOf(state, 0)[1]!;
    const at = later.length - partsOf(later).data.length;
    const otherNonce = later.slice();
    otherNonce.fill(0x77, at, at + 8);
    expect(matchReply(state, replyFrom(errorAbout(otherNonce)))).toBe('forged');
    const otherId = later.slice(0, at);
    otherId.set([1, 2, 3, 4], at - 4);
    expect(['foreign', 'forged', 'ambiguous']).toContain(matchReply(state, replyFrom(errorAbout(otherId))));
  });

  it('is not believed when it holds the identification alone under a flow label that is none of ours', () => {
    const state = fragmented('udp');
    const row = [0, 1].find((each) => state.probes.arm(each) === ARM_CODE.plain)!;
    const later = fragmentsOf(state, row)[1]!;
    const quote = later.slice(0, later.length - partsOf(later).data.length);
    quote[3] = quote[3]! ^ 0xff;
    expect(matchReply(state, replyFrom(errorAbout(quote)))).toBe('forged');
  });
});

describe('a hop that quotes fragments', () => {
  const take = (state: TraceState, packet: Uint8Array, timeNs = 1e6) => {
    const reply = replyFrom(errorAbout(packet.subarray(0, 1232), 3, 0, ROUTER, timeNs));
    const match = matchReply(state, reply);
    if (typeof match === 'string') throw new Error(match);
    return observe(state, match satisfies Match, reply);
  };

  it('counts as reached by the option once every fragment was quoted, in whatever order', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const state = makeState('udp', { fragment: true });
      const { treated } = sendPair(state, { hopLimit: 5 });
      const packets = fragmentsOf(state, treated);
      expect(take(state, packets[order[0]!]!)).toBe('answer');
      expect(caseOf(state, 2e6).lastPdmHop).toBe(0);
      expect(take(state, packets[order[1]!]!)).toBe('further-fragment');
      expect(caseOf(state, 2e6).lastPdmHop).toBe(5);
      expect(state.counters).toMatchObject({ answered: 1, duplicate: 0 });
    }
  });

  it('does not count as reached when one fragment was quoted twice: that is a duplicate', () => {
    const state = makeState('udp', { fragment: true });
    const { treated } = sendPair(state, { hopLimit: 5 });
    const [first] = fragmentsOf(state, treated);
    expect([take(state, first!), take(state, first!)]).toEqual(['answer', 'duplicate']);
    expect(caseOf(state, 2e6).lastPdmHop).toBe(0);
    expect(state.counters.duplicate).toBe(1);
  });

  it('and never all of them, beyond n, is told, since the packets may have come as far as that', () => {
    const state = makeState('udp', { fragment: true });
    for (const [hop, count] of [
      [4, 2],
      [5, 1],
    ] as const) {
      const { treated } = sendPair(state, { hopLimit: hop });
      for (const packet of fragmentsOf(state, treated).slice(0, count)) take(state, packet);
    }
    const said = (): string => describeFragments(caseOf(state, 3e9)).join(' ');
    expect(caseOf(state, 3e9).lastPdmHop).toBe(4);
    expect(said()).toContain('Hop 5 reported some fragments');
    const { treated } = sendPair(state, { hopLimit: 5 }, 4e9);
    for (const packet of fragmentsOf(state, treated)) take(state, packet, 4.1e9);
    expect(said()).not.toContain('reported some fragments');
  });

  it('is not reached by a probe whose other fragment was refused nearer, stripped or altered', () => {
    const stripped = (packet: Uint8Array): Uint8Array => {
      const quote = new Uint8Array(packet.length - 16);
      quote.set(packet.subarray(0, 40));
      quote.set(packet.subarray(56), 40);
      quote[6] = 44;
      new DataView(quote.buffer).setUint16(4, quote.length - 40);
      return quote;
    };
    const altered = (packet: Uint8Array): Uint8Array => {
      const quote = packet.slice();
      quote[42] = 0x1e;
      return quote;
    };
    const others: [type: number, code: number, quoteOf: (packet: Uint8Array) => Uint8Array][] = [
      [1, 1, (packet) => packet],
      [4, 2, (packet) => packet],
      [3, 0, stripped],
      [3, 0, altered],
    ];
    for (const [type, code, quoteOf] of others) {
      for (const [first, second] of [
        [0, 1],
        [1, 0],
      ] as const) {
        const state = makeState('udp', { fragment: true });
        const { treated } = sendPair(state, { hopLimit: 5 });
        const packets = fragmentsOf(state, treated);
        take(state, packets[first]!);
        const quote = quoteOf(packets[second]!).subarray(0, 1232);
        const reply = replyFrom(errorAbout(quote, type, code, ROUTER, 2e6));
        const match = matchReply(state, reply);
        expect(match).toMatchObject({ row: treated });
        observe(state, match as Match, reply);
        expect(caseOf(state, 3e6).lastPdmHop, `${type}/${code}`).toBe(0);
      }
    }
  });
});
