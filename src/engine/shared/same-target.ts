/** What traces to one target tell each other, while they run and when they have ended. */
import { addressesWithoutWay, targetQuotesIntact } from '../../trace/reply/meaning.js';
import { tellSiblings } from '../../trace/told-to-others.js';
import type { TraceContext, WayMet } from '../../trace/trace-context.js';
import type { Sibling } from '../../trace/sibling.js';
import type { Protocol } from '../../record/record.js';
import type { RunningTrace } from '../running-trace.js';
import type { TraceIndex } from '../trace-index.js';

/** Asks those that run, and what the ended ones have left. */
export class SameTarget {
  readonly #index: TraceIndex;
  readonly #contextOf: (trace: RunningTrace) => TraceContext;
  readonly #nowNs: () => number;

  constructor(index: TraceIndex, contextOf: (trace: RunningTrace) => TraceContext, nowNs: () => number) {
    this.#index = index;
    this.#contextOf = contextOf;
    this.#nowNs = nowNs;
  }

  distanceSeen(trace: RunningTrace): number | null {
    for (const other of this.#index.find(trace.target, 0))
      if (other !== trace && other.state.distanceSeen !== null) return other.state.distanceSeen;
    return trace.left.distanceSeen;
  }

  routerSeen(trace: RunningTrace): number {
    let highest = trace.left.routerSeen;
    for (const other of this.#index.find(trace.target, 0))
      if (other !== trace) highest = Math.max(highest, other.state.routerSeenAt);
    return highest;
  }

  /** Of those that run, and those that the ended ones have left. */
  ways(trace: RunningTrace): readonly WayMet[] {
    const ways = [...trace.left.ways];
    for (const other of this.#index.find(trace.target, 0))
      if (other !== trace) ways.push({ met: other.way, routerAt: other.state.routerSeenAt });
    return ways;
  }

  /** Who answered a trace of another protocol at this hop limit; null where nobody did. */
  responderAt(trace: RunningTrace, hopLimit: number): string | null {
    for (const { met } of this.#others(trace)) if (met[hopLimit] !== undefined) return met[hopLimit];
    return trace.left.met[hopLimit] ?? null;
  }

  /** METHOD: stripped, altered. The target's own quote decides, whichever trace drew it. */
  isIntact(trace: RunningTrace): boolean {
    return trace.left.isIntact || this.#others(trace).some(({ state }) => targetQuotesIntact(state));
  }

  /** METHOD: doubt. Behind a proxy the option alone meets a router that has no way for any packet. */
  saidNoWay(trace: RunningTrace, address: string): boolean {
    if (trace.left.noWaySaid.includes(address)) return true;
    return this.#others(trace).some(({ state }) => addressesWithoutWay(state).includes(address));
  }

  /** METHOD: dropped, cause. Of the trace of this protocol, for those of others. */
  sibling(trace: RunningTrace, protocol: Protocol): Sibling | null {
    const sibling = this.#index.find(trace.target, 0).find(({ request }) => request.protocol === protocol);
    if (sibling === undefined || sibling === trace) return trace.left.siblings[protocol] ?? null;
    // News of its own make it take a step at once, so that its last one is as good as the next.
    return sibling.state.told ?? tellSiblings(sibling.state, this.#contextOf(sibling), this.#nowNs());
  }

  /** A trace has ended: the others may still need what it found. Returns those that may have waited for it. */
  leave(trace: RunningTrace): RunningTrace[] {
    const others = this.#others(trace);
    if (others.length === 0) return [];
    const isIntact = targetQuotesIntact(trace.state);
    const noWaySaid = addressesWithoutWay(trace.state);
    for (const { left } of others) {
      left.distanceSeen ??= trace.state.distanceSeen;
      left.routerSeen = Math.max(left.routerSeen, trace.state.routerSeenAt);
      left.isIntact ||= isIntact;
      left.met = trace.met;
      left.ways.push({ met: trace.way, routerAt: trace.state.routerSeenAt });
      left.noWaySaid = [...left.noWaySaid, ...noWaySaid];
    }
    const { protocol } = trace.request;
    const waiting = others.filter(({ request }) => request.protocol !== protocol);
    if (waiting.length === 0) return [];
    const told = tellSiblings(trace.state, this.#contextOf(trace), this.#nowNs(), true);
    for (const { left } of waiting) left.siblings[protocol] = told;
    return waiting;
  }

  #others(trace: RunningTrace): RunningTrace[] {
    return this.#index.find(trace.target, 0).filter((other) => other !== trace);
  }
}
