/**
 * One spacing per destination, shared by all traces to it (METHOD: Pairs, Rhythm at a responder): what a target answers has a
 * limit that does not care which of our traces drew it. How fast each trace may go is learnt by itself (trace/pace.ts).
 */
const SWEEP_ABOVE = 4096;

/** Who was never asked may be asked at once. What is asked for is milliseconds, times are nanoseconds. */
export class TargetSpacing {
  readonly #nextAtNs = new Map<string, number>();
  #sweepAbove = SWEEP_ABOVE;

  /** When this one may be asked again. `who`: its address, and the kind of its answers where that has a limit of its own. */
  readyAtNs(who: string): number {
    return this.#nextAtNs.get(who) ?? Number.NEGATIVE_INFINITY;
  }

  spend(who: string, spacingMs: number, nowNs: number): void {
    this.#nextAtNs.set(who, nowNs + spacingMs * 1e6);
    if (this.#nextAtNs.size > this.#sweepAbove) this.#sweep(nowNs);
  }

  /** Entries whose time has passed say nothing any more. */
  #sweep(nowNs: number): void {
    for (const [who, atNs] of this.#nextAtNs) if (atNs <= nowNs) this.#nextAtNs.delete(who);
    this.#sweepAbove = Math.max(SWEEP_ABOVE, 2 * this.#nextAtNs.size);
  }
}
