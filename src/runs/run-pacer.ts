import { pause, type Clock } from '../measure/clock.js';
import { TYPICAL_PACKETS } from '../measure/measure-options.js';

/**
 * Holds a job to its own rate, on average: a target is given out once its packets so far and those expected of what is under
 * way fit the time that has passed. Within a few seconds one trace may send faster; the limit over all traces is the engine's.
 */
export class RunPacer {
  readonly #clock: Clock;
  readonly #rate: number;
  readonly #signal: AbortSignal;
  /** Packets that may be sent; grows with time, at most to what one second brings. */
  #credit: number;
  #atMs: number;
  /** Ends the pause of `take`: what was expected of a record is not what it sent. */
  #wake = (): void => undefined;

  /** `rate`: packets per second. */
  constructor(clock: Clock, rate: number, signal: AbortSignal) {
    this.#clock = clock;
    this.#rate = rate;
    this.#signal = signal;
    this.#credit = rate;
    this.#atMs = clock.wallMs();
  }

  /** Waits for the turn of a target with so many records, and charges what they usually take. */
  async take(records: number): Promise<void> {
    for (;;) {
      this.#grow();
      if (this.#credit > 0 || this.#signal.aborted) break;
      await this.#pause(Math.min(60_000, Math.ceil((1000 * -this.#credit) / this.#rate) + 1));
    }
    this.#credit -= records * TYPICAL_PACKETS;
  }

  /** One of them sent so many in fact. */
  settle(sent: number): void {
    this.#credit += TYPICAL_PACKETS - sent;
    this.#wake();
  }

  async #pause(waitMs: number): Promise<void> {
    const wake = new AbortController();
    const end = (): void => {
      wake.abort();
    };
    this.#wake = end;
    this.#signal.addEventListener('abort', end);
    await pause(this.#clock, waitMs, wake.signal);
    this.#signal.removeEventListener('abort', end);
  }

  #grow(): void {
    const nowMs = this.#clock.wallMs();
    // A clock that was set gives neither a burst nor a standstill.
    const passedMs = Math.min(120_000, Math.max(0, nowMs - this.#atMs));
    this.#atMs = nowMs;
    this.#credit = Math.min(this.#rate, this.#credit + (passedMs * this.#rate) / 1000);
  }
}
