import { describe, expect, it } from 'vitest';
import { locate } from '../../../src/trace/claims/where.js';
import { INTERVAL_MARGIN, INTERVAL_PAIRS, PAIRS_PER_HOP } from '../../../src/trace/numbers.js';
import { PURPOSE, TARGET_HOP_LIMIT } from '../../../src/trace/state/trace-state.js';
import { ByHand } from '../by-hand.js';
import { isTreated, routerAt, runTrace } from '../fake-path.js';

const habit = { passed: 20, reported: 20, firstNs: -1, lastNs: 1e15, targets: 20, isSilentToSome: false };
/** Hops 1 and 2 pass, hops 3 and 4 lose. */
const lossAt3 = (values: ConstructorParameters<typeof ByHand>[1] = {}): ByHand =>
  new ByHand('icmp6', { confidence: 0.999, ...values }).explored(3);

describe('where', () => {
  it('is after n, up to the target, most likely before the next hop that lost seven pairs', () => {
    const where = locate(lossAt3().repeats(1, 2).case);
    expect(where).toMatchObject({ interval: { after: 2, upTo: 5, likelyUpTo: 3 }, wants: [], settled: true });
  });

  it('ends no more where the target was met before the path changed, be it that a silent router stands there now', () => {
    const trace = lossAt3();
    expect(trace.case.distance.plain).toBe(5);
    trace.state.restarts = 1;
    trace.state.attemptStart = trace.state.probes.count;
    for (let hop = 1; hop <= 4; hop += 1) trace.pairs(5, hop, 'expires', hop < 3 ? 'expires' : null);
    trace.pairs(3, 5, null, null);
    expect([trace.case.distance.plain, locate(trace.case).interval.upTo]).toEqual([null, TARGET_HOP_LIMIT]);
    trace.pairs(3, 6, 'arrives', null);
    expect([trace.case.distance.plain, locate(trace.case).interval.upTo]).toEqual([6, 6]);
  });

  it('asks once more at the distance of the target: of one that has moved farther away (anycast) it is not known', () => {
    const again = { hopLimit: 5, purpose: PURPOSE.distance, reachesTarget: true };
    expect(locate(lossAt3().case)).toMatchObject({ settled: false, wants: [again] });
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 10,
      differs: ({ atNs, arm, hopLimit }) => {
        if (isTreated(arm) && hopLimit > 4) return null;
        // Hops 9 and 10 come between the routers and the target only later.
        return atNs < 0.6e9 && hopLimit >= 9 ? 'arrives' : undefined;
      },
    });
    expect(verdict).toMatchObject({ outcome: 'dropped', interval: { after: 4, upTo: 64 } });
  });

  it.each([
    ['the source, where the target answers one flow in three and the one that hops are asked on at no hop limit', 3, 0],
    ['n, where it answers every flow', 1, 4],
  ])('begins at %s', (_, oneIn, after) => {
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 10,
      differs: ({ arm, hopLimit, flow }) => {
        if (hopLimit !== 64) return hopLimit > 4 ? null : undefined;
        return isTreated(arm) || flow % oneIn !== 0 ? null : undefined;
      },
    });
    expect(verdict).toMatchObject({ outcome: 'dropped', interval: { after, upTo: 64 } });
  });

  it('is up to the nearest dependable reporter beyond n', () => {
    expect(locate(lossAt3({ habits: { 4: habit } }).pairs(10, 4, 'expires', null).case).interval.upTo).toBe(4);
    expect(locate(lossAt3({ habits: { 3: habit, 4: habit } }).case).interval.upTo).toBe(3);
  });

  it.each([
    ['was last seen to report before the loss', { ...habit, lastNs: 0 }],
    ['was first seen to report after the loss', { ...habit, firstNs: 1e14 }],
    ['reports one in twenty', { ...habit, reported: 1 }],
  ])('is not up to a router that %s', (_, unsure) => {
    expect(locate(lossAt3({ habits: { 3: unsure } }).case).interval.upTo).toBe(5);
  });

  it('is not up to a reporter at which one packet with the option was seen', () => {
    const trace = lossAt3({ habits: { 4: habit } }).pairs(1, 4, 'expires', 'expires');
    expect(locate(trace.case).interval.upTo).toBe(5);
  });

  it('is up to the target, wherever it is, where the ways part: hops beyond n are of the plain way alone', () => {
    const other = { from: routerAt(77), type: 3, code: 0 };
    const upTo = (treatedAt2: 'expires' | typeof other): number => {
      const trace = new ByHand('icmp6', { habits: { 3: habit } }).pairs(5, 1, 'expires', 'expires');
      trace.pairs(5, 2, 'expires', treatedAt2);
      trace.pairs(15, 3, 'expires', null, { purpose: PURPOSE.beyond, flow: 'fresh' });
      return locate(trace.pairs(5, 4, 'expires', null).pairs(5, 5, 'arrives', null).case).interval.upTo;
    };
    expect([upTo('expires'), upTo(other)]).toEqual([3, TARGET_HOP_LIMIT]);
  });

  it('says nothing is likely with six lost pairs at the next hop, and with seven it does', () => {
    const lost = (count: number): number => {
      const trace = new ByHand();
      for (let hop = 1; hop <= 2; hop += 1) trace.pairs(5, hop, 'expires', 'expires');
      trace.pairs(count, 3, 'expires', null).pairs(3, 4, 'expires', null).pairs(3, 5, 'arrives', null);
      return locate(trace.case).interval.likelyUpTo;
    };
    expect([lost(6), lost(7)]).toEqual([5, 3]);
  });

  it('begins before a policer whose luck carried n beyond itself', () => {
    const trace = new ByHand();
    for (let hop = 1; hop <= 2; hop += 1) trace.pairs(5, hop, 'expires', 'expires');
    // At hops 3 and 4 one in six is seen.
    for (let hop = 3; hop <= 4; hop += 1) trace.pairs(1, hop, 'expires', 'expires').pairs(5, hop, 'expires', null);
    expect(trace.case.lastPdmHop).toBe(4);
    expect(locate(trace.case).interval.after).toBe(2);
  });

  it('begins at a policer that passes one in ten in 99.96 % of traces, though n lies beyond it in 85 %, of six hops', () => {
    const passes = 0.1;
    const hops = 6;
    expect(1 - (1 - passes) ** (hops * PAIRS_PER_HOP)).toBeCloseTo(0.85, 2);
    // A hop is asked until so many passed, or one more than the margin was lost: both packets of a pair, or the plain one alone.
    const shows = (passed: number, lost: number): number => {
      if (passed === INTERVAL_PAIRS) return 1;
      if (lost > INTERVAL_MARGIN) return 0;
      return passes * shows(passed + 1, lost) + (1 - passes) * shows(passed, lost + 1);
    };
    expect((1 - shows(0, 0)) ** hops).toBeCloseTo(0.9997, 4);
  });

  it('a relative: begins before the first of two policers, of which the second let nothing but one packet pass', () => {
    const trace = new ByHand().pairs(5, 1, 'expires', 'expires');
    trace.pairs(3, 2, 'expires', 'expires').pairs(3, 2, 'expires', null);
    trace.pairs(1, 3, 'expires', 'expires').pairs(5, 3, 'expires', null);
    trace.pairs(1, 4, 'expires', 'expires').pairs(9, 4, 'expires', null);
    expect(locate(trace.case).interval.after).toBe(1);
  });

  it('asks for a fifth whole pair where it begins, and not for a sixth', () => {
    const begun = (pairs: number): ByHand => {
      const trace = new ByHand().pairs(5, 1, 'expires', 'expires').pairs(pairs, 2, 'expires', 'expires');
      return trace.pairs(15, 3, 'expires', null, { purpose: PURPOSE.beyond, flow: 'fresh' });
    };
    expect(locate(begun(4).case)).toMatchObject({ settled: false, wants: [{ hopLimit: 2 }] });
    expect(locate(begun(5).case)).toMatchObject({ settled: true, wants: [] });
  });

  it('asks a hop in twenty pairs at most: where fewer than five of them are answered it begins at the hop before', () => {
    const limited = (silent: number): ByHand => {
      const trace = new ByHand().pairs(5, 1, 'expires', 'expires').pairs(4, 2, 'expires', 'expires');
      trace.pairs(silent, 2, null, null);
      return trace.pairs(15, 3, 'expires', null, { purpose: PURPOSE.beyond, flow: 'fresh' });
    };
    expect(locate(limited(15).case)).toMatchObject({
      interval: { after: 2 },
      settled: false,
      wants: [{ hopLimit: 2 }],
    });
    expect(locate(limited(16).case)).toMatchObject({ interval: { after: 1 }, settled: true, wants: [] });
  });

  it('asks three times at the distance of a target that left what was sent there unanswered, and then no more', () => {
    const asked = (silent: number): ByHand => lossAt3().pairs(silent, 5, null, null, { purpose: PURPOSE.distance });
    const again = { hopLimit: 5, purpose: PURPOSE.distance };
    expect(locate(asked(2).case)).toMatchObject({ settled: false, wants: [again] });
    expect(locate(asked(3).case)).toMatchObject({ interval: { upTo: 5 }, settled: true, wants: [] });
  });

  it('asks at the next hop for as many flows as the confidence needs', () => {
    const flows = (count: number, confidence: number): boolean => {
      const trace = new ByHand('icmp6', { confidence });
      for (let hop = 1; hop <= 2; hop += 1) trace.pairs(5, hop, 'expires', 'expires');
      trace.pairs(count, 3, 'expires', null, { purpose: PURPOSE.beyond, flow: 'fresh' });
      return locate(trace.case).settled;
    };
    expect([flows(10, 0.999), flows(11, 0.999)]).toEqual([false, true]);
    expect([flows(14, 0.9999), flows(15, 0.9999)]).toEqual([false, true]);
  });

  it('a relative: asks for more flows once several members answered there, as many after the last new one', () => {
    const members = (after: number): boolean => {
      const trace = new ByHand('icmp6', { confidence: 0.999 });
      for (let hop = 1; hop <= 2; hop += 1) trace.pairs(5, hop, 'expires', 'expires');
      const fresh = { purpose: PURPOSE.beyond, flow: 'fresh' } as const;
      for (const other of [3, 33]) trace.pairs(1, 3, { from: routerAt(other), type: 3, code: 0 }, null, fresh);
      return locate(trace.pairs(after, 3, 'expires', null, fresh).case).settled;
    };
    expect([members(11), members(18), members(19)]).toEqual([false, false, true]);
  });

  it('begins at the source where no hop saw the option', () => {
    const trace = new ByHand().explored(1);
    expect(locate(trace.case).interval).toMatchObject({ after: 0, upTo: 5, likelyUpTo: 1 });
  });
});

describe('where, a place with refusals', () => {
  it('is not up to a reporter at which one packet was refused: some of those lost there may have been, without a word', () => {
    const refused = { from: routerAt(2), type: 1, code: 1 };
    const trace = lossAt3({ habits: { 3: habit } });
    expect(locate(trace.case).interval.upTo).toBe(3);
    expect(locate(trace.pairs(1, 3, 'expires', refused).case).interval.upTo).toBe(5);
  });
});
