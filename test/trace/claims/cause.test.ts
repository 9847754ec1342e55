import { describe, expect, it } from 'vitest';
import { causeForOthers, standOfCause } from '../../../src/trace/claims/cause.js';
import type { Arm, Cause } from '../../../src/record/record.js';
import { ARM_CODE, PURPOSE, TARGET_HOP_LIMIT } from '../../../src/trace/state/trace-state.js';
import { ByHand, ECHO_LOST, ECHO_SILENT, type Answer } from '../by-hand.js';
import { isTreated, routerAt, runTrace, type FakePath, type Outcome } from '../fake-path.js';
import type { EchoCause } from '../../../src/trace/sibling.js';

const { pdm, do8, do16, long } = ARM_CODE;
const base = (differs: FakePath['differs'], values: Partial<FakePath> = {}): FakePath => ({
  protocol: 'udp',
  routers: 8,
  siblingEcho: ECHO_LOST,
  ...(differs === undefined ? {} : { differs }),
  ...values,
});
const lossOf = (...arms: (number | undefined)[]): FakePath =>
  base(({ arm, hopLimit }) => (arms.includes(arm) && hopLimit >= 5 ? null : undefined));

describe('cause', () => {
  it.each([
    ['option', [pdm]],
    ['size', [pdm, do16]],
    ['destination-options', [pdm, do8, do16]],
    ['length', [pdm, do16, long]],
  ])('is %s where the arms %j are lost', (cause, arms) => {
    expect(runTrace(lossOf(...arms)).verdict).toMatchObject({ outcome: 'dropped', cause });
  });

  it('is not named when the arms fit no row', () => {
    expect(runTrace(lossOf(pdm, do8)).verdict).toMatchObject({ outcome: 'dropped', cause: null });
  });

  it('is no loss of other options where datagrams ask, for SYNs bore witness: errors about them may be filtered', () => {
    const bySyns = { siblingEcho: ECHO_SILENT, siblingTcp: ECHO_LOST };
    const causeBy = (...arms: (number | undefined)[]): unknown => {
      const { verdict } = runTrace({ ...lossOf(...arms), ...bySyns });
      expect(verdict.outcome).toBe('dropped');
      return verdict.cause;
    };
    expect(causeBy(pdm)).toBe('option');
    expect([causeBy(pdm, do16), causeBy(pdm, do8, do16), causeBy(pdm, do16, long)]).toEqual([null, null, null]);
  });

  it('is not asked for where nobody wants it', () => {
    const { verdict, trace } = runTrace({ ...lossOf(pdm), explain: false });
    expect(verdict).toMatchObject({ outcome: 'dropped', cause: null });
    expect(trace.explain.udp).toBeUndefined();
  });

  it('is asked for of refusals as well', () => {
    const from = Uint8Array.from([0x20, 1, 0xd, 0xb8, 0, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1]);
    const { verdict } = runTrace(
      base(({ arm, hopLimit }) => (arm === pdm && hopLimit >= 5 ? { from, type: 1, code: 1 } : undefined)),
    );
    expect(verdict).toMatchObject({ outcome: 'rejected', cause: 'option' });
  });
});

/** As a box on the way may rewrite it. */
const relabel = (packet: Uint8Array): Uint8Array => {
  const copy = packet.slice();
  copy[3]! ^= 0xff;
  return copy;
};

describe('of a silent target, behind routers that quote no more than the option', () => {
  const habit = { passed: 20, reported: 20, firstNs: -1, lastNs: 1e15, targets: 20, isSilentToSome: false };
  /** Behind hop 5 PDM alone is lost; the others are answered, and quoted as this says. */
  const quoting = (quote: (packet: Uint8Array) => Uint8Array, isQuotedSo = isTreated): Outcome =>
    runTrace({
      protocol: 'udp',
      routers: 8,
      habits: { 6: habit, 7: habit, 8: habit },
      differs: ({ arm, hopLimit }) => {
        if (hopLimit > 8) return null;
        if (hopLimit < 6 || !isQuotedSo(arm)) return undefined;
        return arm === pdm ? null : { from: routerAt(hopLimit), type: 3, code: 0, quote };
      },
    });

  it('is the option where these quotes name their probes, and nothing where the flow label was rewritten', () => {
    const short = (packet: Uint8Array): Uint8Array => packet.slice(0, 48 + 8 * packet[41]!);
    const told = { outcome: 'dropped', evidence: { basis: 'routers' } };
    expect(quoting(short).verdict).toMatchObject({ ...told, cause: 'option' });
    expect(quoting((packet) => relabel(short(packet))).verdict).toMatchObject({ ...told, cause: null });
  });

  it.each([64, 68, 72])(
    'is not made of quotes of %i octets in which ports were rewritten: those of packets without an option say more',
    (octets) => {
      const rewritten = (packet: Uint8Array): Uint8Array => {
        const copy = packet.slice(0, octets);
        const upper = packet[6] === 60 ? 48 + 8 * packet[41]! : 40;
        // The source port, and the checksum that names the probe.
        for (const at of [upper, upper + 6]) copy[at]! ^= 0x11;
        return copy;
      };
      const { verdict } = quoting(rewritten, () => true);
      expect(verdict).toMatchObject({ outcome: 'dropped', cause: null });
    },
  );
});

describe('of a refusal in words', () => {
  it('is not told by silence about the other options: their answers may be what is lost', () => {
    const from = Uint8Array.from([0x20, 1, 0xd, 0xb8, 0, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1]);
    const { verdict } = runTrace(
      base(({ arm, hopLimit }) => {
        if (hopLimit < 5) return undefined;
        if (arm === pdm) return { from, type: 1, code: 1 };
        return arm === do8 || arm === do16 ? null : undefined;
      }),
    );
    expect(verdict).toMatchObject({ outcome: 'rejected', cause: null });
  });
});

describe('where another loser takes some packets with options', () => {
  /** The host drops PDM; on the way the first packets of `do8`, and this many of `do16`, are lost too. */
  const lossBesides = (ofDo8: number, ofDo16: number): FakePath => {
    const left = new Map([
      [do8, ofDo8],
      [do16, ofDo16],
    ]);
    return base(({ arm, hopLimit }) => {
      if (hopLimit < 5) return undefined;
      if (arm === pdm) return null;
      const more = left.get(arm) ?? 0;
      left.set(arm, more - 1);
      return more > 0 ? null : undefined;
    });
  };

  it('is not the size when the eight octets pass after two losses and the sixteen are lost seven times', () => {
    expect(runTrace(lossBesides(2, 99)).verdict).toMatchObject({ outcome: 'dropped', cause: null });
  });

  it('is the size only after the eight octets have passed five times', () => {
    const passes = (path: FakePath): number | undefined => runTrace(path).trace.explain.icmp6?.get(do8)?.treatedPassed;
    expect(runTrace(lossBesides(0, 99)).verdict.cause).toBe('size');
    expect(passes(lossBesides(0, 99))).toBe(5);
    expect(passes(lossBesides(0, 0))).toBeLessThan(5);
  });

  it('is the size after one such loss only when the sixteen are lost as often as the whole bar asks', () => {
    expect(runTrace(lossBesides(1, 8)).verdict.cause).toBeNull();
    expect(runTrace(lossBesides(1, 99)).verdict.cause).toBe('size');
  });
});

describe('pair by pair', () => {
  /** So many pairs with another arm; of those that are lost, its packet leaves first or second. */
  const asked = (trace: ByHand, treatment: Arm, count: number, treated: Answer, leaves: 'first' | 'second'): ByHand => {
    const { order } = trace.state;
    const coin = order.coin.bind(order);
    order.coin = () => leaves === 'second';
    trace.pairs(count, TARGET_HOP_LIMIT, 'arrives', treated, { purpose: PURPOSE.explain, flow: 'fresh', treatment });
    order.coin = coin;
    return trace;
  };
  const causeOf = (trace: ByHand): Cause | null => standOfCause(trace.case, TARGET_HOP_LIMIT).cause;
  const wantedBy = (trace: ByHand): (Arm | undefined)[] =>
    standOfCause(trace.case, TARGET_HOP_LIMIT).wants.map(({ treatment }) => treatment);
  const begun = (): ByHand => asked(new ByHand('icmp6', { explain: true }), 'long', 2, 'arrives', 'first');
  const passing = (...arms: readonly Arm[]): ByHand =>
    arms.reduce((trace, arm) => asked(trace, arm, 5, 'arrives', 'first'), begun());

  it('an arm is refused where in two at least of its seven lost pairs the lost packet left first', () => {
    const lost = (leading: number): ByHand => {
      const trace = asked(passing('do8'), 'do16', 7 - leading, null, 'second');
      return asked(asked(trace, 'do16', leading, null, 'first'), 'pdm', 6, null, 'first');
    };
    expect([0, 1, 2, 7].map((leading) => causeOf(lost(leading)))).toEqual([null, null, 'size', 'size']);
    // A limit that answers one packet of several would have answered it: so it is asked for until it did.
    expect(wantedBy(lost(1))).toEqual(['do16']);
    expect(wantedBy(lost(2))).toEqual([]);
  });

  it('an arm that is answered and refused in words tells nothing: some of all options may be refused', () => {
    const refusal = { from: routerAt(3), type: 1, code: 1 };
    const sparing = (refused: number): ByHand =>
      asked(asked(passing('do8', 'do16'), 'do8', refused, refusal, 'first'), 'pdm', 6, refusal, 'first');
    expect([0, 1].map((refused) => causeOf(sparing(refused)))).toEqual(['option', null]);
  });

  it('PDM must still be lost when the others have passed: six times', () => {
    const after = (lost: number): ByHand => asked(passing('do8', 'do16'), 'pdm', lost, null, 'first');
    expect([0, 5, 6].map((lost) => causeOf(after(lost)))).toEqual([null, null, 'option']);
    expect([0, 5, 6].map((lost) => wantedBy(after(lost)))).toEqual([['pdm'], ['pdm'], []]);
  });

  it('… and once where none with an option passed, which shows it as well', () => {
    const alike = (): ByHand => asked(asked(begun(), 'do8', 7, null, 'first'), 'do16', 7, null, 'first');
    expect([causeOf(alike()), wantedBy(alike())]).toEqual([null, ['pdm']]);
    expect(causeOf(asked(alike(), 'pdm', 1, null, 'first'))).toBe('destination-options');
  });

  it('… after all of the others: that it was lost before one of them was asked shows nothing', () => {
    const before = asked(asked(passing('do8'), 'pdm', 6, null, 'first'), 'do16', 5, 'arrives', 'first');
    expect([causeOf(before), wantedBy(before)]).toEqual([null, ['pdm']]);
    expect(causeOf(asked(before, 'pdm', 6, null, 'first'))).toBe('option');
  });

  it('nothing is refused while errors about the arms come that fit no one probe: their answers may be what looks lost', () => {
    const refused = (quote: (packet: Uint8Array) => Uint8Array): ByHand => {
      const trace = asked(asked(begun(), 'do8', 7, null, 'first'), 'do16', 6, null, 'first');
      const error = { from: routerAt(4), type: 3, code: 0, quote };
      return asked(asked(trace, 'do16', 1, error, 'first'), 'pdm', 6, null, 'first');
    };
    // It quotes no more than the option, in a packet of another flow label than any that was sent.
    const unmatched = refused((packet) => relabel(packet.slice(0, 56)));
    expect(unmatched.state.unmatchedExplanations).toBe(1);
    expect(causeOf(unmatched)).toBeNull();
    // A quote that ends before the option is about no arm that is known.
    const foreign = refused((packet) => packet.slice(0, 40));
    expect(foreign.state.unmatchedExplanations).toBe(0);
    expect(causeOf(foreign)).toBe('destination-options');
  });

  it('is none where PDM passed when it was asked for again: the loss had ended before the others passed', () => {
    const ended = asked(asked(passing('do8', 'do16'), 'pdm', 1, 'arrives', 'first'), 'pdm', 8, null, 'first');
    expect([causeOf(ended), wantedBy(ended)]).toEqual([null, []]);
  });
});

describe('of a target that has an echo trace', () => {
  /** Datagrams lose these arms. */
  const knowing = (cause: EchoCause | null, ...arms: number[]): FakePath => ({
    ...lossOf(pdm, ...arms),
    siblingEcho: { ...ECHO_LOST, cause },
  });
  const found = (cause: Cause): EchoCause => ({ after: 4, isOpen: false, cause });
  const ASKED_BY_ECHO = 'The cause was asked with echo requests to the same target.';
  const OWN_DISAGREE = expect.stringMatching(/^Echo requests to the same target show another cause/) as string;

  it('is what that trace found, where both lose the option after the same hop, and the words say so', () => {
    const { verdict, trace } = runTrace(knowing(found('destination-options'), do8, do16));
    expect(verdict).toMatchObject({ outcome: 'dropped', cause: 'destination-options' });
    expect(verdict.reasons).toContain(ASKED_BY_ECHO);
    // Own packets are asked for the arms that tell: few answers are enough, or three losses.
    expect([...(trace.explain.udp ?? [])].map(([arm, { pairs }]) => [arm, pairs])).toEqual([
      [long, 1],
      [do8, 3],
    ]);
    expect(trace.explain.icmp6).toBeUndefined();
  });

  it.each<[Cause, number[], boolean]>([
    ['option', [], true],
    ['option', [do16], false],
    ['option', [do8, do16], false],
    ['size', [do16], true],
    ['size', [], false],
    ['size', [do8, do16], false],
    ['size', [do16, long], false],
    ['destination-options', [do8, do16], true],
    ['destination-options', [], false],
    ['destination-options', [do16], false],
    ['destination-options', [do8, do16, long], false],
    ['length', [do16, long], true],
    ['length', [do16], false],
    ['length', [], false],
  ])('is %s of echo requests only where own packets fare so: these lose %j besides', (cause, arms, isAgreed) => {
    const { verdict } = runTrace(knowing(found(cause), ...arms));
    expect(verdict).toMatchObject({ outcome: 'dropped', cause: isAgreed ? cause : null });
    expect(verdict.reasons).toContainEqual(isAgreed ? ASKED_BY_ECHO : OWN_DISAGREE);
  });

  it('is none of echo requests where own packets with the arm get through now and then only', () => {
    const letting = (first: number): Outcome => {
      let do16s = 0;
      return runTrace({
        ...knowing(found('option')),
        differs: ({ arm, hopLimit, protocol }) => {
          if (hopLimit < 5 || protocol !== 'udp' || (arm !== pdm && arm !== do16)) return undefined;
          if (arm === do16) do16s += 1;
          return arm === do16 && do16s <= first ? undefined : null;
        },
      });
    };
    expect(letting(2).verdict).toMatchObject({ outcome: 'dropped', cause: 'option' });
    expect(letting(1).verdict).toMatchObject({ outcome: 'dropped', cause: null });
    expect(letting(1).verdict.reasons).toContainEqual(OWN_DISAGREE);
  });

  it('of echo requests does not say that the target never sees the option, where own packets with another one are answered', () => {
    let do8s = 0;
    const nowAndThen = runTrace({
      ...knowing(found('destination-options')),
      differs: ({ arm, hopLimit, protocol }) => {
        if (hopLimit < 5 || arm === ARM_CODE.plain || arm === long) return undefined;
        if (arm === do8 && protocol === 'udp') do8s += 1;
        return arm === do8 && do8s === 3 ? undefined : null;
      },
    });
    expect(nowAndThen.verdict.outcome).toBe('inconclusive');
    expect(nowAndThen.verdict.reasons.join()).toContain('may drop them, or answer with the option itself');
  });

  describe('where something on the way back takes errors about all options', () => {
    const hidden = (losesSyns: boolean, values: Partial<FakePath> = {}): Outcome =>
      runTrace({
        ...knowing(found('destination-options')),
        differs: ({ arm, hopLimit, protocol }) => {
          if (hopLimit < 5 || arm === ARM_CODE.plain || arm === long) return undefined;
          return arm === pdm || protocol === 'udp' || losesSyns ? null : undefined;
        },
        ...values,
      });

    it('needs SYNs with other options that are lost as well', () => {
      expect(hidden(true).verdict).toMatchObject({ outcome: 'dropped', cause: 'destination-options' });
      // The target may send the option, as far as one can see: other options come to it.
      expect(hidden(false).verdict).toMatchObject({ outcome: 'inconclusive', cause: null });
    });

    it('is none where no SYN can be asked', () => {
      for (const values of [{ size: 200 }, { watchesTcp: false }]) {
        const { verdict, trace } = hidden(true, { ...values, siblingTcp: ECHO_LOST });
        expect(verdict).toMatchObject({ outcome: 'dropped', cause: null });
        expect(trace.explain.tcp).toBeUndefined();
      }
    });
  });

  it('is asked for anew where the option is lost after another hop, or the echo trace loses none', () => {
    for (const cause of [null, { after: 3, isOpen: false, cause: 'destination-options' } as const]) {
      const { verdict, trace } = runTrace(knowing(cause));
      expect(verdict).toMatchObject({ outcome: 'dropped', cause: 'option' });
      expect(trace.explain.icmp6?.size).toBe(4);
    }
  });

  it('is waited for while that trace asks', () => {
    let looks = 0;
    const path = knowing(null, do16);
    const siblingEcho = {
      ...ECHO_LOST,
      get cause(): EchoCause {
        looks += 1;
        return { after: 4, isOpen: looks < 300, cause: looks < 300 ? null : 'size' };
      },
    };
    const { verdict, trace } = runTrace({ ...path, siblingEcho });
    expect(verdict).toMatchObject({ outcome: 'dropped', cause: 'size' });
    expect(trace.explain.icmp6).toBeUndefined();
  });

  it('is passed on once all arms are asked, and not by a trace that ended before, or that loses nothing', () => {
    const echo = (values: FakePath): Outcome => runTrace({ ...values, protocol: 'icmp6', siblingEcho: null });
    const { trace } = echo(lossOf(pdm));
    expect(causeForOthers(trace, true)).toEqual({ after: 4, isOpen: false, cause: 'option' });
    expect(causeForOthers(echo(base(undefined)).trace, true)).toBeNull();
    expect(
      causeForOthers({ ...trace, explain: { udp: new Map(), icmp6: new Map(), tcp: new Map() } }, true),
    ).toBeNull();
    expect(
      causeForOthers({ ...trace, explain: { udp: new Map(), icmp6: new Map(), tcp: new Map() } }, false),
    ).toMatchObject({ isOpen: true, cause: null });
    // What was refused, and arrived once, is nothing that anybody asks for the cause of.
    expect(
      causeForOthers(
        { ...trace, explain: { udp: new Map(), icmp6: new Map(), tcp: new Map() }, pdmRefusals: 9, pdmArrivals: 1 },
        false,
      ),
    ).toBeNull();
  });

  it('is none where errors about all options are lost on the way back: echo requests say it of themselves alone', () => {
    // All options come by; only PDM is lost on the way there, and behind hop 5 errors that quote any option on the way back.
    const path = base(({ arm, hopLimit, protocol }) => {
      if (hopLimit < 5) return undefined;
      if (arm === pdm) return null;
      return protocol === 'udp' && hopLimit > 5 && arm !== ARM_CODE.plain && arm !== long ? null : undefined;
    });
    const { verdict } = runTrace(path);
    expect(verdict).toMatchObject({ outcome: 'dropped', cause: null });
    expect(verdict.reasons).toContainEqual(OWN_DISAGREE);
  });
});
