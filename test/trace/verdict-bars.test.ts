/** Each bar of METHOD §6 from both sides: what is just enough to claim something, and what is one short of it. */
import { describe, expect, it } from 'vitest';
import { judgeTrace } from '../../src/trace/trace-machine.js';
import { ARM_CODE, TARGET_HOP_LIMIT } from '../../src/trace/trace-state.js';
import { dropsFrom, isTreated, routerAt, runTrace, withHopLimit, type FakePath } from './fake-path.js';
import { TARGET } from './trace-fixture.js';

const path = (values: Partial<FakePath> = {}): FakePath => ({ protocol: 'udp', routers: 8, ...values });
const echoLost = { plainOnly: 10, plainArrivals: 10, pdmArrivals: 0, settled: true };
const timeExceeded = (hop: number, quote: (packet: Uint8Array) => Uint8Array = (packet) => packet) => ({
  from: routerAt(hop),
  type: 3,
  code: 0,
  quote: (packet: Uint8Array) => quote(withHopLimit(packet, 1)),
});
const strip = (packet: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from([...packet.subarray(0, 40), ...packet.subarray(56)]);
  copy[5]! -= 16;
  copy[6] = packet[40]!;
  return copy;
};
const alter = (packet: Uint8Array): Uint8Array => {
  const copy = packet.slice();
  copy[50]! ^= 0x11;
  return copy;
};

describe('the return path', () => {
  const outcomeWith = (plainOnly: number, pdmArrivals: number) => {
    const siblingEcho = { plainOnly, plainArrivals: plainOnly, pdmArrivals, settled: true };
    const { verdict } = runTrace(path({ differs: dropsFrom(5), siblingEcho }));
    return [verdict.outcome, verdict.evidence.returnPath];
  };

  it('is excluded by seven echo pairs that lost only the option, not by six', () => {
    expect(outcomeWith(7, 0)).toEqual(['dropped', 'excluded']);
    expect(outcomeWith(6, 0)).toEqual(['dropped', 'not excluded']);
  });

  it('is the suspect after a single echo reply to a packet with the option', () => {
    expect(outcomeWith(30, 1)).toEqual(['inconclusive', null]);
  });

  it('is no question for echo requests that are answered by echo replies', () => {
    const { verdict } = runTrace({ protocol: 'icmp6', routers: 8, differs: dropsFrom(5) });
    expect(verdict).toMatchObject({ outcome: 'dropped', evidence: { returnPath: 'excluded' } });
  });
});

describe('a refusal', () => {
  const refusing = (most: number): FakePath => {
    let refused = 0;
    return path({
      siblingEcho: echoLost,
      differs: ({ arm, hopLimit }) => {
        if (!isTreated(arm) || hopLimit < 5) return undefined;
        refused += 1;
        return refused <= most ? { from: routerAt(4), type: 1, code: 1 } : null;
      },
    });
  };

  it('must be seen twice: one among silence is a drop that mentions it', () => {
    expect(runTrace(refusing(2)).verdict.outcome).toBe('rejected');
    const { verdict } = runTrace(refusing(1));
    expect(verdict.outcome).toBe('dropped');
    expect(verdict.reasons.join(' ')).toContain('refused 1 times (by 2001:db8:1:4::1)');
  });

  it('by two addresses names neither', () => {
    const { verdict } = runTrace(
      path({
        siblingEcho: echoLost,
        differs: ({ arm, hopLimit, number }) =>
          isTreated(arm) && hopLimit >= 5 ? { from: routerAt(number % 4 < 2 ? 4 : 44), type: 1, code: 1 } : undefined,
      }),
    );
    expect([verdict.outcome, verdict.refusal]).toEqual(['dropped', null]);
  });

  it('that plain packets draw once accuses nobody of refusing the option', () => {
    let once = false;
    const { verdict } = runTrace(
      path({
        siblingEcho: echoLost,
        differs: ({ arm, hopLimit }) => {
          if (hopLimit < 5) return undefined;
          if (isTreated(arm)) return { from: routerAt(4), type: 1, code: 1 };
          if (once) return undefined;
          once = true;
          return { from: routerAt(4), type: 1, code: 1 };
        },
      }),
    );
    expect(verdict.outcome).not.toBe('rejected');
  });

  it('that answers from the target itself is an arrival', () => {
    const { verdict } = runTrace(
      path({
        differs: ({ arm, hopLimit }) =>
          isTreated(arm) && hopLimit > 8 ? { from: TARGET, type: 4, code: 2 } : undefined,
      }),
    );
    expect(verdict.outcome).toBe('delivered');
    expect(verdict.reasons.join(' ')).toContain('Parameter Problem code 2');
  });

  it('mixed with deliveries makes the path impaired', () => {
    let asked = 0;
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit }) => {
        if (arm !== ARM_CODE.pdm || hopLimit !== TARGET_HOP_LIMIT) return undefined;
        asked += 1;
        return asked % 3 === 0 ? undefined : { from: routerAt(4), type: 1, code: 1 };
      },
    });
    expect(verdict).toMatchObject({ outcome: 'impaired', interval: null, refusal: null });
    expect(verdict.confidence).toBeGreaterThanOrEqual(0.999);
  });
});

describe('an option that is tampered with', () => {
  const changedFrom = (first: number, last: number, change: (packet: Uint8Array) => Uint8Array): FakePath => ({
    protocol: 'icmp6',
    routers: 8,
    differs: ({ arm, hopLimit }) =>
      arm === ARM_CODE.pdm && hopLimit >= first && hopLimit <= last ? timeExceeded(hopLimit, change) : undefined,
  });

  it('needs two routers beyond: one is not enough, whichever it is', () => {
    for (const change of [strip, alter]) {
      expect(runTrace(changedFrom(8, 8, change)).verdict.outcome).toBe('delivered');
      expect(runTrace(changedFrom(7, 8, change)).verdict.interval).toEqual({ after: 6, upTo: 7, likelyUpTo: 7 });
    }
  });

  it('is void when any hop beyond quotes it intact', () => {
    for (const change of [strip, alter]) expect(runTrace(changedFrom(3, 7, change)).verdict.outcome).toBe('delivered');
  });

  it('is void when the target quotes it intact', () => {
    const { verdict } = runTrace({ ...changedFrom(6, 8, strip), protocol: 'udp' });
    expect(verdict).toMatchObject({ outcome: 'delivered', optionSeenUpTo: 'target' });
  });

  it('is told apart: removed, or other octets', () => {
    expect(runTrace(changedFrom(5, 8, strip)).verdict.outcome).toBe('stripped');
    expect(runTrace(changedFrom(5, 8, alter)).verdict.outcome).toBe('altered');
  });

  it('does not place n where it was gone: the quotes are no evidence that PDM got there', () => {
    const { evidence } = runTrace(changedFrom(5, 8, strip));
    expect(evidence.lastPdmHop).toBe(4);
  });
});

describe('a loss in part', () => {
  /** Of every ten pairs at the target, this many lose only the packet with the option. */
  const losing = (ofTen: number): FakePath => {
    let pair = -1;
    return {
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit, number }) => {
        if (hopLimit !== TARGET_HOP_LIMIT) return undefined;
        if (number % 2 === 0) pair += 1;
        return arm === ARM_CODE.pdm && pair % 10 < ofTen ? null : undefined;
      },
    };
  };

  it('is impaired where the pairs say so at a look, and a doubt where they nearly do', () => {
    const { verdict } = runTrace(losing(4));
    expect(verdict).toMatchObject({ outcome: 'impaired', interval: null });
    expect(verdict.confidence).toBeGreaterThanOrEqual(0.999);
    expect(verdict.evidence.rates).toEqual({ plain: 1, pdm: 0.6 });
    expect(runTrace(losing(1)).verdict.outcome).toBe('delivered');
  });

  it('is never claimed where the other arm loses as much', () => {
    let pair = -1;
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit, number }) => {
        if (hopLimit !== TARGET_HOP_LIMIT) return undefined;
        if (number % 2 === 0) pair += 1;
        return (arm === ARM_CODE.pdm) === (pair % 2 === 0) && pair % 5 < 4 ? null : undefined;
      },
    });
    expect(verdict.outcome).toBe('delivered');
  });
});

describe('a silent target', () => {
  const silent = (values: { firstLost: number; reporters?: readonly string[]; answersAt6: number }): FakePath => {
    let asked = 0;
    return path({
      reporters: values.reporters ?? ['2001:db8:1:6::1'],
      differs: (probe) => {
        if (probe.hopLimit > 8) return null;
        if (probe.hopLimit === 6 && probe.arm === 0) {
          asked += 1;
          if (asked > values.answersAt6) return null;
        }
        return dropsFrom(values.firstLost)(probe);
      },
    });
  };

  it('needs ten pairs at the reporter beyond n, and nine are inconclusive', () => {
    expect(runTrace(silent({ firstLost: 5, answersAt6: 100 })).verdict).toMatchObject({
      outcome: 'dropped',
      evidence: { basis: 'routers' },
    });
    expect(runTrace(silent({ firstLost: 5, answersAt6: 9 })).verdict.outcome).toBe('inconclusive');
  });

  it('and a reporter that is not beyond n prove nothing', () => {
    const { verdict } = runTrace(silent({ firstLost: 7, answersAt6: 100 }));
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join(' ')).toContain('may not report');
  });
});

describe('an accusation of loss', () => {
  it('bounds the share that may pass by the pairs that plain answered, and only then', () => {
    const dropped = runTrace(path({ differs: dropsFrom(5), siblingEcho: echoLost })).verdict.evidence;
    expect(dropped.passRateUpper).toBeCloseTo(1 - 0.001 ** (1 / dropped.plainOnly), 12);
    expect(runTrace(path()).verdict.evidence.passRateUpper).toBeNull();
  });

  it('is not made where the kernel dropped replies, or when interrupted', () => {
    const context = {
      isReporter: () => false,
      siblingEcho: () => echoLost,
      routerSeenByOthers: () => 0,
      nearHops: null,
    };
    const { state, endedAtNs } = runTrace(path({ differs: dropsFrom(5), siblingEcho: echoLost }));
    expect(judgeTrace(state, context, endedAtNs).verdict.outcome).toBe('dropped');
    state.droppedByKernel = true;
    expect(judgeTrace(state, context, endedAtNs).verdict).toMatchObject({ outcome: 'inconclusive', interval: null });
    state.droppedByKernel = false;
    state.interrupted = true;
    expect(judgeTrace(state, context, endedAtNs).verdict).toMatchObject({ outcome: 'inconclusive', confidence: null });
  });
});
