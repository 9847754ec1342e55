/**
 * A path as a table: what a packet with a hop limit draws, plain or with an extension header. Runs a trace over it with
 * the pure machine alone: no engine, no transport, a clock that jumps from event to event.
 */
import { matchReply } from '../../src/trace/reply/match-reply.js';
import type { Sibling } from '../../src/trace/sibling.js';
import type { AnsweredTarget, Habit, NearHops, TraceContext, WayMet } from '../../src/trace/trace-context.js';
import type { Protocol, VerdictRecord } from '../../src/record/record.js';
import { addPair, markHandedOver, markSent } from '../../src/trace/probe/sending.js';
import { observe } from '../../src/trace/reply/observe.js';
import type { Reply } from '../../src/trace/reply/reply.js';
import type { PairWish } from '../../src/trace/wish.js';
import { judgeTrace, step, type Judged } from '../../src/trace/trace-machine.js';
import { formatAddress } from '../../src/address/address.js';
import { ARM_CODE, type Flow, type TraceState } from '../../src/trace/state/trace-state.js';
import {
  echoReplyTo,
  errorAbout,
  makeFlow,
  makeState,
  octetsOf,
  packetOf,
  replyFrom,
  resetTo,
  serviceAnswerTo,
  synAckTo,
  TARGET,
} from './trace-fixture.js';

export interface Drawn {
  readonly from: Uint8Array;
  readonly type: number;
  readonly code: number;
  /** Of a Parameter Problem; 0 where nothing is said. */
  readonly pointer?: number;
  /** What the reply quotes, where that is not the packet as sent. */
  readonly quote?: (packet: Uint8Array) => Uint8Array;
  readonly delayMs?: number;
}

export interface FakePath {
  readonly protocol: Protocol;
  /** Routers before the target. */
  readonly routers: number;
  /** A UDP service answers at the target, and no error. */
  readonly service?: boolean;
  /** What this probe draws instead of what a clean path would; null for silence, undefined for no difference, or the target's answer. */
  readonly differs?: (probe: {
    arm: number;
    hopLimit: number;
    number: number;
    flow: number;
    protocol: Protocol;
    atNs: number;
  }) => Drawn | 'arrives' | null | undefined;
  readonly siblingEcho?: Sibling | null;
  readonly siblingTcp?: Sibling | null;
  readonly watchesTcp?: boolean | null;
  readonly mayBeAsked?: (address: Uint8Array) => boolean;
  /** Whether the option of another trace passed from the one hop to the other. */
  readonly othersPassed?: (from: number, to: number) => boolean;
  /** What other traces have shown of the routers at these hops. */
  readonly habits?: Readonly<Record<number, Habit>>;
  /** An unquoted answer to a packet with the option has come from outside; true where nothing is said. */
  readonly answeredBeyond?: boolean;
  readonly intactAtTarget?: boolean;
  /** Who told another trace that no way leads to the target. */
  readonly noWayToOthers?: string;
  readonly routerSeenByOthers?: number;
  /** Whom other traces to the target met. */
  readonly waysOfOthers?: readonly WayMet[];
  readonly confidence?: number;
  readonly size?: number;
  readonly explain?: boolean;
  /** What other traces know of its near hops. */
  readonly nearHops?: NearHops;
}

export const routerAt = (hop: number): Uint8Array => octetsOf(`2001:db8:1:${hop}::1`);

export interface Outcome extends Judged {
  readonly state: TraceState;
  readonly verdict: VerdictRecord;
  readonly endedAtNs: number;
}

export function runTrace(path: FakePath): Outcome {
  const { confidence, size, explain } = path;
  const state = makeState(path.protocol, {
    ...(confidence === undefined ? {} : { confidence }),
    ...(size === undefined ? {} : { size }),
    ...(explain === undefined ? {} : { explain }),
  });
  const context = contextOf(path);
  if (path.nearHops !== undefined) state.near.from = 0;
  const arriving: { atNs: number; deliver: () => void }[] = [];
  let nowNs = 0;
  // The engine's budgets, in their plainest form.
  const nextAtNs = new Map<string, number>();
  const readyAtNs = ({ notBeforeNs, responder }: PairWish): number =>
    Math.max(notBeforeNs, (responder === null ? undefined : nextAtNs.get(responder)) ?? notBeforeNs);
  for (let turns = 0; turns < 20_000; turns += 1) {
    arriving.sort((a, b) => a.atNs - b.atNs);
    while ((arriving[0]?.atNs ?? Number.POSITIVE_INFINITY) <= nowNs) arriving.shift()!.deliver();
    const next = step(state, context, nowNs);
    if (next.kind === 'done') return { state, ...judgeTrace(state, context, nowNs), endedAtNs: nowNs };
    let untilNs = arriving[0]?.atNs ?? Number.POSITIVE_INFINITY;
    // The engine looks again after half a second at the latest.
    if (next.kind === 'wait') untilNs = Math.min(untilNs, next.untilNs ?? nowNs + 0.5e9);
    else {
      const ready = next.wishes.find((wish) => readyAtNs(wish) <= nowNs);
      if (ready !== undefined) {
        if (ready.responder !== null) nextAtNs.set(ready.responder, nowNs + ready.spacingMs * 1e6);
        const flow = (): Flow => ({
          ...makeFlow(ready.protocol),
          ...(ready.destination === undefined
            ? {}
            : { destination: ready.destination, destinationText: formatAddress(ready.destination) }),
        });
        for (const row of addPair(state, ready, flow, nowNs)) {
          markHandedOver(state, row, nowNs);
          markSent(state, row, nowNs);
          const reply = draw(path, state, row, nowNs);
          if (reply !== null) arriving.push(reply);
        }
        nowNs += 1e6;
        continue;
      }
      untilNs = Math.min(untilNs, next.deadlineNs ?? Number.POSITIVE_INFINITY, ...next.wishes.map(readyAtNs));
    }
    if (!Number.isFinite(untilNs)) throw new Error('the trace waits for nothing');
    nowNs = Math.max(nowNs, untilNs);
  }
  throw new Error('the trace does not end');
}

/** By whom, and later than whatever the trace lost. */
const ANSWERED_LATELY: AnsweredTarget = { target: '2001:db8:77::1', lastNs: Number.POSITIVE_INFINITY };

export function contextOf(path: Partial<FakePath> = {}): TraceContext {
  const { siblingEcho } = path;
  // Who loses echo requests loses SYNs as well, where nothing else is said.
  const losesAll = siblingEcho?.lossShown === true && path.watchesTcp === undefined;
  const alike = losesAll ? { plainArrivals: 12, pdmArrivals: 0, lossShown: true, settled: true } : null;
  const siblingTcp = path.siblingTcp === undefined ? alike : path.siblingTcp;
  return {
    habitOf: (hop) => path.habits?.[hop] ?? null,
    mayBeAsked: (address) => path.mayBeAsked?.(address) ?? true,
    haveOthersPassed: (one, other) => path.othersPassed?.(one.hop, other.hop) ?? false,
    sibling: (protocol) => (protocol === 'udp' ? null : protocol === 'icmp6' ? path.siblingEcho : siblingTcp) ?? null,
    watches: (protocol) =>
      protocol === 'icmp6' || (path.watchesTcp === undefined ? siblingTcp !== null : path.watchesTcp),
    answeredBeyond: () => ((path.answeredBeyond ?? true) ? ANSWERED_LATELY : null),
    askedByOthers: () => null,
    noteAsked: () => undefined,
    isIntactAtTarget: () => path.intactAtTarget ?? false,
    saidNoWayToOthers: (address) => address === path.noWayToOthers,
    routerSeenByOthers: () => path.routerSeenByOthers ?? 0,
    waysOfOthers: () => path.waysOfOthers ?? [],
    nearHops: path.nearHops ?? null,
  };
}

function draw(
  path: FakePath,
  state: TraceState,
  row: number,
  sentAtNs: number,
): { atNs: number; deliver: () => void } | null {
  const hopLimit = state.probes.hopLimit(row);
  const packet = packetOf(state, row);
  const flow = state.probes.flow(row);
  const protocol = state.flows[flow]!.protocol;
  const { destination } = state.flows[flow]!;
  // A router that is asked itself is not on the way of what happens to the target's packets.
  if (destination !== undefined) {
    const answered = (protocol === 'tcp' ? resetTo : echoReplyTo)(packet, sentAtNs + 10e6);
    const reply = replyFrom({ ...answered, source: destination });
    return {
      atNs: sentAtNs + 10e6,
      deliver: () => {
        take(state, reply);
      },
    };
  }
  const different = path.differs?.({
    arm: state.probes.arm(row),
    hopLimit,
    number: row,
    flow,
    protocol,
    atNs: sentAtNs,
  });
  if (different === null) return null;
  const arrives = different === 'arrives' || hopLimit > path.routers;
  const drawn = different === 'arrives' ? undefined : different;
  const timeNs = sentAtNs + (drawn?.delayMs ?? 10) * 1e6;
  const received = (() => {
    if (drawn !== undefined) {
      const isOfTarget = drawn.from.every((octet, i) => octet === TARGET[i]);
      const came = isOfTarget ? withHopLimit(packet, Math.max(1, hopLimit - path.routers)) : packet;
      const quote = drawn.quote?.(came) ?? came;
      return errorAbout(quote, drawn.type, drawn.code, drawn.from, timeNs, drawn.pointer);
    }
    if (!arrives) return errorAbout(withHopLimit(packet, 1), 3, 0, routerAt(hopLimit), timeNs);
    if (protocol === 'icmp6') return echoReplyTo(packet, timeNs);
    if (protocol === 'tcp') return synAckTo(packet, timeNs);
    if (path.service === true) return serviceAnswerTo(packet, timeNs);
    return errorAbout(withHopLimit(packet, hopLimit - path.routers), 1, 4, TARGET, timeNs);
  })();
  const reply = replyFrom(received);
  return {
    atNs: timeNs,
    deliver: () => {
      take(state, reply);
    },
  };
}

function take(state: TraceState, reply: Reply): void {
  const match = matchReply(state, reply);
  if (match === 'weak' || match === 'service') return;
  if (typeof match === 'string') state.counters[match] += 1;
  else observe(state, match, reply);
}

export function withHopLimit(packet: Uint8Array, hopLimit: number): Uint8Array {
  const copy = packet.slice();
  copy[7] = hopLimit;
  return copy;
}

/** Drops packets with an extension header from this hop limit on. */
export const dropsFrom =
  (firstLost: number) =>
  ({ arm, hopLimit }: { arm: number; hopLimit: number }): null | undefined =>
    isTreated(arm) && hopLimit >= firstLost ? null : undefined;

export const isTreated = (arm: number): boolean =>
  arm === ARM_CODE.pdm || arm === ARM_CODE.do8 || arm === ARM_CODE.do16;
