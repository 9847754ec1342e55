/**
 * The port of claims. Every claim is at any moment refuted, open or proven, and says itself what it lacks: there is no other
 * planner and no other judge.
 */
import type { Case } from '../case.js';
import type { Place } from '../evidence/place.js';
import type { Reason } from '../reason.js';
import type { Cause, Outcome, Refusal, SettledBy, VerdictEvidence, VerdictRecord } from '../../record/record.js';
import type { PairWish } from '../wish.js';

/** A claim's name is its source file, its test, its heading in METHOD and its word in the record. */
export type ClaimName = Exclude<Outcome, 'inconclusive' | 'not-measured'>;

/** Everything that anyone reads of a verdict. Record, words, page and attribution are made from it alone. */
export interface Finding {
  readonly outcome: Outcome;
  /** Of a verdict that is open. */
  readonly settledBy?: SettledBy | null;
  /** A sentence each, made of facts of this finding. */
  readonly reasons: readonly string[];
  /** 1 − 1/e; absent where no loss is claimed. */
  readonly confidence?: number;
  readonly interval?: NonNullable<VerdictRecord['interval']>;
  readonly refusal?: Refusal;
  readonly cause?: Cause | null;
  readonly basis?: NonNullable<VerdictEvidence['basis']>;
  readonly returnPath?: NonNullable<VerdictEvidence['returnPath']>;
  /** Whose pairs the verdict rests on, where it is not the target. */
  readonly restsOn?: Place;
  /** Answered plain packets of which none of the partners arrived: bounds the share that may. */
  readonly boundedBy?: number;
  /** What answered in the target's name was not the target: its pairs are not counted. */
  readonly targetUnseen?: true;
}

/** Where a claim stands now (METHOD: Claims). */
export type Standing =
  /** `by`: why, where somebody would ask; null where nothing pointed to the claim. */
  | { readonly is: 'refuted'; readonly by: string | null; readonly settledBy: SettledBy | null }
  /** `has`: how far it is, for people. Without wishes it waits for what is out. */
  | { readonly is: 'open'; readonly has: string; readonly wants: readonly PairWish[]; readonly untilNs?: number | null }
  | { readonly is: 'proven'; readonly finding: Finding };

/** One outcome that can be proven (METHOD: Claims). */
export interface Claim {
  readonly name: ClaimName;
  /** Pure, and cheap: reads counts that the case holds. */
  stand(trace: Case): Standing;
}

/** Without a reason nothing pointed to the claim, so that nobody asks why it does not stand. */
export const refuted = (reason: Reason | null = null): Standing => ({
  is: 'refuted',
  by: reason?.says ?? null,
  settledBy: reason?.settledBy ?? null,
});
/** `has`: how far it is, for people. `untilNs`: when a time that passes by itself brings news; null where none does. */
export const open = (has: string, wants: readonly PairWish[], untilNs: number | null = null): Standing => ({
  is: 'open',
  has,
  wants,
  untilNs,
});
/** The finding is the verdict, where nothing before this claim is open. */
export const proven = (finding: Finding): Standing => ({ is: 'proven', finding });
