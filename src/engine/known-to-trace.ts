/** What the engine tells one trace of the others. A class, as there is one for each of many thousand traces. */
import type { AskedAnswers, At, Habit, NearHops, TraceContext } from '../trace/trace-context.js';
import type { Sibling } from '../trace/sibling.js';
import type { Protocol } from '../trace/record.js';
import type { WitnessProtocol } from '../trace/state/trace-state.js';
import type { HabitsOfRuns, PlaceHabits } from './place-habits.js';
import type { RunningTrace } from './running-trace.js';
import type { SameTarget } from './same-target.js';

/** Where it is known. */
export interface Knowledge {
  readonly habits: HabitsOfRuns;
  readonly sameTarget: SameTarget;
  mayBeAsked(address: Uint8Array): boolean;
  /** See `TraceContext.watches`. */
  watches(trace: RunningTrace, protocol: Protocol): boolean | null;
}

/** Asks anew each time: nothing of it is kept. */
export class KnownToTrace implements TraceContext {
  readonly #trace: RunningTrace;
  readonly #knowledge: Knowledge;
  /** What it has noted of whom it asked itself. */
  #asked: Map<string, AskedAnswers> | null = null;

  constructor(trace: RunningTrace, knowledge: Knowledge) {
    this.#trace = trace;
    this.#knowledge = knowledge;
  }

  get nearHops(): NearHops | null {
    return this.#trace.nearHops;
  }
  habitOf(hop: number, address: string): Habit | null {
    return this.#habits().of(hop, address);
  }
  haveOthersPassed(one: At, other: At): boolean {
    return this.#habits().haveBothPassed(one, other, this.#trace.state.identity.targetText);
  }
  isAnsweredBeyond(protocol: Protocol, hop: number, address: string): boolean {
    return this.#habits().isAnsweredBeyond(protocol, hop, address, this.#trace.state.identity.targetText);
  }
  askedByOthers(protocol: Protocol, address: string): AskedAnswers | null {
    const own = this.#asked?.get(askedKey(protocol, address));
    return this.#habits().askedOf(protocol, address, own);
  }
  noteAsked(protocol: Protocol, address: string, answers: AskedAnswers): void {
    this.#asked ??= new Map();
    const key = askedKey(protocol, address);
    const before = this.#asked.get(key);
    if (before?.answered === answers.answered && before.lost === answers.lost) return;
    if (this.#habits().noteAsked(protocol, address, answers, before)) this.#asked.set(key, answers);
  }
  mayBeAsked(address: Uint8Array): boolean {
    return this.#knowledge.mayBeAsked(address);
  }
  isIntactAtTarget(): boolean {
    return this.#knowledge.sameTarget.isIntact(this.#trace);
  }
  saidNoWayToOthers(address: string): boolean {
    return this.#knowledge.sameTarget.saidNoWay(this.#trace, address);
  }
  sibling(protocol: Protocol): Sibling | null {
    return this.#knowledge.sameTarget.sibling(this.#trace, protocol);
  }
  watches(protocol: WitnessProtocol): boolean | null {
    return this.#knowledge.watches(this.#trace, protocol);
  }
  routerSeenByOthers(): number {
    return this.#knowledge.sameTarget.routerSeen(this.#trace);
  }

  #habits(): PlaceHabits {
    return this.#knowledge.habits.of(this.#trace.request.runId);
  }
}

function askedKey(protocol: Protocol, address: string): string {
  return `${protocol} ${address}`;
}
