/** Tries to write where only reading is allowed. Argument: a directory with a store in it. */
import { join } from 'node:path';
import { openJsonLinesFile } from '../../src/results/files/json-lines-file.js';
import { openSqliteStore } from '../../src/results/store/sqlite-store.js';
import { writeWholeFile } from '../../src/results/files/write-whole-file.js';

const [directory = ''] = process.argv.slice(2);
const attempts: Record<string, () => unknown> = {
  newStore: () => openSqliteStore(join(directory, 'new.db')),
  oldStore: () => openSqliteStore(join(directory, 'store.db')),
  lines: () => openJsonLinesFile(join(directory, 'records.jsonl')),
  whole: () => writeWholeFile(join(directory, 'report.csv'), ['x'], { force: false }),
};
for (const [name, attempt] of Object.entries(attempts)) {
  let outcome: unknown = 'no error';
  try {
    await attempt();
  } catch (error) {
    outcome = error instanceof Error && 'code' in error ? { code: error.code, message: error.message } : String(error);
  }
  process.stdout.write(`${JSON.stringify({ name, outcome })}\n`);
}
