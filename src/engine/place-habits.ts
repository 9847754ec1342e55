/**
 * Which places, addresses at a hop limit, quote packets with an extension header in this run (METHOD: Replies, reporter), and
 * which unquoted answers to packets with the option came back (METHOD: dropped, the source's own firewall). Nothing of it
 * outlives the run: a router that reported yesterday may not today.
 */
import type { AskedAnswers, At, Habit } from '../trace/trace-context.js';
import type { ReportingHabit } from '../trace/told-to-others.js';
import type { Protocol } from '../trace/record.js';

/** Places kept at most; beyond it new ones are not learned. */
const MOST_PLACES = 1_000_000;
/** Targets kept of one place: more than any bar asks for. */
const MOST_TARGETS = 64;
/** Targets kept whose answers came from behind a place: one besides the one that asks. */
const ANSWERED_TARGETS = 2;
/** Packets of one target that a place left unreported before it counts as silent to that target. */
const SILENT_MISSES = 3;
/** Runs kept; the one that no trace has asked for longest goes first, and what it showed is not known any more. */
const MOST_RUNS = 8;

const NONE: AskedAnswers = { answered: 0, lost: 0 };

interface MutableHabit {
  passed: number;
  reported: number;
  firstNs: number;
  lastNs: number;
  readonly seenTargets: Set<string>;
  isSilentToSome: boolean;
}

/** What each run has shown by itself: a daemon's engine lives through many. */
export class HabitsOfRuns {
  readonly #runs = new Map<string, PlaceHabits>();
  /** The one that was asked for last, which most are. */
  #latest: { readonly runId: string; readonly habits: PlaceHabits } | null = null;

  of(runId: string): PlaceHabits {
    if (this.#latest?.runId === runId) return this.#latest.habits;
    const habits = this.#runs.get(runId) ?? new PlaceHabits();
    this.#runs.delete(runId);
    this.#runs.set(runId, habits);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > MOST_RUNS && oldest !== undefined) this.#runs.delete(oldest);
    this.#latest = { runId, habits };
    return habits;
  }
}

/** Of one run, told by traces that have ended. From a million places on new ones are not learned. */
export class PlaceHabits {
  readonly #habits = new Map<string, MutableHabit>();
  readonly #answeredBeyond = new Map<string, Set<string>>();
  readonly #asked = new Map<string, AskedAnswers>();

  /** Of other traces only: what a trace has found itself is noted when it ends. */
  of(hop: number, address: string): Habit | null {
    const habit = this.#habits.get(keyOf(hop, address));
    if (habit === undefined) return null;
    const { passed, reported, firstNs, lastNs, isSilentToSome } = habit;
    return { passed, reported, firstNs, lastNs, targets: habit.seenTargets.size, isSilentToSome };
  }

  /** Another target's packets with the option were quoted at both. */
  haveBothPassed(one: At, other: At, exceptBy: string): boolean {
    const beyond = this.#habits.get(keyOf(other.hop, other.address))?.seenTargets;
    if (beyond === undefined) return false;
    const before = this.#habits.get(keyOf(one.hop, one.address))?.seenTargets ?? [];
    for (const target of before) if (target !== exceptBy && beyond.has(target)) return true;
    return false;
  }

  note({ hop, address, reported, missed, firstNs, lastNs }: ReportingHabit, target: string): void {
    if (reported === 0 && missed === 0) return;
    const key = keyOf(hop, address);
    let habit = this.#habits.get(key);
    if (habit === undefined) {
      if (this.#habits.size >= MOST_PLACES) return;
      habit = {
        passed: 0,
        reported: 0,
        firstNs: Number.POSITIVE_INFINITY,
        lastNs: Number.NEGATIVE_INFINITY,
        seenTargets: new Set(),
        isSilentToSome: false,
      };
      this.#habits.set(key, habit);
    }
    if (habit.seenTargets.size < MOST_TARGETS && reported > 0) habit.seenTargets.add(target);
    habit.isSilentToSome ||= reported === 0 && missed >= SILENT_MISSES;
    habit.passed += reported + missed;
    habit.reported += reported;
    habit.firstNs = Math.min(habit.firstNs, firstNs);
    habit.lastNs = Math.max(habit.lastNs, lastNs);
  }

  /** Behind these places, where its packets with the option were seen, this target answered some by what quotes nothing. */
  noteAnswers(protocol: Protocol, target: string, places: readonly At[]): void {
    for (const { hop, address } of places) {
      const key = `${protocol} ${keyOf(hop, address)}`;
      const known = this.#answeredBeyond.get(key);
      if (known !== undefined) {
        if (known.size < ANSWERED_TARGETS) known.add(target);
      } else if (this.#answeredBeyond.size < MOST_PLACES) this.#answeredBeyond.set(key, new Set([target]));
    }
  }

  /**
   * What one trace has found of an address that it asks itself, in place of what it said `before`. False where no more addresses are
   * kept: then it is not to be subtracted.
   */
  noteAsked(
    protocol: Protocol,
    address: string,
    { answered, lost }: AskedAnswers,
    before: AskedAnswers = NONE,
  ): boolean {
    const key = `${protocol} ${address}`;
    const known = this.#asked.get(key);
    if (known === undefined && this.#asked.size >= MOST_PLACES) return false;
    const { answered: all, lost: allLost } = known ?? NONE;
    this.#asked.set(key, { answered: all + answered - before.answered, lost: allLost + lost - before.lost });
    return true;
  }

  /** What all others than the one that noted `own` have found; null where they found nothing. */
  askedOf(protocol: Protocol, address: string, own: AskedAnswers = NONE): AskedAnswers | null {
    const all = this.#asked.get(`${protocol} ${address}`);
    if (all === undefined) return null;
    const others = { answered: all.answered - own.answered, lost: all.lost - own.lost };
    return others.answered === 0 && others.lost === 0 ? null : others;
  }

  /** By another target than this one. */
  isAnsweredBeyond(protocol: Protocol, hop: number, address: string, exceptBy: string): boolean {
    const known = this.#answeredBeyond.get(`${protocol} ${keyOf(hop, address)}`);
    if (known === undefined) return false;
    for (const target of known) if (target !== exceptBy) return true;
    return false;
  }
}

function keyOf(hop: number, address: string): string {
  return `${hop} ${address}`;
}
