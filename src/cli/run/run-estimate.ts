import { TYPICAL_PACKETS, tracesInFlight } from '../../measure/measure-options.js';
import { ACCUSATION_PROBE_CAP } from '../../trace/numbers.js';
import { counted, durationText, figures } from '../../text/counted.js';

/** A TCP record by itself: 11 pairs of SYNs to the target, 8 SYNs at once and then 2 a second, and those for the hops before it. */
const TYPICAL_TCP_SECONDS = 10;
/** Of each of the first traces to each of the first routers, which all of them share (METHOD: Exploring). */
const PAIRS_PER_HOP = 3;

export interface ListSize {
  readonly targets: number;
  /** Records that are still to be made, names with several addresses counted once. */
  readonly records: number;
  /** Of these, those of TCP. */
  readonly tcpRecords: number;
  readonly rate: number;
  /** Spacing of the pairs for one responder. */
  readonly hopIntervalMs: number;
  /** Fragments of each, or 1. */
  readonly packetsPerProbe: number;
}

/** What a dry run says, a line each. */
export function estimateLines(size: ListSize): string[] {
  const { targets, records, tcpRecords, rate, hopIntervalMs, packetsPerProbe } = size;
  const typicalEach = TYPICAL_PACKETS * packetsPerProbe;
  const mostEach = ACCUSATION_PROBE_CAP * packetsPerProbe;
  const typical = records * typicalEach;
  const most = records * mostEach;
  // What the first router alone may take if it gives no more, before later traces need not ask it: then the rate does not decide.
  const firstRouterMs = Math.min(records, tracesInFlight(rate)) * PAIRS_PER_HOP * hopIntervalMs;
  return [
    `${counted(targets, 'target')}, ${counted(records, 'record')} (one for each target and protocol)`,
    `about ${figures(typical)} packets (${typicalEach} a record), at most ${figures(most)} (${mostEach} a record)`,
    `about ${durationText((1000 * typical) / rate)} at ${figures(rate)} packets/s, at most ${durationText((1000 * most) / rate)}`,
    ...(firstRouterMs <= (1000 * typical) / rate
      ? []
      : [
          `longer where they share routers: each is asked for an error in ${hopIntervalMs} ms (--hop-interval) until its limit is learnt`,
        ]),
    ...(tcpRecords === 0 ? [] : [`with tcp not less than ${TYPICAL_TCP_SECONDS} s: SYNs to one target are far apart`]),
    'nothing was sent and nothing stored',
  ];
}
