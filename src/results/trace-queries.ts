import type { Outcome, Protocol, TraceRecord } from '../trace/record.js';
import type { SqlConnection, SqlValue } from './sql-connection.js';
import { columnName, SUMMARY_FIELDS, type SummaryRow } from './summary-row.js';

/** All given conditions must hold. */
export interface TraceFilter {
  readonly runId?: string;
  readonly company?: string;
  readonly outcomes?: readonly Outcome[];
  readonly protocol?: Protocol;
  /** Records in which this AS is the destination's, hop n's, hop n+1's, or one of the attribution's readings. */
  readonly asn?: number;
  /** `startedAt` in [fromMs, toMs). */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Substring of the destination as written, its name or its address. */
  readonly destination?: string;
  /** The destination exactly as written (case aside), or its address in RFC 5952 text. */
  readonly host?: string;
}

export interface Page {
  /** Oldest first unless `newestFirst`. */
  readonly newestFirst?: boolean;
  readonly limit?: number;
  readonly offset?: number;
  /** Id of a record: the page begins after it. Unlike an offset it costs nothing and holds while records are added. */
  readonly after?: string;
}

export interface OutcomeCount {
  readonly protocol: Protocol;
  readonly outcome: Outcome;
  readonly count: number;
}

/** One record whose outcome, or whose last hop with PDM, differs from the series' last record of another run. */
export interface ChangeRow {
  readonly now: SummaryRow;
  readonly change: 'outcome' | 'place';
  readonly previous: {
    readonly startedAtMs: number;
    readonly outcome: Outcome;
    readonly lastPdmHop: number | null;
  };
}

const RUN_ID = '(SELECT run.id FROM run WHERE run.run_key = t.run_key)';
const SELECTED = SUMMARY_FIELDS.map((field) => (field === 'runId' ? RUN_ID : `t.${columnName(field)}`)).join(', ');
const FROM = 'FROM trace AS t';

/** Reads records that match a filter. Rows are streamed: while one iterator is open, the store can do nothing else. */
export class TraceQueries {
  readonly #connection: SqlConnection;

  constructor(connection: SqlConnection) {
    this.#connection = connection;
  }

  *summaries(filter: TraceFilter = {}, page: Page = {}): IterableIterator<SummaryRow> {
    const where = whereClause(filter, page);
    const sql = `SELECT ${SELECTED} ${FROM} ${where.sql} ${pageClause(page)}`;
    for (const values of this.#connection.prepare(sql).iterateRaw(where.parameters)) yield summaryRow(values, 0);
  }

  /** The lines of the summary CSV, without its header, each ending in CRLF. */
  *csvLines(filter: TraceFilter = {}, page: Page = {}): IterableIterator<string> {
    const where = whereClause(filter, page);
    const sql = `SELECT t.csv_line ${FROM} ${where.sql} ${pageClause(page)}`;
    for (const [line] of this.#connection.prepare(sql).iterateRaw(where.parameters)) yield String(line);
  }

  /** Whole records as they were stored, as JSON text. */
  *recordTexts(filter: TraceFilter = {}, page: Page = {}): IterableIterator<string> {
    const where = whereClause(filter, page);
    const sql = `SELECT record.json ${FROM} JOIN record ON record.trace_key = t.trace_key ${where.sql} ${pageClause(page)}`;
    for (const [json] of this.#connection.prepare(sql).iterateRaw(where.parameters)) yield String(json);
  }

  /** Whether a record of this id is there. */
  has(id: string): boolean {
    return this.#connection.prepare('SELECT 1 FROM trace WHERE id = ?').get([id]) !== undefined;
  }

  *records(filter: TraceFilter = {}, page: Page = {}): IterableIterator<TraceRecord> {
    for (const json of this.recordTexts(filter, page)) yield JSON.parse(json) as TraceRecord;
  }

  /** How many records there are of each protocol and outcome. Answered from an index where only the run is filtered. */
  outcomeCounts(filter: TraceFilter = {}): OutcomeCount[] {
    const where = whereClause(filter);
    return this.#connection
      .prepare(
        `SELECT t.protocol, t.outcome, count(*) AS count ${FROM} ${where.sql}
         GROUP BY t.protocol, t.outcome ORDER BY t.protocol, count DESC, t.outcome`,
      )
      .all(where.parameters) as OutcomeCount[];
  }

  count(filter: TraceFilter = {}): number {
    return this.outcomeCounts(filter).reduce((sum, row) => sum + row.count, 0);
  }

  /**
   * What differs from the last record of the same host, protocol, port and vantage in another run. The comparison was
   * made when each record was stored, so this reads an index of the changed ones only.
   */
  *changes(filter: TraceFilter = {}, page: Page = {}): IterableIterator<ChangeRow> {
    const where = whereClause(filter, page, ['t.change IS NOT NULL']);
    const sql = `SELECT t.change, t.previous_started_at_ms, t.previous_outcome, t.previous_last_pdm_hop, ${SELECTED}
      ${FROM} ${where.sql} ${pageClause(page)}`;
    for (const values of this.#connection.prepare(sql).iterateRaw(where.parameters)) {
      yield {
        change: values[0] as ChangeRow['change'],
        previous: {
          startedAtMs: values[1] as number,
          outcome: values[2] as Outcome,
          lastPdmHop: values[3] as number | null,
        },
        now: summaryRow(values, 4),
      };
    }
  }
}

function summaryRow(values: readonly SqlValue[], from: number): SummaryRow {
  const row: Record<string, SqlValue> = {};
  for (let index = 0; index < SUMMARY_FIELDS.length; index += 1)
    row[SUMMARY_FIELDS[index] as string] = values[from + index] ?? null;
  return row as unknown as SummaryRow;
}

function pageClause(page: Page): string {
  const direction = page.newestFirst === true ? 'DESC' : 'ASC';
  const limit =
    page.limit === undefined ? '' : `LIMIT ${wholeNumber(page.limit)} OFFSET ${wholeNumber(page.offset ?? 0)}`;
  return `ORDER BY t.trace_key ${direction} ${limit}`;
}

function wholeNumber(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a row count: ${value}; use 0 or more`);
  return value;
}

function whereClause(
  filter: TraceFilter,
  page: Page = {},
  fixed: readonly string[] = [],
): { sql: string; parameters: SqlValue[] } {
  const conditions = [...fixed];
  const parameters: SqlValue[] = [];
  const add = (condition: string, ...values: SqlValue[]): void => {
    conditions.push(condition);
    parameters.push(...values);
  };
  if (filter.runId !== undefined) add('t.run_key = (SELECT run.run_key FROM run WHERE run.id = ?)', filter.runId);
  if (filter.company !== undefined) add('t.company = ?', filter.company);
  if (filter.protocol !== undefined) add('t.protocol = ?', filter.protocol);
  if (filter.outcomes !== undefined)
    add(`t.outcome IN (${filter.outcomes.map(() => '?').join(', ')})`, ...filter.outcomes);
  if (filter.fromMs !== undefined) add('t.started_at_ms >= ?', filter.fromMs);
  if (filter.toMs !== undefined) add('t.started_at_ms < ?', filter.toMs);
  if (filter.asn !== undefined) {
    const asn = filter.asn;
    add('? IN (t.destination_asn, t.last_pdm_asn, t.next_hop_asn, t.attribution_best, t.attribution_worst)', asn);
  }
  if (filter.destination !== undefined) {
    const text = filter.destination;
    add(
      `(instr(lower(t.destination_input), lower(?)) OR instr(lower(t.destination_name), lower(?))
        OR instr(t.destination_address, lower(?)))`,
      ...[text, text, text],
    );
  }
  if (filter.host !== undefined) {
    add('(t.series_key IN (SELECT series_key FROM series WHERE series.host = lower(?)) OR t.destination_address = ?)');
    parameters.push(filter.host, filter.host);
  }
  if (page.after !== undefined) {
    const beyond = page.newestFirst === true ? '<' : '>';
    add(`t.trace_key ${beyond} (SELECT trace.trace_key FROM trace WHERE trace.id = ?)`, page.after);
  }
  return { sql: conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`, parameters };
}
