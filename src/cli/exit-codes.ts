import type { TraceEnd } from '../measure/trace-jobs.js';
import { OUTCOMES, OUTCOME_EXIT_CODES } from '../record/record.js';

/** What the process ends with when it is not a verdict (sysexits.h). */
export const EXIT = {
  ok: 0,
  /** Bad usage or configuration. */
  usage: 64,
  /** An input file cannot be read. */
  noInput: 66,
  /** Network or target resolution failed, or no transport can be loaded. */
  unavailable: 69,
  /** A defect of ours. */
  software: 70,
  /** Output cannot be written. */
  cannotCreate: 73,
  /** Missing privilege. */
  noPermission: 77,
  /** Ended at once by a second Ctrl-C (128 + SIGINT). */
  killed: 130,
} as const;

/**
 * The verdict's code; of several, the first in the order of OUTCOMES. Where that first outcome was only reached because
 * resolution or the route failed, 69 says so.
 */
export function traceExitCode(ends: readonly TraceEnd[]): number {
  for (const outcome of OUTCOMES) {
    const same = ends.filter((end) => end.outcome === outcome);
    if (same.length === 0) continue;
    return same.some((end) => end.networkFailed) ? EXIT.unavailable : OUTCOME_EXIT_CODES[outcome];
  }
  return EXIT.ok;
}
