/** Whom to look at next: a binary heap by time in which an entry can be moved. All operations are O(log n). */
export interface Waking {
  wakeAtNs: number;
  /** Place in the heap; −1 when absent. Owned by the queue. */
  wakeIndex: number;
}

/** An entry keeps its own place in the heap, so it stands in one queue at most, and begins with −1. */
export class WakeQueue<T extends Waking> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  peek(): T | undefined {
    return this.#heap[0];
  }

  /** Adds the entry, or moves it when it is there already. */
  schedule(entry: T, atNs: number): void {
    entry.wakeAtNs = atNs;
    if (entry.wakeIndex < 0) {
      entry.wakeIndex = this.#heap.length;
      this.#heap.push(entry);
      this.#rise(entry);
      return;
    }
    this.#rise(entry);
    this.#sink(entry);
  }

  remove(entry: T): void {
    const index = entry.wakeIndex;
    if (index < 0) return;
    entry.wakeIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#heap[index] = last;
    last.wakeIndex = index;
    this.#rise(last);
    this.#sink(last);
  }

  #rise(entry: T): void {
    let index = entry.wakeIndex;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex];
      if (parent === undefined || parent.wakeAtNs <= entry.wakeAtNs) break;
      this.#heap[index] = parent;
      parent.wakeIndex = index;
      index = parentIndex;
    }
    this.#heap[index] = entry;
    entry.wakeIndex = index;
  }

  #sink(entry: T): void {
    let index = entry.wakeIndex;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      if (left === undefined) break;
      const child = right !== undefined && right.wakeAtNs < left.wakeAtNs ? right : left;
      if (child.wakeAtNs >= entry.wakeAtNs) break;
      const childIndex = child.wakeIndex;
      this.#heap[index] = child;
      child.wakeIndex = index;
      index = childIndex;
    }
    this.#heap[index] = entry;
    entry.wakeIndex = index;
  }
}
