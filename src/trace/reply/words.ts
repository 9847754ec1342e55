/** What a reply says by itself, whoever sends it and whatever `plain` draws: its words, its kind, from how far it came. */
import { DESTINATION_UNREACHABLE, ICMPV6, TIME_EXCEEDED } from '../../wire/icmpv6.js';
import { ARM_CODE } from '../state/trace-state.js';
import type { ReplySignature } from '../state/trace-state.js';

const UNKNOWN_DISTANCE = 0xff;

/** Only this places a hop. */
export function isExpired({ type, code }: ReplySignature): boolean {
  return type === ICMPV6.timeExceeded && code === TIME_EXCEEDED.hopLimit;
}

/** It says that the packet has no way to the target, whatever it carries. */
export function isNoWay({ type, code }: ReplySignature): boolean {
  return (
    type === ICMPV6.destinationUnreachable &&
    (code === DESTINATION_UNREACHABLE.noRoute || code === DESTINATION_UNREACHABLE.addressUnreachable)
  );
}

/** What says nothing of the packet's fate: too long for a link, not put together, no route on this very host. */
export function isNoWord({ type, code, responder }: ReplySignature, source: string): boolean {
  if (type === ICMPV6.packetTooBig || type === ICMPV6.timeExceeded) return true;
  return responder === source && type === ICMPV6.destinationUnreachable && code === DESTINATION_UNREACHABLE.noRoute;
}

/** Unreachable, or a parameter problem. */
export function isRefusal({ type }: ReplySignature): boolean {
  return type === ICMPV6.destinationUnreachable || type === ICMPV6.parameterProblem;
}

/** What the end of a path sends: data, echo replies, segments, or that no port is open. */
export function isTerminalKind(reply: ReplySignature): boolean {
  return reply.type < 0 || isPortUnreachable(reply);
}

/** 1/4 (RFC 4443 §3.1): a closed port in the target's name, and the word of many reject rules elsewhere. */
export function isPortUnreachable({ type, code }: Pick<ReplySignature, 'type' | 'code'>): boolean {
  return type === ICMPV6.destinationUnreachable && code === DESTINATION_UNREACHABLE.portUnreachable;
}

/** Type and code, or kind of segment. */
export function wordOf({ type, code }: Pick<ReplySignature, 'type' | 'code'>): number {
  return (type + 1) * 256 + code;
}

/** One kind of thing that one address says. */
export function senderKey(signature: ReplySignature): string {
  return `${signature.responder} ${kindOf(signature)}`;
}

/** Type and code, or kind of segment, and from how far it came: hosts start hop limits at 64, 128 or 255. */
export function kindOf({ type, code, replyHopLimit }: ReplySignature): number {
  return ((type + 1) * 256 + code) * 256 + returnDistance(replyHopLimit);
}

/** Routers that it came back by, as its hop limit tells; null where that is not seen. */
export function comesFrom({ replyHopLimit }: ReplySignature): number | null {
  return replyHopLimit === null ? null : returnDistance(replyHopLimit);
}

/** Routers that a reply with this hop limit came back by; `UNKNOWN_DISTANCE` where it is not seen. */
export function returnDistance(hopLimit: number | null): number {
  if (hopLimit === null) return UNKNOWN_DISTANCE;
  return (hopLimit <= 64 ? 64 : hopLimit <= 128 ? 128 : 255) - hopLimit;
}

/** Packets without an extension header, whatever their length. */
export function isPlainArm(arm: number): boolean {
  return arm === ARM_CODE.plain || arm === ARM_CODE.long;
}
