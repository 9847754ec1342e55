/**
 * Writes records until the disk is full, says how that looked, makes room and goes on. Arguments: a directory, and the shell
 * command that makes room.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openJsonLinesFile } from '../../src/results/files/json-lines-file.js';
import { OutputError } from '../../src/results/output-error.js';
import { RecordWriter } from '../../src/results/store/record-writer.js';
import { openSqliteStore } from '../../src/results/store/sqlite-store.js';
import { writeWholeFile } from '../../src/results/files/write-whole-file.js';
import { buildRecord, RUN_ID } from './record-builder.js';

const [directory = '', makeRoom = ''] = process.argv.slice(2);
const RECORDS = 300;
const path = join(directory, 'store.db');
const store = openSqliteStore(path);
store.runs.create({ id: RUN_ID, name: null, vantage: null, toolVersion: '0', options: {}, startedAtMs: 0 });
let failures = 0;
let recoveries = 0;
const writer = new RecordWriter({
  commit: (batch) => Promise.resolve(store.traces.put(batch)),
  path,
  maxDelayMs: 5,
  maxBatch: 20,
  retryMs: 50,
  onFailure: () => (failures += 1),
  onRecovery: () => (recoveries += 1),
});
const written: Promise<void>[] = [];
for (let number = 1; number <= RECORDS; number += 1) {
  written.push(writer.put({ record: buildRecord({ number }), targetKey: null, completesTarget: false }));
  if (number % 20 === 0) await writer.flush().catch(() => undefined);
}
const failure = writer.failure;
const storedWhenFull = store.queries.count();
print({
  step: 'full',
  code: codeOf(failure),
  message: failure?.message,
  failures,
  held: writer.held,
  stored: storedWhenFull,
});

const lines = join(directory, 'records.jsonl');
const line = JSON.stringify('x'.repeat(10_000));
let linesFailure: unknown = null;
try {
  const file = await openJsonLinesFile(lines);
  for (let count = 0; count < 1000; count += 1) await file.append([line, line]);
} catch (error) {
  linesFailure = error;
}
const text = existsSync(lines) ? readFileSync(lines, 'utf8') : '';
const wholePairs = text === '' || (text.endsWith('\n') && text.split('\n').length % 2 === 1);
print({ step: 'lines', code: codeOf(linesFailure), wholePairs });

let reportFailure: unknown = null;
const report = join(directory, 'report.csv');
writeFileSync(report, '');
try {
  await writeWholeFile(
    report,
    Array.from({ length: 5000 }, () => line),
    { force: true },
  );
} catch (error) {
  reportFailure = error;
}
const left = readdirSync(directory).filter((name) => name.includes('.tmp'));
print({ step: 'whole', code: codeOf(reportFailure), size: readFileSync(report).length, left });

execFileSync('sh', ['-ec', makeRoom], { stdio: 'ignore' });
await writer.close(20_000);
await Promise.all(written);
print({ step: 'room', stored: store.queries.count(), held: writer.held, recoveries });
store.close();

function codeOf(error: unknown): string | null {
  return error instanceof OutputError
    ? error.code
    : error === null
      ? null
      : `not an OutputError: ${error instanceof Error ? error.message : typeof error}`;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
