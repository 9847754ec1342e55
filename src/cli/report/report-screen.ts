import type { Cell, Table } from '../../report/table/table.js';
import { ACCUSATIONS, OUTCOMES, type Outcome } from '../../record/record.js';
import type { Paint, Style } from '../terminal/style.js';
import { displayWidth, padEnd, padStart, sanitizeForTerminal, truncate } from '../../text/terminal-text.js';

/** How wide a table may be, in characters, how it is drawn, and who hears of columns that have no room. */
export interface ScreenTableOptions {
  /** Width of the terminal; null: as wide as it gets, for files and pipes. */
  readonly columns: number | null;
  readonly style: Style;
  /** Called before the first line with the columns that have no room. */
  readonly onLeftOut: (names: readonly string[]) => void;
}

/** Rows by which widths are chosen; those that follow are cut to them, so that any number of rows streams. */
const SAMPLE_ROWS = 1000;
/** Longest cell: names from DNS may have 255 characters. */
const MOST_CELL = 60;
/** A name that is cut to less is of no use. */
const LEAST_NAME = 16;
const GAP = 2;

/** Left out first where the terminal is too narrow: what is the same in all rows, or said by another column too. */
const EXPENDABLE = [
  'shared_fault',
  'inserted_headers',
  'attribution_silent',
  'attribution_unknown',
  'attribution_candidates',
  'start_address',
  'previous_started_at',
  'started_at',
  'start_name',
  'destination_address',
  'last_plain_name',
  'last_plain_hop',
  'ended_at',
  'company',
  'next_hop_in_destination_network',
  'next_hop',
  'previous_last_pdm_hop',
  'change',
  'next_hop_name',
  'name',
  'targets',
  'last_pdm_name',
];

interface Layout {
  readonly index: number;
  readonly name: string;
  readonly right: boolean;
  width: number;
  /** It may become so narrow; numbers and outcomes are shown whole or not at all. */
  readonly least: number;
}

/** The table for people: aligned, its headings broken at `_`, cut to the terminal's width. */
export function* screenTable(table: Table, options: ScreenTableOptions): Iterable<string> {
  const { style } = options;
  const rows = table.rows[Symbol.iterator]();
  const texts = (row: readonly Cell[]): string[] =>
    row.map((cell, index) => cellText(cell, table.columns[index]?.name));
  const sample: string[][] = [];
  while (sample.length < SAMPLE_ROWS) {
    const next = rows.next();
    if (next.done === true) break;
    sample.push(texts(next.value));
  }
  const layout = chooseLayout(table, sample, options);
  yield* headingLines(layout, options);
  for (const row of sample) yield line(layout, row, style);
  for (let next = rows.next(); next.done !== true; next = rows.next()) yield line(layout, texts(next.value), style);
}

function chooseLayout(table: Table, sample: readonly (readonly string[])[], options: ScreenTableOptions): Layout[] {
  const broken = options.columns !== null;
  const widest = (index: number): number =>
    sample.reduce((width, row) => Math.max(width, displayWidth(row[index] ?? '')), 0);
  let layout: Layout[] = table.columns.map(({ name, align }, index) => {
    const content = Math.min(MOST_CELL, widest(index));
    const heading = broken ? Math.max(...name.split('_').map(displayWidth)) : displayWidth(name);
    const isText = align === 'left' && isCuttable(name);
    const width = Math.max(heading, content);
    return { index, name, right: align === 'right', width, least: isText ? Math.min(width, LEAST_NAME) : width };
  });
  if (options.columns === null) return layout;
  const room = options.columns;
  const leftOut: string[] = [];
  const empty = layout.filter(({ index }) => sample.length > 0 && widest(index) === 0).map(({ name }) => name);
  for (const name of [...empty, ...EXPENDABLE]) {
    if (total(layout.map(({ least }) => least)) <= room) break;
    const kept = layout.filter((column) => column.name !== name);
    if (kept.length === layout.length) continue;
    layout = kept;
    if (!empty.includes(name)) leftOut.push(name);
  }
  shrink(layout, room);
  if (leftOut.length > 0) options.onLeftOut(leftOut);
  return layout;
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, -GAP);
}

/** Takes from the widest column that can give, again and again. */
function shrink(layout: readonly Layout[], room: number): void {
  for (let excess = total(layout.map(({ width }) => width)) - room; excess > 0; excess -= 1) {
    const widest = layout
      .filter(({ width, least }) => width > least)
      .reduce<Layout | null>((best, column) => (best === null || column.width > best.width ? column : best), null);
    if (widest === null) return;
    widest.width -= 1;
  }
}

function isCuttable(name: string): boolean {
  return !['protocol', 'outcome', 'previous_outcome', 'change', 'state', 'run_id', 'started_at'].includes(name);
}

function* headingLines(layout: readonly Layout[], { style, columns }: ScreenTableOptions): Iterable<string> {
  const broken = layout.map(({ name, width }) => (columns === null ? [name] : brokenName(name, width)));
  const height = Math.max(...broken.map((lines) => lines.length));
  for (let row = 0; row < height; row += 1) {
    const texts = layout.map((column, index) => {
      const lines = broken[index] ?? [];
      // At the bottom, where the column begins.
      return padded(column, lines[row - height + lines.length] ?? '');
    });
    yield `${style.bold(texts.join(' '.repeat(GAP)).trimEnd())}\n`;
  }
  yield `${layout.map(({ width }) => '-'.repeat(width)).join(' '.repeat(GAP))}\n`;
}

/** `next_hop_in_destination_network` → `next_hop_in_`, `destination_`, `network`. */
function brokenName(name: string, width: number): string[] {
  const lines: string[] = [];
  for (const piece of name.split(/(?<=_)/)) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(last) + displayWidth(piece) <= width) lines[lines.length - 1] = last + piece;
    else lines.push(piece);
  }
  return lines.map((text) => truncate(text, width, ''));
}

function line(layout: readonly Layout[], row: readonly string[], style: Style): string {
  const cells = layout.map((column, position) => {
    const whole = row[column.index] ?? '';
    const text = displayWidth(whole) <= column.width ? whole : truncate(whole, column.width, style.ellipsis);
    const isLast = position === layout.length - 1;
    const cell = isLast && !column.right ? text : padded(column, text);
    return paintOf(column.name, whole, style)(cell);
  });
  return `${cells.join(' '.repeat(GAP)).trimEnd()}\n`;
}

function padded({ right, width }: Layout, text: string): string {
  return right ? padStart(text, width) : padEnd(text, width);
}

function paintOf(column: string, text: string, style: Style): Paint {
  const asIs: Paint = (cell) => cell;
  if (!column.endsWith('outcome') || !OUTCOMES.some((outcome) => outcome === text)) return asIs;
  if (text === 'delivered') return style.green;
  if (text === 'impaired' || text === 'bypassed') return style.yellow;
  return ACCUSATIONS.includes(text as Outcome) ? style.red : style.dim;
}

function cellText(cell: Cell, name: string | undefined): string {
  if (cell === null) return '';
  // Cut off, never rounded up; all digits are in CSV and JSON.
  const shown = name === 'confidence' && typeof cell === 'number' ? Math.floor(cell * 1e5 + 1e-9) / 1e5 : cell;
  return sanitizeForTerminal(String(shown));
}
