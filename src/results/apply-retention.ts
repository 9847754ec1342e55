import type { SqliteStore } from './sqlite-store.js';

export interface Retention {
  /** Records that started longer ago than this go. Null: none for their age. */
  readonly maxAgeMs: number | null;
  /** The oldest go until the store's contents fit. Null: any size. */
  readonly maxOctets: number | null;
}

const BATCH = 500;

/**
 * Deletes what is too old or too much, oldest first, in short transactions between which others get their turn, and gives the
 * room back to the file system. Returns how many records went.
 */
export async function applyRetention(store: SqliteStore, retention: Retention, nowMs: number): Promise<number> {
  const { maxAgeMs, maxOctets } = retention;
  let deleted = 0;
  const deleteWhile = async (wanted: () => boolean, beforeMs?: number): Promise<void> => {
    while (wanted()) {
      const count = store.traces.deleteOldest(BATCH, beforeMs);
      deleted += count;
      if (count < BATCH) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  if (maxAgeMs !== null) await deleteWhile(() => true, nowMs - maxAgeMs);
  if (maxOctets !== null) await deleteWhile(() => store.usedOctets() > maxOctets);
  store.runs.deleteEmpty();
  if (deleted > 0) store.compact();
  return deleted;
}
