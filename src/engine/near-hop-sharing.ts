/** One table of near hops for each run, source and kind of probe, and each trace's view of it. */
import { formatAddress } from '../address/address.js';
import type { NearHops } from '../trace/near-hops.js';
import { writeHop } from '../trace/write-record.js';
import { NearHopTable, Told } from './near-hop-table.js';
import { sharesNearHops } from './running-trace.js';
import type { RunningTrace } from './running-trace.js';

/** Tables kept; the one that no trace has asked for longest goes first. Traces that use it keep it until they end. */
const MOST_TABLES = 8;

export interface SharingContext {
  nowNs(): number;
  /** From traces to the same target; null when none has seen it. */
  distanceSeenByOthers(trace: RunningTrace): number | null;
}

export class NearHopSharing {
  readonly #context: SharingContext;
  readonly #tables = new Map<string, NearHopTable>();
  readonly #inUse = new Map<RunningTrace, { readonly table: NearHopTable; readonly isScout: boolean }>();
  #made = 0;

  constructor(context: SharingContext) {
    this.#context = context;
  }

  begin(trace: RunningTrace): void {
    if (!sharesNearHops(trace.request)) return;
    const table = this.#tableOf(trace);
    const isScout = table.begin(this.#context.nowNs());
    this.#inUse.set(trace, { table, isScout });
    trace.nearHops = viewOf(trace, table, isScout, this.#context);
  }

  end(trace: RunningTrace): void {
    const used = this.#inUse.get(trace);
    if (used?.isScout === true) used.table.endScout();
    this.#inUse.delete(trace);
  }

  /** Whose budget a packet of this trace will probably cost that runs out at this hop limit. */
  likelyAt(trace: RunningTrace, hopLimit: number): string | null {
    return this.#inUse.get(trace)?.table.likelyAt(hopLimit) ?? null;
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

function viewOf(trace: RunningTrace, table: NearHopTable, isScout: boolean, context: SharingContext): NearHops {
  const told = new Told();
  return {
    isScout,
    isBeingScouted: () => table.isBeingScouted(context.nowNs()),
    startAt: () => table.startAt(context.nowNs()),
    distanceHint: () => context.distanceSeenByOthers(trace),
    wayTo: (responder, hop) => table.wayTo(responder, hop, context.nowNs()),
    learn: (state, evidence) => {
      if (told.attemptStart !== state.attemptStart) {
        // The path changed: what is there now is news again.
        told.attemptStart = state.attemptStart;
        told.hops.fill(0);
      }
      const recordOf = (hop: number): ReturnType<typeof writeHop> => ({
        ...writeHop(state, hop, context.nowNs()),
        sharedFrom: trace.request.id,
      });
      table.learn(evidence, told, recordOf, context.nowNs());
    },
  };
}
