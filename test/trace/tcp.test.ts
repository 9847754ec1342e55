/** SYN pairs: what answers them, what RST means, and how many may reach one target. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SynBudget } from '../../src/engine/syn-budget.js';
import { matchReply, type MatchResult } from '../../src/trace/match-reply.js';
import type { TraceContext } from '../../src/trace/plan.js';
import { judgeTrace, observe } from '../../src/trace/trace-machine.js';
import { PURPOSE, TARGET_HOP_LIMIT, type TraceState } from '../../src/trace/trace-state.js';
import type { DirectReply } from '../../src/trace/reply.js';
import { TCP_FLAG, emitTcpHeader, parseTcpHeader } from '../../src/wire/tcp.js';
import { errorAbout, makeState, packetOf, replyFrom, sendPair, TARGET } from './trace-fixture.js';

const SYN_ACK = TCP_FLAG.syn | TCP_FLAG.ack;
const RESET = TCP_FLAG.rst | TCP_FLAG.ack;
const NOW_NS = 60e9;

/** The segment that a target sends to the SYN of this row. */
function segmentTo(state: TraceState, row: number, flags: number, acknowledged = 1): DirectReply {
  const packet = packetOf(state, row);
  const syn = parseTcpHeader(packet, packet.length - 20);
  if (!syn.ok) throw new Error(syn.reason);
  const { sourcePort, destinationPort, sequence } = syn.value;
  const bytes = new Uint8Array(20);
  const acknowledgement = (sequence + acknowledged) >>> 0;
  const ports = { sourcePort: destinationPort, destinationPort: sourcePort };
  emitTcpHeader({ ...syn.value, ...ports, sequence: 7, acknowledgement, flags }, bytes, 0);
  return { kind: 'tcp', source: TARGET, bytes, hopLimit: 60, timeNs: 1e6, pdm: null, offset: 0, end: 20 };
}

function answer(state: TraceState, row: number, flags: number): void {
  const reply = segmentTo(state, row, flags);
  const match = matchReply(state, reply);
  if (typeof match === 'string') throw new Error(match);
  observe(state, match, reply);
}

function routerAnswers(state: TraceState, row: number): void {
  const reply = replyFrom(errorAbout(packetOf(state, row)));
  const match = matchReply(state, reply);
  if (typeof match === 'string') throw new Error(match);
  observe(state, match, reply);
}

function contextWith(routerSeenByOthers: number): TraceContext {
  return {
    isReporter: () => false,
    siblingEcho: () => null,
    routerSeenByOthers: () => routerSeenByOthers,
    nearHops: null,
  };
}

/** Pairs at the target, whose packets draw these flags. */
function traced(plain: number, treated: number): TraceState {
  const state = makeState('tcp');
  for (let pair = 0; pair < 12; pair += 1) {
    const rows = sendPair(state, { purpose: PURPOSE.target, hopLimit: TARGET_HOP_LIMIT });
    answer(state, rows.plain, plain);
    answer(state, rows.treated, treated);
  }
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
});

describe('RST to packets with the option', () => {
  it('is a refusal where those without draw SYN-ACK', () => {
    const { verdict } = judgeTrace(traced(SYN_ACK, RESET), contextWith(0), NOW_NS);
    expect(verdict.outcome).toBe('rejected');
    expect(verdict.refusal).toBeNull();
  });

  it('is an arrival where the port is closed for both', () => {
    expect(judgeTrace(traced(RESET, RESET), contextWith(0), NOW_NS).verdict.outcome).toBe('delivered');
  });

  it('accuses nobody where those without draw both', () => {
    const state = traced(SYN_ACK, RESET);
    const { plain } = sendPair(state, { purpose: PURPOSE.target, hopLimit: TARGET_HOP_LIMIT });
    answer(state, plain, RESET);
    expect(judgeTrace(state, contextWith(0), NOW_NS).verdict.outcome).toBe('delivered');
  });
});

describe('SYN-ACKs from too near', () => {
  const nearAt = (hopLimit: number): TraceState => {
    const state = traced(SYN_ACK, SYN_ACK);
    const rows = sendPair(state, { hopLimit });
    for (const row of [rows.plain, rows.treated]) answer(state, row, SYN_ACK);
    return state;
  };

  it('are not the target where another trace met a router further on', () => {
    const { verdict } = judgeTrace(nearAt(3), contextWith(6), NOW_NS);
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.evidence).toMatchObject({ pairs: 0, rates: { plain: null, pdm: null } });
    expect(verdict.reasons[0]).toMatch(/from hop 3\b.*at hop 6\b/);
  });

  it('are not the target where the same flow met a router there or further on', () => {
    const state = nearAt(3);
    routerAnswers(state, sendPair(state, { hopLimit: 5 }).plain);
    expect(judgeTrace(state, contextWith(0), NOW_NS).verdict.outcome).toBe('inconclusive');
  });

  it('are the target where others met their last router just before it, or on a way one hop longer', () => {
    for (const others of [0, 2, 3]) {
      expect(judgeTrace(nearAt(3), contextWith(others), NOW_NS).verdict.outcome).toBe('delivered');
    }
  });
});

describe('the budget of SYNs', () => {
  it('never grants more than 8 in any 10 seconds, whatever the traces that ask', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 4e9 }), { minLength: 20, maxLength: 60 });
    fc.assert(
      fc.property(steps, (waits) => {
        const budget = new SynBudget();
        const sentAtNs: number[] = [];
        let nowNs = 0;
        for (const [row, wait] of waits.entries()) {
          nowNs = Math.max(nowNs + wait, budget.readyAtNs('target', nowNs));
          for (const half of [0, 1]) budget.spend('target', budget, 2 * row + half, nowNs);
          sentAtNs.push(nowNs, nowNs);
        }
        for (const from of sentAtNs) {
          expect(sentAtNs.filter((at) => at >= from && at <= from + 10e9).length).toBeLessThanOrEqual(8);
        }
      }),
    );
  });

  it('counts no SYN that ran out of hop limit, and each target alone', () => {
    const budget = new SynBudget();
    for (let row = 0; row < 8; row += 1) budget.spend('a', budget, row, 0);
    expect(budget.readyAtNs('a', 0)).toBeGreaterThanOrEqual(10e9);
    expect(budget.readyAtNs('b', 0)).toBeLessThanOrEqual(0);
    budget.giveBack('a', budget, 3);
    expect(budget.readyAtNs('a', 0)).toBeGreaterThan(0);
    budget.giveBack('a', budget, 4);
    expect(budget.readyAtNs('a', 0)).toBeLessThanOrEqual(0);
  });
});
