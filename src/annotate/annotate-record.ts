import { formatAddress, parseAddress } from '../address/address.js';
import type { PrefixSet } from '../address/prefix.js';
import { isOfTunnelledIpv4 } from '../address/special-purpose.js';
import type { AsFields, Outcome, PlaceRecord, SummaryRecord, TraceRecord } from '../record/record.js';
import type { AsDatabase } from './as-data/as-database.js';
import type { AsOrigin } from './as-data/as-table.js';
import { attributeInterval, attributeRefusal, type Named, type Origins } from './attribution.js';
import { EXCHANGE_LANS } from './as-data/exchange-lans.js';
import { PathPlaces } from './path-places.js';
import type { NameResolver } from './names/names.js';

/** Where names and networks come from; what is null is not asked. */
export interface AnnotationSources {
  /** Null: no names (`--no-dns`). */
  readonly names: Pick<NameResolver, 'reverse'> | null;
  readonly asDatabase: Pick<AsDatabase, 'lookup' | 'source' | 'date'> | null;
  /** Exchange LANs besides those of the registries' blocks. */
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
  const annotated = copyOf(record);
  const known = await lookUpAll(addressesOf(annotated), sources);
  for (const place of placesOf(annotated))
    for (const arm of Object.values(place.arms)) for (const responder of arm.responders) fill(responder, known);
  for (const entry of namedAddressesOf(annotated)) fill(entry, known, annotated);
  annotated.summary = { ...annotated.summary, ...judge(annotated, known, sources.asDatabase) };
  return annotated;
}

/** A copy of what is filled in, and of nothing else: the rest is shared with the given record. */
function copyOf(record: TraceRecord): TraceRecord {
  const { lastPdmHop, lastPlainHop, nextHop } = record.summary;
  return {
    ...record,
    source: { ...record.source },
    target: { ...record.target },
    hops: record.hops.map((hop) => ({ ...hop, arms: copyOfArms(hop.arms) })),
    targetPairs: record.targetPairs && { ...record.targetPairs, arms: copyOfArms(record.targetPairs.arms) },
    summary: {
      ...record.summary,
      lastPdmHop: lastPdmHop && { ...lastPdmHop },
      lastPlainHop: lastPlainHop && { ...lastPlainHop },
      nextHop: nextHop && { ...nextHop, candidates: nextHop.candidates.map((candidate) => ({ ...candidate })) },
    },
  };
}

function copyOfArms(arms: PlaceRecord['arms']): PlaceRecord['arms'] {
  const copy = { ...arms };
  for (const [name, arm] of Object.entries(arms))
    copy[name as keyof typeof arms] = { ...arm, responders: arm.responders.map((responder) => ({ ...responder })) };
  return copy;
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
  if (record.verdict.refusal !== null) addresses.add(record.verdict.refusal.address);
  return addresses;
}

/** What fills the fields beside an address. */
export type AddressNames = AsFields & { readonly name: string | null };

/** The same for one address, 16 octets, as it would stand in the hops of a record: for who watches a trace. */
export async function describeAddress(octets: Uint8Array, sources: AnnotationSources): Promise<AddressNames> {
  const address = formatAddress(octets);
  const entry = { address, name: null, asn: null, asName: null };
  fill(entry, await lookUpAll(new Set([address]), sources));
  return entry;
}

async function lookUpAll(addresses: ReadonlySet<string>, sources: AnnotationSources): Promise<Map<string, Annotation>> {
  const known = new Map<string, Annotation>();
  await Promise.all(
    [...addresses].map(async (address) => {
      const octets = parseAddress(address)?.octets;
      if (octets === undefined) return;
      const origin = isOfTunnelledIpv4(octets) ? null : (sources.asDatabase?.lookup(octets) ?? null);
      const exchange = EXCHANGE_LANS.has(octets) || (sources.ixpPrefixes?.has(octets) ?? false);
      known.set(address, { name: (await sources.names?.reverse(octets)) ?? null, origin, exchange });
    }),
  );
  return known;
}

/** The origin of an exchange LAN is not that of a router in it; both ends of a trace keep theirs. */
function fill(
  entry: Fillable,
  known: ReadonlyMap<string, Annotation>,
  ends?: Pick<TraceRecord, 'source' | 'target'>,
): void {
  const { name, origin: found, exchange } = annotationOf(entry.address, known);
  const origin = exchange && entry !== ends?.source && entry !== ends?.target ? null : found;
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
  if (exchange) return { asns: [], unnamed: 'an exchange LAN' };
  return origin === null ? { asns: [], unnamed: 'unmapped' } : { asns: origin.asns ?? [origin.asn], unnamed: null };
}

type Judged = Pick<SummaryRecord, 'inDestinationNetwork' | 'attribution'>;

/** All other outcomes name nobody (METHOD: Networks). */
const NAMING: readonly Outcome[] = ['dropped', 'rejected', 'stripped', 'altered'];
const NOBODY: Judged = { inDestinationNetwork: null, attribution: null };

function judge(
  record: TraceRecord,
  known: ReadonlyMap<string, Annotation>,
  asDatabase: AnnotationSources['asDatabase'],
): Judged {
  const { outcome, interval, refusal, pathsDiverge, evidence } = record.verdict;
  if (!NAMING.includes(outcome) || interval === null) return NOBODY;
  // Quotes that routers send can be changed on their way back.
  if ((outcome === 'stripped' || outcome === 'altered') && evidence.basis !== 'target') return NOBODY;
  const places = new PathPlaces(record);
  const named = (address: string): Origins =>
    places.isPlace(address) ? originsOf(address, known) : { asns: [], unnamed: 'no place' };
  const path = {
    distance: places.distance,
    destination: originsOf(record.target.address, known),
    responders: (hop: number) => places.at(hop).map(named),
    lastHop: places.lastHop,
  };
  const { inDestinationNetwork, attribution } = attributeInterval({
    ...path,
    after: interval.after,
    upTo: places.distance === null && places.isAtTarget(interval.upTo) ? null : interval.upTo,
    source: originsOf(record.source.address, known),
    pathsDiverge: pathsDiverge !== null,
    isNextUncertain: record.summary.nextHop?.uncertain === true,
  });
  const by = (result: Named): Judged => ({
    inDestinationNetwork,
    attribution: {
      ...result,
      method: 'origin-as',
      source: asDatabase?.source ?? null,
      date: asDatabase?.date ?? null,
    },
  });
  if (outcome !== 'rejected') return by(attribution);
  // An address in whose name others may speak names nobody; nor does a reset, which has the target's.
  if (refusal === null || refusal.inTargetName === true || places.isTarget(refusal.address)) return NOBODY;
  const { address, hop } = refusal;
  // An address of several routers names none of them: whoever stands in the interval may be meant.
  if (hop === null) return by(attribution);
  return by(attributeRefusal({ ...path, refuser: named(address), hop }));
}
