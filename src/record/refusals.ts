import type { Arm, ResponderRecord, TraceRecord } from './record.js';

/** Arms whose packets have an extension header: those that a refusal may be about. */
const WITH_HEADER: readonly Arm[] = ['pdm', 'do8', 'do16'];

/**
 * Whether a responder did nothing but refuse packets of this arm, so that they did not get to where it seems to be. The
 * target's own words are arrivals, but for those that the verdict found to be somebody else's in its name.
 */
export function onlyRefuses(record: TraceRecord, arm: Arm, responder: ResponderRecord): boolean {
  const { icmp, address } = responder;
  if (icmp.length === 0) return false;
  if (!isEnd(record, address)) return icmp.every(({ type }) => type !== 3 && type < 128);
  return refusesInTargetName(record, arm, responder);
}

/**
 * Whether this address answers for the target (METHOD: Replies, terminal responder): its own, or, where plain packets arrived
 * and none of them was answered from that, those that they were answered from.
 */
export function isEnd({ target, targetPairs }: TraceRecord, address: string): boolean {
  if (address === target.address) return true;
  if (targetPairs === null || targetPairs.pairs.both + targetPairs.pairs.plainOnly === 0) return false;
  const { responders } = targetPairs.arms.plain;
  if (responders.some((one) => one.address === target.address)) return false;
  const found = responders.find((one) => one.address === address);
  return found !== undefined && found.icmp.every(({ type, code }) => type === 1 && code === 4);
}

/** Whoever refuses in the target's name is not the target, and its network is not the target's. */
export function refusesInTargetName(record: TraceRecord, arm: Arm, responder: ResponderRecord): boolean {
  const { refusal } = record.verdict;
  if (refusal?.inTargetName !== true || !isEnd(record, responder.address) || !WITH_HEADER.includes(arm)) return false;
  return responder.icmp.every(({ type, code }) => type === refusal.type && code === refusal.code);
}
