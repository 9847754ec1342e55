/** From a file of targets into the store. */
import type { SqliteStore } from '../results/sqlite-store.js';
import { readTargets } from '../targets/read-targets.js';
import type { TargetDefaults, TargetRow } from '../targets/target-row.js';

export interface LoadedList {
  /** Rows that name a target. */
  readonly rows: number;
  readonly badRows: number;
  /** Rows whose host and port an earlier row has already. */
  readonly duplicates: number;
  /** Targets that the run has now. */
  readonly targets: number;
}

const BATCH = 2000;

/**
 * Streams the list at `path` into the run, and orders it. `onProblem` is told of every row that is skipped, in one line.
 * Loading the same list again changes nothing.
 * @throws TargetListError, OutputError
 */
export async function loadList(
  store: SqliteStore,
  runId: string,
  path: string,
  defaults: TargetDefaults,
  onProblem: (text: string) => void,
): Promise<LoadedList> {
  let rows = 0;
  let badRows = 0;
  let duplicates = 0;
  let batch: TargetRow[] = [];
  const add = (): void => {
    for (const { line, host, firstLine } of store.targets.add(runId, batch)) {
      duplicates += 1;
      onProblem(`line ${line}: "${host}" is on line ${firstLine} already; it is measured once`);
    }
    batch = [];
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
      if (batch.length >= BATCH) add();
    }
  }
  add();
  store.targets.spread(runId);
  return { rows, badRows, duplicates, targets: store.targets.progress(runId).total };
}
