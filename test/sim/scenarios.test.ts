import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import type { TraceRecord } from '../../src/trace/record.js';
import { networkOf, readScenario, type Expectation } from './load-scenario.js';
import { runNetwork } from './run-network.js';

const folder = fileURLToPath(new URL('../scenarios/', import.meta.url));
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .sort();
const RUNS = [
  { seed: 1, profile: 'packet-socket' },
  { seed: 2, profile: 'raw-socket' },
  { seed: 3, profile: 'packet-socket' },
] as const;

function check(record: TraceRecord, expected: Expectation): void {
  const { outcome, interval, cause, refusal, optionSeenUpTo, pathsDiverge, evidence, reasons } = record.verdict;
  const why = `${record.protocol}: ${outcome}: ${reasons.join(' ')}`;
  expect(expected.outcomes, why).toContain(outcome);
  if (expected.after !== undefined) expect([expected.after].flat(), why).toContain(interval?.after);
  if (expected.upTo !== undefined) expect(interval?.upTo, why).toBe(expected.upTo);
  if (expected.likelyUpTo !== undefined) expect(interval?.likelyUpTo, why).toBe(expected.likelyUpTo);
  // METHOD: cause says null where the evidence is short; never a wrong cause.
  if (expected.cause !== undefined && cause !== null) expect(cause, why).toBe(expected.cause);
  if (expected.refusal !== undefined) expect(refusal, why).toMatchObject(expected.refusal);
  if (expected.optionSeenUpTo !== undefined) expect(optionSeenUpTo, why).toBe(expected.optionSeenUpTo);
  if (expected.returnPath !== undefined) expect(evidence.returnPath, why).toBe(expected.returnPath);
  if (expected.pathsDiverge !== undefined) expect(pathsDiverge !== null, why).toBe(expected.pathsDiverge);
}

describe('named networks', () => {
  it('there is one for every letter of the lab', () => {
    const letters = new Set(
      files.map((name) => readScenario(folder + name).lab).filter((letter) => letter !== undefined),
    );
    expect([...letters].sort().join('')).toBe('abcdefghijklmn');
  });

  for (const name of files) {
    const scenario = readScenario(folder + name);
    it(`${scenario.title} (${name})`, async () => {
      for (const { seed, profile } of RUNS) {
        const run = await runNetwork({ network: networkOf(scenario, seed), profile }, createTraceEngine);
        expect(run.violations, `seed ${seed}`).toEqual([]);
        for (const record of run.records)
          check(record, record.protocol === 'udp' ? scenario.expect.udp : scenario.expect.icmp6);
      }
    });
  }
});
