import { monitorEventLoopDelay } from 'node:perf_hooks';

const SAMPLE_MS = 20;
const WINDOW_MS = 60_000;

/** Milliseconds by which timers came late. */
export interface Lag {
  readonly mean: number;
  readonly p99: number;
  readonly max: number;
}

/** How long this thread's event loop keeps others waiting, over the last one to two minutes. */
export class EventLoopLag {
  readonly #histograms = [0, 1].map(() => monitorEventLoopDelay({ resolution: SAMPLE_MS }));
  readonly #timer: NodeJS.Timeout;
  #older = 0;

  constructor() {
    for (const histogram of this.#histograms) histogram.enable();
    // The older one always holds between one and two windows: no gap after a reset.
    this.#timer = setInterval(() => {
      this.#histograms[this.#older]?.reset();
      this.#older = 1 - this.#older;
    }, WINDOW_MS);
    this.#timer.unref();
  }

  now(): Lag {
    const histogram = this.#histograms[this.#older];
    if (histogram === undefined || histogram.count === 0) return { mean: 0, p99: 0, max: 0 };
    return { mean: lagMs(histogram.mean), p99: lagMs(histogram.percentile(99)), max: lagMs(histogram.max) };
  }

  close(): void {
    clearInterval(this.#timer);
    for (const histogram of this.#histograms) histogram.disable();
  }
}

/** The histogram holds nanoseconds between samples, the interval itself included. */
function lagMs(nanoseconds: number): number {
  return Math.round(Math.max(0, nanoseconds / 1e6 - SAMPLE_MS) * 1000) / 1000;
}
