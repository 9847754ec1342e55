/** Networks in which something false is easily said: every outcome must be one that wrongs nobody. */
import process from 'node:process';
import { afterAll, describe, expect, it } from 'vitest';
import { OUTCOME_EXIT_CODES, type TraceRecord } from '../../src/trace/record.js';
import { readScenario, trapNames } from './description.mjs';
import { createLab } from './lab.mjs';
import type { Description } from './lab-types.js';
import { recordsOf } from './trace-records.js';

const NAMES_SOMEBODY: readonly string[] = ['dropped', 'rejected', 'stripped', 'altered'];
const table: string[] = [];

afterAll(() => {
  process.stdout.write(`${table.sort().join('\n')}\n`);
});

function secondsOf({ startedAt, endedAt }: TraceRecord): string {
  return ((Date.parse(endedAt) - Date.parse(startedAt)) / 1000).toFixed(1);
}

function checkRecord({ protocol, verdict, summary }: TraceRecord, { truth }: Description): void {
  const said = verdict.reasons.join(' ');
  expect(truth.outcomes[protocol as 'udp' | 'icmp6'], `${protocol}: ${verdict.outcome}: ${said}`).toContain(
    verdict.outcome,
  );
  if (truth.lostFrom !== null && verdict.interval !== null) {
    expect(verdict.interval.after).toBeLessThan(truth.lostFrom);
    expect(verdict.interval.upTo).toBeGreaterThanOrEqual(truth.lostFrom);
  }
  if (truth.says !== null) expect(said).toMatch(new RegExp(truth.says, 'i'));
  if (NAMES_SOMEBODY.includes(verdict.outcome)) {
    if (truth.membership !== null) expect(summary.inDestinationNetwork).toBe(truth.membership);
  } else {
    expect(summary.attribution, 'an outcome that names nobody has no attribution').toBeNull();
    expect(Object.keys(OUTCOME_EXIT_CODES)).toContain(verdict.outcome);
  }
}

describe.concurrent('pdm-trace wrongs nobody', { timeout: 300_000 }, () => {
  for (const description of trapNames().map((name) => readScenario(name))) {
    it(`${description.title} (${description.name})`, async () => {
      const lab = await createLab(description);
      try {
        const records = await recordsOf(lab, description.asked ?? lab.targetAddress, ['--asn-db', lab.asnFile]);
        expect(records.map(({ protocol }) => protocol).sort()).toEqual(['icmp6', 'udp']);
        for (const record of records) {
          const { outcome, reasons } = record.verdict;
          table.push([description.name, record.protocol, outcome, secondsOf(record), reasons[0] ?? ''].join(' | '));
        }
        for (const record of records) checkRecord(record, description);
      } finally {
        await lab.destroy();
      }
    });
  }
});
