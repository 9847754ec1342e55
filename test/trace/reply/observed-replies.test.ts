/** What is kept of a reply that was matched, and of further ones to the same probe. */
import { describe, expect, it } from 'vitest';
import { matchReply } from '../../../src/trace/reply/match-reply.js';
import { encodeFragment } from '../../../src/trace/probe/probe-packet.js';
import { observe, type Observed } from '../../../src/trace/reply/observe.js';
import type { TraceState } from '../../../src/trace/state/trace-state.js';
import {
  emitIcmpExtensions,
  icmpExtensionsLength,
  type ExtensionObjectToEmit,
} from '../../../src/wire/icmp-extensions.js';
import { emitIcmpv6Octets } from '../icmpv6-octets.js';
import { errorAbout, makeState, octetsOf, packetOf, replyFrom, ROUTER, sendPair, TARGET } from '../trace-fixture.js';

function take(state: TraceState, packet: Parameters<typeof replyFrom>[0]): Observed {
  const reply = replyFrom(packet);
  const match = matchReply(state, reply);
  if (typeof match === 'string') throw new Error(match);
  return observe(state, match, reply);
}

const LIAR = octetsOf('2001:db8:666::1');
const contradictions = (state: TraceState): unknown => [...state.contradicted].map(([hop, names]) => [hop, [...names]]);

describe('two sources that answer one probe', () => {
  it('contradict each other: both names are kept, whoever came first', () => {
    for (const [first, second] of [
      [ROUTER, LIAR],
      [LIAR, ROUTER],
    ] as const) {
      const state = makeState('udp');
      const { plain } = sendPair(state, { hopLimit: 4 });
      const quote = packetOf(state, plain);
      expect(take(state, errorAbout(quote, 3, 0, first))).toBe('answer');
      expect(take(state, errorAbout(quote, 3, 0, second))).toBe('duplicate');
      expect(state.contradicted.get(4)).toEqual(new Set(['2001:db8:1:4::1', '2001:db8:666::1']));
      expect(state.counters.duplicate).toBe(1);
    }
  });

  it('do so too where the first one spoke in the target’s name', () => {
    const state = makeState('udp');
    const { plain } = sendPair(state, { hopLimit: 4 });
    take(state, errorAbout(packetOf(state, plain), 1, 4, TARGET));
    take(state, errorAbout(packetOf(state, plain), 3, 0, ROUTER));
    expect(contradictions(state)).toEqual([[4, ['2001:db8:10:9::1', '2001:db8:1:4::1']]]);
  });

  it('do not where one router answers twice, or the second is no Time Exceeded', () => {
    const state = makeState('udp');
    const { plain } = sendPair(state, { hopLimit: 4 });
    const quote = packetOf(state, plain);
    for (let i = 0; i < 3; i += 1) take(state, errorAbout(quote));
    take(state, errorAbout(quote, 1, 1, LIAR));
    take(state, errorAbout(quote, 3, 1, LIAR));
    expect(contradictions(state)).toEqual([]);
  });

  it('do not where each quotes another fragment of the probe: those are packets of their own', () => {
    const state = makeState('udp', { size: 1400, fragment: true });
    const { plain } = sendPair(state, { hopLimit: 4 });
    const arena = new Uint8Array(4000);
    take(state, errorAbout(arena.slice(0, encodeFragment(state, plain, 0, arena, 0))));
    const later = arena.slice(0, encodeFragment(state, plain, 1, arena, 0));
    expect(take(state, errorAbout(later, 3, 0, LIAR))).toBe('further-fragment');
    expect(contradictions(state)).toEqual([]);
  });

  it('are kept by a bounded number of names a hop', () => {
    const state = makeState('udp');
    const { plain } = sendPair(state, { hopLimit: 4 });
    for (let i = 0; i < 300; i += 1) {
      take(state, errorAbout(packetOf(state, plain), 3, 0, octetsOf(`2001:db8:666::${i.toString(16)}`)));
    }
    expect(state.contradicted.get(4)?.size).toBe(8);
    expect(state.counters.duplicate).toBe(299);
  });
});

function extended(quote: Uint8Array, objects: readonly ExtensionObjectToEmit[]): Uint8Array {
  const structure = new Uint8Array(icmpExtensionsLength(objects));
  emitIcmpExtensions(objects, structure, 0);
  const padded = new Uint8Array(128 + structure.length);
  padded.set(quote);
  padded.set(structure, 128);
  return emitIcmpv6Octets(3, 0, padded, 16 * 2 ** 24);
}

const other = (classNumber: number, cType: number, payload: Uint8Array): ExtensionObjectToEmit => ({
  kind: 'other',
  classNumber,
  cType,
  payload,
});

describe('extension objects of a reply', () => {
  it('that nothing decodes are kept as they came, a Node ID for one', () => {
    const state = makeState('udp');
    const { plain } = sendPair(state);
    const objects = [other(5, 3, Uint8Array.of(0, 1, 0x20, 1)), other(77, 9, new Uint8Array(0))];
    take(state, { ...errorAbout(new Uint8Array(0)), bytes: extended(packetOf(state, plain), objects) });
    expect(state.signatures[0]?.objects).toEqual([
      { classNumber: 5, cType: 3, hex: '00012001' },
      { classNumber: 77, cType: 9, hex: '' },
    ]);
  });

  it('are at most 8, of 64 octets each', () => {
    const state = makeState('udp');
    const { plain } = sendPair(state);
    const objects = Array.from({ length: 20 }, () => other(200, 1, new Uint8Array(100).fill(0xab)));
    take(state, { ...errorAbout(new Uint8Array(0)), bytes: extended(packetOf(state, plain), objects) });
    expect(state.signatures[0]?.objects).toHaveLength(8);
    expect(state.signatures[0]?.objects[0]?.hex).toBe('ab'.repeat(64));
  });

  it('make two replies different', () => {
    const state = makeState('udp');
    for (const cType of [1, 1, 2]) {
      const { plain } = sendPair(state);
      const objects = [other(5, cType, Uint8Array.of(1))];
      take(state, { ...errorAbout(new Uint8Array(0)), bytes: extended(packetOf(state, plain), objects) });
    }
    expect(state.signatures).toHaveLength(2);
  });
});

describe('replies that are all different', () => {
  it('are kept in full up to a thousand; after that what decides nothing is left out, and all still count', () => {
    const state = makeState('udp');
    const rows = Array.from({ length: 700 }, () => sendPair(state)).flatMap(({ plain, treated }) => [plain, treated]);
    rows.forEach((row, index) => {
      const objects = [other(5, 1, Uint8Array.of(index >> 8, index & 0xff))];
      take(state, { ...errorAbout(new Uint8Array(0)), bytes: extended(packetOf(state, row), objects) });
    });
    expect(state.counters.answered).toBe(rows.length);
    expect(state.signatures.length).toBeLessThanOrEqual(1002);
    for (const row of rows) {
      expect(state.signatures[state.probes.reply(row)!]).toMatchObject({
        type: 3,
        code: 0,
        responder: '2001:db8:1:4::1',
      });
    }
  });
});

describe('a refusal and an answer of the target to one packet', () => {
  it('is the answer, whichever came first: who refuses in words may let it pass, who drops it cannot make the target answer', () => {
    const refusedBy = (first: 'refusal' | 'answer'): number | undefined => {
      const state = makeState('udp');
      const { treated } = sendPair(state, { hopLimit: 64 });
      const refusal = errorAbout(packetOf(state, treated), 1, 1, ROUTER);
      const answer = errorAbout(packetOf(state, treated), 1, 4, TARGET);
      for (const packet of first === 'refusal' ? [refusal, answer] : [answer, refusal]) take(state, packet);
      expect(state.counters).toMatchObject({ answered: 1, duplicate: 1 });
      return state.signatures[state.probes.reply(treated) ?? -1]?.code;
    };
    expect([refusedBy('refusal'), refusedBy('answer')]).toEqual([4, 4]);
  });

  it('a relative: stays the refusal where the second one is a refusal too', () => {
    const state = makeState('udp');
    const { treated } = sendPair(state, { hopLimit: 64 });
    take(state, errorAbout(packetOf(state, treated), 1, 1, ROUTER));
    take(state, errorAbout(packetOf(state, treated), 1, 1, TARGET));
    expect(state.signatures[state.probes.reply(treated) ?? -1]?.responder).toBe('2001:db8:1:4::1');
  });
});
