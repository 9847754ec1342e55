/**
 * Which places, addresses at a hop limit, quote packets with an extension header in this run (METHOD: Replies, reporter), and
 * which unquoted answers to packets with the option came back (METHOD: dropped, the source's own firewall). Nothing of it
 * outlives the run: a router that reported yesterday may not today.
 */
import type { Habit } from '../trace/trace-context.js';
import type { ReportingHabit } from '../trace/trace-machine.js';
import type { Protocol } from '../trace/record.js';

/** Places kept at most; beyond it new ones are not learned. */
const MOST_PLACES = 1_000_000;
/** Of one place, traces whose habit is kept apart, so that none is told its own. */
const ANSWERED_TARGETS = 2;

interface MutableHabit {
  passed: number;
  reported: number;
  firstNs: number;
  lastNs: number;
}

export class PlaceHabits {
  readonly #habits = new Map<string, MutableHabit>();
  readonly #answered = new Map<Protocol, Set<string>>();

  /** Of other traces only: what a trace has found itself is noted when it ends. */
  of(hop: number, address: string): Habit | null {
    return this.#habits.get(keyOf(hop, address)) ?? null;
  }

  note({ hop, address, reported, missed, firstNs, lastNs }: ReportingHabit): void {
    if (reported === 0 && missed === 0) return;
    const key = keyOf(hop, address);
    let habit = this.#habits.get(key);
    if (habit === undefined) {
      if (this.#habits.size >= MOST_PLACES) return;
      habit = { passed: 0, reported: 0, firstNs: Number.POSITIVE_INFINITY, lastNs: Number.NEGATIVE_INFINITY };
      this.#habits.set(key, habit);
    }
    habit.passed += reported + missed;
    habit.reported += reported;
    habit.firstNs = Math.min(habit.firstNs, firstNs);
    habit.lastNs = Math.max(habit.lastNs, lastNs);
  }

  /** An answer that quotes nothing came back for a packet with the option, from outside the source's network. */
  noteAnswer(protocol: Protocol, address: string): void {
    const known = this.#answered.get(protocol);
    if (known === undefined) this.#answered.set(protocol, new Set([address]));
    else if (known.size < ANSWERED_TARGETS) known.add(address);
  }

  /** From somebody else than this target. */
  isAnswered(protocol: Protocol, exceptBy: string): boolean {
    for (const address of this.#answered.get(protocol) ?? []) if (address !== exceptBy) return true;
    return false;
  }
}

function keyOf(hop: number, address: string): string {
  return `${hop} ${address}`;
}
