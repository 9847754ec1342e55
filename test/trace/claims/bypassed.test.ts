import { describe, expect, it } from 'vitest';
import { bypassed } from '../../../src/trace/claims/bypassed.js';
import { TARGET_HOP_LIMIT } from '../../../src/trace/state/trace-state.js';
import { ByHand, findingOf, reasonOf, type Answer } from '../by-hand.js';
import { isTreated, runTrace, type FakePath } from '../fake-path.js';

/** `plain` never arrives; placebos are of the arm that does. */
const lostPlain = (pairs: number, placebos: number, values: ConstructorParameters<typeof ByHand>[1] = {}): ByHand => {
  const trace = new ByHand('icmp6', values);
  for (let hop = 1; hop <= 4; hop += 1) trace.pairs(5, hop, 'expires', 'expires');
  trace.pairs(5, 5, null, 'arrives');
  // Plain packets are looked for as far as the gap limit.
  for (let hop = 6; hop <= 12; hop += 1) trace.pairs(3, hop, null, 'arrives');
  for (let hop = 13; hop <= 30; hop += 1) trace.pairs(3, hop, null, 'arrives');
  return trace.target(pairs, null, 'arrives').placebos(placebos, 'arrives', 'arrives', 'pdm').repeats(3, 4);
};

/** A filter that reads the first next header alone. */
const PLAIN_FILTERED: Omit<FakePath, 'protocol'> = {
  routers: 6,
  differs: ({ arm, hopLimit }) => (!isTreated(arm) && hopLimit > 6 ? null : undefined),
};

describe('bypassed', () => {
  it.each([
    [0.999, 11, 6],
    [0.9999, 15, 6],
  ])(
    'at %d: %i pairs and %i placebos of the option prove it, and no place or network is named',
    (confidence, pairs, placebos) => {
      const finding = findingOf(lostPlain(pairs, placebos, { confidence }).stand(bypassed));
      expect(finding).toMatchObject({ outcome: 'bypassed', basis: 'target' });
      expect(finding.interval).toBeUndefined();
    },
  );

  it.each([
    [0.999, 10, 6],
    [0.999, 11, 5],
    [0.9999, 14, 6],
    [0.9999, 15, 4],
  ])('at %d: %i pairs and %i placebos leave it open', (confidence, pairs, placebos) => {
    expect(lostPlain(pairs, placebos, { confidence }).stand(bypassed).is).toBe('open');
  });

  it('a filter that reads only the first next header lets the option pass where plain packets do not', () => {
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 6,
      differs: ({ arm, hopLimit }) => (!isTreated(arm) && hopLimit > 4 ? null : undefined),
    });
    expect(verdict).toMatchObject({ outcome: 'bypassed', interval: null, refusal: null });
    expect(verdict.confidence).toBeGreaterThanOrEqual(0.999);
    expect(verdict.evidence.rates).toEqual({ plain: 0, pdm: 1 });
    expect(verdict.evidence.pdmOnly).toBeGreaterThanOrEqual(11);
    expect(verdict.evidence.placebo!.pairs).toBeGreaterThanOrEqual(5);
  });

  it('a relative: fewer of the plain packets arrive, but one did, is inconclusive', () => {
    let asked = 0;
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 6,
      differs: ({ arm, hopLimit }) =>
        !isTreated(arm) && hopLimit === TARGET_HOP_LIMIT && (asked += 1) % 10 !== 1 ? null : undefined,
    });
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join(' ')).toContain('Fewer of the packets without the option arrive');
  });

  it('is refuted for UDP, where only errors in the name of the target answer the option', () => {
    const { verdict } = runTrace({ ...PLAIN_FILTERED, protocol: 'udp' });
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join(' ')).toContain('drew errors in its name, which somebody else may send as well');
    expect(verdict.evidence.pdmOnly).toBe(0);
  });

  it('a relative: is proven for UDP where a service of the target answers the option', () => {
    const { verdict } = runTrace({ ...PLAIN_FILTERED, protocol: 'udp', service: true });
    expect(verdict.outcome, verdict.reasons.join(' ')).toBe('bypassed');
  });

  it('is refuted where what answers the option stands before routers that plain packets meet, or resets it', () => {
    const answeredFrom = (hop: number, answer: Answer): ByHand => {
      const trace = new ByHand('tcp');
      for (let at = 1; at < 7; at += 1) trace.pairs(5, at, 'expires', at < hop ? 'expires' : answer);
      for (let at = 7; at <= 30; at += 1) trace.pairs(3, at, null, answer);
      return trace
        .target(16, null, answer)
        .placebos(6, answer, answer, 'pdm')
        .repeats(3, hop - 1);
    };
    expect(answeredFrom(7, 'arrives').stand(bypassed).is).toBe('proven');
    expect(answeredFrom(4, 'arrives').stand(bypassed).is).not.toBe('proven');
    expect(answeredFrom(7, { resetsWith: 60 }).stand(bypassed).is).not.toBe('proven');
    expect(answeredFrom(4, { resetsWith: 60 }).stand(bypassed).is).not.toBe('proven');
  });

  it('asks for nothing more once a plain packet has arrived: `delivered` does', () => {
    const trace = new ByHand().explored().target(11, 'arrives', 'arrives').target(2, null, 'arrives');
    expect(trace.stand(bypassed).is).toBe('refuted');
  });

  it('is refuted where the pairs came whole', () => {
    expect(reasonOf(new ByHand().explored().target(11, 'arrives', 'arrives').stand(bypassed))).toBeNull();
  });

  it('is refuted where the option fares worse', () => {
    expect(new ByHand().explored(3).target(20, 'arrives', null).stand(bypassed).is).toBe('refuted');
  });

  it('is not shown by placebos that are lost as well', () => {
    expect(lostPlain(20, 0).placebos(10, null, null, 'pdm').stand(bypassed).is).toBe('open');
  });

  it('is defeated by receive drops of the kernel', () => {
    const trace = lostPlain(20, 6);
    trace.state.droppedByKernel = true;
    expect(reasonOf(trace.stand(bypassed))).toContain('The kernel dropped');
  });
});
