/**
 * METHOD: dropped, a target that sends PDM itself, or may. Where only our option is lost, the target may have got it and
 * answered with it, and its answers be what is lost. That the packets do not come so far is shown by a hop before the target
 * that reports another option and not ours.
 */
import type { Case } from '../case.js';
import {
  LIKELY_PAIRS,
  LIKELY_PAIR_CAP,
  OTHER_OPTION_PAIR_CAP,
  OWN_ARM_LOSSES,
  OWN_ARM_PAIR_CAP,
  REFUSED_PAIRS,
} from '../numbers.js';
import { canSynsStandFor } from '../probe/probe-packet.js';
import type { Reason } from '../reason.js';
import { PROTOCOLS } from '../../record/record.js';
import type { Cause } from '../../record/record.js';
import { ARM_CODE, PURPOSE } from '../state/trace-state.js';
import { leadingInTurn, RANK, wishAtHop, wishAtTarget } from '../wish.js';
import type { PairWish } from '../wish.js';
import { isDependable } from './e-values.js';
import { restOf } from './pair.js';
import { emptyPlace } from './place.js';
import { answersUnquoted } from './target-pairs.js';

/** Whether a target that sends PDM itself may lose its answers instead (METHOD: dropped). `excluded`: it may not. */
export type OwnPdm =
  | { readonly is: 'excluded' }
  | { readonly is: 'open'; readonly wants: readonly PairWish[] }
  | { readonly is: 'possible'; readonly reason: Reason };

/** `cause` and `upTo` as the accusation would say them. */
export function standOfOwnPdm(trace: Case, cause: Cause | null, upTo: number): OwnPdm {
  const { state, hops, lastPdmHop, distance, otherOptions } = trace;
  if (isLostBefore(trace, upTo)) return { is: 'excluded' };
  // Who answers all packets with it: answers to plain ones may come back on another of several ways than those to any option.
  if (!state.pdm.isSentToPlain) {
    if (mustAskBySyns(trace, cause)) {
      const bySyns = standOfSyns(trace);
      if (bySyns !== 'answered') return bySyns;
    } else if (!mayOnlyOursBeLost(trace, cause)) return { is: 'excluded' };
  }
  const reason = state.pdm.isSent ? SENDS_PDM : MAY_SEND_PDM;
  if (!state.limits.explain) return { is: 'possible', reason };
  for (let hop = lastPdmHop + 1; distance.plain !== null && hop < distance.plain; hop += 1) {
    const place = hops[hop];
    if (place === undefined || place.plainResponders.length === 0 || place.lost === 0) continue;
    if (place.treatedPassed > 0) break;
    const others = otherOptions.get(hop);
    const answered = others === undefined ? 0 : others.both + others.plainOnly;
    if (isDependable(state.limits.confidence, answered, others?.pdmIntact ?? 0, place.lost)) return { is: 'excluded' };
    if (others !== undefined && others.pairs >= OTHER_OPTION_PAIR_CAP) {
      if (others.pending > 0) return { is: 'open', wants: [] };
      // It does not report other options either: perhaps one behind it does.
      if (others.pdmIntact === 0) continue;
      break;
    }
    if (place.lost < LIKELY_PAIRS && place.pairs < LIKELY_PAIR_CAP) {
      const isOut = place.lost + place.pending >= LIKELY_PAIRS;
      const wish = wishAtHop(state, place, PURPOSE.beyond, hop, 'fresh', RANK.explain);
      return { is: 'open', wants: isOut ? [] : [wish] };
    }
    const wish = wishAtHop(state, others, PURPOSE.otherOption, hop, 'fresh', RANK.explain);
    return { is: 'open', wants: [{ ...wish, treatment: 'do8', responder: place.plainResponders[0] ?? null }] };
  }
  return { is: 'possible', reason };
}

/**
 * Errors quote the options of all arms: where a filter on the way back takes such errors, datagrams with other options look lost as
 * well, and say nothing of the target's own. Where it answers no echo requests either, SYNs with the other option tell.
 */
function mustAskBySyns({ state, counts, context, explain }: Case, cause: Cause | null): boolean {
  if (cause !== null || !state.limits.explain) return false;
  if (state.identity.protocol !== 'udp' || answersUnquoted(counts)) return false;
  return explain.icmp6?.has(ARM_CODE.do8) !== true && (context.sibling('icmp6')?.plainArrivals ?? 0) === 0;
}

/** `answered`: only ours may be lost. */
function standOfSyns(trace: Case): OwnPdm | 'answered' {
  const { state, context, explain, witness } = trace;
  if (othersAreAnswered(trace)) return 'answered';
  const { lost, lostLeading, pairs, pending, lastSentNs } = explain.tcp?.get(ARM_CODE.do8) ?? emptyPlace();
  if (lost >= OWN_ARM_LOSSES && lostLeading > 0) return { is: 'excluded' };
  const isHeard = context.watches('tcp');
  if (isHeard === null || pending > 0) return { is: 'open', wants: [] };
  if (!isHeard || !canSynsStandFor(state) || pairs >= OWN_ARM_PAIR_CAP) return { is: 'possible', reason: MAY_SEND_PDM };
  const wish: PairWish = {
    ...wishAtTarget(state, PURPOSE.explain, 'tcp', RANK.explain),
    treatment: 'do8',
    port: witness.tcp.port === 0 ? state.identity.destinationPort : witness.tcp.port,
    leading: leadingInTurn(pairs + 1),
    notBeforeNs: lastSentNs + state.limits.hopIntervalMs * 1e6,
    restNs: restOf(state, 'tcp'),
  };
  return { is: 'open', wants: [wish] };
}

/** Nobody answers other options with PDM, and no plain packets: where those are lost as well, it is not the target's answers. */
function mayOnlyOursBeLost(trace: Case, cause: Cause | null): boolean {
  if (cause !== null) return cause === 'option';
  const { explain } = trace;
  const { protocol } = trace.state.identity;
  if (othersAreAnswered(trace) || PROTOCOLS.some((by) => trace.context.sibling(by)?.othersAnswered === true))
    return true;
  const isAskedByEcho = protocol !== 'icmp6' && explain.icmp6?.has(ARM_CODE.do8) === true;
  if (isAskedByEcho || (explain[protocol]?.get(ARM_CODE.do8)?.lost ?? 0) >= REFUSED_PAIRS) return false;
  return trace.state.pdm.isSent || reachesTarget(trace);
}

/**
 * The target answers packets with another option, of any protocol that this trace asks with: those beside the protocol's that
 * asks for the cause may be few, so that one answer tells and losses do not. From how far an answer seems to come tells
 * nothing: on another way back it is the target's all the same.
 */
export function othersAreAnswered({ explain }: Case): boolean {
  return Object.values(explain).some((arms) => {
    const arm = arms.get(ARM_CODE.do8);
    return arm !== undefined && arm.treatedPassed + arm.treatedOtherwise > 0;
  });
}

/** Packets with the option were seen right before the target. */
function reachesTarget({ state, hops, lastPdmHop, distance }: Case): boolean {
  const { plain } = distance;
  if (plain === null) return false;
  // Quotes may be scrubbed on their way back: that a packet ran out of hop limit there shows how far it came. One fragment is no packet.
  const isWhole = state.quotedFragments === null;
  const cameAsFar = isWhole && hops.some((place, hop) => hop >= plain - 1 && (place?.treatedPassed ?? 0) > 0);
  return lastPdmHop >= plain - 1 || cameAsFar;
}

/** A router before the target lost them, one that is known to report such packets. */
function isLostBefore({ distance }: Case, upTo: number): boolean {
  return distance.plain !== null && upTo < distance.plain;
}

const MAY_SEND_PDM: Reason = {
  says: 'Packets with other options are answered, and no hop before the target is shown to lose those with PDM alone, as hops that answer none of them may only not report them: the target may drop them, or answer with the option itself, and its answers be lost.',
  settledBy: 'capture-at-target',
};
/** Said of every loss at such a target. */
export const SENDS_PDM: Reason = {
  says: 'The target sends the option itself, so its replies may be what is lost: in which direction is not known.',
  settledBy: 'capture-at-target',
};
