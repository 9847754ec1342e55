import { describe, expect, it } from 'vitest';
import { makeCase } from '../../src/trace/case.js';
import { PURPOSE } from '../../src/trace/state/trace-state.js';
import { ByHand, type Answer } from './by-hand.js';
import { contextOf, routerAt } from './fake-path.js';
import { octetsOf, TARGET } from './trace-fixture.js';

const refusal = (hop: number, code = 1, type = 1) => ({ from: routerAt(hop), type, code });

describe('pairs at the target', () => {
  it('enter the counts in the order sent: one in grace holds back those after it', () => {
    const trace = new ByHand()
      .target(2, 'arrives', 'arrives')
      .target(1, 'arrives', null)
      .target(3, 'arrives', 'arrives');
    const early = makeCase(trace.state, contextOf(), 1.2e9).counts;
    expect([early.counted.pairs, early.looks.pairs, early.pending]).toEqual([2, 6, 1]);
    expect(early.nextNs).toBe(0.2e9 + 1.5e9);
    const later = makeCase(trace.state, contextOf(), 1.7e9).counts;
    expect([later.counted.pairs, later.pending, later.nextNs]).toEqual([6, 0, null]);
  });

  it('are counted after the longest grace, whole or not, however long the round trip is', () => {
    const slow = { from: TARGET, type: 1, code: 4, delayMs: 4000 };
    const trace = new ByHand('udp').target(2, slow, slow).target(3, slow, null).target(2, slow, slow);
    // Four round trips are 16 s, and the grace is ten.
    const { counts } = makeCase(trace.state, contextOf(), 0.5e9 + 10e9);
    expect(counts.counted).toMatchObject({ both: 4, plainOnly: 3 });
    expect(counts.looks).toMatchObject({ both: 4, plainOnly: 3 });
  });

  it('are reclassified by an answer after their grace', () => {
    const trace = new ByHand('udp').target(1, 'arrives', null);
    expect(trace.case.counts.counted.plainOnly).toBe(1);
    const late = new ByHand('udp').target(1, 'arrives', { from: TARGET, type: 1, code: 4, delayMs: 8000 });
    expect(late.case.counts.counted).toMatchObject({ both: 1, plainOnly: 0 });
  });

  it('of an earlier count are forgotten, but an arrival stays a fact of the trace', () => {
    const trace = new ByHand().target(1, 'arrives', 'arrives').target(3, 'arrives', null);
    trace.state.countStart = trace.state.probes.count;
    trace.target(2, 'arrives', null);
    expect(trace.case.counts.counted).toMatchObject({ both: 0, plainOnly: 2 });
    expect(trace.case.pdmArrivals).toBe(1);
  });

  it('count losses sent after n was seen apart', () => {
    const trace = new ByHand().target(2, 'arrives', null).pairs(1, 2, 'expires', 'expires').target(3, 'arrives', null);
    expect(trace.case.counts).toMatchObject({ lostSinceSeen: 3, lostAfterSeen: 3 });
    expect(trace.case.counts.counted.plainOnly).toBe(5);
  });

  it('were lost lately within 8 s, two graces, eight intervals, or a grace and eight pairs that leave one after the other', () => {
    /** Of a pair that is lost now: whether it counts as lost lately so many seconds after, and a nanosecond later. */
    const isLately = (trace: ByHand, seconds: number, plain: Answer = 'arrives'): boolean[] => {
      const { state, context, nowNs } = trace;
      trace.target(1, plain, null);
      const after = (laterNs: number) => makeCase(state, context, nowNs + seconds * 1e9 + laterNs).counts;
      return [after(0).lostLately === 1, after(1).lostLately === 1];
    };
    expect(isLately(new ByHand(), 8)).toEqual([true, false]);
    // The grace is four round trips: six seconds.
    const slow = { from: TARGET, type: 1, code: 4, delayMs: 1500 };
    expect(isLately(new ByHand('udp'), 12, slow)).toEqual([true, false]);
    const limited = new ByHand().target(1, 'arrives', 'arrives');
    for (let round = 0; round < 5; round += 1) {
      limited.target(3, null, null);
      makeCase(limited.state, limited.context, (limited.nowNs += 4e9));
    }
    expect(limited.state.pace.intervalNs).toBe(2e9);
    expect(isLately(limited, 16)).toEqual([true, false]);
    // A pair takes two rests of 120 ms and the two seconds that an answer is waited for.
    const parted = new ByHand();
    parted.state.countIndex = 2;
    expect(isLately(parted, 1.5 + 8 * 2.24)).toEqual([true, false]);
  });

  it('of the echo witness are no arrivals at the target', () => {
    const trace = new ByHand('udp').pairs(4, 64, 'arrives', 'arrives', {
      purpose: PURPOSE.echo,
      protocol: 'icmp6',
      flow: 'fresh',
    });
    expect([trace.case.pdmArrivals, trace.case.witness.icmp6.counted.both, trace.case.counts.pairs]).toEqual([0, 4, 0]);
  });
});

describe('n', () => {
  it('is the highest hop whose Time Exceeded quotes the option intact', () => {
    const trace = new ByHand('icmp6', { routers: 6 })
      .pairs(1, 2, 'expires', 'expires')
      .pairs(1, 5, 'expires', 'expires');
    expect(trace.pairs(1, 6, 'expires', null).case).toMatchObject({ lastPdmHop: 5, lastPlainHop: 6, highestHop: 6 });
  });

  it('is not moved by a refusal', () => {
    const trace = new ByHand().pairs(1, 2, 'expires', 'expires').pairs(1, 4, 'expires', refusal(4));
    expect(trace.case.lastPdmHop).toBe(2);
  });
});

describe('refusers', () => {
  it('keep their smallest hop limit and the reply that it drew', () => {
    const trace = new ByHand().pairs(1, 4, 'expires', refusal(2)).pairs(2, 3, 'expires', refusal(2, 5));
    expect(trace.case.refusers).toMatchObject([
      { address: '2001:db8:1:2::1', refusals: 3, firstHopLimit: 3, inTargetName: false, reply: { code: 5 } },
    ]);
  });

  it('are pointed where all of them speak of the header chain, and not where one does not', () => {
    const pointed = new ByHand().pairs(2, 3, 'expires', refusal(2, 8));
    expect(pointed.case.refusers[0]!.isPointed).toBe(true);
    expect(pointed.pairs(1, 3, 'expires', refusal(2, 1)).case.refusers[0]!.isPointed).toBe(false);
  });

  it('count only pairs in which plain was answered from beyond', () => {
    const fromRefuser = { from: routerAt(2), type: 3, code: 0 };
    const trace = new ByHand().pairs(1, 2, fromRefuser, refusal(2)).pairs(1, 3, 'expires', refusal(2));
    expect(trace.case.refusedPairs.pdm).toBe(1);
  });
});

describe('an address that names no place', () => {
  const namelessOf = (...hops: string[]): string[] => {
    const trace = new ByHand();
    hops.forEach((address, i) => {
      const answer = { from: octetsOf(address), type: 3, code: 0 };
      trace.pairs(1, i + 1, answer, answer);
    });
    return [...trace.case.nameless].filter((address) => address !== '2001:db8:10:9::1');
  };

  it('is one met at two hop limits', () => {
    expect(namelessOf('2001:db8:1:1::1', '2001:db8:1:2::1', '2001:db8:1:1::1')).toEqual(['2001:db8:1:1::1']);
  });

  it('is one outside 2000::/3 and the source its own prefix', () => {
    expect(namelessOf('fd00::1', 'fe80::1', '2001:db8:1:3::1')).toEqual(['fd00::1', 'fe80::1']);
  });

  it("is always the target's", () => {
    expect(new ByHand().case.nameless.has('2001:db8:10:9::1')).toBe(true);
  });

  it('is each of two that answered one probe', () => {
    const trace = new ByHand();
    trace.state.contradicted.set(3, ['2001:db8:1:3::1', '2001:db8:1:99::1'] as never);
    expect([...trace.case.nameless]).toEqual(expect.arrayContaining(['2001:db8:1:3::1', '2001:db8:1:99::1']));
  });
});
