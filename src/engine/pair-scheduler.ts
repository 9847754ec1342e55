/**
 * What is sent when: the packet rate, one budget for each router and one spacing for each target, and whose turn it is. What to
 * send is the traces' own business: each look takes a step of one and grants what it wishes as far as all of these allow.
 */
import { formatAddress } from '../address/address.js';
import { packetsPerProbe } from '../trace/probe/probe-packet.js';
import { errorAbout, isAnswered, isPlainOnOwnFlow, isPlainProbe, settledAtNs } from '../trace/probe/one-probe.js';
import {
  addPair,
  chargeSpare,
  markFailed,
  markHandedOver,
  markSent,
  refreshPdm,
  withdraw,
} from '../trace/probe/sending.js';
import type { Flow } from '../trace/state/trace-state.js';
import type { TraceContext } from '../trace/trace-context.js';
import { step } from '../trace/trace-machine.js';
import { RANK } from '../trace/wish.js';
import type { PairWish } from '../trace/wish.js';
import type { ProbeTransport, SendOutcome } from '../transport/probe-transport.js';
import { deferredAtNs } from './deferred-packet.js';
import type { PacketTap } from './tap/packet-tap.js';
import { Pacer } from './pace/pacer.js';
import { ProbeBatch } from './probe-batch.js';
import type { RandomMaterial } from './random-material.js';
import { ResponderBudgets } from './pace/responder-budgets.js';
import type { RouterBudget } from './pace/responder-budgets.js';
import { freshFlow } from './running-trace.js';
import type { RunningTrace, Toll } from './running-trace.js';
import { SynTurns } from './syn-turns.js';
import { tapSent } from './tap/tap-packets.js';
import { notLaterThan } from './reply-router.js';
import { TargetSpacing } from './pace/target-spacing.js';
import type { EngineTime } from './trace-engine.js';
import { WaitingLine } from './pace/waiting-line.js';
import { WakeQueue } from './pace/wake-queue.js';

/** A trace sleeps no longer than this, whatever it waits for. */
const LONGEST_NAP_NS = 500e6;

/** … nor after a pair has left for it, where nothing comes in before: what it wishes next is known then. */
const AFTER_GRANT_NS = 5e6;

/**
 * No trace that waits for an answer, for its turn or for another trace (`PATIENCE_NS`) waits so long: what goes on in it is then not what
 * was thought of, as where a transport never says what became of a packet.
 */
const STUCK_AFTER_NS = 900e9;

/** How many traces one turn may look at before the event loop gets its turn. */
const LOOKS_PER_TURN = 512;

/** What the scheduler asks of the engine, and tells it. */
export interface SchedulerHooks {
  contextOf(trace: RunningTrace): TraceContext;
  /** Who answered another trace to the same target at this hop limit. */
  responderAt(trace: RunningTrace, hopLimit: number): string | null;
  /** It has nothing more to ask, by its step at this time. */
  finish(trace: RunningTrace, atNs: number): void;
  /** Nothing was sent for it, or came in, for `STUCK_AFTER_NS`, and it waits in no line. */
  stuck(trace: RunningTrace): void;
  /** Something was sent for the trace with this id. */
  readonly onProgress?: (id: string) => void;
  readonly tap?: PacketTap;
}

/** What the scheduler sends through, how fast, and where its random numbers are from. */
export interface SchedulerOptions {
  readonly transport: ProbeTransport;
  readonly time: EngineTime;
  /** Packets per second over all traces. */
  readonly rate: number;
  readonly material: RandomMaterial;
}

/** Has one timer, set for the first trace or line that is due. Times are nanoseconds on the engine's clock. */
export class PairScheduler {
  readonly #time: EngineTime;
  readonly #material: RandomMaterial;
  readonly #hooks: SchedulerHooks;
  readonly #pacer: Pacer;
  readonly #budgets: ResponderBudgets;
  readonly #targets = new TargetSpacing();
  readonly #syns = new SynTurns();
  readonly #queue = new WakeQueue<RunningTrace | WaitingLine<RunningTrace>>();
  readonly #lines = new Map<RouterBudget, WaitingLine<RunningTrace>>();
  readonly #batch: ProbeBatch;
  #cancelTimer: (() => void) | null = null;
  #timerAtNs = Number.POSITIVE_INFINITY;
  #isStopped = false;
  #probesSent = 0;
  #sendErrors = 0;

  constructor({ transport, time, rate, material }: SchedulerOptions, hooks: SchedulerHooks) {
    this.#time = time;
    this.#material = material;
    this.#hooks = hooks;
    this.#pacer = new Pacer(rate, time.nowNs());
    this.#budgets = new ResponderBudgets(rate);
    const { tap } = hooks;
    this.#batch = new ProbeBatch(transport, {
      onProbe: (trace, row, outcome) => {
        this.#takeOutcome(trace, row, outcome);
      },
      ...(tap === undefined
        ? {}
        : {
            onPacketSent: (trace, row, fragment, packet, sentAtNs) => {
              tapSent(tap, trace, row, fragment, packet, sentAtNs);
            },
          }),
    });
  }

  /** Probes that left, and those that the transport could not send. */
  get counts(): { readonly probesSent: number; readonly sendErrors: number } {
    return { probesSent: this.#probesSent, sendErrors: this.#sendErrors };
  }

  /** Nothing more is sent but what was granted. Null, or when the transport has said what became of all that. */
  stop(): Promise<void> | null {
    this.#isStopped = true;
    this.#batch.flush();
    return this.#batch.settled();
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** It has ended. */
  remove(trace: RunningTrace): void {
    this.#queue.remove(trace);
  }

  /** Whoever sent an error, its budget paid for it, and learns. A SYN that ran out of hop limit did not reach the target. */
  settle(trace: RunningTrace, row: number): void {
    const { state } = trace;
    trace.progressAtNs = this.#time.nowNs();
    const error = errorAbout(state, row);
    if (error?.ranOut === true) this.#syns.giveBack(trace, row);
    const ask = trace.asks.get(row);
    if (ask === undefined) return;
    trace.asks.delete(row);
    if (error === null) {
      this.#budgets.giveBack(ask);
      return;
    }
    if (error.ranOut) {
      trace.met[error.hopLimit] = error.router;
      if (isPlainOnOwnFlow(state, row)) trace.way[error.hopLimit] = error.router;
    }
    const nowNs = this.#time.nowNs();
    const budget = this.#budgets.of(error.router, state.limits.hopIntervalMs, nowNs);
    const before = budget.rate;
    this.#budgets.answered(ask, budget, error, nowNs);
    const line = this.#lines.get(budget);
    if (line !== undefined && budget.rate > before) this.#schedule(line, nowNs);
  }

  /** It is looked at then, or sooner where it was to be. */
  wake(trace: RunningTrace, atNs: number): void {
    if (!trace.finished) this.#schedule(trace, atNs);
  }

  #schedule(entry: RunningTrace | WaitingLine<RunningTrace>, atNs: number): void {
    this.#queue.schedule(entry, atNs);
    this.#arm(atNs);
  }

  #arm(atNs: number): void {
    if (atNs >= this.#timerAtNs) return;
    this.#cancelTimer?.();
    this.#timerAtNs = atNs;
    this.#cancelTimer = this.#time.at(atNs, () => {
      this.#timerAtNs = Number.POSITIVE_INFINITY;
      this.#cancelTimer = null;
      this.#turn();
    });
  }

  /** Looks at the traces whose time has come, in that order. */
  #turn(): void {
    if (this.#isStopped) return;
    const nowNs = this.#time.nowNs();
    let nextAtNs: number | null = null;
    for (let looks = 0; ; looks += 1) {
      const next = this.#queue.peek();
      if (next === undefined) break;
      nextAtNs = next.wakeAtNs;
      if (nextAtNs > nowNs) break;
      const rateAtNs = this.#pacer.readyAtNs(2, nowNs);
      if (rateAtNs > nowNs || looks >= LOOKS_PER_TURN) {
        nextAtNs = Math.max(rateAtNs, nowNs);
        break;
      }
      if (next instanceof WaitingLine) this.#serve(next, nowNs);
      else this.#look(next, nowNs);
      nextAtNs = null;
    }
    this.#batch.flush();
    if (nextAtNs !== null) this.#arm(nextAtNs);
  }

  #look(trace: RunningTrace, nowNs: number): void {
    this.#sendDeferred(trace, nowNs);
    const next = step(trace.state, this.#hooks.contextOf(trace), nowNs);
    if (next.kind === 'done') {
      this.#hooks.finish(trace, nowNs);
      return;
    }
    if (nowNs > trace.progressAtNs + STUCK_AFTER_NS && trace.waitsIn.size === 0) {
      this.#hooks.stuck(trace);
      return;
    }
    if (next.kind === 'wait') {
      const untilNs = Math.min(next.untilNs ?? Number.POSITIVE_INFINITY, deferredAtNs(trace));
      this.#queue.schedule(trace, Math.min(Math.max(untilNs, nowNs + 1), nowNs + LONGEST_NAP_NS));
      return;
    }
    let earliestNs = Math.min(next.deadlineNs ?? Number.POSITIVE_INFINITY, deferredAtNs(trace));
    let granted = 0;
    let isTargetAsked = false;
    // Something that may be granted at once was not asked for.
    let isCutShort = false;
    // Exploring would take the turn of what a verdict waits for.
    let isHeldBack = false;
    for (const wish of next.wishes) {
      // When the target may be asked again depends on the pair that has just left.
      if (isTargetAsked && asksTarget(wish)) {
        isCutShort = true;
        continue;
      }
      if (isHeldBack && wish.rank >= RANK.explore) break;
      const readyNs = this.#readyAtNs(trace, wish, nowNs);
      if (readyNs > nowNs) {
        earliestNs = Math.min(earliestNs, readyNs);
        isHeldBack ||= readyNs <= nowNs + this.#pacer.nsFor(2);
        continue;
      }
      const toll = this.#tollOf(trace, wish, nowNs);
      if (!this.#mayAsk(trace, toll, nowNs)) continue;
      isCutShort = !this.#grant(trace, wish, toll, nowNs);
      if (isCutShort) break;
      granted += 1;
      isTargetAsked ||= asksTarget(wish);
      isCutShort = granted >= next.mostPairs || wish.protocol === 'tcp' || this.#pacer.readyAtNs(2, nowNs) > nowNs;
      if (isCutShort) break;
    }
    // What a trace waits for may have been given up in this very look, and a pair that left makes room for wishes of another kind.
    const latestNs = nowNs + (granted > 0 ? AFTER_GRANT_NS : LONGEST_NAP_NS);
    const againNs = granted > 0 && isCutShort ? nowNs : Math.min(Math.max(earliestNs, nowNs + 1), latestNs);
    this.#queue.schedule(trace, againNs);
  }

  /**
   * Whether the router may be asked now; else the trace is called when it is its turn. The wait is that for two whole probes
   * whatever the pair will draw (METHOD: Pairs, Rhythm at a router).
   */
  #mayAsk(trace: RunningTrace, toll: Toll | null, nowNs: number): boolean {
    if (toll === null || toll.budget === null) return true;
    const { budget } = toll;
    const answers = 2 * toll.plain;
    const readyNs = this.#budgets.readyAtNs(budget, answers, nowNs);
    if (readyNs <= nowNs) return true;
    let line = this.#lines.get(budget);
    if (line === undefined) {
      line = new WaitingLine<RunningTrace>(budget);
      this.#lines.set(budget, line);
    }
    line.join(trace, answers);
    if (line.wakeIndex < 0 || readyNs < line.wakeAtNs) this.#queue.schedule(line, readyNs);
    return false;
  }

  /** The oldest of those that wait for this router gets its look. */
  #serve(line: WaitingLine<RunningTrace>, nowNs: number): void {
    const first = line.first();
    if (first === undefined) {
      this.#queue.remove(line);
      this.#lines.delete(line.budget);
      return;
    }
    const readyNs = this.#budgets.readyAtNs(line.budget, first.answers, nowNs);
    if (readyNs > nowNs) {
      this.#queue.schedule(line, readyNs);
      return;
    }
    line.leave();
    this.#queue.schedule(line, nowNs + 1);
    this.#look(first.trace, nowNs);
  }

  #readyAtNs(trace: RunningTrace, wish: PairWish, nowNs: number): number {
    const { notBeforeNs, responder, draws } = wish;
    const isSpaced = responder !== null && draws === null;
    const readyNs = isSpaced ? Math.max(notBeforeNs, this.#targets.readyAtNs(responder)) : notBeforeNs;
    if (wish.restNs === null)
      return wish.isSpare === true && trace.deferred !== null ? Number.POSITIVE_INFINITY : readyNs;
    if (trace.deferred !== null) return Number.POSITIVE_INFINITY;
    const afterNs = trace.lastParted === null ? 0 : settledAtNs(trace.state, trace.lastParted) + wish.restNs;
    if (wish.protocol !== 'tcp') return Math.max(readyNs, afterNs);
    return Math.max(readyNs, this.#syns.readyAtNs(trace, wish, nowNs));
  }

  /** Which router's budget the pair will cost, as far as it is known; null where it is no router's. */
  #tollOf(trace: RunningTrace, { responder, draws, hopLimit }: PairWish, nowNs: number): Toll | null {
    if (draws === null) return null;
    // Who answered the trace of another protocol may answer this one.
    const router = responder ?? this.#hooks.responderAt(trace, hopLimit) ?? trace.nearHops?.likelyAt(hopLimit) ?? null;
    const { hopIntervalMs } = trace.state.limits;
    const budget = router === null ? null : this.#budgets.of(router, hopIntervalMs, nowNs);
    return { budget, ...draws, isSure: draws.isSure && responder !== null };
  }

  #sendDeferred(trace: RunningTrace, nowNs: number): void {
    const { deferred, state } = trace;
    if (deferred === null || deferredAtNs(trace) > nowNs) return;
    trace.deferred = null;
    if (deferred.isSpare) {
      if (isAnswered(state, deferred.after)) {
        withdraw(state, deferred.row);
        return;
      }
      chargeSpare(state, deferred.row, nowNs);
    } else trace.lastParted = deferred.row;
    refreshPdm(state, deferred.row, nowNs);
    this.#handOver(trace, deferred.row, deferred.toll, nowNs);
  }

  #handOver(trace: RunningTrace, row: number, toll: Toll | null, nowNs: number): void {
    if (toll !== null) {
      const isPlain = isPlainProbe(trace.state, row);
      const { budget, isSure } = toll;
      const cost = isPlain ? toll.plain : toll.treated;
      trace.asks.set(row, this.#budgets.ask(budget, { isPlain, isSure, cost }, nowNs));
    }
    this.#syns.handOver(trace, row, nowNs);
    trace.progressAtNs = nowNs;
    markHandedOver(trace.state, row, nowNs);
    this.#batch.add(trace, row);
  }

  /** False where the rate allows none now. */
  #grant(trace: RunningTrace, wish: PairWish, toll: Toll | null, nowNs: number): boolean {
    if (!this.#pacer.take(2 * packetsPerProbe(trace.state, wish.protocol), nowNs)) return false;
    if (wish.responder !== null && toll === null) this.#targets.spend(wish.responder, wish.spacingMs, nowNs);
    const rows = addPair(trace.state, wish, () => this.#freshFlow(trace, wish), nowNs);
    const [first, second] = rows;
    this.#syns.grant(trace, wish, rows, nowNs);
    this.#handOver(trace, first, toll, nowNs);
    const isSpare = wish.isSpare === true;
    if (wish.restNs !== null || isSpare) {
      trace.deferred = { row: second, after: first, restNs: wish.restNs ?? 0, toll, isSpare };
    } else this.#handOver(trace, second, toll, nowNs);
    this.#hooks.onProgress?.(trace.request.id);
    return true;
  }

  /** Whoever is asked instead of the target answers with our nonce, or our sequence number. */
  #freshFlow(trace: RunningTrace, { protocol, port, destination }: PairWish): Flow {
    const flow = freshFlow(trace, protocol, this.#material, port);
    if (destination === undefined) return flow;
    return { ...flow, destination, destinationText: formatAddress(destination) };
  }

  #takeOutcome(trace: RunningTrace, row: number, outcome: SendOutcome): void {
    if (outcome.ok) {
      this.#probesSent += 1;
      markSent(trace.state, row, notLaterThan(outcome.sentAtNs, this.#time.nowNs()));
      return;
    }
    this.#sendErrors += 1;
    this.#syns.giveBack(trace, row);
    const ask = trace.asks.get(row);
    if (ask !== undefined) this.#budgets.giveBack(ask);
    trace.asks.delete(row);
    markFailed(trace.state, row, outcome.code, outcome.message);
    this.wake(trace, this.#time.nowNs());
  }
}

/** How its pairs follow each other is the target's rhythm, or one waits for the other. */
function asksTarget({ draws, restNs }: PairWish): boolean {
  return draws === null || restNs !== null;
}
