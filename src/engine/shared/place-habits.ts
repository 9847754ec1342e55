/**
 * Which places, addresses at a hop limit, quote packets with an extension header in this run (METHOD: Replies, reporter). Nothing
 * of it outlives the run: a router that reported yesterday may not today.
 */
import type { At, Habit } from '../../trace/trace-context.js';
import type { ReportingHabit } from '../../trace/told-to-others.js';
import { AnswersFromOutside } from './answers-from-outside.js';
import { Recent } from './recent.js';

/** Places kept at most: near ones, which many traces meet, among them. Those of far networks that nobody meets again go. */
const MOST_PLACES = 50_000;
/** Targets kept of one place: more than any bar asks for. */
const MOST_TARGETS = 64;
/** Packets of one target that a place left unreported before it counts as silent to that target. */
const SILENT_MISSES = 3;
/** Runs kept; the one that no trace has asked for longest goes first, and what it showed is not known any more. */
const MOST_RUNS = 8;

interface MutableHabit {
  passed: number;
  reported: number;
  firstNs: number;
  lastNs: number;
  /** The first target of which it reported a packet, and, once there are more, all of them: most places are met by one. */
  firstTarget: string | null;
  seenTargets: Set<string> | null;
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

/** Of one run, told by traces that have ended. */
export class PlaceHabits {
  readonly answers = new AnswersFromOutside();
  readonly #habits = new Recent<MutableHabit>(MOST_PLACES);

  /** Of other traces only: what a trace has found itself is noted when it ends. */
  of(hop: number, address: string): Habit | null {
    const habit = this.#habits.get(keyOf(hop, address));
    if (habit === undefined) return null;
    const { passed, reported, firstNs, lastNs, isSilentToSome } = habit;
    return { passed, reported, firstNs, lastNs, targets: countTargets(habit), isSilentToSome };
  }

  /** Another target's packets with the option were quoted at both. */
  haveBothPassed(one: At, other: At, exceptBy: string): boolean {
    const beyond = targetsOf(this.#habits.get(keyOf(other.hop, other.address)));
    const before = targetsOf(this.#habits.get(keyOf(one.hop, one.address)));
    return before.some((target) => target !== exceptBy && beyond.includes(target));
  }

  note({ hop, address, reported, missed, firstNs, lastNs }: ReportingHabit, target: string): void {
    if (reported === 0 && missed === 0) return;
    const key = keyOf(hop, address);
    let habit = this.#habits.get(key);
    if (habit === undefined) {
      habit = {
        passed: 0,
        reported: 0,
        firstNs: Number.POSITIVE_INFINITY,
        lastNs: Number.NEGATIVE_INFINITY,
        firstTarget: null,
        seenTargets: null,
        isSilentToSome: false,
      };
      this.#habits.set(key, habit);
    }
    if (reported > 0) addTarget(habit, target);
    habit.isSilentToSome ||= reported === 0 && missed >= SILENT_MISSES;
    habit.passed += reported + missed;
    habit.reported += reported;
    habit.firstNs = Math.min(habit.firstNs, firstNs);
    habit.lastNs = Math.max(habit.lastNs, lastNs);
  }
}

function addTarget(habit: MutableHabit, target: string): void {
  if (habit.firstTarget === null) habit.firstTarget = target;
  else if (habit.firstTarget !== target && (habit.seenTargets?.size ?? 0) < MOST_TARGETS)
    (habit.seenTargets ??= new Set([habit.firstTarget])).add(target);
}

function countTargets({ firstTarget, seenTargets }: MutableHabit): number {
  return seenTargets?.size ?? (firstTarget === null ? 0 : 1);
}

function targetsOf(habit: MutableHabit | undefined): readonly string[] {
  if (habit === undefined || habit.firstTarget === null) return [];
  return habit.seenTargets === null ? [habit.firstTarget] : [...habit.seenTargets];
}

function keyOf(hop: number, address: string): string {
  return `${hop} ${address}`;
}
