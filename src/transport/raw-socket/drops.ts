import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { EngineClock } from '../probe-transport.js';

const CACHE_NS = 100e6;

/** One row of `/proc/net/raw6`. */
export interface RawSocketRow {
  readonly inode: string;
  readonly protocol: number;
  readonly drops: number;
}

/** Rows that do not look like ones are left out. */
export function parseRawSocketTable(text: string): RawSocketRow[] {
  const rows: RawSocketRow[] = [];
  for (const line of text.split('\n').slice(1)) {
    // sl, local address:protocol, remote, state, queues, timer, retransmits, uid, timeout, inode, ref, pointer, drops
    const columns = line.trim().split(/\s+/);
    const protocol = Number.parseInt(columns[1]?.split(':')[1] ?? '', 16);
    const inode = columns[9];
    const drops = Number(columns[12]);
    if (inode === undefined || Number.isNaN(protocol) || !Number.isInteger(drops)) continue;
    rows.push({ inode, protocol, drops });
  }
  return rows;
}

/** Where the kernel keeps what is asked here; a test may put others in place. */
export interface ProcessFiles {
  /** The text of `/proc/net/raw6`. */
  rawSocketTable(): string;
  /** Inodes of all sockets of this process. */
  socketInodes(): Iterable<string>;
}

const procFiles: ProcessFiles = {
  rawSocketTable: () => readFileSync('/proc/net/raw6', 'latin1'),
  *socketInodes() {
    for (const descriptor of readdirSync('/proc/self/fd')) {
      let link: string;
      try {
        link = readlinkSync(`/proc/self/fd/${descriptor}`);
      } catch {
        continue; // the descriptor of the directory listing itself is gone by now
      }
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode !== undefined) yield inode;
    }
  },
};

/**
 * Counts the packets that the kernel did not put into our sockets. It counts those with a wrong checksum there too, so
 * the number errs on the high side. Null from the moment a socket cannot be found in the kernel's table.
 */
export class KernelDrops {
  readonly #clock: EngineClock;
  readonly #files: ProcessFiles;
  /** Inode by protocol, one socket each. */
  readonly #open = new Map<number, string>();
  #ofClosed = 0;
  #known = true;
  #cached: number | null = 0;
  #cachedAtNs = Number.NEGATIVE_INFINITY;

  constructor(clock: EngineClock, files: ProcessFiles = procFiles) {
    this.#clock = clock;
    this.#files = files;
  }

  /** Opens a socket and learns its inode, which the module does not give: the one that is new in this process. */
  opening<T>(protocol: number, open: () => T): T {
    const before = this.#inodes(protocol);
    const socket = open();
    const after = this.#inodes(protocol);
    const added = before === null || after === null ? [] : [...after].filter((inode) => !before.has(inode));
    if (added.length === 1 && added[0] !== undefined) this.#open.set(protocol, added[0]);
    else this.#known = false;
    this.#cachedAtNs = Number.NEGATIVE_INFINITY;
    return socket;
  }

  /** Keeps the count of a socket that is about to be closed. */
  closing(protocol: number): void {
    const inode = this.#open.get(protocol);
    if (inode === undefined) return;
    const drops = this.#drops([inode]);
    this.#open.delete(protocol);
    if (drops === null) this.#known = false;
    else this.#ofClosed += drops;
    this.#cachedAtNs = Number.NEGATIVE_INFINITY;
  }

  /** At most 100 ms old: this is asked per record, and the table is text. */
  count(): number | null {
    if (!this.#known) return null;
    const nowNs = this.#clock.nowNs();
    if (nowNs - this.#cachedAtNs < CACHE_NS) return this.#cached;
    const drops = this.#drops([...this.#open.values()]);
    this.#cached = drops === null ? null : this.#ofClosed + drops;
    this.#cachedAtNs = nowNs;
    return this.#cached;
  }

  #inodes(protocol: number): ReadonlySet<string> | null {
    try {
      const ours = new Set(this.#files.socketInodes());
      const rows = parseRawSocketTable(this.#files.rawSocketTable());
      return new Set(rows.filter((row) => row.protocol === protocol && ours.has(row.inode)).map((row) => row.inode));
    } catch {
      return null;
    }
  }

  #drops(inodes: readonly string[]): number | null {
    if (inodes.length === 0) return 0;
    let rows: readonly RawSocketRow[];
    try {
      rows = parseRawSocketTable(this.#files.rawSocketTable());
    } catch {
      return null;
    }
    let sum = 0;
    for (const inode of inodes) {
      const row = rows.find((candidate) => candidate.inode === inode);
      if (row === undefined) return null;
      sum += row.drops;
    }
    return sum;
  }
}
