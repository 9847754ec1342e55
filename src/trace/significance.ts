/** How the error that 1 − P allows is shared among the tests of one trace. */
import { ERROR_SHARES, RETESTED_FLOWS } from './procedure.js';

/** Bar for the p-value of each of the three looks at the target pairs (METHOD §6.10). */
export function lookPValueBar(confidence: number): number {
  return (1 - confidence) / ERROR_SHARES;
}

/** Pairs in a row that a retested flow must lose. */
export function retestBar(confidence: number): number {
  return Math.ceil(Math.log2((ERROR_SHARES * RETESTED_FLOWS) / (1 - confidence)) - 1e-9);
}
