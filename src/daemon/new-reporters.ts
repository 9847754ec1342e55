import type { SqliteStore } from '../results/sqlite-store.js';
import { errorFields, type DaemonLog } from './daemon-log.js';

/** Kept while the store cannot be written. */
const MOST_WAITING = 100_000;

/** Addresses that were found to report packets with the option, on their way into the store. */
export class NewReporters {
  readonly #store: SqliteStore;
  readonly #log: Pick<DaemonLog, 'debug'>;
  readonly #waiting = new Set<string>();
  #seenAtMs = 0;

  constructor(store: SqliteStore, log: Pick<DaemonLog, 'debug'>) {
    this.#store = store;
    this.#log = log;
  }

  add(addresses: readonly string[], seenAtMs: number): void {
    for (const address of addresses) this.note(address, seenAtMs);
    this.store();
  }

  /** Waits for the next `store`. */
  note(address: string, seenAtMs: number): void {
    this.#seenAtMs = seenAtMs;
    if (this.#waiting.size < MOST_WAITING) this.#waiting.add(address);
  }

  store(): void {
    if (this.#waiting.size === 0) return;
    try {
      this.#store.reporters.add(this.#waiting, this.#seenAtMs);
      this.#waiting.clear();
    } catch (error) {
      // The store's own failure is said when records cannot be written; these wait for the next ones.
      this.#log.debug('reporters-not-stored', errorFields(error));
    }
  }
}
