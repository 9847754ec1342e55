import { describe, expect, it } from 'vitest';
import { stripped } from '../../../src/trace/claims/stripped.js';
import { alter, ByHand, quotedBy, reasonOf, strip } from '../by-hand.js';
import { testChange } from './changed-cases.js';

describe('stripped', () => {
  testChange(stripped, strip);

  it('is not shown by routers alone where no such packet arrives: a stripped one arrives as plain does', () => {
    const trace = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, strip) : 'expires');
    trace.pairs(3, 5, 'arrives', null).target(3, 'arrives', null);
    expect(reasonOf(trace.stand(stripped))).toContain('nothing shows that such packets arrive');
  });

  it('is told apart from altered', () => {
    const trace = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, alter) : 'expires');
    trace.pairs(3, 5, 'arrives', 'arrives');
    expect(trace.stand(stripped).is).toBe('refuted');
    const own = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) own.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, strip) : 'expires');
    expect(own.pairs(3, 5, 'arrives', 'arrives').repeats(8, 2).stand(stripped).is).toBe('proven');
  });
});
