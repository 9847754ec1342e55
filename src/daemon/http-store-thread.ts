/** The thread behind `startStoreReader`. */
import { parentPort, workerData } from 'node:worker_threads';
import { OutputError } from '../results/output-error.js';
import { readByName, type ReadAnswer, type ReadOrder } from './http-store-reader.js';
import { StoreReads } from './http-store-reads.js';

const port = parentPort;
if (port === null) throw new Error('to be started as a thread');
const { path } = workerData as { readonly path: string };
let reads: StoreReads | null = null;

port.on('message', ({ number, name, args }: ReadOrder) => {
  let answer: ReadAnswer;
  try {
    // Opened with the first question, and tried again with the next where that fails.
    reads ??= new StoreReads(path);
    answer = { number, kind: 'read', value: readByName(reads, name, args) };
  } catch (error) {
    const isKnown = error instanceof OutputError;
    const message = error instanceof Error ? (isKnown ? error.message : (error.stack ?? error.message)) : String(error);
    answer = {
      number,
      kind: 'failed',
      code: isKnown ? error.code : null,
      message,
      remedy: isKnown ? error.remedy : '',
    };
  }
  port.postMessage(answer);
});
