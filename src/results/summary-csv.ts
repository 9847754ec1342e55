import type { TraceRecord } from '../record/record.js';
import { summariseRecord, type SummaryRow } from '../record/summary-row.js';

/**
 * What makes a spreadsheet take a cell for a formula when it comes first (OWASP, CSV injection), the full-width forms that
 * some convert included. Spaces before it do not help.
 */
const FORMULA_START = /^[\s\0]*[=+\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]/u;
const NEEDS_QUOTES = /[",\r\n]/u;

/** The columns that users and other programs rely on, in order. */
export const SUMMARY_CSV_COLUMNS = [
  'company',
  'start_address',
  'start_name',
  'destination_address',
  'destination_name',
  'protocol',
  'last_pdm_hop',
  'last_pdm_name',
  'last_plain_hop',
  'last_plain_name',
  'next_hop',
  'next_hop_name',
  'next_hop_in_destination_network',
  'outcome',
  'confidence',
  'attribution_candidates',
  'attribution_silent',
  'attribution_unknown',
  'inserted_headers',
] as const;

/** Null is unknown, and empty in CSV. */
export type SummaryCell = string | number | null;

/**
 * One row of the summary table. Names fall back to addresses; the destination's, where a name did not even resolve, to
 * what the user wrote.
 */
export function summaryCells(row: SummaryRow): SummaryCell[] {
  return [
    row.company,
    row.startAddress,
    row.startName ?? row.startAddress,
    row.destinationAddress,
    row.destinationName ?? row.destinationAddress ?? row.destinationInput,
    row.protocol,
    row.lastPdmHop,
    row.lastPdmName ?? row.lastPdmAddress,
    row.lastPlainHop,
    row.lastPlainName ?? row.lastPlainAddress,
    row.nextHop,
    row.nextHopName ?? row.nextHopAddress,
    row.nextHopInDestinationNetwork,
    row.outcome,
    row.confidence,
    row.attributionCandidates,
    row.attributionSilent,
    row.attributionUnknown,
    row.insertedHeaders,
  ];
}

/** RFC 4180: CRLF at the end of each line. */
export function csvLine(cells: readonly SummaryCell[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/** The first line, with its line end. */
export const SUMMARY_CSV_HEADER = csvLine(SUMMARY_CSV_COLUMNS);

/** Columns as in `SUMMARY_CSV_HEADER`, quoting and CRLF at its end as in RFC 4180. */
export function summaryCsvLine(row: SummaryRow): string {
  return csvLine(summaryCells(row));
}

/** As `summaryCsvLine`, of a record that is in no store. */
export function recordCsvLine(record: TraceRecord): string {
  return summaryCsvLine(summariseRecord(record));
}

/** Text that would run as a formula gets an apostrophe in front, which spreadsheets show as text. Unknown is empty. */
function csvCell(cell: SummaryCell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  const text = FORMULA_START.test(cell) ? `'${cell}` : cell;
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
