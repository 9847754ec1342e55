import type { EngineClock } from '../probe-transport.js';

const REMEASURE_AFTER_NS = 1e9;
/** Two measurements of the same difference disagree by less. */
const MEASUREMENT_ERROR_NS = 2_000;
const ATTEMPTS = 8;

/**
 * Puts the addon's times onto the engine's clock. Both run with CLOCK_MONOTONIC, so that the difference is constant; it is
 * measured again all the same, since the engine's clock is whatever it was given.
 */
export class NativeClock {
  readonly #engine: EngineClock;
  readonly #nativeNowNs: () => number;
  #differenceNs: number;
  #measuredAtNs: number;

  constructor(engine: EngineClock, nativeNowNs: () => number) {
    this.#engine = engine;
    this.#nativeNowNs = nativeNowNs;
    this.#differenceNs = this.#measure();
    this.#measuredAtNs = nativeNowNs();
  }

  /** Add to a time of the addon's to have it on the engine's clock. Valid for the current turn of the event loop. */
  get differenceNs(): number {
    const now = this.#nativeNowNs();
    if (now - this.#measuredAtNs > REMEASURE_AFTER_NS) {
      this.#measuredAtNs = now;
      const measured = this.#measure();
      // Replacing it by its own measurement error would only add jitter to round-trip times.
      if (Math.abs(measured - this.#differenceNs) > MEASUREMENT_ERROR_NS) this.#differenceNs = measured;
    }
    return this.#differenceNs;
  }

  /** From the narrowest of a few readings: one that was interrupted says little. */
  #measure(): number {
    let narrowest = Infinity;
    let difference = 0;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const before = this.#nativeNowNs();
      const engine = this.#engine.nowNs();
      const after = this.#nativeNowNs();
      if (after - before < narrowest) {
        narrowest = after - before;
        difference = engine - (before + after) / 2;
      }
    }
    return difference;
  }
}
