import { describe, expect, it } from 'vitest';
import { rejected } from '../../../src/trace/claims/rejected.js';
import { alter, ByHand, ECHO_LOST, findingOf, reasonOf, type Answer } from '../by-hand.js';
import { isTreated, routerAt, runTrace, type Drawn, type FakePath } from '../fake-path.js';
import { octetsOf, TARGET } from '../trace-fixture.js';

const prohibited = { from: routerAt(2), type: 1, code: 1 };
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

  it('is proven by two refusals because of the header chain (1/8), and open with one', () => {
    expect(findingOf(refusedAtTarget(2, 0, chain).stand(rejected)).refusal).toMatchObject({ type: 1, code: 8 });
    expect(refusedAtTarget(1, 0, chain).stand(rejected).is).toBe('open');
  });

  it('is not proven where placebos are refused as often', () => {
    const mixed = refusedAtTarget(20, 0).placebos(10, 'arrives', prohibited);
    expect(mixed.stand(rejected).is).not.toBe('proven');
  });

  it('is defeated by one plain packet that was refused', () => {
    const trace = refusedAtTarget(20, 8).target(1, prohibited, prohibited);
    expect(reasonOf(trace.stand(rejected))).toContain('without the option were refused as well');
  });

  it('is defeated by one packet with the option that arrived', () => {
    expect(refusedAtTarget(20, 8).target(1, 'arrives', 'arrives').stand(rejected).is).toBe('refuted');
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

  it('A21: a hop that refuses both arms accuses nobody', () => {
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
  ])("A7: a filter that refuses in the target's name with %i/%i is no delivery, and has no hop", (type, code) => {
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit }) => (isTreated(arm) && hopLimit >= 5 ? { from: TARGET, type, code } : undefined),
    });
    expect(verdict).toMatchObject({ outcome: 'rejected', refusal: { inTargetName: true, hop: null } });
    expect(verdict.reasons.join(' ')).toContain("Something in the target's name");
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
    expect(verdict.outcome).not.toBe('rejected');
  });
});
