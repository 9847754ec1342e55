import { OUTPUT_ERRORS, OutputError } from '../../results/output-error.js';
import { openSqliteStore, type SqliteStore } from '../../results/store/sqlite-store.js';
import { CliError } from '../cli-error.js';
import { errorCode } from '../../text/error-code.js';
import { EXIT } from '../exit-codes.js';

/** Opens a store for reading only. @throws CliError 66. */
export function openReportStore(path: string): SqliteStore {
  try {
    return openSqliteStore(path, { readOnly: true });
  } catch (error) {
    throw storeUnreadable(error, path);
  }
}

/** A failure of the store that is only read is one of an input file; all else stays what it was. */
export function storeUnreadable(error: unknown, path: string): unknown {
  if (!(error instanceof OutputError) || error.path !== path) return error;
  return new CliError(error.code, EXIT.noInput, messageOf(error), { cause: error });
}

function messageOf(error: OutputError): string {
  switch (error.code) {
    case OUTPUT_ERRORS.missing:
      return `there is no store "${error.path}"; name one with --store FILE, or fill one with pdm-trace run --targets FILE`;
    case OUTPUT_ERRORS.readOnly:
      return (
        `the store cannot be read: "${error.path}" (${causeCode(error)}); this user needs to read it and, as SQLite keeps ` +
        'a log and shared memory beside it, to write to its directory; or copy the file to where you may'
      );
    case OUTPUT_ERRORS.corrupt:
      return `the store is damaged: "${error.path}" (${causeCode(error)}); sqlite3 FILE .recover may save its rows`;
    default:
      return error.message;
  }
}

function causeCode({ cause, code }: OutputError): string {
  return errorCode(cause) ?? code;
}
