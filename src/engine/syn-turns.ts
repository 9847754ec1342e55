/** When a trace may send SYNs that can reach their target, and what they cost there (METHOD: Good citizen). */
import { formatAddress } from '../address/address.js';
import { askedBy, isOutOnFlow } from '../trace/probe/one-probe.js';
import type { PairWish } from '../trace/wish.js';
import { SynBudget } from './pace/syn-budget.js';
import type { RunningTrace } from './running-trace.js';

/** Over all traces of a run. Times are nanoseconds of the engine's clock, rows those of the trace. */
export class SynTurns {
  readonly #budget = new SynBudget();

  /** When a pair of SYNs may leave; ∞ while one of its flow may still be at the target. */
  readyAtNs(trace: RunningTrace, wish: PairWish, nowNs: number): number {
    if (!mayReachTarget(trace, wish.hopLimit)) return Number.NEGATIVE_INFINITY;
    // Two SYNs of one 5-tuple at the target at once: the second would hit a half-open connection and draw RST.
    const isFlowTaken = trace.reachingOnFlow?.some((row) => isOutOnFlow(trace.state, row, wish.flow, nowNs)) ?? false;
    if (isFlowTaken) return Number.POSITIVE_INFINITY;
    return this.#budget.readyAtNs(destinationOf(trace, wish), nowNs);
  }

  /** A pair is on its way: its second SYN counts from now on, its first from when it is handed over. */
  grant(trace: RunningTrace, wish: PairWish, rows: readonly [number, number], nowNs: number): void {
    if (wish.protocol !== 'tcp' || !mayReachTarget(trace, wish.hopLimit)) return;
    trace.reachingPair = rows;
    if (wish.flow !== 'fresh') trace.reachingOnFlow = rows;
    this.#spend(trace, rows[1], nowNs);
  }

  /** It leaves. */
  handOver(trace: RunningTrace, row: number, nowNs: number): void {
    if (trace.reachingPair?.includes(row) === true) this.#spend(trace, row, nowNs);
  }

  /** It ran out of hop limit, or never left. */
  giveBack(trace: RunningTrace, row: number): void {
    this.#budget.giveBack(askedBy(trace.state, row), trace, row);
  }

  #spend(trace: RunningTrace, row: number, nowNs: number): void {
    this.#budget.spend(askedBy(trace.state, row), trace, row, nowNs);
  }
}

function mayReachTarget(trace: RunningTrace, hopLimit: number): boolean {
  return hopLimit > trace.state.routerSeenAt;
}

/** Whose SYNs these are counted as: the target's, or those of a router that is asked itself. */
function destinationOf({ state }: RunningTrace, { destination }: PairWish): string {
  return destination === undefined ? state.identity.targetText : formatAddress(destination);
}
