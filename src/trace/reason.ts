/** Why a claim does not stand: a sentence, and the fact that what would settle it is known by. */
import type { SettledBy } from '../record/record.js';

/** Made where the claim is weighed, so that nobody has to guess from the sentence. */
export interface Reason {
  readonly says: string;
  /** Null where nothing that the user can do would settle it; test/trace/claims/reasons.test.ts lists those. */
  readonly settledBy: SettledBy | null;
}
