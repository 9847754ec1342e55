/**
 * The measurement of one target with one protocol, as a state machine that knows no clock, no socket and no randomness:
 *
 *   step(now)      → the pairs worth sending now, or until when to wait, or that all is known
 *   addPair(wish)  → two rows of probes, in random order
 *   markSent / markSendFailed, observe(reply)
 *   verdict()
 *
 * Planning (plan.ts) and judging (judge.ts) read the same counts (evidence.ts).
 */
import { formatAddress } from '../address/address.js';
import { DESTINATION_UNREACHABLE, ICMPV6, TIME_EXCEEDED } from '../wire/icmpv6.js';
import { decodePdmTimeMs, encodePdmTimeNs } from '../wire/pdm.js';
import type { PdmTime } from '../wire/pdm-time.js';
import { TCP_FLAG } from '../wire/tcp.js';
import { readU8 } from '../wire/big-endian.js';
import { gatherEvidence, waitNs } from './evidence.js';
import type { Evidence } from './evidence.js';
import { judge, pathIsUnstable } from './judge.js';
import type { Match } from './match-reply.js';
import { nearHopsAreSettled, settleNearHops } from './near-hops.js';
import { packetsPerProbe } from './probe-packet.js';
import { firstRoundIsOver, planExplanation, planPairs, suspectsDrop, wantsTargetPair } from './plan.js';
import type { PairWish, SiblingEcho, TraceContext } from './plan.js';
import type { VerdictRecord } from './record.js';
import type { Reply } from './reply.js';
import { ARM_CODE, PROBE_CAP, REPLY_KIND, TARGET_HOP_LIMIT } from './trace-state.js';
import type { Flow, ReplyKind, ReplySignature, TraceState } from './trace-state.js';

export type Step =
  /** `deadlineNs`: when the next pending probe is given up, which may change the wishes. */
  | { readonly kind: 'send'; readonly wishes: readonly PairWish[]; readonly deadlineNs: number | null }
  /** `untilNs` is null when only a reply or another trace can bring news. */
  | { readonly kind: 'wait'; readonly untilNs: number | null }
  | { readonly kind: 'done' };

/** While a UDP trace waits for the echo pairs of its sibling, it looks again this often. */
const SIBLING_POLL_NS = 50e6;
const MOST_REWRITTEN_LABELS = 16;
/** Keys of a probe in `quotedFragments`: its four fragments at most, passed or not. */
const KEYS_PER_PROBE = 8;
const NOT_PASSED = 4;

export function step(state: TraceState, context: TraceContext, nowNs: number): Step {
  if (state.interrupted || state.sendError !== null) return { kind: 'done' };
  let evidence = gatherEvidence(state, nowNs);
  if (
    !state.pathKnown &&
    (evidence.plainArrivals > 0 || (evidence.highestHop > 0 && firstRoundIsOver(state, evidence)))
  ) {
    state.pathKnown = true;
    evidence = gatherEvidence(state, nowNs);
  }
  if (state.restarts === 0 && suspectsDrop(evidence) && pathIsUnstable(state, evidence)) {
    // METHOD §6.7: what was measured before the change says nothing about the path that is there now.
    state.attemptStart = state.probes.count;
    state.restarts = 1;
    state.routerSeenAt = 0;
    evidence = gatherEvidence(state, nowNs);
  }
  state.near.distanceHint = evidence.distanceHint;
  if (context.nearHops !== null) {
    context.nearHops.learn(state, evidence);
    settleNearHops(state, evidence, context.nearHops, (address) => context.isReporter(address));
  }
  const wishes = planPairs(state, evidence, context);
  if (wishes.length > 0) return { kind: 'send', wishes, deadlineNs: evidence.nextDeadlineNs };
  if (evidence.pendingProbes > 0) return { kind: 'wait', untilNs: evidence.nextDeadlineNs };
  if (!nearHopsAreSettled(state) && state.probes.count + 2 <= PROBE_CAP) return { kind: 'wait', untilNs: null };
  if (awaitsSibling(state, evidence, context)) return { kind: 'wait', untilNs: nowNs + SIBLING_POLL_NS };
  const explaining = planExplanationAtHop(state, evidence, context);
  if (explaining.length > 0) return { kind: 'send', wishes: explaining, deadlineNs: evidence.nextDeadlineNs };
  return { kind: 'done' };
}

/** With a silent target a loss is explained at hop u, once it is judged to be one. */
function planExplanationAtHop(state: TraceState, evidence: Evidence, context: TraceContext): PairWish[] {
  if (evidence.plainArrivals > 0) return [];
  const { outcome, interval } = judge(state, evidence, context);
  if ((outcome !== 'dropped' && outcome !== 'rejected') || interval === null) return [];
  return planExplanation(state, evidence, interval.upTo);
}

function awaitsSibling(state: TraceState, evidence: Evidence, context: TraceContext): boolean {
  if (state.identity.protocol !== 'udp' || !suspectsDrop(evidence)) return false;
  return context.siblingEcho()?.settled === false;
}

/** What an icmp6 trace tells the UDP trace to the same target (METHOD §6.8); null when it ended without a measured pair. */
export function echoForSibling(state: TraceState, nowNs: number, ended = false): SiblingEcho | null {
  const evidence = gatherEvidence(state, nowNs);
  const { target } = evidence;
  if (ended && target.pairs === target.void) return null;
  return {
    plainOnly: target.plainOnlyUnquoted,
    plainArrivals: evidence.plainArrivals,
    pdmArrivals: evidence.pdmArrivals,
    settled: ended || (evidence.pendingProbes === 0 && !wantsTargetPair(state, evidence)),
  };
}

/** Gives both rows of a new pair, in the order in which they must go out. */
export function addPair(
  state: TraceState,
  wish: PairWish,
  freshFlow: () => Flow,
  nowNs: number,
): readonly [number, number] {
  let flowIndex: number;
  if (wish.flow === 'fresh') {
    flowIndex = state.flows.length;
    state.flows.push(freshFlow());
  } else {
    flowIndex = wish.flow;
  }
  const flow = state.flows[flowIndex];
  if (flow === undefined) throw new RangeError(`flow ${flowIndex} does not exist`);
  const treatment = ARM_CODE[wish.treatment];
  const plainFirst = state.order.coin();
  const first = addProbe(state, plainFirst ? ARM_CODE.plain : treatment, wish, flow, flowIndex, nowNs);
  const second = addProbe(state, plainFirst ? treatment : ARM_CODE.plain, wish, flow, flowIndex, nowNs);
  state.revision += 1;
  return [first, second];
}

function addProbe(
  state: TraceState,
  arm: number,
  wish: PairWish,
  flow: Flow,
  flowIndex: number,
  nowNs: number,
): number {
  const isPdm = arm === ARM_CODE.pdm;
  const row = state.probes.add(arm, wish.hopLimit, flowIndex, wish.purpose, isPdm ? flow.psnNext : 0, nowNs);
  if (isPdm) {
    flow.psnNext = (flow.psnNext + 1) & 0xffff;
    fillPdm(state, row, flow, nowNs);
  }
  return row;
}

/** PSNLR and deltas as of now, once something with PDM has come back on this 5-tuple. */
function fillPdm(state: TraceState, row: number, flow: Flow, nowNs: number): void {
  if (flow.lastReceived === null) return;
  const { psn, atNs, sentBefore } = flow.lastReceived;
  // RFC 8250 §3.2.1: since the last packet came, and from our own one before it until it came.
  const sinceReceived = encodeSpan(nowNs - atNs);
  const sinceSent = encodeSpan(sentBefore === null ? 0 : atNs - state.probes.sentAtNs(sentBefore));
  state.pdmSent ??= new Map();
  state.pdmSent.set(row, {
    scaleDtlr: sinceReceived.scale,
    scaleDtls: sinceSent.scale,
    psnThisPacket: state.probes.psn(row),
    psnLastReceived: psn,
    deltaTimeLastReceived: sinceReceived.delta,
    deltaTimeLastSent: sinceSent.delta,
  });
}

/** Clocks of transports may count in fractions of a nanosecond, and may step back. */
function encodeSpan(ns: number): PdmTime {
  return encodePdmTimeNs(Math.max(0, Math.round(ns)));
}

/** The second probe of a pair leaves later than the first: its option tells the time of its own sending. */
export function refreshPdm(state: TraceState, row: number, nowNs: number): void {
  const flow = state.flows[state.probes.flow(row)];
  if (flow !== undefined && state.probes.arm(row) === ARM_CODE.pdm) fillPdm(state, row, flow, nowNs);
}

/** The transport has it: replies may come from now on. */
export function markHandedOver(state: TraceState, row: number, nowNs: number): void {
  state.probes.markHandedOver(row, nowNs);
  state.counters.sent += 1;
}

/** It left, at this time on the engine's clock. */
export function markSent(state: TraceState, row: number, atNs: number): void {
  state.probes.correctSendTime(row, atNs);
  state.revision += 1;
}

export function markFailed(state: TraceState, row: number, reason: string): void {
  state.probes.markFailed(row);
  state.counters.sendErrors += 1;
  state.counters.sent -= 1;
  state.revision += 1;
  // A path on which nothing at all can be sent is not worth waiting for.
  if (state.counters.sent === 0 && state.counters.sendErrors >= 6) state.sendError = reason;
}

/** `further-fragment`: another fragment of a probe is quoted whose first quote was the answer. */
export type Observed = 'answer' | 'duplicate' | 'further-fragment';

/** Takes in a matched reply. */
export function observe(state: TraceState, match: Match, reply: Reply): Observed {
  const { probes } = state;
  const { row } = match;
  const isNewFragment = noteFragment(state, match, reply);
  if (probes.reply(row) !== null) {
    if (isNewFragment) {
      completeFragments(state, row);
      return 'further-fragment';
    }
    state.counters.duplicate += 1;
    return 'duplicate';
  }
  const rttNs = reply.timeNs - probes.sentAtNs(row);
  if (rttNs < 0) state.clockStepped = true;
  const late = rttNs > waitNs(state);
  if (late) state.counters.late += 1;
  state.counters.answered += 1;
  state.revision += 1;
  const signature = describeReply(state, match, reply);
  probes.markAnswered(row, internSignature(state, signature), Math.max(0, rttNs), late);
  noteDistance(state, row, signature);
  if (rttNs > state.largestRttNs) state.largestRttNs = rttNs;
  if (match.findings?.nonceHeld === true && !match.findings.flowLabelMatches && reply.kind === 'error') {
    noteRewrittenLabel(state, reply.quote.flowLabel);
  }
  takePdm(state, row, reply, rttNs);
  return 'answer';
}

/** Whether the reply quotes a fragment that no reply quoted before. Refused, stripped or altered it did not get there as sent. */
function noteFragment(state: TraceState, { row, findings }: Match, reply: Reply): boolean {
  if (findings?.fragment == null) return false;
  const key = row * KEYS_PER_PROBE + findings.fragment;
  const known = (state.quotedFragments ??= new Set());
  if (known.has(key) || known.has(key + NOT_PASSED)) return false;
  const ranOut =
    reply.kind === 'error' && reply.error.type === ICMPV6.timeExceeded && reply.error.code === TIME_EXCEEDED.hopLimit;
  known.add(ranOut && findings.intact !== false ? key : key + NOT_PASSED);
  return true;
}

function isPartlyQuoted(state: TraceState, row: number): boolean {
  const protocol = state.flows[state.probes.flow(row)]?.protocol ?? 'udp';
  const count = packetsPerProbe(state, protocol);
  for (let fragment = 0; fragment < count; fragment += 1) {
    if (state.quotedFragments?.has(row * KEYS_PER_PROBE + fragment) !== true) return true;
  }
  return false;
}

/** Once each fragment ran out of hop limit, the probe as a whole got there. */
function completeFragments(state: TraceState, row: number): void {
  const signature = state.signatures[state.probes.reply(row) ?? -1];
  if (signature?.partial !== true || isPartlyQuoted(state, row)) return;
  state.probes.restateReply(row, internSignature(state, { ...signature, partial: false }));
  state.revision += 1;
}

function noteDistance(state: TraceState, row: number, reply: ReplySignature): void {
  const { probes, identity, plainSyn } = state;
  const { kind, type, isReset, quotedHopLimit } = reply;
  if (kind === REPLY_KIND.arrived && probes.arm(row) === ARM_CODE.plain && probes.flow(row) === 0) {
    const hopLimit = probes.hopLimit(row);
    const left = quotedHopLimit !== null && quotedHopLimit <= hopLimit ? quotedHopLimit : 1;
    const distance = hopLimit - left + 1;
    if (distance < (state.distanceSeen ?? TARGET_HOP_LIMIT)) state.distanceSeen = distance;
  }
  if (kind === REPLY_KIND.timeExceeded && probes.flow(row) === 0 && row >= state.attemptStart) {
    state.routerSeenAt = Math.max(state.routerSeenAt, probes.hopLimit(row));
  }
  if (identity.protocol !== 'tcp' || probes.arm(row) !== ARM_CODE.plain || type !== -1) return;
  if (isReset) plainSyn.reset = true;
  else plainSyn.accepted = true;
}

function noteRewrittenLabel(state: TraceState, label: number): void {
  const known = state.rewrittenLabels;
  if (known.length < MOST_REWRITTEN_LABELS && !known.includes(label)) known.push(label);
}

/** A reply that carries PDM itself: PSNLR and deltas of what we send next, and the server's delay (METHOD §3). */
function takePdm(state: TraceState, row: number, reply: Reply, rttNs: number): void {
  if (reply.pdm === null || reply.kind === 'error') return;
  if (reply.pdm.version !== 'rfc8250') {
    state.pdm.draftVersion = true;
    return;
  }
  const { pdm } = reply.pdm;
  const flow = state.flows[state.probes.flow(row)];
  if (flow !== undefined) {
    const sentBefore = lastSentBefore(state, state.probes.flow(row), reply.timeNs);
    flow.lastReceived = { psn: pdm.psnThisPacket, atNs: reply.timeNs, sentBefore };
  }
  if (state.probes.arm(row) !== ARM_CODE.pdm || pdm.psnLastReceived !== state.probes.psn(row)) return;
  const serverDelayMs = decodePdmTimeMs(pdm.scaleDtlr, pdm.deltaTimeLastReceived);
  // Within our round trip, as we measured it, the target cannot have taken longer.
  if (serverDelayMs > rttNs / 1e6) state.pdm.implausible += 1;
  else state.pdm.answer ??= { row, serverDelayMs };
}

/** RFC 8250 §3.2.1: DeltaTLS runs from the last packet that was sent before the last one received. */
function lastSentBefore({ probes }: TraceState, flow: number, atNs: number): number | null {
  let latest: number | null = null;
  for (let row = 0; row < probes.count; row += 1) {
    if (probes.flow(row) !== flow || probes.arm(row) !== ARM_CODE.pdm || !probes.isSent(row)) continue;
    if (probes.sentAtNs(row) > atNs || (latest !== null && probes.sentAtNs(row) < probes.sentAtNs(latest))) continue;
    latest = row;
  }
  return latest;
}

function describeReply(state: TraceState, match: Match, reply: Reply): ReplySignature {
  const responder = formatAddress(reply.source);
  const common = { responder, replyHopLimit: reply.hopLimit };
  if (reply.kind !== 'error') {
    const isReset = reply.kind === 'tcp' && (readU8(reply.bytes, reply.offset + 13) & TCP_FLAG.rst) !== 0;
    return {
      ...common,
      kind: REPLY_KIND.arrived,
      type: -1,
      code: isReset ? 1 : 0,
      isReset,
      pointer: null,
      mtu: null,
      intact: null,
      intactWhole: false,
      stripped: false,
      altered: false,
      quoted: false,
      partial: false,
      quotedHopLimit: null,
      changes: [],
      mpls: [],
      interfaces: [],
    };
  }
  const { type, code, pointer, mtu, extensions } = reply.error;
  const { findings } = match;
  const kind = kindOfError(state, responder, type, code);
  const changes = [...(findings?.changes ?? [])];
  const quotedHopLimit = findings?.quotedHopLimit ?? null;
  if (kind === REPLY_KIND.timeExceeded && quotedHopLimit !== null && quotedHopLimit > 1)
    changes.push(`hop-limit-${quotedHopLimit}`);
  return {
    ...common,
    kind,
    isReset: false,
    type,
    code,
    pointer,
    mtu,
    intact: findings?.intact ?? null,
    intactWhole: findings?.intactWhole ?? false,
    stripped: findings?.stripped ?? false,
    altered: findings?.altered ?? false,
    quoted: true,
    partial: findings?.fragment != null && isPartlyQuoted(state, match.row),
    quotedHopLimit,
    changes,
    mpls: extensions?.mpls ?? [],
    interfaces: extensions?.interfaces ?? [],
  };
}

/** METHOD §5. */
function kindOfError(state: TraceState, responder: string, type: number, code: number): ReplyKind {
  if (type === ICMPV6.timeExceeded && code === TIME_EXCEEDED.hopLimit) return REPLY_KIND.timeExceeded;
  // Of the target: some fragments came, the packet did not.
  if (type === ICMPV6.timeExceeded) return REPLY_KIND.other;
  if (responder === state.identity.targetText) return REPLY_KIND.arrived;
  if (type === ICMPV6.destinationUnreachable) {
    const isOwnKernel = responder === formatAddress(state.identity.source);
    return isOwnKernel && code === DESTINATION_UNREACHABLE.noRoute ? REPLY_KIND.other : REPLY_KIND.refused;
  }
  if (type === ICMPV6.parameterProblem) return REPLY_KIND.refused;
  return REPLY_KIND.other;
}

function internSignature(state: TraceState, signature: ReplySignature): number {
  const known = state.signatures.findIndex((other) => sameSignature(other, signature));
  if (known >= 0) return known;
  state.signatures.push(signature);
  return state.signatures.length - 1;
}

function sameSignature(a: ReplySignature, b: ReplySignature): boolean {
  return (
    a.kind === b.kind &&
    a.responder === b.responder &&
    a.isReset === b.isReset &&
    a.type === b.type &&
    a.code === b.code &&
    a.pointer === b.pointer &&
    a.mtu === b.mtu &&
    a.replyHopLimit === b.replyHopLimit &&
    a.intact === b.intact &&
    a.intactWhole === b.intactWhole &&
    a.stripped === b.stripped &&
    a.altered === b.altered &&
    a.quoted === b.quoted &&
    a.partial === b.partial &&
    a.quotedHopLimit === b.quotedHopLimit &&
    a.changes.length === b.changes.length &&
    a.changes.every((change, index) => change === b.changes[index]) &&
    sameJson(a.mpls, b.mpls) &&
    sameJson(a.interfaces, b.interfaces)
  );
}

function sameJson(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && (a.length === 0 || JSON.stringify(a) === JSON.stringify(b));
}

/** What this trace shows of one address's habit of reporting packets with the option that surely reached it. */
export interface ReportingHabit {
  readonly address: string;
  readonly reported: number;
  readonly missed: number;
}

/** Of hops up to n that one address answers: packets with the option got there and beyond. */
export function reportingHabits(evidence: Evidence): ReportingHabit[] {
  const habits: ReportingHabit[] = [];
  for (let hop = 1; hop <= evidence.lastPdmHop; hop += 1) {
    const place = evidence.hops[hop];
    const [address, ...others] = place?.plainResponderOnAnyFlow ?? [];
    if (place === undefined || address === undefined || others.length > 0) continue;
    habits.push({ address, reported: place.pdmIntact, missed: place.lost });
  }
  return habits;
}

export interface Judged {
  readonly verdict: VerdictRecord;
  readonly evidence: Evidence;
  /** When: what is still awaited then is neither answered nor silent. */
  readonly atNs: number;
}

export function judgeTrace(state: TraceState, context: TraceContext, nowNs: number): Judged {
  const evidence = gatherEvidence(state, nowNs);
  return { verdict: judge(state, evidence, context), evidence, atNs: nowNs };
}
