/** One process's part in a run of the store, from its list to its end: of `run`, of a daemon's jobs and of traces on request. */
import type { SqliteStore } from '../results/store/sqlite-store.js';
import type { TargetProgress } from '../results/store/target-table.js';
import { TargetListError, type TargetDefaults } from '../targets/target-row.js';
import { loadList, type LoadedList, type LoadHooks } from './load-list.js';
import { runList, type ListRun } from './run-list.js';

/** A run that may still have to be loaded, and who hears how it goes. */
export interface RunWork extends Omit<ListRun, 'signal'> {
  /** Where its targets come from, while they are not all in the store; null where nobody knows a file. */
  readonly list: { readonly path: string; readonly defaults: TargetDefaults } | null;
  /** Aborted: nothing more is begun, and what is under way is ended as the measurer does it. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Does what needs the store, again and again while that may help. */
  readonly withStore: <T>(work: () => T | Promise<T>) => Promise<T>;
  /** Told while the list is read … */
  readonly loading: Pick<LoadHooks, 'onProblem' | 'onRows'>;
  /** … and when it has been. */
  readonly onLoaded: (loaded: LoadedList) => void;
  /** The targets are in the store: so many, of which an earlier process did so many. */
  readonly onReady: (progress: TargetProgress) => void;
}

/**
 * `finished`: every target has its records on disk. `stopped`: another process can go on with the run.
 * @throws TargetListError where the list cannot be used: then the run is gone. OutputError where `withStore` gave up.
 */
export async function workThrough(work: RunWork): Promise<'finished' | 'stopped'> {
  const { store, runId, withStore, wallMs } = work;
  if ((await load(work)) === 'stopped') return 'stopped';
  await withStore(() => {
    store.targets.returnInFlight(runId);
  });
  work.onReady(await withStore(() => store.targets.progress(runId)));
  if ((await withStore(() => runList(work))) === 'stopped') return 'stopped';
  await withStore(() => {
    store.runs.setState(runId, 'finished', wallMs());
  });
  return 'finished';
}

/** After a kill while loading the list is read again: what is there already stays as it is. */
async function load({ store, runId, list, signal, loading, ...work }: RunWork): Promise<'loaded' | 'stopped'> {
  const state = await work.withStore(() => store.runs.get(runId)?.state);
  if (state !== 'loading' || list === null) return 'loaded';
  const { path, defaults } = list;
  try {
    const loaded = await work.withStore(() => loadList(store, runId, path, defaults, { ...loading, signal }));
    if (loaded.stopped) return 'stopped';
    if (loaded.targets === 0)
      throw new TargetListError('ETARGETLISTREAD', `"${path}" names no target; write one host a line`);
    work.onLoaded(loaded);
  } catch (error) {
    // A run without targets would be an unfinished one for ever.
    if (error instanceof TargetListError)
      await work.withStore(() => {
        abandonRun(store, runId, work.wallMs());
      });
    throw error;
  }
  await work.withStore(() => {
    store.runs.setState(runId, 'ready');
  });
  return 'loaded';
}

/** What never began is nothing to go on with. */
export function abandonRun(store: SqliteStore, runId: string, atMs: number): void {
  store.runs.setState(runId, 'finished', atMs);
  store.runs.deleteEmpty();
}
