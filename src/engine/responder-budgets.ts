/**
 * One spacing per responder, shared by all traces: routers limit their errors, and the limit does not care which of our
 * traces drew them (METHOD: Pairs, Rhythm at a responder).
 */
const SWEEP_ABOVE = 4096;

export class ResponderBudgets {
  readonly #nextAtNs = new Map<string, number>();
  #sweepAbove = SWEEP_ABOVE;

  /** When this responder may be asked again. */
  readyAtNs(responder: string): number {
    return this.#nextAtNs.get(responder) ?? Number.NEGATIVE_INFINITY;
  }

  spend(responder: string, spacingMs: number, nowNs: number): void {
    this.#nextAtNs.set(responder, nowNs + spacingMs * 1e6);
    if (this.#nextAtNs.size > this.#sweepAbove) this.#sweep(nowNs);
  }

  /** Somebody answered who was not known to be asked: what it was sent at that time counts as well. */
  charge(responder: string, spacingMs: number, sentAtNs: number): void {
    const nextAtNs = sentAtNs + spacingMs * 1e6;
    if (nextAtNs > this.readyAtNs(responder)) this.#nextAtNs.set(responder, nextAtNs);
  }

  /** Entries whose time has passed say nothing any more. */
  #sweep(nowNs: number): void {
    for (const [responder, atNs] of this.#nextAtNs) if (atNs <= nowNs) this.#nextAtNs.delete(responder);
    this.#sweepAbove = Math.max(SWEEP_ABOVE, 2 * this.#nextAtNs.size);
  }
}
