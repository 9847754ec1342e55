/** Time as the daemon needs it: schedules follow the wall clock, waiting does not. A virtual one drives the tests. */
export interface Clock {
  /** Milliseconds since 1970. May be set to another time, and goes on while the machine sleeps. */
  wallMs(): number;
  /** Calls back once, after `delayMs` of a clock that nobody sets and that may stand still while the machine sleeps. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Resolves after `delayMs`, or at once when `signal` is aborted. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal?.addEventListener('abort', end);
  });
}

/** The value of `work`, or `null` when `limitMs` have passed before it settled. */
export async function within<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T | null> {
  let cancel = (): void => undefined;
  const limit = new Promise<null>((resolve) => {
    cancel = clock.after(limitMs, () => {
      resolve(null);
    });
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    cancel();
  }
}
