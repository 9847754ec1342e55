/**
 * The arithmetic of pairs (METHOD: Pairs). Everything here is a closed form over counts: no probes, no times.
 *
 * The e-values may be looked at after every pair: under "the option fares no worse" none of them has an expected value above
 * one at any stopping time, so none exceeds 1/(1 − P) with a chance above 1 − P.
 */
import { NEARLY_ALL, STAKES, TOLERATED_LOSS } from '../numbers.js';

const LOG_FACTORIALS: number[] = [0, 0];

/** ln n!, for the few hundred pairs that a trace may send. */
function logFactorial(n: number): number {
  for (let i = LOG_FACTORIALS.length; i <= n; i += 1) LOG_FACTORIALS.push((LOG_FACTORIALS[i - 1] ?? 0) + Math.log(i));
  return LOG_FACTORIALS[n] ?? 0;
}

/** ln C(n, k); −Infinity where there is no such choice. */
function logChoose(n: number, k: number): number {
  if (k < 0 || k > n) return Number.NEGATIVE_INFINITY;
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** Σ_{i≤a} C(n+1, i) / ((n+1) · C(n, a)) with n = a + b: the mixture over all chances above a fair coin's. */
function mixture(a: number, b: number): number {
  // Beyond that, or between whole numbers, two counts would have one key.
  if (a >= KEPT_PAIRS || b >= KEPT_PAIRS || !Number.isInteger(a) || !Number.isInteger(b)) return sumOfMixture(a, b);
  const key = a * KEPT_PAIRS + b;
  const kept = MIXTURES.get(key);
  if (kept !== undefined) return kept;
  const sum = sumOfMixture(a, b);
  MIXTURES.set(key, sum);
  return sum;
}

/** Every step of every trace asks for a few of them: kept, up to so many pairs. */
const KEPT_PAIRS = 128;
const MIXTURES = new Map<number, number>();

function sumOfMixture(a: number, b: number): number {
  const n = a + b;
  const below = logChoose(n, a) + Math.log(n + 1);
  let sum = 0;
  for (let i = 0; i <= a; i += 1) sum += Math.exp(logChoose(n + 1, i) - below);
  return sum;
}

/**
 * The e-value against "the option fares no worse" from `lost` pairs in which only the option's packet is missing and `won`
 * in which only the other one is. `noneArrived`: no packet with the option ever arrived, which allows the sharper half.
 */
export function lossEValue(lost: number, won: number, noneArrived: boolean): number {
  return (noneArrived ? 0.5 * 2 ** lost : 0) + 0.5 * mixture(lost, won);
}

/** METHOD: Pairs. 1 − 1/e, below 1 in any double. */
export function confidenceOf(e: number): number {
  return Math.min(1 - 2 ** -50, 1 - 1 / e);
}

/**
 * Fisher's exact test, one-sided: the chance that `hits` of `total` are so few beside `otherHits` of `otherTotal`, if both
 * have the same share. 1 where a side is empty.
 */
export function fisherPValue(hits: number, total: number, otherHits: number, otherTotal: number): number {
  if (total === 0 || otherTotal === 0) return 1;
  const all = hits + otherHits;
  const below = logChoose(total + otherTotal, all);
  let sum = 0;
  for (let x = Math.max(0, all - otherTotal); x <= hits; x += 1) {
    sum += Math.exp(logChoose(total, x) + logChoose(otherTotal, all - x) - below);
  }
  return Math.min(1, sum);
}

/** By stake, what one pair multiplies the e-value against a loss that matters by: a whole one, a lost packet, one won. */
const FACTORS = STAKES.map((stake) => {
  const factor = (z: number): number => 1 + (NEARLY_ALL * stake * z) / (1 - TOLERATED_LOSS);
  return { both: factor(TOLERATED_LOSS), lost: factor(TOLERATED_LOSS - 1), won: factor(1) };
});

/**
 * Towards "no loss that matters" in one direction (METHOD: Pairs), after so many pairs in any order: those that lost both
 * packets change nothing. For planning counts need not be whole.
 */
export function noLossEValue(both: number, lost: number, won: number): number {
  let sum = 0;
  for (const factor of FACTORS) sum += factor.both ** both * factor.lost ** lost * factor.won ** won;
  return sum / FACTORS.length;
}

/** Upper bound, at confidence P, on the share of packets that arrive when none of those beside `answered` plain ones did. */
export function passRateUpperBound(confidence: number, answered: number): number | null {
  return answered <= 0 ? null : 1 - (1 - confidence) ** (1 / answered);
}

/**
 * Whether a responder that reported `reported` of `passed` packets with the option may be believed about `lost` ones that it
 * did not report: by chance all those that it missed would be just these less often than 1 − P.
 */
export function isDependable(confidence: number, passed: number, reported: number, lost: number): boolean {
  if (reported <= 0 || lost <= 0) return false;
  return logChoose(passed, reported) - logChoose(passed + lost, reported) <= Math.log(1 - confidence) + 1e-9;
}

/** Flows without a new member after which `seen` members are taken to be all: ⌈ln(ε/k) / ln((k−1)/k)⌉ for k = seen + 1. */
export function flowsToSeeAll(confidence: number, seen: number): number {
  const members = Math.max(1, seen) + 1;
  return Math.ceil(Math.log((1 - confidence) / members) / Math.log((members - 1) / members) - 1e-9);
}

/**
 * The greatest chance that any one rate of answers gives both `answered` or more of `asked` packets and none of `lost`: what
 * one and the same firewall, that lets some answers by, may be taken for.
 */
export function chanceOfOneRate(lost: number, answered: number, asked: number): number {
  if (Math.max(lost, answered, asked) >= MOST_COUNTED) return greatestChance(lost, answered, asked);
  const key = (lost * MOST_COUNTED + answered) * MOST_COUNTED + asked;
  const kept = CHANCES.get(key);
  if (kept !== undefined) return kept;
  const chance = greatestChance(lost, answered, asked);
  if (CHANCES.size >= MOST_CHANCES) CHANCES.clear();
  CHANCES.set(key, chance);
  return chance;
}

/** Traces of a list that lose the option at one place ask for the same again and again. */
const CHANCES = new Map<number, number>();
const MOST_CHANCES = 10_000;
const MOST_COUNTED = 100_000;

function greatestChance(lost: number, answered: number, asked: number): number {
  let greatest = 0;
  for (let percent = 1; percent < 100; percent += 1) {
    const rate = percent / 100;
    let atLeast = 0;
    for (let k = answered; k <= asked; k += 1) {
      atLeast += Math.exp(logChoose(asked, k) + k * Math.log(rate) + (asked - k) * Math.log(1 - rate));
    }
    greatest = Math.max(greatest, atLeast * (1 - rate) ** lost);
  }
  return greatest;
}

/** P(X ≥ plainOnly) for X ~ Binomial(plainOnly + pdmOnly, ½): for habits of hops, which no claim rests on. */
export function mcnemarPValue(plainOnly: number, pdmOnly: number): number {
  const n = plainOnly + pdmOnly;
  let sum = 0;
  for (let k = 0; k <= pdmOnly; k += 1) sum += Math.exp(logChoose(n, k) - n * Math.LN2);
  return n === 0 ? 1 : Math.min(1, sum);
}

/** The middle one, or the mean of the two in the middle; null of nothing. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
