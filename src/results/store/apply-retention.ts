import type { SqliteStore } from './sqlite-store.js';

/** What may stay in the store. */
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
  let steps = 0;
  const others = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const deleteOldest = async (beforeMs?: number): Promise<boolean> => {
    const count = store.traces.deleteOldest(BATCH, beforeMs);
    deleted += count;
    await others();
    return count === BATCH;
  };
  const deleteEmptyRuns = async (isEnough = (): boolean => false): Promise<void> => {
    while (!isEnough() && store.runs.deleteSomeEmpty()) {
      steps += 1;
      await others();
    }
  };
  if (maxAgeMs !== null) while (await deleteOldest(nowMs - maxAgeMs));
  if (maxOctets !== null) {
    const fits = (): boolean => store.usedOctets() <= maxOctets;
    // The list of a run that has no records any more goes before records of another one.
    for (let isMore = true; isMore && !fits(); isMore = await deleteOldest()) {
      await deleteEmptyRuns(fits);
      if (fits()) break;
    }
  }
  await deleteEmptyRuns();
  if (deleted + steps > 0) while (store.compact()) await others();
  return deleted;
}
