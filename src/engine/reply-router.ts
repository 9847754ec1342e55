/** From a received packet to the one trace and probe that it answers. What fits none, or more than one, counts nowhere. */
import { matchReply } from '../trace/reply/match-reply.js';
import type { Match, MismatchReason } from '../trace/reply/match-reply.js';
import { observe } from '../trace/reply/observe.js';
import { parseReply } from '../trace/reply/reply.js';
import type { Reply } from '../trace/reply/reply.js';
import type { ObservedPacket } from '../transport/probe-transport.js';
import type { PacketTap } from './tap/packet-tap.js';
import type { RunningTrace } from './running-trace.js';
import { tapMatched, tapUnmatched } from './tap/tap-packets.js';
import type { TraceIndex } from './trace-index.js';

/** `counts` are the engine's; what fits no probe of a trace that it may concern counts there, by reason. */
export class ReplyRouter {
  readonly #index: TraceIndex;
  readonly #tap: PacketTap | undefined;
  readonly #onAnswer: (trace: RunningTrace, row: number, source: Uint8Array) => void;
  readonly #nowNs: () => number;
  #matched = 0;
  #foreign = 0;
  #malformed = 0;

  /** `onAnswer`: a probe has its first answer, which the trace has taken in, from `source`. */
  constructor(
    index: TraceIndex,
    tap: PacketTap | undefined,
    nowNs: () => number,
    onAnswer: (trace: RunningTrace, row: number, source: Uint8Array) => void,
  ) {
    this.#index = index;
    this.#tap = tap;
    this.#nowNs = nowNs;
    this.#onAnswer = onAnswer;
  }

  get counts(): { readonly repliesMatched: number; readonly foreign: number; readonly malformed: number } {
    return { repliesMatched: this.#matched, foreign: this.#foreign, malformed: this.#malformed };
  }

  /** Packets as the transport saw them. */
  receive(batch: readonly ObservedPacket[]): void {
    const nowNs = this.#nowNs();
    for (const received of batch) {
      if (received.direction !== 'in') continue;
      const isLater = received.timeNs !== notLaterThan(received.timeNs, nowNs);
      const packet = isLater ? { ...received, timeNs: nowNs } : received;
      const reply = parseReply(packet);
      if (reply.ok) this.#route(packet, reply.value);
      else if (reply.reason !== 'not-a-reply') this.#malformed += 1;
    }
  }

  #route(packet: ObservedPacket, reply: Reply): void {
    const tap = this.#tap;
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
    this.#matched += 1;
    this.#onAnswer(matched, match.row, reply.source);
  }
}

/**
 * A time of a packet that is later than now is now: a clock was set back between the two, and a trace that waits by such times would
 * wait as long again.
 */
export function notLaterThan(timeNs: number, nowNs: number): number {
  return timeNs <= nowNs ? timeNs : nowNs;
}

const SEVERITY: Readonly<Record<MismatchReason, number>> = {
  foreign: 0,
  malformed: 1,
  forged: 2,
  weak: 3,
  service: 4,
  ambiguous: 5,
};
