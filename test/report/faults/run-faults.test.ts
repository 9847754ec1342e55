import { parse } from 'csv-parse/sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { traceRecordSchema } from '../../../src/record/record-schema.js';
import { formatTable } from '../../../src/report/table/format-table.js';
import { renderRecords, renderTable, reportTable } from '../../../src/report/render-report.js';
import { findFaults, NO_FAULTS, type FaultWords } from '../../../src/report/faults/run-faults.js';
import { openSqliteStore, type SqliteStore } from '../../../src/results/store/sqlite-store.js';
import { SUMMARY_CSV_COLUMNS } from '../../../src/results/summary-csv.js';
import { prepareRecord } from '../../../src/results/store/trace-table.js';
import type { TraceFilter } from '../../../src/results/store/trace-filter.js';
import type { TraceRecord } from '../../../src/record/record.js';
import { RUN_ID, START_MS, type RecordOptions } from '../../results/record-builder.js';
import { nearFault } from './near-fault.js';

const OTHER_RUN = `${RUN_ID.slice(0, -1)}2`;
const SENTENCE =
  /^7 of 10 targets lose packets with the option at one place, between hop 1 \(2001:db8:1::1\) and hop 2 \(2001:db8:2::1\): one fault near/;

function made(index: number, options: RecordOptions = {}): TraceRecord {
  const record = nearFault(index, options);
  // A line break in a name is quoted in CSV.
  return { ...record, company: index === 1 ? 'Two\r\nlines, "one" company' : record.company };
}

const RECORDS = [
  ...[1, 2, 3, 4, 5, 6, 7].map((index) => made(index)),
  ...[8, 9, 10].map((index) => made(index, { outcome: 'delivered' })),
];

let store: SqliteStore;
beforeEach(() => {
  store = openSqliteStore(':memory:');
  for (const id of [RUN_ID, OTHER_RUN])
    store.runs.create({ id, name: null, vantage: null, toolVersion: '0', options: {}, startedAtMs: START_MS });
  put(RECORDS);
});
afterEach(() => {
  store.close();
});

function put(records: readonly TraceRecord[]): void {
  store.traces.put(records.map((record) => prepareRecord({ record, targetKey: null, completesTarget: false })));
}

const faults = (filter: TraceFilter = { runId: RUN_ID }, most?: number): FaultWords =>
  findFaults(store.queries, filter, most);

function shown(format: 'jsonl' | 'html', filter: TraceFilter = { runId: RUN_ID }): string {
  const report = { format, filter, title: 'Report', hostname: 'vm', nowMs: START_MS, faults: faults(filter) };
  return [...renderRecords(store.queries, report)].join('');
}

describe('what targets of a run share, in a report', () => {
  it('is found in the store, whatever else is filtered', () => {
    const { lines, sentenceOf, sentenceOfId } = faults();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(SENTENCE);
    expect(RECORDS.map((record) => sentenceOf(record) === lines[0])).toEqual(
      RECORDS.map(({ verdict }) => verdict.outcome === 'dropped'),
    );
    expect(RECORDS.map(({ id }) => sentenceOfId(id))).toEqual(RECORDS.map((record) => sentenceOf(record)));
    const { company } = RECORDS[3]!;
    expect(faults({ runId: RUN_ID, company: company! }).lines).toEqual(lines);
    // Of one company, but the run is its run.
    expect(faults({ company: company! }).lines).toEqual([`Run ${RUN_ID}: ${lines[0]}`]);
  });

  it('is of one run: five targets in two runs share nothing', () => {
    const four = [21, 22, 23, 24].map((index) => made(index, { runId: OTHER_RUN }));
    put(four);
    expect(faults({ runId: OTHER_RUN })).toBe(NO_FAULTS);
    expect(faults({}).lines).toHaveLength(1);
    expect(faults({}).sentenceOf(four[0]!)).toBeNull();
  });

  it('is found where some packets went on, so that the last hop with the option is not where the interval begins', () => {
    const lucky = [21, 22, 23].map((index) => {
      const record = made(index, { runId: OTHER_RUN });
      const last = made(index, { lastPdmHop: 3 }).summary.lastPdmHop;
      return { ...record, summary: { ...record.summary, lastPdmHop: last } };
    });
    put([...lucky, made(24, { runId: OTHER_RUN }), made(25, { runId: OTHER_RUN, outcome: 'delivered' })]);
    expect(faults({ runId: OTHER_RUN })).toBe(NO_FAULTS);
    put([made(26, { runId: OTHER_RUN })]);
    expect(faults({ runId: OTHER_RUN }).lines[0]).toMatch(/^5 of 6 targets lose/);
  });

  it('leaves a damaged record to whoever shows it', () => {
    const whole = prepareRecord({ record: made(30), targetKey: null, completesTarget: false });
    store.traces.put([{ ...whole, json: '{"schema":' }]);
    expect(faults().lines[0]).toMatch(SENTENCE);
    expect(
      shown('jsonl')
        .split('\n')
        .filter((line) => line.includes('near this vantage point')),
    ).toHaveLength(7);
    expect(() => shown('html')).toThrow(/not JSON any more/);
  });

  it('says how many records were compared where there are more', () => {
    const { lines, sentenceOf, sentenceOfId } = faults({ runId: RUN_ID }, 6);
    expect(lines[0]).toMatch(/^6 of 6 targets lose/);
    expect(lines[1]).toBe('Only the first 6 of 10 records of the run are compared.');
    // The seventh was not compared, but its hops say where it stops.
    expect([sentenceOf(RECORDS[6]!), sentenceOfId(RECORDS[6]!.id)]).toEqual([lines[0], null]);
    const newer = [21, 22, 23, 24, 25].map((index) => made(index, { runId: OTHER_RUN }));
    put(newer);
    const [first, last] = [faults({}, 5).lines[0], faults({}, 5).lines.at(-1)];
    expect(first).toMatch(new RegExp(`^Run ${OTHER_RUN}: 5 of 5 targets lose`));
    expect(last).toBe('1 older runs are not compared; --run chooses one.');
  });

  it('is a column more in CSV and tables, the last, and none where nothing is shared', () => {
    const report = { table: 'summary', filter: { runId: RUN_ID }, faults: faults() } as const;
    const csv = [...renderTable(store.queries, { ...report, format: 'csv' })].join('');
    const rows: Record<string, string>[] = parse(csv, { columns: true });
    expect(Object.keys(rows[0]!)).toEqual([...SUMMARY_CSV_COLUMNS, 'shared_fault']);
    expect(rows).toHaveLength(10);
    expect(rows[0]!.company).toBe('Two\r\nlines, "one" company');
    for (const row of rows) expect(row.shared_fault).toMatch(row.outcome === 'dropped' ? SENTENCE : /^$/);
    expect([...formatTable(reportTable(store.queries, report), 'csv')].join('')).toBe(csv);
    const without = [...renderTable(store.queries, { ...report, faults: NO_FAULTS, format: 'csv' })].join('');
    expect(without.split('\r\n')[0]).toBe(SUMMARY_CSV_COLUMNS.join(','));
    expect([...formatTable(reportTable(store.queries, { ...report, table: 'outcomes' }), 'csv')][0]).not.toContain(
      'shared',
    );
  });

  it('is the last reason of each record in JSON, which else is as it was stored', () => {
    const lines = shown('jsonl').trimEnd().split('\n');
    for (const [index, line] of lines.entries()) {
      const record = JSON.parse(line) as TraceRecord;
      expect(traceRecordSchema.safeParse(record).success).toBe(true);
      const { reasons } = record.verdict;
      const stored = RECORDS[index]!;
      if (stored.verdict.outcome === 'dropped') expect(reasons.pop()).toMatch(SENTENCE);
      expect(record).toEqual(stored);
    }
    expect(shown('jsonl', { runId: RUN_ID, outcomes: ['delivered'] })).not.toContain('near this vantage point');
  });

  it('stands above everything on the page, and no row beside a company looks like an accusation of its own', () => {
    const html = shown('html');
    const top = html.indexOf('<h2 id="shared">Said first</h2><p>7 of 10 targets lose');
    expect(top).toBeGreaterThan(0);
    expect(top).toBeLessThan(html.indexOf('class="tiles"'));
    expect(top).toBeLessThan(html.indexOf('<table>'));
    const table = html.slice(html.indexOf('<tbody>'), html.indexOf('</tbody>'));
    expect(
      table.match(/<span class="badge calm">dropped<\/span><a class="sub full" href="#shared">one shared fault/g),
    ).toHaveLength(7);
    expect(table).not.toContain('badge bad');
    expect(html.match(/<p class="shared">7 of 10 targets/g)).toHaveLength(7);
  });
});
