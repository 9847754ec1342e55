import type { Arm, ResponderRecord, TraceRecord } from '../trace/record.js';

/** Arms whose packets have an extension header: those that a refusal may be about. */
const WITH_HEADER: readonly Arm[] = ['pdm', 'do8', 'do16'];

/**
 * Whether a responder did nothing but refuse packets of this arm, so that they did not get to where it seems to be. The
 * target's own words are arrivals, but for those that the verdict found to be somebody else's in its name.
 */
export function onlyRefuses(record: TraceRecord, arm: Arm, responder: ResponderRecord): boolean {
  const { icmp, address } = responder;
  if (icmp.length === 0) return false;
  if (address !== record.target.address) return icmp.every(({ type }) => type !== 3 && type < 128);
  return refusesInTargetName(record, arm, responder);
}

/** Whoever refuses in the target's name is not the target, and its network is not the target's. */
export function refusesInTargetName({ verdict, target }: TraceRecord, arm: Arm, responder: ResponderRecord): boolean {
  const { refusal } = verdict;
  if (refusal?.inTargetName !== true || responder.address !== target.address || !WITH_HEADER.includes(arm))
    return false;
  return responder.icmp.every(({ type, code }) => type === refusal.type && code === refusal.code);
}
