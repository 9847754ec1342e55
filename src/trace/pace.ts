/**
 * The rhythm of pairs at one responder (METHOD: Pairs, Rhythm at a responder): a bucket of answers, and an interval that is
 * learnt from pairs that come back incomplete. The wait before a pair never depends on its kind: what a pair costs is
 * charged afterwards.
 */
import {
  ABOVE_WORST,
  BURST,
  CAREFUL_FACTOR,
  CALM_MISS_SHARE,
  CALM_PAIRS,
  FASTER,
  HARD_MISSES,
  HARD_MISS_SHARE,
  REST_ANSWERS,
  SLOWEST_INTERVAL_NS,
  SOFTER,
  SOFT_MISS_SHARE,
  START_FACTOR,
} from './numbers.js';

/** Answers that a pair draws. */
const ANSWERS_PER_PAIR = 2;
const ROUNDING = 1e-6;

/** How a pair looks: still awaited, lacking a packet of an arm that has ever arrived there, or neither. */
export type PairLook = 'awaited' | 'incomplete' | 'fine';

export class Pace {
  readonly #floorNs: number;
  #intervalNs: number;
  #worstBadNs = 0;
  #signals = 0;
  #misses = 0;
  #changedAtNs = Number.NEGATIVE_INFINITY;
  #tokens = BURST;
  #tokensAtNs = Number.NEGATIVE_INFINITY;
  #lastPairNs = Number.NEGATIVE_INFINITY;
  /** Pairs before this row have been taken in. */
  #nextRow = 0;
  #isBlocked = false;

  /** A limit on errors is not ruled out, and none has been met. */
  #isUntried: boolean;

  /** `spacingMs`: the least between pairs, ever. `drawsErrors`: what answers may be limited as errors are. */
  constructor(spacingMs: number, drawsErrors: boolean) {
    this.#floorNs = spacingMs * 1e6;
    this.#isUntried = drawsErrors;
    this.#intervalNs = this.#floorNs * (drawsErrors ? START_FACTOR : 1);
  }

  get intervalNs(): number {
    return this.#intervalNs;
  }

  /** When the next pair may leave. `share`: of the least spacing, for pairs of which no answer is counted. */
  readyAtNs(share = 1): number {
    const missing = ANSWERS_PER_PAIR - this.#tokens;
    const atNs =
      missing <= ROUNDING ? this.#tokensAtNs : this.#tokensAtNs + (missing / ANSWERS_PER_PAIR) * this.#intervalNs;
    return Math.max(this.#lastPairNs + this.#floorNs * share, atNs);
  }

  /** A pair leaves that draws so many answers. */
  spend(answers: number, nowNs: number): void {
    this.#refill(nowNs);
    this.#tokens -= answers;
    this.#lastPairNs = nowNs;
  }

  #refill(nowNs: number): void {
    const passedNs = nowNs - this.#tokensAtNs;
    if (passedNs > 0) {
      const grown = Number.isFinite(passedNs) ? (passedNs / this.#intervalNs) * ANSWERS_PER_PAIR : BURST;
      this.#tokens = Math.min(BURST, this.#tokens + grown);
      this.#tokensAtNs = nowNs;
    }
  }

  /** Called before the pairs are shown in order. */
  begin(): void {
    this.#isBlocked = false;
  }

  /** Takes in each pair once, in the order sent, when it is no longer awaited. */
  observe(firstRow: number, lastSentNs: number, look: PairLook, nowNs: number): void {
    if (this.#isBlocked || firstRow < this.#nextRow) return;
    if (look === 'awaited') {
      this.#isBlocked = true;
      return;
    }
    this.#nextRow = firstRow + 2;
    if (lastSentNs < this.#changedAtNs) return;
    this.#signals += 1;
    if (look === 'incomplete') this.#misses += 1;
    const share = this.#misses / this.#signals;
    if (this.#isUntried && this.#misses > 0) {
      this.#isUntried = false;
      this.#intervalNs = this.#floorNs * CAREFUL_FACTOR;
      this.#refill(nowNs);
      this.#tokens = Math.min(this.#tokens, -REST_ANSWERS);
      this.#restart(nowNs);
    } else if (this.#misses >= HARD_MISSES && share >= SOFT_MISS_SHARE) {
      if (share >= HARD_MISS_SHARE) {
        this.#worstBadNs = Math.max(this.#worstBadNs, this.#intervalNs);
        this.#intervalNs = Math.min(SLOWEST_INTERVAL_NS, this.#intervalNs * 2);
        this.#refill(nowNs);
        this.#tokens = Math.min(this.#tokens, -REST_ANSWERS);
      } else {
        this.#intervalNs = Math.min(SLOWEST_INTERVAL_NS, this.#intervalNs * SOFTER);
      }
      this.#restart(nowNs);
    } else if (this.#signals >= CALM_PAIRS) {
      if (share <= CALM_MISS_SHARE) {
        const faster = Math.max(this.#floorNs, this.#intervalNs * FASTER, this.#worstBadNs * ABOVE_WORST);
        this.#intervalNs = Math.min(this.#intervalNs, faster);
      }
      this.#signals = 0;
      this.#misses = 0;
    }
  }

  #restart(nowNs: number): void {
    this.#signals = 0;
    this.#misses = 0;
    this.#changedAtNs = nowNs;
  }

  /** Back to back is over, or the path changed: what was learnt of incomplete pairs says nothing any more. */
  forget(fromRow: number): void {
    this.#signals = 0;
    this.#misses = 0;
    this.#nextRow = fromRow;
  }
}
