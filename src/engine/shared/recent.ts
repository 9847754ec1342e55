/**
 * What a run has learned by a key, no more of it than its memory allows: of two generations the older one goes as a whole once the
 * younger one has half as many keys as may be kept. What was asked for or set since then stays.
 */
export class Recent<Value> {
  readonly #mostYoung: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** `most` keys are kept at most, half as many at least. */
  constructor(most: number) {
    this.#mostYoung = Math.max(1, Math.floor(most / 2));
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: Value): void {
    this.#young.set(key, value);
    if (this.#young.size < this.#mostYoung) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
