import type { ArmRecord, HopRecord } from '../../record/record.js';

/** Hop limits from … to, both included, at which the same `period` answers come again and again. */
export interface Repeat {
  readonly from: number;
  readonly to: number;
  readonly period: number;
}

/** Longer rounds are seldom, and need more hop limits than a trace has. */
const MOST_PERIOD = 4;
/** Two hop limits with one address are a router that passes on what ran out, or a border; only more are a loop. */
const LEAST_ALONE = 4;

/**
 * The longest stretch of hops at which routers answer in turns, as packets in a routing loop meet them, or null. Both arms
 * have to go in the same rounds, be it in silence, for such rows say nothing new. A round counts once a third
 * one has begun: a way that changed once leaves two.
 */
export function repeatOf(hops: readonly HopRecord[]): Repeat | null {
  let best: Repeat | null = null;
  for (let period = 1; period <= MOST_PERIOD; period += 1) {
    const least = period === 1 ? LEAST_ALONE : 2 * period + 1;
    for (let start = 0; start + least <= hops.length; start += 1) {
      let end = start + period;
      while (isSame(hops[end - period], hops[end], period)) end += 1;
      const from = hops[start]?.hop;
      const to = hops[end - 1]?.hop;
      if (from === undefined || to === undefined || end - start < least || !isRound(hops.slice(start, start + period)))
        continue;
      if (best === null || to - from > best.to - best.from) best = { from, to, period };
    }
  }
  return best;
}

/** Of different routers: the same one twice in a round is a shorter round. */
function isRound(hops: readonly HopRecord[]): boolean {
  const who = hops.map(({ arms }) => routerOf(arms.plain));
  return !who.includes(null) && new Set(who).size === who.length;
}

function isSame(before: HopRecord | undefined, hop: HopRecord | undefined, period: number): boolean {
  if (before === undefined || hop?.hop !== before.hop + period) return false;
  const [plain, pdm] = [routerOf(hop.arms.plain), routerOf(hop.arms.pdm)];
  const isSilentAlike = pdm === null && hop.arms.pdm.answered === 0 && before.arms.pdm.answered === 0;
  if (plain === null || plain !== routerOf(before.arms.plain)) return false;
  return isSilentAlike || (pdm !== null && pdm === routerOf(before.arms.pdm));
}

/** The only one that answered, if all that it said is that the hop limit ran out. */
function routerOf({ responders }: ArmRecord): string | null {
  const [one, ...others] = responders;
  if (one === undefined || others.length > 0) return null;
  return one.icmp.length > 0 && one.icmp.every(({ type, code }) => type === 3 && code === 0) ? one.address : null;
}
