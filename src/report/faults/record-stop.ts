import { canonicalText, formatAddress, isLinkLocal, isUniqueLocal, parseAddress } from '../../address/address.js';
import { PathPlaces } from '../../annotate/path-places.js';
import type { AsFields, TraceRecord } from '../../record/record.js';

/** An address at a hop limit; hop 0 is the source, whose address is of no interest. */
export interface StopPlace {
  readonly hop: number;
  readonly address: string | null;
}

/**
 * Where packets with the option stop, by places, so that records can be compared.
 * `between`: lost after one router and before another answers. `behind`: lost somewhere behind a router, the target itself at
 * the latest. `refused`: by one address. `unseen`: the same as `behind`, but no loss was claimed.
 */
export interface RecordStop {
  readonly kind: 'between' | 'behind' | 'refused' | 'unseen';
  readonly after: StopPlace | null;
  readonly upTo: StopPlace | null;
}

/** What one record says about places: where it stops, what the option passed, whose hops they are. */
export interface RecordWay {
  /** RFC 5952, without a zone. */
  readonly target: string;
  /** A packet with the option arrived. */
  readonly hasArrived: boolean;
  /** Something was found out about the option, good or bad. */
  readonly isConclusive: boolean;
  readonly stop: RecordStop | null;
  /** Keys of places (`placeKey`) that the option is known to have gone beyond. */
  readonly passed: readonly string[];
  /** Routers by hop limit behind the stop, up to the target; empty where nobody answered. */
  readonly beyond: readonly (readonly string[])[];
  /** Up to this hop all that answered is the source's own network, that hop included. */
  readonly ownUpTo: number;
  /** Whether the router at the end of the stop has an address of the source's own /48. */
  readonly endsInOwnPrefix: boolean;
  /** AS or, where that is not known, /32 of the target. */
  readonly network: string;
}

/** Fewer plain packets that arrived show little. */
const LEAST_ARRIVALS = 10;
/** Sites get a /48 (RFC 6177), providers at least a /32. */
const SITE_OCTETS = 6;
const PROVIDER_OCTETS = 4;

/** `4 2001:db8:4::1`; the source is `0`. */
export function placeKey({ hop, address }: StopPlace): string {
  return hop === 0 ? '0' : `${hop} ${address ?? ''}`;
}

/** Null where the record is of no address. Nothing here judges: it repeats what the verdict and the hops say. */
export function readWay(record: TraceRecord): RecordWay | null {
  const target = parseAddress(record.target.address ?? '')?.octets;
  if (target === undefined) return null;
  const places = new PathPlaces(record);
  const stop = stopOf(record, places);
  const own = new OwnNetwork(record);
  const end = stop?.upTo?.address ?? null;
  return {
    target: formatAddress(target),
    hasArrived: hasArrived(record),
    isConclusive: isConclusive(record),
    stop,
    passed: passedBy(record, places),
    beyond: stop?.after == null ? [] : routersBehind(stop.after.hop, places),
    ownUpTo: own.upTo(places),
    endsInOwnPrefix: end !== null && own.hasInPrefix(end),
    network: record.target.asn === null ? prefixText(target, PROVIDER_OCTETS) : `AS${record.target.asn}`,
  };
}

function hasArrived({ verdict, targetPairs }: TraceRecord): boolean {
  const pairs = targetPairs?.pairs;
  return verdict.optionSeenUpTo === 'target' || (pairs !== undefined && pairs.both + pairs.pdmOnly > 0);
}

function isConclusive({ verdict: { outcome } }: TraceRecord): boolean {
  return outcome !== 'inconclusive' && outcome !== 'unreachable' && outcome !== 'not-measured';
}

function stopOf(record: TraceRecord, places: PathPlaces): RecordStop | null {
  const { outcome, interval, refusal, pathsDiverge } = record.verdict;
  if (outcome === 'rejected') {
    // In whose name it speaks is not who it is.
    if (refusal === null || refusal.hop === null || refusal.inTargetName === true) return null;
    const address = canonicalText(refusal.address);
    if (places.isTarget(address) || !isOnePlace(refusal.hop, address, places)) return null;
    return { kind: 'refused', after: null, upTo: { hop: refusal.hop, address } };
  }
  if (outcome === 'dropped' && interval !== null) {
    const after = placeAt(interval.after, places);
    if (after === null) return null;
    const upTo = places.isAtTarget(interval.upTo) ? null : placeAt(interval.upTo, places);
    if (upTo !== null) return { kind: 'between', after, upTo };
    // Hops behind it are known from plain packets alone, which go another way.
    return pathsDiverge === null ? { kind: 'behind', after, upTo: null } : null;
  }
  if (outcome !== 'inconclusive' || pathsDiverge !== null || !isUnseen(record)) return null;
  const last = record.summary.lastPdmHop;
  const after = placeAt(last?.hop ?? 0, places);
  return after === null ? null : { kind: 'unseen', after, upTo: null };
}

/** Plain packets arrive, and nothing is known of any with the option. */
function isUnseen({ targetPairs }: TraceRecord): boolean {
  if (targetPairs === null) return false;
  const { both, plainOnly, pdmOnly } = targetPairs.pairs;
  return plainOnly >= LEAST_ARRIVALS && both + pdmOnly === 0;
}

/** The one router at a hop; null where there are several, none, or one whose address may be met elsewhere too. */
function placeAt(hop: number, places: PathPlaces): StopPlace | null {
  if (hop <= 0) return { hop: 0, address: null };
  const [address, another] = places.at(hop);
  if (address === undefined || another !== undefined) return null;
  return isOnePlace(hop, address, places) ? { hop, address } : null;
}

/** The first router is on the source's link: there is one of it, whatever it is called. */
function isOnePlace(hop: number, address: string, places: PathPlaces): boolean {
  return hop === 1 || places.isPlace(address);
}

/** Whatever answered a packet with the option was reached by it, and so it went beyond all hops before. */
function passedBy(record: TraceRecord, places: PathPlaces): string[] {
  const end = hasArrived(record) ? places.lastHop + 1 : (record.summary.lastPdmHop?.hop ?? 0);
  const keys: string[] = [];
  if (end > 0) keys.push(placeKey({ hop: 0, address: null }));
  for (let hop = 1; hop < end; hop += 1) for (const address of places.at(hop)) keys.push(placeKey({ hop, address }));
  return keys;
}

function routersBehind(after: number, places: PathPlaces): string[][] {
  const end = Math.min(places.distance ?? Infinity, places.lastHop + 1);
  return Array.from({ length: Math.max(0, end - after - 1) }, (_, index) => places.at(after + 1 + index));
}

/** What is the source's own on the way, as far as addresses tell. */
class OwnNetwork {
  readonly #asn: number | null;
  readonly #site: string | null;
  /** AS numbers of the addresses on the way. */
  readonly #origins = new Map<string, readonly number[]>();

  constructor(record: TraceRecord) {
    const source = parseAddress(record.source.address ?? '')?.octets;
    this.#asn = record.source.asn;
    this.#site = source === undefined ? null : prefixText(source, SITE_OCTETS);
    const add = ({ address, asn, asns }: AsFields & { readonly address: string | null }): void => {
      if (address !== null && asn !== null) this.#origins.set(canonicalText(address), asns ?? [asn]);
    };
    for (const { arms } of record.hops) for (const arm of Object.values(arms)) arm.responders.forEach(add);
    const { lastPdmHop, nextHop } = record.summary;
    for (const hop of [lastPdmHop, nextHop]) if (hop !== null) add(hop);
  }

  /** The last hop that is the source's, and before which no other network's address answers. */
  upTo(places: PathPlaces): number {
    let last = 0;
    for (let hop = 1; hop <= places.lastHop; hop += 1) {
      const named = places.at(hop).filter((address) => hop === 1 || !isUnowned(address));
      if (!named.every((address) => this.#has(address))) break;
      if (named.length > 0) last = hop;
    }
    return last;
  }

  hasInPrefix(address: string): boolean {
    const octets = parseAddress(address)?.octets;
    return octets !== undefined && this.#site !== null && prefixText(octets, SITE_OCTETS) === this.#site;
  }

  #has(address: string): boolean {
    const octets = parseAddress(address)?.octets;
    if (octets === undefined) return false;
    // Of the first router, which is on the source's link.
    if (isUnowned(address) || this.hasInPrefix(address)) return true;
    return this.#asn !== null && (this.#origins.get(address)?.includes(this.#asn) ?? false);
  }
}

/** Whose it is, such an address does not say: every network may have it. */
function isUnowned(address: string): boolean {
  const octets = parseAddress(address)?.octets;
  return octets !== undefined && (isUniqueLocal(octets) || isLinkLocal(octets));
}

function prefixText(octets: Uint8Array, length: number): string {
  return [...octets.subarray(0, length)].map((octet) => octet.toString(16).padStart(2, '0')).join('');
}
