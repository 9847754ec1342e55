import { csvLine } from '../../results/summary-csv.js';
import { safeText } from '../../text/safe-text.js';
import type { Cell, Table } from './table.js';

/** For other programs and documents; the table for a terminal is the command line's. */
export const TABLE_FORMATS = ['csv', 'json', 'jsonl', 'markdown'] as const;
/** One of `TABLE_FORMATS`. */
export type TableFormat = (typeof TABLE_FORMATS)[number];

/** The table as text, piece by piece, a row at a time. `json` is an array, `jsonl` an object a line. */
export function* formatTable(table: Table, format: TableFormat): Iterable<string> {
  switch (format) {
    case 'csv':
      yield csvLine(table.columns.map((column) => column.name));
      for (const row of table.rows) yield csvLine(row);
      return;
    case 'json':
      yield* jsonTable(table);
      return;
    case 'jsonl':
      for (const row of table.rows) yield `${JSON.stringify(rowObject(table, row))}\n`;
      return;
    case 'markdown':
      yield* markdownTable(table);
  }
}

function rowObject({ columns }: Table, row: readonly Cell[]): Record<string, Cell> {
  return Object.fromEntries(columns.map((column, index) => [column.name, row[index] ?? null]));
}

function* jsonTable(table: Table): Iterable<string> {
  let before = '[\n';
  for (const row of table.rows) {
    yield `${before}  ${JSON.stringify(rowObject(table, row))}`;
    before = ',\n';
  }
  yield before === '[\n' ? '[]\n' : '\n]\n';
}

function* markdownTable({ columns, rows }: Table): Iterable<string> {
  yield `| ${columns.map((column) => column.name).join(' | ')} |\n`;
  yield `| ${columns.map((column) => (column.align === 'right' ? '--:' : '---')).join(' | ')} |\n`;
  for (const row of rows) yield `| ${row.map((cell) => escapeMarkdown(cellText(cell))).join(' | ')} |\n`;
}

/** Nothing in a text is markup, a further cell or, as GitHub makes them of bare names and addresses, a link. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\\`*_{}[\]()<>#!|~&@]/g, '\\$&')
    .replace(/:\/\//g, ':\\//')
    .replace(/\bwww\./gi, 'www\\.');
}

function cellText(cell: Cell): string {
  return cell === null ? '' : safeText(String(cell));
}
