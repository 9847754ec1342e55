/** Runs at most `width` lookups at once, the rest in order of arrival. */
export class LookupGate {
  readonly #waiting: (() => void)[] = [];
  readonly #width: number;
  #running = 0;
  #widest = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** The most lookups that ran at the same time so far. */
  get widest(): number {
    return this.#widest;
  }

  /** `abandoned` is asked when the turn comes: a lookup that nobody waits for any more is not started. */
  async run<T>(lookup: () => Promise<T>, abandoned: () => boolean): Promise<T | null> {
    // The one who leaves hands its place to the next, so that no newcomer can slip in between.
    if (this.#running >= this.#width) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    this.#widest = Math.max(this.#widest, this.#running);
    try {
      return abandoned() ? null : await lookup();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
