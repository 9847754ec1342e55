/** Sentences about places on the path: where packets stop, how far they were seen, where the ways part. */
import { isAtTarget } from '../../annotate/path-places.js';
import { insertedOnPath } from '../../record/inserted-headers.js';
import type { TraceRecord } from '../../record/record.js';
import { destinationNetworkText, hopText, placeText, plainHop } from './record-words.js';
import { repeatOf } from './repeated-hops.js';
import { safeText } from '../../text/safe-text.js';

/** `PDM stops between hop 8 (…) and the target, or by the target itself, most likely before hop 9 (…): hop 9 is not yet in …`. */
export function stopSentence(record: TraceRecord, start: string): string {
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

/**
 * Whether the last hop with PDM is n, where packets stop: where some go farther than the place from which on they are lost, it is
 * not, and outputs are to call neither so.
 */
export function isLastPdmHopN({ summary, verdict }: TraceRecord): boolean {
  return verdict.interval === null || (summary.lastPdmHop?.hop ?? 0) <= verdict.interval.after;
}

/** What outputs call the last hop with PDM and the next hop: `n` and `n+1` where packets stop behind the former. */
export function hopTerms(record: TraceRecord): { readonly last: 'n' | null; readonly next: string } {
  if (isLastPdmHopN(record)) return { last: 'n', next: 'n+1' };
  return { last: null, next: `after hop ${record.verdict.interval?.after ?? 0}` };
}

/** A hop beyond the last one that saw PDM: known from the plain path, which need not be that of PDM. */
function placeOnPath(record: TraceRecord, hop: number): string {
  const known = plainHop(record, hop);
  const inside = placeText(known);
  if (record.verdict.pathsDiverge === null || inside === null) return hopText(known);
  return `hop ${hop} (on the plain path ${inside})`;
}

/** Some packets go farther than the place from which on they are lost, as through a filter that spares a few. */
export function seenBeyondSentence(record: TraceRecord): string | null {
  const last = record.summary.lastPdmHop;
  if (last === null || isLastPdmHopN(record)) return null;
  return `Some packets with the option were seen as far as ${hopText(last)}.`;
}

/**
 * Of packets that arrive at the target, on many flows: hops are asked on one of these, and those that answer plain packets alone
 * look like a loss.
 */
export function silentAboutOptionSentence(record: TraceRecord): string | null {
  const silent = record.hops.filter(
    ({ arms }) => arms.plain.answered > 0 && arms.pdm.sent > 0 && arms.pdm.answered === 0,
  );
  const [first] = silent;
  if (first === undefined) return null;
  const last = silent.at(-1)?.hop ?? first.hop;
  const stretch = last === first.hop ? `Hop ${last}` : `Hops ${first.hop} to ${last}`;
  const isWhole = last - first.hop + 1 === silent.length;
  const who = isWhole ? stretch : `${silent.length} of hops ${first.hop} to ${last}`;
  return `${who} answered plain packets alone: hops are asked on one flow, whose way may lose the option, or these routers do not report packets with it.`;
}

/** `hop 9 is not yet in example.com's network (AS64501)`, or null when there is no hop n+1 to speak of, or it is the target. */
export function membershipOf(record: TraceRecord): string | null {
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

/** Where an impairment may be: routers only suggest it, and n says nothing, for some packets pass everywhere. */
export function locationSentence(record: TraceRecord): string | null {
  if (record.verdict.refusal !== null) return null;
  if (record.verdict.interval === null) return 'Where the others are lost is not known, so no network is named.';
  return `${stopSentence(record, 'Routers suggest that packets are lost')}.`;
}

/** From which hop on the arms take different ways, and whether hop n+1 is in doubt for it. */
export function divergenceSentence(record: TraceRecord): string | null {
  const { pathsDiverge } = record.verdict;
  if (pathsDiverge === null) return null;
  const next = record.summary.nextHop;
  // Where plain packets arrive and those with the option, of which none does, are still on their way.
  const isAnswered =
    record.targetPairs?.distance.plain === pathsDiverge && record.targetPairs.distance.pdm === null
      ? `, or something at hop ${pathsDiverge} answers plain ones for the target`
      : '';
  // With the hop behind it unseen by one arm, nothing tells two ways from two addresses of one router.
  const isLast = record.summary.lastPdmHop?.hop === pathsDiverge;
  const orOneRouter = isLast ? `, or the router at hop ${pathsDiverge} has two names` : '';
  const doubt =
    next?.uncertain === true ? `, so hop ${next.hop} of the plain path may not be on the way of PDM packets` : '';
  return `Packets with PDM take another path than plain ones from hop ${pathsDiverge} on${isAnswered}${orOneRouter}${doubt}.`;
}

/** How far each arm was seen. */
export function reachSentence(record: TraceRecord): string {
  const { lastPdmHop, lastPlainHop } = record.summary;
  const pdm = lastPdmHop === null ? 'PDM was seen at no hop' : `PDM was seen up to ${hopText(lastPdmHop)}`;
  const plain = lastPlainHop === null ? 'plain packets at none' : `plain packets up to ${hopText(lastPlainHop)}`;
  return `${pdm}, ${plain}.`;
}

/** Codes of Destination Unreachable that say that there is no way to the target; not that a filter refuses packets. */
const NO_WAY: Readonly<Record<number, string>> = { 0: 'no route', 2: 'beyond scope', 3: 'address unreachable' };

/** `hop8.example.net says of plain packets to the target: no route (1/0).`; null where nobody does. */
export function unreachableSentence({ targetPairs }: TraceRecord): string | null {
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

/** Headers that the way put in front of ours, as SRv6 does: no change of the option, and a reason why others may refuse it. */
export function insertedSentence(record: TraceRecord): string | null {
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
export function loopSentence(record: TraceRecord): string | null {
  const repeat = repeatOf(record.hops);
  // What is answered by the target has left whatever circle there is.
  if (repeat === null || repeat.period === 1 || (record.targetPairs?.distance.plain ?? null) !== null) return null;
  const { from, to, period } = repeat;
  return `A routing loop: the ${period} routers at hops ${from}–${from + period - 1} answer again and again up to hop ${to}.`;
}
