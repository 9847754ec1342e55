/** METHOD: doubt. Evidence that silence may not be silence, asked of every accusation. */
import type { Case } from '../case.js';
import { mayBeAnsweredOnTheWay, meetsRouterInPlaceOfTarget } from '../evidence/divergence.js';
import { findTooNear } from '../evidence/target-pairs.js';
import { LEAST_STRAYS, RELABELLED_PER_LOST, STRAYS_PER_LOST } from '../numbers.js';
import { countUnassembled } from '../reply/reassembly.js';
import type { Reason } from '../reason.js';
import { isNoWay } from '../reply/words.js';
import { isTooBigWithOption } from '../reply/too-big.js';

/** All doubts in one reason, of a claim that they refute; null where there is none. */
export function doubtOf(trace: Case, name: string, lost: number, isPartial = false): Reason | null {
  const doubts = doubtsOf(trace, lost, isPartial);
  const [first] = doubts;
  if (first === undefined) return null;
  const says = `It looks ${name}, but: ${doubts.map((doubt) => doubt.says).join(' ')}`;
  return { says, settledBy: first.settledBy };
}

/** None where there is no doubt. `lost`: packets with the option that the claim says are lost. */
export function doubtsOf(trace: Case, lost: number, isPartial = false): Reason[] {
  const { state, context, pdmArrivals, refusers } = trace;
  const doubts: Reason[] = [];
  // A label that is none of ours may be rewritten on the way, of all such packets; whoever guesses the rest is to guess often.
  const relabelled = state.relabelledQuotes >= lost * RELABELLED_PER_LOST ? state.relabelledQuotes : 0;
  const strays = state.counters.ambiguous + relabelled;
  if (strays >= LEAST_STRAYS && strays >= lost * STRAYS_PER_LOST && (pdmArrivals === 0 || isPartial)) {
    doubts.push({ says: `${strays} replies belong to this trace but fit no one probe.`, settledBy: 'other-way' });
  }
  const odd = findOddAnswers(trace);
  if (odd !== null) doubts.push(odd);
  const tooNear = findTooNear(trace);
  if (tooNear !== null) doubts.push(tooNear);
  if (meetsRouterInPlaceOfTarget(trace)) {
    doubts.push({
      says: "Behind the same router packets without the option are answered in the target's name and those with it meet another router: a box on the way may answer the former.",
      settledBy: 'other-protocol',
    });
  }
  if (doubts.length === 0 && mayBeAnsweredOnTheWay(trace)) {
    doubts.push({
      says: "Packets with the option meet routers as far as something answers those without it in the target's name, and no datagrams are known to be answered: a box on the way may answer the former.",
      settledBy: 'other-protocol',
    });
  }
  const own = refusers.find(({ address }) => address === state.identity.sourceText);
  if (own !== undefined) {
    doubts.push({
      says: `This host itself (${own.address}) refuses packets with the option: a filter of its own.`,
      settledBy: 'own-filter',
    });
  }
  const dead = refusers.find(({ reply, address }) => isNoWay(reply) && context.saidNoWayToOthers(address));
  if (dead !== undefined) {
    doubts.push({
      says: `${dead.address} says that no way leads to the target, and said so of packets without the option to another trace: what answers those may stand before it.`,
      settledBy: 'other-protocol',
    });
  }
  const { pdm: unassembled } = countUnassembled(state);
  if (unassembled > 0 && pdmArrivals === 0) {
    doubts.push({
      says: `Of ${unassembled} packets with the option some fragments reached the target and others did not (Time Exceeded 3/1).`,
      settledBy: 'smaller-probes',
    });
  }
  if (isPartial && isTooBigWithOption(state, lost)) {
    doubts.push({
      says: 'Packets with the option are longer than those without, and were too long for a link on some of the ways.',
      settledBy: 'smaller-probes',
    });
  }
  if (state.droppedByKernel) {
    doubts.push({
      says: 'The kernel dropped received packets while a probe with the option was out.',
      settledBy: 'lower-rate',
    });
  }
  return doubts;
}

/** Answers in the target's name of which it is not known whether they are the target's. Asked of `delivered` too. */
export function findOddAnswers({ oddAnswers }: Case): Reason | null {
  if (oddAnswers < LEAST_STRAYS) return null;
  return {
    says: `${oddAnswers} packets with the option were answered in the target's name from another distance than those without, or in other words: by the target on another way, or at a port that something before it answers for, or by something before it.`,
    settledBy: 'other-way',
  };
}
