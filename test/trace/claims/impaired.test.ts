import { describe, expect, it } from 'vitest';
import { impaired } from '../../../src/trace/claims/impaired.js';
import type { Protocol } from '../../../src/record/record.js';
import { ARM_CODE, PURPOSE, TARGET_HOP_LIMIT } from '../../../src/trace/state/trace-state.js';
import { judgeTrace } from '../../../src/trace/trace-machine.js';
import type { Sibling } from '../../../src/trace/sibling.js';
import type { Standing } from '../../../src/trace/claims/claim.js';
import { type Answer, ByHand, ECHO_LOST, ECHO_SILENT, findingOf, reasonOf } from '../by-hand.js';
import { isTreated, routerAt, runTrace, type FakePath } from '../fake-path.js';

/** One packet with the option arrived; so many pairs lost it. */
const losing = (
  lost: number,
  placebos: number,
  values: ConstructorParameters<typeof ByHand>[1] = {},
  protocol: Protocol = 'icmp6',
  answer: Answer = 'arrives',
): ByHand =>
  new ByHand(protocol, values)
    .explored()
    .target(1, answer, answer)
    .target(lost, answer, null)
    .placebos(placebos, answer)
    .references(12, 4)
    .repeats(3, 4);

/** The least number of lost pairs beside six placebos with which the claim is no longer open. */
const least = (placebos: number): number => {
  for (let lost = 1; lost < 40; lost += 1) if (losing(lost, placebos).stand(impaired).is === 'proven') return lost;
  return 40;
};

describe('impaired', () => {
  it('needs the bar of the mixture and placebos: 14 lost pairs at 0.999 beside one that came whole, not 13', () => {
    // ½ Σ C(n+1, i) / ((n+1) C(n, a)) reaches 1,000 at a = 14, b = 0: (2^15 − 1) / (2 · 15) = 1,092.
    expect(least(10)).toBe(14);
    expect(losing(13, 10).stand(impaired).is).toBe('open');
    expect(findingOf(losing(14, 10).stand(impaired))).toMatchObject({ outcome: 'impaired', basis: 'target' });
  });

  it('is left open with four placebos, whatever was lost', () => {
    expect(losing(30, 4).stand(impaired).is).toBe('open');
  });

  it('names no interval, no refuser and no cause', () => {
    const finding = findingOf(losing(20, 8).stand(impaired));
    expect([finding.interval, finding.refusal, finding.cause]).toEqual([undefined, undefined, undefined]);
    expect(finding.reasons[0]).toContain('1 of 21 with, 21 of 21 without');
  });

  it('says so where what arrived did so besides the pairs: "0 of 30 with" alone would deny it', () => {
    const trace = new ByHand('icmp6').explored().target(30, 'arrives', null).placebos(8, 'arrives').references(12, 4);
    const { reasons } = findingOf(trace.repeats(3, 4).stand(impaired));
    expect(reasons).toContain('5 packets with the option arrived besides these pairs.');
    expect(findingOf(losing(20, 8).stand(impaired)).reasons.join(' ')).not.toContain('besides');
  });

  it('is no matter of a target that no packet with the option reached: that would be dropped', () => {
    const trace = new ByHand().explored(3).target(20, 'arrives', null).placebos(8, 'arrives').repeats(3, 2);
    expect(trace.stand(impaired).is).toBe('refuted');
  });

  it('is refuted by a silent target', () => {
    const trace = new ByHand().explored(3, null, null).target(20, null, null);
    expect(trace.stand(impaired).is).toBe('refuted');
  });

  it('is refuted by no loss that matters', () => {
    const trace = new ByHand().explored().target(60, 'arrives', 'arrives').target(1, 'arrives', null);
    expect(trace.stand(impaired).is).toBe('refuted');
  });

  it('is refuted at the cap with both rates, where neither loss nor its absence is shown', () => {
    const trace = new ByHand().explored();
    for (let i = 0; i < 20; i += 1)
      trace.target(6, 'arrives', 'arrives').target(3, 'arrives', null).target(1, null, null);
    expect(reasonOf(trace.stand(impaired))).toContain('120 of 200 with, 180 of 200 without');
  });

  it.each([
    [600, 2],
    [1400, 54],
  ])('is said to have met its cap of %i probes, with both rates, and one pair before that it goes on', (cap, lost) => {
    const trace = new ByHand().explored(Number.POSITIVE_INFINITY, null, null);
    for (let i = 0; i < lost; i += 1) trace.target(1, 'arrives', null).target(1, null, 'arrives').target(1, null, null);
    const { state } = trace;
    const fill = (probes: number): void => {
      while (state.probes.count < probes)
        trace.pairs(1, 3, 'expires', 'expires', { purpose: PURPOSE.beyond, flow: 'fresh' });
    };
    const said = (): string => judgeTrace(state, trace.context, trace.nowNs + 30e9).verdict.reasons.join(' ');
    fill(cap - 2);
    expect(said()).not.toContain('cap of');
    fill(cap);
    expect(said()).toMatch(
      new RegExp(`The cap of ${cap} probes was reached: ${lost} of \\d+ with, ${lost} of \\d+ without`),
    );
  });

  it('is defeated by receive drops of the kernel', () => {
    const trace = losing(20, 8);
    trace.state.droppedByKernel = true;
    expect(reasonOf(trace.stand(impaired))).toContain('The kernel dropped');
  });

  it('is defeated by a target that sends the option itself: some of its answers may be what is lost', () => {
    const trace = losing(20, 8);
    trace.state.pdm.isSent = true;
    expect(reasonOf(trace.stand(impaired))).toContain('in which direction is not known');
  });

  it('is defeated by a firewall near the source that takes some answers: a router asked itself loses as many', () => {
    const trace = new ByHand().explored();
    for (let i = 0; i < 30; i += 1) trace.target(1, 'arrives', 'arrives').target(1, 'arrives', null);
    trace.placebos(30, 'arrives').repeats(3, 4);
    expect(trace.stand(impaired)).toMatchObject({ is: 'open' });
    const losingAlike = (hop: number): void => {
      for (let i = 0; i < 4; i += 1) trace.references(2, hop).references(2, hop, 'arrives', null);
    };
    losingAlike(4);
    // One nearer may stand before what loses them.
    expect(trace.stand(impaired)).toMatchObject({ is: 'open' });
    losingAlike(3);
    expect(reasonOf(trace.stand(impaired))).toContain('answered 8 of 16 with, 16 of 16 without');
    // A relative: no router answers at all, so that nobody can tell.
    const loneTarget = new ByHand().explored().target(1, 'arrives', 'arrives').target(20, 'arrives', null);
    loneTarget.placebos(8, 'arrives').references(3, 4, null).references(3, 3, null).repeats(3, 4);
    expect(reasonOf(loneTarget.stand(impaired))).toContain('No router on the way answers');
  });

  it('is proven by 24 whole pairs to a router, beside 30 lost and 30 whole ones at the target, and not by 15', () => {
    const trace = new ByHand().explored();
    for (let i = 0; i < 30; i += 1) trace.target(1, 'arrives', 'arrives').target(1, 'arrives', null);
    trace.placebos(30, 'arrives').repeats(3, 4);
    // Fisher's p of 1/3,300 and 1/119,000, where a thirtieth of 1/1,000 is asked.
    expect(trace.references(15, 4).stand(impaired).is).toBe('open');
    expect(trace.references(9, 4).stand(impaired).is).toBe('proven');
  });

  it('is refuted where another protocol comes whole to the target, and waits for what the others find', () => {
    const beside = (siblingTcp: Sibling): ByHand => losing(20, 8, { siblingTcp });
    const tcp = { plainArrivals: 4, pdmArrivals: 2, lossShown: false, settled: false, isWhole: false };
    expect(beside(tcp).stand(impaired)).toMatchObject({ is: 'open', has: 'waiting for the other protocols' });
    expect(beside({ ...tcp, settled: true }).stand(impaired).is).toBe('proven');
    // What loses will not turn out whole: it may itself wait for this one.
    expect(beside({ ...tcp, isLosing: true }).stand(impaired).is).toBe('proven');
    expect(reasonOf(beside({ ...tcp, settled: true, isWhole: true }).stand(impaired))).toContain('protocol-specific');
  });

  it('needs of UDP the witness that dropped needs: echo pairs that are lost as well', () => {
    const besides = (siblingEcho: Sibling): ByHand => losing(20, 8, { siblingEcho }, 'udp', { arrivesWith: 60 });
    const echoIsWhole = { plainArrivals: 12, pdmArrivals: 12, lossShown: false, settled: true };
    expect(reasonOf(besides(echoIsWhole).stand(impaired))).toContain('echo requests show no such loss');
    expect(reasonOf(besides(ECHO_SILENT).stand(impaired))).toContain('the target answers no echo request');
    expect(besides({ ...echoIsWhole, settled: false }).stand(impaired).is).toBe('open');
    const someAreLost = { ...ECHO_LOST, pdmArrivals: 3 };
    // SYNs stand beside: a router is asked by them as well.
    expect(besides(someAreLost).stand(impaired).is).toBe('open');
    const trace = besides(someAreLost).references(24, 4, 'arrives', 'arrives', 'tcp');
    expect(findingOf(trace.stand(impaired))).toMatchObject({ returnPath: 'excluded' });
  });

  it('is refuted where all answers to the option come from nearer than most to plain packets, or in other words', () => {
    const beside = (plain: Answer, treated: Answer, few: number): Standing => {
      const trace = new ByHand('tcp').explored().target(1, treated, treated).target(few, treated, null);
      trace.target(20, plain, null).placebos(8, plain).references(12, 4).references(24, 4, 'arrives', 'arrives', 'tcp');
      return trace.repeats(3, 4).stand(impaired);
    };
    const far = { arrivesWith: 60 };
    expect(reasonOf(beside(far, { arrivesWith: 62 }, 1))).toContain('from nearer than most answers');
    expect(beside(far, { arrivesWith: 62 }, 20).is).toBe('proven');
    expect(beside(far, { arrivesWith: 58 }, 1).is).toBe('proven');
    expect(beside(far, far, 1).is).toBe('proven');
    expect(reasonOf(beside({ resetsWith: 60 }, far, 1))).toContain('what few answers to packets without it say');
    expect(beside({ resetsWith: 60 }, far, 40).is).toBe('proven');
  });

  it('is refuted by errors or resets alone where it is not seen from how far they come: a firewall may refuse so', () => {
    const someAreLost = { ...ECHO_LOST, pdmArrivals: 3 };
    const udp = (answer: Answer): Standing =>
      losing(20, 8, { siblingEcho: someAreLost }, 'udp', answer)
        .references(24, 4, 'arrives', 'arrives', 'tcp')
        .stand(impaired);
    expect(reasonOf(udp('arrives'))).toContain('All answers are errors, and from how far they came is not seen');
    expect(udp({ arrivesWith: 60 }).is).toBe('proven');
    const tcp = (answer: Answer, isSeen: boolean): Standing => {
      const trace = losing(20, 8, {}, 'tcp', answer).references(24, 4, 'arrives', 'arrives', 'tcp');
      if (!isSeen) for (const signature of trace.state.signatures) Object.assign(signature, { replyHopLimit: null });
      return trace.stand(impaired);
    };
    expect(reasonOf(tcp({ resetsWith: 60 }, false))).toContain('All segments that came back are resets');
    expect(tcp({ resetsWith: 60 }, true).is).toBe('proven');
    expect(tcp('arrives', false).is).toBe('proven');
  });

  it('is defeated by a proxy that answers plain packets alone, before a way that loses of all alike', () => {
    expect(reasonOf(losing(20, 8, { routerSeenByOthers: 7 }).stand(impaired))).toContain('too near to be the target');
  });

  it('is defeated by replies that fit no one probe', () => {
    const trace = losing(20, 8);
    trace.state.counters.ambiguous = 2;
    expect(reasonOf(trace.stand(impaired))).toContain('fit no one probe');
  });
});

describe('networks', () => {
  /** Of the packets with the option to the target, this share of a hundred is lost, flow by flow. */
  const lossy = (percent: number): FakePath => ({
    protocol: 'icmp6',
    routers: 6,
    differs: ({ arm, hopLimit, flow }) =>
      arm === ARM_CODE.pdm && hopLimit === TARGET_HOP_LIMIT && (flow * 37) % 100 < percent ? null : undefined,
  });

  it.each([50, 60])('%i percent of the packets with the option lost is impaired, never delivered', (percent) => {
    const { verdict } = runTrace(lossy(percent));
    expect(verdict).toMatchObject({ outcome: 'impaired', interval: null, cause: null });
    expect(verdict.confidence).toBeGreaterThanOrEqual(0.999);
  });

  it('refusals of some count as losses, and nobody is named', () => {
    let asked = 0;
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit }) => {
        if (arm !== ARM_CODE.pdm || hopLimit !== TARGET_HOP_LIMIT) return undefined;
        return (asked += 1) % 3 === 0 ? undefined : { from: routerAt(4), type: 1, code: 1 };
      },
    });
    expect(verdict).toMatchObject({ outcome: 'impaired', interval: null, refusal: null });
    expect(verdict.reasons.join(' ')).toContain('packets with the option were refused');
  });

  it('A relative: a target that answers only the first packet of each pair impairs neither arm', () => {
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 6,
      differs: ({ hopLimit, number }) => (hopLimit === TARGET_HOP_LIMIT && number % 2 === 1 ? null : undefined),
    });
    expect(verdict).toMatchObject({ outcome: 'inconclusive', evidence: { placebo: { both: 0 } } });
    expect(verdict.reasons[0]).toMatch(/^Neither a loss of packets with the option nor its absence is shown: /);
  });

  it('options that come 3 ms later to a target of one answer at a time are not impaired', () => {
    let firstIsTreated = false;
    const { verdict, state } = runTrace({
      protocol: 'icmp6',
      routers: 6,
      differs: ({ arm, hopLimit, number }) => {
        if (hopLimit !== TARGET_HOP_LIMIT) return undefined;
        if (number % 2 === 0) firstIsTreated = isTreated(arm);
        // The token is taken by the plain packet of a pair, whichever left first, and by the first of a placebo.
        if (isTreated(arm)) return null;
        return number % 2 === 1 && !firstIsTreated ? null : undefined;
      },
    });
    // Parted as far as a pair may be, and placebos still come no better.
    expect(state.countIndex).toBe(3);
    expect(verdict).toMatchObject({ outcome: 'inconclusive', evidence: { pdmOnly: 0, placebo: { both: 0 } } });
    expect(verdict.reasons[0]).toMatch(/its absence is shown: 0 of (\d+) with, \1 of \1 without/);
  });
});
