/** What is known of an address's origin. */
export interface AsOrigin {
  /** First origin AS. */
  readonly asn: number;
  readonly name: string | null;
  /** All origins, where there are several. */
  readonly asns?: number[];
}

/**
 * Address ranges with their origin AS: 36 octets each in typed arrays, four 32-bit words per address, so that the 103,197
 * ranges of the bundled file take 4 MB and a look-up is a binary search without allocation but for its answer.
 */
export class AsTable {
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #asns: Uint32Array;
  readonly #names: Uint32Array;
  readonly #labels: readonly (string | null)[];
  /** Further origins of a range, by row. */
  readonly #origins: ReadonlyMap<number, readonly number[]>;
  readonly length: number;

  constructor(columns: AsColumns) {
    this.#starts = columns.starts;
    this.#ends = columns.ends;
    this.#asns = columns.asns;
    this.#names = columns.names;
    this.#labels = columns.labels;
    this.#origins = columns.origins;
    this.length = columns.length;
  }

  /** Origin of an address (16 octets), or null where no range holds it. */
  lookup(octets: Uint8Array): AsOrigin | null {
    const a = word(octets, 0);
    const b = word(octets, 4);
    const c = word(octets, 8);
    const d = word(octets, 12);
    // The last row that starts at or before the address.
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#starts, middle * 4, a, b, c, d) <= 0) low = middle + 1;
      else high = middle;
    }
    const row = low - 1;
    if (row < 0 || compare(this.#ends, row * 4, a, b, c, d) < 0) return null;
    const asn = this.#asns[row] ?? 0;
    const name = this.#labels[this.#names[row] ?? 0] ?? null;
    const asns = this.#origins.get(row);
    return asns === undefined ? { asn, name } : { asn, name, asns: [...asns] };
  }
}

interface AsColumns {
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly asns: Uint32Array;
  readonly names: Uint32Array;
  readonly labels: readonly (string | null)[];
  readonly origins: ReadonlyMap<number, readonly number[]>;
  readonly length: number;
}

/** Collects ranges in any order; `finish` sorts them and settles overlaps. */
export class AsTableBuilder {
  #starts = new Uint32Array(4096);
  #ends = new Uint32Array(4096);
  #asns = new Uint32Array(1024);
  #names = new Uint32Array(1024);
  #length = 0;
  /** Sorted and disjoint so far, as published files are. */
  #tidy = true;
  readonly #labels: (string | null)[] = [null];
  readonly #labelIds = new Map<string, number>();

  get length(): number {
    return this.#length;
  }

  /** `start` and `end`: four words each, most significant first. False, and nothing added, when the range ends before it starts. */
  add(start: Uint32Array, end: Uint32Array, asn: number, name: string | null): boolean {
    if (compareWords(start, 0, end, 0) > 0) return false;
    const row = this.#length;
    if (row === this.#asns.length) this.#grow();
    if (row > 0 && compareWords(this.#ends, (row - 1) * 4, start, 0) >= 0) this.#tidy = false;
    this.#starts.set(start, row * 4);
    this.#ends.set(end, row * 4);
    this.#asns[row] = asn;
    this.#names[row] = this.#labelId(name);
    this.#length = row + 1;
    return true;
  }

  /**
   * Where ranges overlap, the one that starts last wins, that is the most specific of nested ones, and an address outside it
   * keeps the wider one. Equal ranges become one with several origins, in the order given.
   */
  finish(): AsTable {
    if (this.#tidy) {
      const { length } = this;
      return new AsTable({
        starts: this.#starts.slice(0, length * 4),
        ends: this.#ends.slice(0, length * 4),
        asns: this.#asns.slice(0, length),
        names: this.#names.slice(0, length),
        labels: this.#labels,
        origins: new Map(),
        length,
      });
    }
    return flatten(this.#ranges(), this.#labels);
  }

  #ranges(): Range[] {
    const ranges: Range[] = [];
    for (let row = 0; row < this.#length; row += 1)
      ranges.push({
        start: toBigInt(this.#starts, row * 4),
        end: toBigInt(this.#ends, row * 4),
        asns: [this.#asns[row] ?? 0],
        label: this.#names[row] ?? 0,
      });
    return ranges;
  }

  #labelId(name: string | null): number {
    if (name === null) return 0;
    let id = this.#labelIds.get(name);
    if (id === undefined) {
      id = this.#labels.push(name) - 1;
      this.#labelIds.set(name, id);
    }
    return id;
  }

  #grow(): void {
    this.#starts = doubled(this.#starts);
    this.#ends = doubled(this.#ends);
    this.#asns = doubled(this.#asns);
    this.#names = doubled(this.#names);
  }
}

interface Range {
  readonly start: bigint;
  readonly end: bigint;
  readonly asns: number[];
  readonly label: number;
}

function flatten(ranges: readonly Range[], labels: readonly (string | null)[]): AsTable {
  const pieces: Range[] = [];
  const open: Range[] = [];
  let cursor = 0n;
  const close = (range: Range, end: bigint): void => {
    if (cursor <= end) pieces.push({ ...range, start: cursor, end });
    if (end >= cursor) cursor = end + 1n;
  };
  for (const range of mergeEqual(ranges)) {
    for (let top = open.at(-1); top !== undefined && top.end < range.start; top = open.at(-1)) {
      close(top, top.end);
      open.pop();
    }
    const around = open.at(-1);
    if (around !== undefined) close(around, range.start - 1n);
    open.push(range);
    cursor = range.start;
  }
  for (let top = open.pop(); top !== undefined; top = open.pop()) close(top, top.end);

  const length = pieces.length;
  const starts = new Uint32Array(length * 4);
  const ends = new Uint32Array(length * 4);
  const origins = new Map<number, readonly number[]>();
  pieces.forEach((piece, row) => {
    setWords(starts, row * 4, piece.start);
    setWords(ends, row * 4, piece.end);
    if (piece.asns.length > 1) origins.set(row, piece.asns);
  });
  return new AsTable({
    starts,
    ends,
    asns: Uint32Array.from(pieces, (piece) => piece.asns[0] ?? 0),
    names: Uint32Array.from(pieces, (piece) => piece.label),
    labels,
    origins,
    length,
  });
}

/** Sorted by start, the widest first, equal ranges made one. Array sorting is stable, so the first given stays first. */
function mergeEqual(ranges: readonly Range[]): Range[] {
  const sorted = ranges.toSorted((one, other) =>
    one.start === other.start ? order(other.end, one.end) : order(one.start, other.start),
  );
  const merged: Range[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last?.start === range.start && last.end === range.end) {
      for (const asn of range.asns) if (!last.asns.includes(asn)) last.asns.push(asn);
    } else merged.push(range);
  }
  return merged;
}

function order(one: bigint, other: bigint): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function word(octets: Uint8Array, offset: number): number {
  return (
    (((octets[offset] ?? 0) << 24) |
      ((octets[offset + 1] ?? 0) << 16) |
      ((octets[offset + 2] ?? 0) << 8) |
      (octets[offset + 3] ?? 0)) >>>
    0
  );
}

/** Negative, zero or positive as the words at `offset` are less than, equal to or greater than a, b, c, d. */
function compare(words: Uint32Array, offset: number, a: number, b: number, c: number, d: number): number {
  return (
    (words[offset] ?? 0) - a ||
    (words[offset + 1] ?? 0) - b ||
    (words[offset + 2] ?? 0) - c ||
    (words[offset + 3] ?? 0) - d
  );
}

function compareWords(one: Uint32Array, oneOffset: number, other: Uint32Array, otherOffset: number): number {
  for (let index = 0; index < 4; index += 1) {
    const difference = (one[oneOffset + index] ?? 0) - (other[otherOffset + index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function toBigInt(words: Uint32Array, offset: number): bigint {
  let value = 0n;
  for (let index = 0; index < 4; index += 1) value = (value << 32n) | BigInt(words[offset + index] ?? 0);
  return value;
}

function setWords(words: Uint32Array, offset: number, value: bigint): void {
  for (let index = 0; index < 4; index += 1)
    words[offset + index] = Number((value >> BigInt(96 - 32 * index)) & 0xffffffffn);
}

function doubled(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(words.length * 2);
  larger.set(words);
  return larger;
}
