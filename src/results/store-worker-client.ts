import { Worker } from 'node:worker_threads';
import { OutputError, type OutputErrorCode } from './output-error.js';
import type { PreparedRecord, StoreCounts } from './trace-table.js';

export type StoreWorkerOrder =
  { readonly kind: 'commit'; readonly batch: readonly PreparedRecord[] } | { readonly kind: 'close' };

export type StoreWorkerAnswer =
  | { readonly kind: 'committed'; readonly counts: StoreCounts }
  | { readonly kind: 'closed' }
  | {
      readonly kind: 'failed';
      readonly code: OutputErrorCode | null;
      readonly message: string;
      readonly remedy: string;
    };

/** Commits batches in a thread of its own: give `commit` to a RecordWriter. */
export interface StoreWorker {
  /** Rejects with the OutputError that the store threw; then nothing of the batch is stored. */
  commit(batch: readonly PreparedRecord[]): Promise<StoreCounts>;
  /** After the last commit was answered. */
  close(): Promise<void>;
}

/** The store at `path` must exist already (open it with `openSqliteStore`, whose errors are immediate). */
export function startStoreWorker(path: string): StoreWorker {
  const worker = new Worker(new URL('./store-worker.js', import.meta.url), { workerData: { path } });
  const waiting: { resolve: (answer: StoreWorkerAnswer) => void; reject: (error: Error) => void }[] = [];
  let ended: Error | null = null;
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  worker.on('message', (answer: StoreWorkerAnswer) => waiting.shift()?.resolve(answer));
  worker.on('error', (error) => {
    end(error instanceof Error ? error : new Error(String(error)));
  });
  worker.on('exit', () => {
    end(new Error('the thread that writes the store has ended'));
  });
  const ask = (order: StoreWorkerOrder): Promise<StoreWorkerAnswer> => {
    if (ended !== null) return Promise.reject(ended);
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      worker.postMessage(order);
    });
  };
  return {
    async commit(batch) {
      const answer = await ask({ kind: 'commit', batch });
      if (answer.kind === 'committed') return answer.counts;
      throw failure(answer, path);
    },
    async close() {
      if (ended === null) {
        const answer = await ask({ kind: 'close' });
        if (answer.kind === 'failed') throw failure(answer, path);
      }
      await worker.terminate();
    },
  };
}

function failure(answer: StoreWorkerAnswer, path: string): Error {
  if (answer.kind !== 'failed') return new Error(`the thread that writes the store answered ${answer.kind}`);
  if (answer.code === null) return new Error(answer.message);
  return OutputError.received(answer.code, path, answer.message, answer.remedy);
}
