import type { Outcome, Protocol, TraceRecord } from '../../record/record.js';
import { damagedRecord } from '../output-error.js';
import type { SqlConnection, SqlValue } from './sql-connection.js';
import { columnName, SUMMARY_FIELDS, type SummaryRow } from '../../record/summary-row.js';
import { whereClause, type TraceFilter } from './trace-filter.js';

/** Which of the records that a filter lets by are read, and in which order. Without `limit` all are. */
export interface Page {
  /** Oldest first unless `newestFirst`. */
  readonly newestFirst?: boolean;
  readonly limit?: number;
  readonly offset?: number;
  /** Id of a record: the page begins after it. Unlike an offset it costs nothing and holds while records are added. */
  readonly after?: string;
}

/** `count`: records that a filter lets by. */
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

/** How many addresses lose the option behind one hop, by its address where the row has it. */
export interface StopCount {
  readonly after: number;
  readonly address: string | null;
  readonly targets: number;
}

const RUN_ID = '(SELECT run.id FROM run WHERE run.run_key = t.run_key)';
const SELECTED = SUMMARY_FIELDS.map((field) => (field === 'runId' ? RUN_ID : `t.${columnName(field)}`)).join(', ');
const CHANGE = 't.change, t.previous_started_at_ms, t.previous_outcome, t.previous_last_pdm_hop';
const FROM = 'FROM trace AS t';
const RECORD = 'JOIN record ON record.trace_key = t.trace_key';
/** Rows of one statement, and of those that carry whole records (20 kB each). */
const BLOCK_ROWS = 2000;
const BLOCK_RECORDS = 100;

type Row = readonly SqlValue[];

/** What rows are read: columns, the tables they come from, how many at a time, and conditions beside the filter's. */
interface Reading {
  readonly columns: string;
  readonly from?: string;
  readonly blockRows?: number;
  readonly fixed?: readonly string[];
}

interface Block {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  read(lastKey: SqlValue, rows: number): void;
}

/**
 * Reads records that match a filter. Rows come in blocks, each a statement of its own: whoever reads slowly (a pager) holds no
 * snapshot open meanwhile, which would keep the write-ahead log of a long run from being emptied.
 */
export class TraceQueries {
  readonly #connection: SqlConnection;
  readonly #path: string;

  constructor(connection: SqlConnection, path = '') {
    this.#connection = connection;
    this.#path = path;
  }

  *summaries(filter: TraceFilter = {}, page: Page = {}): IterableIterator<SummaryRow> {
    for (const values of this.#rows({ columns: SELECTED }, filter, page)) yield summaryRow(values, 1);
  }

  /** The lines of the summary CSV, without its header, each ending in CRLF; many in each piece of text. */
  *csvText(filter: TraceFilter = {}, page: Page = {}): IterableIterator<string> {
    const begin = `SELECT t.trace_key, t.csv_line ${FROM}`;
    for (const block of this.#blocks(begin, BLOCK_ROWS, filter, page, [])) {
      // Joined by SQLite: a million lines one by one would take twice as long.
      const sql = `SELECT ${page.newestFirst === true ? 'min' : 'max'}(trace_key), count(*), group_concat(csv_line, '') FROM (${block.sql})`;
      const [row] = [...this.#connection.prepare(sql).iterateRaw(block.parameters)];
      const [lastKey, count, text] = row ?? [];
      if (typeof text !== 'string') return;
      yield text;
      block.read(lastKey ?? null, Number(count));
    }
  }

  /** The same, one by one, with the id of each record. */
  *csvLines(
    filter: TraceFilter = {},
    page: Page = {},
  ): IterableIterator<{ readonly id: string; readonly line: string }> {
    for (const [, id, line] of this.#rows({ columns: 't.id, t.csv_line' }, filter, page))
      yield { id: String(id), line: String(line) };
  }

  /** Whole records as they were stored, as JSON text. */
  *recordTexts(filter: TraceFilter = {}, page: Page = {}): IterableIterator<string> {
    const reading = { columns: 'record.json', from: RECORD, blockRows: BLOCK_RECORDS };
    for (const [, json] of this.#rows(reading, filter, page)) yield String(json);
  }

  /** Whether a record of this id is there. */
  has(id: string): boolean {
    return this.#connection.prepare('SELECT 1 FROM trace WHERE id = ?').get([id]) !== undefined;
  }

  /** @throws OutputError `EOUTPUTCORRUPT` where a record is no JSON any more. */
  *records(filter: TraceFilter = {}, page: Page = {}): IterableIterator<TraceRecord> {
    for (const json of this.recordTexts(filter, page)) yield this.#parsed(json);
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

  /** Of each run that has records, by its id: how many records ended how. */
  runCounts(): Map<string, ReadonlyMap<Outcome, number>> {
    const rows = this.#connection
      .prepare(
        `SELECT run.id, counted.outcome, counted.records
         FROM (SELECT run_key, outcome, count(*) AS records FROM trace GROUP BY run_key, outcome) AS counted
         JOIN run USING (run_key)`,
      )
      .iterateRaw([]);
    const runs = new Map<string, Map<Outcome, number>>();
    for (const [id, outcome, records] of rows) {
      const counts = runs.get(String(id)) ?? new Map<Outcome, number>();
      counts.set(outcome as Outcome, Number(records));
      runs.set(String(id), counts);
    }
    return runs;
  }

  count(filter: TraceFilter = {}): number {
    return this.outcomeCounts(filter).reduce((sum, row) => sum + row.count, 0);
  }

  /** Whether there is one at all: cheaper than to count. */
  any(filter: TraceFilter = {}): boolean {
    const where = whereClause(filter);
    return this.#connection.prepare(`SELECT 1 ${FROM} ${where.sql} LIMIT 1`).get(where.parameters) !== undefined;
  }

  /** The key of the record that was stored last; 0 where there is none. */
  lastKey(): number {
    const row = this.#connection.prepare('SELECT ifnull(max(trace_key), 0) AS key FROM trace').get([]);
    return (row as { key: number }).key;
  }

  /** Where records that are `dropped` stop, without reading them. */
  stopCounts(filter: TraceFilter = {}): StopCount[] {
    const where = whereClause({ ...filter, outcomes: ['dropped'] }, ['t.interval_after IS NOT NULL']);
    const address = 'CASE WHEN t.last_pdm_hop = t.interval_after THEN t.last_pdm_address END';
    return this.#connection
      .prepare(
        `SELECT t.interval_after AS after, ${address} AS address, count(DISTINCT t.destination_address) AS targets
         ${FROM} ${where.sql} GROUP BY 1, 2`,
      )
      .all(where.parameters) as StopCount[];
  }

  /** Runs that have matching records, the newest first. */
  runIds(filter: TraceFilter = {}): string[] {
    const where = whereClause(filter);
    return [
      ...this.#connection
        .prepare(
          `SELECT run.id FROM run WHERE run_key IN (SELECT t.run_key ${FROM} ${where.sql})
           ORDER BY started_at_ms DESC, run_key DESC`,
        )
        .iterateRaw(where.parameters),
    ].map(([id]) => String(id));
  }

  /** Names that records and targets have: for telling what a filter may have been meant to say. */
  companies(): string[] {
    return this.#texts('SELECT DISTINCT company FROM trace WHERE company IS NOT NULL LIMIT 10000');
  }

  tags(): string[] {
    return this.#texts("SELECT DISTINCT value FROM target JOIN json_each(target.tags) WHERE tags <> '[]' LIMIT 10000");
  }

  /**
   * What differs from the last record of the same host, protocol, port and vantage in another run. The comparison was
   * made when each record was stored, so this reads an index of the changed ones only.
   */
  *changes(filter: TraceFilter = {}, page: Page = {}): IterableIterator<ChangeRow> {
    const reading = { columns: `${CHANGE}, ${SELECTED}`, fixed: ['t.change IS NOT NULL'] };
    for (const values of this.#rows(reading, filter, page)) {
      yield {
        change: values[1] as ChangeRow['change'],
        previous: {
          startedAtMs: values[2] as number,
          outcome: values[3] as Outcome,
          lastPdmHop: values[4] as number | null,
        },
        now: summaryRow(values, 5),
      };
    }
  }

  #texts(sql: string): string[] {
    return [...this.#connection.prepare(sql).iterateRaw([])].map(([text]) => String(text));
  }

  /** Each row begins with its key. */
  *#rows(reading: Reading, filter: TraceFilter, page: Page): IterableIterator<Row> {
    const { columns, from = '', blockRows = BLOCK_ROWS, fixed = [] } = reading;
    const begin = `SELECT t.trace_key, ${columns} ${FROM} ${from}`;
    for (const block of this.#blocks(begin, blockRows, filter, page, fixed)) {
      const rows = [...this.#connection.prepare(block.sql).iterateRaw(block.parameters)];
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined) return;
      block.read(last[0] ?? null, rows.length);
    }
  }

  /** Statements to run one after the other, each from where the one before came to; `read` says where that was. */
  *#blocks(
    begin: string,
    blockRows: number,
    filter: TraceFilter,
    page: Page,
    fixed: readonly string[],
  ): Iterable<Block> {
    const descending = page.newestFirst === true;
    const span = this.#keySpan(filter);
    // One bound to a side: SQLite seeks to the first it finds and would read all that the other excludes.
    const bounds = descending ? ['t.trace_key < ?', 't.trace_key >= ?'] : ['t.trace_key > ?', 't.trace_key <= ?'];
    const { upToKey: _, ...rest } = filter;
    const where = whereClause(rest, [...bounds, ...fixed], true);
    const order = `ORDER BY t.trace_key ${descending ? 'DESC' : 'ASC'} LIMIT ? OFFSET ?`;
    const sql = `${begin} ${where.sql} ${order}`;
    const end = descending ? span.from : span.to;
    const after = page.after === undefined ? null : this.#keyOf(page.after);
    if (after === undefined) return;
    let key: SqlValue = descending
      ? Math.min(span.to + 1, after ?? Infinity)
      : Math.max(span.from - 1, after ?? -Infinity);
    let left = page.limit === undefined ? Infinity : wholeNumber(page.limit);
    let offset = wholeNumber(page.offset ?? 0);
    let more = true;
    while (more && left > 0) {
      const limit = Math.min(blockRows, left);
      more = false;
      yield {
        sql,
        parameters: [key, end, ...where.parameters, limit, offset],
        read: (lastKey, rows) => {
          key = lastKey;
          left -= rows;
          offset = 0;
          more = rows === limit;
        },
      };
    }
  }

  /** The keys between which matching rows lie. Those of a time come from its index; then only their span is read, in order of keys. */
  #keySpan({ fromMs, toMs, upToKey }: TraceFilter): { from: number; to: number } {
    const lastKey = Math.min(upToKey ?? Infinity, this.lastKey());
    if (fromMs === undefined && toMs === undefined) return { from: 0, to: lastKey };
    const row = this.#connection
      .prepare(
        `SELECT min(trace_key) AS low, max(trace_key) AS high FROM main.trace INDEXED BY trace_started
         WHERE started_at_ms >= ? AND started_at_ms < ?`,
      )
      .get([fromMs ?? Number.MIN_SAFE_INTEGER, toMs ?? Number.MAX_SAFE_INTEGER]);
    const { low, high } = row as { low: number | null; high: number | null };
    return { from: low ?? 0, to: Math.min(lastKey, high ?? -1) };
  }

  #keyOf(id: string): number | undefined {
    const row = this.#connection.prepare('SELECT trace_key FROM trace WHERE id = ?').get([id]);
    return (row as { trace_key: number } | undefined)?.trace_key;
  }

  #parsed(json: string): TraceRecord {
    try {
      return JSON.parse(json) as TraceRecord;
    } catch (error) {
      throw damagedRecord(this.#path, error);
    }
  }
}

function summaryRow(values: readonly SqlValue[], from: number): SummaryRow {
  const row: Record<string, SqlValue> = {};
  for (let index = 0; index < SUMMARY_FIELDS.length; index += 1)
    row[SUMMARY_FIELDS[index] as string] = values[from + index] ?? null;
  return row as unknown as SummaryRow;
}

function wholeNumber(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a row count: ${value}; use 0 or more`);
  return value;
}
