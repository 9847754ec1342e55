import { describe, expect, it } from 'vitest';
import { bypassed } from '../../../src/trace/claims/bypassed.js';
import { PURPOSE, TARGET_HOP_LIMIT } from '../../../src/trace/state/trace-state.js';
import { ByHand, findingOf, reasonOf, type Answer } from '../by-hand.js';
import { isTreated, routerAt, runTrace, type FakePath } from '../fake-path.js';

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
    for (const [hop, answer] of [
      [4, 'arrives'],
      [7, { resetsWith: 60 }],
      [4, { resetsWith: 60 }],
    ] as const) {
      // What answers there is no arrival.
      expect(answeredFrom(hop, answer).case).toMatchObject({ pdmArrivals: 0, counts: { looks: { pdmOnly: 0 } } });
      expect(reasonOf(answeredFrom(hop, answer).stand(bypassed))).toBeNull();
    }
  });

  it('is refuted where the target sends the option itself, and its answers to plain packets may be what is lost', () => {
    const trace = lostPlain(11, 6);
    trace.state.pdm.isSent = true;
    expect(reasonOf(trace.stand(bypassed))).toContain('The target sends the option itself');
  });

  it('is refuted where the arms take different ways, and a transport that sees no received header cannot tell whether it does', () => {
    const onAnotherWay = (treated: Answer): ByHand => {
      const trace = new ByHand('icmp6');
      for (let hop = 1; hop <= 3; hop += 1) trace.pairs(5, hop, 'expires', 'expires');
      trace.pairs(5, 4, 'expires', treated).pairs(5, 5, null, 'arrives');
      for (let hop = 6; hop <= 30; hop += 1) trace.pairs(3, hop, null, 'arrives');
      return trace.target(11, null, 'arrives').placebos(6, 'arrives', 'arrives', 'pdm').repeats(3, 3);
    };
    expect(reasonOf(onAnotherWay({ from: routerAt(14), type: 3, code: 0 }).stand(bypassed))).toContain('another way');
    expect(onAnotherWay('expires').stand(bypassed).is).not.toBe('refuted');
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

describe('bypassed, of datagrams that draw errors alone', () => {
  /** That a longer plain packet drew one makes errors the target's kind: so those about the option are arrivals. */
  const byErrors = (): ByHand => {
    const trace = new ByHand('udp');
    for (let hop = 1; hop <= 4; hop += 1) trace.pairs(5, hop, 'expires', 'expires');
    for (let hop = 5; hop <= 30; hop += 1) trace.pairs(hop === 5 ? 5 : 3, hop, null, 'arrives');
    trace.pairs(1, TARGET_HOP_LIMIT, null, 'arrives', { purpose: PURPOSE.explain, treatment: 'long' });
    return trace.target(20, null, 'arrives').placebos(8, 'arrives', 'arrives', 'pdm').repeats(3, 4);
  };

  it('is refuted, for somebody else may send them, but not where a service of the target was heard', () => {
    const trace = byErrors();
    expect(reasonOf(trace.stand(bypassed))).toContain('by errors that somebody else may send');
    trace.state.serviceAnswers = true;
    expect(findingOf(trace.stand(bypassed)).outcome).toBe('bypassed');
  });
});
