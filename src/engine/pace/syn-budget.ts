/**
 * METHOD: Good citizen. SYNs that can reach a target, over all traces of a run: a bucket of 8 that gains 2 a second. A SYN
 * counts from when it leaves, until a router says that it went no further.
 */
const BURST = 8;
const PER_SECOND = 2;
const EACH_NS = 1e9 / PER_SECOND;
/** What ran out of hop limit is heard of by then; what is older only counts towards `fullAtNs`. */
const REMEMBERED_NS = 10e9;
const SWEEP_ABOVE = 1024;

interface Syn {
  atNs: number;
  readonly owner: object;
  readonly row: number;
}

interface Bucket {
  /** When the bucket was, or will be, full again after those that are no longer remembered. */
  fullAtNs: number;
  readonly syns: Syn[];
}

/** `owner` and `row` name one SYN, so that it can be moved or given back. `target` is text, times are nanoseconds. */
export class SynBudget {
  readonly #byTarget = new Map<string, Bucket>();

  /** When a pair may be sent to this target. */
  readyAtNs(target: string, nowNs: number): number {
    const bucket = this.#bucket(target, nowNs);
    return bucket === null ? Number.NEGATIVE_INFINITY : fullAtNs(bucket) - (BURST - 2) * EACH_NS;
  }

  /** Counts the SYN of this row, or moves it to when it really leaves. */
  spend(target: string, owner: object, row: number, nowNs: number): void {
    const bucket = this.#bucket(target, nowNs) ?? { fullAtNs: Number.NEGATIVE_INFINITY, syns: [] };
    const known = bucket.syns.find((syn) => syn.owner === owner && syn.row === row);
    if (known !== undefined) known.atNs = nowNs;
    else bucket.syns.push({ atNs: nowNs, owner, row });
    this.#byTarget.set(target, bucket);
    if (this.#byTarget.size > SWEEP_ABOVE) for (const other of [...this.#byTarget.keys()]) this.#bucket(other, nowNs);
  }

  /** It ran out of hop limit, or never left. */
  giveBack(target: string, owner: object, row: number): void {
    const syns = this.#byTarget.get(target)?.syns;
    const index = syns?.findIndex((syn) => syn.owner === owner && syn.row === row) ?? -1;
    if (index >= 0) syns?.splice(index, 1);
  }

  /** Null: it is full, and forgotten. */
  #bucket(target: string, nowNs: number): Bucket | null {
    const bucket = this.#byTarget.get(target);
    if (bucket === undefined) return null;
    bucket.syns.sort((a, b) => a.atNs - b.atNs);
    while ((bucket.syns[0]?.atNs ?? nowNs) < nowNs - REMEMBERED_NS) {
      bucket.fullAtNs = afterAnother(bucket.fullAtNs, bucket.syns.shift()?.atNs ?? nowNs);
    }
    if (fullAtNs(bucket) > nowNs) return bucket;
    this.#byTarget.delete(target);
    return null;
  }
}

function fullAtNs({ fullAtNs: before, syns }: Bucket): number {
  return syns.reduce((fullNs, { atNs }) => afterAnother(fullNs, atNs), before);
}

function afterAnother(fullNs: number, atNs: number): number {
  return Math.max(fullNs, atNs) + EACH_NS;
}
