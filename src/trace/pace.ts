/**
 * The rhythm of pairs at one responder (METHOD: Pairs, Rhythm at a responder): a bucket of answers, and an interval that is
 * learnt from pairs that come back incomplete. The wait before a pair never depends on its kind: what a pair costs is
 * charged afterwards.
 */
import {
  ABOVE_WORST,
  BURST,
  BURST_MARGIN,
  CALM_MISS_SHARE,
  CALM_PAIRS,
  FASTER,
  HARDER,
  HARD_MISSES,
  HARD_MISS_SHARE,
  LONGER,
  LOSSY_AS_KNOWN,
  LOSSY_SHARE,
  PAIRS_TO_COMPARE,
  RECENT_WEIGHT,
  REST_ANSWERS,
  SLOWEST_INTERVAL_NS,
  SOFTER,
  SOFT_MISS_SHARE,
  TEST_BELOW,
  TESTED_BURSTS,
  WHOLE_SHARE,
} from './numbers.js';

/** Answers that a pair draws. */
const ANSWERS_PER_PAIR = 2;
const ROUNDING = 1e-6;

/** How a pair looks: still awaited, lacking one or all packets of arms that have ever arrived there, or neither. */
export type PairLook = 'awaited' | 'half' | 'silent' | 'fine';

const ANSWERED: Readonly<Record<PairLook, number>> = { awaited: 0, silent: 0, half: 0.5, fine: 1 };

/**
 * METHOD: Pairs, Rhythm at a responder. One for each trace; what other traces to the same target may do besides is the
 * engine's. Times are nanoseconds of the engine's clock.
 */
export class Pace {
  readonly #floorNs: number;
  #intervalNs: number;
  #worstBadNs = 0;
  #signals = 0;
  #misses = 0;
  #changedAtNs = Number.NEGATIVE_INFINITY;
  #tokens = BURST - BURST_MARGIN;
  #tokensAtNs = Number.NEGATIVE_INFINITY;
  #lastPairNs = Number.NEGATIVE_INFINITY;
  /** Pairs before this row have been taken in. */
  #nextRow = 0;
  #isBlocked = false;
  /** Pairs since the interval changed, and the share of their packets that was answered. */
  #pairs = 0;
  #answered = 0;
  /** The same of the last few, so that a burst at the start does not hide a limit. */
  #recent = 1;
  /** What there was before it became longer. */
  #before: { readonly intervalNs: number; readonly worstBadNs: number; readonly share: number } | null = null;
  /** Tests that were answered, the row of the last one, and whether one is out. */
  #testsAnswered = 0;
  #testedRow = -1;
  #isTesting = false;
  readonly #drawsErrors: boolean;
  /** A pair was expected to draw one answer. */
  #drewOne = false;
  /** The share that is answered at any pace: what is missing is lost, not limited. */
  #lossyShare: number | null = null;

  /** `spacingMs`: the least between pairs, ever. `drawsErrors`: what answers may be limited as errors are. */
  constructor(spacingMs: number, drawsErrors: boolean) {
    this.#floorNs = spacingMs * 1e6;
    this.#drawsErrors = drawsErrors;
    this.#intervalNs = this.#floorNs * (drawsErrors ? ANSWERS_PER_PAIR : 1);
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
    this.#drewOne ||= answers < ANSWERS_PER_PAIR;
    this.#charge(answers, nowNs);
  }

  /** One packet leaves by itself. */
  spendAlone(nowNs: number): void {
    this.#charge(1, nowNs);
  }

  #charge(answers: number, nowNs: number): void {
    this.#refill(nowNs);
    this.#tokens -= answers;
    this.#lastPairNs = nowNs;
  }

  /**
   * It was handed over, and left so late: a limit counts from when it gets there. What was handed over since the last one was
   * charged costs nothing here, and takes nothing of what has grown meanwhile.
   */
  noteSent(handedOverNs: number, atNs: number): void {
    if (handedOverNs <= this.#tokensAtNs && atNs > this.#tokensAtNs) this.#tokensAtNs = atNs;
  }

  /**
   * METHOD: Pairs, Rhythm. The burst that every limit allows is spent, and all was answered: now two packets more tell whether
   * there is a limit. They are no pair that counts, so that a limit takes nothing from those.
   */
  wantsTest(nowNs: number): boolean {
    if (!this.#drawsErrors || this.#isTesting || this.#testsAnswered >= TESTED_BURSTS.length) return false;
    if (this.#pairs === 0 || this.#answered < this.#pairs) return false;
    this.#refill(nowNs);
    return this.#tokens < TEST_BELOW;
  }

  /** The two packets leave. Where there is a limit, what is left of it answers neither: nothing is charged. */
  test(): void {
    this.#isTesting = true;
  }

  /** Both packets of the test in this row and the next were answered. May be told again and again. */
  noteNoLimit(row: number): void {
    if (row <= this.#testedRow) return;
    this.#testedRow = row;
    this.#isTesting = false;
    const burst = TESTED_BURSTS[this.#testsAnswered] ?? BURST;
    const nextBurst = TESTED_BURSTS[(this.#testsAnswered += 1)];
    // Whoever allows as many as the next limit allows has that limit, or none.
    if (nextBurst !== undefined) this.#tokens += nextBurst - burst - ANSWERS_PER_PAIR;
    else if (this.#worstBadNs === 0) this.#intervalNs = Math.min(this.#intervalNs, this.#floorNs);
  }

  #refill(nowNs: number): void {
    const passedNs = nowNs - this.#tokensAtNs;
    if (passedNs > 0) {
      const grown = Number.isFinite(passedNs) ? (passedNs / this.#intervalNs) * ANSWERS_PER_PAIR : BURST;
      this.#tokens = Math.min(BURST - BURST_MARGIN, this.#tokens + grown);
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
    this.#pairs += 1;
    this.#answered += ANSWERED[look];
    this.#recent += (ANSWERED[look] - this.#recent) * RECENT_WEIGHT;
    if (look !== 'fine') this.#misses += 1;
    if (this.#slowedInVain()) return;
    const share = this.#misses / this.#signals;
    if (this.#misses >= HARD_MISSES && share >= SOFT_MISS_SHARE && this.#mayBeLimited()) {
      const isHard = share >= HARD_MISS_SHARE;
      this.#before ??= { intervalNs: this.#intervalNs, worstBadNs: this.#worstBadNs, share: this.#recent };
      if (isHard) {
        this.#worstBadNs = Math.max(this.#worstBadNs, this.#intervalNs);
        this.#intervalNs = Math.min(SLOWEST_INTERVAL_NS, this.#intervalNs * HARDER);
        this.#refill(nowNs);
        this.#tokens = Math.min(this.#tokens, -REST_ANSWERS);
      } else {
        this.#intervalNs = Math.min(SLOWEST_INTERVAL_NS, this.#intervalNs * SOFTER);
      }
      // At the longest interval hardly anything changed: nothing to compare.
      if (this.#intervalNs < this.#before.intervalNs * LONGER) this.#before = null;
      this.#restart(nowNs);
    } else if (this.#signals >= CALM_PAIRS) {
      if (share <= CALM_MISS_SHARE || this.#isLossyAsKnown()) {
        const faster = Math.max(this.#leastNs, this.#intervalNs * FASTER, this.#worstBadNs * ABOVE_WORST);
        this.#intervalNs = Math.min(this.#intervalNs, faster);
      }
      this.#signals = 0;
      this.#misses = 0;
    }
  }

  /**
   * Pairs of which one packet is lost draw one answer: that they are answered does not show that a placebo would be. Until the
   * tests say that there is no limit these make it no shorter than at first.
   */
  get #leastNs(): number {
    const isShown = !this.#drawsErrors || !this.#drewOne || this.#testsAnswered >= TESTED_BURSTS.length;
    return this.#floorNs * (isShown ? 1 : ANSWERS_PER_PAIR);
  }

  get #share(): number {
    return this.#pairs === 0 ? 1 : this.#answered / this.#pairs;
  }

  /**
   * METHOD: Pairs. Behind a limit twice as much is answered at half the pace. Where it is not, packets are lost at any pace:
   * back to the interval before, and no more of this while no fewer are answered.
   */
  #slowedInVain(): boolean {
    const before = this.#before;
    if (before === null || this.#pairs < PAIRS_TO_COMPARE) return false;
    this.#before = null;
    const share = this.#share;
    // A limit answers in proportion to the interval, loss alike: the middle between them decides.
    const middle = share * Math.sqrt(before.intervalNs / this.#intervalNs);
    if (share < LOSSY_SHARE || share > WHOLE_SHARE || before.share < Math.max(LOSSY_SHARE, middle)) return false;
    this.#lossyShare = share;
    this.#intervalNs = before.intervalNs;
    this.#worstBadNs = before.worstBadNs;
    this.#signals = 0;
    this.#misses = 0;
    return true;
  }

  /** Not while it is still open whether the last change helped, unless next to nothing is answered. */
  #mayBeLimited(): boolean {
    const isComparing = this.#before !== null && this.#share >= LOSSY_SHARE;
    return !isComparing && !this.#isLossyAsKnown();
  }

  #isLossyAsKnown(): boolean {
    return this.#lossyShare !== null && this.#share >= LOSSY_AS_KNOWN * this.#lossyShare;
  }

  #restart(nowNs: number): void {
    this.#signals = 0;
    this.#misses = 0;
    this.#pairs = 0;
    this.#answered = 0;
    this.#changedAtNs = nowNs;
  }

  /** Back to back is over, or the path changed: what was learnt of incomplete pairs says nothing any more. */
  forget(fromRow: number): void {
    this.#signals = 0;
    this.#misses = 0;
    this.#pairs = 0;
    this.#answered = 0;
    this.#before = null;
    this.#lossyShare = null;
    this.#nextRow = fromRow;
  }
}
