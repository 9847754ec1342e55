/** What the engine tells one trace of the others. A class, as there is one for each of many thousand traces. */
import type {
  AnsweredTarget,
  AskedAnswers,
  AskedPair,
  At,
  Habit,
  NearHops,
  TraceContext,
  WayMet,
} from '../../trace/trace-context.js';
import type { Sibling } from '../../trace/sibling.js';
import type { Protocol } from '../../record/record.js';
import type { WitnessProtocol } from '../../trace/state/trace-state.js';
import { Asker } from './answers-from-outside.js';
import type { HabitsOfRuns, PlaceHabits } from './place-habits.js';
import type { RunningTrace } from '../running-trace.js';
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
  #asker: Asker | null = null;

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
  answeredBeyond(protocol: Protocol, hop: number, address: string): AnsweredTarget | null {
    return this.#habits().answers.answeredBeyond(protocol, hop, address, this.#trace.state.identity.targetText);
  }
  askedByOthers(protocol: Protocol, address: string, sinceNs: number): AskedAnswers | null {
    return this.#habits().answers.askedOf(protocol, address, sinceNs, this.#asker);
  }
  noteAsked(protocol: Protocol, address: string, flow: number, pair: AskedPair): void {
    this.#asker ??= new Asker();
    this.#habits().answers.noteAsked(protocol, address, flow, pair, this.#asker);
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
  waysOfOthers(): readonly WayMet[] {
    return this.#knowledge.sameTarget.ways(this.#trace);
  }

  #habits(): PlaceHabits {
    return this.#knowledge.habits.of(this.#trace.request.runId);
  }
}
