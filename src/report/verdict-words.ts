import { insertedOnPath } from '../results/inserted-headers.js';
import type { Attribution, Outcome, TraceRecord } from '../trace/record.js';
import { otherNetworks } from './attribution-words.js';
import { icmpErrorText } from './icmp-words.js';
import {
  asLabel,
  atMostText,
  confidenceText,
  destinationNetworkText,
  hopText,
  isAtTarget,
  placeText,
  plainHop,
  ratesText,
  restsOnRouters,
  routerArrivals,
  sourceText,
  targetArrivals,
} from './record-words.js';
import { repeatOf } from './repeated-hops.js';
import { safeText } from './safe-text.js';
import { settlingSentence } from './settling-words.js';

/** A verdict in plain words. */
export interface VerdictWords {
  /** One sentence that says the outcome. */
  readonly headline: string;
  /** What was counted, who it may be, and what limits the claim. */
  readonly details: readonly string[];
  /** The record's own reasons, safe for a terminal. */
  readonly reasons: readonly string[];
}

/**
 * Says what a record found and no more: silence of routers only locates ("most likely"), what is certain is called so,
 * and an attribution names every reading that the addresses allow (RFC 7872 appendix B.2).
 */
export function verdictWords(record: TraceRecord): VerdictWords {
  const reasons = record.verdict.reasons.map(safeText);
  const spoken = WORDS[record.verdict.outcome](record);
  return {
    headline: spoken.headline,
    details: [...spoken.details, insertedSentence(record), loopSentence(record)].filter((detail) => detail !== null),
    reasons: spoken.saysFirstReason === true ? reasons.slice(1) : reasons,
  };
}

/** Headers that the way put in front of ours, as SRv6 does: no change of the option, and a reason why others may refuse it. */
function insertedSentence(record: TraceRecord): string | null {
  const texts = [...insertedOnPath(record)].map(([kind, places]) => `${safeText(kind)} at ${placesText(places)}`);
  return texts.length === 0 ? null : `Headers that the way put in were seen in packets: ${texts.join('; ')}.`;
}

/** `hop 5, hop 6 and the target`. */
function placesText(places: readonly (number | null)[]): string {
  const texts = places.map((hop) => (hop === null ? 'the target' : `hop ${hop}`));
  const last = texts.pop() ?? '';
  return texts.length === 0 ? last : `${texts.join(', ')} and ${last}`;
}

/** Packets that go round in circles: for whoever runs those routers it is the first thing to know. */
function loopSentence(record: TraceRecord): string | null {
  const repeat = repeatOf(record.hops);
  // What is answered by the target has left whatever circle there is.
  if (repeat === null || repeat.period === 1 || (record.targetPairs?.distance.plain ?? null) !== null) return null;
  const { from, to, period } = repeat;
  return `A routing loop: the ${period} routers at hops ${from}–${from + period - 1} answer again and again up to hop ${to}.`;
}

interface Spoken {
  readonly headline: string;
  readonly details: readonly (string | null)[];
  /** The headline holds the record's first reason: it is not repeated below. */
  readonly saysFirstReason?: boolean;
}

const WORDS: Readonly<Record<Outcome, (record: TraceRecord) => Spoken>> = {
  delivered: (record) => ({
    headline: `PDM arrives: the target answers packets with the option as well as plain ones${inBrackets(record)}.`,
    details: [optionSentence(record), divergenceSentence(record)],
  }),

  dropped: (record) => ({
    headline: `${stopSentence(record, 'PDM stops')}.`,
    details: [
      seenBeyondSentence(record),
      arrivalSentence(record),
      confidenceSentence(record),
      returnPathSentence(record),
      causeSentence(record),
      attributionSentence(record),
      divergenceSentence(record),
    ],
  }),

  rejected: (record) => ({
    headline: refusalHeadline(record),
    details: [
      membershipOf(record) === null ? null : `${capitalised(membershipOf(record) ?? '')}.`,
      seenBeyondSentence(record),
      arrivalSentence(record),
      confidenceSentence(record),
      causeSentence(record),
      attributionSentence(record),
      divergenceSentence(record),
    ],
  }),

  stripped: (record) => changedWords(record, 'The PDM option is removed from packets'),

  altered: (record) => changedWords(record, 'The octets of the PDM option are changed'),

  impaired: (record) => ({
    headline: impairedHeadline(record),
    details: [
      confidenceSentence(record),
      record.verdict.refusal === null ? null : refusalHeadline(record),
      locationSentence(record),
      causeSentence(record),
      divergenceSentence(record),
    ],
  }),

  bypassed: (record) => ({
    headline: `Packets with PDM arrive where plain ones do not${inBrackets(record)}: something on the way stops plain packets alone.`,
    details: [confidenceSentence(record), optionSentence(record), divergenceSentence(record)],
  }),

  inconclusive: (record) => ({
    headline: `No verdict: ${firstReason(record, 'the evidence is below the bar')}.`,
    details: [
      reachSentence(record),
      unreachableSentence(record),
      arrivalSentence(record),
      divergenceSentence(record),
      settlingSentence(record),
    ],
    saysFirstReason: true,
  }),

  unreachable: (record) =>
    record.counters.sent === 0
      ? {
          headline: `Unreachable: ${firstReason(record, 'no packet could be sent')}.`,
          details: [],
          saysFirstReason: true,
        }
      : {
          headline: 'Nothing answered the plain packets either, so nothing is known about PDM here.',
          details: [sentSentence(record)],
        },

  'no-difference': (record) => ({
    headline:
      'No difference seen: the target answers neither kind of packet, and PDM reaches at least as far as plain.',
    details: [reachSentence(record), unreachableSentence(record), divergenceSentence(record)],
  }),

  'not-measured': (record) => ({
    headline: `Not measured: ${firstReason(record, 'there was nothing to measure')}.`,
    details: [],
    saysFirstReason: true,
  }),
};

/** Codes of Destination Unreachable that say that there is no way to the target; not that a filter refuses packets. */
const NO_WAY: Readonly<Record<number, string>> = { 0: 'no route', 2: 'beyond scope', 3: 'address unreachable' };

/** `hop8.example.net says of plain packets to the target: no route (1/0).`; null where nobody does. */
function unreachableSentence({ targetPairs }: TraceRecord): string | null {
  for (const responder of targetPairs?.arms.plain.responders ?? []) {
    const place = placeText(responder);
    for (const { type, code } of responder.icmp) {
      const reason = type === 1 ? NO_WAY[code] : undefined;
      if (reason === undefined || place === null) continue;
      return `${place} says of plain packets to the target: ${reason} (1/${code}).`;
    }
  }
  return null;
}

function changedWords(record: TraceRecord, what: string): Spoken {
  const { interval, evidence } = record.verdict;
  // Quotes can be changed on their way back.
  const byQuotes = evidence.basis === 'routers';
  const headline = byQuotes
    ? `${what}, as routers${interval === null ? '' : ` beyond hop ${interval.after}`} quote it`
    : stopSentence(record, what);
  return {
    headline: `${headline}.`,
    details: [
      'The packets themselves go on.',
      byQuotes
        ? 'The target quotes nothing and quotes can be changed on their way back, so no network is named.'
        : null,
      arrivalSentence(record),
      confidenceSentence(record),
      attributionSentence(record),
      divergenceSentence(record),
    ],
  };
}

/** `PDM stops between hop 8 (…) and the target, or by the target itself, most likely before hop 9 (…): hop 9 is not yet in …`. */
function stopSentence(record: TraceRecord, start: string): string {
  const { interval } = record.verdict;
  if (interval === null) return start;
  const { after, upTo, likelyUpTo } = interval;
  const from = after === 0 ? 'the source' : afterText(record);
  const to = isAtTarget(record, upTo) ? 'the target, or by the target itself' : placeOnPath(record, upTo);
  const parts = [`${start} between ${from} and ${to}`];
  if (likelyUpTo < upTo) parts.push(`most likely before ${placeOnPath(record, likelyUpTo)}`);
  const membership = membershipOf(record);
  return membership === null ? parts.join(', ') : `${parts.join(', ')}: ${membership}`;
}

function afterText(record: TraceRecord): string {
  const last = record.summary.lastPdmHop;
  const after = record.verdict.interval?.after ?? 0;
  return last !== null && last.hop === after ? hopText(last) : hopText(plainHop(record, after));
}

/** A hop beyond the last one that saw PDM: known from the plain path, which need not be that of PDM. */
function placeOnPath(record: TraceRecord, hop: number): string {
  const known = plainHop(record, hop);
  const inside = placeText(known);
  if (record.verdict.pathsDiverge === null || inside === null) return hopText(known);
  return `hop ${hop} (on the plain path ${inside})`;
}

/** Some packets go farther than the place from which on they are lost, as through a filter that spares a few. */
function seenBeyondSentence(record: TraceRecord): string | null {
  const { interval } = record.verdict;
  const last = record.summary.lastPdmHop;
  if (interval === null || last === null || last.hop <= interval.after) return null;
  return `Some packets with the option were seen as far as ${hopText(last)}.`;
}

/** `hop 9 is not yet in example.com's network (AS64501)`, or null when there is no hop n+1 to speak of, or it is the target. */
function membershipOf(record: TraceRecord): string | null {
  const { nextHop, inDestinationNetwork } = record.summary;
  if (nextHop === null || inDestinationNetwork === null) return null;
  const { hop: next } = nextHop;
  if (isAtTarget(record, next)) return null;
  const hop = `hop ${next}`;
  const network = destinationNetworkText(record);
  switch (inDestinationNetwork) {
    case 'yes':
      return `${hop} is already in ${network}`;
    case 'likely':
      return `${hop} is likely already in ${network}`;
    case 'ambiguous':
      return `${hop} may be in ${network} or still in its provider's`;
    case 'no':
      return `${hop} is not yet in ${network}`;
    case 'unknown':
      return `whether ${hop} is in ${network} is unknown`;
  }
}

/** `Probes that arrived: 0 of 12 with, 12 of 12 without; at most 44 % of those with do (99.9 %).` */
function arrivalSentence(record: TraceRecord): string | null {
  const { evidence, outcome } = record.verdict;
  const bound =
    evidence.passRateUpper === null
      ? ''
      : `; at most ${atMostText(evidence.passRateUpper)} of those with do (${confidenceText(record.parameters.confidence)})`;
  if (restsOnRouters(record)) {
    if (outcome === 'rejected')
      return `The target is silent, so this rests on hops behind the refuser: plain probes get there${bound}.`;
    return `The target is silent, so this rests on a router that has reported such packets in this run. Probes that it answered: ${ratesText(routerArrivals(record))}${bound}.`;
  }
  const arrivals = targetArrivals(record);
  if (arrivals === null) return null;
  if (arrivals.plain === 0 && arrivals.pdm === 0) return null;
  return `Probes that arrived: ${ratesText(arrivals)}${bound}.`;
}

/** ` (10 of 10 with, 10 of 10 without)`, for a headline; empty where none were counted. */
function inBrackets(record: TraceRecord): string {
  const arrivals = targetArrivals(record);
  return arrivals === null ? '' : ` (${ratesText(arrivals)})`;
}

function impairedHeadline(record: TraceRecord): string {
  const rates = inBrackets(record);
  if (record.verdict.refusal !== null)
    return `PDM arrives only sometimes${rates}: some packets with the option are refused on the way.`;
  if ((record.verdict.evidence.rates.pdm ?? 0) > 0) return `PDM arrives less often than plain packets do${rates}.`;
  return `PDM arrives on some paths only${rates}.`;
}

/** Where an impairment may be: routers only suggest it, and n says nothing, for some packets pass everywhere. */
function locationSentence(record: TraceRecord): string | null {
  if (record.verdict.refusal !== null) return null;
  if (record.verdict.interval === null) return 'Where the others are lost is not known, so no network is named.';
  return `${stopSentence(record, 'Routers suggest that packets are lost')}.`;
}

function refusalHeadline(record: TraceRecord): string {
  const { refusal } = record.verdict;
  if (refusal === null) return 'Packets with PDM are refused.';
  const what = icmpErrorText(refusal.type, refusal.code, refusal.pointer);
  // Whose it is, its address does not tell.
  if (refusal.inTargetName === true) return `Packets with PDM are refused by something in the target's name: ${what}.`;
  const refuser =
    refuserPlace(record, refusal.address) ??
    placeText({ address: refusal.address, name: null, asn: null, asName: null });
  const where = refusal.hop === null ? '' : ` at hop ${refusal.hop}`;
  return `Packets with PDM are refused${where} by ${refuser ?? 'an unknown address'}: ${what}.`;
}

function refuserPlace(record: TraceRecord, address: string): string | null {
  const places = record.targetPairs === null ? record.hops : [...record.hops, record.targetPairs];
  for (const place of places) {
    for (const arm of Object.values(place.arms)) {
      const found = arm.responders.find((responder) => responder.address === address);
      if (found !== undefined) return placeText(found);
    }
  }
  return null;
}

function confidenceSentence(record: TraceRecord): string | null {
  const { confidence } = record.verdict;
  return confidence === null ? null : `Confidence ${confidenceText(confidence)}.`;
}

function returnPathSentence(record: TraceRecord): string | null {
  switch (record.verdict.evidence.returnPath) {
    case 'excluded':
      // An echo reply quotes nothing: that it stays away is not the way back refusing quotes.
      if (record.protocol === 'icmp6') return null;
      return WITNESS_WORDS[witnessOf(record)];
    case 'not excluded':
      return 'Only routers show it, by errors that quote packets, so a filter on the way back that drops errors quoting the option is not excluded.';
    case null:
      return null;
  }
}

type Witness = 'answers' | 'echo' | 'unsaid';

const WITNESS_WORDS: Readonly<Record<Witness, string>> = {
  answers: "The target's answers quote nothing, so no filter on quoted options is what keeps them away.",
  echo: 'Echo requests with PDM stay unanswered too, so the answers are not what is lost.',
  unsaid: 'Answers that quote nothing stay away too, so no filter on quoted options is what takes them.',
};

/** Older records do not say it; of TCP none but its own answers can be the witness. */
function witnessOf({ protocol, verdict }: TraceRecord): Witness {
  return verdict.evidence.witness ?? (protocol === 'tcp' ? 'answers' : 'unsaid');
}

function causeSentence(record: TraceRecord): string | null {
  switch (record.verdict.cause) {
    case 'option':
      return 'Only the PDM option is refused: another destination option of the same size passes.';
    case 'size':
      return 'A destination options header of 16 octets is refused whatever is in it; one of 8 octets passes.';
    case 'destination-options':
      return 'Any destination options header is refused, not PDM alone.';
    case 'length':
      return 'A plain packet of the same length is refused too, so it is the length and not the option.';
    case null:
      return null;
  }
}

function attributionSentence(record: TraceRecord): string | null {
  const { attribution } = record.summary;
  if (attribution === null) return null;
  const how = `by origin AS of the addresses${attribution.source === null ? '' : ` (${dataText(attribution.source, attribution.date)})`}`;
  const who = [readingText(record, attribution), ...otherNetworks(attribution)].filter((text) => text !== null);
  return who.length === 0 ? null : `Attribution ${how}: ${who.join(', or ')}.`;
}

/** The two readings of a border where they are all there is, else every candidate; null where there is none. */
function readingText(record: TraceRecord, { best, worst, candidates, silent, unknown }: Attribution): string | null {
  const isAll = (...named: readonly (number | null)[]): boolean => candidates.every((asn) => named.includes(asn));
  if (best !== null && worst !== null && best !== worst && isAll(best, worst)) {
    const [a, b] = [asLabel(record, worst), asLabel(record, best)];
    return record.summary.inDestinationNetwork === 'likely' ? `${a}'s egress or ${b}'s ingress` : `${a} or ${b}`;
  }
  const one = best ?? worst;
  if (one !== null && isAll(one)) return asLabel(record, one);
  const labels = candidates.map((asn) => asLabel(record, asn)).join(', ');
  if (candidates.length === 0) return null;
  const isOneOfMore = silent !== undefined || unknown === true;
  return candidates.length === 1 && isOneOfMore ? labels : `one of ${labels}`;
}

function dataText(source: string, date: string | null): string {
  return date === null ? sourceText(source) : `${sourceText(source)}, ${safeText(date)}`;
}

function divergenceSentence(record: TraceRecord): string | null {
  const { pathsDiverge } = record.verdict;
  if (pathsDiverge === null) return null;
  const next = record.summary.nextHop;
  const doubt =
    next?.uncertain === true ? `, so hop ${next.hop} of the plain path may not be on the way of PDM packets` : '';
  return `Packets with PDM take another path than plain ones from hop ${pathsDiverge} on${doubt}.`;
}

function optionSentence(record: TraceRecord): string {
  const { optionSeenUpTo } = record.verdict;
  if (optionSeenUpTo === 'target') return 'The target itself quotes the option intact.';
  if (optionSeenUpTo === null) return 'No hop quoted the option, so whether it was still in the packets is not known.';
  const last = record.summary.lastPdmHop;
  const hop = last !== null && last.hop === optionSeenUpTo ? hopText(last) : hopText(plainHop(record, optionSeenUpTo));
  return `The option itself was last seen intact at ${hop}; beyond it only the arrival of the packets is known.`;
}

/** How far each arm was seen. */
function reachSentence(record: TraceRecord): string {
  const { lastPdmHop, lastPlainHop } = record.summary;
  const pdm = lastPdmHop === null ? 'PDM was seen at no hop' : `PDM was seen up to ${hopText(lastPdmHop)}`;
  const plain = lastPlainHop === null ? 'plain packets at none' : `plain packets up to ${hopText(lastPlainHop)}`;
  return `${pdm}, ${plain}.`;
}

function sentSentence(record: TraceRecord): string {
  const { sent, sendErrors } = record.counters;
  return `${sent} probes were sent${sendErrors === 0 ? '' : ` and ${sendErrors} could not be`}.`;
}

function firstReason(record: TraceRecord, otherwise: string): string {
  const reason = record.verdict.reasons[0];
  return reason === undefined ? otherwise : stripFullStop(safeText(reason));
}

function stripFullStop(text: string): string {
  return text.replace(/\.\s*$/, '');
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
