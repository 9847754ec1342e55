import { explainOutputError, OUTPUT_ERRORS, OutputError } from '../output-error.js';
import { prepareRecord, type OutgoingRecord, type RecordToStore } from './trace-table.js';

/** Times are milliseconds. */
export interface RecordWriterOptions {
  /** Writes a batch so that it survives power loss, all of it or nothing. */
  readonly commit: (batch: readonly OutgoingRecord[]) => Promise<unknown> | undefined;
  /** Named in errors. */
  readonly path: string;
  /** A record is committed at the latest this long after it was put, while writing works. Default 200. */
  readonly maxDelayMs?: number;
  /** … or when this many wait. Default 500. */
  readonly maxBatch?: number;
  /**
   * Above this many records that wait, `hasRoom` is false and no further target should be measured: a kill then loses at
   * most these and what is in flight. Default 2,000.
   */
  readonly maxBacklog?: number;
  /** Bound on what is held in memory while writing fails: records, and octets of JSON. Default 20,000 and 256 MiB. */
  readonly maxHeld?: number;
  readonly maxHeldOctets?: number;
  /** First pause before a failed commit is tried again; doubles up to 30 s. Default 500. */
  readonly retryMs?: number;
  /** The clock; the process's own unless a test has another. */
  readonly time?: WriterTime;
  /** Called once when writing starts to fail, and for each different failure after. */
  readonly onFailure?: (error: Error, held: number) => void;
  /** Called when what was held has been written. */
  readonly onRecovery?: () => void;
}

/** Time as the writer needs it; a virtual one drives tests. */
export interface WriterTime {
  /** Milliseconds of a clock that nobody sets. */
  nowMs(): number;
  /** Calls back once after `delayMs`. Returns a function that cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The process's own. */
export const PROCESS_TIME: WriterTime = {
  nowMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

interface Held {
  readonly record: OutgoingRecord;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Group commit. A promise from `put` that has resolved is a record on disk. A kill or power loss loses at most what was put in
 * the last `maxDelayMs` and while the batch before was written; where the disk is slower than the measurement, at most
 * `maxBacklog` records and those of the traces in flight, provided that the caller starts none while `hasRoom` is false.
 *
 * While writing fails (disk full, database locked, directory read-only) records are held in memory and retried. At the bound
 * `put` rejects and says so: nothing is dropped silently.
 */
export class RecordWriter {
  readonly #options: Required<Omit<RecordWriterOptions, 'onFailure' | 'onRecovery'>> &
    Pick<RecordWriterOptions, 'onFailure' | 'onRecovery'>;
  /** Waiting, in the order in which they are to be written. */
  readonly #queue: Held[] = [];
  /** Batches handed to `commit` that it has not answered for. */
  readonly #writing = new Set<Promise<void>>();
  #writingRecords = 0;
  #heldOctets = 0;
  #cancelTimer: (() => void) | null = null;
  #timerAtMs = 0;
  #failure: Error | null = null;
  #retryMs: number;
  #closed = false;
  #roomWaiters: (() => void)[] = [];

  constructor(options: RecordWriterOptions) {
    this.#options = {
      maxDelayMs: 200,
      maxBatch: 500,
      maxBacklog: 2000,
      maxHeld: 20_000,
      maxHeldOctets: 256 * 1024 * 1024,
      retryMs: 500,
      time: PROCESS_TIME,
      ...options,
    };
    this.#retryMs = this.#options.retryMs;
  }

  /** Records that are not on disk yet. */
  get held(): number {
    return this.#queue.length + this.#writingRecords;
  }

  /** Why writing fails at present, or null. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** False while too many records wait: time to measure no further target until `whenRoom`. */
  get hasRoom(): boolean {
    return this.held <= this.#options.maxBacklog && this.#heldOctets * 2 < this.#options.maxHeldOctets;
  }

  /** Resolves as soon as `hasRoom`. */
  whenRoom(): Promise<void> {
    if (this.hasRoom) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /**
   * Takes a record; resolves when it is on disk.
   * @throws OutputError (as a rejection) `EOUTPUTSPILLFULL` when the bound on held records is reached: this one is not kept.
   */
  put(entry: RecordToStore): Promise<void> {
    const record = prepareRecord(entry);
    const { maxHeld, maxHeldOctets, path, maxBatch, maxDelayMs } = this.#options;
    if (this.#closed) return Promise.reject(new TypeError('put after close'));
    if (this.held >= maxHeld || this.#heldOctets + record.json.length > maxHeldOctets) {
      const what = `${this.held} records wait to be written, no more are kept`;
      const remedy = 'make writing work again: see the failure before this one';
      return Promise.reject(new OutputError(OUTPUT_ERRORS.spillFull, path, what, remedy, this.#failure ?? undefined));
    }
    const written = new Promise<void>((resolve, reject) => this.#queue.push({ record, resolve, reject }));
    this.#heldOctets += record.json.length;
    if (this.#failure === null) this.#schedule(this.#queue.length >= maxBatch ? 0 : maxDelayMs);
    return written;
  }

  /** Writes all that is held now. Resolves when it is on disk; rejects with the failure, and then it is still held. */
  async flush(): Promise<void> {
    while (this.held > 0) {
      this.#startBatches();
      await Promise.all(this.#writing);
      if (this.#failure !== null) throw this.#failure;
    }
  }

  /**
   * Ends the writer, trying to write for at most `graceMs`.
   * @throws the failure when something could not be written; `unwritten()` has it then.
   */
  async close(graceMs = 5000): Promise<void> {
    const { time } = this.#options;
    const deadline = time.nowMs() + graceMs;
    this.#closed = true;
    for (;;) {
      try {
        await this.flush();
        break;
      } catch (error) {
        const mayHelp = error instanceof OutputError && error.isTransient;
        if (!mayHelp || time.nowMs() + this.#options.retryMs > deadline) throw error;
        await new Promise<void>((resolve) => time.after(this.#options.retryMs, resolve));
      }
    }
    this.#clearTimer();
  }

  /** What is held: for a last attempt to save it somewhere else. */
  unwritten(): OutgoingRecord[] {
    return this.#queue.map((held) => held.record);
  }

  #schedule(delayMs: number): void {
    const { time } = this.#options;
    const atMs = time.nowMs() + delayMs;
    if (this.#cancelTimer !== null && this.#timerAtMs <= atMs) return;
    this.#clearTimer();
    this.#timerAtMs = atMs;
    this.#cancelTimer = time.after(delayMs, () => {
      this.#cancelTimer = null;
      this.#startBatches();
    });
  }

  #clearTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Two at a time keep both threads busy; one while writing fails. */
  #startBatches(): void {
    while (this.#queue.length > 0 && this.#writing.size < (this.#failure === null ? 2 : 1)) {
      const batch = this.#queue.splice(0, this.#options.maxBatch);
      this.#writingRecords += batch.length;
      const writing = this.#writeBatch(batch).finally(() => {
        this.#writing.delete(writing);
        this.#scheduleNext();
      });
      this.#writing.add(writing);
    }
  }

  /** Never rejects: the outcome is in `#failure`. */
  async #writeBatch(batch: readonly Held[]): Promise<void> {
    try {
      await this.#options.commit(batch.map((held) => held.record));
    } catch (error) {
      this.#writingRecords -= batch.length;
      this.#queue.unshift(...batch);
      this.#failed(
        explainOutputError(error, this.#options.path) ?? (error instanceof Error ? error : new Error(String(error))),
      );
      return;
    }
    this.#writingRecords -= batch.length;
    for (const held of batch) {
      this.#heldOctets -= held.record.json.length;
      held.resolve();
    }
    if (this.#failure !== null) {
      this.#failure = null;
      this.#retryMs = this.#options.retryMs;
      this.#options.onRecovery?.();
    }
    if (!this.hasRoom) return;
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #scheduleNext(): void {
    if (this.#queue.length === 0 || this.#failure !== null) return;
    this.#schedule(this.#queue.length >= this.#options.maxBatch ? 0 : this.#options.maxDelayMs);
  }

  #failed(failure: Error): void {
    const isNew = this.#failure?.message !== failure.message;
    this.#failure = failure;
    if (isNew) this.#options.onFailure?.(failure, this.held);
    this.#schedule(this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, 30_000);
  }
}
