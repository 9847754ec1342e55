import { TARGET_HOP_LIMIT } from '../../trace/numbers.js';
import type { Arm, HopRecord, IcmpCount, PlaceRecord, ResponderRecord, TraceRecord } from '../../record/record.js';
import { isEnd, onlyRefuses } from '../../record/refusals.js';

/** One answered probe, as far as a record still knows it. */
export interface ExpandedReply {
  /** Null where the record, which keeps the smallest, the median and the largest, does not have this one. */
  readonly rttMs: number | null;
  /** Null where the answer was no ICMPv6, or which of several kinds it was is unknown. */
  readonly icmp: IcmpCount | null;
}

/**
 * The single replies behind a responder's totals, for formats that list one reply each. Nothing is made up: of n replies, the
 * smallest and largest RTT were measured, and the median where n is odd; the others have none. Which RTT belongs to which of
 * several kinds of ICMPv6 message is not known, so that those have none either. The order is not that of sending.
 */
export function expandReplies(responder: ResponderRecord): ExpandedReply[] {
  const { answered, icmp } = responder;
  const kinds = icmp.flatMap((kind) => Array.from({ length: kind.count }, () => kind)).slice(0, answered);
  const isOneKind = icmp.length <= 1 && kinds.length === (icmp.length === 0 ? 0 : answered);
  const rtts = isOneKind ? knownRtts(responder) : [];
  return Array.from({ length: answered }, (_, index) => ({ rttMs: rtts[index] ?? null, icmp: kinds[index] ?? null }));
}

function knownRtts({ answered, rttMs }: ResponderRecord): number[] {
  if (rttMs === null) return [];
  if (answered === 1) return [rttMs.median];
  return answered % 2 === 0 ? [rttMs.min, rttMs.max] : [rttMs.min, rttMs.median, rttMs.max];
}

/** Octets that an arm's packets have more than the plain ones (METHOD: Arms). */
export const ARM_EXTRA_OCTETS: Readonly<Record<Arm, number>> = { plain: 0, pdm: 16, do8: 8, do16: 16, long: 16 };

/** The hop limit that a quote shows where all quotes agree: 1 unless one was noted. Null where there is no quote. */
export function quotedHopLimit(responder: ResponderRecord): number | null {
  const limits = new Set(responder.quotes.map((quote) => noted(quote.changes)));
  const [only] = limits;
  return limits.size === 1 && only !== undefined ? only : null;
}

function noted(changes: readonly string[]): number {
  const change = changes.find((one) => /^hop-limit-\d+$/.test(one));
  return change === undefined ? 1 : Number(change.slice('hop-limit-'.length));
}

/** An arm's observations by hop limit, ascending; hops that the arm was not sent to are left out. */
export interface ArmHop {
  readonly hop: number;
  readonly sent: number;
  readonly answered: number;
  readonly responders: readonly ResponderRecord[];
}

/**
 * The path as one arm saw it. The pairs at the target come last, under the hop limit that they were sent with, unless the
 * target already shows among the hops: formats of other tools have no place of their own for them.
 */
export function armPath(record: TraceRecord, arm: Arm): ArmHop[] {
  const path = record.hops.flatMap((hop: HopRecord) => armHop(hop, hop.hop, arm));
  const targetPairs: PlaceRecord | null = record.targetPairs;
  if (
    targetPairs === null ||
    path.some((hop) => reaches(hop, record, arm)) ||
    path.some((hop) => hop.hop >= TARGET_HOP_LIMIT)
  )
    return path;
  return [...path, ...armHop(targetPairs, TARGET_HOP_LIMIT, arm)];
}

function armHop(place: PlaceRecord, hop: number, arm: Arm): ArmHop[] {
  const seen = place.arms[arm];
  if (seen === undefined || seen.sent === 0) return [];
  return [{ hop, sent: seen.sent, answered: seen.answered, responders: seen.responders }];
}

/** True where the target itself answered this arm at this hop. */
export function reaches(hop: ArmHop, record: TraceRecord, arm: Arm): boolean {
  return hop.responders.some(
    (responder) => isEnd(record, responder.address) && responder.answered > 0 && !onlyRefuses(record, arm, responder),
  );
}
