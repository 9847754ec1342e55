import { mayPass, type OutputError } from '../results/output-error.js';
import { pause, type Clock } from '../measure/clock.js';

/** How long something is tried again, and who hears that it fails. Pauses are milliseconds. */
export interface RetryOptions {
  readonly clock: Clock;
  /** Aborted: the next failure is thrown. */
  readonly signal: AbortSignal;
  /** Told of each failure that is new. */
  readonly onFailure: (error: OutputError) => void;
  /** Asked after each pause: false where another attempt would fail as well. */
  readonly isWorthTrying?: (error: OutputError) => boolean;
  /** How long it may fail with nothing done, as `done` counts it; else for ever. */
  readonly patience?: { readonly ms: number; readonly done: () => number };
  /** Pauses double from the first to the longest. */
  readonly firstPauseMs?: number;
  readonly longestPauseMs?: number;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/** Does it again, at growing intervals, while it fails for a reason that passes: a full disk, a store locked by another process. */
export async function retryTransient<T>(options: RetryOptions, work: () => T | Promise<T>): Promise<T> {
  const { clock, signal, onFailure, isWorthTrying, patience } = options;
  const { firstPauseMs = FIRST_PAUSE_MS, longestPauseMs = LONGEST_PAUSE_MS } = options;
  let pauseMs = firstPauseMs;
  let waitedMs = 0;
  let said = '';
  let done = patience?.done() ?? 0;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error)) throw error;
      const doneNow = patience?.done() ?? 0;
      if (doneNow !== done) waitedMs = 0;
      done = doneNow;
      if (error.message !== said && !signal.aborted) onFailure(error);
      said = error.message;
      do {
        if (signal.aborted || (patience !== undefined && waitedMs >= patience.ms)) throw error;
        await pause(clock, pauseMs, signal);
        waitedMs += pauseMs;
        pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      } while (isWorthTrying?.(error) === false);
    }
  }
}
