/** METHOD: Exploring, 1: somebody who shuns whoever sends an option. */
import type { Case } from '../case.js';
import { SILENCE_PAIRS } from '../numbers.js';
import type { Reason } from '../reason.js';

/** Plain was answered by the target before any option was sent, and for many pairs now nothing is, in either arm. */
export function hasFallenSilent({ alone, counts, pdmArrivals, plainArrivals, state }: Case): boolean {
  if (!alone.targetAnswered || pdmArrivals > 0 || counts.silentRow < SILENCE_PAIRS) return false;
  return plainArrivals <= 2 || state.countIndex > 1 || counts.silentRow >= 2 * SILENCE_PAIRS;
}

export const FELL_SILENT: Reason = {
  says: 'The target answered packets without the option and fell silent after packets with the option were sent: somebody may shun whoever sends them.',
  settledBy: 'later',
};
