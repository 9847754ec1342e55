/** What matching a reply comes to: a probe, or the reason why there is none. */
import type { QuoteFindings } from './quote-comparison.js';

/**
 * `ambiguous`: of this trace and of no one probe, and it might be an answer that decides something. `weak`: a router's Time
 * Exceeded with our flow label and too short a quote, which leaves no doubt (weak-quotes.ts).
 * `service`: the target's port said something that may answer either of two probes. Neither of the latter is a doubt.
 */
export type MismatchReason = 'foreign' | 'forged' | 'ambiguous' | 'malformed' | 'weak' | 'service';

/** `row`: of the probe that the reply is about. */
export interface Match {
  readonly row: number;
  /** Null for replies that quote nothing. */
  readonly findings: QuoteFindings | null;
}

/** The probe that a reply is about, or why it is about none. */
export type MatchResult = Match | MismatchReason;
