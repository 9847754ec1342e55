/** Why something could not be written or read back. Stable: scripts and tests match on it. */
export const OUTPUT_ERRORS = {
  /** No space, no quota, or over a limit on file size. Retried: space may be made. */
  full: 'EOUTPUTFULL',
  /** Another process is writing. Retried. */
  locked: 'EOUTPUTLOCKED',
  /** Read-only file, directory or file system, or no permission. Retried: it may be put right while we run. */
  readOnly: 'EOUTPUTREADONLY',
  /** The directory does not exist, or the path is not a file. */
  missing: 'EOUTPUTMISSING',
  /** Refused to overwrite without `force`. */
  exists: 'EOUTPUTEXISTS',
  /** The file is damaged. */
  corrupt: 'EOUTPUTCORRUPT',
  /** An SQLite file of some other program, or no SQLite file at all. */
  foreign: 'EOUTPUTFOREIGN',
  /** Written by a newer pdm-trace. */
  tooNew: 'EOUTPUTTOONEW',
  /** The store has no such run. */
  noRun: 'EOUTPUTNORUN',
  /** Another living process works on this run. */
  runBusy: 'EOUTPUTRUNBUSY',
  /** The bound on records held in memory is reached. */
  spillFull: 'EOUTPUTSPILLFULL',
  /** The store that is open was moved, deleted or replaced. Retried: it may be put back. */
  moved: 'EOUTPUTMOVED',
  /** The SQLite driver cannot be loaded. */
  noDriver: 'EOUTPUTNODRIVER',
  /** The device or file system failed. Retried. */
  io: 'EOUTPUTIO',
} as const;
/** One of `OUTPUT_ERRORS`. */
export type OutputErrorCode = (typeof OUTPUT_ERRORS)[keyof typeof OUTPUT_ERRORS];

/** Exit code for anything that cannot be written (sysexits EX_CANTCREAT). */
const EXIT_CANNOT_CREATE = 73;

/** What failed, the value (`path`) and the remedy are all in the one-line message. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
  readonly exitCode = EXIT_CANNOT_CREATE;
  readonly code: OutputErrorCode;
  readonly path: string;
  readonly remedy: string;

  constructor(code: OutputErrorCode, path: string, what: string, remedy: string, cause?: unknown) {
    super(`${what}: ${path} (${remedy})`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
    this.remedy = remedy;
  }

  /** True where trying the same write again later can succeed without anybody touching the program. */
  get isTransient(): boolean {
    return TRANSIENT.has(this.code);
  }
}

/** An error on its way from one thread to another. `code` is null for a defect, whose `message` has the stack. */
export interface SentError {
  readonly code: OutputErrorCode | null;
  readonly message: string;
  readonly remedy: string;
}

/**
 * As plain data that can be posted to another thread; `receivedError` makes an error of it there. Of errors that are no
 * OutputError the stack is kept as text, and `code` is null.
 */
export function sendableError(error: unknown): SentError {
  if (error instanceof OutputError) return { code: error.code, message: error.message, remedy: error.remedy };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: null, message, remedy: '' };
}

/** `path`: the file that the other thread works on. */
export function receivedError({ code, message, remedy }: SentError, path: string): Error {
  if (code === null) return new Error(message);
  const error = new OutputError(code, path, '', remedy);
  // It is whole already.
  error.message = message;
  return error;
}

/**
 * Whether the work may go on later: a disk gets room again, a lock is given back, and records that were not kept for want of
 * room are measured again, since their targets still wait.
 */
export function mayPass(error: unknown): error is OutputError {
  return error instanceof OutputError && (error.isTransient || error.code === OUTPUT_ERRORS.spillFull);
}

const TRANSIENT: ReadonlySet<OutputErrorCode> = new Set([
  OUTPUT_ERRORS.full,
  OUTPUT_ERRORS.locked,
  OUTPUT_ERRORS.readOnly,
  OUTPUT_ERRORS.io,
  OUTPUT_ERRORS.moved,
]);

interface Explanation {
  readonly code: OutputErrorCode;
  readonly what: string;
  readonly remedy: string;
}

const FULL: Explanation = {
  code: OUTPUT_ERRORS.full,
  what: 'no space left to write',
  // Not what becomes of the records: that is said by whoever holds them, and the error may be the last word of a process.
  remedy: 'make room on that file system or raise the quota or file size limit',
};
const READ_ONLY: Explanation = {
  code: OUTPUT_ERRORS.readOnly,
  what: 'cannot write',
  remedy: 'make the file and its directory writable for this user, or name another place',
};
const MISSING: Explanation = {
  code: OUTPUT_ERRORS.missing,
  what: 'cannot open',
  remedy: 'its directory must exist and the path must name a file',
};
const LOCKED: Explanation = {
  code: OUTPUT_ERRORS.locked,
  what: 'locked by another process',
  remedy: 'end the other writer, or wait until it is done',
};
const CORRUPT: Explanation = {
  code: OUTPUT_ERRORS.corrupt,
  what: 'damaged database',
  remedy: 'move it away to start a new one; `sqlite3 FILE .recover` may save its rows',
};
const NOT_SQLITE: Explanation = {
  code: OUTPUT_ERRORS.foreign,
  what: 'not an SQLite database',
  remedy: 'name another file; this one is left as it is',
};
const IO: Explanation = {
  code: OUTPUT_ERRORS.io,
  what: 'reading or writing failed',
  remedy: 'it must be a file, not a directory; if it is one, check the device and the kernel log',
};

const NO_FILES: Explanation = {
  code: OUTPUT_ERRORS.io,
  what: 'no more files can be opened by this process, or on this machine',
  remedy: 'raise the limit: `ulimit -n`, LimitNOFILE in a unit file, or fs.file-max',
};

const BY_CODE: Readonly<Record<string, Explanation>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: FULL,
  EACCES: READ_ONLY,
  EPERM: READ_ONLY,
  EROFS: READ_ONLY,
  ENOENT: MISSING,
  ENOTDIR: MISSING,
  EISDIR: MISSING,
  EIO: IO,
  EMFILE: NO_FILES,
  ENFILE: NO_FILES,
  SQLITE_FULL: FULL,
  // A write cut short by a file size limit or by quotas shows as a write error, not as a full disk.
  SQLITE_IOERR_WRITE: { ...FULL, what: 'cannot write, most likely for want of space' },
  SQLITE_IOERR_TRUNCATE: FULL,
  SQLITE_IOERR_SHMSIZE: FULL,
  SQLITE_BUSY: LOCKED,
  SQLITE_LOCKED: LOCKED,
  SQLITE_PROTOCOL: LOCKED,
  SQLITE_READONLY: READ_ONLY,
  SQLITE_PERM: READ_ONLY,
  SQLITE_AUTH: READ_ONLY,
  SQLITE_CANTOPEN: { ...READ_ONLY, what: 'cannot open for writing' },
  SQLITE_CORRUPT: CORRUPT,
  // Pages that the file's own tables name are missing at its end: it was cut off, and does not mend by itself.
  SQLITE_IOERR_SHORT_READ: CORRUPT,
  SQLITE_NOTADB: NOT_SQLITE,
  SQLITE_IOERR: IO,
};

/**
 * The OutputError that explains `error`, or null where it is none of the known failures of files and databases (then it
 * is a defect and must surface as one). SQLite's extended codes (`SQLITE_BUSY_SNAPSHOT`) fall back to their primary one.
 */
export function explainOutputError(error: unknown, path: string): OutputError | null {
  if (error instanceof OutputError) return error;
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  for (let code = error.code; code !== ''; code = code.slice(0, Math.max(0, code.lastIndexOf('_')))) {
    const known = BY_CODE[code];
    if (known !== undefined)
      return new OutputError(known.code, path, `${known.what} [${error.code}]`, known.remedy, error);
  }
  return null;
}

/** A target or record was to be stored, or a state changed, of a run that is not in the file at `path`. */
export function noSuchRun(path: string, runId: string): OutputError {
  return new OutputError(
    OUTPUT_ERRORS.noRun,
    path,
    `no run ${runId} in the store`,
    'store a run before what belongs to it',
  );
}

/** `gone`: nothing lies at `path` now. `other`: something else does. */
export function storeMoved(path: string, state: 'gone' | 'other', cause?: unknown): OutputError {
  const what =
    state === 'gone'
      ? 'the store was moved or deleted while it was in use'
      : 'another file took the place of the store while it was in use';
  return new OutputError(OUTPUT_ERRORS.moved, path, what, 'put back the one that was there', cause);
}

/** `cause`: what JSON.parse threw. The code is that of a damaged file, `EOUTPUTCORRUPT`. */
export function damagedRecord(path: string, cause: unknown): OutputError {
  return new OutputError(OUTPUT_ERRORS.corrupt, path, 'a record is not JSON any more', CORRUPT.remedy, cause);
}

/** Runs `body`; known failures come out as OutputError, all else as it was. */
export function explainingErrors<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw explainOutputError(error, path) ?? error;
  }
}
