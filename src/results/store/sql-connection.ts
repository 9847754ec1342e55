/**
 * The little of an SQLite connection that the store's tables use. `driver-connection.ts` implements it over the driver, which
 * only it and `sqlite-store.ts` import; every error comes out as an OutputError where it is a failure of files or databases.
 */
export type SqlValue = string | number | bigint | null | Uint8Array;
/** By place (`?`) or by name. */
export type SqlParameters = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

/** All of its methods may throw OutputError. */
export interface SqlStatement {
  /** Runs a statement that changes rows. */
  run(parameters: SqlParameters): { readonly changes: number; readonly lastInsertRowid: number };
  /** The first row, or undefined. The caller names the row's shape: it wrote the SQL. */
  get(parameters: SqlParameters): unknown;
  all(parameters: SqlParameters): unknown[];
  /** Rows one by one. The connection can do nothing else until it is exhausted or returned. */
  iterate(parameters: SqlParameters): IterableIterator<unknown>;
  /** As `iterate`, each row an array in the order of the columns: a third cheaper for wide tables. */
  iterateRaw(parameters: SqlParameters): IterableIterator<readonly SqlValue[]>;
}

/** Memory that each connection's page cache may take. */
export const PAGE_CACHE_KIB = 16_384;

/** What tables need of a database: SQLite's driver stays behind it. */
export interface SqlConnection {
  /** Prepared once per text and kept. */
  prepare(sql: string): SqlStatement;
  exec(sql: string): void;
  /** BEGIN IMMEDIATE … COMMIT, or ROLLBACK when `body` throws. Must not be nested. */
  transaction<T>(body: () => T): T;
}
