import type { SqliteStore } from '../results/sqlite-store.js';
import { errorFields, type DaemonLog } from './daemon-log.js';

/** Kept while the store cannot be written. */
const MOST_WAITING = 100_000;

/** Addresses that the child found to report packets with the option, on their way into the store. */
export class NewReporters {
  readonly #store: SqliteStore;
  readonly #log: DaemonLog;
  readonly #waiting = new Set<string>();
  #seenAtMs = 0;

  constructor(store: SqliteStore, log: DaemonLog) {
    this.#store = store;
    this.#log = log;
  }

  add(addresses: readonly string[], seenAtMs: number): void {
    this.#seenAtMs = seenAtMs;
    for (const address of addresses) if (this.#waiting.size < MOST_WAITING) this.#waiting.add(address);
    this.store();
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
