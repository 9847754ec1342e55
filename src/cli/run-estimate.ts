import { TYPICAL_PACKETS } from '../daemon/measure-options.js';
import { PROBE_CAP } from '../trace/trace-state.js';
import { counted, durationText, figures } from './run-progress.js';

/** A TCP record by itself: 14 pairs of SYNs to the target, and those for the hops before it. */
const TYPICAL_TCP_SECONDS = 90;

export interface ListSize {
  readonly targets: number;
  /** Records that are still to be made, names with several addresses counted once. */
  readonly records: number;
  /** Of these, those of TCP. */
  readonly tcpRecords: number;
  readonly rate: number;
  /** Fragments of each, or 1. */
  readonly packetsPerProbe: number;
}

/** What a dry run says, a line each. */
export function estimateLines({ targets, records, tcpRecords, rate, packetsPerProbe }: ListSize): string[] {
  const typicalEach = TYPICAL_PACKETS * packetsPerProbe;
  const mostEach = PROBE_CAP * packetsPerProbe;
  const typical = records * typicalEach;
  const most = records * mostEach;
  return [
    `${counted(targets, 'target')}, ${counted(records, 'record')} (one for each target and protocol)`,
    `about ${figures(typical)} packets (${typicalEach} a record), at most ${figures(most)} (${mostEach} a record)`,
    `about ${durationText((1000 * typical) / rate)} at ${figures(rate)} packets/s, at most ${durationText((1000 * most) / rate)}`,
    ...(tcpRecords === 0 ? [] : [`with tcp not less than ${TYPICAL_TCP_SECONDS} s: SYNs to one target are far apart`]),
    'nothing was sent and nothing stored',
  ];
}
