import { csvLine } from '../results/summary-csv.js';
import { safeText, shortened } from './safe-text.js';
import type { Cell, Table } from './table.js';

export const TABLE_FORMATS = ['table', 'csv', 'json', 'markdown'] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

export interface TableOptions {
  /** Longest cell of format `table`, in characters; the rest is cut. Default 40. */
  readonly cellLimit?: number;
}

/** The table as text, piece by piece. All but `table`, which has to know the widest cells, stream. */
export function* formatTable(table: Table, format: TableFormat, options: TableOptions = {}): Iterable<string> {
  switch (format) {
    case 'table':
      yield* alignedTable(table, options.cellLimit ?? 40);
      return;
    case 'csv':
      yield csvLine(table.columns.map((column) => column.name));
      for (const row of table.rows) yield csvLine(row);
      return;
    case 'json':
      yield* jsonTable(table);
      return;
    case 'markdown':
      yield* markdownTable(table);
  }
}

function* alignedTable({ columns, rows }: Table, cellLimit: number): Iterable<string> {
  const texts = [...rows].map((row) => row.map((cell) => shortened(cellText(cell), cellLimit)));
  const headers = columns.map((column) => column.name);
  const widths = columns.map((_, index) =>
    texts.reduce((width, row) => Math.max(width, (row[index] ?? '').length), headers[index]?.length ?? 0),
  );
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, index) =>
      columns[index]?.align === 'right' ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
    );
    return `${padded.join('  ').trimEnd()}\n`;
  };
  yield line(headers);
  yield `${widths.map((width) => '─'.repeat(width)).join('  ')}\n`;
  for (const row of texts) yield line(row);
}

function* jsonTable({ columns, rows }: Table): Iterable<string> {
  let before = '[\n';
  for (const row of rows) {
    const object = Object.fromEntries(columns.map((column, index) => [column.name, row[index] ?? null]));
    yield `${before}  ${JSON.stringify(object)}`;
    before = ',\n';
  }
  yield before === '[\n' ? '[]\n' : '\n]\n';
}

function* markdownTable({ columns, rows }: Table): Iterable<string> {
  yield `| ${columns.map((column) => column.name).join(' | ')} |\n`;
  yield `| ${columns.map((column) => (column.align === 'right' ? '--:' : '---')).join(' | ')} |\n`;
  for (const row of rows) yield `| ${row.map((cell) => escapeMarkdown(cellText(cell))).join(' | ')} |\n`;
}

/** Nothing in a cell is markup, a further cell or, as GitHub makes them of bare names and addresses, a link. */
function escapeMarkdown(text: string): string {
  return text
    .replace(/[\\`*_{}[\]()<>#!|~&@]/g, '\\$&')
    .replace(/:\/\//g, ':\\//')
    .replace(/\bwww\./gi, 'www\\.');
}

function cellText(cell: Cell): string {
  return cell === null ? '' : safeText(String(cell));
}
