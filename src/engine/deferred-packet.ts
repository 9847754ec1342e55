/** The second packet of a pair whose packets do not leave at once. */
import { sentAtNs, settledAtNs } from '../trace/probe/one-probe.js';
import type { RunningTrace } from './running-trace.js';

/** The second of the first packets, where the first is not answered by then. */
const SPARE_AFTER_NS = 150e6;

/** When it may leave: the first was answered or given up, and a rest is over. ∞ where there is none. */
export function deferredAtNs({ deferred, state }: RunningTrace): number {
  if (deferred === null) return Number.POSITIVE_INFINITY;
  const settledNs = settledAtNs(state, deferred.after) + deferred.restNs;
  return deferred.isSpare ? Math.min(settledNs, sentAtNs(state, deferred.after) + SPARE_AFTER_NS) : settledNs;
}
