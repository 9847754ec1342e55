/** At most `size` things at once, the rest in order of arrival. */
export class Slots {
  #size: number;
  readonly #waiting: { readonly count: number; readonly go: () => void }[] = [];
  #used = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** From now on. Those in use beyond a smaller size stay. */
  resize(size: number): void {
    this.#size = size;
    this.give(0);
  }

  /** Resolves when `count` are free, or all of them where `count` is more than there are. */
  take(count = 1): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(count)) {
      this.#used += count;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push({ count, go: resolve }));
  }

  give(count = 1): void {
    this.#used -= count;
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.count); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.count;
      next.go();
    }
  }

  /** Lets everybody who waits pass: for an end, where they find out themselves that nothing is to be done any more. */
  open(): void {
    for (const { count, go } of this.#waiting.splice(0)) {
      this.#used += count;
      go();
    }
  }

  #fits(count: number): boolean {
    return this.#used === 0 || this.#used + count <= this.#size;
  }
}
