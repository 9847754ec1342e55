/** Which pairs are asked for, in which order, and when no more: seen from the wishes and the table of probes. */
import { describe, expect, it } from 'vitest';
import { PROBE_CAP, PURPOSE, TARGET_HOP_LIMIT, type TraceState } from '../../src/trace/trace-state.js';
import { encodeProbe, encodedLength, packetsPerProbe } from '../../src/trace/probe-packet.js';
import { markFailed, observe, step } from '../../src/trace/trace-machine.js';
import { dropsFrom, routerAt, runTrace, withHopLimit, type FakePath, type Outcome } from './fake-path.js';
import { errorAbout, makeState, replyFrom, sendPair, TARGET } from './trace-fixture.js';

const echoLost = { plainOnly: 10, plainArrivals: 10, pdmArrivals: 0, settled: true };
const alone = { isReporter: () => false, siblingEcho: () => null, routerSeenByOthers: () => 0, nearHops: null };
const path = (values: Partial<FakePath> = {}): FakePath => ({ protocol: 'udp', routers: 8, ...values });

/** First rows of the pairs of this purpose. */
function pairsOf(state: TraceState, purpose: number): number[] {
  const rows: number[] = [];
  for (let row = 0; row < state.probes.count; row += 2) if (state.probes.purpose(row) === purpose) rows.push(row);
  return rows;
}
const hopsOf = ({ state }: Outcome, purpose: number): number[] =>
  pairsOf(state, purpose).map((row) => state.probes.hopLimit(row));

describe('the first wishes', () => {
  it('are the target at hop limit 64, then one pair for each hop of a window of 8, in an order that the seed makes', () => {
    const order = (seed: number): number[] => {
      const next = step(makeState('udp', { seed }), alone, 0);
      if (next.kind !== 'send') throw new Error(next.kind);
      expect(next.wishes[0]).toMatchObject({ purpose: PURPOSE.target, hopLimit: TARGET_HOP_LIMIT, flow: 0 });
      return next.wishes.slice(1).map(({ hopLimit }) => hopLimit);
    };
    expect([...order(1)].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(order(1)).toEqual(order(1));
    expect(order(1)).not.toEqual(order(2));
  });
});

describe('exploring', () => {
  it('sends three pairs to each hop on the one flow, and stops at the distance of the target', () => {
    const outcome = runTrace(path({ routers: 11 }));
    const hops = hopsOf(outcome, PURPOSE.explore);
    for (let hop = 1; hop <= 12; hop += 1) expect(hops.filter((other) => other === hop)).toHaveLength(3);
    expect(Math.max(...hops)).toBe(12);
    expect(pairsOf(outcome.state, PURPOSE.explore).every((row) => outcome.state.probes.flow(row) === 0)).toBe(true);
  });

  it('opens the next window when the one before was heard or given up', () => {
    const { state } = runTrace(path({ routers: 11 }));
    const firstBeyond = pairsOf(state, PURPOSE.explore).find((row) => state.probes.hopLimit(row) > 8)!;
    expect(new Set(hopsBefore(state, firstBeyond))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));
  });

  it('gives up after 8 hops that are silent in both arms, and not after 7', () => {
    const silentFrom = (first: number, count: number): number => {
      const outcome = runTrace(
        path({
          routers: 25,
          differs: ({ hopLimit }) =>
            hopLimit > 25 || (hopLimit >= first && hopLimit < first + count) ? null : undefined,
        }),
      );
      return outcome.evidence.highestHop;
    };
    expect(silentFrom(4, 8)).toBe(11);
    expect(silentFrom(4, 7)).toBe(30);
  });

  it('is spaced by the interval at each hop, and by a second where plain replies thin out', () => {
    const spacing = (differs: FakePath['differs'], hop: number): number[] => {
      const { state } = runTrace(path({ siblingEcho: echoLost, ...(differs === undefined ? {} : { differs }) }));
      const times = Array.from({ length: state.probes.count / 2 }, (_, i) => 2 * i)
        .filter((row) => state.probes.hopLimit(row) === hop)
        .map((row) => state.probes.sentAtNs(row));
      return times.slice(1).map((at, i) => at - times[i]!);
    };
    expect(Math.min(...spacing(undefined, 4))).toBeGreaterThanOrEqual(0.25e9);
    let asked = 0;
    const thinning = spacing((probe) => {
      if (probe.hopLimit === 5 && probe.arm === 0) {
        asked += 1;
        if (asked > 2) return null;
      }
      return dropsFrom(5)(probe);
    }, 5);
    expect(thinning.at(-1)).toBeGreaterThanOrEqual(1e9);
  });
});

describe('where plain replies thin out, a probe that is fragmented', () => {
  it.each([80, 1400, 4900])('of %i octets waits a second for each of its fragments', (size) => {
    const state = makeState('udp', { fragment: true, size });
    const answer = (row: number, packet: Uint8Array): void => {
      const reply = replyFrom(errorAbout(withHopLimit(packet, 1), 3, 0, routerAt(4), 5e6));
      observe(state, { row, findings: null }, reply);
    };
    for (const sentAtNs of [0, 4e9, 8e9]) {
      const { plain, treated } = sendPair(state, { hopLimit: 4 }, sentAtNs);
      if (sentAtNs === 0) {
        const packet = new Uint8Array(encodedLength(state, 0, 'udp'));
        encodeProbe(state, plain, packet, 0);
        answer(plain, packet.subarray(0, 80));
      }
      // Void pairs are made up for, so that there is one more wish to look at.
      markFailed(state, treated, 'EPERM');
    }
    const next = step(state, alone, 12e9);
    if (next.kind !== 'send') throw new Error(next.kind);
    const wish = next.wishes.find(({ hopLimit }) => hopLimit === 4)!;
    expect(wish.spacingMs).toBe(1000 * packetsPerProbe(state, 'udp'));
    expect(wish.notBeforeNs).toBe(8e9 + wish.spacingMs * 1e6);
  });
});

const hopsBefore = (state: TraceState, row: number): number[] =>
  pairsOf(state, PURPOSE.explore)
    .filter((other) => other < row)
    .map((other) => state.probes.hopLimit(other));

describe('confirming at the target', () => {
  it('puts the first three pairs on the one flow and each later one on a fresh one, the same for both packets', () => {
    const { state } = runTrace(path({ differs: dropsFrom(5), siblingEcho: echoLost }));
    const rows = pairsOf(state, PURPOSE.target);
    const flows = rows.map((row) => state.probes.flow(row));
    expect(flows.slice(0, 3)).toEqual([0, 0, 0]);
    expect(new Set(flows.slice(3)).size).toBe(flows.length - 3);
    expect(flows.slice(3)).not.toContain(0);
    for (const row of rows) expect(state.probes.flow(row + 1)).toBe(state.probes.flow(row));
    const labels = new Set(flows.map((flow) => state.flows[flow]!.flowLabel));
    expect(labels.size).toBe(flows.length - 2);
  });

  it('ends a clean target after 8 pairs, an even but lossy one after 10, a doubtful one after 30', () => {
    const pairsAt = (lost: (pair: number) => 'plain' | 'pdm' | null): number => {
      let pair = -1;
      const outcome = runTrace({
        protocol: 'icmp6',
        routers: 4,
        differs: ({ hopLimit, number, arm }) => {
          if (hopLimit !== TARGET_HOP_LIMIT) return undefined;
          if (number % 2 === 0) pair += 1;
          return lost(pair) === (arm === 0 ? 'plain' : 'pdm') ? null : undefined;
        },
      });
      return pairsOf(outcome.state, PURPOSE.target).length;
    };
    expect(pairsAt(() => null)).toBe(8);
    expect(pairsAt((pair) => (pair === 1 ? 'pdm' : pair === 2 ? 'plain' : null))).toBe(10);
    expect(pairsAt((pair) => (pair % 5 === 1 ? 'pdm' : null))).toBe(30);
  });

  it('tries a target ten times before it counts as silent', () => {
    const { state } = runTrace(path({ differs: ({ hopLimit }) => (hopLimit > 8 ? null : undefined) }));
    expect(pairsOf(state, PURPOSE.target)).toHaveLength(10);
  });

  it('gives up at 60 pairs where the target hardly ever answers', () => {
    let pair = 0;
    const { state, verdict } = runTrace(
      path({
        siblingEcho: echoLost,
        differs: (probe) => {
          if (probe.hopLimit !== TARGET_HOP_LIMIT) return dropsFrom(5)(probe);
          if (probe.arm !== 0) return null;
          pair += 1;
          return pair % 12 === 1 ? undefined : null;
        },
      }),
    );
    expect(pairsOf(state, PURPOSE.target)).toHaveLength(60);
    expect(verdict.outcome).toBe('inconclusive');
  });
});

describe('every trace', () => {
  it('stays within its cap of probes and ends, whatever the path does', () => {
    let seed = 1;
    const random = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 2 ** 32;
    };
    for (let run = 0; run < 40; run += 1) {
      const loss = random();
      const { state } = runTrace({
        protocol: run % 2 === 0 ? 'udp' : 'icmp6',
        routers: 1 + Math.floor(random() * 28),
        confidence: 0.9999,
        differs: ({ hopLimit }) => {
          if (random() < loss) return null;
          if (random() < 0.1) return { from: routerAt(1 + (hopLimit % 9)), type: 1, code: Math.floor(random() * 9) };
          if (random() < 0.1) return { from: TARGET, type: 4, code: 2, delayMs: random() * 4000 };
          return undefined;
        },
      });
      expect(state.probes.count).toBeLessThanOrEqual(PROBE_CAP);
    }
  });
});
