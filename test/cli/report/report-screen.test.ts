import { describe, expect, it } from 'vitest';
import { screenTable } from '../../../src/cli/report/report-screen.js';
import { createStyle } from '../../../src/cli/terminal/style.js';
import { displayWidth } from '../../../src/text/terminal-text.js';
import { summaryTable, type Table } from '../../../src/report/table/table.js';
import { SUMMARY_CSV_COLUMNS } from '../../../src/results/summary-csv.js';
import { summariseRecord } from '../../../src/record/summary-row.js';
import { buildRecord } from '../../results/record-builder.js';

const rows = [
  summariseRecord(buildRecord({ number: 1 })),
  summariseRecord(buildRecord({ number: 2, outcome: 'delivered' })),
  summariseRecord(buildRecord({ number: 3, outcome: 'impaired' })),
];

function show(table: Table, columns: number | null, coloured = false) {
  const leftOut: string[] = [];
  const style = createStyle(coloured, true);
  const pieces = screenTable(table, { columns, style, onLeftOut: (names) => leftOut.push(...names) });
  const text = [...pieces].join('');
  return { text, lines: text.split('\n').slice(0, -1), leftOut };
}

describe('the table for people', () => {
  it('has the columns of the CSV, aligned, where it may be as wide as it gets', () => {
    const { lines, leftOut } = show(summaryTable(rows), null);
    expect(lines).toHaveLength(5);
    expect(lines[0]?.split(/\s{2,}/)).toEqual([...SUMMARY_CSV_COLUMNS]);
    const from = lines[0]?.indexOf('outcome') ?? -1;
    expect(lines.slice(2).map((line) => line.slice(from, from + 9).trim())).toEqual([
      'dropped',
      'delivered',
      'impaired',
    ]);
    expect(leftOut).toEqual([]);
  });

  it.each([60, 80, 100, 120, 160, 200, 250])(
    'is never wider than a terminal of %i columns, and says what it left out',
    (columns) => {
      const { lines, leftOut } = show(summaryTable(rows), columns);
      expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(columns);
      const headings = lines
        .slice(
          0,
          lines.findIndex((line) => line.startsWith('-')),
        )
        .join(' ');
      for (const name of ['destination', 'outcome', 'confidence']) expect(headings).toContain(name);
      for (const line of lines.slice(-3)) expect(line).toMatch(/dropped|delivered|impaired/);
      if (columns < 200) expect(leftOut).toContain('start_address');
    },
  );

  it('leaves out a column that nobody needs before one that is needed, and says nothing of empty ones', () => {
    const bare = rows.map((row) => ({ ...row, company: null }));
    const { leftOut } = show(summaryTable(bare), 160);
    expect(leftOut.slice(0, 3)).toEqual(['attribution_unknown', 'attribution_candidates', 'start_address']);
    expect(leftOut).not.toContain('company');
    expect(leftOut).not.toContain('outcome');
  });

  it('shows no more confidence than there is, and not all its digits', () => {
    const sure = [1 - 2 ** -14, 0.9995, 1 - 1e-9].map((confidence) => ({ ...rows[0]!, confidence }));
    const { lines } = show(summaryTable(sure), null);
    const end = lines[0]!.indexOf('confidence') + 'confidence'.length;
    expect(lines.slice(2).map((line) => line.slice(0, end).split(' ').at(-1))).toEqual([
      '0.99993',
      '0.9995',
      '0.99999',
    ]);
  });

  it('counts wide characters as two columns', () => {
    const wide = rows.map((row) => ({ ...row, company: '例え株式会社'.repeat(3) }));
    for (const line of show(summaryTable(wide), 190).lines) expect(displayWidth(line)).toBeLessThanOrEqual(190);
  });

  it('shows what could move the cursor, colour or reorder text as question marks', () => {
    const hostile = { ...rows[0]!, company: '\u001b[2J\u202eevil\u0007\n', destinationName: 'a\u001b]0;x\u0007b' };
    const { text } = show(summaryTable([hostile]), null);
    expect(text).toContain('?[2J?evil??');
    expect(text).toContain('a?]0;x?b');
    // eslint-disable-next-line no-control-regex -- these are what it is about
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/);
  });

  it('colours outcomes by what they mean, without moving columns', () => {
    const { lines } = show(summaryTable(rows), null, true);
    expect(lines[2]).toContain('\u001b[31mdropped');
    expect(lines[3]).toContain('\u001b[32mdelivered');
    expect(lines[4]).toContain('\u001b[33mimpaired');
    // eslint-disable-next-line no-control-regex -- escape sequences are to be taken out
    const bare = lines.map((line) => line.replace(/\u001b\[\d+m/g, '').trimEnd());
    expect(bare).toEqual(show(summaryTable(rows), null).lines);
  });

  it('reads a bounded number of rows ahead, however many there are', () => {
    let taken = 0;
    function* endless(): IterableIterator<(typeof rows)[number]> {
      for (;;) {
        taken += 1;
        yield rows[0]!;
      }
    }
    const pieces = screenTable(summaryTable(endless()), {
      columns: 120,
      style: createStyle(false, true),
      onLeftOut: () => undefined,
    })[Symbol.iterator]();
    for (let piece = 0; piece < 2000; piece += 1) pieces.next();
    expect(taken).toBeLessThanOrEqual(2000);
  });
});
