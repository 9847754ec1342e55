/** SYN pairs: what answers them, what RST means, and how many may reach one target. */
import { describe, expect, it } from 'vitest';
import { matchReply, type MatchResult } from '../../src/trace/reply/match-reply.js';
import { observe } from '../../src/trace/reply/observe.js';
import { judgeTrace } from '../../src/trace/trace-machine.js';
import { PURPOSE, TARGET_HOP_LIMIT, type TraceState } from '../../src/trace/state/trace-state.js';
import type { DirectReply } from '../../src/trace/reply/reply.js';
import { TCP_FLAG, emitTcpHeader, parseTcpHeader } from '../../src/wire/tcp.js';
import { contextOf, routerAt } from './fake-path.js';
import { errorAbout, makeState, packetOf, replyFrom, sendPair, TARGET } from './trace-fixture.js';

const SYN_ACK = TCP_FLAG.syn | TCP_FLAG.ack;
const RESET = TCP_FLAG.rst | TCP_FLAG.ack;
const NOW_NS = 60e9;

/** The segment that a target sends to the SYN of this row. */
function segmentTo(state: TraceState, row: number, flags: number, acknowledged = 1, hopLimit = 60): DirectReply {
  const packet = packetOf(state, row);
  const syn = parseTcpHeader(packet, packet.length - 20);
  if (!syn.ok) throw new Error(syn.reason);
  const { sourcePort, destinationPort, sequence } = syn.value;
  const bytes = new Uint8Array(20);
  const acknowledgement = (sequence + acknowledged) >>> 0;
  const ports = { sourcePort: destinationPort, destinationPort: sourcePort };
  emitTcpHeader({ ...syn.value, ...ports, sequence: 7, acknowledgement, flags }, bytes, 0);
  return { kind: 'tcp', source: TARGET, bytes, hopLimit, timeNs: 1e6, pdm: null, offset: 0, end: 20 };
}

/** Flags of the segment, its hop limit as it comes back, and how far beyond the SYN's number it acknowledges. */
interface Said {
  readonly flags: number;
  readonly hopLimit?: number;
  readonly acknowledged?: number;
}

function answer(state: TraceState, row: number, said: number | Said): void {
  const { flags, hopLimit, acknowledged } = typeof said === 'number' ? { flags: said } : said;
  const reply = segmentTo(state, row, flags, acknowledged, hopLimit);
  const match = matchReply(state, reply);
  if (typeof match === 'string') throw new Error(match);
  observe(state, match, reply);
}

function routerAnswers(state: TraceState, row: number, hop: number): void {
  const reply = replyFrom(errorAbout(packetOf(state, row), 3, 0, routerAt(hop)));
  const match = matchReply(state, reply);
  if (typeof match === 'string') throw new Error(match);
  observe(state, match, reply);
}

const outcomeOf = (state: TraceState, routerSeenByOthers = 0): string =>
  judgeTrace(state, contextOf({ routerSeenByOthers }), NOW_NS).verdict.outcome;

/**
 * Routers before the target, whose packets draw these segments or nothing: hops, pairs at the target, repeats at n and
 * placebos. `refusedFrom`: the hop limit from which on the option's packets draw theirs.
 */
function traced(
  plain: number | Said,
  treated: number | Said | null,
  routers = 2,
  refusedFrom = routers + 1,
): TraceState {
  const state = makeState('tcp', { explain: false });
  const send = (values: Parameters<typeof sendPair>[1]): void => {
    const rows = sendPair(state, values);
    const hop = values?.hopLimit ?? 0;
    if (hop <= routers) routerAnswers(state, rows.plain, hop);
    else answer(state, rows.plain, plain);
    if (hop < refusedFrom) routerAnswers(state, rows.treated, hop);
    else {
      const drawn = values?.treatment === 'plain' ? plain : treated;
      if (drawn !== null) answer(state, rows.treated, drawn);
    }
  };
  for (let hop = 1; hop <= routers + 1; hop += 1) for (let pair = 0; pair < 3; pair += 1) send({ hopLimit: hop });
  for (let pair = 0; pair < 15; pair += 1) send({ purpose: PURPOSE.beyond, hopLimit: refusedFrom, flow: 'fresh' });
  for (let pair = 0; pair < 20; pair += 1) {
    send({ purpose: PURPOSE.target, hopLimit: TARGET_HOP_LIMIT, flow: 'fresh' });
    if (plain !== treated) {
      send({ purpose: PURPOSE.target, hopLimit: TARGET_HOP_LIMIT, flow: 'fresh', treatment: 'plain' });
    }
  }
  for (let pair = 0; pair < 3; pair += 1) send({ purpose: PURPOSE.repeat, hopLimit: refusedFrom - 1 });
  send({ purpose: PURPOSE.distance, hopLimit: routers + 1 });
  return state;
}

describe('a segment', () => {
  const matching = (flags: number, acknowledged = 1): MatchResult => {
    const state = makeState('tcp');
    const { treated } = sendPair(state);
    return matchReply(state, segmentTo(state, treated, flags, acknowledged));
  };

  it('answers the SYN whose sequence number it acknowledges', () => {
    for (const flags of [SYN_ACK, RESET]) expect(matching(flags)).toMatchObject({ findings: null });
  });

  it('is nothing of ours without SYN or RST, or without ACK', () => {
    for (const flags of [TCP_FLAG.ack, TCP_FLAG.syn, TCP_FLAG.rst, TCP_FLAG.ack | TCP_FLAG.fin]) {
      expect(matching(flags)).toBe('foreign');
    }
  });

  it('is forged when it acknowledges what was not sent', () => {
    expect(matching(SYN_ACK, 400)).toBe('forged');
  });

  it('answers its SYN whether its stack acknowledges seq, seq + 1 or seq + 2, and no stack answers another one', () => {
    // The second nonce lets sequence numbers pass 2 ** 32 within the trace.
    for (const nonce of [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), Uint8Array.of(0xff, 0xff, 0xff, 0x81, 5, 6, 7, 8)]) {
      const state = makeState('tcp', { nonce });
      for (let i = 0; i < 5; i += 1) sendPair(state);
      for (let row = 0; row < state.probes.count; row += 1) {
        for (let acknowledged = -70; acknowledged <= 70; acknowledged += 1) {
          const result = matchReply(state, segmentTo(state, row, SYN_ACK, acknowledged));
          const named = [0, 1, 2].includes(acknowledged) ? row : null;
          if (named !== null) expect(result, `seq + ${acknowledged}`).toMatchObject({ row: named });
          else if (Math.abs(acknowledged) < 62) expect(result, `seq + ${acknowledged}`).toBe('forged');
        }
      }
    }
  });

  it('is quoted with its own sequence number alone: one octet off it is nobody’s', () => {
    const state = makeState('tcp');
    for (let i = 0; i < 5; i += 1) sendPair(state);
    for (let row = 0; row < state.probes.count; row += 1) {
      const quote = packetOf(state, row);
      const upper = quote.length - 20;
      // Cut behind the sequence number, so that it is all that names the probe but for PSNTP.
      if (upper !== 40) continue;
      for (const flip of [1, 2, 4, 32]) {
        const other = quote.slice(0, upper + 8);
        other[upper + 7]! ^= flip;
        expect(matchReply(state, replyFrom(errorAbout(other))), `bit ${flip}`).toBe('forged');
      }
    }
  });
});

describe('RST to packets with the option', () => {
  it('is a refusal where those without draw SYN-ACK, from farther', () => {
    const near = traced({ flags: SYN_ACK, hopLimit: 60 }, { flags: RESET, hopLimit: 62 }, 4, 3);
    const { verdict } = judgeTrace(near, contextOf(), NOW_NS);
    expect(verdict.outcome).toBe('rejected');
    expect(verdict.refusal).toBeNull();
  });

  it('is none where it comes from as far, or from how far is not seen: who takes connections in may hand on what it does not know', () => {
    const asFar = traced({ flags: SYN_ACK, hopLimit: 60 }, { flags: RESET, hopLimit: 60 }, 4);
    for (const state of [asFar, traced(SYN_ACK, RESET)]) expect(outcomeOf(state)).toBe('inconclusive');
  });

  it('is an arrival where the port is closed for both', () => {
    expect(outcomeOf(traced(RESET, RESET))).toBe('delivered');
  });

  it('is a refusal on a closed port too, where it comes back from nearer than the RST to those without', () => {
    const near = { flags: RESET, hopLimit: 62 };
    const { verdict } = judgeTrace(traced(RESET, near, 4, 3), contextOf(), NOW_NS);
    expect(verdict).toMatchObject({ outcome: 'rejected', refusal: null, interval: { after: 2, upTo: 3 } });
    expect(verdict.reasons[0]).toContain("Something in the target's name");
  });

  it('a relative: is an arrival on a closed port of a host that begins at another hop limit for each', () => {
    // 64 − 4 and 128 − 4: as far, by another stack behind the same address.
    expect(outcomeOf(traced({ flags: RESET, hopLimit: 60 }, { flags: RESET, hopLimit: 124 }, 4))).toBe('delivered');
  });

  it('accuses nobody where those without draw both', () => {
    const state = traced(SYN_ACK, RESET);
    const { plain, treated } = sendPair(state, { purpose: PURPOSE.target, hopLimit: TARGET_HOP_LIMIT, flow: 'fresh' });
    for (const row of [plain, treated]) answer(state, row, RESET);
    expect(outcomeOf(state)).toBe('delivered');
  });
});

describe('SYNs with the option that are lost', () => {
  it.each([
    ['a stack that acknowledges seq + 2', SYN_ACK, 2],
    ['a stack that acknowledges seq', SYN_ACK, 0],
    ['a relative: a closed port whose RST acknowledges seq', RESET, 0],
    ['a relative: a closed port whose RST acknowledges seq + 2', RESET, 2],
  ])('are answered by nobody: %s', (_, flags, acknowledged) => {
    const { trace, verdict } = judgeTrace(traced({ flags, acknowledged }, null), contextOf(), NOW_NS);
    expect([trace.pdmArrivals, trace.counts.counted.plainOnly]).toEqual([0, 20]);
    expect(['dropped', 'inconclusive']).toContain(verdict.outcome);
  });
});

describe('SYN-ACKs from too near', () => {
  it('are not the target where another trace met a router further on', () => {
    const { verdict } = judgeTrace(traced(SYN_ACK, SYN_ACK), contextOf({ routerSeenByOthers: 6 }), NOW_NS);
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons[0]).toMatch(/from hop 3\b.*at hop 6\b/);
  });

  it('are not the target where the same flow met a router there or further on', () => {
    const state = traced(SYN_ACK, SYN_ACK);
    routerAnswers(state, sendPair(state, { hopLimit: 5 }).plain, 5);
    const { verdict } = judgeTrace(state, contextOf(), NOW_NS);
    expect(verdict.outcome).toBe('inconclusive');
  });

  it('are the target where others met their last router just before it, or on a way one hop longer', () => {
    for (const others of [0, 2, 3]) expect(outcomeOf(traced(SYN_ACK, SYN_ACK), others)).toBe('delivered');
  });
});
