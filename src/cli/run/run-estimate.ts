import { tracesInFlight } from '../../measure/measure-options.js';
import { ACCUSATION_PROBE_CAP } from '../../trace/numbers.js';
import { counted, durationText, figures } from '../../text/counted.js';

/** A TCP record by itself: 11 pairs of SYNs to the target, 8 SYNs at once and then 2 a second, and those for the hops before it. */
const TYPICAL_TCP_SECONDS = 10;
/** Of each of the first traces to each of the first routers, which all of them share (METHOD: Exploring). */
const PAIRS_PER_HOP = 3;

/**
 * Packets of a record, as `npm run bench` measures them: of a target that the option arrives at, alone and in a list whose traces share
 * what they know of the hops near by, from so many records on; and of one that loses it, with the cause and the witness.
 */
const PACKETS_ALONE = 46;
const PACKETS_IN_LISTS = 36;
const SHARED_FROM = 200;
const PACKETS_WHERE_LOST = 143;

/** What one core of a server of these years has time for, by lists of thousands (`npm run bench lists`), and the least that a trace takes. */
const RECORDS_PER_SECOND = 400;
const LEAST_MS = 2000;

/** How much there is to do, and how fast it may be done. `rate`: packets a second. */
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
  const delivered = (records >= SHARED_FROM ? PACKETS_IN_LISTS : PACKETS_ALONE) * packetsPerProbe;
  const lost = PACKETS_WHERE_LOST * packetsPerProbe;
  const most = ACCUSATION_PROBE_CAP * packetsPerProbe;
  const measuringMs = (1000 * records) / RECORDS_PER_SECOND;
  const timeMs = (packetsEach: number): number =>
    Math.max(LEAST_MS, measuringMs, (1000 * records * packetsEach) / rate);
  // What the first router alone may take if it gives no more, before later traces need not ask it: then the rate does not decide.
  const firstRouterMs = Math.min(records, tracesInFlight(rate)) * PAIRS_PER_HOP * hopIntervalMs;
  return [
    `${counted(targets, 'target')}, ${counted(records, 'record')} (one for each target and protocol)`,
    `about ${figures(records * delivered)} packets where those with the option arrive (${delivered} a record), ${figures(records * lost)} where they are lost (${lost}), at most ${figures(records * most)} (${most})`,
    `about ${durationText(timeMs(delivered))} where they arrive, ${durationText(timeMs(lost))} where they are lost, at ${figures(rate)} packets/s, at most ${durationText(timeMs(most))}`,
    ...(measuringMs >= timeMs(delivered)
      ? [`one processor core measures about ${RECORDS_PER_SECOND} records a second, whatever --rate says`]
      : []),
    ...(firstRouterMs <= timeMs(delivered)
      ? []
      : [
          `longer where they share routers: each is asked for an error in ${hopIntervalMs} ms (--hop-interval) until its limit is learnt`,
        ]),
    ...(tcpRecords === 0 ? [] : [`with tcp not less than ${TYPICAL_TCP_SECONDS} s: SYNs to one target are far apart`]),
    'nothing was sent and nothing stored',
  ];
}
