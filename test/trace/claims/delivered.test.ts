import { describe, expect, it } from 'vitest';
import type { Standing } from '../../../src/trace/claims/claim.js';
import { delivered } from '../../../src/trace/claims/delivered.js';
import { ARM_CODE, TARGET_HOP_LIMIT } from '../../../src/trace/state/trace-state.js';
import type { Protocol } from '../../../src/record/record.js';
import type { Sibling } from '../../../src/trace/sibling.js';
import { ByHand, ECHO_LOST, findingOf, reasonOf, type Answer } from '../by-hand.js';
import { isTreated, routerAt, runTrace, withHopLimit } from '../fake-path.js';
import { octetsOf } from '../trace-fixture.js';

const clean = (pairs: number): ByHand => new ByHand().explored().target(pairs, 'arrives', 'arrives');

describe('delivered', () => {
  it('is proven by eleven whole pairs, and open with ten', () => {
    const finding = findingOf(clean(11).stand(delivered));
    expect(finding).toMatchObject({ outcome: 'delivered', basis: 'target' });
    expect(finding.reasons[0]).toContain('11 of 11 with, 11 of 11 without');
    expect(finding.confidence).toBeUndefined();
    expect(clean(10).stand(delivered).is).toBe('open');
  });

  it('waits for the hops', () => {
    expect(new ByHand().target(20, 'arrives', 'arrives').stand(delivered).is).toBe('open');
  });

  it('needs more pairs after one packet with the option was lost', () => {
    expect(clean(11).target(1, 'arrives', null).stand(delivered).is).toBe('open');
    expect(clean(25).target(1, 'arrives', null).stand(delivered).is).toBe('proven');
  });

  it('needs no more after one packet without it was lost, but is open where those fare worse by more than luck has it', () => {
    expect(clean(11).target(1, null, 'arrives').stand(delivered).is).toBe('proven');
    // Evidence that plain loses no three in ten: 0.93 and 1.11, where 1 is asked.
    expect(clean(18).target(4, null, 'arrives').stand(delivered).is).toBe('open');
    expect(clean(19).target(4, null, 'arrives').stand(delivered).is).toBe('proven');
  });

  it('is refuted where no packet with the option arrived', () => {
    expect(new ByHand().explored(3).target(20, 'arrives', null).stand(delivered).is).toBe('refuted');
  });

  it('is refuted where no plain packet arrived', () => {
    const trace = new ByHand().pairs(5, 1, 'expires', 'expires').target(20, null, 'arrives');
    expect(trace.stand(delivered).is).toBe('refuted');
  });

  it('is refuted where counts that were given up lost more with the option than without: a limit on options', () => {
    const after = (plain: 'arrives' | null, pdm: 'arrives' | null): ByHand => {
      const trace = new ByHand().explored().target(9, plain, pdm);
      trace.state.countStart = trace.state.probes.count;
      trace.state.countIndex = 2;
      return trace.target(12, 'arrives', 'arrives');
    };
    expect(reasonOf(after('arrives', null).stand(delivered))).toContain('when they were sent closer together');
    // A limit on all answers takes both.
    expect(after(null, null).stand(delivered).is).toBe('proven');
  });

  it('a relative: or where pairs before a new start did, which hop n brought about that fell silent for options', () => {
    const after = (plain: 'arrives' | null, pdm: 'arrives' | null): ByHand => {
      const trace = new ByHand().explored().target(9, plain, pdm);
      Object.assign(trace.state, { attemptStart: trace.state.probes.count, restarts: 1 });
      return trace.explored().target(12, 'arrives', 'arrives');
    };
    expect(reasonOf(after('arrives', null).stand(delivered))).toContain('before the path changed');
    expect(after('arrives', 'arrives').stand(delivered).is).toBe('proven');
  });

  it('a relative: is proven where the same is lost in the first count, which was not given up', () => {
    // Seven and none: p = 1/128.
    expect(clean(120).target(7, 'arrives', null).stand(delivered).is).toBe('proven');
  });

  it('says that some ways may lose it where some of several packets are not answered, but not of chance', () => {
    const reasonsOf = (plainOnly: number, pdmOnly: number): readonly string[] => {
      const trace = clean(150).target(plainOnly, 'arrives', null).target(pdmOnly, null, 'arrives');
      return findingOf(trace.stand(delivered)).reasons;
    };
    expect(reasonsOf(9, 0)[1]).toBe(
      'But in 9 of 159 pairs the packet with the option alone was not answered: some of several ways may lose it, or a limit.',
    );
    expect(reasonsOf(12, 2)[1]).toContain('was not answered, in 2 the one without: some of several ways may lose it');
    for (const [plainOnly, pdmOnly] of [
      [0, 0],
      [3, 0],
      [6, 4],
    ] as const)
      expect(reasonsOf(plainOnly, pdmOnly)).toHaveLength(1);
  });

  it('is refuted where fewer than six in ten of either kind are answered by no errors: a firewall may shun us on some ways', () => {
    const share = (protocol: Protocol, whole: number, lost: number): ByHand => {
      const trace = new ByHand(protocol).explored();
      for (let i = 0; i < 12; i += 1) trace.target(whole, 'arrives', 'arrives').target(lost, null, null);
      return trace;
    };
    expect(reasonOf(share('icmp6', 5, 5).stand(delivered))).toContain('may shun this source');
    expect(share('icmp6', 7, 3).stand(delivered).is).toBe('proven');
    // Errors are limited as a matter of course.
    expect(share('udp', 5, 5).stand(delivered).is).toBe('proven');
  });

  it('by errors waits for echo requests to the same target, and is refuted where those draw the words of a closed port', () => {
    const beside = (siblingEcho: Sibling): ByHand =>
      new ByHand('udp', { siblingEcho }).explored().target(12, 'arrives', 'arrives');
    const echo = { plainArrivals: 4, pdmArrivals: 0, lossShown: false, settled: false };
    expect(beside(echo).stand(delivered)).toMatchObject({ is: 'open', has: 'waiting for the echo requests' });
    expect(beside({ ...echo, pdmArrivals: 1 }).stand(delivered).is).toBe('proven');
    expect(beside({ ...echo, settled: true }).stand(delivered).is).toBe('proven');
    // Refused by a router on the way: that says nothing of who says that a port is closed.
    expect(beside({ ...echo, otherwise: 3, refusedAsClosed: 0 }).stand(delivered).is).toBe('proven');
    expect(reasonOf(beside({ ...echo, otherwise: 3, refusedAsClosed: 3 }).stand(delivered))).toContain(
      'by port unreachable',
    );
  });

  it('is refuted by resets alone where it is not seen from how far they come: a firewall may reset the option', () => {
    const from = (replyHopLimit: number | null, answer: 'reset' | 'arrives'): Standing => {
      const trace = new ByHand('tcp').explored();
      for (let i = 0; i < 12; i += 1) {
        const given: Answer = answer === 'reset' ? { resetsWith: 60 } : 'arrives';
        trace.target(1, given, given);
      }
      if (replyHopLimit === null)
        for (const signature of trace.state.signatures) Object.assign(signature, { replyHopLimit });
      return trace.stand(delivered);
    };
    expect(reasonOf(from(null, 'reset'))).toContain('All segments that came back are resets');
    expect(from(60, 'reset').is).toBe('proven');
    expect(from(null, 'arrives').is).toBe('proven');
  });

  it('needs twenty times the bar where hops that answer some of the option lose more of it than chance has it', () => {
    const doubted = (pairs: number, lost = 3): string => {
      const trace = new ByHand().explored().pairs(2, 2, 'expires', 'expires').pairs(lost, 2, 'expires', null);
      return trace.target(pairs, 'arrives', 'arrives').stand(delivered).is;
    };
    // 400 in place of 20: eleven whole pairs give 22, nineteen give 386, twenty 547.
    expect([doubted(11), doubted(19), doubted(20)]).toEqual(['open', 'open', 'proven']);
    // Two of two are no news: a router that limits its errors leaves as many out.
    expect(doubted(11, 2)).toBe('proven');
  });

  it('needs as much beside an echo trace to the same target that loses the option: a policer passes what comes slowly', () => {
    const beside = (pairs: number, siblingEcho: Sibling): string =>
      new ByHand('udp', { siblingEcho }).explored().target(pairs, 'arrives', 'arrives').stand(delivered).is;
    const losing = { ...ECHO_LOST, pdmArrivals: 3 };
    expect([beside(11, losing), beside(19, losing), beside(20, losing)]).toEqual(['open', 'open', 'proven']);
    expect(beside(11, { ...losing, lossShown: false })).toBe('proven');
  });

  it('is refuted where echo replies or segments come from nearer than a router that other traces met: a proxy', () => {
    const stand = (protocol: Protocol, routerSeenByOthers: number): Standing =>
      new ByHand(protocol, { routerSeenByOthers }).explored().target(11, 'arrives', 'arrives').stand(delivered);
    for (const protocol of ['icmp6', 'tcp'] as const) {
      expect(reasonOf(stand(protocol, 6))).toContain('too near to be the target');
      // At its own distance a router may stand where other packets take another way.
      expect(stand(protocol, 5).is).toBe('proven');
    }
    expect(stand('udp', 6).is).toBe('proven');
  });

  it("is refuted by two answers to the option from another distance than the target's, not by one", () => {
    const stand = (odd: number): Standing => {
      const trace = new ByHand();
      for (let hop = 1; hop <= 4; hop += 1) trace.pairs(5, hop, 'expires', 'expires');
      const own = { arrivesWith: 60 };
      trace.pairs(5, 5, own, own).target(60, own, own).target(odd, own, { arrivesWith: 50 });
      return trace.stand(delivered);
    };
    expect(stand(1).is).toBe('proven');
    expect(reasonOf(stand(2))).toContain('2 packets with the option were answered in the target');
  });

  it('is refuted where answers to the option come from nearer than those to others: a box on the one way that they take', () => {
    const own = { arrivesWith: 60 };
    const box = { arrivesWith: 62 };
    const stand = (fromBox: number, withBox: typeof own): Standing => {
      const trace = new ByHand('icmp6').explored();
      for (let i = 0; i < 12; i += 1) trace.target(1, i < fromBox ? box : own, withBox);
      return trace.stand(delivered);
    };
    expect(reasonOf(stand(4, box))).toContain(
      'Of 12 answers to packets with the option 12 came back by no more than 2',
    );
    // As chance may have it, and the other way round: plain packets may meet such a box, and the option the target.
    expect(stand(11, box).is).toBe('proven');
    expect(stand(4, own).is).toBe('proven');
  });

  it('needs twenty times the bar where that is one of four cases by chance: half of plain may meet such a box', () => {
    const own = { arrivesWith: 60 };
    const box = { arrivesWith: 62 };
    const stand = (pairs: number, fromBox: number): Standing => {
      const trace = new ByHand('icmp6').explored();
      for (let i = 0; i < pairs; i += 1) trace.target(1, i < fromBox ? box : own, box);
      return trace.stand(delivered);
    };
    // 9 of 12 beside 12 of 12: p = 0.11; 20 of 24: 0.055; 18 of 24: 0.011.
    expect([stand(12, 9).is, stand(24, 20).is, stand(24, 18).is]).toEqual(['open', 'proven', 'refuted']);
  });

  it('compares from pair to pair as well: ways of several lengths before such a box blur from how far answers come', () => {
    const stand = (pairs: number, nearer: number): Standing => {
      const trace = new ByHand('icmp6').explored();
      for (let i = 0; i < pairs; i += 1) {
        const from = 58 + (i % 4);
        const isNearer = i % 4 === 0 && i < 4 * nearer;
        trace.target(1, { arrivesWith: from }, { arrivesWith: isNearer ? from + 1 : from });
      }
      return trace.stand(delivered);
    };
    // 1 of 12: a half by chance; 2: a quarter; 5 of 24: 0.03.
    expect([stand(12, 1).is, stand(12, 2).is, stand(24, 4).is]).toEqual(['proven', 'open', 'proven']);
    expect(reasonOf(stand(24, 5))).toContain('In 5 pairs the packet with the option was answered from nearer');
  });

  it('is refuted where loss is shown', () => {
    const trace = clean(1).target(30, 'arrives', null).placebos(10, 'arrives');
    expect(trace.stand(delivered).is).toBe('refuted');
  });

  it('is refuted at the cap, with both rates, where neither loss nor its absence is shown', () => {
    const trace = new ByHand().explored();
    for (let i = 0; i < 20; i += 1)
      trace.target(6, 'arrives', 'arrives').target(3, 'arrives', null).target(1, null, null);
    expect(reasonOf(trace.stand(delivered))).toContain('120 of 200 with, 180 of 200 without');
  });
});

describe('networks that deliver', () => {
  it.each(['udp', 'icmp6'] as const)('%s: a clean path takes eleven pairs and few probes', (protocol) => {
    const { verdict, state } = runTrace({ protocol, routers: 8 });
    expect(verdict).toMatchObject({ outcome: 'delivered', confidence: null, interval: null, pathsDiverge: null });
    expect(verdict.optionSeenUpTo).toBe(protocol === 'udp' ? 'target' : 8);
    expect(verdict.evidence).toMatchObject({
      pairs: 11,
      plainOnly: 0,
      rates: { plain: 1, pdm: 1 },
      passRateUpper: null,
    });
    expect(state.counters.sent).toBeLessThanOrEqual(100);
  });

  it.each([30, 40])('%i percent of the packets with the option lost is never called delivered', (percent) => {
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 6,
      confidence: 0.9999,
      differs: ({ arm, hopLimit, flow }) =>
        arm === ARM_CODE.pdm && hopLimit === TARGET_HOP_LIMIT && (flow * 37) % 100 < percent ? null : undefined,
    });
    expect(verdict).toMatchObject({ outcome: 'impaired', interval: null });
    expect(verdict.reasons[0]).toMatch(/\d+ of (\d+) with, \1 of \1 without/);
  });

  it('a tenth lost in both arms alike is delivered', () => {
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 6,
      differs: ({ hopLimit, number }) => (hopLimit === TARGET_HOP_LIMIT && number % 11 === 3 ? null : undefined),
    });
    expect(verdict.outcome).toBe('delivered');
  });

  it('a target that answers from another of its addresses is met all the same', () => {
    const other = octetsOf('2001:db8:10:9::53');
    const { verdict } = runTrace({
      protocol: 'udp',
      routers: 6,
      differs: ({ hopLimit }) =>
        hopLimit > 6
          ? { from: other, type: 1, code: 4, quote: (packet) => withHopLimit(packet, hopLimit - 6) }
          : undefined,
    });
    expect(verdict.outcome).toBe('delivered');
  });

  it('silent hops keep their numbers', () => {
    const { verdict, trace } = runTrace({
      protocol: 'udp',
      routers: 8,
      differs: ({ hopLimit }) => (hopLimit >= 3 && hopLimit <= 5 ? null : undefined),
    });
    expect(verdict.outcome).toBe('delivered');
    expect(trace.hops[4]).toMatchObject({ pairs: 3, neither: 3, plainResponders: [] });
  });

  it('a way of its own is delivered, and said to diverge from its first hop', () => {
    const { verdict } = runTrace({
      protocol: 'udp',
      routers: 8,
      differs: ({ arm, hopLimit }) =>
        isTreated(arm) && hopLimit >= 3 && hopLimit <= 8
          ? { from: routerAt(hopLimit + 100), type: 3, code: 0, quote: (packet) => withHopLimit(packet, 1) }
          : undefined,
    });
    expect(verdict).toMatchObject({ outcome: 'delivered', pathsDiverge: 3 });
  });
});
