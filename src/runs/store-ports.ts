import type { RecordWriterOptions } from '../results/store/record-writer.js';

/** Commits batches of records to a store. */
export interface StoreCommitter {
  readonly commit: RecordWriterOptions['commit'];
  close(): Promise<void>;
}

/** What it takes to keep a store while measuring. */
export interface StorePorts {
  /** For the store at `path`, which exists. */
  readonly openCommitter: (path: string) => StoreCommitter;
  /** Before the store is opened. */
  readonly becomeFileOwner: () => void;
}
