import { describe, expect, it } from 'vitest';
import { delivered } from '../../../src/trace/claims/delivered.js';
import { dropped } from '../../../src/trace/claims/dropped.js';
import { impaired } from '../../../src/trace/claims/impaired.js';
import { rejected } from '../../../src/trace/claims/rejected.js';
import type { Sibling } from '../../../src/trace/sibling.js';
import { lossEValue } from '../../../src/trace/evidence/e-values.js';
import { alter, ByHand, ECHO_LOST, ECHO_SILENT, findingOf, quotedBy, reasonOf, type Answer } from '../by-hand.js';
import { isTreated, routerAt, runTrace, withHopLimit, type Drawn, type FakePath } from '../fake-path.js';
import { PURPOSE, TARGET_HOP_LIMIT } from '../../../src/trace/state/trace-state.js';
import { octetsOf, TARGET } from '../trace-fixture.js';

const prohibited = { from: routerAt(2), type: 1, code: 1 };
const inTargetName = { from: TARGET, type: 1, code: 1 };
const chain = { from: routerAt(2), type: 1, code: 8 };
const udp = (values: Partial<FakePath> = {}): FakePath => ({
  protocol: 'udp',
  routers: 8,
  siblingEcho: ECHO_LOST,
  ...values,
});

/** Routers 1 and 2 pass the option; beyond, it is lost, and refused so often: once at hop 3, else at the target. */
const refusedAtTarget = (times: number, placebos: number, answer: Answer = prohibited, confidence = 0.999): ByHand => {
  const trace = new ByHand('icmp6', { confidence });
  trace
    .explored(3)
    .pairs(1, 3, 'expires', answer)
    .target(times - 1, 'arrives', answer);
  return trace.placebos(placebos, 'arrives').repeats(3, 2);
};

describe('rejected', () => {
  it.each([
    [0.999, 11, 6],
    [0.9999, 16, 6],
  ])('at %d: %i refused pairs and %i placebos prove it', (confidence, pairs, placebos) => {
    expect(findingOf(refusedAtTarget(pairs, placebos, prohibited, confidence).stand(rejected))).toMatchObject({
      outcome: 'rejected',
      refusal: { address: '2001:db8:1:2::1', hop: 2, type: 1, code: 1 },
    });
  });

  it.each([
    [0.999, 10, 20],
    [0.9999, 14, 20],
    [0.999, 20, 4],
  ])('at %d: %i refused pairs and %i placebos leave it open', (confidence, pairs, placebos) => {
    expect(refusedAtTarget(pairs, placebos, prohibited, confidence).stand(rejected).is).toBe('open');
  });

  it('counts what is refused on the own flow once: where ways part, a flow is one draw', () => {
    const onOwnFlow = (own: number, fresh: number): ByHand => {
      const trace = new ByHand('icmp6').explored(3).pairs(own, 3, 'expires', prohibited);
      return trace.target(fresh, 'arrives', prohibited).placebos(20, 'arrives').repeats(3, 2);
    };
    expect(onOwnFlow(30, 9).stand(rejected).is).toBe('open');
    expect(onOwnFlow(30, 10).stand(rejected).is).toBe('proven');
  });

  it('bounds what arrives by the plain packets that did, and says how many were lost without a word', () => {
    const silently = (lost: number): { boundedBy?: number; reasons: readonly string[] } =>
      findingOf(refusedAtTarget(20, 20).target(lost, 'arrives', null).repeats(3, 2).stand(rejected));
    expect(silently(3).boundedBy).toBe(22);
    expect(silently(3).reasons.join()).not.toContain('without a word');
    expect(silently(7).reasons).toContain(
      'Of 26 lost at the target 7 were lost without a word: a limit on such errors, or another loser besides.',
    );
  });

  it('names no cause that spares other options where many are lost without a word: as many may be spared by chance', () => {
    const causeBeside = (silent: number): unknown => {
      const trace = new ByHand('icmp6', { explain: true }).explored(3, prohibited).target(20, 'arrives', prohibited);
      trace.target(silent, 'arrives', null).placebos(20, 'arrives').references(24, 2);
      for (const treatment of ['long', 'do8', 'do16', 'pdm'] as const)
        trace.pairs(6, TARGET_HOP_LIMIT, 'arrives', treatment === 'pdm' ? prohibited : 'arrives', {
          purpose: PURPOSE.explain,
          flow: 'fresh',
          treatment,
        });
      return findingOf(trace.repeats(3, 2).stand(rejected)).cause;
    };
    expect([causeBeside(0), causeBeside(10)]).toEqual(['option', null]);
  });

  it('asks for the witness of dropped where many are lost without a word: the target may get those, and its errors be lost', () => {
    const beside = (siblingEcho: Sibling, silent: number): ByHand => {
      const trace = new ByHand('udp', { siblingEcho }).explored(3).pairs(1, 3, 'expires', prohibited);
      return trace
        .target(20, 'arrives', prohibited)
        .target(silent, 'arrives', null)
        .placebos(20, 'arrives')
        .repeats(3, 2);
    };
    expect(reasonOf(beside(ECHO_SILENT, 10).stand(rejected))).toContain(
      '10 were lost without a word: they may get through',
    );
    expect(beside(ECHO_LOST, 10).references(12, 2).stand(rejected).is).not.toBe('refuted');
    // Fewer than one in four may be lost to a limit, or by chance.
    expect(beside(ECHO_SILENT, 5).stand(rejected).is).toBe('proven');
  });

  it('is proven by two refusals because of the header chain (1/8), and open with one', () => {
    expect(findingOf(refusedAtTarget(2, 0, chain).stand(rejected)).refusal).toMatchObject({ type: 1, code: 8 });
    expect(refusedAtTarget(1, 0, chain).stand(rejected).is).toBe('open');
  });

  it.each([
    ['anywhere in our header', 4, 2, [40, 42, 55], [39, 56]],
    ['there, or right behind it, by the codes of RFC 8883', 4, 5, [40, 55, 56], [39, 57]],
    ['there, or at the next header before it, by 4/1', 4, 1, [6, 40, 55], [5, 7, 56]],
  ])(
    'two refusals that point %s are enough (%i/%i), and pointers elsewhere are not',
    (_, type, code, into, elsewhere) => {
      const stands = (pointers: readonly number[]): string[] =>
        pointers.map((pointer) => refusedAtTarget(2, 0, { ...prohibited, type, code, pointer }).stand(rejected).is);
      expect(stands(into)).toEqual(into.map(() => 'proven'));
      expect(stands(elsewhere)).toEqual(elsewhere.map(() => 'open'));
    },
  );

  it("pointers in the target's own name need the bar like all other refusals: who borrows it can write them", () => {
    const pointing = (pairs: number, placebos: number): ByHand =>
      refusedAtTarget(pairs, placebos, { from: TARGET, type: 4, code: 2, pointer: 42 });
    expect(pointing(2, 6).stand(rejected).is).toBe('open');
    expect(pointing(10, 6).stand(rejected).is).toBe('open');
    expect(findingOf(pointing(11, 6).stand(rejected)).refusal).toMatchObject({ inTargetName: true, pointer: 42 });
    // The same where the words themselves are about the chain of headers.
    expect(refusedAtTarget(10, 6, { ...chain, from: TARGET }).stand(rejected).is).toBe('open');
  });

  it('is not proven where placebos are refused as often', () => {
    const mixed = refusedAtTarget(20, 0).placebos(10, 'arrives', prohibited);
    expect(reasonOf(mixed.stand(rejected))).toBe('Packets without the option were refused as well.');
    // Of the option's own nobody can say that others pass.
    expect(refusedAtTarget(20, 0).placebos(10, prohibited, prohibited, 'pdm').stand(rejected).is).toBe('open');
  });

  it('is defeated by one plain packet that was refused', () => {
    const trace = refusedAtTarget(20, 8).target(1, prohibited, prohibited);
    expect(reasonOf(trace.stand(rejected))).toContain('without the option were refused as well');
  });

  it('is defeated by one packet with the option that arrived', () => {
    expect(refusedAtTarget(20, 8).target(1, 'arrives', 'arrives').stand(rejected).is).toBe('refuted');
  });

  it('is defeated by a proxy that answers plain packets alone: the refuser behind it may refuse whatever comes', () => {
    const behind = (routerSeenByOthers: number): ByHand => {
      const trace = new ByHand('icmp6', { routerSeenByOthers }).explored(3, prohibited);
      return trace.target(11, 'arrives', prohibited).placebos(6, 'arrives').repeats(3, 2);
    };
    expect(behind(4).stand(rejected).is).toBe('proven');
    expect(reasonOf(behind(7).stand(rejected))).toContain('too near to be the target');
  });

  it("is defeated by words in the target's name from farther away than what answers plain packets: a proxy may do that", () => {
    const from = (plainFrom: number, refusedFrom: number): ByHand => {
      const plain = { arrivesWith: 64 - plainFrom };
      const refused = { ...inTargetName, replyHopLimit: 64 - refusedFrom };
      const trace = new ByHand('icmp6');
      trace.pairs(1, 1, 'expires', 'expires').pairs(1, 2, 'expires', 'expires').pairs(1, 3, 'expires', refused);
      return trace
        .pairs(1, 4, 'expires', refused)
        .pairs(1, 5, plain, refused)
        .target(20, plain, refused)
        .placebos(8, plain)
        .repeats(3, 2);
    };
    expect(reasonOf(from(5, 9).stand(rejected))).toContain('stands farther away than what answers those without');
    for (const refusedFrom of [3, 5]) expect(from(5, refusedFrom).stand(rejected).is).toBe('open');
  });

  it('is defeated by a refuser who told another trace that no way leads to the target, in these words', () => {
    const dead = (code: number, noWayToOthers: string): ByHand => {
      const answer = { from: routerAt(2), type: 1, code };
      const trace = new ByHand('icmp6', { noWayToOthers }).explored(3, answer);
      return trace.target(11, 'arrives', answer).placebos(6, 'arrives').repeats(3, 2);
    };
    for (const code of [0, 3]) {
      expect(reasonOf(dead(code, '2001:db8:1:2::1').stand(rejected))).toContain('no way leads to the target');
      expect(dead(code, '2001:db8:1:1::1').stand(rejected).is).toBe('proven');
    }
    // That it prohibits something, whatever else, is no word of the way.
    expect(dead(1, '2001:db8:1:2::1').stand(rejected).is).toBe('proven');
  });

  it('is defeated by two refusers, and names neither', () => {
    const trace = refusedAtTarget(20, 8).target(1, 'arrives', { ...prohibited, from: routerAt(1) });
    expect(reasonOf(trace.stand(rejected))).toContain('several addresses');
  });

  it('is defeated by an option that got beyond the refuser', () => {
    // Refused from hop limit 3 on, and one with the option ran out at hop 4: hop 3 quoted it changed, so n stays 2.
    const trace = refusedAtTarget(20, 8).pairs(1, 3, 'expires', prohibited);
    expect(trace.stand(rejected).is).toBe('proven');
    const passed = trace.pairs(1, 4, 'expires', { from: routerAt(4), type: 3, code: 0, quote: alter });
    expect(reasonOf(passed.stand(rejected))).toContain('others got beyond it');
  });

  it('is defeated where the way that was followed hop by hop loses the option without a word: another one refuses', () => {
    const trace = new ByHand('icmp6')
      .explored(3)
      .target(30, 'arrives', prohibited)
      .placebos(12, 'arrives')
      .repeats(3, 2);
    expect(reasonOf(trace.stand(rejected))).toContain('on some ways only');
    const refusesAll = new ByHand('icmp6').explored(3, prohibited).target(30, 'arrives', prohibited);
    expect(refusesAll.placebos(12, 'arrives').repeats(3, 2).stand(rejected).is).toBe('proven');
  });

  it('is defeated where fewer than three in four are refused before a silent target: the others may get through unseen', () => {
    // Hops 3 and 4 see twenty and five packets refused while exploring.
    const behind = (lost: number): ByHand => {
      const trace = new ByHand('icmp6').explored(3, prohibited, null).target(12, null, null).repeats(3, 2);
      expect(trace.case.plainArrivals).toBe(0);
      return trace.pairs(lost, 4, 'expires', null, { purpose: PURPOSE.beyond, flow: 'fresh' });
    };
    expect(behind(8).stand(rejected).is).toBe('open');
    expect(reasonOf(behind(9).stand(rejected))).toContain('refused 25 of 34 packets');
  });

  it('is refuted where nothing beyond the refuser answers packets without the option, and another protocol is to be asked', () => {
    const { verdict } = runTrace(
      udp({
        siblingEcho: null,
        differs: ({ arm, hopLimit }) =>
          hopLimit < 5 ? undefined : isTreated(arm) ? { from: routerAt(4), type: 1, code: 1 } : null,
      }),
    );
    expect(verdict).toMatchObject({ outcome: 'inconclusive', settledBy: 'answering-protocol' });
    expect(verdict.reasons.join()).toMatch(/4::1 refused \d+ packets with the option, and nothing beyond it answers/);
  });

  it('begins its interval before hops that lose some: the refuser may stand there and limit its words', () => {
    const trace = new ByHand().pairs(5, 1, 'expires', 'expires').pairs(3, 2, 'expires', 'expires');
    trace
      .pairs(7, 2, 'expires', null)
      .pairs(8, 3, 'expires', null)
      .pairs(5, 4, 'expires', null)
      .pairs(5, 5, 'arrives', null);
    trace.pairs(15, 3, 'expires', null, { purpose: PURPOSE.beyond, flow: 'fresh' });
    trace.pairs(1, 3, 'expires', inTargetName).target(20, 'arrives', inTargetName).placebos(8, 'arrives').repeats(3, 2);
    const { interval } = findingOf(trace.stand(rejected));
    expect(interval).toMatchObject({ after: 1, upTo: 3 });
  });

  it("in the target's name begins its interval before any hop that lost more with the option: nothing else tells the place", () => {
    const said = (from: Uint8Array): number | undefined => {
      const refusal = { from, type: 1, code: 1 };
      const trace = new ByHand().pairs(5, 1, 'expires', 'expires').pairs(5, 2, 'expires', 'expires');
      trace.pairs(1, 2, 'expires', null).pairs(5, 3, 'expires', 'expires').pairs(5, 4, 'expires', refusal);
      trace
        .pairs(15, 4, 'expires', refusal, { purpose: PURPOSE.beyond, flow: 'fresh' })
        .pairs(5, 5, 'arrives', refusal)
        .target(20, 'arrives', refusal)
        .placebos(8, 'arrives')
        .repeats(3, 3);
      return findingOf(trace.stand(rejected)).interval?.after;
    };
    expect([said(TARGET), said(routerAt(3))]).toEqual([1, 3]);
  });

  it('ends its interval where the flow on which hops are counted is refused: others may take a shorter way', () => {
    const trace = new ByHand('icmp6', { routers: 6 });
    for (const hop of [1, 2, 3]) trace.pairs(5, hop, 'expires', 'expires');
    // On the own flow the refuser is hop 4, and no hop before it reports; on others it is hop 2.
    trace.pairs(3, 4, 'expires', null).pairs(3, 5, 'expires', prohibited).pairs(3, 6, 'expires', prohibited);
    trace.pairs(1, 7, 'arrives', prohibited).pairs(15, 4, 'expires', prohibited, { flow: 'fresh' });
    trace.target(15, 'arrives', prohibited).placebos(8, 'arrives').repeats(3, 3);
    const { interval } = findingOf(trace.stand(rejected));
    expect(interval).toEqual({ after: 3, upTo: 5, likelyUpTo: 5 });
  });

  it('names no hop where several have the address of the refuser, met with the option or without', () => {
    const expired = quotedBy(2, (packet) => withHopLimit(packet, 1));
    const hopOf = (trace: ByHand): number | null | undefined => findingOf(trace.stand(rejected)).refusal?.hop;
    expect(hopOf(refusedAtTarget(20, 8))).toBe(2);
    expect(hopOf(refusedAtTarget(20, 8).pairs(1, 4, expired, prohibited))).toBeNull();
    expect(hopOf(refusedAtTarget(20, 8).pairs(1, 1, 'expires', expired))).toBeNull();
  });

  it('is defeated by receive drops of the kernel', () => {
    const trace = refusedAtTarget(20, 8);
    trace.state.droppedByKernel = true;
    expect(reasonOf(trace.stand(rejected))).toContain('The kernel dropped');
  });
});

describe('networks that refuse', () => {
  const refuses = (type: number, code: number): FakePath =>
    udp({
      differs: ({ arm, hopLimit }) => (isTreated(arm) && hopLimit >= 5 ? { from: routerAt(4), type, code } : undefined),
    });

  it.each([
    [1, 0],
    [1, 1],
    [1, 3],
    [1, 4],
    [1, 5],
    [1, 8],
    [4, 2],
    [4, 5],
  ])('with %i/%i from hop 4: the refuser, its hop, type and code', (type, code) => {
    const { verdict } = runTrace(refuses(type, code));
    expect(verdict).toMatchObject({
      outcome: 'rejected',
      refusal: { address: '2001:db8:1:4::1', hop: 4, type, code },
      interval: { after: 4, upTo: 5, likelyUpTo: 5 },
    });
    expect(verdict.confidence).toBeGreaterThanOrEqual(0.999);
  });

  it("whose address a nearer router has too, that options pass: the refuser's hop is not known", () => {
    const { verdict } = runTrace(
      udp({
        differs: ({ arm, hopLimit }) =>
          isTreated(arm) && hopLimit >= 7 ? { from: routerAt(1), type: 1, code: 1 } : undefined,
      }),
    );
    expect(verdict).toMatchObject({
      outcome: 'rejected',
      refusal: { address: '2001:db8:1:1::1', hop: null },
      interval: { after: 6, upTo: 7 },
    });
  });

  it('a hop that refuses both arms accuses nobody', () => {
    const { verdict } = runTrace(
      udp({ differs: ({ hopLimit }) => (hopLimit >= 5 ? { from: routerAt(4), type: 1, code: 0 } : undefined) }),
    );
    expect(verdict).toMatchObject({ outcome: 'no-difference', refusal: null });
  });

  it('on a longer way than plain packets take: the hop on the way of those that are refused', () => {
    const detour = octetsOf('2001:db8:9::1');
    const expired = (from: Uint8Array): Drawn => ({ from, type: 3, code: 0 });
    const { verdict } = runTrace(
      udp({
        differs: ({ arm, hopLimit }) => {
          if (!isTreated(arm) || hopLimit < 4) return undefined;
          if (hopLimit === 4) return expired(detour);
          if (hopLimit === 5) return expired(routerAt(4));
          if (hopLimit === 6) return expired(routerAt(5));
          return { from: routerAt(5), type: 1, code: 5 };
        },
      }),
    );
    expect(verdict).toMatchObject({ outcome: 'rejected', refusal: { address: '2001:db8:1:5::1', hop: 6 } });
  });

  it.each([
    [1, 1],
    [4, 2],
  ])("a filter that refuses in the target's name with %i/%i is no delivery, and has no hop", (type, code) => {
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit }) => (isTreated(arm) && hopLimit >= 5 ? { from: TARGET, type, code } : undefined),
    });
    expect(verdict).toMatchObject({ outcome: 'rejected', refusal: { inTargetName: true, hop: null } });
    expect(verdict.reasons.join(' ')).toContain("Something in the target's name");
  });

  it("a filter that answers in the target's name with its very words, from nearer, refuses as well", () => {
    const words = (replyHopLimit: number): Answer => ({ from: TARGET, type: 1, code: 4, replyHopLimit });
    const trace = new ByHand('udp', { siblingEcho: ECHO_LOST });
    for (const hop of [1, 2]) trace.pairs(5, hop, 'expires', 'expires');
    for (const hop of [3, 4]) trace.pairs(5, hop, 'expires', words(62));
    trace.pairs(15, 3, 'expires', words(62), { purpose: PURPOSE.beyond, flow: 'fresh' });
    trace.pairs(5, 5, words(60), words(62)).target(11, words(60), words(62)).placebos(6, words(60)).repeats(3, 2);
    expect(findingOf(trace.stand(rejected))).toMatchObject({
      refusal: { inTargetName: true, hop: null, type: 1, code: 4 },
      interval: { after: 2, upTo: 3 },
    });
    expect(trace.stand(delivered).is).toBe('refuted');
  });

  it('a relative: a target at the end of a longer way for options answers them in its own name, from as much farther', () => {
    const words = (replyHopLimit: number): Answer => ({ from: TARGET, type: 1, code: 4, replyHopLimit });
    const detour = (hop: number): Answer => ({ from: routerAt(90 + hop), type: 3, code: 0 });
    const trace = new ByHand('udp').pairs(3, 1, 'expires', 'expires');
    for (const hop of [2, 3, 4]) trace.pairs(3, hop, 'expires', detour(hop));
    trace.pairs(3, 5, words(60), detour(5)).pairs(3, 6, words(60), words(59)).target(11, words(60), words(59));
    expect(trace.stand(rejected).is).toBe('refuted');
    expect(findingOf(trace.stand(delivered)).outcome).toBe('delivered');
  });

  it('a relative: where the hops before it are silent, words from another distance are neither', () => {
    const words = (replyHopLimit: number): Answer => ({ from: TARGET, type: 1, code: 4, replyHopLimit });
    const trace = new ByHand('udp', { siblingEcho: ECHO_LOST }).pairs(5, 1, 'expires', 'expires');
    for (const hop of [2, 3, 4]) trace.pairs(5, hop, null, null);
    trace.pairs(5, 5, words(60), words(62)).target(20, words(60), words(62)).placebos(8, words(60)).repeats(3, 1);
    for (const claim of [rejected, dropped, impaired, delivered]) expect(trace.stand(claim).is).toBe('refuted');
    expect(reasonOf(trace.stand(dropped))).toContain("in the target's name from another distance");
  });

  it('one refusal among silence is a drop that says so', () => {
    let refused = 0;
    const { verdict } = runTrace(
      udp({
        differs: ({ arm, hopLimit }) => {
          if (!isTreated(arm) || hopLimit < 5) return undefined;
          return (refused += 1) <= 1 ? { from: routerAt(4), type: 1, code: 1 } : null;
        },
      }),
    );
    expect(verdict).toMatchObject({ outcome: 'dropped', refusal: null });
    expect(verdict.reasons.join(' ')).toContain('And 1 were refused by 2001:db8:1:4::1');
  });

  it('two refusals and a silent target behind hops that do not report name nobody', () => {
    let refused = 0;
    const { verdict, trace } = runTrace(
      udp({
        differs: ({ arm, hopLimit }) => {
          if (hopLimit > 8) return null;
          if (!isTreated(arm) || hopLimit < 5) return undefined;
          return hopLimit === 5 && (refused += 1) <= 2 ? { from: routerAt(4), type: 1, code: 1 } : null;
        },
      }),
    );
    expect(trace.pdmRefusals).toBe(2);
    expect(verdict).toMatchObject({ outcome: 'inconclusive', refusal: null });
  });

  it('a relative: half refused, half let through changed, is not rejected', () => {
    let asked = 0;
    const { verdict } = runTrace(
      udp({
        differs: ({ arm, hopLimit }) => {
          if (!isTreated(arm) || hopLimit < 5) return undefined;
          if (hopLimit > 8 || (asked += 1) % 2 === 0) return { from: routerAt(4), type: 1, code: 1 };
          return { from: routerAt(hopLimit), type: 3, code: 0, quote: alter };
        },
      }),
    );
    expect(verdict).toMatchObject({ outcome: 'dropped', refusal: null });
    expect(verdict.reasons.join(' ')).toMatch(/And \d+ were refused by 2001:db8:1:4::1: too little or too mixed/);
  });
});

describe('rejected beside placebos', () => {
  /** Thirty refused at hops, where there are no placebos; so many at the target, beside six that came whole. */
  const atTarget = (refused: number): ByHand => {
    const trace = new ByHand('icmp6', { confidence: 0.999 }).explored(3, prohibited);
    return trace.target(refused, 'arrives', prohibited).placebos(6, 'arrives').repeats(3, 2);
  };

  it('asks for refusals at the target that Fisher tells from six whole placebos: nine, however many hops drew', () => {
    // One of C(14, 6) = 3,003 and of C(15, 6) = 5,005, where a fifth of 1/1,000 is asked.
    expect([atTarget(8).stand(rejected).is, atTarget(9).stand(rejected).is]).toEqual(['open', 'proven']);
  });

  it('asks the second count for half of that: eleven, where one of C(16, 6) = 8,008 will not do', () => {
    const stand = (refused: number): string => {
      const trace = atTarget(refused);
      trace.state.countIndex = 2;
      return trace.stand(rejected).is;
    };
    expect([stand(10), stand(11)]).toEqual(['open', 'proven']);
  });

  it('asks the second count for twice the evidence too: twelve refusals in all, not eleven', () => {
    const stand = (times: number): string => {
      const trace = refusedAtTarget(times, 20);
      trace.state.countIndex = 2;
      return trace.stand(rejected).is;
    };
    expect([stand(11), stand(12)]).toEqual(['open', 'proven']);
  });

  it('is as sure as its count allows: 1 − 1/e in the first, 1 − 2/e in the second', () => {
    const trace = refusedAtTarget(14, 8);
    const confidence = (): number => findingOf(trace.stand(rejected)).confidence ?? 0;
    const e = lossEValue(14, 0, true);
    expect(confidence()).toBeCloseTo(1 - 1 / e, 9);
    trace.state.countIndex = 2;
    expect(confidence()).toBeCloseTo(1 - 2 / e, 9);
  });
});
