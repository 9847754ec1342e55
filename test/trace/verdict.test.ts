import { describe, expect, it } from 'vitest';
import { ARM_CODE, TARGET_HOP_LIMIT } from '../../src/trace/trace-state.js';
import { dropsFrom, isTreated, routerAt, runTrace, withHopLimit, type FakePath } from './fake-path.js';
import { octetsOf, TARGET } from './trace-fixture.js';

const udp = (values: Partial<FakePath> = {}): FakePath => ({ protocol: 'udp', routers: 8, ...values });
const echoLost = { plainOnly: 10, plainArrivals: 10, pdmArrivals: 0, settled: true };
const stripped = (packet: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from([...packet.subarray(0, 40), ...packet.subarray(56)]);
  copy[5]! -= 16;
  copy[6] = packet[40]!;
  copy[7] = 1;
  return copy;
};

describe('a clean path', () => {
  it('is delivered after eight clean pairs at the target, with few probes', () => {
    for (const protocol of ['udp', 'icmp6'] as const) {
      const { verdict, state, endedAtNs } = runTrace({ protocol, routers: 8 });
      expect(verdict).toMatchObject({ outcome: 'delivered', confidence: null, interval: null, pathsDiverge: null });
      expect(verdict.optionSeenUpTo).toBe(protocol === 'udp' ? 'target' : 8);
      expect(verdict.evidence).toMatchObject({ pairs: 8, plainOnly: 0, rates: { plain: 1, pdm: 1 } });
      expect(state.counters.sent).toBeLessThanOrEqual(90);
      expect(endedAtNs).toBeLessThan(2.3e9);
    }
  });

  it('explores no further than the target, which quotes how far it is', () => {
    const { evidence } = runTrace(udp());
    expect(evidence.distanceHint).toBe(9);
    expect(evidence.highestHop).toBe(9);
    expect(evidence.distance).toEqual({ plain: 9, pdm: 9 });
  });

  it('with silent hops keeps their numbers', () => {
    const { verdict, evidence } = runTrace(
      udp({ differs: ({ hopLimit }) => (hopLimit >= 3 && hopLimit <= 5 ? null : undefined) }),
    );
    expect(verdict.outcome).toBe('delivered');
    expect(evidence.hops[4]).toMatchObject({ pairs: 3, neither: 3, plainResponders: [] });
  });
});

describe('a loss of all packets with the option', () => {
  it('is dropped when ten pairs at the target lost only them, between n and the target, most likely before n+1', () => {
    for (const firstLost of [1, 5, 8, 9]) {
      const { verdict } = runTrace(udp({ differs: dropsFrom(firstLost), siblingEcho: echoLost }));
      expect(verdict).toMatchObject({
        outcome: 'dropped',
        confidence: 1 - 2 ** -10,
        interval: { after: firstLost - 1, upTo: 9, likelyUpTo: firstLost },
        evidence: { basis: 'target', returnPath: 'excluded', pdmOnly: 0 },
        cause: 'destination-options',
      });
      expect(verdict.evidence.passRateUpper).toBeCloseTo(1 - 0.001 ** 0.1, 10);
    }
  });

  it('needs fourteen pairs at 99.99 %', () => {
    const { verdict } = runTrace(udp({ differs: dropsFrom(5), siblingEcho: echoLost, confidence: 0.9999 }));
    expect(verdict.outcome).toBe('dropped');
    expect(verdict.confidence).toBe(1 - 2 ** -14);
  });

  it('is inconclusive when the target answers one pair too few', () => {
    let answered = 0;
    const { verdict } = runTrace(
      udp({
        siblingEcho: echoLost,
        differs: (probe) => {
          if (isTreated(probe.arm) && probe.hopLimit >= 5) return null;
          if (probe.hopLimit < 9) return undefined;
          answered += 1;
          return answered <= 9 ? undefined : null;
        },
      }),
    );
    expect(verdict).toMatchObject({ outcome: 'inconclusive', confidence: null, interval: null, cause: null });
  });

  it('is never claimed once a single packet with the option arrived, however late', () => {
    let spared = false;
    const { verdict, state } = runTrace(
      udp({
        siblingEcho: echoLost,
        differs: (probe) => {
          if (!isTreated(probe.arm) || probe.hopLimit < 5) return undefined;
          if (spared || probe.hopLimit !== TARGET_HOP_LIMIT) return null;
          spared = true;
          return { from: TARGET, type: 1, code: 4, delayMs: 2500 };
        },
      }),
    );
    expect(state.counters.late).toBe(1);
    expect(verdict.outcome).not.toBe('dropped');
  });

  it('of UDP is inconclusive when echo requests with the option are answered', () => {
    const siblingEcho = { plainOnly: 0, plainArrivals: 8, pdmArrivals: 8, settled: true };
    const { verdict } = runTrace(udp({ differs: dropsFrom(5), siblingEcho }));
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join(' ')).toContain('return path');
  });

  it('of UDP stands with the return path not excluded when no echo request is answered', () => {
    const siblingEcho = { plainOnly: 0, plainArrivals: 0, pdmArrivals: 0, settled: true };
    const { verdict } = runTrace(udp({ differs: dropsFrom(5), siblingEcho }));
    expect(verdict).toMatchObject({ outcome: 'dropped', evidence: { returnPath: 'not excluded' } });
  });

  it('of UDP sends twelve echo pairs of its own where no echo trace runs beside it', () => {
    const { verdict, evidence, state } = runTrace(udp({ differs: dropsFrom(5) }));
    expect(verdict).toMatchObject({ outcome: 'dropped', evidence: { returnPath: 'excluded' } });
    expect(evidence.echo.pairs).toBe(12);
    expect(state.flows.filter(({ protocol }) => protocol === 'icmp6')).toHaveLength(12);
  });

  it('looks at hop n+1 with six flow labels, and at n again', () => {
    const { evidence } = runTrace(udp({ differs: dropsFrom(5), siblingEcho: echoLost }));
    expect(evidence.hops[5]!.pairs).toBeGreaterThanOrEqual(8);
    expect(evidence.hops[5]!.lost).toBeGreaterThanOrEqual(7);
    // Three, and more until n was seen after most of the losses.
    expect(evidence.repeat.pairs).toBeGreaterThanOrEqual(3);
    expect(evidence.repeat.pdmIntact).toBe(evidence.repeat.pairs);
  });

  it('is bounded by the nearest dependable reporter beyond n', () => {
    const { verdict } = runTrace(udp({ differs: dropsFrom(5), siblingEcho: echoLost, reporters: ['2001:db8:1:7::1'] }));
    expect(verdict.interval).toEqual({ after: 4, upTo: 7, likelyUpTo: 5 });
  });

  it('is doubted when replies belong to the trace but fit no one probe', () => {
    const { verdict } = runTrace(
      udp({
        siblingEcho: echoLost,
        differs: ({ arm, hopLimit }) => {
          if (!isTreated(arm) || hopLimit < 5) return undefined;
          return hopLimit === 6
            ? { from: routerAt(6), type: 3, code: 0, quote: (packet) => packet.slice(0, 42) }
            : null;
        },
      }),
    );
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join(' ')).toContain('fit no one probe');
  });
});

describe('what is refused, and why', () => {
  const lossOf = (...arms: number[]): FakePath =>
    udp({
      siblingEcho: echoLost,
      differs: ({ arm, hopLimit }) => (arms.includes(arm) && hopLimit >= 5 ? null : undefined),
    });
  const { pdm, do8, do16, long } = ARM_CODE;

  it('is the option, its size, any destination option, or the length', () => {
    expect(runTrace(lossOf(pdm)).verdict.cause).toBe('option');
    expect(runTrace(lossOf(pdm, do16)).verdict.cause).toBe('size');
    expect(runTrace(lossOf(pdm, do8, do16)).verdict.cause).toBe('destination-options');
    expect(runTrace(lossOf(pdm, do16, long)).verdict.cause).toBe('length');
  });

  describe('where another loser takes some packets with options', () => {
    /** The host drops PDM; on the way the first packets of `do8`, and this many of `do16`, are lost too. */
    const lossBesides = (ofDo8: number, ofDo16: number): FakePath => {
      const left = new Map([
        [do8, ofDo8],
        [do16, ofDo16],
      ]);
      const differs: FakePath['differs'] = ({ arm, hopLimit }) => {
        if (hopLimit < 5) return undefined;
        if (arm === pdm) return null;
        const more = left.get(arm) ?? 0;
        left.set(arm, more - 1);
        return more > 0 ? null : undefined;
      };
      return udp({ siblingEcho: echoLost, differs, confidence: 0.999 });
    };

    const passesOf = (arm: number, path: FakePath): number | undefined =>
      runTrace(path).evidence.explain.get(arm)?.treatedPassed;

    it('is not the size when the eight octets pass after two losses and the sixteen are lost seven times', () => {
      expect(runTrace(lossBesides(2, 99)).verdict).toMatchObject({ outcome: 'dropped', cause: null });
    });

    it('is not the size while the eight octets have passed less than five times', () => {
      expect(runTrace(lossBesides(0, 99)).verdict.cause).toBe('size');
      expect(passesOf(do8, lossBesides(0, 99))).toBe(5);
      expect(passesOf(do8, lossBesides(0, 0))).toBe(2);
    });

    it('is the size after one such loss only when the sixteen are lost as often as the whole bar asks', () => {
      expect(runTrace(lossBesides(1, 8)).verdict.cause).toBeNull();
      expect(runTrace(lossBesides(1, 99)).verdict.cause).toBe('size');
    });
  });

  it('is not named when the arms fit no row', () => {
    expect(runTrace(lossOf(pdm, do8)).verdict).toMatchObject({ outcome: 'dropped', cause: null });
  });
});

describe('refusals', () => {
  const refuses = (code: number, type = 1): FakePath =>
    udp({
      siblingEcho: echoLost,
      differs: ({ arm, hopLimit }) => (isTreated(arm) && hopLimit >= 5 ? { from: routerAt(4), type, code } : undefined),
    });

  it('name the refuser, its hop, type and code', () => {
    for (const [type, code] of [
      [1, 1],
      [1, 5],
      [1, 4],
      [4, 2],
      [4, 5],
      [1, 8],
    ] as const) {
      const { verdict } = runTrace(refuses(code, type));
      expect(verdict).toMatchObject({
        outcome: 'rejected',
        refusal: { address: '2001:db8:1:4::1', hop: 4, type, code },
        interval: { after: 4, upTo: 5, likelyUpTo: 5 },
      });
      expect(verdict.confidence).toBeGreaterThanOrEqual(0.999);
    }
  });

  it('name the hop on the way of the packets that are refused, where that is longer than the other', () => {
    const detour = octetsOf('2001:db8:9::1');
    const differs: FakePath['differs'] = ({ arm, hopLimit }) => {
      if (!isTreated(arm) || hopLimit < 4) return undefined;
      if (hopLimit > 6) return { from: routerAt(5), type: 1, code: 5 };
      return hopLimit === 4
        ? { from: detour, type: 3, code: 0 }
        : { from: routerAt(hopLimit - 1), ...(hopLimit === 5 ? { type: 3, code: 0 } : { type: 1, code: 5 }) };
    };
    const { verdict } = runTrace(udp({ siblingEcho: echoLost, differs }));
    expect(verdict).toMatchObject({
      outcome: 'rejected',
      pathsDiverge: 4,
      refusal: { address: '2001:db8:1:5::1', hop: 6 },
      interval: { after: 5, upTo: 6 },
    });
  });

  it('that plain packets draw too accuse nobody', () => {
    const { verdict } = runTrace(
      udp({ differs: ({ hopLimit }) => (hopLimit >= 5 ? { from: routerAt(4), type: 1, code: 0 } : undefined) }),
    );
    expect(verdict.outcome).toBe('no-difference');
  });
});

describe('a target that answers nothing', () => {
  const silent = ({ hopLimit }: { hopLimit: number }): null | undefined => (hopLimit > 8 ? null : undefined);

  it('shows no difference when both kinds of packet were seen equally far, after ten pairs', () => {
    const { verdict } = runTrace(udp({ differs: silent }));
    expect(verdict).toMatchObject({ outcome: 'no-difference', evidence: { pairs: 10 } });
  });

  it('and hops that stop reporting packets with the option are inconclusive', () => {
    const { verdict } = runTrace(
      udp({ differs: (probe) => (isTreated(probe.arm) && probe.hopLimit >= 5 ? null : silent(probe)) }),
    );
    expect(verdict).toMatchObject({ outcome: 'inconclusive', interval: null });
  });

  it('is dropped on the word of a dependable reporter beyond n', () => {
    const { verdict } = runTrace(
      udp({
        reporters: ['2001:db8:1:6::1'],
        differs: (probe) => (isTreated(probe.arm) && probe.hopLimit >= 5 ? null : silent(probe)),
      }),
    );
    expect(verdict).toMatchObject({
      outcome: 'dropped',
      interval: { after: 4, upTo: 6, likelyUpTo: 5 },
      evidence: { basis: 'routers', returnPath: 'not excluded' },
    });
    // The pairs and rates are those of the reporter, not of the silent target.
    const { pairs, plainOnly, pdmOnly, rates } = verdict.evidence;
    expect({ pdmOnly, rates }).toEqual({ pdmOnly: 0, rates: { plain: 1, pdm: 0 } });
    expect(pairs).toBe(plainOnly);
  });
});

describe('an option that is tampered with', () => {
  it('is stripped on the word of two routers, or of the target', () => {
    const byRouters = runTrace({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit }) =>
        arm === ARM_CODE.pdm && hopLimit >= 5 && hopLimit <= 8
          ? { from: routerAt(hopLimit), type: 3, code: 0, quote: stripped }
          : undefined,
    });
    expect(byRouters.verdict).toMatchObject({
      outcome: 'stripped',
      interval: { after: 4, upTo: 5 },
      evidence: { basis: 'routers' },
    });
    const byTarget = runTrace(
      udp({
        differs: ({ arm, hopLimit }) =>
          arm === ARM_CODE.pdm && hopLimit > 8 ? { from: TARGET, type: 1, code: 4, quote: stripped } : undefined,
      }),
    );
    expect(byTarget.verdict).toMatchObject({ outcome: 'stripped', evidence: { basis: 'target' } });
  });

  it('at one hop alone, with intact quotes beyond, is an artefact of its quoting', () => {
    const { verdict } = runTrace(
      udp({
        differs: ({ arm, hopLimit }) =>
          arm === ARM_CODE.pdm && hopLimit === 5 ? { from: routerAt(5), type: 3, code: 0, quote: stripped } : undefined,
      }),
    );
    expect(verdict).toMatchObject({ outcome: 'delivered', optionSeenUpTo: 'target' });
  });
});

describe('several paths', () => {
  it('of which one loses the option are impaired, not dropped', () => {
    const { verdict } = runTrace(
      udp({
        siblingEcho: { ...echoLost, pdmArrivals: 4 },
        differs: ({ arm, hopLimit, flow }) => (isTreated(arm) && hopLimit >= 5 && flow % 4 === 0 ? null : undefined),
      }),
    );
    expect(verdict).toMatchObject({ outcome: 'impaired', interval: null });
    expect(verdict.confidence).toBeGreaterThanOrEqual(0.999);
  });

  it('on which packets with the option meet other routers diverge from the first such hop', () => {
    const { verdict } = runTrace(
      udp({
        differs: ({ arm, hopLimit }) =>
          isTreated(arm) && hopLimit >= 3 && hopLimit <= 8
            ? { from: routerAt(hopLimit + 100), type: 3, code: 0, quote: (packet) => withHopLimit(packet, 1) }
            : undefined,
      }),
    );
    expect(verdict).toMatchObject({ outcome: 'delivered', pathsDiverge: 3 });
  });

  it('on which the loss moves nearer during the measurement are measured once more', () => {
    const { verdict, state } = runTrace(
      udp({ siblingEcho: echoLost, differs: (probe) => dropsFrom(probe.atNs > 0.2e9 ? 3 : 5)(probe) }),
    );
    expect(state.restarts).toBe(1);
    expect(verdict).toMatchObject({ outcome: 'dropped', interval: { after: 2, likelyUpTo: 3 } });
    expect(verdict.reasons.join(' ')).toContain('started again once');
  });
});

describe('a loss of some packets with the option', () => {
  it('that spares the first eight pairs at the target is found when hops have shown it', () => {
    let atTarget = 0;
    const { verdict } = runTrace(
      udp({
        differs: ({ arm, hopLimit, number }) => {
          if (!isTreated(arm) || hopLimit < 5) return undefined;
          if (hopLimit === TARGET_HOP_LIMIT) {
            atTarget += 1;
            if (atTarget <= 8) return undefined;
          }
          return Math.floor(number / 2) % 3 === 0 ? undefined : null;
        },
      }),
    );
    expect(verdict.evidence.pairs).toBeGreaterThan(8);
    expect(verdict.outcome).toBe('impaired');
  });
});

describe('nothing to go on', () => {
  it('is unreachable when nothing answers plain packets', () => {
    expect(runTrace(udp({ differs: () => null })).verdict.outcome).toBe('unreachable');
  });
});
