/** The engine in every described network that the simulator can build: its records must say what is true there. */
import { describe, expect, it } from 'vitest';

import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import { checkRecord, checkRun, checkTrap } from '../scenario/check-record.js';
import type { Description, Truth } from '../scenario/description-types.js';
import { readScenario, scenarioNames, trapNames } from '../scenario/description.mjs';
import { cannotBuild, listedNetworks, networkOf } from './described-network.js';
import { runList } from './run-list.js';
import { runNetwork } from './run-network.js';

const RUNS = [
  { seed: 1, profile: 'packet-socket' },
  { seed: 2, profile: 'raw-socket' },
  { seed: 3, profile: 'packet-socket' },
] as const;

function described(names: readonly string[]): Description[] {
  return names.map((name) => readScenario(name)).filter((description) => cannotBuild(description).length === 0);
}

/** Truths that no record can fulfil, by key: those that every record is held against. */
const WRONG: Partial<Truth> = {
  outcomes: { udp: [], icmp6: [] },
  after: [99],
  upTo: 99,
  likelyUpTo: 99,
  refusal: { hop: 1, type: 1, code: 99, pointer: null },
  pathsDiverge: 99,
  optionSeenUpTo: { udp: 99, icmp6: 99 },
  returnPath: { udp: 'wrong', icmp6: 'wrong' },
  says: 'what no reason says',
};
/** … and of traps, where whatever the outcome is something is said of these. */
const WRONG_IN_TRAPS: Partial<Truth> = { ...WRONG, lostFrom: 99, lastPdmHop: 99, membership: 'wrong' };

function isSaid(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value !== null;
  return Object.values(value).some((part) => part !== null);
}

/** What a description says of records must be able to fail: each key of its truth, made wrong, is refused. */
function checkThatTruthCounts(
  { truth, ...description }: Description,
  wrongTruth: Partial<Truth>,
  refuses: (description: Description) => boolean,
): void {
  for (const [key, wrong] of Object.entries(wrongTruth)) {
    if (!isSaid(truth[key as keyof Truth])) continue;
    expect(refuses({ ...description, truth: { ...truth, [key]: wrong } }), `truth.${key} holds nothing`).toBe(true);
  }
}

function throws(check: () => void): boolean {
  try {
    check();
    return false;
  } catch {
    return true;
  }
}

describe.each([
  { what: 'scenarios', names: scenarioNames(), check: checkRecord, wrongTruth: WRONG },
  { what: 'traps', names: trapNames(), check: checkTrap, wrongTruth: WRONG_IN_TRAPS },
])('described networks: $what', ({ names, check, wrongTruth }) => {
  for (const description of described(names)) {
    it(`${description.title} (${description.name})`, async () => {
      for (const { seed, profile } of RUNS) {
        const run = await runNetwork({ network: networkOf(description, seed), profile }, createTraceEngine);
        expect(run.violations, `seed ${seed}`).toEqual([]);
        // What is written in the file and what follows from the network's parts are the same place.
        const { lostFrom } = description.truth;
        for (const { effects } of [run.truth.udp, run.truth.icmp6])
          if (lostFrom !== null) expect(effects.map(({ hopLimit }) => hopLimit)).toContain(lostFrom);
        const seesHopLimits = profile === 'packet-socket';
        for (const record of run.records) check(record, description, seesHopLimits);
        if (!seesHopLimits) continue;
        checkThatTruthCounts(description, wrongTruth, (wrong) =>
          run.records.some((record) =>
            throws(() => {
              check(record, wrong);
            }),
          ),
        );
      }
    });
  }
});

describe('described networks: one run over the networks of one host', () => {
  for (const description of described(trapNames()).filter(({ target }) => target.networks !== undefined)) {
    it(`${description.title} (${description.name})`, async () => {
      const list = listedNetworks(description, 1).map((network) => ({
        network,
        scenario: 'nothing happens' as const,
        ingredients: [],
        profile: 'packet-socket' as const,
      }));
      const { targets } = await runList(list, createTraceEngine, { share: true, rate: 1000 });
      expect(targets.flatMap(({ violations }) => violations)).toEqual([]);
      const records = targets.flatMap((target) => target.records);
      checkRun(records, description);
      const wrong = { ...description, truth: { ...description.truth, runSays: 'what no run says' } };
      expect(() => {
        checkRun(records, wrong);
      }).toThrow();
    });
  }
});
