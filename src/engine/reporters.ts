/** Addresses that dependably quote packets with an extension header (METHOD §5), over all traces of a run. */
import { REPORTER_MISSES_PER_QUOTE, REPORTER_QUOTES } from '../trace/procedure.js';

/** Addresses kept at most; beyond it new ones are not learned. */
const MOST_ADDRESSES = 1_000_000;

interface Habit {
  reported: number;
  missed: number;
}

export class Reporters {
  readonly #habits = new Map<string, Habit>();
  /** Known from earlier runs, and not seen to report in this one. */
  readonly #unconfirmed: Set<string>;

  /** `known`: addresses that an earlier run found dependable. */
  constructor(known: Iterable<string>) {
    this.#unconfirmed = new Set(known);
    for (const address of this.#unconfirmed) this.#habits.set(address, { reported: REPORTER_QUOTES, missed: 0 });
  }

  has(address: string): boolean {
    const habit = this.#habits.get(address);
    return habit !== undefined && isDependable(habit);
  }

  /** Returns true when this makes the address a reporter, or is the first report of one that an earlier run knew. */
  note(address: string, reported: number, missed: number): boolean {
    if (reported === 0 && missed === 0) return false;
    let habit = this.#habits.get(address);
    if (habit === undefined) {
      if (this.#habits.size >= MOST_ADDRESSES) return false;
      habit = { reported: 0, missed: 0 };
      this.#habits.set(address, habit);
    }
    const before = isDependable(habit);
    habit.reported += reported;
    habit.missed += missed;
    const confirmed = reported > 0 && this.#unconfirmed.delete(address);
    return (confirmed || !before) && isDependable(habit);
  }
}

function isDependable({ reported, missed }: Habit): boolean {
  return reported >= REPORTER_QUOTES && missed <= reported * REPORTER_MISSES_PER_QUOTE;
}
