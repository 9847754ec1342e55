import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../src/measure/clock.js';

interface Event {
  readonly atMs: number;
  readonly order: number;
  callback: (() => void) | null;
}

/**
 * A day in seconds: jumps from event to event, and lets real files be read in between. While the machine "sleeps" the wall
 * clock goes on and waiting stands still.
 */
export class VirtualClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #order = 0;
  #events: Event[] = [];

  constructor(startMs: number) {
    this.#wallOffsetMs = startMs;
  }

  wallMs(): number {
    return Math.floor(this.#monotonicMs) + this.#wallOffsetMs;
  }

  nowMs(): number {
    return this.#monotonicMs;
  }

  sleep(forMs: number): void {
    this.#wallOffsetMs += forMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const event: Event = { atMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, callback };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#events[middle]!.atMs <= event.atMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
    return () => {
      event.callback = null;
    };
  }

  /** A clock that ends with its process: after `end` nothing calls back any more. */
  ofProcess(): Clock & { nowMs(): number; end(): void } {
    let alive = true;
    return {
      wallMs: () => this.wallMs(),
      nowMs: () => this.nowMs(),
      after: (delayMs, callback) =>
        this.after(delayMs, () => {
          if (alive) callback();
        }),
      end: () => {
        alive = false;
      },
    };
  }

  /** Runs everything that is due until the wall clock shows `untilMs`. */
  async runUntil(untilMs: number): Promise<void> {
    for (;;) {
      await settled();
      const next = this.#next();
      if (next === undefined || next.atMs + this.#wallOffsetMs > untilMs) break;
      this.#events.shift();
      this.#monotonicMs = next.atMs;
      next.callback?.();
    }
    this.#monotonicMs = Math.max(this.#monotonicMs, untilMs - this.#wallOffsetMs);
  }

  /** Runs until `promise` settles, at most for `limitMs`. */
  async run<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    const progress = { settled: false };
    const mark = (): void => {
      progress.settled = true;
    };
    promise.then(mark, mark);
    const endMs = this.#monotonicMs + limitMs;
    for (;;) {
      await settled();
      if (isSettled(progress)) return promise;
      const next = this.#next();
      if (next === undefined || next.atMs > endMs) throw new Error(`not settled within ${limitMs} ms`);
      this.#events.shift();
      this.#monotonicMs = next.atMs;
      next.callback?.();
    }
  }

  #next(): Event | undefined {
    while (this.#events[0]?.callback === null) this.#events.shift();
    return this.#events[0];
  }
}

function isSettled(progress: { readonly settled: boolean }): boolean {
  return progress.settled;
}

/** All microtasks are done, and every file that is being read was read: virtual time does not pass meanwhile. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });
  while (process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq') || name === 'Immediate')) {
    await nextTurn();
  }
}
