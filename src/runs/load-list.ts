/** From a file of targets into the store. */
import type { SqliteStore } from '../results/store/sqlite-store.js';
import { readTargets } from '../targets/read-targets.js';
import type { TargetDefaults, TargetRow } from '../targets/target-row.js';

/** What became of the rows of a list, in numbers. */
export interface LoadedList {
  /** Rows that name a target. */
  readonly rows: number;
  readonly badRows: number;
  /** Rows whose host and port an earlier row has already. */
  readonly duplicates: number;
  /** Targets that the run has now. */
  readonly targets: number;
  /** It was given up before the end; loading it again goes on. */
  readonly stopped: boolean;
}

/** Told while the list is read; `signal` ends the reading. */
export interface LoadHooks {
  /** Told of every row that is skipped, in one line. */
  readonly onProblem: (text: string) => void;
  /** Rows read so far, every few thousand. */
  readonly onRows?: (rows: number) => void;
  readonly signal?: AbortSignal;
}

const BATCH = 2000;

/**
 * Streams the list at `path` into the run, and orders it. Loading the same list again changes nothing.
 * @throws TargetListError, OutputError
 */
export async function loadList(
  store: SqliteStore,
  runId: string,
  path: string,
  defaults: TargetDefaults,
  { onProblem, onRows, signal }: LoadHooks,
): Promise<LoadedList> {
  let rows = 0;
  let badRows = 0;
  let duplicates = 0;
  const stopped = (): boolean => signal?.aborted === true;
  let batch: TargetRow[] = [];
  const add = (): void => {
    for (const { line, host, firstLine } of store.targets.add(runId, batch)) {
      duplicates += 1;
      onProblem(`line ${line}: "${host}" is on line ${firstLine} already; it is measured once`);
    }
    batch = [];
    onRows?.(rows);
  };
  for await (const item of readTargets(path, defaults)) {
    if (item.kind === 'note') {
      onProblem(`line ${item.line}: ${item.text}`);
    } else if (item.kind === 'bad') {
      badRows += 1;
      onProblem(`line ${item.line} is skipped: ${item.reason}: "${item.text}"`);
    } else {
      rows += 1;
      batch.push(item);
      if (batch.length < BATCH) continue;
      add();
      // Signals get their turn, however fast the disk is.
      await new Promise((resolve) => setImmediate(resolve));
      if (stopped()) break;
    }
  }
  if (!stopped()) {
    add();
    store.targets.spread(runId);
  }
  return { rows, badRows, duplicates, targets: store.targets.progress(runId).total, stopped: stopped() };
}
