import { Worker } from 'node:worker_threads';
import { receivedError, type SentError } from '../output-error.js';
import type { PreparedRecord, StoreCounts } from './trace-table.js';

/** One message to the thread that writes; it answers each. */
export type StoreWorkerOrder = { readonly kind: 'commit'; readonly batch: PackedBatch } | { readonly kind: 'close' };

/**
 * Records without their JSON, and that as UTF-8 octets one after the other: moved to the other thread, not copied, which for
 * 20 kB of text costs about as much as storing it.
 */
export interface PackedBatch {
  readonly records: readonly Omit<PreparedRecord, 'json'>[];
  readonly octets: Uint8Array;
  readonly lengths: Uint32Array;
}

/** What the thread that writes answers, to one order after the other. */
export type StoreWorkerAnswer =
  | { readonly kind: 'committed'; readonly counts: StoreCounts }
  | { readonly kind: 'closed' }
  | ({ readonly kind: 'failed' } & SentError);

/** Commits batches in a thread of its own: give `commit` to a RecordWriter. */
export interface StoreWorker {
  /** Rejects with the OutputError that the store threw; then nothing of the batch is stored. */
  commit(batch: readonly PreparedRecord[]): Promise<StoreCounts>;
  /** After the last commit was answered. */
  close(): Promise<void>;
}

/**
 * The store at `path` must exist already (open it with `openSqliteStore`, whose errors are immediate). A thread that ended by
 * itself is started again with the next batch: a daemon must not hold records for ever because of it.
 */
export function startStoreWorker(path: string): StoreWorker {
  const waiting: { resolve: (answer: StoreWorkerAnswer) => void; reject: (error: Error) => void }[] = [];
  let closed = false;
  let worker: Worker | null = null;
  const start = (): Worker => {
    const started = new Worker(new URL('./store-worker.js', import.meta.url), { workerData: { path } });
    const end = (error: Error): void => {
      if (worker !== started) return;
      worker = null;
      for (const { reject } of waiting.splice(0)) reject(error);
    };
    started.on('message', (answer: StoreWorkerAnswer) => {
      if (worker === started) waiting.shift()?.resolve(answer);
    });
    started.on('error', (error) => {
      end(error instanceof Error ? error : new Error(String(error)));
    });
    started.on('exit', () => {
      end(ended());
    });
    return started;
  };
  const ask = (order: StoreWorkerOrder): Promise<StoreWorkerAnswer> => {
    if (closed) return Promise.reject(ended());
    worker ??= start();
    const thread = worker;
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      thread.postMessage(order, order.kind === 'commit' ? [order.batch.octets.buffer as ArrayBuffer] : []);
    });
  };
  worker = start();
  return {
    async commit(batch) {
      const answer = await ask({ kind: 'commit', batch: packBatch(batch) });
      if (answer.kind === 'committed') return answer.counts;
      throw failure(answer, path);
    },
    async close() {
      const thread = worker;
      if (thread !== null && !closed) {
        const answer = await ask({ kind: 'close' });
        if (answer.kind === 'failed') throw failure(answer, path);
      }
      closed = true;
      await thread?.terminate();
    },
  };
}

function ended(): Error {
  return new Error('the thread that writes the store has ended');
}

function packBatch(batch: readonly PreparedRecord[]): PackedBatch {
  const lengths = Uint32Array.from(batch, ({ json }) =>
    typeof json === 'string' ? Buffer.byteLength(json) : json.length,
  );
  const octets = Buffer.from(new ArrayBuffer(lengths.reduce((sum, length) => sum + length, 0)));
  let at = 0;
  for (const { json } of batch) {
    if (typeof json === 'string') at += octets.write(json, at);
    else {
      octets.set(json, at);
      at += json.length;
    }
  }
  const records = batch.map(({ json: _json, ...record }) => record);
  return { records, octets, lengths };
}

/** The records again, each with its JSON as octets: views of the batch's, not copies. */
export function unpackBatch({ records, octets, lengths }: PackedBatch): PreparedRecord[] {
  let at = 0;
  return records.map((record, index) => {
    const end = at + (lengths[index] ?? 0);
    const json = octets.subarray(at, end);
    at = end;
    return { ...record, json };
  });
}

function failure(answer: StoreWorkerAnswer, path: string): Error {
  if (answer.kind !== 'failed') return new Error(`the thread that writes the store answered ${answer.kind}`);
  return receivedError(answer, path);
}
