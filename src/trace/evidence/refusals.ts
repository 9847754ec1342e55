/** Who refuses packets with the option, and how often, for METHOD: rejected. */
import { REFUSED_SHARE } from '../numbers.js';
import { MEANING } from '../reply/meaning.js';
import { TARGET_HOP_LIMIT } from '../state/trace-state.js';
import type { ReplySignature, TraceState } from '../state/trace-state.js';
import type { Counts } from './counts.js';
import { replyTo } from './pair.js';
import type { Pair } from './pair.js';

/** Our header stands in octets 40 to 55; a pointer elsewhere, but to the next header before it, is about something else. */
const HEADER_FROM = 40;
const HEADER_END = 56;

/** Refusals of packets with the option by one address. */
export interface Refuser {
  readonly address: string;
  readonly inTargetName: boolean;
  /** Refused packets, and the smallest hop limit that drew one. */
  refusals: number;
  firstHopLimit: number;
  /** … on the trace's own flow, on which hops are counted: another flow's way may be shorter, or longer. ∞ where none did. */
  firstOwnHopLimit: number;
  reply: ReplySignature;
  /** All of them point into our header, or say that the chain of headers is the reason. */
  isPointed: boolean;
}

/** `pdmAtTarget` of `pairsAtTarget` are held against the placebos, which stand at the target only. */
export interface RefusedPairs {
  pdm: number;
  /** Of these, those on the trace's own flow. */
  pdmOnOwnFlow: number;
  plain: number;
  placebos: number;
  placebosRefused: number;
  pdmAtTarget: number;
  pairsAtTarget: number;
  /** On the trace's own flow, where n is known: refused, and lost without a word, `plain` having come from beyond. */
  refusedOnOwnWay: number;
  lostOnOwnWay: number;
}

/** Flows on which packets with the option are refused: where ways part, all pairs of the trace's own are one draw. */
export function refusedFlows({ pdm, pdmOnOwnFlow }: RefusedPairs): number {
  return pdm - Math.max(0, pdmOnOwnFlow - 1);
}

interface Lost {
  readonly counts: Pick<Counts, 'counted'>;
  readonly refusedPairs: RefusedPairs;
}

/** Pairs that lost the option at the target without a word, where those are more than one in four of the lost. */
export function lostWithoutAWord({ counts, refusedPairs }: Lost): number {
  const { plainOnly } = counts.counted;
  const lost = plainOnly - refusedPairs.pdmAtTarget;
  return lost <= (1 - REFUSED_SHARE) * plainOnly ? 0 : lost;
}

/**
 * METHOD: rejected. RFC 8883's codes (1/8, 4/5 to 4/10) are about the chain of headers; a pointer of theirs may stand right
 * behind it, at the first octet beyond a limit.
 */
function pointsAtHeader(type: number, code: number, pointer: number | null): boolean {
  if (type === 1) return code === 8;
  if (type !== 4) return false;
  if (code >= 5) return pointer === null || (pointer >= HEADER_FROM && pointer <= HEADER_END);
  return pointer !== null && ((pointer >= HEADER_FROM && pointer < HEADER_END) || (code === 1 && pointer === 6));
}

/** Takes in one refused packet with the option. */
export function noteRefuser(
  refusers: Map<string, Refuser>,
  reply: ReplySignature,
  { hopLimit: hop, flow }: Pick<Pair, 'hopLimit' | 'flow'>,
  targetText: string,
  terminal: ReadonlySet<string>,
): void {
  const { responder: address, type, code, pointer } = reply;
  const isPointed = pointsAtHeader(type, code, pointer);
  const ownHopLimit = flow === 0 ? hop : Number.POSITIVE_INFINITY;
  const known = refusers.get(address);
  if (known === undefined) {
    const inTargetName = address === targetText || terminal.has(address);
    const first = { firstHopLimit: hop, firstOwnHopLimit: ownHopLimit };
    refusers.set(address, { address, inTargetName, refusals: 1, ...first, reply, isPointed });
    return;
  }
  known.firstOwnHopLimit = Math.min(known.firstOwnHopLimit, ownHopLimit);
  known.refusals += 1;
  known.isPointed &&= isPointed;
  if (hop < known.firstHopLimit) {
    known.firstHopLimit = hop;
    known.reply = reply;
  }
}

/** What shows that only packets with the option are refused: the other one of the pair came from beyond. */
export function countRefusedPair(
  into: RefusedPairs,
  refusers: ReadonlyMap<string, Refuser>,
  state: TraceState,
  pair: Pair,
  lastPdmHop: number,
  isSettled: boolean,
): void {
  if (pair.isPlacebo) {
    if (!isSettled) return;
    into.placebos += 1;
    if (pair.plain === MEANING.refused || pair.treated === MEANING.refused) into.placebosRefused += 1;
    return;
  }
  const atTarget = pair.hopLimit === TARGET_HOP_LIMIT;
  if (atTarget) into.pairsAtTarget += 1;
  const plainPassed = pair.plain === MEANING.arrived || pair.plain === MEANING.expired;
  if (pair.flow === 0 && plainPassed) {
    if (pair.treated === MEANING.refused) into.refusedOnOwnWay += 1;
    else if (pair.treated === MEANING.none && pair.hopLimit > lastPdmHop) into.lostOnOwnWay += 1;
  }
  if (pair.treated === MEANING.refused && plainPassed) {
    const refuser = refusers.get(replyTo(state, pair.treatedRow)?.responder ?? '');
    const isBeyond = pair.plain === MEANING.arrived || replyTo(state, pair.plainRow)?.responder !== refuser?.address;
    if (!isBeyond) return;
    into.pdm += 1;
    if (pair.flow === 0) into.pdmOnOwnFlow += 1;
    if (atTarget) into.pdmAtTarget += 1;
  } else if (pair.plain === MEANING.refused && pair.treated !== MEANING.refused) into.plain += 1;
}
