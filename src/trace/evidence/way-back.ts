/**
 * METHOD: dropped, the way back and the source's own firewall. What quotes nothing shows that it is not the answers that are
 * lost, once such an answer to a packet with the option has been seen to come back at all.
 */
import { parseAddress } from '../../address/address.js';
import type { Case } from '../case.js';
import { sharesPrefix } from '../case.js';
import { REFERENCES, REFERENCE_PAIRS, SIBLING_POLL_NS, WITNESS_PAIR_CAP } from '../numbers.js';
import type { Protocol } from '../record.js';
import { PURPOSE, TARGET_HOP_LIMIT } from '../state/trace-state.js';
import { divergenceOf } from './divergence.js';
import { answersUnquoted } from './target-pairs.js';
import { RANK, targetBudget } from '../wish.js';
import type { PairWish } from '../wish.js';

export type WayBack =
  | { readonly is: 'excluded' }
  | { readonly is: 'answered' | 'unknown'; readonly reason: string }
  | { readonly is: 'open'; readonly has: string; readonly wants: readonly PairWish[]; readonly untilNs: number | null };

/** Nearer routers may stand within the source's network, whatever their prefix. */
const NEAREST_REFERENCE = 3;
/** Echo pairs in which not even `plain` was answered. */
const SILENT_ECHO_PAIRS = 6;

/** `isPartial`: some packets with the option arrived, and so may some of the witness. */
export function standOfWayBack(trace: Case, isPartial = false): WayBack {
  const { state, counts } = trace;
  const { protocol } = state.identity;
  const quotesNothing = answersUnquoted(counts);
  const witness: WayBack = quotesNothing
    ? EXCLUDED
    : protocol === 'udp'
      ? standOfWitness(trace, isPartial)
      : ERRORS_ONLY;
  if (witness.is === 'answered' || witness.is === 'unknown') return witness;
  const reference = standOfReference(trace, protocol === 'udp' && !quotesNothing ? 'icmp6' : protocol);
  if (reference.is === 'unknown') return reference;
  if (witness.is !== 'open') return reference;
  return reference.is === 'open' ? { ...witness, wants: [...witness.wants, ...reference.wants] } : witness;
}

const EXCLUDED: WayBack = { is: 'excluded' };

/** Echo pairs to the target: of the sibling trace, or this trace's own. */
function standOfWitness(trace: Case, isPartial: boolean): WayBack {
  const { state, context, witness, nowNs } = trace;
  const sibling = context.siblingEcho();
  if (sibling !== null) {
    if (sibling.pdmArrivals > 0 && !isPartial) return ANSWERED;
    if (sibling.lossShown) return EXCLUDED;
    if (!sibling.settled) {
      return { is: 'open', has: 'waiting for the echo pairs', wants: [], untilNs: nowNs + SIBLING_POLL_NS };
    }
    return unknownWitness(sibling.plainArrivals > 0);
  }
  const { counted, looks } = witness;
  if (looks.pdmArrived > 0 && !isPartial) return ANSWERED;
  const noneArrived = looks.pdmArrived === 0;
  const { confidence } = state.limits;
  if (counted.showsLoss('pdm', confidence, noneArrived, 1)) return answersUnquoted(witness) ? EXCLUDED : ERRORS_ONLY;
  const isSilent = looks.plainArrived === 0 && looks.pairs >= SILENT_ECHO_PAIRS;
  if (isSilent || (witness.pairs >= WITNESS_PAIR_CAP && witness.pending === 0)) return unknownWitness(!isSilent);
  const has = `${looks.plainOnly} echo pairs`;
  if (looks.showsLoss('pdm', confidence, noneArrived, 1) || witness.pairs >= WITNESS_PAIR_CAP) {
    return { is: 'open', has, wants: [], untilNs: witness.nextNs };
  }
  return {
    is: 'open',
    has,
    wants: [
      {
        purpose: PURPOSE.echo,
        hopLimit: TARGET_HOP_LIMIT,
        flow: 'fresh',
        protocol: 'icmp6',
        treatment: 'pdm',
        rank: RANK.witness,
        notBeforeNs: witness.lastSentNs + state.limits.hopIntervalMs * 1e6,
        spacingMs: state.limits.hopIntervalMs,
        responder: targetBudget(state, 'icmp6'),
        restNs: null,
      },
    ],
    untilNs: witness.nextNs,
  };
}

const ANSWERED: WayBack = {
  is: 'answered',
  reason:
    'Echo requests with the option were answered by the target: the return path drops errors that quote the option, or the filter is protocol-specific.',
};

function unknownWitness(answersEcho: boolean): WayBack {
  return unknownBecause(answersEcho ? 'echo requests show no such loss' : 'the target answers no echo request');
}

function unknownBecause(why: string): WayBack {
  return {
    is: 'unknown',
    reason: `Packets with the option are lost on the way there, or the errors about them on the way back: ${why}, and errors quote the option.`,
  };
}

/** An error in the target's name quotes the option as any other does: it is no witness. */
const ERRORS_ONLY = unknownBecause('the target answers by errors only');

/** An unquoted answer to a packet with the option from outside: of another target, or of a router up to n asked itself. */
function standOfReference(trace: Case, protocol: Protocol): WayBack {
  const { state, context, references } = trace;
  if (context.isAnsweredElsewhere(protocol) || isAnsweredHere(trace, protocol)) return EXCLUDED;
  for (const place of references.values()) if (place.treatedPassed > 0) return EXCLUDED;
  const open = (wants: readonly PairWish[]): WayBack => ({
    is: 'open',
    has: 'asking a router for an answer',
    wants,
    untilNs: null,
  });
  for (const address of referenceAddresses(trace)) {
    let pairs = 0;
    let pending = 0;
    let plainAnswered = 0;
    let lastSentNs = Number.NEGATIVE_INFINITY;
    for (const [flow, place] of references) {
      if (state.flows[flow]?.destinationText !== address) continue;
      pairs += place.pairs;
      pending += place.pending;
      plainAnswered += place.plainAnswered;
      lastSentNs = Math.max(lastSentNs, place.lastSentNs);
    }
    if (pairs < REFERENCE_PAIRS) return open([referenceWish(trace, address, protocol, lastSentNs)]);
    if (pending > 0) return open([]);
    // The farthest router that answers at all decides: a nearer one may stand on this side of the firewall.
    if (plainAnswered > 0) break;
  }
  return {
    is: 'unknown',
    reason:
      'No packet with the option was ever answered here by anything that quotes nothing: a firewall near the source may let no such answer back.',
  };
}

/** Where only some are lost, those that the target itself answered show that such answers come back. */
function isAnsweredHere({ state, context, counts, witness, pdmArrivals }: Case, protocol: Protocol): boolean {
  if (sharesPrefix(state.identity.targetText, state)) return false;
  if (protocol === state.identity.protocol) return pdmArrivals > 0 && answersUnquoted(counts);
  return (context.siblingEcho()?.pdmArrivals ?? witness.looks.pdmArrived) > 0;
}

/** Routers up to n that lie outside the source's network, the farthest first. */
function referenceAddresses(trace: Case): string[] {
  const { state, hops, lastPdmHop, nameless } = trace;
  const addresses: string[] = [];
  for (let hop = lastPdmHop; hop >= NEAREST_REFERENCE && addresses.length < REFERENCES; hop -= 1) {
    const [address] = hops[hop]?.pdmResponders ?? [];
    if (address === undefined || nameless.has(address) || sharesPrefix(address, state)) continue;
    if (isNearerWithoutOption(trace, address)) continue;
    addresses.push(address);
  }
  return addresses;
}

/** Packets with the option may come to a near router by a longer way, through others before it: hops are counted without. */
function isNearerWithoutOption(trace: Case, address: string): boolean {
  const plainHop = trace.hops.findIndex((place) => place?.plainResponders.includes(address) === true);
  if (plainHop > 0) return plainHop < NEAREST_REFERENCE;
  // Where the ways part only behind the near hops, those are before it on either.
  const divergesFrom = divergenceOf(trace);
  return divergesFrom !== null && divergesFrom < NEAREST_REFERENCE;
}

function referenceWish({ state }: Case, address: string, protocol: Protocol, lastSentNs: number): PairWish {
  const destination = parseAddress(address)?.octets;
  if (destination === undefined) throw new RangeError(`no address: ${address}`);
  return {
    purpose: PURPOSE.reference,
    hopLimit: TARGET_HOP_LIMIT,
    flow: 'fresh',
    protocol,
    treatment: 'pdm',
    rank: RANK.reference,
    notBeforeNs: lastSentNs + state.limits.hopIntervalMs * 1e6,
    spacingMs: state.limits.hopIntervalMs,
    responder: address,
    restNs: protocol === 'tcp' ? 0 : null,
    destination,
  };
}
