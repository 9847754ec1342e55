import { parse } from 'csv-parse/sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TABLE_FORMATS } from '../../src/report/table/format-table.js';
import { RECORD_FORMATS, renderRecords, renderTable, REPORT_TABLES } from '../../src/report/render-report.js';
import { openSqliteStore, type SqliteStore } from '../../src/results/store/sqlite-store.js';
import { recordCsvLine, SUMMARY_CSV_HEADER } from '../../src/results/summary-csv.js';
import { prepareRecord } from '../../src/results/store/trace-table.js';
import { buildRecord, RUN_ID, START_MS } from '../results/record-builder.js';

const SECOND_RUN = `${RUN_ID.slice(0, -1)}2`;
const first = buildRecord({ number: 1, outcome: 'delivered', distance: 6 });
const second = buildRecord({
  number: 2,
  runId: SECOND_RUN,
  input: first.target.input,
  distance: 6,
  lastPdmHop: 3,
  startedAtMs: START_MS + 1e6,
});

let store: SqliteStore;
beforeEach(() => {
  store = openSqliteStore(':memory:');
  for (const record of [first, second]) {
    const { runId: id, vantage } = record;
    store.runs.create({ id, name: null, vantage, toolVersion: '0', options: {}, startedAtMs: START_MS });
    store.traces.put([prepareRecord({ record, targetKey: null, completesTarget: false })]);
  }
});
afterEach(() => {
  store.close();
});

function records(format: (typeof RECORD_FORMATS)[number], filter = {}): string {
  const report = { format, filter, title: 'Report', hostname: 'vm', nowMs: START_MS };
  return [...renderRecords(store.queries, report)].join('');
}

const table = (name: (typeof REPORT_TABLES)[number], format: (typeof TABLE_FORMATS)[number], filter = {}): string =>
  [...renderTable(store.queries, { table: name, format, filter })].join('');

describe('a report from the store', () => {
  it('has every table in every format', () => {
    for (const name of REPORT_TABLES)
      for (const format of TABLE_FORMATS) expect(table(name, format)).toContain('dropped');
  });

  it('has the same summary CSV from the store as from the records', () => {
    expect(table('summary', 'csv')).toBe(SUMMARY_CSV_HEADER + recordCsvLine(first) + recordCsvLine(second));
  });

  it('follows the filter', () => {
    expect(parse(table('summary', 'csv', { runId: RUN_ID }), { columns: true })).toHaveLength(1);
    expect(table('outcomes', 'json', { outcomes: ['delivered'] })).not.toContain('dropped');
    expect(table('changes', 'json', { runId: RUN_ID })).toBe('[]\n');
    expect(records('jsonl', { runId: SECOND_RUN })).toBe(`${JSON.stringify(second)}\n`);
  });

  it('gives whole records to other programs, one object a line', () => {
    for (const format of ['jsonl', 'atlas', 'scamper'] as const) {
      const lines = records(format).trimEnd().split('\n');
      const types = lines.map((line) => (JSON.parse(line) as { type?: string }).type);
      const expected = {
        jsonl: [undefined, undefined],
        atlas: Array(4).fill('traceroute'),
        scamper: ['cycle-start', ...Array<string>(4).fill('trace'), 'cycle-stop'],
      };
      expect(types).toEqual(expected[format]);
    }
  });

  it('is one page with summary, changes and every record in words', () => {
    const html = records('html');
    expect(html).toContain('<h1>Report</h1>');
    expect(html).toContain('<p class="verdict">PDM arrives: ');
    expect(html).toContain('<p class="verdict">PDM stops between hop 3 ');
    expect(html.match(/<article /g)).toHaveLength(2);
    expect(html).toContain('Changed since the last run');
    expect(html).not.toContain('Nothing changed.');
  });
});
