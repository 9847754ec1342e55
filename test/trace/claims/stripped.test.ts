import { describe, expect, it } from 'vitest';
import { stripped } from '../../../src/trace/claims/stripped.js';
import { alter, ByHand, quotedBy, strip } from '../by-hand.js';
import { testChange } from './changed-cases.js';

describe('stripped', () => {
  testChange(stripped, strip);

  it('is told apart from altered', () => {
    const trace = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, alter) : 'expires');
    trace.pairs(3, 5, 'arrives', 'arrives');
    expect(trace.stand(stripped).is).toBe('refuted');
    const own = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) own.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, strip) : 'expires');
    expect(own.pairs(3, 5, 'arrives', 'arrives').stand(stripped).is).toBe('proven');
  });
});
