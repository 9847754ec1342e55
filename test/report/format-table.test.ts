import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { formatTable, type TableFormat } from '../../src/report/format-table.js';
import { changeTable, outcomeTable, summaryTable, type Table } from '../../src/report/table.js';
import { SUMMARY_CSV_COLUMNS } from '../../src/results/summary-csv.js';
import { summariseRecord } from '../../src/results/summary-row.js';
import { buildRecord, START_MS } from '../results/record-builder.js';

const rows = [
  summariseRecord(buildRecord({ number: 1 })),
  summariseRecord(buildRecord({ number: 2, outcome: 'delivered', company: 'Acme | Sons' })),
];

function text(table: Table, format: TableFormat, cellLimit?: number): string {
  return [...formatTable(table, format, cellLimit === undefined ? {} : { cellLimit })].join('');
}

describe('the summary table', () => {
  it('is aligned, with the same columns as the CSV', () => {
    const lines = text(summaryTable(rows), 'table').trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]?.split(/\s{2,}/)).toEqual([...SUMMARY_CSV_COLUMNS]);
    const from = lines[0]?.indexOf('outcome') ?? -1;
    expect(lines[2]?.slice(from, from + 7)).toBe('dropped');
    expect(lines[3]?.slice(from, from + 9)).toBe('delivered');
  });

  it('cuts long cells and shows what could move a cursor as question marks', () => {
    const row = { ...rows[0]!, company: `\u001b[2J\u202e${'x'.repeat(50)}` };
    expect(text(summaryTable([row]), 'table', 12)).toContain('?[2J?xxxxxx…');
  });

  it('is CSV, JSON with unknown as null, and Markdown in which nothing of a cell is markup', () => {
    expect(parse(text(summaryTable(rows), 'csv'), { columns: true })).toHaveLength(2);
    const objects = JSON.parse(text(summaryTable(rows), 'json')) as Record<string, unknown>[];
    expect(objects[1]).toMatchObject({
      company: 'Acme | Sons',
      last_pdm_hop: 19,
      next_hop: null,
      outcome: 'delivered',
    });
    const markdown = text(summaryTable(rows), 'markdown').trimEnd().split('\n');
    expect(markdown[1]).toContain('--:');
    expect(markdown[3]).toContain('| Acme \\| Sons |');
  });

  it('keeps links, HTML and images of strangers out of Markdown', () => {
    const row = { ...rows[0]!, company: '[x](http://evil.example) <img src=x> www.evil.example `a` a@b.example' };
    const markdown = text(summaryTable([row]), 'markdown');
    expect(markdown).toContain(
      '\\[x\\]\\(http:\\//evil.example\\) \\<img src=x\\> www\\.evil.example \\`a\\` a\\@b.example',
    );
  });

  it('without rows is a table without rows', () => {
    expect(text(summaryTable([]), 'json')).toBe('[]\n');
    expect(text(summaryTable([]), 'csv').split('\r\n')).toHaveLength(2);
    expect(text(summaryTable([]), 'table').trimEnd().split('\n')).toHaveLength(2);
  });

  it('takes a row only when it is asked for', () => {
    let taken = 0;
    function* endless(): IterableIterator<(typeof rows)[number]> {
      for (;;) {
        taken += 1;
        yield rows[0]!;
      }
    }
    const pieces = formatTable(summaryTable(endless()), 'csv')[Symbol.iterator]();
    for (let piece = 0; piece < 4; piece += 1) pieces.next();
    expect(taken).toBe(3);
  });
});

describe('the table of outcomes', () => {
  it('gives each protocol its shares', () => {
    const table = outcomeTable([
      { protocol: 'icmp6', outcome: 'delivered', count: 3 },
      { protocol: 'udp', outcome: 'delivered', count: 2 },
      { protocol: 'udp', outcome: 'dropped', count: 1 },
    ]);
    expect([...table.rows]).toEqual([
      ['icmp6', 'delivered', 3, 1],
      ['udp', 'delivered', 2, 0.6667],
      ['udp', 'dropped', 1, 0.3333],
    ]);
  });
});

describe('the table of changes', () => {
  it('has before and now side by side', () => {
    const previous = { startedAtMs: START_MS, outcome: 'delivered' as const, lastPdmHop: 19 };
    const table = changeTable([{ now: rows[0]!, change: 'outcome', previous }]);
    expect(JSON.parse(text(table, 'json'))).toEqual([
      {
        company: 'Company 1',
        destination: 'www1.customer.example',
        destination_address: '2001:db8:1001::1',
        protocol: 'udp',
        change: 'outcome',
        previous_outcome: 'delivered',
        outcome: 'dropped',
        previous_last_pdm_hop: 19,
        last_pdm_hop: 8,
        last_pdm_name: 'ae-8.r1.transit0.example.net',
        next_hop_name: 'ae-9.r1.transit1.example.net',
        previous_started_at: '2026-11-24T08:00:00Z',
        started_at: '2026-11-24T08:00:01Z',
      },
    ]);
  });
});
