import { describe, expect, it } from 'vitest';
import { lossOutlivesN, standOfPath } from '../../../src/trace/claims/same-path.js';
import { divergenceOf } from '../../../src/trace/evidence/divergence.js';
import { ByHand, ECHO_LOST } from '../by-hand.js';
import { dropsFrom, isTreated, routerAt, runTrace } from '../fake-path.js';

const other = { from: routerAt(77), type: 3, code: 0 };

describe('same path', () => {
  it('is the same after three repeats at n that passed, and open with two', () => {
    const trace = (count: number): ByHand => new ByHand().explored(3).repeats(count, 2);
    expect(standOfPath(trace(3).case).is).toBe('same');
    expect(standOfPath(trace(2).case)).toMatchObject({ is: 'open', wants: [{ hopLimit: 2 }] });
  });

  it('has changed when ten repeats at n lost the option, not when nine did', () => {
    const trace = (lost: number): ByHand => new ByHand().explored(3).repeats(lost, 2, 'expires', null);
    expect(standOfPath(trace(10).case).is).toBe('changed');
    expect(standOfPath(trace(9).case).is).toBe('open');
  });

  it('has changed when eight repeats were answered by others than before', () => {
    const trace = new ByHand().explored(3).repeats(8, 2, other, other);
    expect(standOfPath(trace.case).is).toBe('changed');
  });

  it('is no question where no hop saw the option', () => {
    expect(standOfPath(new ByHand().explored(1).case).is).toBe('same');
  });

  it('asks n again when more than six losses came after n was last seen', () => {
    const trace = new ByHand().explored(3).target(12, 'arrives', null);
    expect(lossOutlivesN(trace.case)).toBe(true);
    expect(lossOutlivesN(trace.repeats(1, 2).case)).toBe(false);
    const lost = (count: number): boolean =>
      lossOutlivesN(new ByHand().explored(3).target(count, 'arrives', null).case);
    expect([lost(6), lost(7)]).toEqual([false, true]);
  });

  it('a loss that moves nearer is measured once more, from the start', () => {
    const { verdict, state } = runTrace({
      protocol: 'icmp6',
      routers: 8,
      siblingEcho: ECHO_LOST,
      differs: (probe) => dropsFrom(probe.atNs > 0.25e9 ? 3 : 5)(probe),
    });
    expect(state.restarts).toBe(1);
    expect(verdict).toMatchObject({ outcome: 'dropped', interval: { after: 2 } });
    expect(verdict.reasons.join(' ')).toContain('started again once');
  });

  it('a relative: on the new way n itself is silent, and the loss is not placed beyond it', () => {
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 12,
      differs: (probe) => {
        if (probe.atNs <= 0.85e9) return dropsFrom(9)(probe);
        return probe.hopLimit === 8 ? null : dropsFrom(3)(probe);
      },
    });
    if (verdict.outcome === 'dropped') expect(verdict.interval!.after).toBeLessThanOrEqual(2);
    else expect(verdict.outcome).toBe('inconclusive');
  });
});

describe('ways of the two arms', () => {
  it('diverge from the first hop whose responders differ up to n', () => {
    const trace = new ByHand()
      .pairs(3, 1, 'expires', 'expires')
      .pairs(3, 2, 'expires', other)
      .pairs(3, 3, 'expires', other);
    expect(divergenceOf(trace.case)).toBe(2);
  });

  it('do not diverge where they meet again: two addresses of one router', () => {
    const trace = new ByHand().pairs(3, 1, 'expires', other).pairs(3, 2, 'expires', 'expires');
    expect(divergenceOf(trace.case)).toBeNull();
  });

  it('diverge where a router answers the option at the distance of the target', () => {
    const trace = new ByHand('icmp6', { routers: 8 });
    for (let hop = 1; hop <= 3; hop += 1) trace.pairs(3, hop, 'expires', 'expires');
    trace.pairs(3, 4, 'arrives', 'expires');
    expect(divergenceOf(trace.case)).toBe(4);
  });

  it('do not diverge where the option is silent', () => {
    const { trace } = runTrace({
      protocol: 'icmp6',
      routers: 6,
      differs: ({ arm, hopLimit }) => (isTreated(arm) && hopLimit > 2 ? null : undefined),
    });
    expect(divergenceOf(trace)).toBeNull();
  });
});

describe('other responders at n', () => {
  it('of one arm alone change the path as well: of the option, and of plain packets', () => {
    const stand = (...answers: [plain: 'expires' | typeof other, treated: 'expires' | typeof other]): string =>
      standOfPath(new ByHand().explored(3).repeats(8, 2, ...answers).case).is;
    expect([stand('expires', other), stand(other, 'expires'), stand('expires', 'expires')]).toEqual([
      'changed',
      'changed',
      'same',
    ]);
  });
});
