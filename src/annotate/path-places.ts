import { formatAddress, parseAddress, sharesSite } from '../address/address.js';
import { parsePrefix, prefixContains } from '../address/prefix.js';
import { TARGET_HOP_LIMIT } from '../trace/numbers.js';
import type { HopRecord, ResponderRecord, TraceRecord } from '../record/record.js';
import { ICMPV6, TIME_EXCEEDED } from '../wire/icmpv6.js';

/** Global unicast, RFC 4291 §2.4 and IANA's registry. */
const GLOBAL_UNICAST = parsePrefix('2000::/3');

/** The smallest hop limit that the target answers, that of plain packets where it answers those; null where it is silent. */
export function distanceOf({ targetPairs }: TraceRecord): number | null {
  return targetPairs?.distance.plain ?? targetPairs?.distance.pdm ?? null;
}

/**
 * Whether a hop limit in a record is the target's: its distance, or beyond it. Where that is not known, the hop limit that pairs
 * are sent to the target with is, and stands in an interval for the target wherever it is: no hop is looked for there.
 */
export function isAtTarget(record: TraceRecord, hop: number): boolean {
  return isAt(distanceOf(record), hop);
}

function isAt(distance: number | null, hop: number): boolean {
  return hop >= (distance ?? TARGET_HOP_LIMIT);
}

/** Who stands where on the way of a record: addresses by hop limit, from all arms and flows (METHOD: Replies). */
export class PathPlaces {
  /** The smallest hop limit that the target answers; null where it is silent. */
  readonly distance: number | null;
  /** The highest hop limit of the record. */
  readonly lastHop: number;
  readonly #target: string | null;
  readonly #source: Uint8Array | null;
  readonly #byHop = new Map<number, Set<string>>();
  /** Hop limits at which an address says that it is a router. */
  readonly #hopsOf = new Map<string, Set<number>>();
  /** Two of these answered one probe: which of them stands there is not known. */
  readonly #contradicting = new Set<string | null>();

  constructor(record: TraceRecord) {
    const { hops, summary } = record;
    this.distance = distanceOf(record);
    this.lastHop = Math.max(0, ...hops.map(({ hop }) => hop));
    this.#target = bare(record.target.address);
    this.#source = octetsOf(record.source.address);
    for (const place of hops) for (const responder of respondersOf(place)) this.#add(place.hop, responder);
    for (const { contradicting } of hops)
      for (const address of contradicting ?? []) this.#contradicting.add(bare(address));
    // Flows whose pairs are not among the hop's own found these.
    const { lastPdmHop, nextHop } = summary;
    for (const one of [lastPdmHop, nextHop]) if (one !== null) this.#addRouter(one.hop, one.address);
    for (const { address } of nextHop?.candidates ?? []) this.#addRouter(nextHop?.hop ?? 0, address);
  }

  /** Routers at a hop limit: whoever sent Time Exceeded. */
  at(hop: number): string[] {
    return [...(this.#byHop.get(hop) ?? [])];
  }

  /**
   * Whether an address names a place: not one outside 2000::/3 and the source's own prefix, nor the target's, nor one met at two
   * hop limits, nor one of two that answered one probe.
   */
  isPlace(address: string): boolean {
    const text = bare(address);
    const octets = octetsOf(address);
    if (text === null || octets === null || text === this.#target) return false;
    if (this.#contradicting.has(text)) return false;
    if ((this.#hopsOf.get(text)?.size ?? 0) > 1) return false;
    return (GLOBAL_UNICAST !== null && prefixContains(GLOBAL_UNICAST, octets)) || this.#isInOwnSite(octets);
  }

  /** See `isAtTarget`. */
  isAtTarget(hop: number): boolean {
    return isAt(this.distance, hop);
  }

  isTarget(address: string): boolean {
    return this.#target !== null && bare(address) === this.#target;
  }

  #isInOwnSite(octets: Uint8Array): boolean {
    return this.#source !== null && sharesSite(this.#source, octets);
  }

  #add(hop: number, { address, icmp }: ResponderRecord): void {
    // Only this places a hop.
    const isRouter = icmp.some(({ type, code }) => type === ICMPV6.timeExceeded && code === TIME_EXCEEDED.hopLimit);
    if (isRouter) this.#addRouter(hop, address);
  }

  #addRouter(hop: number, address: string | null): void {
    const text = bare(address);
    // From its distance on the target is who it is.
    const isTargetsEnd = text === this.#target && this.distance !== null && hop >= this.distance;
    if (text === null || isTargetsEnd) return;
    addTo(this.#byHop, hop, text);
    addTo(this.#hopsOf, text, hop);
  }
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const known = sets.get(key);
  if (known === undefined) sets.set(key, new Set([value]));
  else known.add(value);
}

function respondersOf({ arms }: HopRecord): ResponderRecord[] {
  return Object.values(arms).flatMap(({ responders }) => responders);
}

function octetsOf(address: string | null): Uint8Array | null {
  return address === null ? null : (parseAddress(address)?.octets ?? null);
}

/** RFC 5952, without a zone; text that is no address as it is. */
function bare(address: string | null): string | null {
  const octets = octetsOf(address);
  return octets === null ? address : formatAddress(octets);
}
