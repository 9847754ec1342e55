/** The SQLite driver behind `SqlConnection`, on a file that may be moved, deleted or replaced while it is open. */
import type Database from 'better-sqlite3';
import type { FilePlace } from './file-place.js';
import { explainOutputError, explainingErrors, storeMoved } from '../output-error.js';
import type { SqlConnection, SqlParameters, SqlStatement, SqlValue } from './sql-connection.js';

/** Finds the store again in a file that lies at its path now: the same one, restored from a copy. */
export interface Successor {
  /** The place of the file that is open; a database in memory has none. */
  readonly placeOf: () => FilePlace | null;
  /**
   * Opens what lies there now.
   * @throws where that is not the store that was open
   */
  readonly open: (before: Database.Database) => Database.Database;
}

interface Prepared {
  readonly database: Database.Database;
  readonly statement: Database.Statement;
  readonly raw: Database.Statement | null;
}

/**
 * What is written into a file that has lost its name is lost with the process: every call looks at the file's place, and a
 * transaction does so again once it is committed. Statements are prepared again where another file took the place.
 */
export class DriverConnection implements SqlConnection {
  readonly #path: string;
  readonly #successor: Successor;
  readonly #statements = new Map<string, SqlStatement>();
  #database: Database.Database;
  #place: FilePlace | null;

  constructor(database: Database.Database, path: string, successor: Successor) {
    this.#database = database;
    this.#path = path;
    this.#successor = successor;
    this.#place = successor.placeOf();
  }

  /**
   * The database, in its place.
   * @throws OutputError `EOUTPUTMOVED` while it is not there, and no other file is the same store
   */
  database(): Database.Database {
    if (this.#place === null || this.#database.inTransaction) return this.#database;
    const state = this.#place.state();
    if (state === 'same') return this.#database;
    if (state === 'gone') throw storeMoved(this.#path, 'gone');
    const before = this.#database;
    this.#database = this.#successor.open(before);
    this.#place = this.#successor.placeOf();
    before.close();
    return this.#database;
  }

  close(): void {
    this.#database.close();
  }

  prepare(sql: string): SqlStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#wrap(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  exec(sql: string): void {
    explainingErrors(this.#path, () => this.database().exec(sql));
  }

  transaction<T>(body: () => T): T {
    return explainingErrors(this.#path, () => {
      const database = this.database();
      database.exec('BEGIN IMMEDIATE');
      let result: T;
      try {
        result = body();
        database.exec('COMMIT');
      } catch (error) {
        // A full disk may have rolled back already.
        if (database.inTransaction) database.exec('ROLLBACK');
        throw error;
      }
      this.#stayed();
      return result;
    });
  }

  /** What was just written is at its place. */
  #stayed(): void {
    if (this.#database.inTransaction) return;
    const state = this.#place?.state() ?? 'same';
    if (state !== 'same') throw storeMoved(this.#path, state);
  }

  #wrap(sql: string): SqlStatement {
    const path = this.#path;
    let prepared: Prepared | null = null;
    const current = (): Prepared => {
      const database = this.database();
      if (prepared?.database === database) return prepared;
      const statement = database.prepare(sql);
      return (prepared = { database, statement, raw: statement.reader ? database.prepare(sql).raw() : null });
    };
    explainingErrors(path, current);
    return {
      run: (parameters) =>
        explainingErrors(path, () => {
          const { changes, lastInsertRowid } = current().statement.run(...spread(parameters));
          this.#stayed();
          return { changes, lastInsertRowid: Number(lastInsertRowid) };
        }),
      get: (parameters) => explainingErrors(path, () => current().statement.get(...spread(parameters))),
      all: (parameters) => explainingErrors(path, () => current().statement.all(...spread(parameters))),
      iterate: (parameters) =>
        explainingIteration(
          path,
          explainingErrors(path, () => current().statement.iterate(...spread(parameters))),
        ),
      iterateRaw: (parameters) => {
        const { raw } = explainingErrors(path, current);
        if (raw === null) throw new TypeError(`no rows to iterate: ${sql}`);
        return explainingIteration(path, raw.iterate(...spread(parameters)) as IterableIterator<readonly SqlValue[]>);
      },
    };
  }
}

function spread(parameters: SqlParameters): unknown[] {
  return Array.isArray(parameters) ? parameters : [parameters];
}

function* explainingIteration<T>(path: string, rows: IterableIterator<T>): IterableIterator<T> {
  try {
    yield* rows;
  } catch (error) {
    throw explainOutputError(error, path) ?? error;
  }
}
