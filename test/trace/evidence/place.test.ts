import { describe, expect, it } from 'vitest';
import { emptyPlace, isSilent, responderOf, type Place } from '../../../src/trace/evidence/place.js';
import { PURPOSE } from '../../../src/trace/state/trace-state.js';
import { alter, ByHand, quotedBy } from '../by-hand.js';
import { routerAt } from '../fake-path.js';

const placeAt = (trace: ByHand, hop: number): Place => trace.case.hops[hop]!;
const refusal = { from: routerAt(2), type: 1, code: 1 };

describe('a place', () => {
  it('counts whole pairs, lost ones, and refused ones among the lost', () => {
    const trace = new ByHand()
      .pairs(2, 3, 'expires', 'expires')
      .pairs(3, 3, 'expires', null)
      .pairs(1, 3, 'expires', refusal)
      .pairs(1, 3, null, 'expires')
      .pairs(1, 3, null, null);
    expect(placeAt(trace, 3)).toMatchObject({
      pairs: 8,
      both: 2,
      plainOnly: 4,
      pdmOnly: 1,
      neither: 1,
      lost: 4,
      refused: 1,
      treatedPassed: 3,
      pdmIntact: 3,
    });
  });

  it('knows when the first and the last loss were sent', () => {
    const trace = new ByHand().pairs(1, 3, 'expires', 'expires').pairs(3, 3, 'expires', null);
    expect(placeAt(trace, 3)).toMatchObject({ firstLostNs: 100e6, lastLostNs: 300e6, lastIntactNs: 0 });
  });

  it('does not take a changed quote for intact', () => {
    const trace = new ByHand().pairs(2, 3, 'expires', quotedBy(3, alter));
    expect(placeAt(trace, 3)).toMatchObject({ pdmIntact: 0, treatedPassed: 2 });
  });

  it('keeps members met on other flows apart from its own responder, and counts flows since the last new one', () => {
    const other = { from: routerAt(33), type: 3, code: 0 };
    const fresh = { purpose: PURPOSE.beyond, flow: 'fresh' } as const;
    const trace = new ByHand()
      .pairs(1, 3, 'expires', null)
      .pairs(1, 3, other, null, fresh)
      .pairs(4, 3, 'expires', null, fresh);
    expect(placeAt(trace, 3)).toMatchObject({
      plainResponders: ['2001:db8:1:3::1'],
      plainResponderOnAnyFlow: ['2001:db8:1:3::1', '2001:db8:1:33::1'],
      flowsSinceNew: 5,
    });
  });
});

describe('who answers there', () => {
  it('is nobody, one, or not known', () => {
    expect(responderOf(emptyPlace())).toBe('');
    expect(responderOf(placeAt(new ByHand().pairs(1, 3, 'expires', 'expires'), 3))).toBe('2001:db8:1:3::1');
    const two = new ByHand().pairs(1, 3, 'expires', { from: routerAt(33), type: 3, code: 0 });
    expect(responderOf(placeAt(two, 3))).toBeNull();
    expect(responderOf(placeAt(new ByHand().pairs(1, 3, refusal, null), 3))).toBeNull();
  });

  it('is silent only where neither arm was answered', () => {
    expect(isSilent(undefined)).toBe(true);
    expect(isSilent(placeAt(new ByHand().pairs(3, 3, null, null), 3))).toBe(true);
    expect(isSilent(placeAt(new ByHand().pairs(3, 3, null, 'expires'), 3))).toBe(false);
  });
});
