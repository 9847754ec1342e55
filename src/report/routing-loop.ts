import type { TraceRecord } from '../trace/record.js';
import { hopText, plainHop } from './record-words.js';

/** So often the same routers must answer in the same order: one address for several routers is no circle. */
const LEAST_ROUNDS = 3;

/** `Plain packets go in a circle of 2 routers from hop 5 (…) on.`; null where they do not, or arrive all the same. */
export function loopSentence(record: TraceRecord): string | null {
  if ((record.targetPairs?.distance.plain ?? null) !== null) return null;
  const last = record.hops.at(-1)?.hop ?? 0;
  const addresses = Array.from({ length: last + 1 }, (_, hop) => plainHop(record, hop).address);
  const end = addresses.findLastIndex((address) => address !== null);
  for (let routers = 2; routers * LEAST_ROUNDS <= end; routers += 1) {
    const isSame = (hop: number): boolean => addresses[hop] !== null && addresses[hop] === addresses[hop + routers];
    let from = end - routers + 1;
    while (from > 1 && isSame(from - 1)) from -= 1;
    if (end - from + 1 < routers * LEAST_ROUNDS) continue;
    if (new Set(addresses.slice(from, from + routers)).size < routers) return null;
    return `Plain packets go in a circle of ${routers} routers from ${hopText(plainHop(record, from))} on.`;
  }
  return null;
}
