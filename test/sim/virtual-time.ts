import { setImmediate as nextTurn } from 'node:timers/promises';

import type { EngineTime } from '../../src/engine/trace-engine.js';

interface Event {
  readonly atNs: number;
  readonly order: number;
  callback: (() => void) | null;
}

/** 2025-01-01T00:00:00Z: any fixed date will do. */
export const EPOCH_MS = 1_735_689_600_000;

/** Events in a row that may share an instant before it counts as a program that wakes itself for ever. */
const MOST_AT_ONCE = 3000;

/** Waits until every microtask that is due has run: `nextTick` callbacks queued from a microtask run after the last of them. */
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

/**
 * A clock that jumps from event to event. Events of the same nanosecond run in the order in which they were asked for,
 * and all microtasks that one event causes run before the next, so a simulation is a pure function of its seeds.
 */
export class VirtualTime implements EngineTime {
  #nowNs = 0;
  #order = 0;
  #live = 0;
  #sameInstant = 0;
  readonly #heap: Event[] = [];

  constructor(readonly mostAtOnce = MOST_AT_ONCE) {}

  nowNs(): number {
    return this.#nowNs;
  }

  wallMs(): number {
    return EPOCH_MS + this.#nowNs / 1e6;
  }

  /** Events that are due and not cancelled. */
  get pending(): number {
    return this.#live;
  }

  at(atNs: number, callback: () => void): () => void {
    if (!Number.isFinite(atNs)) throw new RangeError(`An event at ${atNs} ns would never come: give a finite time.`);
    // A real clock counts whole nanoseconds.
    const event: Event = { atNs: Math.max(Math.ceil(atNs), this.#nowNs), order: this.#order++, callback };
    this.#live++;
    this.#push(event);
    return () => {
      if (event.callback === null) return;
      event.callback = null;
      this.#live--;
    };
  }

  /**
   * Runs events until `promise` settles, and gives its value. Throws when nothing is left that could settle it, or when
   * the clock passes `limitNs`: a trace that never ends is a defect, not a long simulation.
   */
  async run<T>(promise: Promise<T>, limitNs = 3600e9): Promise<T> {
    const progress = { settled: false };
    const mark = (): void => {
      progress.settled = true;
    };
    promise.then(mark, mark);
    let steps = 0;
    for (;;) {
      await microtasksDone();
      if (progress.settled) return promise;
      if (++steps % 4096 === 0) await nextTurn();
      if (!this.#step()) {
        // Something may still sit in the real event loop (a setImmediate); give it a few turns before calling it a deadlock.
        for (let turn = 0; turn < 5 && this.#live === 0; turn++) await nextTurn();
        await microtasksDone();
        if (isSettled(progress)) return promise;
        if (this.#live === 0) {
          throw new Error(
            `Deadlock at ${(this.#nowNs / 1e9).toFixed(3)} s of virtual time: no event is due and the promise is pending.`,
          );
        }
      }
      if (this.#nowNs > limitNs) {
        throw new Error(`The promise is still pending after ${(limitNs / 1e9).toFixed(0)} s of virtual time.`);
      }
    }
  }

  /** Runs what is due within `durationNs`, then stops with the clock there. */
  async advance(durationNs: number): Promise<void> {
    const untilNs = this.#nowNs + durationNs;
    await microtasksDone();
    for (let next = this.#peek(); next !== undefined && next.atNs <= untilNs; next = this.#peek()) {
      this.#step();
      await microtasksDone();
    }
    this.#nowNs = untilNs;
  }

  #peek(): Event | undefined {
    while (this.#heap[0]?.callback === null) this.#pop();
    return this.#heap[0];
  }

  #step(): boolean {
    const event = this.#peek();
    if (event === undefined) return false;
    this.#pop();
    this.#sameInstant = event.atNs === this.#nowNs ? this.#sameInstant + 1 : 0;
    if (this.#sameInstant > this.mostAtOnce) {
      throw new Error(
        `Livelock: ${this.mostAtOnce} events in a row at ${(event.atNs / 1e9).toFixed(9)} s of virtual time.`,
      );
    }
    this.#nowNs = event.atNs;
    const { callback } = event;
    event.callback = null;
    this.#live--;
    callback?.();
    return true;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atNs < b.atNs || (a.atNs === b.atNs && a.order < b.order);
}

/** Behind a call, so that the compiler does not take the value from before the wait for granted. */
function isSettled(progress: { readonly settled: boolean }): boolean {
  return progress.settled;
}
