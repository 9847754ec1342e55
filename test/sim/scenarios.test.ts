/** The engine in every described network that the simulator can build: its records must say what is true there. */
import { describe, expect, it } from 'vitest';

import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import { checkRecord, checkTrap } from '../scenario/check-record.js';
import type { Description } from '../scenario/description-types.js';
import { readScenario, scenarioNames, trapNames } from '../scenario/description.mjs';
import { cannotBuild, networkOf } from './described-network.js';
import { runNetwork } from './run-network.js';

const RUNS = [
  { seed: 1, profile: 'packet-socket' },
  { seed: 2, profile: 'raw-socket' },
  { seed: 3, profile: 'packet-socket' },
] as const;

function described(names: readonly string[]): Description[] {
  return names.map((name) => readScenario(name)).filter((description) => cannotBuild(description).length === 0);
}

describe.each([
  { what: 'scenarios', names: scenarioNames(), check: checkRecord },
  { what: 'traps', names: trapNames(), check: checkTrap },
])('described networks: $what', ({ names, check }) => {
  for (const description of described(names)) {
    it(`${description.title} (${description.name})`, async () => {
      for (const { seed, profile } of RUNS) {
        const run = await runNetwork({ network: networkOf(description, seed), profile }, createTraceEngine);
        expect(run.violations, `seed ${seed}`).toEqual([]);
        // What is written in the file and what follows from the network's parts are the same place.
        const { lostFrom } = description.truth;
        for (const { effects } of [run.truth.udp, run.truth.icmp6])
          if (lostFrom !== null) expect(effects.map(({ hopLimit }) => hopLimit)).toContain(lostFrom);
        for (const record of run.records) check(record, description, profile === 'packet-socket');
      }
    });
  }
});
