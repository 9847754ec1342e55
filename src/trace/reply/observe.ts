/** A matched reply, taken in: what it says is kept as a signature that equal replies share. */
import { formatAddress, sameAddress } from '../../address/address.js';
import { readU8 } from '../../wire/big-endian.js';
import type { ExtensionObject } from '../../wire/icmp-extensions.js';
import { ICMPV6, TIME_EXCEEDED } from '../../wire/icmpv6.js';
import { decodePdmTimeMs } from '../../wire/pdm.js';
import { TCP_FLAG } from '../../wire/tcp.js';
import { waitNs } from '../evidence/pair.js';
import { packetsPerProbe } from '../probe/probe-packet.js';
import { ARM_CODE, signatureOf, TARGET_HOP_LIMIT } from '../state/trace-state.js';
import type { ReplyObject } from '../../record/record.js';
import type { ReplySignature, TraceState } from '../state/trace-state.js';
import type { Match } from './match-reply.js';
import { isExpired, isPlainArm, isRefusal, isTerminalKind, senderKey } from './words.js';
import type { Reply } from './reply.js';
import { settleWeakQuotes } from './weak-quotes.js';

const MOST_REWRITTEN_LABELS = 16;
const MOST_SIGNATURES = 1000;
/** Extension objects kept of one reply, and octets of each. */
const MOST_OBJECTS = 8;
const MOST_OBJECT_OCTETS = 64;
/** Names kept of one hop at which several answered one probe. */
const MOST_CONTRADICTING = 8;
/** Keys of a probe in `quotedFragments`: its four fragments at most, passed or not. */
const KEYS_PER_PROBE = 8;
const NOT_PASSED = 4;
const NONE: readonly never[] = [];

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
    noteContradiction(state, row, reply);
    preferArrival(state, match, reply);
    return 'duplicate';
  }
  const rttNs = reply.timeNs - probes.sentAtNs(row);
  if (rttNs < 0) state.clockStepped = true;
  const late = rttNs > waitNs(state);
  if (late) state.counters.late += 1;
  state.counters.answered += 1;
  const signature = describeReply(state, match, reply);
  probes.markAnswered(row, internSignature(state, signature), Math.max(0, rttNs), late);
  noteDistance(state, row, signature);
  if (rttNs > state.largestRttNs) state.largestRttNs = rttNs;
  if (match.findings?.nonceHeld === true && !match.findings.flowLabelMatches && reply.kind === 'error') {
    noteRewrittenLabel(state, reply.quote.flowLabel);
  }
  takePdm(state, row, reply, rttNs);
  settleWeakQuotes(state);
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

/** A router's answer to a probe that somebody else has answered: one of the two names is wrong, or both are right for once. */
function noteContradiction(state: TraceState, row: number, reply: Reply): void {
  if (reply.kind !== 'error' || reply.error.type !== ICMPV6.timeExceeded) return;
  if (reply.error.code !== TIME_EXCEEDED.hopLimit) return;
  const first = signatureOf(state, row)?.responder;
  const second = formatAddress(reply.source);
  if (first === undefined || first === second) return;
  const hopLimit = state.probes.hopLimit(row);
  const names = state.contradicted.get(hopLimit) ?? new Set<string>();
  const before = names.size;
  for (const name of [first, second]) if (names.size < MOST_CONTRADICTING) names.add(name);
  if (names.size === before) return;
  state.contradicted.set(hopLimit, names);
}

/**
 * Somebody on the way refused the packet in words and let it pass, as who answers actively to what it sees does: that the target
 * answered shows what became of it. Who drops it cannot make the target answer.
 */
function preferArrival(state: TraceState, match: Match, reply: Reply): void {
  const { row } = match;
  const first = signatureOf(state, row);
  if (first === undefined || !(isRefusal(first) || first.isReset)) return;
  const signature = describeReply(state, match, reply);
  if (!isOfTheEnd(state, signature) || !isTerminalKind(signature) || signature.isReset) return;
  if (first.responder === signature.responder && first.type === signature.type && first.code === signature.code) return;
  state.probes.restateReply(row, internSignature(state, signature));
  noteDistance(state, row, signature);
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
  const signature = signatureOf(state, row);
  if (signature?.partial !== true || isPartlyQuoted(state, row)) return;
  state.probes.restateReply(row, internSignature(state, { ...signature, partial: false }));
}

function noteDistance(state: TraceState, row: number, reply: ReplySignature): void {
  const { probes } = state;
  const { quotedHopLimit } = reply;
  if (isOfTheEnd(state, reply) && probes.arm(row) === ARM_CODE.plain && isOfTarget(state, row)) {
    const hopLimit = probes.hopLimit(row);
    const left = quotedHopLimit !== null && quotedHopLimit <= hopLimit ? quotedHopLimit : 1;
    const distance = hopLimit - left + 1;
    if (distance < (state.distanceSeen ?? TARGET_HOP_LIMIT)) state.distanceSeen = distance;
  }
  // Packets with options may have a way of their own, and a longer one.
  if (isExpired(reply) && isPlainArm(probes.arm(row)) && probes.flow(row) === 0 && row >= state.attemptStart) {
    state.routerSeenAt = Math.max(state.routerSeenAt, probes.hopLimit(row));
  }
}

/** In the target's name, and about more than the length or the fragments of the packet. */
function isOfTheEnd({ identity }: TraceState, { responder, type }: ReplySignature): boolean {
  return responder === identity.targetText && type !== ICMPV6.packetTooBig && type !== ICMPV6.timeExceeded;
}

function isOfTarget({ flows, probes }: TraceState, row: number): boolean {
  return flows[probes.flow(row)]?.destination === undefined;
}

/** No label at all is what anybody may write: it shows nobody to have seen our packets. */
function noteRewrittenLabel(state: TraceState, label: number): void {
  if (label === 0) return;
  const known = state.rewrittenLabels;
  if (known.length < MOST_REWRITTEN_LABELS && !known.includes(label)) known.push(label);
}

/** A reply that carries PDM itself: PSNLR and deltas of what we send next, and the server's delay (METHOD: PDM on the wire). */
function takePdm(state: TraceState, row: number, reply: Reply, rttNs: number): void {
  if (reply.pdm === null) return;
  // An error speaks of another packet; that its sender adds the option it shows all the same.
  if (reply.kind === 'error') {
    if (sameAddress(reply.source, state.identity.target) && isOfTarget(state, row)) noteSent(state, row);
    return;
  }
  if (reply.pdm.version !== 'rfc8250') {
    state.pdm.draftVersion = true;
    return;
  }
  const { pdm } = reply.pdm;
  if (isOfTarget(state, row)) noteSent(state, row);
  const flow = state.flows[state.probes.flow(row)];
  if (flow !== undefined) {
    const sentBefore = lastSentBefore(state, state.probes.flow(row), reply.timeNs);
    flow.lastReceived = { psn: pdm.psnThisPacket, atNs: reply.timeNs, sentBefore };
  }
  if (!isOfTarget(state, row)) return;
  if (state.probes.arm(row) !== ARM_CODE.pdm || pdm.psnLastReceived !== state.probes.psn(row)) return;
  const serverDelayMs = decodePdmTimeMs(pdm.scaleDtlr, pdm.deltaTimeLastReceived);
  // Within our round trip, as we measured it, the target cannot have taken longer.
  if (serverDelayMs > rttNs / 1e6) state.pdm.implausible += 1;
  else state.pdm.answer ??= { row, serverDelayMs };
}

function noteSent({ pdm, probes }: TraceState, row: number): void {
  pdm.isSent = true;
  if (isPlainArm(probes.arm(row))) pdm.isSentToPlain = true;
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
  // Made for each reply: no spreads, which are slow.
  if (reply.kind !== 'error') {
    const isReset = reply.kind === 'tcp' && (readU8(reply.bytes, reply.offset + 13) & TCP_FLAG.rst) !== 0;
    return {
      responder,
      replyHopLimit: reply.hopLimit,
      isReset,
      type: -1,
      code: isReset ? 1 : 0,
      pointer: null,
      mtu: null,
      intact: null,
      intactWhole: false,
      stripped: false,
      altered: false,
      quoted: false,
      partial: false,
      quotedHopLimit: null,
      changes: NONE,
      mpls: NONE,
      interfaces: NONE,
      objects: NONE,
    };
  }
  const { type, code, pointer, mtu, extensions } = reply.error;
  const { findings } = match;
  const quotedHopLimit = findings?.quotedHopLimit ?? null;
  const changes: readonly string[] = findings?.changes ?? NONE;
  const isFar =
    type === ICMPV6.timeExceeded && code === TIME_EXCEEDED.hopLimit && quotedHopLimit !== null && quotedHopLimit > 1;
  return {
    responder,
    replyHopLimit: reply.hopLimit,
    isReset: false,
    type,
    code,
    pointer,
    mtu,
    intact: findings?.intact ?? null,
    // Of the option itself: another one that gets there says nothing of it.
    intactWhole: findings?.intactWhole === true && state.probes.arm(match.row) === ARM_CODE.pdm,
    stripped: findings?.stripped ?? false,
    altered: findings?.altered ?? false,
    quoted: true,
    partial: findings?.fragment != null && isPartlyQuoted(state, match.row),
    quotedHopLimit,
    changes: isFar ? [...changes, `hop-limit-${quotedHopLimit}`] : changes,
    mpls: extensions?.mpls ?? NONE,
    interfaces: extensions?.interfaces ?? NONE,
    objects: extensions === null ? NONE : keptObjects(extensions.undecoded),
  };
}

function keptObjects(objects: readonly ExtensionObject[]): readonly ReplyObject[] {
  return objects.slice(0, MOST_OBJECTS).map(({ classNumber, cType, payload }) => ({
    classNumber,
    cType,
    hex: Array.from(payload.subarray(0, MOST_OBJECT_OCTETS), (octet) => octet.toString(16).padStart(2, '0')).join(''),
  }));
}

function internSignature(state: TraceState, given: ReplySignature): number {
  // Somebody who sees our packets could make every reply another one, and large: what decides nothing is not kept then.
  const signature = state.signatures.length < MOST_SIGNATURES ? given : bare(given);
  const known = state.signatures.findIndex((other) => sameSignature(other, signature));
  if (known >= 0) return known;
  state.signatures.push(signature);
  const { of, numbers } = state.senders;
  const key = senderKey(signature);
  const sender = numbers.get(key) ?? numbers.size;
  numbers.set(key, sender);
  of.push(sender);
  return state.signatures.length - 1;
}

/** There is one reply a probe at most, so that these too are bounded. */
function bare(signature: ReplySignature): ReplySignature {
  return { ...signature, changes: [], mpls: [], interfaces: [], objects: [] };
}

/** What differs most often is compared first: called for each reply and each signature. */
function sameSignature(a: ReplySignature, b: ReplySignature): boolean {
  return (
    a.type === b.type &&
    a.replyHopLimit === b.replyHopLimit &&
    a.responder === b.responder &&
    a.intactWhole === b.intactWhole &&
    a.quotedHopLimit === b.quotedHopLimit &&
    a.intact === b.intact &&
    a.code === b.code &&
    a.isReset === b.isReset &&
    a.pointer === b.pointer &&
    a.mtu === b.mtu &&
    a.stripped === b.stripped &&
    a.altered === b.altered &&
    a.quoted === b.quoted &&
    a.partial === b.partial &&
    sameObjects(a.objects, b.objects) &&
    sameTexts(a.changes, b.changes) &&
    sameJson(a.mpls, b.mpls) &&
    sameJson(a.interfaces, b.interfaces)
  );
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}

/** What differs in every reply must not be slow to tell. */
function sameObjects(a: readonly ReplyObject[], b: readonly ReplyObject[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) {
    if (a[i]?.hex !== b[i]?.hex || a[i]?.classNumber !== b[i]?.classNumber || a[i]?.cType !== b[i]?.cType) return false;
  }
  return true;
}

function sameJson(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && (a.length === 0 || JSON.stringify(a) === JSON.stringify(b));
}
