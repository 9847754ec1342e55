/** METHOD: Exploring, 1: somebody who shuns whoever sends an option. */
import type { Case } from '../case.js';
import { HARDLY_ARRIVED, SILENCE_PAIRS, SILENCE_PAIRS_AFTER_MORE } from '../numbers.js';
import type { Reason } from '../reason.js';

/** Plain was answered by the target before any option was sent, and for many pairs now nothing is, in either arm. */
export function hasFallenSilent({ alone, counts, pdmArrivals, plainArrivals, state }: Case): boolean {
  if (!alone.targetAnswered || pdmArrivals > 0 || counts.silentRow < SILENCE_PAIRS) return false;
  return plainArrivals <= HARDLY_ARRIVED || state.countIndex > 1 || counts.silentRow >= SILENCE_PAIRS_AFTER_MORE;
}

/** METHOD: Exploring, 1. The reason of a verdict that ends so. */
export const FELL_SILENT: Reason = {
  says: 'The target answered packets without the option and fell silent after packets with the option were sent: somebody may shun whoever sends them.',
  settledBy: 'later',
};
