import { formatAddress, parseAddress } from '../address/address.js';
import type { PrefixSet } from '../address/prefix.js';
import {
  ACCUSATIONS,
  type AsFields,
  type HopRecord,
  type PlaceRecord,
  type SummaryRecord,
  type TraceRecord,
} from '../trace/record.js';
import type { AsDatabase } from './as-database.js';
import type { AsOrigin } from './as-table.js';
import { judgeMembership, type Origins } from './membership.js';
import type { NameResolver } from './names.js';

export interface AnnotationSources {
  /** Null: no names (`--no-dns`). */
  readonly names: Pick<NameResolver, 'reverse'> | null;
  readonly asDatabase: Pick<AsDatabase, 'lookup' | 'source' | 'date'> | null;
  readonly ixpPrefixes: PrefixSet | null;
}

interface Annotation {
  readonly name: string | null;
  readonly origin: AsOrigin | null;
  readonly exchange: boolean;
}

const NOTHING: Annotation = { name: null, origin: null, exchange: false };

/**
 * The record with names and origin ASes filled in wherever an address stands, and with the judgement about the
 * destination's network where there is something to attribute. Each address is looked up once, all at the same time, within
 * the resolver's own deadline. The given record is left as it is.
 */
export async function annotateRecord(record: TraceRecord, sources: AnnotationSources): Promise<TraceRecord> {
  const annotated = structuredClone(record);
  const known = await lookUpAll(addressesOf(annotated), sources);
  for (const place of placesOf(annotated))
    for (const arm of Object.values(place.arms)) for (const responder of arm.responders) fill(responder, known);
  for (const entry of namedAddressesOf(annotated)) fill(entry, known);
  annotated.summary = { ...annotated.summary, ...judge(annotated, known, sources.asDatabase) };
  return annotated;
}

interface Fillable extends AsFields {
  address: string | null;
  name: string | null;
}

function placesOf(record: TraceRecord): PlaceRecord[] {
  return record.targetPairs === null ? record.hops : [...record.hops, record.targetPairs];
}

function namedAddressesOf(record: TraceRecord): Fillable[] {
  const { lastPdmHop, lastPlainHop, nextHop } = record.summary;
  const hops = [lastPdmHop, lastPlainHop, nextHop].filter((hop) => hop !== null);
  return [record.source, record.target, ...hops, ...(nextHop?.candidates ?? [])];
}

function addressesOf(record: TraceRecord): Set<string> {
  const addresses = new Set<string>();
  for (const place of placesOf(record))
    for (const arm of Object.values(place.arms))
      for (const responder of arm.responders) addresses.add(responder.address);
  for (const entry of namedAddressesOf(record)) if (entry.address !== null) addresses.add(entry.address);
  return addresses;
}

async function lookUpAll(addresses: ReadonlySet<string>, sources: AnnotationSources): Promise<Map<string, Annotation>> {
  const known = new Map<string, Annotation>();
  await Promise.all(
    [...addresses].map(async (address) => {
      const octets = parseAddress(address)?.octets;
      if (octets === undefined) return;
      const origin = sources.asDatabase?.lookup(octets) ?? null;
      const exchange = sources.ixpPrefixes?.has(octets) ?? false;
      known.set(address, { name: (await sources.names?.reverse(octets)) ?? null, origin, exchange });
    }),
  );
  return known;
}

function fill(entry: Fillable, known: ReadonlyMap<string, Annotation>): void {
  const { name, origin } = annotationOf(entry.address, known);
  entry.name = name;
  entry.asn = origin?.asn ?? null;
  entry.asName = origin?.name ?? null;
  if (origin?.asns !== undefined) entry.asns = [...origin.asns];
}

function annotationOf(address: string | null, known: ReadonlyMap<string, Annotation>): Annotation {
  return (address === null ? undefined : known.get(address)) ?? NOTHING;
}

function originsOf(address: string | null, known: ReadonlyMap<string, Annotation>): Origins {
  const { origin, exchange } = annotationOf(address, known);
  return { asns: origin === null ? [] : (origin.asns ?? [origin.asn]), exchange };
}

type Judged = Pick<SummaryRecord, 'inDestinationNetwork' | 'attribution'>;

function judge(
  record: TraceRecord,
  known: ReadonlyMap<string, Annotation>,
  asDatabase: AnnotationSources['asDatabase'],
): Judged {
  const { outcome } = record.verdict;
  const { lastPdmHop, nextHop } = record.summary;
  if (outcome === 'delivered' || (!ACCUSATIONS.includes(outcome) && nextHop === null))
    return { inDestinationNetwork: null, attribution: null };

  const lastHop = nextHop === null ? (lastPdmHop?.hop ?? 0) : nextHop.hop - 1;
  const nextAddresses = nextHop === null ? plainAddresses(record, lastHop + 1) : addressesOfNext(nextHop);
  const { inDestinationNetwork, attribution } = judgeMembership({
    lastPdmHop: lastHop,
    destination: originsOf(record.target.address, known),
    source: originsOf(record.source.address, known),
    last: lastPdmHop?.hop === lastHop ? originsOf(lastPdmHop.address, known) : null,
    next: nextAddresses.map((address) => originsOf(address, known)),
    nextUncertain: nextHop?.uncertain ?? false,
    afterNext: plainAddresses(record, lastHop + 2).map((address) => originsOf(address, known)),
    nextAnswering: firstAnswering(record, lastHop + 2).map((address) => originsOf(address, known)),
  });
  return {
    inDestinationNetwork,
    attribution: {
      ...attribution,
      method: 'origin-as',
      source: asDatabase?.source ?? null,
      date: asDatabase?.date ?? null,
    },
  };
}

function addressesOfNext(nextHop: NonNullable<SummaryRecord['nextHop']>): string[] {
  const all = [nextHop.address, ...nextHop.candidates.map((candidate) => candidate.address)];
  return [...new Set(all.filter((address) => address !== null))];
}

/** Who answered `plain` at a hop limit, as a place on the path: Time Exceeded in transit, or the target itself. */
function plainAddresses(record: TraceRecord, hop: number): string[] {
  const distance = record.targetPairs?.distance.plain ?? null;
  if (distance !== null && hop >= distance) return record.target.address === null ? [] : [record.target.address];
  const found = record.hops.find((entry: HopRecord) => entry.hop === hop);
  return (found?.arms.plain.responders ?? [])
    .filter(
      (responder) =>
        sameText(responder.address, record.target.address) ||
        responder.icmp.some(({ type, code }) => type === TIME_EXCEEDED && code === 0),
    )
    .map((responder) => responder.address);
}

/** RFC 4443 §3.3. */
const TIME_EXCEEDED = 3;

function firstAnswering(record: TraceRecord, from: number): string[] {
  const last = Math.max(record.targetPairs?.distance.plain ?? 0, ...record.hops.map((entry) => entry.hop));
  for (let hop = from; hop <= last; hop += 1) {
    const addresses = plainAddresses(record, hop);
    if (addresses.length > 0) return addresses;
  }
  return [];
}

/** The same address, whatever zone or spelling. */
function sameText(one: string, other: string | null): boolean {
  if (other === null || one === other) return one === other;
  const [first, second] = [parseAddress(one), parseAddress(other)];
  return first !== null && second !== null && formatAddress(first.octets) === formatAddress(second.octets);
}
