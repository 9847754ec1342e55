/** A job of the settings file: its schedule, the run that is under way, and what became of the one before. */
import type { JobSettings } from '../../config/daemon-settings.js';
import type { Settings } from '../../config/settings.js';
import type { StoredRun } from '../../results/store/run-table.js';
import type { SqliteStore } from '../../results/store/sqlite-store.js';
import type { JobView } from '../daemon-view.js';
import { daemonOptionsOf, JobRun, type RunEnd, type RunPlan, type RunServices } from './job-run.js';
import { errorFields } from '../../measure/event-log.js';
import { JobSchedule, type SkipReason } from './job-schedule.js';
import { retryTransient } from '../../runs/retry-transient.js';

/** What jobs have of the daemon besides what every run of it has. */
export interface JobServices extends RunServices {
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  /** The settings that a stored run was begun with. */
  readonly settingsOfRun: (stored: StoredRun['options']) => Settings;
}

/** One run at a time: what falls due meanwhile is skipped. How the last one ended is in `view`. */
export class Job {
  readonly #services: JobServices;
  #settings: JobSettings;
  #schedule: JobSchedule | null = null;
  #run: JobRun | null = null;
  /** The end of all that is under way. */
  #work: Promise<void> = Promise.resolve();
  #busy = false;
  /** The store has been asked what there is to go on with. */
  #following = false;
  readonly #stopping = new AbortController();
  #lastEnd: RunEnd | null = null;
  readonly #skipped: Record<SkipReason, number> = { overlap: 0, missed: 0 };

  constructor(services: JobServices, settings: JobSettings) {
    this.#services = services;
    this.#settings = settings;
  }

  get settings(): JobSettings {
    return this.#settings;
  }

  /** Goes on with what an earlier process left unfinished, and from then on follows the schedule. */
  async start(): Promise<void> {
    const { store, clock, log } = this.#services;
    const { name } = this.#settings;
    const { latest, unfinished } = await retryTransient(
      {
        clock,
        signal: this.#stopping.signal,
        onFailure: (error) => {
          log.warn('store-failed', { job: name, ...errorFields(error) });
        },
      },
      () => ({ latest: store.runs.latest(name), unfinished: unfinishedRuns(store, name) }),
    );
    if (this.#stopping.signal.aborted) return;
    if (unfinished.length > 0) {
      log.info('run-resumed', { job: name, runs: unfinished.map(({ id }) => id) });
      this.#begin(unfinished.map((stored) => this.#planOf(stored)));
    }
    // A run that somebody made by hand says nothing about the schedule.
    const lastDueMs = latest === null ? null : daemonOptionsOf(latest)?.dueAtMs;
    this.#follow(lastDueMs ?? clock.wallMs());
  }

  /** Other settings; a run that is under way ends with those that it was begun with. */
  change(settings: JobSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    const same = SCHEDULE_KEYS.every((key) => before[key] === settings[key]);
    if (same || !this.#following || this.#stopping.signal.aborted) return;
    this.#schedule?.stop();
    this.#schedule = null;
    this.#follow(this.#services.clock.wallMs());
  }

  /** Nothing begins any more; what is under way gives out no further target. Resolves when it has ended. */
  stop(): Promise<void> {
    this.#stopping.abort();
    this.#schedule?.stop();
    this.#run?.stop();
    return this.#work;
  }

  view(): JobView {
    const { name, targets, cron, timezone, settings } = this.#settings;
    const run = this.#run;
    const runId = run?.runId ?? null;
    return {
      ...{ name, targets, cron, timezone },
      protocols: settings.protocol,
      nextRunAtMs: this.#schedule?.nextAtMs ?? null,
      running: run === null || runId === null ? null : { runId, startedAtMs: run.startedAtMs, ...run.progress },
      lastEnd: this.#lastEnd,
      skipped: this.#skipped.overlap + this.#skipped.missed,
    };
  }

  #follow(since: number): void {
    const { clock, random, log } = this.#services;
    const { name, schedule, jitterSeconds, missed, enabled } = this.#settings;
    this.#following = true;
    if (!enabled) return;
    this.#schedule = new JobSchedule({
      ...{ schedule, missed, clock, random, since },
      jitterMs: jitterSeconds * 1000,
      isRunning: () => this.#busy,
      onStart: (dueAtMs) => {
        const { settings, rate } = this.#settings;
        this.#begin([{ name, settings, rate, dueAtMs, stored: null, target: null }]);
      },
      onSkip: (reason, dueAtMs, count) => {
        this.#skipped[reason] += count;
        log.warn('run-skipped', { job: name, reason, count, dueAt: new Date(dueAtMs).toISOString() });
      },
    });
    this.#schedule.start();
  }

  #begin(plans: readonly RunPlan[]): void {
    this.#busy = true;
    this.#work = this.#workThrough(plans);
  }

  async #workThrough(plans: readonly RunPlan[]): Promise<void> {
    for (const plan of plans) {
      if (this.#stopping.signal.aborted) break;
      this.#run = new JobRun(this.#services, plan);
      this.#lastEnd = await this.#run.run();
    }
    this.#run = null;
    this.#busy = false;
  }

  #planOf(stored: StoredRun): RunPlan {
    const { settings } = this.#settings;
    const options = daemonOptionsOf(stored);
    return {
      name: this.#settings.name,
      settings: ownSettings(this.#services, stored, settings),
      rate: options?.rate ?? null,
      dueAtMs: options?.dueAtMs ?? null,
      stored,
      target: null,
    };
  }
}

const SCHEDULE_KEYS = ['cron', 'timezone', 'jitterSeconds', 'missed', 'enabled'] as const;

/** What a daemon began under this name and did not finish, oldest first. */
export function unfinishedRuns(store: SqliteStore, name: string): StoredRun[] {
  return store.runs
    .unfinished()
    .filter((run) => run.name === name && daemonOptionsOf(run) !== null)
    .reverse();
}

/** Those that the run was begun with; the present ones where an older version stored something else. */
export function ownSettings(services: JobServices, stored: StoredRun, present: Settings): Settings {
  try {
    return services.settingsOfRun(stored.options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    services.log.warn('run-options-unreadable', { runId: stored.id, reason });
    return present;
  }
}
