/**
 * Many traces over one transport: where they begin and end, and what they know of each other. What is sent when is the
 * scheduler's, the way from a received packet to its trace the router's, and what to send and what it means the traces' own business.
 */
import { sameAddress } from '../address/address.js';
import type { ProbeTransport, WatchedFlow } from '../transport/probe-transport.js';
import type { Case } from '../trace/case.js';
import type { TraceContext } from '../trace/trace-context.js';
import type { Protocol, TraceRecord } from '../record/record.js';
import { judgeTrace } from '../trace/trace-machine.js';
import { placesAnsweredBeyond, reportingHabits } from '../trace/told-to-others.js';
import { sharedHops } from '../trace/near-hops.js';
import { writeRecord } from '../trace/write-record.js';
import { NearHopSharing } from './shared/near-hop-sharing.js';
import { KnownToTrace } from './shared/known-to-trace.js';
import type { Knowledge } from './shared/known-to-trace.js';
import { HabitsOfRuns } from './shared/place-habits.js';
import { LOCAL_IDS, RandomMaterial } from './random-material.js';
import { createRunningTrace } from './running-trace.js';
import type { RunningTrace } from './running-trace.js';
import { SameTarget } from './shared/same-target.js';
import { TraceIndex } from './trace-index.js';
import type { EngineStats, TraceEngine, TraceEngineOptions, TraceHandle, TraceRequest } from './trace-engine.js';
import { PairScheduler } from './pair-scheduler.js';
import { ReplyRouter } from './reply-router.js';
import { unstartedRecord } from './unstarted-record.js';

/** It listens to the transport from now on, interrupts all traces when that fails, and closes it with itself. */
export function createTraceEngine(options: TraceEngineOptions): TraceEngine {
  return new Engine(options);
}

/** An interrupt waits so long for the transport to say which of the packets it was handed have left. */
const LAST_OUTCOMES_NS = 250e6;

class Engine implements TraceEngine {
  readonly #options: TraceEngineOptions;
  readonly #transport: ProbeTransport;
  readonly #material: RandomMaterial;
  readonly #scheduler: PairScheduler;
  readonly #router: ReplyRouter;
  #opened = 0;
  readonly #index = new TraceIndex();
  /** Of #watched, those that are listened for by now; and those that nobody can listen for. */
  readonly #received = new Set<Protocol>();
  readonly #unwatchable = new Set<Protocol>();
  readonly #running = new Set<RunningTrace>();
  readonly #starting = new Set<Promise<unknown>>();
  readonly #habits = new HabitsOfRuns();
  readonly #sharing: NearHopSharing;
  readonly #sameTarget: SameTarget;
  readonly #knowledge: Knowledge;
  readonly #watched = new Set<Protocol>();
  #watching: Promise<void> = Promise.resolve();
  #interrupted = false;
  #failure: Error | null = null;
  #lastSource: Uint8Array | null = null;

  constructor(options: TraceEngineOptions) {
    this.#options = options;
    this.#transport = options.transport;
    this.#material = new RandomMaterial(options.randomBytes);
    const { tap, onProgress } = options;
    this.#sameTarget = new SameTarget(
      this.#index,
      (trace) => this.#contextOf(trace),
      () => options.time.nowNs(),
    );
    this.#knowledge = {
      habits: this.#habits,
      sameTarget: this.#sameTarget,
      mayBeAsked: (address) => options.mayBeAsked?.(address) ?? true,
      watches: (trace, protocol) => this.#watches(trace, protocol),
    };
    this.#sharing = new NearHopSharing({
      nowNs: () => options.time.nowNs(),
      distanceSeenByOthers: (trace) => this.#sameTarget.distanceSeen(trace),
    });
    this.#scheduler = new PairScheduler(
      { transport: options.transport, time: options.time, rate: options.rate, material: this.#material },
      {
        contextOf: (trace) => this.#contextOf(trace),
        responderAt: (trace, hopLimit) => this.#sameTarget.responderAt(trace, hopLimit),
        finish: (trace, atNs) => {
          this.#finish(trace, atNs);
        },
        stuck: (trace) => {
          this.#takeUpAgain(trace);
        },
        ...(onProgress === undefined ? {} : { onProgress }),
        ...(tap === undefined ? {} : { tap }),
      },
    );
    const nowNs = (): number => options.time.nowNs();
    this.#router = new ReplyRouter(this.#index, tap, nowNs, (trace, row, source) => {
      options.onResponder?.(source);
      this.#scheduler.settle(trace, row);
      this.#scheduler.wake(trace, nowNs());
      onProgress?.(trace.request.id);
    });
    this.#transport.onPackets((batch) => {
      this.#router.receive(batch);
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
          : this.#judge(latestOf(running), true, this.#options.time.nowNs()).record,
    };
  }

  async interrupt(): Promise<void> {
    this.#interrupted = true;
    const settled = this.#scheduler.stop();
    // Records count what has left, and nothing else: what is on its way to the wire is waited for.
    if (settled !== null) await this.#within(settled, LAST_OUTCOMES_NS);
    for (const trace of [...this.#running]) {
      trace.state.interrupted = true;
      this.#finish(trace, this.#options.time.nowNs());
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
      ...this.#scheduler.counts,
      ...this.#router.counts,
    };
  }

  async close(): Promise<void> {
    await this.interrupt();
    this.#scheduler.close();
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
      const from = request.routedFrom ?? (await this.#transport.route(request.target, wanted)).source;
      source = this.#shareSource(from);
    } catch (error) {
      return unstarted('unreachable', error instanceof Error ? error.message : String(error));
    }
    if (this.#interrupted) return unstarted('inconclusive', 'The trace was interrupted before it began.');
    return this.#begin(request, source, { startedAtMs, finish: resolve, isAgain: false });
  }

  #begin(
    request: TraceRequest,
    source: Uint8Array,
    kept: Pick<RunningTrace, 'startedAtMs' | 'finish' | 'isAgain'>,
  ): RunningTrace {
    const nowNs = this.#options.time.nowNs();
    const trace = createRunningTrace(request, source, this.#material, {
      ...kept,
      kernelDropsAtStart: this.#transport.stats().kernelDrops,
      order: (this.#opened += 1),
      progressAtNs: nowNs,
    });
    this.#sharing.begin(trace);
    this.#running.add(trace);
    this.#index.add(trace);
    this.#scheduler.wake(trace, nowNs);
    return trace;
  }

  /** Nothing went on in it: it is measured anew, once, and the second time ends with what it has. */
  #takeUpAgain(trace: RunningTrace): void {
    const { protocol, targetText, source } = trace.state.identity;
    const what = `The ${protocol} trace to ${targetText} made no progress for 15 minutes`;
    if (trace.isAgain) {
      this.#options.onWarning?.(`${what}, for the second time; it is ended with what was measured`);
      trace.state.interrupted = true;
      this.#finish(trace, this.#options.time.nowNs());
      return;
    }
    this.#options.onWarning?.(`${what}; it is measured anew`);
    trace.finished = true;
    trace.nearHops?.end();
    this.#forget(trace);
    const { startedAtMs, finish } = trace;
    trace.replacedBy = this.#begin(trace.request, source, { startedAtMs, finish, isAgain: true });
  }

  #forget(trace: RunningTrace): void {
    this.#scheduler.remove(trace);
    this.#index.remove(trace);
    this.#running.delete(trace);
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
      const asked = this.#watching.then(() => this.#transport.watch(flows));
      // Whoever waits for another protocol has what was listened for before.
      this.#watching = asked.catch(() => {
        this.#watched.delete(protocol);
      });
      await asked;
    } else await this.#watching;
    if (this.#watched.has(protocol)) this.#received.add(protocol);
    else await this.#watch(protocol);
  }

  /** Before a trace's first SYN somebody must listen; where nobody can, it is done without. */
  #watches(trace: RunningTrace, protocol: Protocol): boolean | null {
    if (this.#unwatchable.has(protocol)) return false;
    if (this.#received.has(protocol)) return true;
    const wake = (): void => {
      this.#scheduler.wake(trace, this.#options.time.nowNs());
    };
    if (!this.#watched.has(protocol))
      this.#watch(protocol)
        .catch(() => this.#unwatchable.add(protocol))
        .finally(wake);
    return null;
  }

  /** `atNs`: of the step that had nothing more to ask. A little later what it rests on may be too long ago. */
  #finish(trace: RunningTrace, atNs: number): void {
    if (trace.finished) return;
    trace.finished = true;
    this.#noteKernelDrops(trace);
    const { record, ended } = this.#judge(trace, false, atNs);
    const { targetText, protocol } = trace.state.identity;
    const habits = this.#habits.of(trace.request.runId);
    for (const habit of reportingHabits(ended)) habits.note(habit, targetText);
    habits.answers.noteAnswered(protocol, targetText, placesAnsweredBeyond(ended), ended.counts.lastUnquotedNs);
    trace.nearHops?.end();
    for (const waiting of this.#sameTarget.leave(trace)) this.#scheduler.wake(waiting, this.#options.time.nowNs());
    this.#forget(trace);
    trace.finish(record);
  }

  #noteKernelDrops(trace: RunningTrace): void {
    const { kernelDrops } = this.#transport.stats();
    if (kernelDrops === null || trace.kernelDropsAtStart === null) return;
    const during = kernelDrops - trace.kernelDropsAtStart;
    trace.state.counters.kernelDrops = during;
    if (during > 0) trace.state.droppedByKernel = true;
  }

  #judge(
    trace: RunningTrace,
    unfinished: boolean,
    nowNs: number,
  ): { readonly record: TraceRecord; readonly ended: Case } {
    const { request, state } = trace;
    const wasInterrupted = state.interrupted;
    // A snapshot is judged as if the trace ended now: it must not claim anything yet.
    if (unfinished && !trace.finished) state.interrupted = true;
    const judged = judgeTrace(state, this.#contextOf(trace), nowNs);
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

  // ---- What a trace knows of the others -----------------------------------------------------------------------------

  #contextOf(trace: RunningTrace): TraceContext {
    return (trace.known ??= new KnownToTrace(trace, this.#knowledge));
  }
}

function latestOf(trace: RunningTrace): RunningTrace {
  return trace.replacedBy === null ? trace : latestOf(trace.replacedBy);
}
