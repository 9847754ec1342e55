/**
 * The thread that commits records, so that neither a flush of the disk nor SQLite's work delays the thread that times
 * packets. Started by `store-worker-client.ts`; one message is one batch, answered by one message.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { explainOutputError, OUTPUT_ERRORS, sendableError, storeMoved } from '../output-error.js';
import { loadDriverEarly, openSqliteStore, type SqliteStore } from './sqlite-store.js';
import { unpackBatch, type StoreWorkerAnswer, type StoreWorkerOrder } from './store-worker-client.js';

const { path } = workerData as { readonly path: string };
loadDriverEarly();
let store: SqliteStore | null = null;

function obey(order: StoreWorkerOrder): StoreWorkerAnswer {
  try {
    // Opened when first needed, not created: the store may have been moved away since it was, and be put back while we run.
    store ??= openSqliteStore(path, { existing: true });
    if (order.kind === 'close') {
      store.close();
      return { kind: 'closed' };
    }
    return { kind: 'committed', counts: store.traces.put(unpackBatch(order.batch)) };
  } catch (error) {
    return { kind: 'failed', ...sendableError(explain(error)) };
  }
}

/** Records come from who has stored their run: where that is not known, it is another store. */
function explain(error: unknown): unknown {
  const explained = explainOutputError(error, path);
  return explained?.code === OUTPUT_ERRORS.noRun ? storeMoved(path, 'other', explained) : (explained ?? error);
}

parentPort?.on('message', (order: StoreWorkerOrder) => {
  parentPort?.postMessage(obey(order));
  if (order.kind === 'close') parentPort?.close();
});
