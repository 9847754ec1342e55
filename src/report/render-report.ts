import { atlasResults } from './formats/atlas-json.js';
import { scamperLines } from './formats/scamper-json.js';
import { csvLine, SUMMARY_CSV_COLUMNS, SUMMARY_CSV_HEADER } from '../results/summary-csv.js';
import type { SummaryRow } from '../record/summary-row.js';
import type { OutcomeCount, Page, TraceQueries } from '../results/store/trace-queries.js';
import type { TraceFilter } from '../results/store/trace-filter.js';
import { formatTable, type TableFormat } from './table/format-table.js';
import { htmlPage } from './page/html-page.js';
import { NO_FAULTS, textWithFault, type FaultWords } from './faults/run-faults.js';
import { changeTable, outcomeTable, SHARED_FAULT_COLUMN, summaryTable, type Table } from './table/table.js';

/** What a report can show: one row per record, how many ended how, or what changed since the last run. */
export const REPORT_TABLES = ['summary', 'outcomes', 'changes'] as const;
/** One of `REPORT_TABLES`. */
export type ReportTable = (typeof REPORT_TABLES)[number];

/** Whole records, for other programs and for reading. */
export const RECORD_FORMATS = ['jsonl', 'atlas', 'scamper', 'html'] as const;
/** One of `RECORD_FORMATS`. */
export type RecordFormat = (typeof RECORD_FORMATS)[number];

/** A report of rows: which, of which records, and how they are written. */
export interface TableReport {
  readonly table: ReportTable;
  readonly format: TableFormat;
  readonly filter: TraceFilter;
  readonly page?: Page;
  /** What targets of a run share. Default: nothing. */
  readonly faults?: FaultWords;
}

/** A report of whole records: which, and what pages and scamper's files say of themselves. `nowMs`: milliseconds since 1970. */
export interface RecordReport {
  readonly format: RecordFormat;
  readonly filter: TraceFilter;
  readonly page?: Page;
  readonly title: string;
  readonly hostname: string;
  readonly nowMs: number;
  /** Which changes a page lists. Default: those of `filter`. */
  readonly changesFilter?: TraceFilter;
  /** What targets of a run share. Default: nothing. */
  readonly faults?: FaultWords;
}

/** What the store has for a table, read row by row while it is written. Throws as `renderTable`. */
export function reportTable(
  queries: TraceQueries,
  { table, filter, page, faults }: Omit<TableReport, 'format'>,
): Table {
  switch (table) {
    case 'summary':
      return summaryTable(queries.summaries(filter, page), faults);
    case 'outcomes':
      return outcomeTable(queries.outcomeCounts(filter));
    case 'changes':
      return changeTable(queries.changes(filter, page));
  }
}

/**
 * A table from the store, piece by piece. The summary as CSV, the one for millions of records, comes as it was stored.
 * @throws OutputError from the store, in the middle of the pieces too: write them with `writeWholeFile`.
 */
export function* renderTable(queries: TraceQueries, report: TableReport): Iterable<string> {
  const { table, format, filter, page } = report;
  if (table === 'summary' && format === 'csv') {
    const { faults = NO_FAULTS } = report;
    if (faults.lines.length === 0) {
      yield SUMMARY_CSV_HEADER;
      yield* queries.csvText(filter, page);
      return;
    }
    yield csvLine([...SUMMARY_CSV_COLUMNS, SHARED_FAULT_COLUMN]);
    for (const { id, line } of queries.csvLines(filter, page))
      yield `${line.slice(0, -'\r\n'.length)},${csvLine([faults.sentenceOfId(id)])}`;
  } else {
    yield* formatTable(reportTable(queries, report), format);
  }
}

/** Records from the store, piece by piece. Throws as `renderTable`. */
export function* renderRecords(queries: TraceQueries, report: RecordReport): Iterable<string> {
  const { format, filter, page, faults = NO_FAULTS } = report;
  switch (format) {
    case 'jsonl':
      for (const text of queries.recordTexts(filter, page)) yield `${textWithFault(text, faults)}\n`;
      return;
    case 'atlas':
      for (const record of queries.records(filter, page))
        for (const result of atlasResults(record)) yield `${JSON.stringify(result)}\n`;
      return;
    case 'scamper':
      yield* scamperLines(queries.records(filter, page), {
        listName: report.title,
        hostname: report.hostname,
        startedAtMs: report.nowMs,
        stoppedAtMs: () => report.nowMs,
      });
      return;
    case 'html':
      yield* htmlPage({
        title: report.title,
        generatedAt: `${new Date(report.nowMs).toISOString().slice(0, 19)}Z`,
        records: () => queries.records(filter, page),
        summaries: queries.summaries(filter, page),
        counts: page?.limit === undefined ? queries.outcomeCounts(filter) : countRows(queries.summaries(filter, page)),
        changes: queries.changes(report.changesFilter ?? filter, page),
        compared: queries.any({ ...(report.changesFilter ?? filter), compared: true }),
        faults,
      });
  }
}

function countRows(rows: Iterable<SummaryRow>): OutcomeCount[] {
  const counts = new Map<string, OutcomeCount>();
  for (const { protocol, outcome } of rows) {
    const key = `${protocol} ${outcome}`;
    counts.set(key, { protocol, outcome, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()];
}
