/** METHOD: delivered, by errors; impaired: whose words of a closed port are those about packets with the option? */
import type { Case } from '../case.js';
import { SIBLING_POLL_NS } from '../numbers.js';
import type { Reason } from '../reason.js';
import { answersUnquoted } from './target-pairs.js';

/** Words of a closed port about the option may be a firewall's: then echo requests with it draw them as well. */
export const REFUSED_AS_CLOSED: Reason = {
  says: "Echo requests with the option are refused in the target's name by port unreachable, which is how the target answers datagrams without it: whose words those about datagrams with it are is not known.",
  settledBy: 'capture-at-target',
};

/** `waits`: the first answer about one of the echo requests is not there yet. */
export function standOfErrors({ state, counts, context }: Case): 'clear' | 'refused' | 'waits' {
  if (state.identity.protocol !== 'udp' || answersUnquoted(counts)) return 'clear';
  const echo = context.sibling('icmp6');
  if (echo === null) return 'clear';
  if ((echo.refusedAsClosed ?? 0) > 0) return 'refused';
  return echo.settled || echo.pdmArrivals > 0 || (echo.otherwise ?? 0) > 0 ? 'clear' : 'waits';
}

/** When to look again whether it is. */
export function nextLookNs({ nowNs }: Case): number {
  return nowNs + SIBLING_POLL_NS;
}

/** Where it is not seen from how far answers come, refusals by the target and those by a firewall before it are the same. */
export function findRefusalsOnly({ state, counts }: Case): Reason | null {
  const { protocol } = state.identity;
  // Nobody refuses by an echo reply.
  if (protocol === 'icmp6' || counts.comesFrom !== null || counts.pdmBesidesResets > 0) return null;
  const what = protocol === 'tcp' ? 'segments that came back are resets' : 'answers are errors';
  return {
    says: `All ${what}, and from how far they came is not seen here: a firewall that refuses packets with the option so gives the same.`,
    settledBy: 'other-protocol',
  };
}
