import { placeKey, type RecordStop, type RecordWay, type StopPlace } from './record-stop.js';

/** One place at which many targets of a run lose packets with the option (METHOD: Lists). Counted once. */
export interface SharedFault {
  readonly kind: RecordStop['kind'];
  /** The last place that the option is known to have come to; null where it is refused: `upTo` says by whom. */
  readonly after: StopPlace | null;
  /** A router before whose answer it is lost; the refuser; or the last one that all ways of `behind` have in common. */
  readonly upTo: StopPlace | null;
  /** Addresses that stop there. Records of several protocols are one target. */
  readonly targets: number;
  /** Of so many of which something was found out. */
  readonly measured: number;
  /** The place lies in the source's own network. */
  readonly isOwn: boolean;
  /** To be said before everything else. */
  readonly isFirst: boolean;
}

/** METHOD: Lists. */
const LEAST_TARGETS = 5;
/** What is behind one place may be many networks that do the same: then it takes more of them. */
const LEAST_NETWORKS = 5;
const MOST_RECORDS = 100_000;
/** Places of the option's way that are remembered. Beyond them nothing is said that they could refute. */
const MOST_PASSED = 500_000;
/** Routers of a common way that are compared. */
const MOST_COMMON = 16;

interface Entry {
  readonly stop: RecordStop;
  readonly targets: Set<string>;
  readonly networks: Set<string>;
  ownUpTo: number;
  endsInOwnPrefix: boolean;
  /** Routers behind the place that all ways have, hop by hop; empty where nobody ever answered. */
  common: readonly (readonly string[])[];
}

/**
 * Finds faults that targets of one run share, record by record, in any order. At most `limit` records are compared: memory is
 * bounded by them, and `leftOut` says how many came too late.
 */
export class SharedFaultTally {
  readonly #limit: number;
  readonly #entries = new Map<string, Entry>();
  readonly #conclusive = new Set<string>();
  /** These, and targets of which nothing was found out but that plain packets alone were answered. */
  readonly #asked = new Set<string>();
  readonly #passed = new Set<string>();
  #hasArrived = false;
  #records = 0;
  #leftOut = 0;

  constructor(limit = MOST_RECORDS) {
    this.#limit = limit;
  }

  /** Records that came when enough were known. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Takes in what a record says (`readWay`); returns the fault that it is part of, as far as is known by now. */
  add(way: RecordWay | null): SharedFault | null {
    if (this.#records >= this.#limit) {
      this.#leftOut += 1;
      return this.faultOf(way?.stop ?? null);
    }
    this.#records += 1;
    if (way === null) return null;
    for (const key of way.passed) if (this.#passed.size < MOST_PASSED) this.#passed.add(key);
    this.#hasArrived ||= way.hasArrived;
    if (way.isConclusive) this.#conclusive.add(way.target);
    if (way.isConclusive || way.stop?.kind === 'unseen') this.#asked.add(way.target);
    const { stop } = way;
    if (stop === null) return null;
    // Where a loss is claimed behind a place, the option is unseen there too.
    if (stop.kind === 'behind') this.#enter({ ...stop, kind: 'unseen' }, way);
    return this.#assess(this.#enter(stop, way));
  }

  /** Those to be said first, then by how many targets stop there. */
  faults(): SharedFault[] {
    const all = [...this.#entries.values()].map((entry) => this.#assess(entry)).filter((fault) => fault !== null);
    return all.sort((a, b) => Number(b.isFirst) - Number(a.isFirst) || b.targets - a.targets);
  }

  /** The fault that a record that stops there is part of, whether or not it was added. */
  faultOf(stop: RecordStop | null): SharedFault | null {
    const entry = stop === null ? undefined : this.#entries.get(keyOf(stop));
    return entry === undefined ? null : this.#assess(entry);
  }

  #enter(stop: RecordStop, way: RecordWay): Entry {
    const key = keyOf(stop);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const common = way.beyond.slice(0, MOST_COMMON);
      entry = { stop, targets: new Set(), networks: new Set(), ownUpTo: Infinity, endsInOwnPrefix: true, common };
      this.#entries.set(key, entry);
    }
    entry.targets.add(way.target);
    if (entry.networks.size < LEAST_NETWORKS) entry.networks.add(way.network);
    entry.ownUpTo = Math.min(entry.ownUpTo, way.ownUpTo);
    entry.endsInOwnPrefix &&= way.endsInOwnPrefix;
    entry.common = commonWay(entry.common, way.beyond);
    return entry;
  }

  #assess(entry: Entry): SharedFault | null {
    const { kind } = entry.stop;
    if (kind === 'unseen') return this.#assessUnseen(entry);
    const targets = entry.targets.size;
    if (targets < LEAST_TARGETS) return null;
    const measured = this.#conclusive.size;
    const isHalf = 2 * targets >= measured;
    if (kind === 'behind') {
      if (!isHalf || !this.#isOneBehind(entry)) return null;
      const { after, upTo } = commonPart(entry);
      return { kind, after, upTo, targets, measured, isOwn: isOwnUpTo(entry, (upTo ?? after)?.hop), isFirst: true };
    }
    const { after, upTo } = entry.stop;
    const isOwn = entry.endsInOwnPrefix || isOwnUpTo(entry, upTo?.hop);
    return { kind, after, upTo, targets, measured, isOwn, isFirst: isOwn || isHalf || after?.hop === 0 };
  }

  /**
   * Most records claim no loss: with no answer to the option in the whole run none can (METHOD: dropped). The few that do stop
   * there as well.
   */
  #assessUnseen(entry: Entry): SharedFault | null {
    const { after } = entry.stop;
    const claimed = this.#entries.get(keyOf({ kind: 'behind', after, upTo: null }));
    if (claimed !== undefined && this.#assess(claimed) !== null) return null;
    const targets = entry.targets.size;
    const measured = this.#asked.size;
    if (this.#hasArrived || targets < LEAST_TARGETS || 2 * targets < measured) return null;
    if (!this.#isOneBehind(entry)) return null;
    return { kind: 'unseen', after, upTo: null, targets, measured, isOwn: isOwnUpTo(entry, after?.hop), isFirst: true };
  }

  /**
   * That many lose the option behind one place makes it one fault only if nobody's option was seen to pass the place, and if
   * the targets are not of few networks, which may each do the same.
   */
  #isOneBehind({ stop, networks }: Entry): boolean {
    if (stop.after === null || networks.size < LEAST_NETWORKS || this.#passed.size >= MOST_PASSED) return false;
    return !this.#passed.has(placeKey(stop.after));
  }
}

function keyOf({ kind, after, upTo }: RecordStop): string {
  const parts = [after, upTo].map((place) => (place === null ? '' : placeKey(place)));
  return `${kind} ${parts.join(' ')}`;
}

/** The hops at which both have a router in common, or both none, up to the first where they have not. */
function commonWay(
  known: readonly (readonly string[])[],
  way: readonly (readonly string[])[],
): readonly (readonly string[])[] {
  const common: (readonly string[])[] = [];
  for (const [index, routers] of known.entries()) {
    const here = way[index];
    if (here === undefined) break;
    const both = routers.filter((address) => here.includes(address));
    if (both.length === 0 && (routers.length > 0 || here.length > 0)) break;
    common.push(both);
  }
  return common;
}

/** One fault of all lies before their ways part: at the last router that they share, at the latest, when it forwards. */
function commonPart({ stop: { after }, common }: Entry): Pick<SharedFault, 'after' | 'upTo'> {
  const last = common.findLastIndex((routers) => routers.length > 0);
  const [address, another] = common[last] ?? [];
  if (after === null || address === undefined) return { after, upTo: null };
  return { after, upTo: { hop: after.hop + 1 + last, address: another === undefined ? address : null } };
}

/** Hop 0 alone is the source's side, whoever it belongs to. */
function isOwnUpTo({ ownUpTo }: Entry, hop: number | undefined): boolean {
  return hop !== undefined && hop > 0 && ownUpTo >= hop;
}
