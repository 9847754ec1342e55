/** METHOD: doubt. Evidence that silence may not be silence, asked of every accusation. */
import { formatAddress } from '../../address/address.js';
import type { Case } from '../case.js';
import { describeTooNear } from '../evidence/target-pairs.js';
import { LEAST_STRAYS, STRAYS_PER_LOST } from '../numbers.js';
import { countUnassembled } from '../reassembly.js';
import { isNoWay } from '../reply/meaning.js';
import { isTooBigWithOption } from '../too-big.js';

/** Sentences, none where there is no doubt. `lost`: packets with the option that the claim says are lost. */
export function doubtsOf(trace: Case, lost: number, isPartial = false): string[] {
  const { state, context, pdmArrivals, refusers } = trace;
  const doubts: string[] = [];
  const strays = state.counters.ambiguous + state.relabelledQuotes;
  if (strays >= LEAST_STRAYS && strays >= lost * STRAYS_PER_LOST && (pdmArrivals === 0 || isPartial)) {
    doubts.push(`${strays} replies belong to this trace but fit no one probe.`);
  }
  const odd = oddAnswersText(trace);
  if (odd !== null) doubts.push(odd);
  const tooNear = describeTooNear(trace);
  if (tooNear !== null) doubts.push(tooNear);
  if (meetsRouterInPlaceOfTarget(trace)) {
    doubts.push(
      `Behind the same router packets without the option are answered in the target's name and those with it meet another router: a box on the way may answer the former.`,
    );
  }
  const own = refusers.find(({ address }) => address === formatAddress(state.identity.source));
  if (own !== undefined) {
    doubts.push(`This host itself (${own.address}) refuses packets with the option: a filter of its own.`);
  }
  const dead = refusers.find(({ reply, address }) => isNoWay(reply) && context.saidNoWayToOthers(address));
  if (dead !== undefined) {
    doubts.push(
      `${dead.address} says that no way leads to the target, and said so of packets without the option to another trace: what answers those may stand before it.`,
    );
  }
  const { pdm: unassembled } = countUnassembled(state);
  if (unassembled > 0 && pdmArrivals === 0) {
    doubts.push(
      `Of ${unassembled} packets with the option some fragments reached the target and others did not (Time Exceeded 3/1).`,
    );
  }
  if (isPartial && isTooBigWithOption(state, lost)) {
    doubts.push(
      'Packets with the option are longer than those without, and were too long for a link on some of the ways.',
    );
  }
  if (state.droppedByKernel) doubts.push('The kernel dropped received packets while a probe with the option was out.');
  return doubts;
}

/** Both arms come by the router before it, and where plain is answered the option is still on its way. */
function meetsRouterInPlaceOfTarget({ hops, distance, lastPdmHop, pdmArrivals }: Case): boolean {
  const { plain } = distance;
  if (plain === null || pdmArrivals > 0 || lastPdmHop < plain) return false;
  const before = hops[plain - 1];
  return before?.plainResponders.some((address) => before.pdmResponders.includes(address)) === true;
}

/** Answers in the target's name of which it is not known whether they are the target's. Asked of `delivered` too. */
export function oddAnswersText({ oddAnswers }: Case): string | null {
  if (oddAnswers < LEAST_STRAYS) return null;
  return `${oddAnswers} packets with the option were answered in the target's name from another distance than those without: by the target on another way, or by something before it.`;
}
