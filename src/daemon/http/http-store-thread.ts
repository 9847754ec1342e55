/** The thread behind `startStoreReader`. */
import { parentPort, workerData } from 'node:worker_threads';
import { sendableError } from '../../results/output-error.js';
import { loadDriverEarly } from '../../results/store/sqlite-store.js';
import { readByName, type ReadAnswer, type ReadOrder } from './http-store-reader.js';
import { StoreReads } from './http-store-reads.js';

const port = parentPort;
if (port === null) throw new Error('to be started as a thread');
const { path } = workerData as { readonly path: string };
loadDriverEarly();
let reads: StoreReads | null = null;

port.on('message', ({ number, name, args }: ReadOrder) => {
  let answer: ReadAnswer;
  try {
    // Opened with the first question, and tried again with the next where that fails.
    reads ??= new StoreReads(path);
    answer = { number, kind: 'read', value: readByName(reads, name, args) };
  } catch (error) {
    answer = { number, kind: 'failed', ...sendableError(error) };
  }
  port.postMessage(answer);
});
