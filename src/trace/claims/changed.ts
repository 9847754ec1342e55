/** What `stripped` and `altered` ask alike: who quotes the option otherwise than it was sent. */
import type { Case } from '../case.js';
import { nextLookNs, REFUSED_AS_CLOSED, standOfErrors } from '../evidence/closed-port.js';
import { chanceOfOneRate } from '../evidence/e-values.js';
import { forEachPair, replyTo } from '../evidence/pair.js';
import { isExplored } from '../explore.js';
import { REPEAT_CAP } from '../numbers.js';
import { PROTOCOLS } from '../../record/record.js';
import type { Reason } from '../reason.js';
import { MEANING } from '../reply/meaning.js';
import { ARM_CODE, TARGET_HOP_LIMIT } from '../state/trace-state.js';
import type { ReplySignature, TraceState } from '../state/trace-state.js';
import { open, proven, refuted } from './claim.js';
import type { Standing } from './claim.js';
import { doubtOf } from './doubt.js';
import { CHANGED_TWICE, repeatWishes, standOfPath } from './same-path.js';

interface Change {
  readonly outcome: 'stripped' | 'altered';
  readonly shows: (reply: ReplySignature) => boolean;
  /** Which quotes are such that nothing of the kind can have happened before. */
  readonly intactWhere: (state: TraceState) => (reply: ReplySignature) => boolean;
  /** `shown`: the quotes that show it. */
  readonly words: (shown: Iterable<ReplySignature>) => string;
}

/**
 * The target's own quote decides, of any protocol's trace; without one two responders beyond must agree, and nobody is
 * named: quotes can be scrubbed on their way back.
 */
export function standOfChange(trace: Case, { outcome, shows, intactWhere, words }: Change): Standing {
  const { state } = trace;
  if (!state.signatures.some((reply) => reply.quoted && shows(reply))) return refuted();
  const isIntact = intactWhere(state);
  let lastIntact = 0;
  let targetIntact = false as boolean;
  let targetIntactInPart = false as boolean;
  let inTargetName = 0;
  let byTarget = 0;
  let otherwiseByTarget = 0;
  let firstHop = Number.POSITIVE_INFINITY;
  /** Of routers that show the option whole, of those that show it otherwise, and of these and the target. */
  const whole: QuoteAt[] = [];
  const quotes: QuoteAt[] = [];
  const changed: QuoteAt[] = [];
  const shown = new Set<ReplySignature>();
  forEachPair(state, trace.meanings, state.attemptStart, (pair) => {
    if (pair.arm !== ARM_CODE.pdm || (pair.isPlacebo && pair.hopLimit !== TARGET_HOP_LIMIT)) return;
    const reply = replyTo(state, pair.treatedRow);
    if (reply?.quoted !== true) return;
    const at: QuoteAt = { hop: pair.hopLimit, sentNs: state.probes.sentAtNs(pair.treatedRow), reply };
    if (shows(reply)) changed.push(at);
    if (pair.treated === MEANING.arrived) {
      if (isIntact(reply)) targetIntact = true;
      else if (shows(reply)) {
        inTargetName += 1;
        // Where it is not seen from how far a quote comes, it may be a box's before the target, which quotes as the routers do.
        if (reply.replyHopLimit !== null) byTarget += 1;
        shown.add(reply);
      } else if (reply.intact === true) targetIntactInPart = true;
      else if (reply.stripped || reply.altered) otherwiseByTarget += 1;
    } else if (pair.treated === MEANING.expired && pair.hopLimit !== TARGET_HOP_LIMIT) {
      if (isIntact(reply)) {
        lastIntact = Math.max(lastIntact, pair.hopLimit);
        whole.push(at);
      } else if (shows(reply)) quotes.push(at);
    }
  });
  // As far as the target quotes it the option is whole: routers that quote more of it are no better word than its own.
  if (targetIntact || (targetIntactInPart && inTargetName === 0) || trace.context.isIntactAtTarget()) {
    return refuted({
      says: "Some routers quote the option otherwise than it was sent, but in the target's name it is quoted intact.",
      settledBy: null,
    });
  }
  // Of one way, or of a quote that was damaged.
  if (otherwiseByTarget > 0 && otherwiseByTarget >= inTargetName) return refuted(QUOTED_OTHERWISE);
  const beyond = quotes.filter(({ hop }) => hop > lastIntact);
  for (const { hop, reply } of beyond) {
    shown.add(reply);
    firstHop = Math.min(firstHop, hop);
  }
  const witnesses = countRouters(beyond);
  // What only lost something on the way arrives as a packet without it does.
  if (byTarget === 0 && trace.pdmArrivals === 0) {
    return refuted({
      says: 'Routers quote the option otherwise than it was sent, but nothing shows that such packets arrive.',
      settledBy: 'capture-at-target',
    });
  }
  if (!isExplored(trace)) return open('exploring', []);
  if (byTarget > 0 && isBeforeTarget(trace)) return refuted(QUOTED_FROM_NEARER);
  const errors = inTargetName === 0 ? 'clear' : standOfErrors(trace);
  if (errors === 'refused') return refuted(REFUSED_AS_CLOSED);
  if (errors === 'waits') return open('waiting for the echo requests', [], nextLookNs(trace));
  if (byTarget === 0 && witnesses < 2) {
    return quotes.length === 0 || witnesses === 0
      ? refuted()
      : refuted({
          says: 'One router beyond which nothing more is known quotes the option otherwise than it was sent.',
          settledBy: 'capture-at-target',
        });
  }
  // Near the source quotes may be changed on their way back, all of them: some router must have shown the option whole.
  if (lastIntact === 0)
    return refuted({
      says: 'No router quotes the option as it was sent: quotes may be changed near the source.',
      settledBy: 'other-way',
    });
  // Its stack may take headers out before it quotes, or a box that borrows its address.
  if (witnesses === 0) {
    return refuted({
      says: "Only quotes in the target's name show the option otherwise than it was sent, and no router before it: the target may quote so.",
      settledBy: 'capture-at-target',
    });
  }
  // The router right before it may be that very box, and quote so in either name.
  const distance = trace.distance.plain ?? trace.distance.pdm;
  if (witnesses < 2 && (distance === null || firstHop >= distance - 1)) {
    return refuted({
      says: "The one router that quotes the option otherwise than it was sent stands right before the target: it may be what answers in the target's name.",
      settledBy: 'capture-at-target',
    });
  }
  const upTo = distance ?? TARGET_HOP_LIMIT;
  const likelyUpTo = Math.min(firstHop, upTo);
  if (likelyUpTo <= lastIntact) return refuted();
  const doubt = doubtOf(trace, outcome, byTarget + witnesses);
  if (doubt !== null) return refuted(doubt);
  const path = standOfPath(trace);
  if (path.is === 'changed') return refuted(CHANGED_TWICE);
  if (path.is === 'open') return open('asking for the path', path.wants);
  const lastUnchanged = Math.min(lastIntact, ...changed.map(({ hop }) => hop - 1));
  const after = lastSurelyWhole(lastUnchanged, whole, changed, state.limits.confidence);
  const { repeat, lastPdmHop } = trace;
  if (after < lastUnchanged && lastPdmHop === lastIntact && repeat.pairs < REPEAT_CAP)
    return open('asking once more for a whole quote', repeat.pending > 0 ? [] : repeatWishes(trace));
  const seen = byTarget > 0 ? 'the target quoted it so' : `as ${witnesses} routers beyond hop ${after} quote it`;
  return proven({
    outcome,
    basis: byTarget > 0 ? 'target' : 'routers',
    // Quotes from here on may be changed on their way back, and the packet farther on: that hop is where it is most likely.
    interval: { after, upTo, likelyUpTo },
    reasons: [`${words(shown)}: ${seen}.`],
  });
}

/** What answers packets of another protocol stands farther away: what quotes in the target's name is a box like the routers. */
function isBeforeTarget({ state, context, counts: { comesFrom } }: Case): boolean {
  if (comesFrom === null) return false;
  const others = PROTOCOLS.filter((protocol) => protocol !== state.identity.protocol);
  return others.some((protocol) => (context.sibling(protocol)?.comesFrom ?? comesFrom) > comesFrom);
}

const QUOTED_FROM_NEARER: Reason = {
  says: "What quotes the option otherwise than it was sent in the target's name answers from nearer than what answers packets of another protocol: a box before it may, and quote as the routers there do.",
  settledBy: 'capture-at-target',
};

const QUOTED_OTHERWISE: Reason = {
  says: "Some quotes show the option otherwise than it was sent, and as many in the target's name show it otherwise again: removed here, changed there.",
  settledBy: 'capture-at-target',
};

/** A quote of a packet that left with this hop limit, and when. */
interface QuoteAt {
  readonly hop: number;
  readonly sentNs: number;
  readonly reply: ReplySignature;
}

/** Names that are met at one hop limit may be one router's, which answers by several of its addresses. */
function countRouters(quotes: readonly QuoteAt[]): number {
  const routers: { readonly hops: Set<number>; readonly names: Set<string> }[] = [];
  const seen = new Set<string>();
  for (const { hop, reply } of quotes) {
    const key = `${hop} ${reply.responder}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const known = routers.filter(({ hops, names }) => hops.has(hop) || names.has(reply.responder));
    const hops = new Set([hop, ...known.flatMap((one) => [...one.hops])]);
    const names = new Set([reply.responder, ...known.flatMap((one) => [...one.names])]);
    for (const one of known) routers.splice(routers.indexOf(one), 1);
    routers.push({ hops, names });
  }
  return routers.length;
}

/**
 * What changes some packets and not others lets some whole quotes come from behind it, by chance, and what began to change them
 * meanwhile those from before. So the hop limit where the interval begins is the highest behind which what was quoted whole since
 * then is no chance beside what was quoted otherwise. `lastUnchanged`: up to there no hop quotes it otherwise.
 */
function lastSurelyWhole(
  lastUnchanged: number,
  whole: readonly QuoteAt[],
  changed: readonly QuoteAt[],
  confidence: number,
): number {
  const sinceNs = Math.min(...changed.map(({ sentNs }) => sentNs));
  const since = whole.filter(({ sentNs }) => sentNs >= sinceNs);
  let after = lastUnchanged;
  const isChance = (hop: number): boolean => {
    const luck = since.filter((quote) => quote.hop > hop).length;
    return chanceOfOneRate(changed.length, luck, luck) > 1 - confidence;
  };
  while (after > 0 && isChance(after - 1)) after -= 1;
  return after;
}
