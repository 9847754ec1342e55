/**
 * Many traces over one transport. The engine owns the packet rate, one budget per responder and the way from a received
 * packet to its trace; what to send and what it means is the traces' own business.
 */
import { formatAddress, sameAddress } from '../address/address.js';
import type { ObservedPacket, ProbeTransport, SendOutcome, WatchedFlow } from '../transport/probe-transport.js';
import type { Case } from '../trace/case.js';
import { matchReply } from '../trace/reply/match-reply.js';
import type { Match, MismatchReason } from '../trace/reply/match-reply.js';
import type { TraceContext } from '../trace/trace-context.js';
import type { PairWish } from '../trace/wish.js';
import type { Protocol, TraceRecord } from '../trace/record.js';
import { packetsPerProbe } from '../trace/probe/probe-packet.js';
import { parseReply } from '../trace/reply/reply.js';
import type { Reply } from '../trace/reply/reply.js';
import { errorAbout, isAnswered, isOut, isPlainProbe, sentAtNs, settledAtNs } from '../trace/probe/one-probe.js';
import {
  addPair,
  chargeSpare,
  withdraw,
  markFailed,
  markHandedOver,
  markSent,
  refreshPdm,
} from '../trace/probe/sending.js';
import { observe } from '../trace/reply/observe.js';
import { judgeTrace, placesAnsweredBeyond, reportingHabits, step } from '../trace/trace-machine.js';
import type { Flow } from '../trace/state/trace-state.js';
import { sharedHops } from '../trace/near-hops.js';
import { writeRecord } from '../trace/write-record.js';
import { NearHopSharing } from './near-hop-sharing.js';
import { Pacer } from './pacer.js';
import { PlaceHabits } from './place-habits.js';
import { ProbeBatch } from './probe-batch.js';
import { LOCAL_IDS, RandomMaterial } from './random-material.js';
import { ResponderBudgets } from './responder-budgets.js';
import type { RouterBudget } from './responder-budgets.js';
import { createRunningTrace, freshFlow } from './running-trace.js';
import type { RunningTrace, Toll } from './running-trace.js';
import { SameTarget } from './same-target.js';
import { SynBudget } from './syn-budget.js';
import { tapMatched, tapSent, tapUnmatched } from './tap-packets.js';
import { TargetSpacing } from './target-spacing.js';
import { TraceIndex } from './trace-index.js';
import { WaitingLine } from './waiting-line.js';
import { WakeQueue } from './wake-queue.js';
import type { EngineStats, TraceEngine, TraceEngineOptions, TraceHandle, TraceRequest } from './trace-engine.js';
import { unstartedRecord } from './unstarted-record.js';

export function createTraceEngine(options: TraceEngineOptions): TraceEngine {
  return new Engine(options);
}

/** A trace sleeps no longer than this, whatever it waits for. */
const LONGEST_NAP_NS = 500e6;

/** An interrupt waits so long for the transport to say which of the packets it was handed have left. */
const LAST_OUTCOMES_NS = 250e6;

/** The second of the first packets, where the first is not answered by then. */
const SPARE_AFTER_NS = 150e6;

/** How many traces one turn may look at before the event loop gets its turn. */
const LOOKS_PER_TURN = 512;

class Engine implements TraceEngine {
  readonly #options: TraceEngineOptions;
  readonly #transport: ProbeTransport;
  readonly #material: RandomMaterial;
  readonly #pacer: Pacer;
  readonly #budgets: ResponderBudgets;
  readonly #targets = new TargetSpacing();
  readonly #syns = new SynBudget();
  readonly #queue = new WakeQueue<RunningTrace | WaitingLine<RunningTrace>>();
  readonly #lines = new Map<RouterBudget, WaitingLine<RunningTrace>>();
  #opened = 0;
  readonly #index = new TraceIndex();
  readonly #running = new Set<RunningTrace>();
  readonly #starting = new Set<Promise<unknown>>();
  readonly #habits = new PlaceHabits();
  readonly #sharing: NearHopSharing;
  readonly #sameTarget: SameTarget;
  readonly #batch: ProbeBatch;
  readonly #watched = new Set<Protocol>();
  #watching: Promise<void> = Promise.resolve();
  #cancelTimer: (() => void) | null = null;
  #timerAtNs = Number.POSITIVE_INFINITY;
  #interrupted = false;
  #failure: Error | null = null;
  #lastSource: Uint8Array | null = null;
  #probesSent = 0;
  #repliesMatched = 0;
  #foreign = 0;
  #malformed = 0;
  #sendErrors = 0;

  constructor(options: TraceEngineOptions) {
    this.#options = options;
    this.#transport = options.transport;
    this.#material = new RandomMaterial(options.randomBytes);
    this.#pacer = new Pacer(options.rate, options.time.nowNs());
    this.#budgets = new ResponderBudgets(options.rate);
    const { tap } = options;
    this.#sameTarget = new SameTarget(
      this.#index,
      (trace) => this.#contextOf(trace),
      () => options.time.nowNs(),
    );
    this.#sharing = new NearHopSharing({
      nowNs: () => options.time.nowNs(),
      distanceSeenByOthers: (trace) => this.#sameTarget.distanceSeen(trace),
    });
    this.#batch = new ProbeBatch(this.#transport, {
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
    this.#transport.onPackets((batch) => {
      this.#receive(batch);
    });
    this.#transport.onError((error) => {
      this.#failure = error;
      void this.interrupt();
    });
  }

  start(given: TraceRequest): TraceHandle {
    // Read later than now: the caller may use its octets again.
    const request = { ...given, target: given.target.slice() };
    const startedAtMs = this.#options.time.wallMs();
    let running: RunningTrace | null = null;
    const record = new Promise<TraceRecord>((resolve) => {
      const opening = this.#open(request, startedAtMs, resolve).then((trace) => {
        running = trace;
        this.#starting.delete(opening);
      });
      this.#starting.add(opening);
    });
    return {
      record,
      snapshot: () =>
        running === null
          ? unstartedRecord(
              request,
              this.#tool(),
              startedAtMs,
              this.#options.time.wallMs(),
              'inconclusive',
              'Not started yet.',
            )
          : this.#judge(running, true).record,
    };
  }

  async interrupt(): Promise<void> {
    this.#interrupted = true;
    this.#batch.flush();
    const settled = this.#batch.settled();
    // Records count what has left, and nothing else: what is on its way to the wire is waited for.
    if (settled !== null) await this.#within(settled, LAST_OUTCOMES_NS);
    for (const trace of [...this.#running]) {
      trace.state.interrupted = true;
      this.#finish(trace);
    }
    await Promise.all(this.#starting);
  }

  async #within(done: Promise<void>, longestNs: number): Promise<void> {
    const { time } = this.#options;
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = time.at(time.nowNs() + longestNs, resolve);
    });
    await Promise.race([done, late]);
    cancel();
  }

  stats(): EngineStats {
    return {
      tracesInFlight: this.#running.size,
      probesSent: this.#probesSent,
      repliesMatched: this.#repliesMatched,
      foreign: this.#foreign,
      malformed: this.#malformed,
      sendErrors: this.#sendErrors,
    };
  }

  async close(): Promise<void> {
    await this.interrupt();
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    await this.#transport.close();
  }

  // ---- Starting and ending ----------------------------------------------------------------------------------------

  async #open(
    request: TraceRequest,
    startedAtMs: number,
    resolve: (record: TraceRecord) => void,
  ): Promise<RunningTrace | null> {
    const unstarted = (outcome: 'unreachable' | 'inconclusive', reason: string): null => {
      resolve(unstartedRecord(request, this.#tool(), startedAtMs, this.#options.time.wallMs(), outcome, reason));
      return null;
    };
    let source: Uint8Array;
    try {
      await this.#watch(request.protocol);
      if (request.protocol === 'udp') await this.#watch('icmp6');
      const wanted = {
        ...(request.source === null ? {} : { source: request.source }),
        ...(request.interface === null ? {} : { interface: request.interface }),
      };
      source = this.#shareSource((await this.#transport.route(request.target, wanted)).source);
    } catch (error) {
      return unstarted('unreachable', error instanceof Error ? error.message : String(error));
    }
    if (this.#interrupted) return unstarted('inconclusive', 'The trace was interrupted before it began.');
    const trace = createRunningTrace(request, source, this.#material, {
      startedAtMs,
      kernelDropsAtStart: this.#transport.stats().kernelDrops,
      order: (this.#opened += 1),
      finish: resolve,
    });
    this.#sharing.begin(trace);
    this.#running.add(trace);
    this.#index.add(trace);
    this.#wake(trace, this.#options.time.nowNs());
    return trace;
  }

  /** Nearly all traces have the same source address: one copy of it is enough. */
  #shareSource(source: Uint8Array): Uint8Array {
    if (this.#lastSource === null || !sameAddress(this.#lastSource, source)) this.#lastSource = source.slice();
    return this.#lastSource;
  }

  /** The set of watched flows only grows, one protocol at a time, and each change is over before a probe goes out. */
  async #watch(protocol: Protocol): Promise<void> {
    if (!this.#watched.has(protocol)) {
      this.#watched.add(protocol);
      const flows: WatchedFlow[] = [...this.#watched].map((watched) => ({ protocol: watched, ...LOCAL_IDS }));
      const before = this.#watching.catch(() => undefined);
      this.#watching = before
        .then(() => this.#transport.watch(flows))
        .catch((error: unknown) => {
          this.#watched.delete(protocol);
          throw error;
        });
    }
    await this.#watching;
  }

  #finish(trace: RunningTrace): void {
    if (trace.finished) return;
    trace.finished = true;
    this.#noteKernelDrops(trace);
    const { record, ended } = this.#judge(trace, false);
    const { targetText, protocol } = trace.state.identity;
    for (const habit of reportingHabits(ended)) this.#habits.note(habit, targetText);
    this.#habits.noteAnswers(protocol, targetText, placesAnsweredBeyond(ended));
    trace.nearHops?.end();
    for (const waiting of this.#sameTarget.leave(trace)) this.#wake(waiting, this.#options.time.nowNs());
    this.#queue.remove(trace);
    this.#index.remove(trace);
    this.#running.delete(trace);
    trace.finish(record);
  }

  #noteKernelDrops(trace: RunningTrace): void {
    const { kernelDrops } = this.#transport.stats();
    if (kernelDrops === null || trace.kernelDropsAtStart === null) return;
    const during = kernelDrops - trace.kernelDropsAtStart;
    trace.state.counters.kernelDrops = during;
    if (during > 0) trace.state.droppedByKernel = true;
  }

  #judge(trace: RunningTrace, unfinished: boolean): { readonly record: TraceRecord; readonly ended: Case } {
    const { request, state } = trace;
    const wasInterrupted = state.interrupted;
    // A snapshot is judged as if the trace ended now: it must not claim anything yet.
    if (unfinished && !trace.finished) state.interrupted = true;
    const judged = judgeTrace(state, this.#contextOf(trace), this.#options.time.nowNs());
    state.interrupted = wasInterrupted;
    const header = {
      id: request.id,
      runId: request.runId,
      vantage: request.vantage,
      company: request.company,
      input: request.input,
      aliases: request.aliases,
      tool: this.#tool(request.toolVersion),
      seed: request.parameters.seed,
      startedAtMs: trace.startedAtMs,
      endedAtMs: this.#options.time.wallMs(),
    };
    const shared = trace.nearHops === null ? [] : sharedHops(judged.trace, trace.nearHops);
    const record = writeRecord(state, judged, header, shared);
    if (unfinished && !trace.finished) {
      record.verdict.reasons = judged.open.map(({ claim, has }) => `${claim}: ${has}`);
    }
    if (this.#failure !== null) record.verdict.reasons.push(this.#failure.message);
    return { record, ended: judged.trace };
  }

  #tool(version = ''): TraceRecord['tool'] {
    const { name, capabilities } = this.#transport;
    return { version, transport: name, clock: capabilities.kernelTimestamps ? 'kernel' : 'process' };
  }

  // ---- Sending ------------------------------------------------------------------------------------------------------

  #wake(trace: RunningTrace, atNs: number): void {
    if (trace.finished) return;
    this.#queue.schedule(trace, atNs);
    this.#arm(atNs);
  }

  #wakeLine(line: WaitingLine<RunningTrace>, atNs: number): void {
    this.#queue.schedule(line, atNs);
    this.#arm(atNs);
  }

  #arm(atNs: number): void {
    if (atNs >= this.#timerAtNs) return;
    this.#cancelTimer?.();
    this.#timerAtNs = atNs;
    this.#cancelTimer = this.#options.time.at(atNs, () => {
      this.#timerAtNs = Number.POSITIVE_INFINITY;
      this.#cancelTimer = null;
      this.#turn();
    });
  }

  /** Looks at the traces whose time has come, in that order. */
  #turn(): void {
    if (this.#interrupted) return;
    const nowNs = this.#options.time.nowNs();
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
    const next = step(trace.state, this.#contextOf(trace), nowNs);
    if (next.kind === 'done') {
      this.#finish(trace);
      return;
    }
    if (next.kind === 'wait') {
      const untilNs = Math.min(next.untilNs ?? Number.POSITIVE_INFINITY, this.#deferredAtNs(trace));
      this.#queue.schedule(trace, Math.min(Math.max(untilNs, nowNs + 1), nowNs + LONGEST_NAP_NS));
      return;
    }
    let earliestNs = Math.min(next.deadlineNs ?? Number.POSITIVE_INFINITY, this.#deferredAtNs(trace));
    let granted = 0;
    let isTargetAsked = false;
    for (const wish of next.wishes) {
      // When the target may be asked again depends on the pair that has just left.
      if (isTargetAsked && asksTarget(wish)) continue;
      const readyNs = this.#readyAtNs(trace, wish, nowNs);
      if (readyNs > nowNs) {
        earliestNs = Math.min(earliestNs, readyNs);
        continue;
      }
      const toll = this.#tollOf(trace, wish, nowNs);
      if (!this.#mayAsk(trace, toll, nowNs)) continue;
      if (!this.#grant(trace, wish, toll, nowNs)) break;
      granted += 1;
      isTargetAsked ||= asksTarget(wish);
      if (granted >= next.mostPairs || wish.protocol === 'tcp' || this.#pacer.readyAtNs(2, nowNs) > nowNs) break;
    }
    // What a trace waits for may have been given up in this very look: it is looked at again in any case.
    const againNs = granted > 0 ? nowNs : Math.min(Math.max(earliestNs, nowNs + 1), nowNs + LONGEST_NAP_NS);
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
    if (!mayReachTarget(trace, wish.hopLimit)) return readyNs;
    // Two SYNs of one 5-tuple at the target at once: the second would hit a half-open connection and draw RST.
    const isSynOut = trace.reachingPair?.some((row) => isOut(trace.state, row, nowNs)) ?? false;
    if (isSynOut) return Number.POSITIVE_INFINITY;
    return Math.max(readyNs, this.#syns.readyAtNs(trace.state.identity.targetText, nowNs));
  }

  /** Which router's budget the pair will cost, as far as it is known; null where it is no router's. */
  #tollOf(trace: RunningTrace, { responder, draws, hopLimit }: PairWish, nowNs: number): Toll | null {
    if (draws === null) return null;
    const router = responder ?? trace.nearHops?.likelyAt(hopLimit) ?? null;
    const { hopIntervalMs } = trace.state.limits;
    const budget = router === null ? null : this.#budgets.of(router, hopIntervalMs, nowNs);
    return { budget, ...draws, isSure: draws.isSure && responder !== null };
  }

  /** When the second packet of a pair that is sent in parts may leave: the first was answered or given up, and a rest is over. */
  #deferredAtNs(trace: RunningTrace): number {
    const { deferred } = trace;
    if (deferred === null) return Number.POSITIVE_INFINITY;
    const settledNs = settledAtNs(trace.state, deferred.after) + deferred.restNs;
    return deferred.isSpare ? Math.min(settledNs, sentAtNs(trace.state, deferred.after) + SPARE_AFTER_NS) : settledNs;
  }

  #sendDeferred(trace: RunningTrace, nowNs: number): void {
    const { deferred, state } = trace;
    if (deferred === null || this.#deferredAtNs(trace) > nowNs) return;
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
    if (trace.reachingPair?.includes(row) === true) {
      this.#syns.spend(trace.state.identity.targetText, trace, row, nowNs);
    }
    markHandedOver(trace.state, row, nowNs);
    this.#batch.add(trace, row);
  }

  /** False where the rate allows none now. */
  #grant(trace: RunningTrace, wish: PairWish, toll: Toll | null, nowNs: number): boolean {
    if (!this.#pacer.take(2 * packetsPerProbe(trace.state, wish.protocol), nowNs)) return false;
    if (wish.responder !== null && toll === null) this.#targets.spend(wish.responder, wish.spacingMs, nowNs);
    const rows = addPair(trace.state, wish, () => this.#freshFlow(trace, wish), nowNs);
    const [first, second] = rows;
    const isTcp = wish.protocol === 'tcp';
    if (isTcp && mayReachTarget(trace, wish.hopLimit)) {
      trace.reachingPair = rows;
      this.#syns.spend(trace.state.identity.targetText, trace, second, nowNs);
    }
    this.#handOver(trace, first, toll, nowNs);
    const isSpare = wish.isSpare === true;
    if (wish.restNs !== null || isSpare) {
      trace.deferred = { row: second, after: first, restNs: wish.restNs ?? 0, toll, isSpare };
    } else this.#handOver(trace, second, toll, nowNs);
    this.#options.onProgress?.(trace.request.id);
    return true;
  }

  /** Whoever is asked instead of the target answers with our nonce, or our sequence number. */
  #freshFlow(trace: RunningTrace, { protocol, destination }: PairWish): Flow {
    const flow = freshFlow(trace, protocol, this.#material);
    if (destination === undefined) return flow;
    return { ...flow, destination, destinationText: formatAddress(destination) };
  }

  #takeOutcome(trace: RunningTrace, row: number, outcome: SendOutcome): void {
    if (outcome.ok) {
      this.#probesSent += 1;
      markSent(trace.state, row, outcome.sentAtNs);
      return;
    }
    this.#sendErrors += 1;
    this.#syns.giveBack(trace.state.identity.targetText, trace, row);
    const ask = trace.asks.get(row);
    if (ask !== undefined) this.#budgets.giveBack(ask);
    trace.asks.delete(row);
    markFailed(trace.state, row, outcome.code, outcome.message);
    this.#wake(trace, this.#options.time.nowNs());
  }

  // ---- Receiving ----------------------------------------------------------------------------------------------------

  #receive(batch: readonly ObservedPacket[]): void {
    for (const packet of batch) {
      if (packet.direction !== 'in') continue;
      const reply = parseReply(packet);
      if (reply.ok) this.#route(packet, reply.value);
      else if (reply.reason !== 'not-a-reply') this.#malformed += 1;
    }
  }

  #route(packet: ObservedPacket, reply: Reply): void {
    const { tap } = this.#options;
    const candidates = this.#index.candidates(reply);
    let matched: RunningTrace | null = null;
    let match: Match | null = null;
    let several = false;
    let rejected: { trace: RunningTrace; reason: MismatchReason } | null = null;
    for (const trace of candidates) {
      const result = matchReply(trace.state, reply);
      if (typeof result !== 'string') {
        several ||= matched !== null;
        matched = trace;
        match = result;
      } else if (result === 'ambiguous') {
        trace.state.counters.ambiguous += 1;
        if (rejected === null || SEVERITY[result] > SEVERITY[rejected.reason]) rejected = { trace, reason: result };
      } else if (rejected === null || SEVERITY[result] > SEVERITY[rejected.reason])
        rejected = { trace, reason: result };
    }
    if (matched === null || match === null) {
      if (rejected === null || rejected.reason === 'foreign') this.#foreign += 1;
      if (rejected !== null) {
        const { trace, reason } = rejected;
        // Nothing is in doubt for `weak` and `service`: they name no one probe, and count nowhere.
        const isUnnamed = reason === 'weak' || reason === 'service' || reason === 'ambiguous';
        if (!isUnnamed) trace.state.counters[reason] += 1;
        if (tap !== undefined && reason !== 'foreign') {
          tapUnmatched(tap, trace, packet, reply, isUnnamed ? 'ambiguous' : reason);
        }
      }
      return;
    }
    if (several) {
      matched.state.counters.ambiguous += 1;
      if (tap !== undefined) tapUnmatched(tap, matched, packet, reply, 'ambiguous');
      return;
    }
    const observed = observe(matched.state, match, reply);
    if (tap !== undefined) tapMatched(tap, matched, match.row, packet, reply, observed);
    if (observed !== 'answer') return;
    this.#settleBudgets(matched, match.row);
    this.#repliesMatched += 1;
    this.#wake(matched, this.#options.time.nowNs());
    this.#options.onProgress?.(matched.request.id);
  }

  /** Whoever sent an error, its budget paid for it, and learns. A SYN that ran out of hop limit did not reach the target. */
  #settleBudgets(trace: RunningTrace, row: number): void {
    const { state } = trace;
    const error = errorAbout(state, row);
    const { targetText, protocol } = state.identity;
    if (protocol === 'tcp' && error?.ranOut === true) this.#syns.giveBack(targetText, trace, row);
    const ask = trace.asks.get(row);
    if (ask === undefined) return;
    trace.asks.delete(row);
    if (error === null) {
      this.#budgets.giveBack(ask);
      return;
    }
    const nowNs = this.#options.time.nowNs();
    const budget = this.#budgets.of(error.router, state.limits.hopIntervalMs, nowNs);
    const before = budget.rate;
    this.#budgets.answered(ask, budget, error, nowNs);
    const line = this.#lines.get(budget);
    if (line !== undefined && budget.rate > before) this.#wakeLine(line, nowNs);
  }

  // ---- What a trace knows of the others -----------------------------------------------------------------------------

  #contextOf(trace: RunningTrace): TraceContext {
    return {
      habitOf: (hop, address) => this.#habits.of(hop, address),
      isAnsweredBeyond: (protocol, hop, address) =>
        this.#habits.isAnsweredBeyond(protocol, hop, address, trace.state.identity.targetText),
      isIntactAtTarget: () => this.#sameTarget.isIntact(trace),
      saidNoWayToOthers: (address) => this.#sameTarget.saidNoWay(trace, address),
      siblingEcho: () => this.#sameTarget.echo(trace),
      routerSeenByOthers: () => this.#sameTarget.routerSeen(trace),
      nearHops: trace.nearHops,
    };
  }
}

function mayReachTarget(trace: RunningTrace, hopLimit: number): boolean {
  return hopLimit > trace.state.routerSeenAt;
}

/** How its pairs follow each other is the target's rhythm, or one waits for the other. */
function asksTarget({ draws, restNs }: PairWish): boolean {
  return draws === null || restNs !== null;
}

const SEVERITY: Readonly<Record<MismatchReason, number>> = {
  foreign: 0,
  malformed: 1,
  forged: 2,
  weak: 3,
  service: 4,
  ambiguous: 5,
};
