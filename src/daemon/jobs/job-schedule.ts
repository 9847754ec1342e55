/** When a job begins: due times from the calendar, jitter, no overlap, and what becomes of times that were missed. */
import type { CronSchedule } from '../../config/cron-schedule.js';
import type { Clock } from '../../measure/clock.js';

/** `overlap`: the run before was not over. `missed`: nobody was there to begin it in time. */
export type SkipReason = 'overlap' | 'missed';

/** What a schedule goes by, and whom it tells. */
export interface JobScheduleOptions {
  readonly schedule: CronSchedule;
  readonly jitterMs: number;
  readonly missed: 'run' | 'skip';
  readonly clock: Clock;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  /** Due times up to here (milliseconds since 1970) have been seen to. */
  readonly since: number;
  /** Whether the job's last run still goes on. */
  readonly isRunning: () => boolean;
  readonly onStart: (dueAtMs: number) => void;
  /** `count` due times, the last of them `dueAtMs`, will not be run. */
  readonly onSkip: (reason: SkipReason, dueAtMs: number, count: number) => void;
}

/** Looks at the clock this often at least: timers stand still while the machine sleeps, and clocks are set. */
const LONGEST_WAIT_MS = 30_000;
/** Later than this a due time counts as missed. */
const LATE_MS = 90_000;
/** Missed times are counted up to here; there may be millions after years. */
const MOST_COUNTED = 10_000;
/** A clock that goes back by more was wrong before. */
const STEP_BACK_MS = 86_400_000;

/**
 * Times are milliseconds since 1970. It looks at the clock anew instead of trusting timers; `onStart` and `onSkip` are
 * called from timers, and from `start`.
 */
export class JobSchedule {
  readonly #options: JobScheduleOptions;
  /** Due times up to here have been seen to. */
  #cursorMs: number;
  #cancelTimer: () => void = () => undefined;
  /** A run whose jitter passes. */
  #jittered: { readonly startAtMs: number; readonly cancel: () => void } | null = null;

  constructor(options: JobScheduleOptions) {
    this.#options = options;
    this.#cursorMs = options.since;
  }

  /** Due times that have passed since `since` are seen to at once. */
  start(): void {
    this.#look();
  }

  stop(): void {
    this.#cancelTimer();
    this.#jittered?.cancel();
    this.#jittered = null;
  }

  /** When the next run begins, as far as it is known; null: never. */
  get nextAtMs(): number | null {
    return this.#jittered?.startAtMs ?? this.#options.schedule.next(this.#cursorMs);
  }

  #look(): void {
    const { clock, schedule } = this.#options;
    const nowMs = clock.wallMs();
    if (nowMs < this.#cursorMs - STEP_BACK_MS) this.#cursorMs = nowMs;
    const dueMs = schedule.next(this.#cursorMs);
    if (dueMs !== null && dueMs <= nowMs) this.#passed(dueMs, nowMs);
    const nextMs = schedule.next(this.#cursorMs);
    const waitMs = nextMs === null ? LONGEST_WAIT_MS : Math.min(LONGEST_WAIT_MS, Math.max(1, nextMs - clock.wallMs()));
    this.#cancelTimer = clock.after(waitMs, () => {
      this.#look();
    });
  }

  /** `firstMs` and perhaps others after it are due. Only the last of them can still be run. */
  #passed(firstMs: number, nowMs: number): void {
    const { schedule, missed, onSkip } = this.#options;
    let lastMs = firstMs;
    let beforeMs = firstMs;
    let before = 0;
    for (let next = schedule.next(lastMs); next !== null && next <= nowMs; next = schedule.next(lastMs)) {
      before += 1;
      beforeMs = lastMs;
      lastMs = next;
      if (before < MOST_COUNTED) continue;
      lastMs = nowMs;
      break;
    }
    this.#cursorMs = lastMs;
    if (before > 0) onSkip('missed', beforeMs, before);
    const isLate = nowMs - lastMs > LATE_MS;
    if (isLate && missed === 'skip') onSkip('missed', lastMs, 1);
    else this.#due(lastMs, isLate);
  }

  #due(dueAtMs: number, isLate: boolean): void {
    const { clock, jitterMs, random, isRunning, onStart, onSkip } = this.#options;
    if (isRunning() || this.#jittered !== null) {
      onSkip('overlap', dueAtMs, 1);
      return;
    }
    if (jitterMs === 0 || isLate) {
      onStart(dueAtMs);
      return;
    }
    const delayMs = Math.floor(random() * jitterMs);
    const cancel = clock.after(delayMs, () => {
      this.#jittered = null;
      onStart(dueAtMs);
    });
    this.#jittered = { startAtMs: clock.wallMs() + delayMs, cancel };
  }
}
