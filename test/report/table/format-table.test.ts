import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { formatTable, type TableFormat } from '../../../src/report/table/format-table.js';
import {
  changeTable,
  outcomeTable,
  runOverviewTable,
  runTable,
  summaryTable,
  type Table,
} from '../../../src/report/table/table.js';
import { summariseRecord } from '../../../src/record/summary-row.js';
import { buildRecord, RUN_ID, START_MS } from '../../results/record-builder.js';

const rows = [
  summariseRecord(buildRecord({ number: 1 })),
  summariseRecord(buildRecord({ number: 2, outcome: 'delivered', company: 'Acme | Sons' })),
];

function text(table: Table, format: TableFormat): string {
  return [...formatTable(table, format)].join('');
}

describe('the summary table', () => {
  it('is CSV, JSON with unknown as null, and Markdown in which nothing of a cell is markup', () => {
    expect(parse(text(summaryTable(rows), 'csv'), { columns: true })).toHaveLength(2);
    const objects = JSON.parse(text(summaryTable(rows), 'json')) as Record<string, unknown>[];
    expect(objects[1]).toMatchObject({
      company: 'Acme | Sons',
      last_pdm_hop: 19,
      next_hop: null,
      outcome: 'delivered',
    });
    const lines = text(summaryTable(rows), 'jsonl').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(objects);
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
    expect(text(summaryTable([]), 'jsonl')).toBe('');
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

describe('the table of runs', () => {
  const run = {
    id: RUN_ID,
    name: 'list.csv',
    vantage: null,
    toolVersion: '0',
    options: {},
    startedAtMs: START_MS,
    endedAtMs: null,
    state: 'ready' as const,
    targets: 5,
    claimed: false,
    outcomes: new Map([
      ['no-difference', 1],
      ['dropped', 3],
    ] as const),
  };

  it('has a column for each outcome, for programs', () => {
    const [row] = JSON.parse(text(runTable([run]), 'json')) as Record<string, unknown>[];
    expect(row).toMatchObject({ run_id: RUN_ID, state: 'ready', targets: 5, records: 4, dropped: 3, no_difference: 1 });
    expect(row).toMatchObject({ started_at: '2026-11-24T08:00:00Z', ended_at: null, delivered: 0 });
  });

  it.each([
    [{}, 'interrupted'],
    [{ claimed: true }, 'running'],
    [{ state: 'loading' as const }, 'interrupted'],
    [{ state: 'loading' as const, claimed: true }, 'loading'],
    [{ state: 'finished' as const }, 'finished'],
    // A trace's own, which nobody claims.
    [{ targets: 0 }, 'ready'],
  ])('says of one that is %o for people that it is %s', (changes, word) => {
    expect([...runOverviewTable([{ ...run, ...changes }]).rows][0]?.[2]).toBe(word);
  });

  it('says the outcomes in one column, most frequent first, for people', () => {
    expect([...runOverviewTable([run]).rows][0]?.at(-1)).toBe('3 dropped, 1 no-difference');
  });
});
