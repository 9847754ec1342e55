/**
 * What a record costs: mean probes over a fixed mix of networks of eight routers, with drops, limits on errors and losses in all
 * combinations. `npm run sim:probes` prints it, as one table and one figure; the same call in another checkout says how that fares,
 * for networks and seeds are the same whatever is tested. `PDM_TRACE_SIM_RUNS=20` draws each network so often.
 */
import { afterAll, describe, expect, it } from 'vitest';

import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import type { Outcome } from '../../src/record/record.js';
import { line } from './exchange.js';
import type { Network } from './network.js';
import { ANY_OPTIONS, DROP, plainRouter, plainTarget, rule } from './network-parts.js';
import { runNetwork } from './run-network.js';

const ROUTERS = 8;
const runs = Number(process.env['PDM_TRACE_SIM_RUNS'] ?? 2);
const first = Number(process.env['PDM_TRACE_SIM_FIRST'] ?? 1);

/** A tenth more than they take in the mean, so that what makes records dearer is seen. */
const MOST_PROBES = { delivers: 160, drops: 206 };

/** The hop whose forward filter drops packets with options; the target itself; nobody. */
const DROPPERS = [null, 4, 7, 'target'] as const;
/** Errors a second and burst, of every router and the target. */
const LIMITS = [null, [10, 6], [1, 6]] as const;
/** Of packets behind hop 2, each way. */
const LOSSES = [0, 0.03, 0.1] as const;

interface Kind {
  readonly dropper: (typeof DROPPERS)[number];
  readonly limit: (typeof LIMITS)[number];
  readonly loss: (typeof LOSSES)[number];
}

const KINDS: Kind[] = DROPPERS.flatMap((dropper) =>
  LIMITS.flatMap((limit) => LOSSES.map((loss) => ({ dropper, limit, loss }))),
);

function networkOf({ dropper, limit, loss }: Kind, seed: number): Network {
  const routers = Array.from({ length: ROUTERS }, (_, index) => plainRouter(index + 1, index + 1));
  const target = plainTarget();
  const bucket = limit === null ? null : { perSecond: limit[0], burst: limit[1], crossTraffic: 0 };
  for (const node of [...routers, target]) node.bucket = bucket;
  if (loss > 0) {
    routers[2]!.forwardLoss = { kind: 'independent', rate: loss };
    routers[2]!.returnLoss = { kind: 'independent', rate: loss };
  }
  if (dropper === 'target') target.rules.push(rule('local', ANY_OPTIONS, DROP));
  else if (dropper !== null) routers[dropper - 1]!.rules.push(rule('forward', ANY_OPTIONS, DROP));
  return line(routers, target, { seed });
}

const title = ({ dropper, limit, loss }: Kind): string =>
  [
    dropper === null ? 'delivers' : dropper === 'target' ? 'the target drops' : `hop ${dropper} drops`,
    limit === null ? 'no limits' : `${limit[0]} errors a second, burst ${limit[1]}`,
    `${100 * loss} % lost each way`,
  ].join(', ');

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe(`probes per record, ${runs} networks of each kind from seed ${first}`, () => {
  const rows: { readonly kind: Kind; readonly probes: readonly number[]; readonly outcomes: readonly Outcome[] }[] = [];
  const all = (of: (kind: Kind) => boolean): number[] =>
    rows.filter(({ kind }) => of(kind)).flatMap(({ probes }) => probes);

  afterAll(() => {
    const counted = (outcomes: readonly Outcome[]): string =>
      [...new Set(outcomes)].map((name) => `${outcomes.filter((one) => one === name).length} ${name}`).join(', ');
    console.log(
      [
        ...rows.map(
          ({ kind, probes, outcomes }) =>
            `${mean(probes).toFixed(0).padStart(5)}  ${title(kind).padEnd(64)} ${counted(outcomes)}`,
        ),
        `mean probes per record: ${mean(all(() => true)).toFixed(1)}`,
        `  of networks that drop: ${mean(all(({ dropper }) => dropper !== null)).toFixed(1)}`,
        `  of networks that deliver: ${mean(all(({ dropper }) => dropper === null)).toFixed(1)}`,
      ].join('\n'),
    );
  });

  it.each(KINDS.map((kind) => [title(kind), kind] as const))('%s', async (_, kind) => {
    const probes: number[] = [];
    const outcomes: Outcome[] = [];
    for (let seed = first; seed < first + runs; seed += 1) {
      const network = networkOf(kind, seed);
      const run = await runNetwork({ network, profile: 'packet-socket' }, createTraceEngine);
      probes.push(...run.records.map(({ counters }) => counters.sent));
      outcomes.push(...run.records.map(({ verdict }) => verdict.outcome));
    }
    rows.push({ kind, probes, outcomes });
    // Who says less sends less: a cheap record counts only where it says what happens.
    const right: Outcome = kind.dropper === null ? 'delivered' : 'dropped';
    const others = outcomes.filter((outcome) => outcome !== right);
    expect(others.filter((outcome) => outcome !== 'inconclusive')).toEqual([]);
    // Both traces of one network may lack the same router's answers.
    expect(others.length).toBeLessThanOrEqual(Math.max(2, Math.ceil(outcomes.length / 5)));
  });

  it.each([first, first + 1])(
    'take four seconds of the network at most where a hop drops: SYNs to a router take none of the target, seed %i',
    async (seed) => {
      const network = networkOf({ dropper: 4, limit: null, loss: 0 }, seed);
      const { seconds, records } = await runNetwork({ network, profile: 'packet-socket' }, createTraceEngine);
      expect(records.map(({ verdict }) => verdict.outcome)).toEqual(['dropped', 'dropped']);
      expect(seconds).toBeLessThanOrEqual(4);
    },
  );

  it('are inconclusive seldom, over all networks', () => {
    const outcomes = rows.flatMap((row) => row.outcomes);
    const undecided = outcomes.filter((outcome) => outcome === 'inconclusive').length;
    expect(undecided).toBeLessThanOrEqual(Math.ceil(outcomes.length / 20));
  });

  it('cost no more in the mean than they may', () => {
    expect(mean(all(({ dropper }) => dropper === null))).toBeLessThanOrEqual(MOST_PROBES.delivers);
    expect(mean(all(({ dropper }) => dropper !== null))).toBeLessThanOrEqual(MOST_PROBES.drops);
  });
});
