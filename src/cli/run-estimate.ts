import { durationText, figures } from './run-progress.js';

/** Packets that a record takes on a path of about twelve hops, the target's pairs included. */
const TYPICAL_PACKETS = 110;
/** METHOD §9. */
const MOST_PACKETS = 400;

export interface ListSize {
  readonly targets: number;
  /** Records that are still to be made, names with several addresses counted once. */
  readonly records: number;
  readonly rate: number;
  /** Fragments of each, or 1. */
  readonly packetsPerProbe: number;
}

/** What a dry run says, a line each. */
export function estimateLines({ targets, records, rate, packetsPerProbe }: ListSize): string[] {
  const typicalEach = TYPICAL_PACKETS * packetsPerProbe;
  const mostEach = MOST_PACKETS * packetsPerProbe;
  const typical = records * typicalEach;
  const most = records * mostEach;
  return [
    `${figures(targets)} targets, ${figures(records)} records (one for each target and protocol)`,
    `about ${figures(typical)} packets (${typicalEach} a record), at most ${figures(most)} (${mostEach} a record)`,
    `about ${durationText((1000 * typical) / rate)} at ${figures(rate)} packets/s, at most ${durationText((1000 * most) / rate)}`,
    'nothing was sent and nothing stored',
  ];
}
