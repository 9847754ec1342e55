import { describe, expect, it } from 'vitest';
import { altered } from '../../../src/trace/claims/altered.js';
import { alter, ByHand, quotedBy, strip } from '../by-hand.js';
import { testChange } from './changed-cases.js';

describe('altered', () => {
  testChange(altered, alter);

  it('is told apart from stripped', () => {
    const trace = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, strip) : 'expires');
    trace.pairs(3, 5, 'arrives', 'arrives');
    expect(trace.stand(altered).is).toBe('refuted');
    const own = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) own.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, alter) : 'expires');
    expect(own.pairs(3, 5, 'arrives', 'arrives').stand(altered).is).toBe('proven');
  });
});
