/**
 * A run as the program does it, to be killed: takes targets from the store, "measures" both protocols of each, and puts the
 * records through the writing thread. Prints `{"put": id}` when it hands a record over and `{"stored": id}` when told that it
 * is on disk. Arguments: path of the store.
 */
import { openSqliteStore } from '../../src/results/store/sqlite-store.js';
import { RecordWriter } from '../../src/results/store/record-writer.js';
import { startStoreWorker } from '../../src/results/store/store-worker-client.js';
import { buildRecord, RUN_ID, uuid } from './record-builder.js';

const [path = ''] = process.argv.slice(2);
const store = openSqliteStore(path);
const claim = store.claimRun(RUN_ID);
store.targets.returnInFlight(RUN_ID);
const worker = startStoreWorker(path);
const writer = new RecordWriter({
  commit: (batch) => worker.commit(batch),
  path,
  maxDelayMs: 20,
  maxBatch: 10,
  maxBacklog: 10,
});
// Ids are new at every start, as in the program: only the target says that a record is there already.
let number = process.pid * 100_000;

for (const target of store.targets.waiting(RUN_ID, 7)) {
  const left = target.protocols.filter((protocol) => !target.stored.some((one) => one.protocol === protocol));
  for (const [index, protocol] of left.entries()) {
    number += 1;
    const record = { ...buildRecord({ input: target.host, protocol, runId: RUN_ID }), id: uuid(number) };
    print({ put: record.id });
    const completesTarget = index === left.length - 1;
    void writer.put({ record, targetKey: target.targetKey, completesTarget }).then(() => {
      print({ stored: record.id });
    });
  }
  await writer.whenRoom();
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await writer.close();
await worker.close();
claim.release();
store.close();
print({ finished: true });

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
