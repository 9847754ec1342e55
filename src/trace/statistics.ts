/**
 * The arithmetic behind every claim (METHOD §6). Pairs go out in independent random order, so under "the option makes
 * no difference" each discordant pair is a fair coin, whatever the loss: the exact one-sided McNemar test.
 */

/** Pairs that only `plain` answered which are needed before 2^−b ≤ 1 − P. 10 for P = 0.999, 14 for P = 0.9999. */
export function requiredDiscordantPairs(confidence: number): number {
  // The tolerance keeps 1 − 0.5 and the like from asking for one pair more than the exact value.
  return Math.ceil(Math.log2(1 / (1 - confidence)) - 1e-9);
}

/** P(X ≥ plainOnly) for X ~ Binomial(plainOnly + pdmOnly, ½): the one-sided exact McNemar p-value. */
export function mcnemarPValue(plainOnly: number, pdmOnly: number): number {
  const n = plainOnly + pdmOnly;
  if (n === 0) return 1;
  let term = 2 ** -n;
  let tail = 0;
  for (let k = 0; k <= pdmOnly; k += 1) {
    tail += term;
    term *= (n - k) / (k + 1);
  }
  return Math.min(1, tail);
}

/** Upper bound, at confidence P, on the share of packets that pass when none of `answeredPlainPairs` did: 1 − (1−P)^(1/m). */
export function passRateUpperBound(confidence: number, answeredPlainPairs: number): number | null {
  if (answeredPlainPairs <= 0) return null;
  return 1 - (1 - confidence) ** (1 / answeredPlainPairs);
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
