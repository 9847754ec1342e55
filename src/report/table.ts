import type { ChangeRow, OutcomeCount } from '../results/trace-queries.js';
import { SUMMARY_CSV_COLUMNS, summaryCells, type SummaryCell } from '../results/summary-csv.js';
import type { SummaryRow } from '../results/summary-row.js';

export type Cell = SummaryCell;

interface Column {
  /** Also the key in JSON and the header of CSV. */
  readonly name: string;
  readonly align: 'left' | 'right';
}

/** Rows are read once, while they are written: a table over a million records needs no more memory than one row. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: Iterable<readonly Cell[]>;
}

const NUMBERS: ReadonlySet<string> = new Set([
  'last_pdm_hop',
  'last_plain_hop',
  'next_hop',
  'confidence',
  'count',
  'share',
  'previous_last_pdm_hop',
]);

function columns(names: readonly string[]): Column[] {
  return names.map((name) => ({ name, align: NUMBERS.has(name) ? 'right' : 'left' }));
}

/** The summary table, one row per record. */
export function summaryTable(rows: Iterable<SummaryRow>): Table {
  return { columns: columns(SUMMARY_CSV_COLUMNS), rows: mapped(rows, summaryCells) };
}

/** How many records ended how. `share` is of the protocol's records, 0–1. */
export function outcomeTable(counts: readonly OutcomeCount[]): Table {
  const total = (protocol: string): number =>
    counts.reduce((sum, row) => sum + (row.protocol === protocol ? row.count : 0), 0);
  return {
    columns: columns(['protocol', 'outcome', 'count', 'share']),
    rows: counts.map((row) => [row.protocol, row.outcome, row.count, rounded(row.count / total(row.protocol))]),
  };
}

const CHANGE_COLUMNS = [
  'company',
  'destination',
  'destination_address',
  'protocol',
  'change',
  'previous_outcome',
  'outcome',
  'previous_last_pdm_hop',
  'last_pdm_hop',
  'last_pdm_name',
  'next_hop_name',
  'previous_started_at',
  'started_at',
] as const;

/**
 * What changed since the last run. `change` is `outcome`, or `place`: the same outcome, but PDM was last seen at another hop.
 */
export function changeTable(changes: Iterable<ChangeRow>): Table {
  return {
    columns: columns(CHANGE_COLUMNS),
    rows: mapped(changes, ({ now, change, previous }) => [
      now.company,
      now.destinationInput,
      now.destinationAddress,
      now.protocol,
      change,
      previous.outcome,
      now.outcome,
      previous.lastPdmHop,
      now.lastPdmHop,
      now.lastPdmName ?? now.lastPdmAddress,
      now.nextHopName ?? now.nextHopAddress,
      timeText(previous.startedAtMs),
      timeText(now.startedAtMs),
    ]),
  };
}

function timeText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

function rounded(share: number): number {
  return Math.round(share * 10_000) / 10_000;
}

function* mapped<From, To>(rows: Iterable<From>, map: (row: From) => To): Iterable<To> {
  for (const row of rows) yield map(row);
}
