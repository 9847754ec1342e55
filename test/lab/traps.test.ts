/** Networks in which something false is easily said: every outcome must be one that wrongs nobody. */
import process from 'node:process';
import { afterAll, describe, expect, it } from 'vitest';
import type { TraceRecord } from '../../src/record/record.js';
import { checkRun, checkRunSays, checkTrap, exitCodeOf } from '../scenario/check-record.js';
import { readScenario, trapNames } from '../scenario/description.mjs';
import { targetNetworks } from '../scenario/layout.mjs';
import { cannotBuild } from './cannot-build.mjs';
import { createLab } from './lab.mjs';
import { runOver, traceOf } from './trace-records.js';

const table: string[] = [];

afterAll(() => {
  process.stdout.write(`${table.sort().join('\n')}\n`);
});

function secondsOf({ startedAt, endedAt }: TraceRecord): string {
  return ((Date.parse(endedAt) - Date.parse(startedAt)) / 1000).toFixed(1);
}

const traps = trapNames()
  .map((name) => readScenario(name))
  .filter((trap) => cannotBuild(trap).length === 0);

describe.concurrent('pdm-trace wrongs nobody', { timeout: 300_000 }, () => {
  for (const description of traps) {
    it(`${description.title} (${description.name})`, async () => {
      const lab = await createLab(description);
      try {
        const asked = description.asked ?? lab.targetAddress;
        const { records, code } = await traceOf(lab, asked, ['--asn-db', lab.asnFile]);
        expect(records.map(({ protocol }) => protocol).sort()).toEqual(['icmp6', 'udp']);
        for (const record of records) {
          const { outcome, reasons } = record.verdict;
          table.push([description.name, record.protocol, outcome, secondsOf(record), reasons[0] ?? ''].join(' | '));
        }
        for (const record of records) checkTrap(record, description);
        expect(code).toBe(exitCodeOf(records));
      } finally {
        await lab.destroy();
      }
    });
  }
});

describe.concurrent(
  'pdm-trace run over the networks of one host says once what they share',
  { timeout: 300_000 },
  () => {
    for (const description of traps.filter(({ target }) => target.networks !== undefined)) {
      it(`${description.title} (${description.name})`, async () => {
        const lab = await createLab(description);
        try {
          const { records, said, reported } = await runOver(lab, targetNetworks(description));
          checkRun(records, description);
          checkRunSays(said, description);
          checkRunSays(reported, description);
        } finally {
          await lab.destroy();
        }
      });
    }
  },
);
