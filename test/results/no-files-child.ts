/** Commits while this process can open no more files, and again once it can. Argument: a store that exists. */
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { OutputError } from '../../src/results/output-error.js';
import { startStoreWorker } from '../../src/results/store/store-worker-client.js';
import { prepareRecord } from '../../src/results/store/trace-table.js';
import { buildRecord } from './record-builder.js';

const [path = ''] = process.argv.slice(2);
const worker = startStoreWorker(path);
const batch = [prepareRecord({ record: buildRecord({ number: 1 }), targetKey: null, completesTarget: false })];
// The thread has its modules and the driver by then, and not the store, which it opens with the first batch.
await sleep(3000);
const open: number[] = [];
try {
  for (;;) open.push(openSync('/dev/null', 'r'));
} catch {
  // All that may be open is.
}
let failure: unknown = null;
try {
  await worker.commit(batch);
} catch (error) {
  failure = error;
}
for (const fd of open) closeSync(fd);
print(
  failure instanceof OutputError
    ? { code: failure.code, isTransient: failure.isTransient, message: failure.message }
    : { message: String(failure) },
);
print({ counts: await worker.commit(batch) });
await worker.close();

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
