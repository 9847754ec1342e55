import { accessSync, closeSync, existsSync, openSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { DriverConnection, type Successor } from './driver-connection.js';
import { FilePlace } from './file-place.js';
import { explainOutputError, explainingErrors, OUTPUT_ERRORS, OutputError, storeMoved } from '../output-error.js';
import { RunTable } from './run-table.js';
import { PAGE_CACHE_KIB, type SqlConnection } from './sql-connection.js';
import { APPLICATION_ID, MIGRATIONS, READ_AS_NEWEST } from './store-schema.js';
import { TargetTable } from './target-table.js';
import { TraceQueries } from './trace-queries.js';
import { TraceTable } from './trace-table.js';

const OPENING_MS = 5000;
const BUSY_MS = 250;
/** Moving them takes a fraction of a second, in which the thread does nothing else: 8 MiB. */
const PAGES_AT_ONCE = 1000;

/** Times are milliseconds. */
export interface StoreOptions {
  /** For `report`: changes nothing, migrates nothing, and fails where there is no store yet. */
  readonly readOnly?: boolean;
  /** It was there a moment ago: where it is not, nothing is created, and the error is the transient `EOUTPUTMOVED`. */
  readonly existing?: boolean;
  /** The longest wait for another process's write, which blocks the caller. Default 250; opening waits 5,000. */
  readonly busyTimeoutMs?: number;
  /** For tests of migrations. */
  readonly migrations?: readonly string[];
}

/** One open store. All of its methods may throw OutputError. */
export interface SqliteStore {
  readonly path: string;
  readonly runs: RunTable;
  readonly targets: TargetTable;
  readonly traces: TraceTable;
  readonly queries: TraceQueries;
  /**
   * Claims a run for this process until `release`. The kernel frees the claim of a process that was killed.
   * @throws OutputError `EOUTPUTRUNBUSY` while another living process holds it.
   */
  claimRun(runId: string): { release(): void };
  /** Whether a living process holds the claim of a run. Changes nothing. */
  isClaimed(runId: string): boolean;
  /** Why the file cannot be used at its place, or null: it may have been moved, deleted or replaced. */
  trouble(): OutputError | null;
  /** Octets in use, free pages inside the file not counted. */
  usedOctets(): number;
  /** Gives some free pages back to the file system; false: there was no more, and the write-ahead log is empty too. */
  compact(): boolean;
  close(): void;
}

/**
 * Opens the store at `path`, creating or migrating it. WAL, synchronous=FULL: what a call committed survives power loss.
 * @throws OutputError with path and remedy: no such directory, read-only, locked, damaged, foreign or too new.
 */
export function openSqliteStore(path: string, options: StoreOptions = {}): SqliteStore {
  return explainingErrors(path, () => {
    const readOnly = options.readOnly ?? false;
    const existing = options.existing ?? false;
    if (existing && !isInMemory(path) && !existsSync(path)) throw storeMoved(path, 'gone');
    // The driver says less: a missing directory would be a TypeError, a missing file one that cannot be opened.
    if (!isInMemory(path)) accessSync(readOnly ? path : dirname(path));
    const database = openDatabase(path, {
      timeout: OPENING_MS,
      readonly: readOnly,
      fileMustExist: readOnly || existing,
    });
    try {
      const connection = new DriverConnection(database, path, successorOf(path, options));
      prepareFile(database, connection, path, readOnly, options.migrations ?? MIGRATIONS);
      database.pragma(`busy_timeout = ${options.busyTimeoutMs ?? BUSY_MS}`);
      return composeStore(connection, path);
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** A file that was put where the store lay, where it is that store as it was lately: with the newest run that was in it. */
function successorOf(path: string, options: StoreOptions): Successor {
  const readonly = options.readOnly ?? false;
  return {
    placeOf: () => (isInMemory(path) ? null : new FilePlace(path)),
    open: (before) => {
      let database: Database.Database | null = null;
      try {
        database = openDatabase(path, { timeout: OPENING_MS, readonly, fileMustExist: true });
        for (const name of ['application_id', 'user_version'])
          if (pragmaNumber(database, name) !== pragmaNumber(before, name)) throw new Error(`another ${name}`);
        const newest = before.prepare('SELECT id FROM run ORDER BY run_key DESC LIMIT 1').pluck().get() as
          string | undefined;
        const find = database.prepare('SELECT 1 FROM run WHERE id = ?').pluck();
        if (newest !== undefined && find.get(newest) === undefined) throw new Error(`no run ${newest}`);
        if (!readonly) setUp(database);
        database.pragma(`busy_timeout = ${options.busyTimeoutMs ?? BUSY_MS}`);
        return database;
      } catch (cause) {
        database?.close();
        throw storeMoved(path, 'other', cause);
      }
    },
  };
}

/**
 * Loads the driver before it is needed. Out of files, Node would find none, and go on finding none once there are files again.
 * What fails here is said where a store is opened.
 */
export function loadDriverEarly(): void {
  try {
    loadDriver();
  } catch {
    // See above.
  }
}

function openDatabase(path: string, options: Database.Options): Database.Database {
  let Driver: typeof Database;
  try {
    Driver = loadDriver();
  } catch (cause) {
    // That it cannot be loaded just now says nothing of how it was installed.
    tryToOpenAFile();
    const remedy = 'apt-get install g++ make python3 && npm install, or go without a store: trace --json';
    const what = 'the store needs the module better-sqlite3, which was not compiled at install';
    throw new OutputError(OUTPUT_ERRORS.noDriver, path, what, remedy, cause);
  }
  try {
    return new Driver(path, options);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_CANTOPEN') tryToOpenAFile();
    throw error;
  }
}

/** Out of files, the loader of modules finds none, and SQLite cannot open one. @throws what the kernel says: EMFILE, ENFILE */
function tryToOpenAFile(): void {
  closeSync(openSync('/dev/null', 'r'));
}

let driver: typeof Database | null = null;

/** Where its compiled part is missing everything but the store works, so it is loaded when one is opened. */
function loadDriver(): typeof Database {
  if (driver !== null) return driver;
  const loaded = createRequire(import.meta.url)(driverFor(process.versions.node)) as typeof Database;
  // Loads the compiled part.
  new loaded(':memory:').close();
  return (driver = loaded);
}

/**
 * better-sqlite3 12, compiled with the headers of Node 24.19 or later, aborts the process when the garbage collector runs outside
 * of JavaScript (nodejs/node#65446). Its version 13 is built on Node-API and needs Node 22.
 */
export function driverFor(nodeVersion: string): string {
  return Number.parseInt(nodeVersion, 10) >= 22 ? 'better-sqlite3-napi' : 'better-sqlite3';
}

function composeStore(connection: DriverConnection, path: string): SqliteStore {
  const claims = new Set<{ release(): void }>();
  return {
    path,
    runs: new RunTable(connection, path),
    targets: new TargetTable(connection, path),
    traces: new TraceTable(connection, path),
    queries: new TraceQueries(connection, path),
    claimRun(runId) {
      const claim = claimRun(path, runId);
      claims.add(claim);
      return claim;
    },
    isClaimed: (runId) => isClaimed(path, runId),
    trouble: () => {
      try {
        connection.database();
        return null;
      } catch (error) {
        if (error instanceof OutputError) return error;
        throw error;
      }
    },
    usedOctets: () => explainingErrors(path, () => usedOctets(connection.database())),
    compact: () =>
      explainingErrors(path, () => {
        const database = connection.database();
        const before = pragmaNumber(database, 'freelist_count');
        if (before > 0) database.pragma(`incremental_vacuum(${PAGES_AT_ONCE})`);
        // A store whose pages cannot be moved is not tried for ever.
        const left = pragmaNumber(database, 'freelist_count');
        if (left > 0 && left < before) return true;
        database.pragma('wal_checkpoint(TRUNCATE)');
        return false;
      }),
    close: () => {
      for (const claim of claims) claim.release();
      explainingErrors(path, () => {
        connection.close();
      });
    },
  };
}

function prepareFile(
  database: Database.Database,
  connection: SqlConnection,
  path: string,
  readOnly: boolean,
  migrations: readonly string[],
): void {
  const isEmpty = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0;
  const isOurs = pragmaNumber(database, 'application_id') === APPLICATION_ID;
  if (!isOurs && (!isEmpty || readOnly)) {
    throw new OutputError(
      OUTPUT_ERRORS.foreign,
      path,
      'not a store of pdm-trace',
      'name another file; this one is left as it is',
    );
  }
  const version = pragmaNumber(database, 'user_version');
  if (version > migrations.length) {
    const what = `store of version ${version}, this pdm-trace knows up to ${migrations.length}`;
    throw new OutputError(OUTPUT_ERRORS.tooNew, path, what, 'use the newer pdm-trace that wrote it, or another file');
  }
  if (readOnly) {
    if (version === migrations.length) return;
    const readAsNewest = migrations === MIGRATIONS ? (READ_AS_NEWEST[version] ?? null) : null;
    if (readAsNewest !== null) {
      database.exec(
        readAsNewest(database.prepare("SELECT name FROM pragma_table_info('trace')").pluck().all() as string[]),
      );
      return;
    }
    const what = `store of version ${version}, ${migrations.length} is needed`;
    throw new OutputError(OUTPUT_ERRORS.readOnly, path, what, 'open it for writing once, for example by a `run`');
  }
  if (isEmpty) {
    // Both only take effect before the first table. A 20 kB record then takes three pages rather than six, and deleted
    // rows can be given back to the file system without rewriting the file.
    database.pragma('page_size = 8192');
    database.pragma('auto_vacuum = INCREMENTAL');
  }
  setUp(database);
  migrate(database, connection, migrations);
}

function setUp(database: Database.Database): void {
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  database.pragma('wal_autocheckpoint = 4000');
  database.pragma('journal_size_limit = 67108864');
  database.pragma(`cache_size = -${PAGE_CACHE_KIB}`);
}

/** Each step is one transaction: a kill in the middle leaves the version before it. */
function migrate(database: Database.Database, connection: SqlConnection, migrations: readonly string[]): void {
  while (pragmaNumber(database, 'user_version') < migrations.length) {
    connection.transaction(() => {
      // Read again under the lock: another process may have migrated meanwhile.
      const version = pragmaNumber(database, 'user_version');
      const step = migrations[version];
      if (step === undefined) return;
      database.exec(step);
      database.pragma(`application_id = ${APPLICATION_ID}`);
      database.pragma(`user_version = ${version + 1}`);
    });
  }
}

/** A database that no file holds, as SQLite names it. */
export function isInMemory(path: string): boolean {
  return path === ':memory:' || path === '';
}

function pragmaNumber(database: Database.Database, name: string): number {
  return Number(database.pragma(name, { simple: true }));
}

function usedOctets(database: Database.Database): number {
  const pages = pragmaNumber(database, 'page_count') - pragmaNumber(database, 'freelist_count');
  return pages * pragmaNumber(database, 'page_size');
}

/** An exclusive transaction on a file beside the store: a lock that dies with its process, also across containers. */
function claimRun(path: string, runId: string): { release(): void } {
  if (isInMemory(path)) return { release: () => undefined };
  return explainingErrors(path, () => {
    // Links lead to the same store.
    const lockPath = lockPathOf(path, runId);
    const lock = openDatabase(lockPath, { timeout: 0 });
    try {
      lock.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      lock.close();
      if (explainOutputError(error, lockPath)?.code !== OUTPUT_ERRORS.locked) throw error;
      const remedy = 'wait for it or end it; a run has one process at a time';
      throw new OutputError(
        OUTPUT_ERRORS.runBusy,
        path,
        `run ${runId} is being worked on by another process`,
        remedy,
        error,
      );
    }
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        // Removed while still locked: nobody else can have locked this file in between.
        rmSync(lockPath, { force: true });
        lock.close();
      },
    };
  });
}

function lockPathOf(path: string, runId: string): string {
  return `${realpathSync(path)}.run-${runId}.lock`;
}

/** The file alone says nothing: it outlives a process that was killed. The lock does not, and keeps readers out. */
function isClaimed(path: string, runId: string): boolean {
  if (isInMemory(path)) return false;
  const lockPath = lockPathOf(path, runId);
  if (!existsSync(lockPath)) return false;
  let lock: Database.Database | null = null;
  try {
    lock = openDatabase(lockPath, { timeout: 0, readonly: true, fileMustExist: true });
    lock.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    return explainOutputError(error, lockPath)?.code === OUTPUT_ERRORS.locked;
  } finally {
    lock?.close();
  }
}
