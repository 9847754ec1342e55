/** One run of a job, or one trace on request, from its first line in the store to its last. */
import { resolve } from 'node:path';
import { runOptions } from '../../config/run-options.js';
import type { Settings } from '../../config/settings.js';
import { readWay } from '../../report/faults/record-stop.js';
import { faultLines } from '../../report/faults/shared-fault-words.js';
import { SharedFaultTally } from '../../report/faults/shared-faults.js';
import { OutputError } from '../../results/output-error.js';
import type { RecordWriter } from '../../results/store/record-writer.js';
import type { StoredRun } from '../../results/store/run-table.js';
import type { SqliteStore } from '../../results/store/sqlite-store.js';
import type { TargetRow } from '../../targets/target-row.js';
import type { TraceRecord } from '../../record/record.js';
import type { Clock } from '../../measure/clock.js';
import { errorFields, type EventLog } from '../../measure/event-log.js';
import { RunPacer } from '../../runs/run-pacer.js';
import { measureOptions, targetsOutstanding, tracesInFlight } from '../../measure/measure-options.js';
import { retryTransient } from '../../runs/retry-transient.js';
import type { RunWriter } from '../../runs/run-list.js';
import { workThrough } from '../../runs/work-through.js';
import type { TargetMeasurer } from '../../measure/target-measurer.js';

/** What all runs of the daemon share. */
export interface RunServices {
  readonly store: SqliteStore;
  readonly writer: RecordWriter;
  readonly measurer: TargetMeasurer;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly toolVersion: string;
  readonly newId: () => string;
  readonly newSeed: () => number;
  /** Why the store could not be written to, by who tried and goes on trying. */
  readonly storeTrouble: Map<object, string>;
  /** A record is on disk. */
  readonly onRecord: (record: TraceRecord, provisional: boolean) => void;
}

/** What is to be run, and as what. `dueAtMs`: milliseconds since 1970, null for traces on request. */
export interface RunPlan {
  readonly name: string;
  readonly settings: Settings;
  /** Packets per second of this run alone, on average; null: no limit of its own. */
  readonly rate: number | null;
  readonly dueAtMs: number | null;
  /** To go on with; null: a new one. */
  readonly stored: StoredRun | null;
  /** Instead of a list; for traces on request. */
  readonly target: TargetRow | null;
}

/** How a run ended. `stopped`: the daemon ended first, and another process goes on with it. */
export interface RunEnd {
  readonly runId: string | null;
  readonly endedAtMs: number;
  readonly state: 'finished' | 'stopped' | 'failed';
  readonly error: string | null;
}

/** What the daemon keeps with a run besides the settings. */
export interface DaemonOptions {
  readonly dueAtMs: number | null;
  readonly rate: number | null;
  readonly onRequest: boolean;
}

/** How a run was begun by a daemon, or null where something else began it. */
export function daemonOptionsOf(run: StoredRun): DaemonOptions | null {
  const options = run.options.daemon;
  if (typeof options !== 'object' || options === null) return null;
  const { dueAtMs, rate, onRequest } = options as Record<string, unknown>;
  return {
    dueAtMs: typeof dueAtMs === 'number' ? dueAtMs : null,
    rate: typeof rate === 'number' ? rate : null,
    onRequest: onRequest === true,
  };
}

/** Also where an earlier process was asked, and this one goes on: who asked is as far away as before. */
function isOnRequest({ target, stored }: RunPlan): boolean {
  return target !== null || (stored !== null && daemonOptionsOf(stored)?.onRequest === true);
}

/**
 * `run` stores it first, where `store` has not. Once it resolves all of its records are on disk, and targets that were not
 * measured wait in the store for the next process.
 */
export class JobRun {
  readonly startedAtMs: number;
  readonly #services: RunServices;
  readonly #plan: RunPlan;
  readonly #stop = new AbortController();
  readonly #log: EventLog;
  #runId: string | null;
  #seed: number;
  #targets = 0;
  #done = 0;
  #claim: { release(): void } | null = null;
  /** What its targets share, of the records that this process has measured. */
  readonly #tally = new SharedFaultTally();

  constructor(services: RunServices, plan: RunPlan) {
    this.#services = services;
    this.#plan = plan;
    this.#log = services.log;
    this.#runId = plan.stored?.id ?? null;
    this.startedAtMs = services.clock.wallMs();
    this.#seed = plan.settings.seed ?? services.newSeed();
  }

  get runId(): string | null {
    return this.#runId;
  }

  get progress(): { readonly targets: number; readonly done: number } {
    return { targets: this.#targets, done: this.#done };
  }

  /** No further target is given out; what is under way ends as it does. */
  stop(): void {
    this.#stop.abort();
  }

  /** Stores the run before anything is measured. Resolves with its id. */
  async store(): Promise<string> {
    const { store } = this.#services;
    if (this.#runId !== null) return this.#runId;
    const run = this.#newRun();
    await this.#retrying(() => {
      // After a failure whose outcome is unknown it may be there already.
      if (store.runs.get(run.id) === null) store.runs.create(run);
      if (this.#plan.target !== null) {
        store.targets.add(run.id, [this.#plan.target]);
        store.runs.setState(run.id, 'ready');
      }
    });
    this.#runId = run.id;
    return run.id;
  }

  /** Works through the run. Never rejects. */
  async run(): Promise<RunEnd> {
    const { clock } = this.#services;
    const { name, dueAtMs, stored } = this.#plan;
    let state: RunEnd['state'] = 'failed';
    let error: string | null = null;
    try {
      const runId = await this.store();
      const dueAt = dueAtMs === null ? null : new Date(dueAtMs).toISOString();
      this.#log.info('run-started', { job: name, runId, resumed: stored !== null, dueAt, seed: this.#seed });
      state = await this.#work(runId);
    } catch (failure) {
      error = failure instanceof Error ? failure.message : String(failure);
      if (this.#stop.signal.aborted && failure instanceof OutputError) state = 'stopped';
      this.#log.error('run-failed', { job: name, runId: this.#runId, ...errorFields(failure) });
    } finally {
      this.#claim?.release();
    }
    const { targets, done } = this.progress;
    const sharedFaults = faultLines(this.#tally.faults());
    if (sharedFaults.length > 0) this.#log.warn('run-shares-fault', { job: name, runId: this.#runId, sharedFaults });
    this.#log.info('run-ended', { job: name, runId: this.#runId, state, targets, done });
    return { runId: this.#runId, endedAtMs: clock.wallMs(), state, error };
  }

  async #work(runId: string): Promise<'finished' | 'stopped'> {
    const { store, measurer, clock, onRecord } = this.#services;
    const { settings, rate } = this.#plan;
    const { targets, protocol, dport, company } = settings;
    const { signal } = this.#stop;
    this.#claim = await this.#retrying(() => store.claimRun(runId));
    const pacer = rate === null ? null : new RunPacer(clock, rate, signal);
    const problems = new ListProblems(this.#log, targets);
    return workThrough({
      store,
      runId,
      list:
        targets === null
          ? null
          : { path: targets, defaults: { protocols: protocol, dport, company, seed: this.#seed } },
      writer: this.#ownWriter(),
      measurer,
      options: measureOptions(settings, this.#seed),
      outstanding: targetsOutstanding(tracesInFlight(settings.rate)),
      publicOnly: isOnRequest(this.#plan),
      signal,
      wallMs: () => clock.wallMs(),
      withStore: (work) => this.#retrying(work),
      loading: {
        onProblem: (text) => {
          problems.add(text);
        },
      },
      onLoaded: (loaded) => {
        problems.close(loaded);
      },
      onReady: ({ total, done }) => {
        this.#targets = total;
        this.#done = done;
      },
      ...(pacer === null
        ? {}
        : { pace: ({ protocols, stored }) => pacer.take(Math.max(0, protocols.length - stored.length)) }),
      onStored: (record, provisional) => {
        pacer?.settle(record.counters.sent);
        if (!provisional) this.#tally.add(readWay(record));
        onRecord(record, provisional);
      },
      onTarget: () => {
        this.#done += 1;
      },
    });
  }

  #newRun(): Parameters<SqliteStore['runs']['create']>[0] {
    const { newId, toolVersion, clock } = this.#services;
    const { name, settings, rate, dueAtMs, target } = this.#plan;
    const { targets } = settings;
    const daemon: DaemonOptions = { dueAtMs, rate, onRequest: target !== null };
    const options = {
      command: 'daemon',
      ...runOptions(settings),
      ...{ seed: this.#seed, targets: target !== null || targets === null ? null : resolve(targets), daemon },
    };
    return { id: newId(), name, vantage: settings.vantage, toolVersion, options, startedAtMs: clock.wallMs() };
  }

  /** The writer is everybody's: this run only waits for its own records, and for as long as it takes. */
  #ownWriter(): RunWriter {
    const { writer } = this.#services;
    const pending = new Set<Promise<unknown>>();
    return {
      put: (entry) => {
        const stored = writer.put(entry);
        const settled = stored.then(
          () => undefined,
          () => undefined,
        );
        pending.add(settled);
        void settled.then(() => pending.delete(settled));
        return stored;
      },
      flush: async () => {
        await Promise.all(pending);
      },
      get hasRoom() {
        return writer.hasRoom;
      },
      whenRoom: () => writer.whenRoom(),
    };
  }

  async #retrying<T>(work: () => T | Promise<T>): Promise<T> {
    const { clock, log, storeTrouble } = this.#services;
    const onFailure = (error: OutputError): void => {
      storeTrouble.set(this, error.message);
      log.warn('store-failed', { job: this.#plan.name, runId: this.#runId, ...errorFields(error) });
    };
    try {
      return await retryTransient({ clock, signal: this.#stop.signal, onFailure }, work);
    } finally {
      storeTrouble.delete(this);
    }
  }
}

/** Each skipped row of a list in the log, up to a bound: the list may be a million bad rows. */
class ListProblems {
  readonly #log: EventLog;
  readonly #path: string | null;
  #count = 0;

  constructor(log: EventLog, path: string | null) {
    this.#log = log;
    this.#path = path;
  }

  add(problem: string): void {
    this.#count += 1;
    if (this.#count <= 20) this.#log.warn('list-row', { list: this.#path, problem });
  }

  close(loaded: { readonly targets: number; readonly badRows: number; readonly duplicates: number }): void {
    const { targets, badRows, duplicates } = loaded;
    this.#log.info('list-loaded', { list: this.#path, targets, badRows, duplicates });
  }
}
