import { mayPass, type OutputError } from '../results/output-error.js';
import { pause, type Clock } from '../measure/clock.js';

export interface RetryOptions {
  readonly clock: Clock;
  /** Aborted: the next failure is thrown. */
  readonly signal: AbortSignal;
  /** Told of each failure that is new. */
  readonly onFailure: (error: OutputError) => void;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/** Does it again, at growing intervals, while it fails for a reason that passes: a full disk, a store locked by another process. */
export async function retryTransient<T>(options: RetryOptions, work: () => T | Promise<T>): Promise<T> {
  let pauseMs = FIRST_PAUSE_MS;
  let said = '';
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error) || options.signal.aborted) throw error;
      if (error.message !== said) options.onFailure(error);
      said = error.message;
      await pause(options.clock, pauseMs, options.signal);
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    }
  }
}
