/** Traces that wait for one router's budget: the oldest first, one woken whenever there is an answer to ask for. */
import type { RouterBudget } from './responder-budgets.js';
import type { Waking } from './wake-queue.js';

/** What the line needs to know of a trace that stands in it. */
export interface Waiting {
  /** Its place among all traces, by when it began. */
  readonly order: number;
  readonly finished: boolean;
  /** Lines in which it stands. */
  readonly waitsIn: Set<object>;
}

interface Waiter<T> {
  readonly trace: T;
  readonly answers: number;
}

/** An entry of the wake queue; a heap by `order`, O(log n). */
export class WaitingLine<T extends Waiting> implements Waking {
  readonly budget: RouterBudget;
  wakeAtNs = 0;
  wakeIndex = -1;
  readonly #heap: Waiter<T>[] = [];

  constructor(budget: RouterBudget) {
    this.budget = budget;
  }

  /** Once for each trace, whatever it waits for. */
  join(trace: T, answers: number): void {
    if (trace.waitsIn.has(this)) return;
    trace.waitsIn.add(this);
    const heap = this.#heap;
    let index = heap.length;
    const waiter = { trace, answers };
    heap.push(waiter);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || parent.trace.order <= trace.order) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = waiter;
  }

  /** The oldest that has not ended, and the answers that it waits for; undefined where nobody waits. */
  first(): Waiter<T> | undefined {
    while (this.#heap[0]?.trace.finished === true) this.leave();
    return this.#heap[0];
  }

  /** The first goes. */
  leave(): void {
    const heap = this.#heap;
    heap[0]?.trace.waitsIn.delete(this);
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && right.trace.order < left.trace.order;
      const child = isRight ? right : left;
      if (child.trace.order >= last.trace.order) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}
