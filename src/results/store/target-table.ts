import { PROTOCOLS, type Outcome, type Protocol } from '../../record/record.js';
import { noSuchRun } from '../output-error.js';
import { PAGE_CACHE_KIB, type SqlConnection } from './sql-connection.js';

/** A row of a run's list, as `targets/` reads it. */
export interface NewTarget {
  readonly line: number;
  /** As the user wrote it. */
  readonly host: string;
  /** The same for every spelling of one host. */
  readonly hostKey: string;
  readonly company: string | null;
  readonly protocols: readonly Protocol[];
  /** Null: the protocol's default. */
  readonly dport: number | null;
  readonly tags: readonly string[];
  /** Targets with equal `wide` (and, inside it, equal `narrow`) are likely behind the same routers: 32-bit integers. */
  readonly spread: { readonly wide: number; readonly narrow: number };
}

/** A row of a list that adds nothing: an earlier one has its host and port, and all its protocols. */
export interface Duplicate {
  readonly line: number;
  readonly host: string;
  /** The line that has it already. */
  readonly firstLine: number;
}

/** A target that waits, with what is known of it. `targetKey` names it within the store. */
export interface StoredTarget {
  readonly targetKey: number;
  readonly line: number;
  readonly host: string;
  readonly company: string | null;
  /** All that were asked for. */
  readonly protocols: readonly Protocol[];
  readonly dport: number | null;
  readonly tags: readonly string[];
  /** Records that the store has already: a resumed run must not measure these again. */
  readonly stored: readonly { readonly protocol: Protocol; readonly address: string | null }[];
}

/** A target as it stands, for those who watch. */
export interface ListedTarget extends Omit<StoredTarget, 'stored'> {
  readonly state: TargetState;
  readonly records: readonly {
    readonly id: string;
    readonly protocol: Protocol;
    readonly address: string | null;
    readonly outcome: Outcome;
  }[];
}

/** In the order of the column's numbers. */
export const TARGET_STATES = ['waiting', 'in-flight', 'done'] as const;
/** How far a target is: one of `TARGET_STATES`. */
export type TargetState = (typeof TARGET_STATES)[number];

/** Targets of a run by state. */
export interface TargetProgress {
  readonly total: number;
  readonly waiting: number;
  readonly inFlight: number;
  readonly done: number;
}

/** A run's targets and how far each is: what `--resume` reads. */
export class TargetTable {
  readonly #connection: SqlConnection;
  readonly #path: string;

  constructor(connection: SqlConnection, path: string) {
    this.#connection = connection;
    this.#path = path;
  }

  /**
   * Adds rows of a list in one transaction; call it with a few thousand at a time. A host and port that the run has
   * already is not stored twice: protocols that are new are added to the first row, otherwise it is returned as a duplicate.
   * Adding the same lines again (after a kill while loading) changes nothing and reports nothing.
   */
  add(runId: string, targets: readonly NewTarget[]): Duplicate[] {
    const find = this.#connection.prepare(
      'SELECT target_key, line, protocols FROM target WHERE run_key = ? AND host_key = ? AND ifnull(dport, 0) = ?',
    );
    const insert = this.#connection.prepare(
      `INSERT INTO target (run_key, line, host, host_key, company, protocols, dport, tags, wide, narrow, position)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    const widen = this.#connection.prepare('UPDATE target SET protocols = ? WHERE target_key = ?');
    return this.#connection.transaction(() => {
      const runKey = this.#runKey(runId);
      const duplicates: Duplicate[] = [];
      for (const target of targets) {
        const bits = protocolBits(target.protocols);
        const { wide, narrow } = target.spread;
        const tags = JSON.stringify(target.tags);
        const { changes } = insert.run([
          ...[runKey, target.line, target.host, target.hostKey, target.company, bits, target.dport, tags],
          ...[wide, narrow, target.line],
        ]);
        if (changes === 1) continue;
        const first = find.get([runKey, target.hostKey, target.dport ?? 0]) as FirstRow;
        if ((bits & ~first.protocols) !== 0) {
          widen.run([bits | first.protocols, first.target_key]);
        } else if (first.line !== target.line) {
          duplicates.push({ line: target.line, host: target.host, firstLine: first.line });
        }
      }
      return duplicates;
    });
  }

  /**
   * Orders the run's targets once all are stored: those of one /32 (or domain) are spread evenly over the whole run, and
   * inside it those of one /48, so that consecutive probes go to different networks whatever the list's order was.
   * Deterministic: the keys come from hashes with the run's seed. Sorting is SQLite's, in temporary files.
   */
  spread(runId: string): void {
    // Each of the sorters takes as much memory as the page cache may.
    this.#connection.exec('PRAGMA cache_size = -2048');
    try {
      this.#connection.transaction(() => {
        this.#connection.prepare(SPREAD).run([this.#runKey(runId)]);
      });
    } finally {
      this.#connection.exec(`PRAGMA cache_size = -${PAGE_CACHE_KIB}`);
    }
  }

  /**
   * The targets that wait, in order, read in blocks so that other statements can run in between. For one pass of one process:
   * it does not look back, so that what it has given out needs no mark; after a kill another pass begins where records end.
   */
  *waiting(runId: string, blockSize = 500): Generator<StoredTarget> {
    const runKey = this.#runKey(runId);
    const block = this.#connection.prepare(
      `SELECT target_key, line, host, company, protocols, dport, tags, position,
         (SELECT json_group_array(json_object('protocol', t.protocol, 'address', t.destination_address))
            FROM trace AS t WHERE t.target_key = target.target_key AND t.provisional = 0) AS stored
       FROM target INDEXED BY target_waiting
       WHERE run_key = ? AND state = 0 AND (position, target_key) > (?, ?) ORDER BY position, target_key LIMIT ?`,
    );
    let position = -1;
    let key = 0;
    for (;;) {
      const rows = block.all([runKey, position, key, blockSize]) as TargetRow[];
      for (const row of rows) yield storedTarget(row);
      const last = rows.at(-1);
      if (last === undefined) return;
      position = last.position;
      key = last.target_key;
    }
  }

  /** At most `limit` of the run's targets in the order of the list, from behind the target with the key `after`. */
  list(runId: string, limit: number, after = -1): ListedTarget[] {
    const runKey = this.#runKey(runId);
    // Targets of a run lie together in the table: its bounds, read from an index, keep others from being looked at.
    const rows = this.#connection
      .prepare(
        `SELECT target_key, line, host, company, protocols, dport, tags, state,
           (SELECT json_group_array(json_object('id', t.id, 'protocol', t.protocol, 'address', t.destination_address,
              'outcome', t.outcome)) FROM trace AS t WHERE t.target_key = target.target_key) AS records
         FROM target
         WHERE target_key > @after AND target_key BETWEEN (SELECT min(target_key) FROM target WHERE run_key = @runKey)
           AND (SELECT max(target_key) FROM target WHERE run_key = @runKey) AND +run_key = @runKey
         ORDER BY target_key LIMIT @limit`,
      )
      .all({ runKey, after, limit }) as ListedRow[];
    return rows.map((row) => {
      const { stored: _stored, ...target } = storedTarget({ ...row, position: 0, stored: '[]' });
      const records = JSON.parse(row.records) as ListedTarget['records'];
      return { ...target, state: TARGET_STATES[row.state] ?? 'waiting', records };
    });
  }

  /** For those who watch: a run works without. One transaction, which costs a flush of the disk: mark many at once. */
  markInFlight(targetKeys: Iterable<number>): void {
    const mark = this.#connection.prepare('UPDATE target SET state = 1 WHERE target_key = ? AND state = 0');
    this.#connection.transaction(() => {
      for (const key of targetKeys) mark.run([key]);
    });
  }

  /** For a target that yields no further record. Records do it themselves with `completesTarget`. */
  markDone(targetKeys: Iterable<number>): void {
    const mark = this.#connection.prepare('UPDATE target SET state = 2 WHERE target_key = ?');
    this.#connection.transaction(() => {
      for (const key of targetKeys) mark.run([key]);
    });
  }

  /** At a resume: what was in flight when the process ended waits again. Returns how many those are. */
  returnInFlight(runId: string): number {
    return this.#connection
      .prepare('UPDATE target SET state = 0 WHERE run_key = ? AND state = 1')
      .run([this.#runKey(runId)]).changes;
  }

  progress(runId: string): TargetProgress {
    const runKey = this.#runKey(runId);
    const count = (sql: string): number =>
      (this.#connection.prepare(`SELECT count(*) AS targets FROM target ${sql}`).get([runKey]) as { targets: number })
        .targets;
    // Each answered by a narrow index; those done are most of the table by and by, and the rest.
    const total = count('INDEXED BY target_host WHERE run_key = ?');
    const waiting = count('INDEXED BY target_waiting WHERE run_key = ? AND state = 0');
    const inFlight = count('INDEXED BY target_in_flight WHERE run_key = ? AND state = 1');
    return { total, waiting, inFlight, done: total - waiting - inFlight };
  }

  #runKey(runId: string): number {
    const row = this.#connection.prepare('SELECT run_key FROM run WHERE id = ?').get([runId]) as
      { run_key: number } | undefined;
    if (row !== undefined) return row.run_key;
    throw noSuchRun(this.#path, runId);
  }
}

/*
 * Row r of c in a /48 gets (r + jitter) / c, and by that order a rank inside its /32, which is spread over the run the same
 * way. The jitter, a hash of the network, keeps networks of one target each from all coming at the same place.
 */
const SPREAD = `
WITH inner_order AS (
  SELECT target_key, wide,
    (row_number() OVER (PARTITION BY wide, narrow ORDER BY target_key) - 1 + (narrow & 65535) / 65536.0)
      / count(*) OVER (PARTITION BY wide, narrow) AS place
  FROM target WHERE run_key = ?
), outer_order AS (
  SELECT target_key,
    (row_number() OVER (PARTITION BY wide ORDER BY place, target_key) - 1 + (wide & 65535) / 65536.0)
      / count(*) OVER (PARTITION BY wide) AS place
  FROM inner_order
)
UPDATE target SET position = outer_order.place FROM outer_order WHERE target.target_key = outer_order.target_key`;

interface FirstRow {
  readonly target_key: number;
  readonly line: number;
  readonly protocols: number;
}

interface TargetRow {
  readonly target_key: number;
  readonly line: number;
  readonly host: string;
  readonly company: string | null;
  readonly protocols: number;
  readonly dport: number | null;
  readonly tags: string;
  readonly position: number;
  readonly stored: string;
}

interface ListedRow extends Omit<TargetRow, 'position' | 'stored'> {
  readonly state: number;
  readonly records: string;
}

function storedTarget(row: TargetRow): StoredTarget {
  return {
    targetKey: row.target_key,
    line: row.line,
    host: row.host,
    company: row.company,
    protocols: PROTOCOLS.filter((_, bit) => (row.protocols & (1 << bit)) !== 0),
    dport: row.dport,
    tags: JSON.parse(row.tags) as string[],
    stored: JSON.parse(row.stored) as StoredTarget['stored'],
  };
}

function protocolBits(protocols: readonly Protocol[]): number {
  return protocols.reduce((bits, protocol) => bits | (1 << PROTOCOLS.indexOf(protocol)), 0);
}
