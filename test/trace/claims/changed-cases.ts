/** What stripped and altered are asked alike. */
import { expect, it } from 'vitest';
import type { Claim } from '../../../src/trace/claims/claim.js';
import { ARM_CODE, PURPOSE } from '../../../src/trace/state/trace-state.js';
import type { Sibling } from '../../../src/trace/sibling.js';
import { alter, ByHand, ECHO_SILENT, findingOf, quotedBy, reasonOf, strip } from '../by-hand.js';
import { routerAt, runTrace, withHopLimit } from '../fake-path.js';
import { octetsOf, TARGET } from '../trace-fixture.js';

export function testChange(claim: Claim, change: (packet: Uint8Array) => Uint8Array): void {
  const changedFrom = (first: number, last = 4): ByHand => {
    const trace = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) {
      trace.pairs(3, hop, 'expires', hop >= first && hop <= last ? quotedBy(hop, change) : 'expires');
    }
    return trace
      .pairs(3, 5, 'arrives', 'arrives')
      .target(11, 'arrives', 'arrives')
      .repeats(8, first - 1);
  };
  // From as far as the target's answers to plain packets come.
  const changedAtTarget = { from: TARGET, type: 1, code: 4, quote: change, replyHopLimit: 60 };
  const own = { arrivesWith: 60 };

  it('is proven by two routers beyond that agree, names nobody, and not by one', () => {
    const finding = findingOf(changedFrom(3).stand(claim));
    expect(finding).toMatchObject({
      outcome: claim.name,
      basis: 'routers',
      interval: { after: 2, upTo: 5, likelyUpTo: 3 },
    });
    expect(finding.reasons[0]).toContain('as 2 routers beyond hop 2 quote it');
    expect(reasonOf(changedFrom(4).stand(claim))).toContain('One router beyond which nothing more is known');
  });

  it("is not proven by quotes in the target's name where echo requests with the option draw the same words: a box may borrow it", () => {
    const stand = (sibling: Partial<Sibling>): ReturnType<ByHand['stand']> => {
      const trace = new ByHand('udp');
      for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, change) : 'expires');
      trace.pairs(3, 5, own, changedAtTarget).repeats(8, 2);
      trace.context = { ...trace.context, sibling: (by) => (by === 'icmp6' ? { ...ECHO_SILENT, ...sibling } : null) };
      return trace.stand(claim);
    };
    expect(findingOf(stand({}))).toMatchObject({ basis: 'target' });
    expect(stand({ settled: false })).toMatchObject({ is: 'open', wants: [] });
    expect(reasonOf(stand({ refusedAsClosed: 1 }))).toContain('refused in the target');
  });

  it("is not proven by quotes in the target's name where it is not seen from how far they come: it rests on the routers then", () => {
    const unseen = { from: TARGET, type: 1, code: 4, quote: change };
    const from = (first: number): ReturnType<ByHand['stand']> => {
      const trace = new ByHand('udp');
      for (let hop = 1; hop <= 4; hop += 1)
        trace.pairs(3, hop, 'expires', hop >= first ? quotedBy(hop, change) : 'expires');
      return trace
        .pairs(3, 5, 'arrives', unseen)
        .repeats(8, first - 1)
        .stand(claim);
    };
    expect(findingOf(from(3))).toMatchObject({ basis: 'routers' });
    expect(reasonOf(from(4))).toContain('One router beyond which nothing more is known');
  });

  it("is not proven by quotes in the target's name where what answers another protocol stands farther away: a box may quote so", () => {
    const stand = (comesFrom: number): ReturnType<ByHand['stand']> => {
      const trace = new ByHand('udp');
      for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, change) : 'expires');
      trace.pairs(3, 5, own, changedAtTarget).target(2, own, changedAtTarget).repeats(8, 2);
      trace.context = { ...trace.context, sibling: (by) => (by === 'icmp6' ? { ...ECHO_SILENT, comesFrom } : null) };
      return trace.stand(claim);
    };
    // 60 from 64: by four routers.
    expect(findingOf(stand(4))).toMatchObject({ basis: 'target' });
    expect(reasonOf(stand(5))).toContain('answers from nearer than what answers packets of another protocol');
  });

  it("is not proven where as many quotes in the target's name are changed otherwise: one may be damaged, or of another way", () => {
    const stand = (otherwise: number): ReturnType<ByHand['stand']> => {
      const trace = new ByHand('udp');
      for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, change) : 'expires');
      const other = { ...changedAtTarget, quote: claim.name === 'altered' ? strip : alter };
      trace.pairs(3, 5, own, changedAtTarget).target(otherwise, own, other).repeats(8, 2);
      return trace.stand(claim);
    };
    expect(findingOf(stand(2))).toMatchObject({ basis: 'target' });
    expect(reasonOf(stand(3))).toContain('removed here, changed there');
  });

  it('is not proven by one router of several names, at one hop limit: two routers must agree', () => {
    const by = (second: number, from: Uint8Array): string => {
      const trace = new ByHand('icmp6', { routers: second });
      for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop === 4 ? quotedBy(4, change) : 'expires');
      const other = { ...quotedBy(4, change), from };
      trace.pairs(3, second, 'expires', other).pairs(3, second + 1, 'arrives', 'arrives');
      return trace.target(11, 'arrives', 'arrives').repeats(16, 3).stand(claim).is;
    };
    expect(by(4, octetsOf('2001:db8:99::4'))).toBe('refuted');
    expect(by(5, octetsOf('2001:db8:99::4'))).toBe('proven');
    expect(by(5, routerAt(4))).toBe('refuted');
  });

  it("is not proven by the target's own quote alone, which may quote so: a router before it must agree", () => {
    const trace = new ByHand('udp').explored().target(11, own, changedAtTarget);
    // The target quoted hop limit 5 itself intact; without that, its word stands.
    expect(trace.stand(claim).is).toBe('refuted');
    const alone = new ByHand('udp');
    for (let hop = 1; hop <= 4; hop += 1) alone.pairs(3, hop, 'expires', 'expires');
    alone.pairs(3, 5, own, changedAtTarget).target(1, own, changedAtTarget).repeats(3, 4);
    expect(reasonOf(alone.stand(claim))).toContain('the target may quote so');
    const agreeing = (from: number): ByHand => {
      const trace = new ByHand('udp');
      for (let hop = 1; hop <= 4; hop += 1) {
        trace.pairs(3, hop, 'expires', hop >= from ? quotedBy(hop, change) : 'expires');
      }
      return trace.pairs(3, 5, own, changedAtTarget).repeats(8, from - 1);
    };
    expect(findingOf(agreeing(3).stand(claim))).toMatchObject({
      basis: 'target',
      interval: { after: 2, upTo: 5, likelyUpTo: 3 },
    });
    // The one right before it may be the box that answers in its name.
    expect(reasonOf(agreeing(4).stand(claim))).toContain('stands right before the target');
  });

  it('waits for three repeats at n, and is refuted where that has fallen silent: the path has changed', () => {
    const repeated = (repeats: number, treated: 'expires' | null): ByHand => {
      const trace = new ByHand();
      for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, change) : 'expires');
      return trace
        .pairs(3, 5, 'arrives', 'arrives')
        .target(11, 'arrives', 'arrives')
        .repeats(repeats, 2, 'expires', treated);
    };
    expect(repeated(2, 'expires').stand(claim)).toMatchObject({ is: 'open', wants: [{ hopLimit: 2 }] });
    expect(repeated(8, 'expires').stand(claim).is).toBe('proven');
    expect(repeated(9, null).stand(claim).is).toBe('open');
    expect(repeated(10, null).stand(claim).is).toBe('refuted');
  });

  it('begins where whole quotes are no chance beside those that are not: five of six, not four', () => {
    const after = (repeats: number): unknown => {
      const trace = new ByHand();
      for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, change) : 'expires');
      const standing = trace.pairs(3, 5, 'arrives', 'arrives').repeats(repeats, 2).stand(claim);
      return standing.is === 'proven' ? standing.finding.interval?.after : standing.is;
    };
    expect([4, 5].map(after)).toEqual(['open', 2]);
    // Hop n quotes nothing any more: what it quoted before the first change says nothing of now.
    const silent = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) silent.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, change) : 'expires');
    silent.pairs(3, 5, 'arrives', 'arrives').repeats(3, 2).pairs(13, 2, 'expires', null, { purpose: PURPOSE.repeat });
    expect(findingOf(silent.stand(claim)).interval).toMatchObject({ after: 0 });
  });

  it('a relative: no earlier hop may have quoted it otherwise', () => {
    const trace = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, change) : 'expires');
    trace.pairs(1, 2, 'expires', quotedBy(2, change)).pairs(3, 5, 'arrives', 'arrives').repeats(8, 2);
    expect(findingOf(trace.stand(claim)).interval?.after).toBe(1);
  });

  it('is void when a hop beyond quotes the option intact', () => {
    expect(changedFrom(2, 3).stand(claim).is).toBe('refuted');
  });

  it("is void when the target quotes it intact, in this trace or in another protocol's", () => {
    const trace = changedFrom(2);
    expect(trace.stand(claim).is).toBe('proven');
    trace.context = { ...trace.context, isIntactAtTarget: () => true };
    expect(reasonOf(trace.stand(claim))).toContain('it is quoted intact');
  });

  it('is void where no router quotes the option whole: something near the source may change all quotes', () => {
    expect(reasonOf(changedFrom(1).stand(claim))).toContain('No router quotes the option as it was sent');
    expect(changedFrom(2).stand(claim).is).toBe('proven');
  });

  it('is void while receive drops of the kernel are known', () => {
    const trace = changedFrom(2);
    trace.state.droppedByKernel = true;
    expect(reasonOf(trace.stand(claim))).toContain('The kernel dropped');
  });

  it('is refuted when no quote shows a change', () => {
    expect(reasonOf(new ByHand().explored().stand(claim))).toBeNull();
  });

  it('is no evidence that the option got there: n stays before it', () => {
    expect(changedFrom(3).case.lastPdmHop).toBe(2);
  });

  it('a relative: one hop in the middle that quotes so is an artefact of its quoting', () => {
    const { verdict } = runTrace({
      protocol: 'udp',
      routers: 8,
      differs: ({ arm, hopLimit }) =>
        arm === ARM_CODE.pdm && hopLimit === 5 ? quotedBy(5, (packet) => withHopLimit(change(packet), 1)) : undefined,
    });
    expect(verdict).toMatchObject({ outcome: 'delivered', optionSeenUpTo: 'target' });
  });

  it("a relative: some quotes in the target's name and not others, as of a box on one of several ways: it is not said to be seen there", () => {
    const { verdict } = runTrace({
      protocol: 'udp',
      routers: 8,
      differs: ({ arm, hopLimit, number }) =>
        arm === ARM_CODE.pdm && hopLimit > 8 && number % 3 === 0
          ? { from: TARGET, type: 1, code: 4, quote: (packet) => change(packet) }
          : undefined,
    });
    expect(verdict).toMatchObject({ outcome: 'delivered', optionSeenUpTo: 8 });
  });
}
