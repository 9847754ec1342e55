import { describe, expect, it } from 'vitest';
import { hasFallenSilent } from '../../../src/trace/evidence/silence.js';
import { PURPOSE } from '../../../src/trace/state/trace-state.js';
import { ByHand, type Answer } from '../by-hand.js';

const after = (silentPairs: number, first: Answer = 'arrives'): ByHand =>
  new ByHand()
    .pairs(1, 64, first, null, { purpose: PURPOSE.alone, treatment: 'plain', flow: 'fresh' })
    .target(silentPairs, null, null);

describe('a fall into silence', () => {
  it('is twenty pairs unanswered in both arms after plain was answered alone, and not nineteen', () => {
    expect(hasFallenSilent(after(20).case)).toBe(true);
    expect(hasFallenSilent(after(19).case)).toBe(false);
  });

  it('is none where plain was never answered', () => {
    expect(hasFallenSilent(after(40, null).case)).toBe(false);
  });

  it('is none once a packet with the option arrived', () => {
    expect(hasFallenSilent(new ByHand().target(1, 'arrives', 'arrives').case)).toBe(false);
    expect(hasFallenSilent(after(0).target(1, null, 'arrives').target(40, null, null).case)).toBe(false);
  });

  it('is over when plain is answered again', () => {
    expect(hasFallenSilent(after(30).target(1, 'arrives', null).case)).toBe(false);
  });

  it('is twenty where plain had arrived twice, and forty where it had arrived three times', () => {
    const trace = (arrived: number): ByHand => after(0).target(arrived, 'arrives', null).target(39, null, null);
    expect([1, 2].map((more) => hasFallenSilent(trace(more).case))).toEqual([true, false]);
    expect(hasFallenSilent(trace(2).target(1, null, null).case)).toBe(true);
  });

  it('needs forty pairs where many plain packets had been answered beside lost options', () => {
    const trace = (silent: number): ByHand => after(0).target(5, 'arrives', null).target(silent, null, null);
    expect(hasFallenSilent(trace(39).case)).toBe(false);
    expect(hasFallenSilent(trace(40).case)).toBe(true);
  });

  it('is twenty again where a count was begun again: what was answered before was answered otherwise', () => {
    const trace = after(0).target(5, 'arrives', null);
    trace.state.countIndex = 2;
    trace.state.countStart = trace.state.probes.count;
    expect(hasFallenSilent(trace.target(19, null, null).case)).toBe(false);
    expect(hasFallenSilent(trace.target(1, null, null).case)).toBe(true);
  });
});
