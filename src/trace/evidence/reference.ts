/**
 * METHOD: dropped, the source's own firewall. Who is asked for an unquoted answer to a packet with the option, and what it shows:
 * that such answers come in from outside at all, at the time of the loss.
 */
import { parseAddress } from '../../address/address.js';
import type { Case } from '../case.js';
import {
  ALIKE_PAIRS,
  FEW_SYNS_P,
  FIRST_REFERENCE_LOOK,
  INTERVAL_MARGIN,
  LOST_SYNS,
  NEAREST_REFERENCE,
  PARTIAL_REFERENCE_PAIRS,
  REFERENCES,
  REFERENCE_LOOKS,
  REFERENCE_PAIR_CAP,
  REFERENCE_PAIRS,
  WITNESS_PORTS,
} from '../numbers.js';
import type { Reason } from '../reason.js';
import type { Protocol } from '../../record/record.js';
import { PURPOSE } from '../state/trace-state.js';
import { RANK, wishAtTarget } from '../wish.js';
import type { PairWish } from '../wish.js';
import { withAndWithout } from '../with-and-without.js';
import { divergenceOf } from './divergence.js';
import { chanceOfOneRate, fisherPValue } from './e-values.js';
import type { Ledger } from './ledger.js';
import { sharesPrefix } from '../reply/place-name.js';
import { forEachPair, replyTo, restOf } from './pair.js';
import { emptyPlace, hopBeforeFirst, losesMore } from './place.js';
import type { Place } from './place.js';

/**
 * Whether the errors, or the answers, may be what is lost (METHOD: dropped, the way back). `answered`: a packet with the
 * option was, which defeats the claim.
 */
export type WayBack =
  /** `upTo`: the farthest hop from behind which such answers are known to come back; null where none was asked for. */
  | { readonly is: 'excluded'; readonly upTo: number | null }
  | { readonly is: 'answered' | 'unknown'; readonly reason: Reason }
  | { readonly is: 'open'; readonly has: string; readonly wants: readonly PairWish[]; readonly untilNs: number | null };

/**
 * An unquoted answer to a packet with the option from outside: of a router up to n asked itself, or of another target behind
 * it. What lies behind the farthest such place may take the answers as well as the packets: the interval begins there.
 */
export function standOfReference(trace: Case, protocol: Protocol, toTell: Loss): WayBack {
  const { lately, before } = answeredBeyond(trace, protocol);
  for (const { address, hop } of referenceRouters(trace)) {
    if (lately !== null && lately >= hop) continue;
    const { stand, isPlainAnswered } = ask(trace, protocol, { address, hop }, toTell);
    if (stand !== null) return stand;
    // The farthest router that answers at all decides: a nearer one may stand on this side of the firewall.
    if (isPlainAnswered) break;
  }
  // Another target shows where such answers come from, a host that was named only that they come in from outside.
  const hosts = before !== null && mayBeAsked(trace, before.address) ? [before] : [];
  if (lately === null) hosts.push(...hostElsewhere(trace));
  for (const host of hosts) {
    const { stand } = ask(trace, protocol, host, toTell);
    if (stand !== null) return stand;
  }
  return lately === null ? { is: 'unknown', reason: ERRORS_ALONE } : { is: 'excluded', upTo: lately };
}

const ERRORS_ALONE: Reason = {
  says: 'Nothing but errors ever came here about packets with the option: either they are lost on the way, or a firewall near the source lets no other answer to them back.',
  settledBy: 'other-network',
};

/** What this one shows, or what is wanted of it; null where it is silent. */
function ask(
  trace: Case,
  protocol: Protocol,
  { address, hop }: Elsewhere,
  toTell: Loss,
): { readonly stand: WayBack | null; readonly isPlainAnswered: boolean } {
  const asked = referenceAt(trace, protocol, address);
  const isPlainAnswered = asked.plainAnswered > 0;
  const isNow = standInRun(trace, protocol, address, asked, toTell);
  if (isNow === 'silent') return { stand: null, isPlainAnswered };
  if (isNow === 'answers') return { stand: { is: 'excluded', upTo: hop }, isPlainAnswered };
  const wants = isNow === 'more' ? [referenceWish(trace, address, protocol, asked.lastSentNs)] : [];
  return { stand: askingRouter(wants), isPlainAnswered };
}

/** A loss that must be no firewall near the source. */
export interface Loss {
  readonly lost: number;
  /** One rate at which such a firewall lets answers by may explain it no more often than this. */
  readonly bar: number;
  /** How many will be lost once a claim has all it needs; null where no more are awaited. */
  readonly willBeLost: number | null;
}

/** That of the trace's own packets. */
export function ownLoss({ counts, state }: Case): Loss {
  const { confidence } = state.limits;
  const lost = counts.counted.plainOnly;
  const willBeLost = Math.max(lost, counts.looks.pairsToShowLoss(confidence, state.countIndex));
  return { lost, bar: 1 - confidence, willBeLost };
}

/** … and of the few SYNs that stand beside echo requests. */
export const LOSS_OF_SYNS: Loss = { lost: LOST_SYNS, bar: FEW_SYNS_P, willBeLost: null };

/**
 * Who was asked answers packets with the option, and the target none: by no one rate at which a firewall near the source may let
 * such answers by. `waits`: it will do, once as many are lost at the target as a claim needs.
 */
function standOfAsked(asked: Asked, { lost, bar, willBeLost }: Loss): 'answers' | 'more' | 'waits' | 'silent' {
  const answered = asked.treatedPassed;
  // Of pairs in which nothing was answered the firewall need not be why.
  const isShown = (of: number): boolean =>
    answered > 0 && chanceOfOneRate(of, answered, answered + asked.plainOnly) <= bar;
  if (isShown(lost)) return 'answers';
  if (willBeLost !== null && isShown(willBeLost)) return 'waits';
  if (asked.pairs < (answered > 0 ? REFERENCE_PAIR_CAP : REFERENCE_PAIRS)) return 'more';
  return asked.pending > 0 ? 'waits' : 'silent';
}

/**
 * … with what others of the run asked of the same address, behind the same firewall: of many targets behind one filter not each has to
 * ask its last router. All that it lost counts as well: a few lucky answers are not the end of it.
 */
function standInRun(
  { context, counts }: Case,
  protocol: Protocol,
  address: string,
  own: Asked,
  toTell: Loss,
): ReturnType<typeof standOfAsked> {
  const stand = standOfAsked(own, toTell);
  const others = context.askedByOthers(protocol, address, counts.lossSinceNs);
  if (others === null) return stand;
  const treatedPassed = own.treatedPassed + others.answered;
  const all = { ...own, treatedPassed, plainOnly: own.plainOnly + others.lost };
  if (standOfAsked(all, toTell) === 'answers') return 'answers';
  return stand === 'answers' ? 'silent' : stand;
}

/** METHOD: dropped, the source's own firewall. What the trace has asked by now, for others of its run. */
export function noteAsked({ state, context, references }: Case): void {
  for (const [flow, { treatedPassed: answered, plainOnly: lost, lastSentNs }] of references) {
    const { destinationText, protocol } = state.flows[flow] ?? {};
    if (answered + lost === 0 || destinationText === undefined || protocol === undefined) continue;
    context.noteAsked(protocol, destinationText, flow, { answered, lost, sentNs: lastSentNs });
  }
}

/** Who may be asked whether such answers come in, and how far from the source what it answers comes from at least. */
interface Elsewhere {
  readonly address: string;
  readonly hop: number;
}

/** `--reference`, unless it lies in the source's own network, or is the target. */
function hostElsewhere({ state }: Case): Elsewhere[] {
  const { reference } = state.limits;
  if (reference === undefined || reference === null || reference === state.identity.targetText) return [];
  return sharesPrefix(reference, state) ? [] : [{ address: reference, hop: 0 }];
}

/** The farthest router up to n that answered packets with the option itself, the last of them sent at `lastNs`. */
export function answeredReference(trace: Case): (Elsewhere & { readonly lastNs: number }) | null {
  if (trace.references.size === 0) return null;
  const { protocol } = trace.state.identity;
  for (const { address, hop } of referenceRouters(trace)) {
    const asked = referenceAt(trace, protocol, address);
    if (standOfAsked(asked, ownLoss(trace)) === 'answers') return { hop, address, lastNs: asked.lastAnsweredNs };
  }
  return null;
}

/**
 * Behind whom another target has answered packets with the option: `lately`, the farthest hop up to n where such a packet left
 * when the target's own looked lost already, null where none did. An answer of before that shows nothing of now, when a firewall near
 * the source may have begun to take them: who gave it farther away is asked anew.
 */
function answeredBeyond(
  { context, counts, hops, lastPdmHop, nameless }: Case,
  protocol: Protocol,
): { readonly lately: number | null; readonly before: Elsewhere | null } {
  const sibling = protocol === 'udp' ? null : context.sibling(protocol)?.answeredAt;
  let before: Elsewhere | null = null;
  for (let hop = lastPdmHop; hop >= 0; hop -= 1) {
    // At hop 0 at least it came in from outside: then nothing is known of where.
    const address = hop === 0 ? '' : hops[hop]?.pdmResponders[0];
    if (address === undefined || nameless.has(address)) continue;
    if (sibling?.hop === hop && sibling.address === address && sibling.lastNs > counts.lossSinceNs)
      return { lately: hop, before };
    const answered = context.answeredBeyond(protocol, hop, address);
    if (answered === null) continue;
    if (answered.lastNs > counts.lossSinceNs) return { lately: hop, before };
    before ??= { address: answered.target, hop };
  }
  return { lately: null, before };
}

/**
 * Where only some are lost, that one answer came back shows nothing: one of two firewalls may take half of them. A router
 * asked itself must lose fewer, one before the hops that lose as the target does, the farthest such first.
 */
export function standOfPartialReference(trace: Case, protocol: Protocol): WayBack {
  const { both: arrived, plainOnly: lost } = rateAtTarget(trace, protocol);
  let undecided: Reason | null = null;
  for (const { address } of [...referenceRouters(trace), ...hostElsewhere(trace)]) {
    const asked = referenceAt(trace, protocol, address);
    const wants = [referenceWish(trace, address, protocol, asked.lastSentNs)];
    if (asked.pairs < REFERENCE_PAIRS) return askingRouter(wants);
    if (asked.plainAnswered === 0) {
      if (asked.pending > 0) return askingRouter([]);
      continue;
    }
    const answered = asked.both + asked.plainOnly;
    const bar = (1 - trace.state.limits.confidence) / (REFERENCES * REFERENCE_LOOKS);
    if (answered >= FIRST_REFERENCE_LOOK && fisherPValue(arrived, arrived + lost, asked.both, answered) <= bar)
      return { is: 'excluded', upTo: null };
    // What lies before it may lose them too: then one nearer is asked.
    const losesAlike = answered >= ALIKE_PAIRS && asked.plainOnly / answered >= lost / (2 * (arrived + lost));
    if (!losesAlike && asked.pairs < PARTIAL_REFERENCE_PAIRS) return askingRouter(wants);
    if (asked.pending > 0) return askingRouter([]);
    undecided ??= undecidedBy(address, withAndWithout(asked.both, answered, answered), losesAlike);
  }
  return { is: 'unknown', reason: undecided ?? NO_REFERENCE };
}

/** Of packets of that protocol: those of a witness may be lost, or their answers, at another rate than the trace's own. */
function rateAtTarget({ state, context, counts, witness }: Case, by: Protocol): Pick<Ledger, 'both' | 'plainOnly'> {
  const isOwnWitness = by !== state.identity.protocol && context.sibling(by) === null;
  return by !== 'udp' && isOwnWitness ? witness[by].counted : counts.counted;
}

/** The highest hop up to n before which, and at which, hardly any packet with the option was lost. */
function hopBeforeLoss({ hops, lastPdmHop }: Case): number {
  return hopBeforeFirst(hops, lastPdmHop, (place) => place.both > 0 && losesMore(place, INTERVAL_MARGIN));
}

/** `rates`: what it answered, asked itself. */
function undecidedBy(address: string, rates: string, losesAlike: boolean): Reason {
  if (losesAlike) {
    return {
      says: `The router ${address}, asked itself, answered ${rates}: what takes packets with the option, or the answers to them, may stand anywhere up to there, near the source too.`,
      settledBy: 'other-network',
    };
  }
  return {
    says: `The router ${address}, asked itself, answered ${rates}: that is too little beside what the target loses to tell it from answers that are taken near the source.`,
    settledBy: 'retrace',
  };
}

const NO_REFERENCE: Reason = {
  says: 'No router on the way answers packets with the option to itself: something near the source may take some of the answers to them.',
  settledBy: 'other-network',
};

/** … and waits for its answer, or wants a pair. */
export function askingRouter(wants: readonly PairWish[], untilNs: number | null = null): WayBack {
  return { is: 'open', has: 'asking a router for an answer', wants, untilNs };
}

type Asked = Pick<
  Place,
  'treatedPassed' | 'pairs' | 'pending' | 'plainAnswered' | 'both' | 'plainOnly' | 'lastSentNs'
> & {
  /** When the last packet with the option was sent that was answered. */
  readonly lastAnsweredNs: number;
};

/** Pairs to this router itself by this protocol, on all flows: a firewall may keep state, or need none, for one alone. */
function referenceAt({ references, state }: Case, protocol: Protocol, address: string): Asked {
  const asked = { ...emptyPlace(), lastAnsweredNs: Number.NEGATIVE_INFINITY };
  for (const [flow, place] of references) {
    const { destinationText, protocol: by } = state.flows[flow] ?? {};
    if (destinationText !== address || by !== protocol) continue;
    asked.pairs += place.pairs;
    asked.treatedPassed += place.treatedPassed;
    asked.pending += place.pending;
    asked.plainAnswered += place.plainAnswered;
    asked.both += place.both;
    asked.plainOnly += place.plainOnly;
    asked.lastSentNs = Math.max(asked.lastSentNs, place.lastSentNs);
    if (place.treatedPassed > 0) asked.lastAnsweredNs = Math.max(asked.lastAnsweredNs, place.lastSentNs);
  }
  return asked;
}

/**
 * Routers that packets with the option get to, outside the source's network: the farthest before the hops that lose some of them
 * first, then, where limits may be what makes hops look so, the farthest up to n.
 */
function referenceRouters(trace: Case): Elsewhere[] {
  const before = hopBeforeLoss(trace);
  return [...routersBetween(trace, NEAREST_REFERENCE, before), ...routersBetween(trace, before + 1, trace.lastPdmHop)];
}

function routersBetween(trace: Case, from: number, to: number): Elsewhere[] {
  const { state, hops, nameless } = trace;
  const routers: Elsewhere[] = [];
  for (let hop = to; hop >= Math.max(from, NEAREST_REFERENCE) && routers.length < REFERENCES; hop -= 1) {
    const [address] = hops[hop]?.pdmResponders ?? [];
    if (address === undefined || nameless.has(address) || sharesPrefix(address, state)) continue;
    if (!mayBeAsked(trace, address)) continue;
    if (isNearerWithoutOption(trace, address) || isNearerOnAnotherWay(trace, address)) continue;
    routers.push({ address, hop });
  }
  return routers;
}

/** METHOD: Good citizen. What is never probed is not asked in passing either. */
function mayBeAsked({ context }: Case, address: string): boolean {
  const octets = parseAddress(address)?.octets;
  return octets !== undefined && context.mayBeAsked(octets);
}

/** Packets with the option may come to a near router by a longer way, through others before it: hops are counted without. */
function isNearerWithoutOption(trace: Case, address: string): boolean {
  const plainHop = trace.hops.findIndex((place) => place?.plainResponders.includes(address) === true);
  if (plainHop > 0) return plainHop < NEAREST_REFERENCE;
  // Where the ways part only behind the near hops, those are before it on either.
  const divergesFrom = divergenceOf(trace);
  return divergesFrom !== null && divergesFrom < NEAREST_REFERENCE;
}

/** … as other traces to the target came to it, this one by other flows, or before the path changed: a router may have been put before it. */
function isNearerOnAnotherWay({ state, meanings, context, hops }: Case, address: string): boolean {
  const ways = context.waysOfOthers();
  for (let hop = 1; hop < NEAREST_REFERENCE; hop += 1) {
    if (hops[hop]?.plainResponderOnAnyFlow.includes(address) === true) return true;
    if (ways.some(({ met }) => met[hop] === address)) return true;
  }
  if (state.attemptStart === 0) return false;
  let isNearer = false;
  forEachPair(state, meanings, 0, ({ first, hopLimit, plainRow, treatedRow }) => {
    if (first >= state.attemptStart || hopLimit >= NEAREST_REFERENCE) return;
    isNearer ||= [plainRow, treatedRow].some((row) => replyTo(state, row)?.responder === address);
  });
  return isNearer;
}

function referenceWish({ state }: Case, address: string, protocol: Protocol, lastSentNs: number): PairWish {
  const destination = parseAddress(address)?.octets;
  if (destination === undefined) throw new RangeError(`no address: ${address}`);
  return {
    ...wishAtTarget(state, PURPOSE.reference, protocol, RANK.reference),
    notBeforeNs: lastSentNs + state.limits.hopIntervalMs * 1e6,
    responder: address,
    // As the target's pairs leave: a firewall may let an answer back that plain packets of its flow made room for.
    restNs: restOf(state, protocol),
    destination,
    // SYNs for datagrams go where those to the target go.
    ...(protocol === 'tcp' && state.identity.protocol !== 'tcp' ? { port: WITNESS_PORTS[0] } : {}),
  };
}
