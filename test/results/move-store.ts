import { existsSync, renameSync } from 'node:fs';

/** As `mv` does it: the store with the files beside it. */
export function moveStore(from: string, to: string): void {
  for (const end of ['', '-wal', '-shm']) if (existsSync(from + end)) renameSync(from + end, to + end);
}
