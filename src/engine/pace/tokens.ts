/** When a token bucket has what is wanted of it: for the packet rate, and for the budgets of routers. */

/** Waiting for a token that is missing by a rounding error would never end. */
const ROUNDING = 1e-6;
const SHORTEST_WAIT_NS = 1000;

/** What is missing by a rounding error counts as there. */
export function hasTokens(tokens: number, wanted: number): boolean {
  return tokens >= wanted - ROUNDING;
}

/** Now, or at least `SHORTEST_WAIT_NS` from now. `missingNs`: how long what is missing takes to come. */
export function tokensAtNs(tokens: number, wanted: number, missingNs: number, nowNs: number): number {
  return hasTokens(tokens, wanted) ? nowNs : nowNs + Math.max(SHORTEST_WAIT_NS, missingNs);
}
