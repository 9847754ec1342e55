import type { AsFields, PlaceRecord, ResponderRecord, TraceRecord, VerdictEvidence } from '../../record/record.js';
import { safeText } from '../../text/safe-text.js';
import { withAndWithout } from '../../trace/with-and-without.js';

/** Small pieces of text about parts of a record. All of it is safe for a terminal. */

/** `AS64500 Transit Ltd`, `AS64500`, or null. */
export function asText(fields: AsFields): string | null {
  if (fields.asn === null) return null;
  const number = `AS${fields.asn}`;
  return fields.asName === null || fields.asName === '' ? number : `${number} ${safeText(fields.asName)}`;
}

/** `hop 8 (r8.example.net, AS64500 Transit Ltd)`; a hop that never answered is `hop 9 (silent)`. */
export function hopText(hop: AsFields & { hop: number; address: string | null; name: string | null }): string {
  const inside = placeText(hop);
  return `hop ${hop.hop} (${inside ?? 'silent'})`;
}

/** `r8.example.net, AS64500 Transit Ltd`: the name, else the address, and the AS where known. */
export function placeText(place: AsFields & { address: string | null; name: string | null }): string | null {
  const name = nameOrAddress(place);
  if (name === null) return null;
  const as = asText(place);
  return as === null ? name : `${name}, ${as}`;
}

/** The name that reverse DNS gives, else the address, safe for a terminal; null where nobody answered. */
export function nameOrAddress(place: { address: string | null; name: string | null }): string | null {
  if (place.name !== null && place.name !== '') return safeText(place.name);
  return place.address === null ? null : safeText(place.address);
}

/** `2001:db8::1 (host.example.net)`, the address alone, or null. */
export function addressAndName(place: { address: string | null; name: string | null }): string | null {
  if (place.address === null) return nameOrAddress(place);
  const address = safeText(place.address);
  return place.name === null || place.name === '' ? address : `${address} (${safeText(place.name)})`;
}

/** The responder that answered `plain` most often at a hop of the record, as a hop. */
export function plainHop(
  record: TraceRecord,
  hop: number,
): AsFields & { hop: number; address: string | null; name: string | null } {
  const place = record.hops.find((entry) => entry.hop === hop);
  const responder = place === undefined ? undefined : mainResponder(place);
  if (responder === undefined) return { hop, address: null, name: null, asn: null, asName: null };
  return { hop, address: responder.address, name: responder.name, asn: responder.asn, asName: responder.asName };
}

function mainResponder(place: PlaceRecord): ResponderRecord | undefined {
  let best: ResponderRecord | undefined;
  for (const responder of place.arms.plain.responders) {
    if (best === undefined || responder.answered > best.answered) best = responder;
  }
  return best;
}

/** How many packets of each arm arrived, of so many pairs. */
export interface ArrivalCounts {
  readonly plain: number;
  readonly pdm: number;
  /** Pairs that count (void ones do not). */
  readonly pairs: number;
}

/**
 * How many probes of each arm arrived at the target: those that the verdict rests on, for all outputs are to have one rate.
 * Pairs from before a count was begun again are in the record, and in no rate. Null where none were sent or counted.
 */
export function targetArrivals(record: TraceRecord): ArrivalCounts | null {
  const { outcome, evidence } = record.verdict;
  const counted = restsOnRouters(record) ? null : countedArrivals(evidence);
  if (counted !== null) return counted;
  // What was not counted, the verdict does not take for arrivals. Records without placebos are older than that.
  if (outcome === 'inconclusive' && evidence.placebo !== undefined) return null;
  const counts = record.targetPairs?.pairs;
  if (counts === undefined) return null;
  const pairs = counts.both + counts.plainOnly + counts.pdmOnly + counts.neither;
  if (pairs === 0) return null;
  return { plain: counts.both + counts.plainOnly, pdm: counts.both + counts.pdmOnly, pairs };
}

/** The counts as every output says them. */
export function ratesText({ plain, pdm, pairs }: ArrivalCounts): string {
  return withAndWithout(pdm, plain, pairs);
}

/** Answers of the router that a loss was counted at. */
export function routerArrivals({ verdict }: TraceRecord): ArrivalCounts {
  const { pairs, plainOnly, pdmOnly } = verdict.evidence;
  return countedArrivals(verdict.evidence) ?? { plain: plainOnly, pdm: pdmOnly, pairs };
}

/** Null where the parts do not add up: in older records the rates are of other pairs than their number. */
function countedArrivals({ pairs, plainOnly, pdmOnly, rates }: VerdictEvidence): ArrivalCounts | null {
  if (pairs === 0 || rates.plain === null || rates.pdm === null) return null;
  const plain = Math.round(rates.plain * pairs);
  const pdm = Math.round(rates.pdm * pairs);
  return plain - plainOnly === pdm - pdmOnly ? { plain, pdm, pairs } : null;
}

/** A loss that was counted at a router, for the target answers nobody. Of other outcomes routers say how far packets got. */
export function restsOnRouters({ verdict }: TraceRecord): boolean {
  return verdict.evidence.basis === 'routers' && (verdict.outcome === 'dropped' || verdict.outcome === 'rejected');
}

/** `99.98 %`: cut off, never rounded up, so that no more confidence is printed than there is. */
export function confidenceText(confidence: number): string {
  const gap = 1 - confidence;
  if (gap <= 1e-9) return 'over 99.9999999 %';
  const decimals = Math.max(0, Math.ceil(-Math.log10(gap) - 1e-9) - 2);
  const factor = 10 ** decimals;
  return `${Math.floor(confidence * 100 * factor + 1e-6) / factor} %`;
}

/** Whole per cent, rounded up: for bounds that nothing exceeds. */
export function atMostText(share: number): string {
  return `${Math.min(100, Math.ceil(share * 100 - 1e-9))} %`;
}

/** `42 %`: whole per cent, rounded to the nearest. */
export function shareText(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** `example.com's network (AS64501 Example Corp)`; an address as input is `the destination's network`. */
export function destinationNetworkText(record: TraceRecord): string {
  const input = safeText(record.target.input);
  const owner = input === '' || input.includes(':') ? "the destination's network" : `${input}'s network`;
  const as = asText(record.target);
  return as === null ? owner : `${owner} (${as})`;
}

/** `AS64500 Transit Ltd` for a number, with the name that some place of the record has for it. */
export function asLabel(record: TraceRecord, asn: number): string {
  const places: AsFields[] = [record.target, record.source];
  for (const hop of record.hops) {
    for (const arm of Object.values(hop.arms)) places.push(...arm.responders);
  }
  const named = places.find((place) => place.asn === asn && place.asName !== null);
  return asText({ asn, asName: named?.asName ?? null }) ?? `AS${asn}`;
}

/** The name of AS data without the folder it lay in, which is nobody's business. */
export function sourceText(source: string): string {
  return safeText(source.slice(source.lastIndexOf('/') + 1));
}
