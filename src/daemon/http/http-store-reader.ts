import { Worker } from 'node:worker_threads';
import { receivedError, type SentError } from '../../results/output-error.js';
import { StoreReads } from './http-store-reads.js';

type ReadName = Exclude<keyof StoreReads, 'close'>;

/** Asks for what StoreReads has, without making the asker wait for the disk. */
export interface StoreReader {
  /** Rejects with OutputError, and with StoreBusyError when too many wait. */
  read<Name extends ReadName>(name: Name, ...args: Parameters<StoreReads[Name]>): Promise<ReturnType<StoreReads[Name]>>;
  close(): Promise<void>;
}

/** More reads wait than can be done soon. */
export class StoreBusyError extends Error {
  override readonly name = 'StoreBusyError';
  readonly code = 'ESTOREBUSY';
}

const MOST_WAITING = 200;

/** A read on its way to the thread that does it. `number` tells its answer from others. */
export interface ReadOrder {
  readonly number: number;
  readonly name: ReadName;
  readonly args: readonly unknown[];
}

/** What the thread that reads answers to the order of the same number. */
export type ReadAnswer =
  | { readonly number: number; readonly kind: 'read'; readonly value: unknown }
  | ({ readonly number: number; readonly kind: 'failed' } & SentError);

/** Calls `name` of `reads`: both sides of the thread go through here. */
export function readByName(reads: StoreReads, name: ReadName, args: readonly unknown[]): unknown {
  const calls = reads as unknown as Record<ReadName, (...args: readonly unknown[]) => unknown>;
  return calls[name](...args);
}

/** In this thread: for tests, and where nothing else has to be done meanwhile. */
export function openStoreReader(path: string): StoreReader {
  const reads = new StoreReads(path);
  return {
    read: <Name extends ReadName>(name: Name, ...args: Parameters<StoreReads[Name]>) =>
      new Promise<ReturnType<StoreReads[Name]>>((resolve) => {
        resolve(readByName(reads, name, args) as ReturnType<StoreReads[Name]>);
      }),
    close: () => {
      reads.close();
      return Promise.resolve();
    },
  };
}

/**
 * In a thread of its own: some questions read a million rows, and schedules and records must not wait for that. A thread
 * that ended by a defect is started again with the next question. The store at `path` must exist.
 */
export function startStoreReader(path: string): StoreReader {
  const waiting = new Map<
    number,
    { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }
  >();
  let worker: Worker | null = null;
  let closed = false;
  let lastNumber = 0;

  const start = (): Worker => {
    const started = new Worker(new URL('./http-store-thread.js', import.meta.url), { workerData: { path } });
    started.on('message', (answer: ReadAnswer) => {
      const asked = waiting.get(answer.number);
      waiting.delete(answer.number);
      if (answer.kind === 'read') asked?.resolve(answer.value);
      else asked?.reject(receivedError(answer, path));
    });
    const end = (error: Error): void => {
      if (worker !== started) return;
      worker = null;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    };
    started.on('error', (error) => {
      end(error instanceof Error ? error : new Error(String(error)));
    });
    started.on('exit', () => {
      end(new Error('the thread that reads the store has ended'));
    });
    // HTTP keeps the process alive; the thread does not.
    started.unref();
    return started;
  };

  return {
    read: <Name extends ReadName>(name: Name, ...args: Parameters<StoreReads[Name]>) => {
      if (closed) return Promise.reject(new StoreBusyError('the daemon is stopping'));
      if (waiting.size >= MOST_WAITING) return Promise.reject(new StoreBusyError(`${waiting.size} reads are waiting`));
      worker ??= start();
      const order: ReadOrder = { number: (lastNumber += 1), name, args };
      const thread = worker;
      return new Promise<ReturnType<StoreReads[Name]>>((resolve, reject) => {
        waiting.set(order.number, {
          resolve: (value) => {
            resolve(value as ReturnType<StoreReads[Name]>);
          },
          reject,
        });
        thread.postMessage(order);
      });
    },
    async close() {
      closed = true;
      await worker?.terminate();
    },
  };
}
