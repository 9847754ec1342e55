/** One table of near hops for each run, source and kind of probe, and each trace's view of it. */
import { formatAddress } from '../../address/address.js';
import type { NearHop, SeenHops } from '../../trace/trace-context.js';
import type { HopRecord } from '../../record/record.js';
import type { TraceState } from '../../trace/state/trace-state.js';
import { writeHop } from '../../trace/write-record.js';
import { NearHopTable, Told } from './near-hop-table.js';
import { sharesNearHops } from '../running-trace.js';
import type { NearHopsOfTrace, RunningTrace } from '../running-trace.js';

/** Tables kept; the one that no trace has asked for longest goes first. Traces that use it keep it until they end. */
const MOST_TABLES = 8;

const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/** What the sharing asks of the engine. */
export interface SharingContext {
  nowNs(): number;
  /** From traces to the same target; null when none has seen it. */
  distanceSeenByOthers(trace: RunningTrace): number | null;
}

/** A trace whose request shares nothing gets no view, and measures every hop itself. */
export class NearHopSharing {
  readonly #context: SharingContext;
  readonly #tables = new Map<string, NearHopTable>();
  #made = 0;

  constructor(context: SharingContext) {
    this.#context = context;
  }

  begin(trace: RunningTrace): void {
    if (!sharesNearHops(trace.request)) return;
    const table = this.#tableOf(trace);
    trace.nearHops = new TraceView(trace, table, table.begin(this.#context.nowNs()), this.#context);
  }

  /** Filters and load balancers may tell protocols and ports apart, and what an earlier run saw is not this one's. */
  #tableOf({ request, state }: RunningTrace): NearHopTable {
    const { source, protocol, destinationPort } = state.identity;
    const { size, fragment } = request.parameters;
    const shape = `${protocol} ${destinationPort} ${size ?? 0} ${fragment ?? false}`;
    const key = `${request.runId} ${formatAddress(source)} ${shape}`;
    const table = this.#tables.get(key) ?? new NearHopTable((this.#made += 1));
    this.#tables.delete(key);
    this.#tables.set(key, table);
    const [oldest] = this.#tables.keys();
    if (this.#tables.size > MOST_TABLES && oldest !== undefined) this.#tables.delete(oldest);
    return table;
  }
}

/** A class, as there is one for each of many thousand traces. */
class TraceView implements NearHopsOfTrace {
  readonly isScout: boolean;
  readonly #trace: RunningTrace;
  readonly #table: NearHopTable;
  readonly #context: SharingContext;
  readonly #share: number;
  #told: Told | null = null;

  constructor(trace: RunningTrace, table: NearHopTable, isScout: boolean, context: SharingContext) {
    this.isScout = isScout;
    // Spread evenly over the traces that begin one after the other.
    this.#share = (trace.order * GOLDEN_RATIO) % 1;
    this.#trace = trace;
    this.#table = table;
    this.#context = context;
  }

  isBeingScouted(): boolean {
    return this.#table.isBeingScouted(this.#context.nowNs());
  }

  startAt(): number {
    return this.#table.startAt(this.#context.nowNs());
  }

  distanceHint(): number | null {
    return this.#context.distanceSeenByOthers(this.#trace);
  }

  wayTo(responder: string, hop: number): readonly NearHop[] | null {
    return this.#table.wayTo(responder, hop, this.#context.nowNs());
  }

  learn(state: TraceState, trace: SeenHops): void {
    if (trace.highestHop === 0) return;
    // Where the path changed, what is there now is news again.
    if (this.#told?.attemptStart !== state.attemptStart) this.#told = new Told(state.attemptStart);
    const nowNs = this.#context.nowNs();
    const recordOf = (hop: number): HopRecord => ({
      ...writeHop(state, hop, nowNs),
      sharedFrom: this.#trace.request.id,
    });
    this.#table.learn(trace, this.#told, recordOf, nowNs);
  }

  likelyAt(hopLimit: number): string | null {
    return this.#table.likelyAt(hopLimit, this.#share);
  }

  end(): void {
    if (this.isScout) this.#table.endScout();
  }
}
