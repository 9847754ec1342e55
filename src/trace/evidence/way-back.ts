/**
 * METHOD: dropped, the way back. What quotes nothing shows that it is not the answers that are
 * lost, once such an answer to a packet with the option has been seen to come back at all.
 */
import type { Case } from '../case.js';
import { SIBLING_POLL_NS } from '../numbers.js';
import type { Protocol } from '../../record/record.js';
import { earlier } from '../wish.js';
import { askingRouter, LOSS_OF_SYNS, ownLoss, standOfPartialReference, standOfReference } from './reference.js';
import type { WayBack } from './reference.js';
import { answersUnquoted } from './target-pairs.js';
import { ofIcmpv6Alone, standOfWitness, unknown } from './witness.js';

/** `isPartial`: some packets with the option arrived, and so may some of the witness. */
export function standOfWayBack(trace: Case, isPartial = false): WayBack {
  const { state, counts } = trace;
  const { protocol } = state.identity;
  const quotesNothing = answersUnquoted(counts);
  if (!quotesNothing && protocol !== 'udp') return ERRORS_ONLY;
  const witness = quotesNothing ? null : standOfWitness(trace, isPartial);
  if (witness !== null && !('by' in witness)) return witness;
  const ask = (by: Protocol, toTell = ownLoss(trace)): WayBack =>
    isPartial ? standOfPartialReference(trace, by) : standOfReference(trace, by, toTell);
  const ofWitness = ask(witness?.by ?? protocol);
  // A firewall near the source may let echo replies in, and no segments.
  const isAskedBeside = ofWitness.is !== 'unknown' && witness?.areSynsBeside === true;
  const reference = isAskedBeside ? both(ofWitness, standOfSegments(trace, ask('tcp', LOSS_OF_SYNS))) : ofWitness;
  if (reference.is === 'unknown' || witness?.is !== 'open') return reference;
  return reference.is === 'open' ? { ...witness, wants: [...witness.wants, ...reference.wants] } : witness;
}

/** Whether a segment that answers the option ever came in: else those to SYNs beside echo requests may be what is lost. */
function standOfSegments({ context, nowNs }: Case, asked: WayBack): WayBack {
  const isWatched = asked.is !== 'open' || asked.wants.length === 0 ? true : context.watches('tcp');
  if (isWatched === null) return askingRouter([], nowNs + SIBLING_POLL_NS);
  return asked.is === 'unknown' || !isWatched ? ofIcmpv6Alone(NO_SEGMENT) : asked;
}

const NO_SEGMENT =
  'no segment that answers a packet with the option ever came here, so that a firewall near the source may take those of the target';

/** Both are asked for at a time; the interval begins at the nearer of two places. */
function both(one: WayBack, other: WayBack): WayBack {
  if (other.is === 'unknown') return other;
  if (one.is === 'open' && other.is === 'open')
    return { ...one, wants: [...one.wants, ...other.wants], untilNs: earlier(one.untilNs, other.untilNs) };
  if (one.is !== 'excluded') return one;
  if (other.is !== 'excluded') return other;
  const upTo = one.upTo === null || other.upTo === null ? (one.upTo ?? other.upTo) : Math.min(one.upTo, other.upTo);
  return { is: 'excluded', upTo };
}

/** An error in the target's name quotes the option as any other does: it is no witness. */
const ERRORS_ONLY = unknown('the target answers by errors only');
