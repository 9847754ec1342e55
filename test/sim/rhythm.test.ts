/**
 * METHOD: Pairs, as the engine keeps them: targets that limit their errors, packets with options that take longer, loss that
 * all packets share, and other traffic that draws on the same limit. Where the option arrives as often as not, no loss may be
 * claimed; where none arrives it must be found. `PDM_TRACE_SIM_RUNS=50` runs each cell so often.
 */
import { describe, expect, it } from 'vitest';

import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import type { Outcome } from '../../src/record/record.js';
import type { Network } from './network.js';
import { ANY_OPTIONS, DROP, plainRouter, plainTarget, rule, SOURCE_ADDRESS } from './network-parts.js';
import { PEACE } from './network.js';
import { runNetwork } from './run-network.js';

const runs = Number(process.env['PDM_TRACE_SIM_RUNS'] ?? 2);
const first = Number(process.env['PDM_TRACE_SIM_FIRST'] ?? 1);

interface Cell {
  /** Errors a second and burst; null without a limit. */
  readonly limit: readonly [perSecond: number, burst: number] | null;
  /** Milliseconds that packets with options take longer, and whether the time varies. */
  readonly later: number;
  readonly varies: boolean;
  readonly loss: number;
  readonly crossTraffic: number;
  readonly drops: boolean;
}

function networkOf({ limit, later, varies, loss, crossTraffic, drops }: Cell, seed: number): Network {
  const routers = [1, 2, 3, 4, 5].map((number) => plainRouter(number, number));
  const slow = routers[1]!;
  if (later > 0) slow.optionDelay = { ms: later, jitterMs: varies ? later / 2 : 0 };
  if (loss > 0) routers[2]!.forwardLoss = { kind: 'independent', rate: loss };
  if (drops) routers[3]!.rules.push(rule('forward', ANY_OPTIONS, DROP));
  const target = plainTarget();
  if (limit !== null) target.bucket = { perSecond: limit[0], burst: limit[1], crossTraffic };
  return {
    seed,
    source: SOURCE_ADDRESS,
    target,
    epochs: [{ fromNs: 0, segments: [{ members: [routers], hash: 'flow-label', headerMember: null, salt: seed }] }],
    adversary: PEACE,
    sendFailures: { share: 0, code: 'EPERM' },
    kernelDrops: 0,
  };
}

const LIMITS = [null, [10, 6], [10, 1], [4, 6], [2, 2], [1, 6], [1, 1]] as const;
const CELLS: Cell[] = LIMITS.flatMap((limit) =>
  [0, 2, 80].flatMap((later) =>
    [0, 0.05].map((loss, index) => ({
      limit,
      later,
      varies: index === 1,
      loss,
      crossTraffic: limit !== null && index === 1 ? 0.3 * limit[0] : 0,
      drops: false,
    })),
  ),
);

function title({ limit, later, varies, loss }: Cell): string {
  const limited = limit === null ? 'without a limit' : `of ${limit[0]} errors a second and a burst of ${limit[1]}`;
  return `a target ${limited}, options ${later} ms later${varies ? ' or so' : ''}, ${100 * loss} % lost`;
}

async function outcomesOf(cell: Cell): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let seed = first; seed < first + runs; seed += 1) {
    const network = networkOf(cell, seed);
    const run = await runNetwork({ network, profile: 'packet-socket' }, createTraceEngine, { confidence: 0.999 });
    outcomes.push(...run.records.map(({ verdict }) => verdict.outcome));
  }
  return outcomes;
}

describe(`the rhythm of pairs, ${runs} runs a cell from seed ${first}`, () => {
  it.each(CELLS.map((cell) => [title(cell), cell] as const))('%s: no loss is claimed', async (_, cell) => {
    const claims = (await outcomesOf(cell)).filter((outcome) => outcome !== 'delivered' && outcome !== 'inconclusive');
    expect(claims).toEqual([]);
  });

  it.each(LIMITS.map((limit) => [limit === null ? 'none' : limit.join('/s, burst '), limit] as const))(
    'limit %s: a drop of all packets with options is found',
    async (_, limit) => {
      const cell = { limit, later: 0, varies: false, loss: 0, crossTraffic: 0, drops: true };
      expect(new Set(await outcomesOf(cell))).toEqual(new Set(['dropped']));
    },
  );

  it('a drop before a target with the limit of Linux is shown in its first count', async () => {
    // Pairs that drew one answer each went so fast that every placebo lost a packet: 16 s, and two counts given up.
    const cell = { limit: [10, 6] as const, later: 0, varies: false, loss: 0, crossTraffic: 0, drops: true };
    for (let seed = first; seed < first + runs; seed += 1) {
      const run = await runNetwork({ network: networkOf(cell, seed), profile: 'packet-socket' }, createTraceEngine);
      expect(run.seconds, `seed ${seed}`).toBeLessThan(8);
    }
  });
});
