import { noSuchRun } from '../output-error.js';
import type { SqlConnection } from './sql-connection.js';

/** `loading`: its targets are still being stored. `ready`: may be measured. `finished`: nothing is left to do. */
export type RunState = 'loading' | 'ready' | 'finished';

/** A run that is to be stored. `startedAtMs`: milliseconds since 1970. */
export interface NewRun {
  /** UUIDv7. */
  readonly id: string;
  /** The job's name, or the list's. */
  readonly name: string | null;
  readonly vantage: string | null;
  readonly toolVersion: string;
  /** Everything needed to go on with the run after a kill; any JSON object. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly startedAtMs: number;
}

/** A run as it stands in the store. `endedAtMs`: milliseconds since 1970, null while anything is left to do. */
export interface StoredRun extends NewRun {
  readonly state: RunState;
  readonly endedAtMs: number | null;
}

/**
 * Times are milliseconds since 1970. Every method may throw OutputError, as the file or its disk have it. A `null` stands
 * for a run that is not there.
 */
export class RunTable {
  readonly #connection: SqlConnection;
  readonly #path: string;

  constructor(connection: SqlConnection, path: string) {
    this.#connection = connection;
    this.#path = path;
  }

  /** Stores a run before anything is probed; state `loading`. Committed on return. */
  create(run: NewRun): void {
    this.#connection
      .prepare(
        `INSERT INTO run (id, name, vantage, tool_version, options, state, started_at_ms)
         VALUES (?, ?, ?, ?, ?, 'loading', ?)`,
      )
      .run([run.id, run.name, run.vantage, run.toolVersion, JSON.stringify(run.options), run.startedAtMs]);
  }

  setState(id: string, state: RunState, endedAtMs: number | null = null): void {
    const { changes } = this.#connection
      .prepare('UPDATE run SET state = ?, ended_at_ms = ? WHERE id = ?')
      .run([state, endedAtMs, id]);
    if (changes === 0) throw noSuchRun(this.#path, id);
  }

  get(id: string): StoredRun | null {
    const row = this.#connection.prepare(`${SELECT_RUN} WHERE id = ?`).get([id]) as RunRow | undefined;
    return row === undefined ? null : storedRun(row);
  }

  /** Those whose id begins so, newest first. */
  withPrefix(prefix: string, limit = 3): StoredRun[] {
    const rows = this.#connection
      .prepare(`${SELECT_RUN} WHERE substr(id, 1, ?) = ? ORDER BY run_key DESC LIMIT ?`)
      .all([prefix.length, prefix, limit]) as RunRow[];
    return rows.map(storedRun);
  }

  /** The newest run of each name, newest first. Those without a name are of one. */
  newestOfEachName(): StoredRun[] {
    const rows = this.#connection
      .prepare(`${SELECT_RUN} WHERE run_key IN (SELECT max(run_key) FROM run GROUP BY name) ORDER BY run_key DESC`)
      .all([]) as RunRow[];
    return rows.map(storedRun);
  }

  /** Newest first; with `after`, the id of a run, only older ones. */
  list(limit = 100, after: string | null = null): StoredRun[] {
    const rows = this.#connection
      .prepare(
        `${SELECT_RUN} WHERE @after IS NULL OR run_key < (SELECT run_key FROM run WHERE id = @after)
         ORDER BY run_key DESC LIMIT @limit`,
      )
      .all({ after, limit }) as RunRow[];
    return rows.map(storedRun);
  }

  /** Deletes finished runs that have no records any more, and their targets. */
  deleteEmpty(): void {
    while (this.deleteSomeEmpty());
  }

  /** A short transaction's part of that: a run may have a million targets. False: nothing is left to delete. */
  deleteSomeEmpty(): boolean {
    const findEmpty = this.#connection.prepare(
      `SELECT run_key FROM run
       WHERE state = 'finished' AND NOT EXISTS (SELECT 1 FROM trace WHERE trace.run_key = run.run_key) LIMIT 1`,
    );
    const deleteTargets = this.#connection.prepare(
      'DELETE FROM target WHERE target_key IN (SELECT target_key FROM target WHERE run_key = ? LIMIT ?)',
    );
    const deleteRun = this.#connection.prepare('DELETE FROM run WHERE run_key = ?');
    return this.#connection.transaction(() => {
      const run = findEmpty.get([]) as { run_key: number } | undefined;
      if (run === undefined) return false;
      const { changes } = deleteTargets.run([run.run_key, TARGETS_AT_ONCE]);
      if (changes < TARGETS_AT_ONCE) deleteRun.run([run.run_key]);
      return true;
    });
  }

  /** Those that have something left to do, newest first. */
  unfinished(): StoredRun[] {
    const rows = this.#connection
      .prepare(`${SELECT_RUN} WHERE state <> 'finished' ORDER BY run_key DESC`)
      .all([]) as RunRow[];
    return rows.map(storedRun);
  }

  /** The newest run of that name, whatever its state. */
  latest(name: string): StoredRun | null {
    const row = this.#connection.prepare(`${SELECT_RUN} WHERE name = ? ORDER BY run_key DESC LIMIT 1`).get([name]) as
      RunRow | undefined;
    return row === undefined ? null : storedRun(row);
  }

  /** The newest run (of that name, if given) that has something left to do: what `--resume` goes on with. */
  latestUnfinished(name?: string): StoredRun | null {
    const row = this.#connection
      .prepare(`${SELECT_RUN} WHERE state <> 'finished' AND (? IS NULL OR name = ?) ORDER BY run_key DESC LIMIT 1`)
      .get([name ?? null, name ?? null]) as RunRow | undefined;
    return row === undefined ? null : storedRun(row);
  }
}

const TARGETS_AT_ONCE = 5000;

const SELECT_RUN = 'SELECT id, name, vantage, tool_version, options, state, started_at_ms, ended_at_ms FROM run';

interface RunRow {
  readonly id: string;
  readonly name: string | null;
  readonly vantage: string | null;
  readonly tool_version: string;
  readonly options: string;
  readonly state: RunState;
  readonly started_at_ms: number;
  readonly ended_at_ms: number | null;
}

function storedRun(row: RunRow): StoredRun {
  return {
    id: row.id,
    name: row.name,
    vantage: row.vantage,
    toolVersion: row.tool_version,
    options: JSON.parse(row.options) as Readonly<Record<string, unknown>>,
    state: row.state,
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
  };
}
