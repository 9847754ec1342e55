import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../../src/address/address.js';
import { dropped } from '../../../src/trace/claims/dropped.js';
import { makeCase } from '../../../src/trace/case.js';
import { standOfOwnPdm } from '../../../src/trace/evidence/own-pdm.js';
import type { PairWish } from '../../../src/trace/wish.js';
import type { Standing } from '../../../src/trace/claims/claim.js';
import { judgeTrace } from '../../../src/trace/trace-machine.js';
import { alter, ByHand, ECHO_LOST, ECHO_SILENT, findingOf, quotedBy, reasonOf } from '../by-hand.js';
import { contextOf, dropsFrom, isTreated, routerAt, runTrace, type FakePath } from '../fake-path.js';
import { ARM_CODE, PURPOSE, TARGET_HOP_LIMIT } from '../../../src/trace/state/trace-state.js';
import { TARGET } from '../trace-fixture.js';

const udp = (values: Partial<FakePath> = {}): FakePath => ({ protocol: 'udp', routers: 8, ...values });

/** A path of four routers that loses the option from hop 3 on. */
const lossAt3 = (treated: number, placebos: number, values: ConstructorParameters<typeof ByHand>[1] = {}): ByHand =>
  new ByHand('icmp6', values).explored(3).target(treated, 'arrives', null).placebos(placebos, 'arrives').repeats(3, 2);

describe('dropped needs loss shown at the target', () => {
  it.each([
    [0.999, 11, 6],
    [0.9999, 15, 6],
  ])('at %d: %i pairs and %i placebos prove it', (confidence, pairs, placebos) => {
    const finding = findingOf(lossAt3(pairs, placebos, { confidence }).stand(dropped));
    expect(finding).toMatchObject({
      outcome: 'dropped',
      basis: 'target',
      returnPath: 'excluded',
      interval: { after: 2, likelyUpTo: 3 },
    });
    expect(finding.confidence).toBeGreaterThanOrEqual(confidence);
  });

  it.each([
    [0.999, 10, 20],
    [0.9999, 14, 20],
    [0.999, 11, 4],
    [0.9999, 15, 4],
  ])('at %d: %i pairs and %i placebos leave it open', (confidence, pairs, placebos) => {
    expect(lossAt3(pairs, placebos, { confidence }).stand(dropped).is).toBe('open');
  });

  it('is left open by ten pairs with six placebos, one pair less than enough', () => {
    expect(lossAt3(10, 6).stand(dropped).is).toBe('open');
  });

  it('is left open by eleven pairs with five placebos, one placebo less than enough', () => {
    expect(lossAt3(11, 5).stand(dropped).is).toBe('open');
  });

  it('needs both bars multiplied by the number of the count', () => {
    const inSecondCount = (pairs: number, placebos: number): string => {
      const trace = lossAt3(pairs, placebos);
      trace.state.countIndex = 2;
      return trace.stand(dropped).is;
    };
    expect([inSecondCount(11, 6), inSecondCount(12, 5), inSecondCount(12, 6)]).toEqual(['open', 'open', 'proven']);
  });

  it('is not shown where placebos are lost as often as treated pairs', () => {
    const trace = new ByHand().explored(3).target(30, 'arrives', null).placebos(15, 'arrives', null).repeats(3, 2);
    expect(trace.stand(dropped).is).toBe('open');
  });

  it('says none arrives only from twenty answered pairs on', () => {
    expect(findingOf(lossAt3(19, 6).stand(dropped)).reasons[0]).toContain('none arrived:');
    expect(findingOf(lossAt3(20, 6).stand(dropped)).reasons[0]).toContain('none arrives:');
  });
});

describe('dropped is defeated by', () => {
  it('one packet with the option that arrived', () => {
    const trace = lossAt3(20, 8).target(1, 'arrives', 'arrives');
    expect(trace.stand(dropped).is).toBe('refuted');
  });

  it('fewer than three pairs lost since n was seen, and asks for no more while enough are on their way', () => {
    const since = (lost: number): readonly PairWish[] => {
      const trace = lossAt3(11, 6);
      // n is met farther away than before.
      trace.nowNs += 4e9;
      trace.pairs(5, 3, 'expires', 'expires');
      const nowNs = trace.nowNs;
      for (let pair = 0; pair < lost; pair += 1) {
        trace.target(1, 'arrives', null);
        trace.nowNs = nowNs;
      }
      const standing = dropped.stand(makeCase(trace.state, trace.context, nowNs + 300e6));
      if (standing.is !== 'open') throw new Error(standing.is);
      return standing.wants.filter(({ purpose }) => purpose === PURPOSE.target);
    };
    expect([0, 2, 3].map((lost) => since(lost).length)).toEqual([1, 1, 0]);
  });

  it('a loss last seen long ago, until three more pairs are lost', () => {
    const trace = lossAt3(11, 6);
    trace.nowNs += 10e9;
    trace.repeats(1, 2);
    const standing = trace.stand(dropped);
    expect(standing).toMatchObject({ is: 'open', has: 'asking once more' });
    expect(standing.is === 'open' && standing.wants.map(({ purpose }) => purpose)).toEqual([PURPOSE.target]);
    expect(trace.target(2, 'arrives', null).stand(dropped).is).toBe('open');
    expect(trace.target(1, 'arrives', null).stand(dropped).is).toBe('proven');
  });

  it('a relative: where no pair is left to ask with, the loss may have ended', () => {
    const trace = lossAt3(11, 6).target(183, null, null);
    trace.nowNs += 10e9;
    expect(reasonOf(trace.repeats(3, 2).stand(dropped))).toContain('it may have ended');
  });

  it('a relative: packets that leave one after the other take longer: so does lately', () => {
    const inCount = (countIndex: number): string => {
      const trace = lossAt3(15, 6);
      trace.state.countIndex = countIndex;
      trace.nowNs += 10e9;
      return trace.repeats(1, 2).stand(dropped).is;
    };
    expect([inCount(1), inCount(3)]).toEqual(['open', 'proven']);
  });

  it('a relative: nobody is asked once more who was interrupted', () => {
    const trace = lossAt3(11, 6);
    trace.nowNs += 10e9;
    trace.state.interrupted = true;
    expect(trace.stand(dropped).is).toBe('proven');
  });

  it('packets with the option to another target that passed from n to the router at u: one way may be broken', () => {
    const habit = { passed: 20, reported: 20, firstNs: -1, lastNs: 1e15, targets: 20, isSilentToSome: false };
    const stand = (othersPassed: FakePath['othersPassed']): Standing =>
      lossAt3(11, 6, { habits: { 4: habit }, ...(othersPassed && { othersPassed }) })
        .pairs(10, 4, 'expires', null)
        .stand(dropped);
    expect(findingOf(stand(undefined)).interval).toMatchObject({ after: 2, upTo: 4 });
    expect(reasonOf(stand((from, to) => from === 2 && to === 4))).toContain('one way among several may be broken');
    // Others came there by another place than n, or got no farther.
    expect(findingOf(stand((from, to) => from === 1 && to === 4)).interval).toMatchObject({ upTo: 4 });
  });

  it('one that arrived after its grace', () => {
    let spared = false;
    const { verdict } = runTrace(
      udp({
        siblingEcho: ECHO_LOST,
        differs: (probe) => {
          if (!isTreated(probe.arm) || probe.hopLimit < 5) return undefined;
          if (spared || probe.hopLimit !== 64) return null;
          spared = true;
          return { from: TARGET, type: 1, code: 4, delayMs: 2500 };
        },
      }),
    );
    expect(spared).toBe(true);
    expect(verdict.outcome).toBe('inconclusive');
    // Of an error whose received hop limit is not seen it is not known who sends it.
    expect(verdict.reasons[0]).toMatch(
      /are answered: 1 of (\d+) with, \1 of \1 without.* how far they came is not seen/,
    );
  });

  it('echo requests with the option that were answered', () => {
    const siblingEcho = { plainArrivals: 8, pdmArrivals: 8, lossShown: false, settled: true };
    const { verdict } = runTrace(udp({ differs: dropsFrom(5), siblingEcho }));
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join(' ')).toContain('lost on the way back');
  });

  it('a target known to send the option itself, where its replies may be what is lost', () => {
    const trace = lossAt3(11, 6);
    trace.state.pdm.isSent = true;
    expect(reasonOf(trace.stand(dropped))).toContain('in which direction is not known');
  });

  it('a relative: not by such a target where a router before it, known to report, lost them', () => {
    const habit = { passed: 20, reported: 20, firstNs: -1, lastNs: 1e15, targets: 20, isSilentToSome: false };
    const trace = lossAt3(11, 6, { habits: { 4: habit } }).pairs(10, 4, 'expires', null);
    trace.state.pdm.isSent = true;
    expect(findingOf(trace.stand(dropped)).interval).toMatchObject({ after: 2, upTo: 4 });
  });

  it('a relative: a target that may answer with it, as the option alone is lost, and right before it was not', () => {
    const lostAtTarget = (arms: (arm: number) => boolean): FakePath => ({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit }) => (arms(arm) && hopLimit > 8 ? null : undefined),
    });
    const { verdict } = runTrace(lostAtTarget((arm) => arm === ARM_CODE.pdm));
    expect(verdict).toMatchObject({ outcome: 'inconclusive', interval: null });
    expect(verdict.reasons.join(' ')).toContain('or answer with the option itself');
    // Nobody answers other options with PDM.
    expect(runTrace(lostAtTarget(isTreated)).verdict.outcome).toBe('dropped');
  });

  it('a target that answers plain packets with it too, whatever is lost besides: all such answers may come back by one of several ways', () => {
    const { case: known } = lossAt3(11, 6);
    const stand = (): string => standOfOwnPdm(known, 'destination-options', TARGET_HOP_LIMIT).is;
    expect(stand()).toBe('excluded');
    known.state.pdm.isSent = true;
    expect(stand()).toBe('excluded');
    known.state.pdm.isSentToPlain = true;
    expect(stand()).toBe('possible');
  });

  it('such a target also where the quotes of the routers before it are scrubbed', () => {
    const path: FakePath = {
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit }) => {
        if (arm !== ARM_CODE.pdm || hopLimit < 6) return undefined;
        return hopLimit > 8 ? null : { from: routerAt(hopLimit), type: 3, code: 0, quote: alter };
      },
    };
    expect(runTrace(path).verdict.reasons.join(' ')).toContain('or answer with the option itself');
  });

  it('a target that may answer with it, where the option alone is lost and no hop before it reports any option', () => {
    const path = (reports: (arm: number, hopLimit: number) => boolean, values: Partial<FakePath> = {}): FakePath => ({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit }) =>
        isTreated(arm) && hopLimit > 4 && !(hopLimit > 8 ? arm !== ARM_CODE.pdm : reports(arm, hopLimit))
          ? null
          : undefined,
      ...values,
    });
    const heldBack = runTrace(path(() => false));
    expect(heldBack.verdict).toMatchObject({ outcome: 'inconclusive', interval: null });
    expect(heldBack.verdict.reasons.join(' ')).toContain('or answer with the option itself');
    // A hop that reports another option and not ours lies behind the loss, also where the one before it reports none.
    const isOther = (arm: number): boolean => arm === ARM_CODE.do8;
    for (const reports of [isOther, (arm: number, hop: number) => isOther(arm) && hop === 6]) {
      const { verdict } = runTrace(path(reports));
      expect(verdict).toMatchObject({ outcome: 'dropped', cause: 'option', interval: { after: 4 } });
    }
    // One that reports them now and then shows nothing.
    let asked = 0;
    const seldom = path((arm, hop) => isOther(arm) && hop === 5 && (asked += 1) % 5 === 0);
    expect(runTrace(seldom).verdict.outcome).toBe('inconclusive');
  });

  it('such a target also where hops report other options, but the first of them one of ours, however quoted', () => {
    const met = (isMet: boolean): FakePath => {
      let left = isMet ? 1 : 0;
      return {
        protocol: 'icmp6',
        routers: 8,
        differs: ({ arm, hopLimit }) => {
          if (arm !== ARM_CODE.pdm || hopLimit < 5) return undefined;
          return hopLimit === 5 && (left -= 1) >= 0 ? quotedBy(5, alter) : null;
        },
      };
    };
    expect(runTrace(met(false)).verdict).toMatchObject({ outcome: 'dropped', cause: 'option', interval: { after: 4 } });
    const { verdict, trace } = runTrace(met(true));
    expect([trace.lastPdmHop, trace.hops[5]?.treatedPassed]).toEqual([4, 1]);
    expect(verdict.reasons.join(' ')).toContain('or answer with the option itself');
  });

  it("a proxy in the target's name nearer than routers that other traces met", () => {
    const trace = lossAt3(11, 6, { routerSeenByOthers: 7 });
    expect(reasonOf(trace.stand(dropped))).toContain('too near to be the target');
    expect(lossAt3(11, 6, { routerSeenByOthers: 4 }).stand(dropped).is).toBe('proven');
  });

  it('… or than those that they met behind a router that this trace met as well, by a shorter way to it', () => {
    // The target answers from hop 5, right behind the fourth router.
    const beside = (...way: readonly (number | string)[]): ByHand => {
      const met = [undefined, ...way.map((one) => (typeof one === 'string' ? one : formatAddress(routerAt(one))))];
      return lossAt3(11, 6, { waysOfOthers: [{ met, routerAt: way.length }] });
    };
    for (const way of [
      [4, 'a'],
      [1, 4, 'a', 'b'],
      [2, 'a', 'b', 'c'],
      [4, 'a', 4, 'b'],
    ])
      expect(reasonOf(beside(...way).stand(dropped))).toContain('a router on the way stands, counted from one');
    for (const way of [[], [4], [1, 2, 4], [2, 'a', 'b'], ['a', 'b', 'c'], [4, 'a', 4]])
      expect(beside(...way).stand(dropped).is).toBe('proven');
  });

  it('receive drops of the kernel, and an interruption', () => {
    const path = udp({ differs: dropsFrom(5), siblingEcho: ECHO_LOST });
    const { state, endedAtNs } = runTrace(path);
    const judge = () => judgeTrace(state, contextOf(path), endedAtNs).verdict;
    expect(judge().outcome).toBe('dropped');
    state.droppedByKernel = true;
    expect(judge()).toMatchObject({ outcome: 'inconclusive', interval: null });
    state.droppedByKernel = false;
    state.interrupted = true;
    expect(judge()).toMatchObject({ outcome: 'inconclusive', confidence: null, interval: null });
  });

  it('a fall into silence after options were sent (a firewall shuns the sender)', () => {
    let isShunned = false;
    const { verdict } = runTrace(
      udp({
        differs: ({ arm }) => {
          if (isTreated(arm)) isShunned = true;
          return isShunned ? null : undefined;
        },
      }),
    );
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join(' ')).toContain('fell silent after');
  });
});

describe('the way back', () => {
  it('a UDP drop with a silent echo witness is inconclusive (errors that quote options are filtered)', () => {
    const { verdict } = runTrace(udp({ differs: dropsFrom(5), siblingEcho: ECHO_SILENT }));
    expect(verdict).toMatchObject({ outcome: 'inconclusive', interval: null, confidence: null });
    expect(verdict.reasons.join(' ')).toContain('on the way back');
  });

  it('a UDP drop without a sibling sends echo pairs of its own', () => {
    const { verdict, state } = runTrace(udp({ differs: dropsFrom(5), siblingTcp: ECHO_LOST }));
    expect(verdict).toMatchObject({ outcome: 'dropped', evidence: { returnPath: 'excluded', witness: 'echo' } });
    expect(state.flows.filter(({ protocol }) => protocol === 'icmp6').length).toBeGreaterThanOrEqual(16);
  });

  it.each(['udp', 'icmp6'] as const)(
    '%s: a target that answers everything with 1/1 quotes all of it, so nothing is shown',
    (protocol) => {
      const { verdict } = runTrace({
        protocol,
        routers: 8,
        differs: ({ arm, hopLimit }) => {
          if (isTreated(arm)) return null;
          return hopLimit > 8 ? { from: TARGET, type: 1, code: 1 } : undefined;
        },
      });
      expect(verdict.outcome).toBe('inconclusive');
    },
  );

  it("no unquoted answer to the option ever came back: the source's own firewall may be it", () => {
    const trace = new ByHand('icmp6', { answeredBeyond: false }).explored(4).target(11, 'arrives', null);
    trace.placebos(6, 'arrives').repeats(3, 3);
    const standing = trace.stand(dropped);
    // Routers up to n are asked first.
    expect(standing.is).toBe('open');
    trace.references(3, 3, null);
    expect(reasonOf(trace.stand(dropped))).toContain('Nothing but errors ever came here about packets with the option');
  });

  it('begins its interval where answers are known to come back from: a firewall farther on may take them', () => {
    const trace = new ByHand('icmp6', { answeredBeyond: false, routers: 6 }).explored(6).target(11, 'arrives', null);
    trace.placebos(6, 'arrives').repeats(3, 5).references(3, 5, null).references(3, 4);
    const finding = findingOf(trace.stand(dropped));
    expect(finding.interval).toMatchObject({ after: 4, upTo: 7 });
    expect(finding.reasons.join(' ')).toContain('the answers to them instead');
  });

  it('begins its interval at the source where most losses came after n was last seen, and n is silent since', () => {
    const trace = lossAt3(20, 8);
    expect(findingOf(trace.stand(dropped)).interval).toMatchObject({ after: 2 });
    const silentSince = new ByHand().explored(3).target(20, 'arrives', null).placebos(8, 'arrives');
    silentSince.repeats(16, 2, null, null);
    expect(findingOf(silentSince.stand(dropped)).interval).toMatchObject({ after: 0, upTo: 5 });
  });

  it('is refuted by the target that got the option intact from another protocol: its answers are what is lost', () => {
    expect(reasonOf(lossAt3(11, 6, { intactAtTarget: true }).stand(dropped))).toContain('as it quotes them');
  });
});

describe('networks that drop', () => {
  it.each([1, 5, 8, 9])('from hop limit %i on: between n and the first dependable place', (firstLost) => {
    const { verdict } = runTrace(udp({ differs: dropsFrom(firstLost), siblingEcho: ECHO_LOST }));
    expect(verdict).toMatchObject({
      outcome: 'dropped',
      interval: { after: firstLost - 1, upTo: 9, likelyUpTo: firstLost },
      evidence: { basis: 'target', returnPath: 'excluded', pdmOnly: 0 },
      cause: 'destination-options',
    });
  });

  it('an input filter of the target itself lies in an interval that includes the target', () => {
    const { verdict } = runTrace({ protocol: 'icmp6', routers: 3, differs: dropsFrom(4) });
    expect(verdict).toMatchObject({ outcome: 'dropped', interval: { after: 3, upTo: 4 } });
  });

  it('a relative: an input filter of a target on the same link lies between the source and the target', () => {
    const { verdict } = runTrace({ protocol: 'icmp6', routers: 0, differs: dropsFrom(1) });
    expect(verdict).toMatchObject({ outcome: 'dropped', interval: { after: 0, upTo: 1 } });
  });

  it('a relative that nobody listed: slow answers, all later than a second, are waited for', () => {
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 4,
      differs: ({ arm, hopLimit }) =>
        isTreated(arm) && hopLimit > 4 ? { from: TARGET, type: 1, code: 1, delayMs: 1200 } : undefined,
    });
    expect(verdict).toMatchObject({ outcome: 'rejected', refusal: { inTargetName: true, type: 1, code: 1 } });
    expect(verdict.reasons[0]).toContain("Something in the target's name refused");
  });

  it('a target with one token for two packets, the option a little slower, is not dropped', () => {
    let firstIsSlow = false;
    const { verdict } = runTrace(
      udp({
        siblingEcho: ECHO_SILENT,
        differs: ({ arm, hopLimit, number }) => {
          if (hopLimit <= 8) return undefined;
          if (number % 2 === 0) {
            firstIsSlow = isTreated(arm);
            return firstIsSlow ? null : undefined;
          }
          return !isTreated(arm) && firstIsSlow ? undefined : null;
        },
      }),
    );
    expect(verdict.outcome).toBe('inconclusive');
  });
});

describe('a silent target', () => {
  const passes = { passed: 20, reported: 20, firstNs: -1, lastNs: 1e15, targets: 20, isSilentToSome: false };
  const silentPath = (habits: FakePath['habits'], answersAt6 = 100): FakePath => {
    let asked = 0;
    return udp({
      ...(habits === undefined ? {} : { habits }),
      differs: (probe) => {
        if (probe.hopLimit > 8) return null;
        if (probe.hopLimit === 6 && probe.arm === 0 && (asked += 1) > answersAt6) return null;
        return dropsFrom(5)(probe);
      },
    });
  };

  it('is dropped on the word of a dependable reporter beyond n', () => {
    expect(runTrace(silentPath({ 6: passes })).verdict).toMatchObject({
      outcome: 'dropped',
      interval: { after: 4, upTo: 6 },
      evidence: { basis: 'routers', returnPath: 'not excluded', rates: { plain: 1, pdm: 0 } },
      reasons: [
        expect.stringContaining('reported packets with the option before and after'),
        'Packets with the option, or the errors about them, are lost by a filter, or by one broken way among several.',
      ],
    });
  });

  it('is inconclusive with ten pairs at the reporter, and with eleven it is not', () => {
    expect(runTrace(silentPath({ 6: passes }, 10)).verdict.outcome).toBe('inconclusive');
    expect(runTrace(silentPath({ 6: passes }, 11)).verdict.outcome).toBe('dropped');
  });

  it('is inconclusive where packets with the option to another target passed from n to that reporter', () => {
    const { verdict } = runTrace({ ...silentPath({ 6: passes }), othersPassed: (from, to) => from === 4 && to === 6 });
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join(' ')).toContain('one way among several may be broken');
  });

  it.each([
    ['a reporter of which nothing is known in this run', undefined],
    ['one that was seen to report before the loss only', { 6: { ...passes, lastNs: 0 } }],
    ['one that was seen to report after the loss only', { 6: { ...passes, firstNs: 1e14 } }],
    ['one that reports one packet in twenty', { 6: { ...passes, reported: 1 } }],
    ['one that stands before the loss', { 3: passes }],
    [
      'one that reported to ten targets only: which way options take may depend on addresses',
      { 6: { ...passes, targets: 10 } },
    ],
    ['one that reported nothing to some target', { 6: { ...passes, isSilentToSome: true } }],
  ])('accuses nobody on the word of %s', (_, habits) => {
    const { verdict } = runTrace(silentPath(habits));
    expect(verdict).toMatchObject({ outcome: 'inconclusive', interval: null });
    expect(verdict.reasons.join(' ')).toContain('may not report');
  });
});

describe('a silent target of which a refusal is told', () => {
  const habit = { passed: 20, reported: 20, firstNs: -1, lastNs: 1e15, targets: 20, isSilentToSome: false };
  const refused = { from: routerAt(3), type: 1, code: 1 };
  /** Hop 3 loses twenty, hop 4 those of exploring; nothing answers beyond. */
  const silent = (): ByHand => {
    const trace = new ByHand('udp', { habits: { 3: habit } }).explored(3, null, null);
    for (let hop = 6; hop <= 12; hop += 1) trace.pairs(3, hop, null, null);
    return trace.target(10, null, null).repeats(3, 2);
  };

  it('is not dropped on the word of a reporter: who refuses is not known, nor who loses the others', () => {
    expect(findingOf(silent().stand(dropped))).toMatchObject({ basis: 'routers', interval: { after: 2, upTo: 3 } });
    expect(reasonOf(silent().pairs(1, 4, 'expires', refused).stand(dropped))).toContain(
      'some packets with the option were refused',
    );
  });
});
