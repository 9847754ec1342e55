/** Bookkeeping of probes and replies: PDM per 5-tuple, late and duplicate replies, failed sends, restarts of the order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/address/address.js';
import { makeCase, type Case } from '../../src/trace/case.js';
import { graceNs, waitNs } from '../../src/trace/evidence/pair.js';
import { matchReply } from '../../src/trace/reply/match-reply.js';
import { encodeProbe } from '../../src/trace/probe/probe-packet.js';
import { RandomSequence } from '../../src/trace/state/random-sequence.js';
import type { DirectReply } from '../../src/trace/reply/reply.js';
import { markFailed, markSent, refreshPdm } from '../../src/trace/probe/sending.js';
import { observe, type Observed } from '../../src/trace/reply/observe.js';
import { ProbeTable } from '../../src/trace/state/probe-table.js';
import {
  hopRank,
  PURPOSE,
  TARGET_HOP_LIMIT,
  type Purpose,
  type TraceState,
} from '../../src/trace/state/trace-state.js';
import { decodePdmTime, encodePdmTimeNs, parsePdm, type PdmOption } from '../../src/wire/pdm.js';
import { restOf } from '../../src/trace/evidence/pair.js';
import type { Arm } from '../../src/record/record.js';
import { placesAnsweredBeyond } from '../../src/trace/told-to-others.js';
import { step } from '../../src/trace/trace-machine.js';
import { ByHand, ECHO_SILENT } from './by-hand.js';
import { contextOf, runTrace } from './fake-path.js';
import { echoReplyTo, errorAbout, makeState, octetsOf, packetOf, replyFrom, sendPair } from './trace-fixture.js';

const MS = 1e6;

const CONTEXT = contextOf();
const caseOf = (state: TraceState, nowNs: number): Case => makeCase(state, CONTEXT, nowNs);

function pdmIn(state: TraceState, row: number): PdmOption {
  const parsed = parsePdm(packetOf(state, row), 42);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

/** The target answers the echo request of this row at this time, with or without PDM of its own. */
function answer(state: TraceState, row: number, timeNs: number, pdm: Partial<PdmOption> | null = null): Observed {
  const plainReply = replyFrom(echoReplyTo(packetOf(state, row), timeNs)) as DirectReply;
  const zero = { scaleDtlr: 0, scaleDtls: 0, psnThisPacket: 0, psnLastReceived: 0 };
  const option = { ...zero, deltaTimeLastReceived: 0, deltaTimeLastSent: 0, ...pdm };
  const reply: DirectReply = { ...plainReply, pdm: pdm === null ? null : { version: 'rfc8250', pdm: option } };
  const match = matchReply(state, reply);
  if (typeof match === 'string') throw new Error(match);
  return observe(state, match, reply);
}

const targetPair = { purpose: PURPOSE.target, hopLimit: TARGET_HOP_LIMIT } as const;

describe('PDM of a 5-tuple (RFC 8250 §3)', () => {
  it('has PSNLR and both deltas 0 until something with PDM came back, replies without it notwithstanding', () => {
    const state = makeState('icmp6');
    for (let i = 0; i < 3; i += 1) {
      const { plain, treated } = sendPair(state, {}, i * 100 * MS);
      expect(pdmIn(state, treated)).toMatchObject({
        psnLastReceived: 0,
        deltaTimeLastReceived: 0,
        deltaTimeLastSent: 0,
      });
      answer(state, plain, i * 100 * MS + 5 * MS);
      answer(state, treated, i * 100 * MS + 5 * MS);
    }
  });

  it('is known to be sent by the target, and to plain packets too, and not by who is asked in passing', () => {
    const sentBy = (isTargets: boolean, arm: 'plain' | 'treated'): unknown => {
      const state = makeState('icmp6');
      const destination = octetsOf('2001:db8:99::1');
      if (!isTargets) state.flows[0] = { ...state.flows[0]!, destination, destinationText: formatAddress(destination) };
      const { [arm]: row } = sendPair(state, {}, 0);
      answer(state, row, 5 * MS, {});
      return [state.pdm.isSent, state.pdm.isSentToPlain];
    };
    expect([sentBy(true, 'treated'), sentBy(true, 'plain')]).toEqual([
      [true, false],
      [true, true],
    ]);
    expect([sentBy(false, 'treated'), sentBy(false, 'plain')]).toEqual([
      [false, false],
      [false, false],
    ]);
  });

  it('then tells the last PSN received, the time since, and the time from the send before it', () => {
    const state = makeState('icmp6');
    const { treated } = sendPair(state, {}, 100 * MS);
    answer(state, treated, 130 * MS, { psnThisPacket: 777, psnLastReceived: pdmIn(state, treated).psnThisPacket });
    const next = sendPair(state, {}, 350 * MS);
    const option = pdmIn(state, next.treated);
    const sinceReceived = encodePdmTimeNs(220 * MS);
    const sinceSent = encodePdmTimeNs(30 * MS);
    expect(option).toMatchObject({
      psnLastReceived: 777,
      scaleDtlr: sinceReceived.scale,
      deltaTimeLastReceived: sinceReceived.delta,
      scaleDtls: sinceSent.scale,
      deltaTimeLastSent: sinceSent.delta,
    });
    const attoseconds = decodePdmTime(option.scaleDtls, option.deltaTimeLastSent);
    expect(Number(attoseconds) / 1e15).toBeCloseTo(30, 2);
    // A quote of it is compared with what was sent, not with zeros.
    const result = matchReply(state, replyFrom(errorAbout(packetOf(state, next.treated))));
    expect(result).toMatchObject({ row: next.treated, findings: { intact: true, intactWhole: true, altered: false } });
  });

  it('counts from the last send before the reply, not from sends while it was on its way back', () => {
    const state = makeState('icmp6');
    const first = sendPair(state, {}, 100 * MS);
    const second = sendPair(state, {}, 120 * MS);
    sendPair(state, {}, 160 * MS);
    answer(state, first.treated, 150 * MS, { psnThisPacket: 1 });
    expect(state.flows[0]!.lastReceived).toEqual({ psn: 1, atNs: 150 * MS, sentBefore: second.treated });
  });

  it('keeps each flow to itself', () => {
    const state = makeState('icmp6');
    const { treated } = sendPair(state, {}, 0);
    answer(state, treated, 10 * MS, { psnThisPacket: 5 });
    const other = sendPair(state, { flow: 'fresh' }, 20 * MS);
    expect(pdmIn(state, other.treated).psnLastReceived).toBe(0);
    expect(pdmIn(state, sendPair(state, {}, 30 * MS).treated).psnLastReceived).toBe(5);
  });

  it('of a probe that leaves later than its partner tells the time of its own sending', () => {
    const state = makeState('icmp6');
    const { treated } = sendPair(state, {}, 0);
    answer(state, treated, 10 * MS, { psnThisPacket: 5 });
    const later = sendPair(state, {}, 20 * MS);
    refreshPdm(state, later.treated, 50 * MS);
    expect(pdmIn(state, later.treated)).toMatchObject({ deltaTimeLastReceived: encodePdmTimeNs(40 * MS).delta });
  });

  it('of the target tells its delay, only where it names the probe', () => {
    const delay = encodePdmTimeNs(3 * MS);
    const values = { scaleDtlr: delay.scale, deltaTimeLastReceived: delay.delta };
    const state = makeState('icmp6');
    const { treated } = sendPair(state, {}, 0);
    answer(state, treated, 10 * MS, { ...values, psnLastReceived: pdmIn(state, treated).psnThisPacket ^ 1 });
    expect(state.pdm.answer).toBeNull();
    const next = sendPair(state, {}, 20 * MS);
    answer(state, next.treated, 32 * MS, { ...values, psnLastReceived: pdmIn(state, next.treated).psnThisPacket });
    expect(state.pdm.answer?.row).toBe(next.treated);
    expect(state.pdm.answer?.serverDelayMs).toBeCloseTo(3, 2);
    expect(state.probes.rttNs(next.treated)).toBe(12 * MS);
  });

  it('that claims a longer delay than the round trip is counted and not believed', () => {
    const delay = encodePdmTimeNs(30 * MS);
    const values = { scaleDtlr: delay.scale, deltaTimeLastReceived: delay.delta };
    const state = makeState('icmp6');
    const { treated } = sendPair(state, {}, 0);
    answer(state, treated, 10 * MS, { ...values, psnLastReceived: pdmIn(state, treated).psnThisPacket });
    expect(state.pdm).toMatchObject({ answer: null, implausible: 1 });
  });
});

describe('a late reply', () => {
  it('is an arrival, as if it had come in time', () => {
    const state = makeState('icmp6');
    const { plain, treated } = sendPair(state, targetPair, 0);
    answer(state, plain, 20 * MS);
    answer(state, treated, 2100 * MS);
    const evidence = caseOf(state, 5000 * MS);
    expect(evidence.target).toMatchObject({ pairs: 1, void: 0, both: 1, plainOnly: 0, pending: 0 });
    expect(evidence.pdmArrivals).toBe(1);
    expect(state.counters).toMatchObject({ answered: 2, late: 1 });
  });

  it('still counts for n', () => {
    const state = makeState('udp');
    const { treated } = sendPair(state, { hopLimit: 6 }, 0);
    const reply = replyFrom(errorAbout(packetOf(state, treated), 3, 0, undefined, 2500 * MS));
    const match = matchReply(state, reply);
    if (typeof match === 'string') throw new Error(match);
    observe(state, match, reply);
    const evidence = caseOf(state, 5000 * MS);
    expect([evidence.lastPdmHop, evidence.hops[6]!.void, evidence.hops[6]!.pdmOnly]).toEqual([6, 0, 1]);
  });
});

describe('the wait for a reply', () => {
  it('is the timeout until the path is known, then four of the largest round trip within 300 ms and the timeout', () => {
    const state = makeState('udp');
    expect(waitNs(state)).toBe(2000 * MS);
    state.pathKnown = true;
    expect(waitNs(state)).toBe(300 * MS);
    state.largestRttNs = 100 * MS;
    expect(waitNs(state)).toBe(400 * MS);
    state.largestRttNs = 900 * MS;
    expect(waitNs(state)).toBe(2000 * MS);
  });

  it('before a lost pair is counted is the largest of 1.5 s, 4 round trips and 10 differences of the arms, 10 s at most', () => {
    const state = makeState('udp');
    expect(graceNs(state)).toBe(1500 * MS);
    state.largestRttNs = 500 * MS;
    expect(graceNs(state)).toBe(2000 * MS);
    state.largestArmDifferenceNs = 300 * MS;
    expect(graceNs(state)).toBe(3000 * MS);
    state.largestArmDifferenceNs = 3000 * MS;
    expect(graceNs(state)).toBe(10_000 * MS);
  });

  it('leaves a pair pending to the last moment, and then closes it', () => {
    const state = makeState('icmp6');
    const { plain } = sendPair(state, targetPair, 0);
    answer(state, plain, 10 * MS);
    expect(caseOf(state, 2000 * MS - 1)).toMatchObject({ pendingProbes: 1, nextDeadlineNs: 2000 * MS });
    expect(caseOf(state, 2000 * MS - 1).target).toMatchObject({ pending: 1, lost: 0 });
    expect(caseOf(state, 2000 * MS).target).toMatchObject({ pending: 0, lost: 1, plainOnly: 1 });
  });
});

describe('a second reply to one probe', () => {
  it('is a duplicate that changes no finding', () => {
    const state = makeState('icmp6');
    const { plain } = sendPair(state, targetPair, 0);
    expect(answer(state, plain, 10 * MS)).toBe('answer');
    const before = caseOf(state, 9e9);
    expect(answer(state, plain, 400 * MS)).toBe('duplicate');
    expect(caseOf(state, 9e9)).toEqual(before);
    expect(state.counters).toMatchObject({ answered: 1, duplicate: 1, late: 0 });
    expect(state.probes.rttNs(plain)).toBe(10 * MS);
  });
});

describe('a send that failed', () => {
  it('voids its pair whatever its partner drew, and is not waited for', () => {
    for (const failing of ['plain', 'treated'] as const) {
      const state = makeState('icmp6');
      const rows = sendPair(state, targetPair, 0);
      markFailed(state, rows[failing], 'ENOBUFS', 'no buffers');
      answer(state, rows[failing === 'plain' ? 'treated' : 'plain'], 10 * MS);
      const evidence = caseOf(state, 20 * MS);
      expect(evidence.pendingProbes).toBe(0);
      expect(evidence.target).toMatchObject({ pairs: 1, void: 1, both: 0, plainOnly: 0, pdmOnly: 0, neither: 0 });
      expect(state.counters).toMatchObject({ sent: 1, sendErrors: 1 });
      expect(state.sendError).toBeNull();
    }
  });

  it('ends the trace when six in a row fail and nothing was ever sent', () => {
    const state = makeState('udp');
    for (let i = 0; i < 3; i += 1) {
      expect(state.sendError).toBeNull();
      for (const row of Object.values(sendPair(state))) markFailed(state, row, 'ENETDOWN', 'down');
    }
    expect(state.sendError).toEqual({ arm: 'all', code: 'ENETDOWN', message: 'down' });
  });

  it('ends the trace after three that this host refuses itself, where only packets with the option are refused', () => {
    for (const [code, arm] of [
      ['EPERM', 'option'],
      ['EACCES', 'option'],
      ['ENOBUFS', null],
    ] as const) {
      const state = makeState('udp');
      for (let i = 0; i < 3; i += 1) {
        expect(state.sendError).toBeNull();
        markFailed(state, sendPair(state).treated, code, 'refused');
      }
      expect(state.sendError?.arm ?? null).toBe(arm);
    }
  });

  it('cannot be answered: a reply to what never left is not believed', () => {
    const state = makeState('icmp6');
    const { plain } = sendPair(state, targetPair, 0);
    const reply = replyFrom(echoReplyTo(packetOf(state, plain)));
    markFailed(state, plain, 'EPERM', 'not permitted');
    expect(matchReply(state, reply)).toBe('forged');
  });
});

describe('a round trip', () => {
  it('is measured from the better time of sending, also when that is known after the reply', () => {
    const state = makeState('icmp6');
    const { plain } = sendPair(state, targetPair, 0);
    answer(state, plain, 10 * MS);
    markSent(state, plain, 4 * MS);
    expect(state.probes.rttNs(plain)).toBe(6 * MS);
    expect(state.probes.sentAtNs(plain)).toBe(4 * MS);
  });

  it('below zero means that a clock stepped, and never becomes a negative time', () => {
    const state = makeState('icmp6');
    const { plain } = sendPair(state, targetPair, 100 * MS);
    answer(state, plain, 10 * MS);
    expect(state.clockStepped).toBe(true);
    expect(state.probes.rttNs(plain)).toBe(0);
  });
});

describe('equal replies', () => {
  it('share one signature, so that a trace that is flooded with answers stays small', () => {
    const state = makeState('icmp6');
    for (let i = 0; i < 150; i += 1) {
      const { plain, treated } = sendPair(state, targetPair, i * MS);
      for (const row of [plain, treated, plain, treated]) answer(state, row, i * MS + 10);
    }
    expect(state.signatures).toHaveLength(1);
    expect(state.counters.duplicate).toBe(300);
  });

  it('with labels rewritten at random leave no more than sixteen of them', () => {
    const state = makeState('udp');
    for (let i = 0; i < 100; i += 1) {
      const { plain } = sendPair(state);
      const quote = packetOf(state, plain);
      quote[2]! ^= 1 + i;
      const reply = replyFrom(errorAbout(quote));
      const match = matchReply(state, reply);
      if (typeof match === 'string') throw new Error(match);
      observe(state, match, reply);
    }
    expect(state.rewrittenLabels).toHaveLength(16);
  });

  it('with labels rewritten to none leave no label known: anybody may write none, and guess the sixteen bits of a PSNTP', () => {
    for (const label of [0x12345, 0]) {
      const state = makeState('udp');
      const relabelled = (row: number): Uint8Array => {
        const quote = packetOf(state, row);
        quote.set([(quote[1]! & 0xf0) | (label >> 16), (label >> 8) & 0xff, label & 0xff], 1);
        return quote;
      };
      const { plain } = sendPair(state);
      const seen = replyFrom(errorAbout(relabelled(plain)));
      const match = matchReply(state, seen);
      if (typeof match === 'string') throw new Error(match);
      observe(state, match, seen);
      const { treated } = sendPair(state);
      const short = matchReply(state, replyFrom(errorAbout(relabelled(treated).subarray(0, 48))));
      expect(typeof short === 'string' ? short : short.row).toBe(label === 0 ? 'forged' : treated);
    }
  });
});

describe('the table of probes', () => {
  it('gives back each row as it was written, however often it grew', () => {
    const row = fc.record({
      arm: fc.integer({ min: 0, max: 4 }),
      hopLimit: fc.integer({ min: 1, max: 64 }),
      flow: fc.integer({ min: 0, max: 199 }),
      psn: fc.integer({ min: 0, max: 0xffff }),
      atNs: fc.integer({ min: 0, max: 2 ** 52 }),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 400 }), (rows) => {
        const table = new ProbeTable();
        for (const { arm, hopLimit, flow, psn, atNs } of rows) table.add(arm, hopLimit, flow, 1, psn, atNs);
        const read = rows.map((_, i) => ({
          arm: table.arm(i),
          hopLimit: table.hopLimit(i),
          flow: table.flow(i),
          psn: table.psn(i),
          atNs: table.sentAtNs(i),
        }));
        expect(read).toEqual(rows);
        expect(rows.every((_, i) => table.reply(i) === null && !table.isSent(i) && !table.isFailed(i))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('encodes no probe whose flow does not exist', () => {
    const state = makeState('udp');
    const row = state.probes.add(0, 4, 9, PURPOSE.explore, 0, 0);
    expect(() => encodeProbe(state, row, new Uint8Array(128), 0)).toThrow(/flow 9/);
  });
});

describe('the order of probes', () => {
  it('comes from a sequence that repeats for a seed, is fair, and has coins that know nothing of the ones before', () => {
    const draw = (seed: number): number[] => {
      const sequence = new RandomSequence(seed);
      return Array.from({ length: 20_000 }, () => (sequence.coin() ? 1 : 0));
    };
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(3 + 0x1_0000_0000));
    for (const seed of [0, 1, 2, 0xffff_ffff, Number.MAX_SAFE_INTEGER]) {
      const coins = draw(seed);
      // Five standard deviations of a fair coin.
      const heads = coins.reduce((sum, coin) => sum + coin, 0);
      expect(Math.abs(heads - 10_000)).toBeLessThan(354);
      for (const lag of [1, 2, 3, 8]) {
        const same = coins.slice(lag).filter((coin, i) => coin === coins[i]).length;
        expect(Math.abs(same - (20_000 - lag) / 2)).toBeLessThan(354);
      }
    }
  });

  it('stays below its bound and reaches all of it', () => {
    const sequence = new RandomSequence(9);
    const seen = new Set(Array.from({ length: 2000 }, () => sequence.below(16)));
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });

  it('ranks hop limits differently for different seeds, and alike throughout a trace', () => {
    const ranks = (seed: number): number[] => {
      const state = makeState('udp', { seed });
      const read = (): number[] => Array.from({ length: 30 }, (_, hop) => hopRank(state, hop + 1));
      const before = read();
      sendPair(state);
      expect(read()).toEqual(before);
      return before;
    };
    expect(ranks(1)).not.toEqual(ranks(2));
    expect(ranks(1).every((rank) => rank >= 0 && rank < 64)).toBe(true);
  });
});

describe('one pair of each three is a placebo, at a random place among them', () => {
  const SENT = 3000;
  /** Which of so many pairs are placebos. */
  const drawn = (placeboArm: Arm | null): boolean[] => {
    const state = makeState('icmp6');
    state.placeboArm = placeboArm;
    return Array.from({ length: SENT }, () => {
      const { plain, treated } = sendPair(state, targetPair, 0);
      return state.probes.arm(plain) === state.probes.arm(treated);
    });
  };

  it('once a packet is missing, and none before', () => {
    expect(drawn(null)).not.toContain(true);
    const kinds = drawn('plain');
    const places = [0, 0, 0];
    for (let block = 0; block < SENT; block += 3) {
      const of = kinds.slice(block, block + 3);
      expect(of.filter(Boolean)).toHaveLength(1);
      places[of.indexOf(true)]! += 1;
    }
    // Six standard deviations of 15.
    for (const count of places) expect(Math.abs(count - SENT / 9)).toBeLessThan(90);
  });

  it('echo pairs of a UDP trace have blocks of their own', () => {
    const state = makeState('udp');
    state.placeboArm = 'plain';
    state.witnessPlaceboArm.icmp6 = 'plain';
    const isPlacebo = (purpose: Purpose): boolean => {
      const { plain, treated } = sendPair(state, { ...targetPair, purpose }, 0);
      return state.probes.arm(plain) === state.probes.arm(treated);
    };
    for (let block = 0; block < 100; block += 1) {
      const kinds = { target: 0, echo: 0 };
      for (let pair = 0; pair < 3; pair += 1) {
        kinds.target += Number(isPlacebo(PURPOSE.target));
        kinds.echo += Number(isPlacebo(PURPOSE.echo));
      }
      expect(kinds).toEqual({ target: 1, echo: 1 });
    }
  });
});

describe('back to back is over', () => {
  /** The option is lost; so many placebos lost both packets, and so many came whole. */
  const after = (lost: number, whole: number, countIndex = 1): ByHand => {
    const trace = new ByHand().explored(3).repeats(1, 2).target(1, 'arrives', null);
    trace.state.countIndex = countIndex;
    return trace.placebos(lost, null).placebos(whole, 'arrives');
  };
  /** The steps that take in what there is. */
  const stepped = ({ state, context, nowNs }: ByHand): TraceState => {
    for (let i = 0; i < 3; i += 1) step(state, context, nowNs + 20e9);
    return state;
  };

  it.each([
    ['when three quarters of eight placebos lost a packet', 6, 2, true],
    ['not when five of eight did', 5, 3, false],
    ['when all of six did', 6, 0, true],
    ['not when all of five did', 5, 0, false],
  ])('%s', (_, lost, whole, isOver) => {
    const trace = after(lost, whole);
    const sent = trace.state.probes.count;
    const { countIndex, countStart } = stepped(trace);
    expect([countIndex, countStart]).toEqual(isOver ? [2, sent] : [1, 0]);
  });

  it('and so is a rest of 120 ms, and after one of 1.1 s there is none longer', () => {
    const rest = (countIndex: number): number | null => {
      const state = stepped(after(6, 0, countIndex));
      return restOf(state, 'icmp6');
    };
    expect([1, 2, 3].map(rest)).toEqual([120e6, 1.1e9, 1.1e9]);
  });

  it('and the counts start again: what was lost before is in none of them', () => {
    const trace = after(6, 0);
    expect(trace.case.counts.counted).toMatchObject({ plainOnly: 1, placebos: 6 });
    stepped(trace);
    expect(trace.case.counts.counted).toMatchObject({ plainOnly: 0, placebos: 0 });
  });

  it.each([
    ['the counts start again', (trace: ByHand) => trace.placebos(6, null)],
    ['the way has changed', (trace: ByHand) => trace.repeats(10, 2, 'expires', null)],
  ])('the pace forgets pairs that came back incomplete where %s', (_, happens) => {
    const trace = new ByHand().explored(3).target(1, 'arrives', null);
    const { state, context } = trace;
    const seen: number[] = [];
    const { pace } = state;
    const forget = pace.forget.bind(pace);
    pace.forget = (fromRow) => {
      seen.push(fromRow);
      forget(fromRow);
    };
    happens(trace);
    for (let i = 0; i < 3; i += 1) step(state, context, trace.nowNs + 20e9);
    expect(seen).toEqual([state.probes.count]);
  });
});

describe('a trace that waits for another one to the same target', () => {
  it('does so for ten minutes at most: that one may be waiting for it', () => {
    const lost = ({ arm, hopLimit }: { arm: number; hopLimit: number }): null | undefined =>
      arm === 1 && hopLimit >= 5 ? null : undefined;
    const siblingEcho = { ...ECHO_SILENT, settled: false };
    const { verdict, endedAtNs } = runTrace({ protocol: 'udp', routers: 8, differs: lost, siblingEcho });
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join()).toContain('waiting for the echo pairs');
    expect(endedAtNs).toBeGreaterThan(600e9);
    expect(endedAtNs).toBeLessThan(660e9);
  });
});

describe('the places behind which packets with the option were answered, for other targets', () => {
  const placesOf = (whole: number, lost: number): number[] => {
    const trace = new ByHand('icmp6').explored().target(whole, 'arrives', 'arrives').target(lost, 'arrives', null);
    return placesAnsweredBeyond(trace.case).map(({ hop }) => hop);
  };

  it('are those that they passed, and the way in, where the target answers them as well as others', () => {
    expect(placesOf(11, 0)).toEqual([0, 1, 2, 3, 4]);
  });

  it('are none where only a few are answered: a firewall near the source may let so many by', () => {
    expect(placesOf(1, 11)).toEqual([]);
    expect(placesOf(10, 0)).toEqual([]);
  });
});
