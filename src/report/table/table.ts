import type { ChangeRow, OutcomeCount } from '../../results/store/trace-queries.js';
import { SUMMARY_CSV_COLUMNS, summaryCells, type SummaryCell } from '../../results/summary-csv.js';
import type { StoredRun } from '../../results/store/run-table.js';
import type { SummaryRow } from '../../record/summary-row.js';
import { OUTCOMES, type Outcome } from '../../record/record.js';
import { NO_FAULTS, type FaultWords } from '../faults/run-faults.js';

/** A cell of a row; null is unknown. */
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
  'targets',
  'records',
  ...OUTCOMES.map((outcome) => outcome.replaceAll('-', '_')),
]);

function columns(names: readonly string[]): Column[] {
  return names.map((name) => ({ name, align: NUMBERS.has(name) ? 'right' : 'left' }));
}

/** The last column of a summary in which something is shared: the sentence about the fault that the record is part of. */
export const SHARED_FAULT_COLUMN = 'shared_fault';

/** The summary table, one row per record. A column more where targets share a fault. */
export function summaryTable(rows: Iterable<SummaryRow>, faults: FaultWords = NO_FAULTS): Table {
  if (faults.lines.length === 0) return { columns: columns(SUMMARY_CSV_COLUMNS), rows: mapped(rows, summaryCells) };
  return {
    columns: columns([...SUMMARY_CSV_COLUMNS, SHARED_FAULT_COLUMN]),
    rows: mapped(rows, (row) => [...summaryCells(row), faults.sentenceOfId(row.id)]),
  };
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

/** A run with what its targets and records come to. */
export interface RunOverview extends StoredRun {
  /** Of its list; 0 for runs without one. */
  readonly targets: number;
  /** A living process works on it. */
  readonly claimed: boolean;
  readonly outcomes: ReadonlyMap<Outcome, number>;
}

/** The runs of a store. A column for each outcome, so that a program need not take text apart. */
export function runTable(runs: readonly RunOverview[]): Table {
  return {
    columns: columns([
      ...['run_id', 'name', 'vantage', 'state', 'started_at', 'ended_at', 'targets', 'records'],
      ...OUTCOMES.map((outcome) => outcome.replaceAll('-', '_')),
    ]),
    rows: runs.map((run) => [
      ...[run.id, run.name, run.vantage, run.state],
      ...[timeText(run.startedAtMs), run.endedAtMs === null ? null : timeText(run.endedAtMs)],
      ...[run.targets, recordCount(run)],
      ...OUTCOMES.map((outcome) => run.outcomes.get(outcome) ?? 0),
    ]),
  };
}

/** The same in few columns, for people. `outcomes`: `18 delivered, 2 dropped`. */
export function runOverviewTable(runs: readonly RunOverview[]): Table {
  return {
    columns: columns(['run_id', 'name', 'state', 'started_at', 'ended_at', 'targets', 'records', 'outcomes']),
    rows: runs.map((run) => [
      ...[run.id, run.name, stateWord(run), timeText(run.startedAtMs)],
      ...[run.endedAtMs === null ? null : timeText(run.endedAtMs), run.targets, recordCount(run)],
      [...run.outcomes]
        .sort(([, a], [, b]) => b - a)
        .map(([outcome, count]) => `${count} ${outcome}`)
        .join(', '),
    ]),
  };
}

/** Stores know `loading`, `ready` and `finished`: whether anybody is at work on what is not finished, nobody can store. */
function stateWord({ state, claimed, targets }: RunOverview): string {
  if (state === 'finished' || (state === 'ready' && targets === 0)) return state;
  if (!claimed) return 'interrupted';
  return state === 'ready' ? 'running' : state;
}

function recordCount({ outcomes }: RunOverview): number {
  return [...outcomes.values()].reduce((sum, count) => sum + count, 0);
}

/** To the second, UTC. */
export function timeText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

function rounded(share: number): number {
  return Math.round(share * 10_000) / 10_000;
}

function* mapped<From, To>(rows: Iterable<From>, map: (row: From) => To): Iterable<To> {
  for (const row of rows) yield map(row);
}
