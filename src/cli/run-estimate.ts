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
}

/** What a dry run says, a line each. */
export function estimateLines({ targets, records, rate }: ListSize): string[] {
  const typical = records * TYPICAL_PACKETS;
  const most = records * MOST_PACKETS;
  return [
    `${figures(targets)} targets, ${figures(records)} records (one for each target and protocol)`,
    `about ${figures(typical)} packets (${TYPICAL_PACKETS} a record), at most ${figures(most)} (${MOST_PACKETS} a record)`,
    `about ${durationText((1000 * typical) / rate)} at ${figures(rate)} packets/s, at most ${durationText((1000 * most) / rate)}`,
    'nothing was sent and nothing stored',
  ];
}
