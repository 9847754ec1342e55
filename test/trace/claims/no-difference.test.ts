import { describe, expect, it } from 'vitest';
import { noDifference } from '../../../src/trace/claims/no-difference.js';
import { ByHand, findingOf, reasonOf } from '../by-hand.js';
import { isTreated, routerAt, runTrace } from '../fake-path.js';

/** Four routers that report both arms, then silence to the gap limit. */
const silent = (pairs: number, lastHop: 'expires' | null = 'expires'): ByHand => {
  const trace = new ByHand();
  for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop === 4 ? lastHop : 'expires');
  for (let hop = 5; hop <= 12; hop += 1) trace.pairs(3, hop, null, null);
  return trace.target(pairs, null, null);
};

describe('no-difference', () => {
  it('is proven by ten unanswered pairs where the option was seen as far, and open with nine', () => {
    expect(findingOf(silent(10).stand(noDifference))).toMatchObject({ outcome: 'no-difference', basis: 'routers' });
    expect(silent(9).stand(noDifference).is).toBe('open');
  });

  it('is refuted where plain was seen farther', () => {
    expect(silent(10, null).stand(noDifference).is).toBe('refuted');
  });

  it('is refuted by any answer of the target', () => {
    expect(silent(10).target(1, 'arrives', null).stand(noDifference).is).toBe('refuted');
    expect(silent(10).target(1, null, 'arrives').stand(noDifference).is).toBe('refuted');
  });

  it('waits for the hops', () => {
    const trace = new ByHand().pairs(3, 1, 'expires', 'expires').target(10, null, null);
    expect(trace.stand(noDifference).is).toBe('open');
  });

  it('is said of a target that answers nobody', () => {
    const { verdict } = runTrace({
      protocol: 'udp',
      routers: 8,
      differs: ({ hopLimit }) => (hopLimit > 8 ? null : undefined),
    });
    expect(verdict).toMatchObject({ outcome: 'no-difference', interval: null, evidence: { pairs: 10 } });
  });

  it('is said where plain packets alone are filtered on the way and the target answers neither', () => {
    for (const protocol of ['udp', 'icmp6'] as const) {
      const { verdict } = runTrace({
        protocol,
        routers: 6,
        differs: ({ arm, hopLimit }) => (hopLimit > 6 || (!isTreated(arm) && hopLimit > 3) ? null : undefined),
      });
      expect(verdict).toMatchObject({ outcome: 'no-difference', interval: null, confidence: null });
      expect(verdict.reasons.join(' ')).toContain('farther (hop 6) than those without (hop 3)');
    }
  });

  it("a relative: is not said where something answers the option alone, by errors in the target's name", () => {
    const { verdict } = runTrace({
      protocol: 'udp',
      routers: 6,
      differs: ({ arm, hopLimit }) => (!isTreated(arm) && hopLimit > 3 ? null : undefined),
    });
    expect(verdict).toMatchObject({ outcome: 'inconclusive', interval: null, refusal: null });
    expect(verdict.reasons.join(' ')).toContain('which somebody else may send as well');
  });

  it('is never said of a target that answered before options were sent', () => {
    let isShunned = false;
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm }) => {
        if (isTreated(arm)) isShunned = true;
        return isShunned ? null : undefined;
      },
    });
    expect(verdict.outcome).toBe('inconclusive');
  });
});

describe('no-difference, packets of either arm that a link is too small for', () => {
  it.each([
    ['without the option', { plain: true, pdm: false }],
    ['with it', { plain: false, pdm: true }],
  ])('is refuted by one packet %s', (_, big) => {
    const tooBig = { from: routerAt(4), type: 2, code: 0, pointer: 1280 };
    const trace = silent(10).target(1, big.plain ? tooBig : null, big.pdm ? tooBig : null);
    expect(trace.stand(noDifference).is).toBe('refuted');
  });
});

describe('no-difference, refusals', () => {
  it('is refuted where packets with the option alone were refused, however far they were seen, and not where both were', () => {
    const refused = { from: routerAt(4), type: 1, code: 0 };
    expect(reasonOf(silent(10).target(1, null, refused).stand(noDifference))).toBeNull();
    expect(findingOf(silent(10).target(1, refused, refused).stand(noDifference)).outcome).toBe('no-difference');
  });
});
