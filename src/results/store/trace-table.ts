import type { Outcome, TraceRecord } from '../../record/record.js';
import { noSuchRun } from '../output-error.js';
import type { SqlConnection, SqlStatement, SqlValue } from './sql-connection.js';
import { summaryCsvLine } from '../summary-csv.js';
import { columnName, SUMMARY_FIELDS, summariseRecord } from '../../record/summary-row.js';

/** A record on its way into the store, and what it is to the target that it is of. */
export interface RecordToStore {
  readonly record: TraceRecord;
  /** Which of the run's targets it is of; null outside of a list. */
  readonly targetKey: number | null;
  /** Set on the last record of a target: record and state change in one transaction, so no kill comes between them. */
  readonly completesTarget: boolean;
  /** The trace was interrupted: a later record of the same target and protocol takes its place. Default false. */
  readonly provisional?: boolean;
  /** With `--addresses all`, each address is compared with its own past rather than with the host's. */
  readonly seriesPerAddress?: boolean;
}

/**
 * A record made ready once, when it is put, so that a commit that is retried does not do it again. Plain arrays and
 * strings: cheap to hand to another thread.
 */
export interface PreparedRecord {
  readonly runId: string;
  readonly targetKey: number | null;
  readonly completesTarget: boolean;
  readonly provisional: boolean;
  /** Host, protocol, port, vantage and address of the series, as `series_identity` has them. */
  readonly series: readonly SqlValue[];
  /** In the order of ROW_FIELDS. */
  readonly values: readonly SqlValue[];
  readonly csvLine: string;
  /** The record; as UTF-8 octets where it came from another thread. */
  readonly json: string | Uint8Array;
}

/** As a writer gets it, before it goes to another thread. */
export type OutgoingRecord = PreparedRecord & { readonly json: string };

/** The row, the CSV line and the JSON of one record, serialised here and nowhere again. */
export function prepareRecord(entry: RecordToStore): OutgoingRecord {
  const row = summariseRecord(entry.record);
  const address = entry.seriesPerAddress === true ? (row.destinationAddress ?? '') : '';
  const vantage = entry.record.vantage ?? '';
  return {
    runId: row.runId,
    targetKey: entry.targetKey,
    completesTarget: entry.completesTarget,
    provisional: entry.provisional ?? false,
    series: [row.destinationInput.toLowerCase(), row.protocol, row.destinationPort ?? 0, vantage, address],
    values: ROW_FIELDS.map((field) => row[field]),
    csvLine: summaryCsvLine(row),
    json: JSON.stringify(entry.record),
  };
}

/** What became of the records of a batch. */
export interface StoreCounts {
  readonly stored: number;
  /** Already there, by id or as the record of the same target, protocol and address: left as they are. */
  readonly alreadyStored: number;
}

/** `runId` is stored as a key. */
const ROW_FIELDS = SUMMARY_FIELDS.filter((field) => field !== 'runId');
const STARTED_AT = ROW_FIELDS.indexOf('startedAtMs');
const PROTOCOL = ROW_FIELDS.indexOf('protocol');
const OUTCOME = ROW_FIELDS.indexOf('outcome');
const LAST_PDM_HOP = ROW_FIELDS.indexOf('lastPdmHop');

const KEY_COLUMNS = ['run_key', 'target_key', 'series_key'] as const;
const PREVIOUS_COLUMNS = [
  'previous_trace_key',
  'previous_started_at_ms',
  'previous_outcome',
  'previous_last_pdm_hop',
  'change',
] as const;
const ALL_COLUMNS = [...KEY_COLUMNS, ...ROW_FIELDS.map(columnName), ...PREVIOUS_COLUMNS, 'provisional', 'csv_line'];
const INSERT_TRACE = `INSERT INTO trace (${ALL_COLUMNS.join(', ')}) VALUES (${ALL_COLUMNS.map(() => '?').join(', ')})
  ON CONFLICT DO NOTHING`;

interface Previous {
  readonly trace_key: number;
  readonly started_at_ms: number;
  readonly outcome: string;
  readonly last_pdm_hop: number | null;
}

/** Records, each beside its summary row. Every method may throw OutputError, as the file or its disk have it. */
export class TraceTable {
  readonly #connection: SqlConnection;
  readonly #path: string;

  constructor(connection: SqlConnection, path: string) {
    this.#connection = connection;
    this.#path = path;
  }

  /**
   * Stores records in one transaction, durable on return. Idempotent: see `StoreCounts.alreadyStored`.
   * @throws OutputError; then none of them is stored.
   */
  put(records: readonly PreparedRecord[]): StoreCounts {
    const statements = this.#statements();
    return this.#connection.transaction(() => {
      const runKeys = new Map<string, number>();
      let stored = 0;
      for (const record of records) {
        let runKey = runKeys.get(record.runId);
        if (runKey === undefined) {
          runKey = this.#runKey(record.runId);
          runKeys.set(record.runId, runKey);
        }
        if (putRecord(statements, runKey, record)) stored += 1;
        if (record.completesTarget && record.targetKey !== null) statements.complete.run([record.targetKey]);
      }
      return { stored, alreadyStored: records.length - stored };
    });
  }

  /** The record as it was stored, or null. */
  record(id: string): TraceRecord | null {
    const row = this.#connection
      .prepare('SELECT json FROM record JOIN trace USING (trace_key) WHERE trace.id = ?')
      .get([id]) as { json: string } | undefined;
    return row === undefined ? null : (JSON.parse(row.json) as TraceRecord);
  }

  /** Outcomes of a run's records, those of interrupted traces aside. */
  finalOutcomes(runId: string): { readonly outcome: Outcome; readonly count: number }[] {
    return this.#connection
      .prepare(
        `SELECT outcome, count(*) AS count FROM trace
         WHERE run_key = (SELECT run_key FROM run WHERE id = ?) AND provisional = 0 GROUP BY outcome`,
      )
      .all([runId]) as { outcome: Outcome; count: number }[];
  }

  /**
   * Deletes at most `limit` of the oldest records that started before `beforeMs`, in one transaction, and the series of which
   * they were the last: what was measured once is not remembered for ever. Returns how many records.
   */
  deleteOldest(limit: number, beforeMs = Number.MAX_SAFE_INTEGER): number {
    const oldest = this.#connection.prepare(
      'SELECT trace_key, series_key FROM trace WHERE started_at_ms < ? ORDER BY started_at_ms LIMIT ?',
    );
    // The record goes with it (ON DELETE CASCADE).
    const deleteTrace = this.#connection.prepare('DELETE FROM trace WHERE trace_key = ?');
    const deleteSeries = this.#connection.prepare(
      'DELETE FROM series WHERE series_key = ? AND NOT EXISTS (SELECT 1 FROM trace WHERE trace.series_key = series.series_key)',
    );
    return this.#connection.transaction(() => {
      const rows = oldest.all([beforeMs, limit]) as { trace_key: number; series_key: number }[];
      for (const row of rows) deleteTrace.run([row.trace_key]);
      for (const key of new Set(rows.map((row) => row.series_key))) deleteSeries.run([key]);
      return rows.length;
    });
  }

  #runKey(runId: string): number {
    const row = this.#connection.prepare('SELECT run_key FROM run WHERE id = ?').get([runId]) as
      { run_key: number } | undefined;
    if (row !== undefined) return row.run_key;
    throw noSuchRun(this.#path, runId);
  }

  #statements(): PutStatements {
    return {
      findSeries: this.#connection.prepare(
        'SELECT series_key FROM series WHERE host = ? AND protocol = ? AND dport = ? AND vantage = ? AND address = ?',
      ),
      insertSeries: this.#connection.prepare(
        'INSERT INTO series (host, protocol, dport, vantage, address) VALUES (?, ?, ?, ?, ?)',
      ),
      previous: this.#connection.prepare(
        `SELECT trace_key, started_at_ms, outcome, last_pdm_hop FROM trace
         WHERE series_key = ? AND started_at_ms < ? AND run_key <> ? AND provisional = 0
         ORDER BY started_at_ms DESC LIMIT 1`,
      ),
      insertTrace: this.#connection.prepare(INSERT_TRACE),
      insertRecord: this.#connection.prepare('INSERT INTO record (trace_key, json) VALUES (?, CAST(? AS TEXT))'),
      giveWay: this.#connection.prepare('DELETE FROM trace WHERE target_key = ? AND protocol = ? AND provisional = 1'),
      complete: this.#connection.prepare('UPDATE target SET state = 2 WHERE target_key = ?'),
    };
  }
}

interface PutStatements {
  readonly findSeries: SqlStatement;
  readonly insertSeries: SqlStatement;
  readonly previous: SqlStatement;
  readonly insertTrace: SqlStatement;
  readonly insertRecord: SqlStatement;
  readonly giveWay: SqlStatement;
  readonly complete: SqlStatement;
}

/** True when it was not there yet. */
function putRecord(statements: PutStatements, runKey: number, record: PreparedRecord): boolean {
  const { values } = record;
  const series = findOrAddSeries(statements, record.series);
  // A series that is new has no past.
  const previous = series.isNew
    ? undefined
    : (statements.previous.get([series.key, values[STARTED_AT] ?? null, runKey]) as Previous | undefined);
  if (record.targetKey !== null) statements.giveWay.run([record.targetKey, values[PROTOCOL] ?? null]);
  const { changes, lastInsertRowid } = statements.insertTrace.run([
    ...[runKey, record.targetKey, series.key],
    ...values,
    ...[previous?.trace_key ?? null, previous?.started_at_ms ?? null, previous?.outcome ?? null],
    // What was broken off says nothing about a change.
    ...[previous?.last_pdm_hop ?? null, record.provisional ? null : changeSince(previous, values)],
    ...[record.provisional ? 1 : 0, record.csvLine],
  ]);
  if (changes === 0) return false;
  statements.insertRecord.run([lastInsertRowid, record.json]);
  return true;
}

function findOrAddSeries(statements: PutStatements, identity: readonly SqlValue[]): { key: number; isNew: boolean } {
  const found = statements.findSeries.get(identity) as { series_key: number } | undefined;
  if (found !== undefined) return { key: found.series_key, isNew: false };
  return { key: statements.insertSeries.run(identity).lastInsertRowid, isNew: true };
}

function changeSince(previous: Previous | undefined, values: readonly SqlValue[]): 'outcome' | 'place' | null {
  if (previous === undefined) return null;
  if (previous.outcome !== values[OUTCOME]) return 'outcome';
  return previous.last_pdm_hop === values[LAST_PDM_HOP] ? null : 'place';
}
