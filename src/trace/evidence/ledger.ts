/** Pairs at one responder counted for the claims of loss (METHOD: Pairs): treated ones, and placebos beside them. */
import {
  LEAST_PLACEBOS,
  LUCK_OF_THE_REST,
  NO_LOSS_E,
  NO_LOSS_PAIRS,
  NO_PLAIN_LOSS_E,
  PLACEBO_SHARE,
} from '../numbers.js';
import { fisherPValue, lossEValue, noLossEValue } from './e-values.js';
import { PAIR_CLASS } from './pair.js';
import type { PairClass } from './pair.js';

/** Which packets fare worse. */
export type Direction = 'pdm' | 'plain';

/**
 * Whole numbers of pairs, and the e-values that grow with them: valid after any pair, so that a claim may look after each.
 * `void` ones count nowhere. Placebos are compared with those treated pairs alone that were sent since the first missing
 * packet.
 */
export class Ledger {
  both = 0;
  plainOnly = 0;
  pdmOnly = 0;
  neither = 0;
  placebos = 0;
  placebosBoth = 0;
  /** A treated pair lacked one packet: from then on placebos are sent and compared. */
  started = false;
  readonly #since = { pairs: 0, both: 0, placebos: 0, placebosBoth: 0 };

  get pairs(): number {
    return this.both + this.plainOnly + this.pdmOnly + this.neither;
  }
  get plainArrived(): number {
    return this.both + this.plainOnly;
  }
  get pdmArrived(): number {
    return this.both + this.pdmOnly;
  }

  addTreated(pairClass: PairClass): void {
    if (pairClass === PAIR_CLASS.void) return;
    const plain = pairClass === PAIR_CLASS.both || pairClass === PAIR_CLASS.plainOnly;
    const pdm = pairClass === PAIR_CLASS.both || pairClass === PAIR_CLASS.pdmOnly;
    if (plain && pdm) this.both += 1;
    else if (plain) this.plainOnly += 1;
    else if (pdm) this.pdmOnly += 1;
    else this.neither += 1;
    if (plain !== pdm) this.started = true;
    if (this.started) {
      this.#since.pairs += 1;
      if (plain && pdm) this.#since.both += 1;
    }
  }

  addPlacebo(isBoth: boolean): void {
    this.placebos += 1;
    if (isBoth) this.placebosBoth += 1;
    if (!this.started) return;
    this.#since.placebos += 1;
    if (isBoth) this.#since.placebosBoth += 1;
  }

  /** METHOD: Pairs, loss shown. `noneArrived`: of the arm that fares worse, in the whole trace. */
  lossE(worse: Direction, noneArrived: boolean): number {
    return worse === 'pdm'
      ? lossEValue(this.plainOnly, this.pdmOnly, noneArrived)
      : lossEValue(this.pdmOnly, this.plainOnly, noneArrived);
  }

  /** Chance that treated pairs come whole so seldom beside placebos if the option has no effect. */
  placeboP(): number {
    const { pairs, both, placebos, placebosBoth } = this.#since;
    return fisherPValue(both, pairs, placebosBoth, placebos);
  }

  /** `count`: the how manieth count of pairs of this trace it is; both bars are multiplied by it. */
  showsLoss(worse: Direction, confidence: number, noneArrived: boolean, count: number): boolean {
    if (this.#since.placebos < LEAST_PLACEBOS) return false;
    return (
      this.lossE(worse, noneArrived) >= (count / (1 - confidence)) * (1 - 1e-9) &&
      this.placeboP() <= (1 - confidence) / (PLACEBO_SHARE * count)
    );
  }

  /** METHOD: Pairs, no loss that matters, of this arm. */
  showsNoLoss(of: Direction, bar = NO_LOSS_E): boolean {
    return this.pairs >= NO_LOSS_PAIRS && this.noLossE(of) >= bar;
  }

  /** METHOD: delivered. No loss of the option's packets matters, and that one of the others would is no likelier than none. */
  isWhole(bar = NO_LOSS_E): boolean {
    return this.showsNoLoss('pdm', bar) && this.noLossE('plain') >= NO_PLAIN_LOSS_E;
  }

  /**
   * METHOD: Pairs. Whether so many pairs more may show a loss, or that none matters, even if they come
   * better for it than those so far. `none`: of that arm no packet ever arrived.
   */
  mayStillShow(more: number, confidence: number, none: { pdm: boolean; plain: boolean }, count: number): boolean {
    const { pairs, both, plainOnly, pdmOnly } = this;
    if (pairs === 0) return true;
    const inAll = (seen: number, errors: number): number =>
      seen + (more / pairs) * Math.min(pairs, Math.max(0, seen + errors * Math.sqrt(seen + 1)));
    const mayBeLost = (lost: number, won: number, noneArrived: boolean): boolean =>
      lossEValue(Math.ceil(inAll(lost, LUCK_OF_THE_REST)), Math.floor(inAll(won, -LUCK_OF_THE_REST)), noneArrived) >=
      count / (1 - confidence);
    // That fewer of plain arrive is a claim only where none does.
    if (mayBeLost(plainOnly, pdmOnly, none.pdm) || (none.plain && mayBeLost(pdmOnly, plainOnly, true))) return true;
    const mayBeWhole = (lost: number, won: number, bar: number): boolean => {
      const fewest = inAll(lost, -LUCK_OF_THE_REST);
      return noLossEValue(inAll(both, 0) + inAll(lost, 0) - fewest, fewest, inAll(won, 0)) >= bar;
    };
    return mayBeWhole(plainOnly, pdmOnly, NO_LOSS_E) && mayBeWhole(pdmOnly, plainOnly, NO_PLAIN_LOSS_E);
  }

  noLossE(of: Direction): number {
    const { both, plainOnly, pdmOnly } = this;
    return of === 'pdm' ? noLossEValue(both, plainOnly, pdmOnly) : noLossEValue(both, pdmOnly, plainOnly);
  }

  /** Pairs that a loss of everything would still need: treated ones and placebos. For the progress that people see. */
  pairsToShowLoss(confidence: number, count: number): number {
    return pairsFor(count / (1 - confidence));
  }
}

let lastBar = { bar: Number.NaN, pairs: 0 };

/** Of lost pairs alone, to reach the bar: every step of every trace asks, mostly for the same. */
function pairsFor(bar: number): number {
  if (lastBar.bar === bar) return lastBar.pairs;
  let pairs = 0;
  while (lossEValue(pairs, 0, true) < bar) pairs += 1;
  lastBar = { bar, pairs };
  return pairs;
}
