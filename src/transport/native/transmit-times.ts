/**
 * Finds each sent packet again among the copies that the kernel gives of what leaves, so that its send time is the
 * kernel's. Copies mostly come in the order of sending; they need not (several interfaces, fair queueing), and may not come at
 * all (a firewall rewrote the packet).
 */
/**
 * Copies are seen within a few milliseconds; then the time of the system call has to do. In several rounds: when this process did not get
 * to run for a while, timers are looked at before sockets.
 */
const ROUND_MS = 10;
const ROUNDS = 4;
/** How many packets ahead of the expected one are looked at. */
const LOOK_AHEAD = 64;

/** A batch that is being sent, until each of its packets has a time or is given up. */
export interface Expected {
  readonly arena: Uint8Array;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  /** Per packet: when it left, on the engine's clock; NaN until it was seen. */
  readonly leftAtNs: Float64Array;
  /** Everything before it was seen or will not be. */
  next: number;
  /** How many are neither seen nor given up. */
  missing: number;
  resolve: (() => void) | null;
  timer: NodeJS.Timeout | null;
}

/**
 * Times are nanoseconds of the engine's clock, as `seen` is given them. Who sends asks with `expect` first and waits for
 * `settle` afterwards, which never rejects.
 */
export class TransmitTimes {
  readonly #pending: Expected[] = [];
  #closed = false;

  /** To be called before the packets are sent. The arrays must stay as they are until `settle` has resolved. */
  expect(arena: Uint8Array, offsets: Uint32Array, lengths: Uint32Array): Expected {
    const count = offsets.length;
    const leftAtNs = new Float64Array(count).fill(NaN);
    const expected = { arena, offsets, lengths, leftAtNs, next: 0, missing: count, resolve: null, timer: null };
    this.#pending.push(expected);
    return expected;
  }

  /** A copy of a packet that left at `timeNs`. */
  seen(bytes: Uint8Array, timeNs: number): void {
    let looked = 0;
    for (const expected of this.#pending) {
      const { leftAtNs } = expected;
      for (let index = expected.next; index < leftAtNs.length; index += 1) {
        if (!Number.isNaN(leftAtNs[index])) continue;
        if (equals(expected, index, bytes)) {
          this.#resolve(expected, index, timeNs);
          return;
        }
        looked += 1;
        if (looked === LOOK_AHEAD) return;
      }
    }
  }

  /** To be called when the sending is over; `errors[i]` is not 0 where no copy will come. Resolves once all were seen, or given up. */
  settle(expected: Expected, errors: Int32Array): Promise<void> {
    for (let index = 0; index < errors.length; index += 1) {
      if (errors[index] !== 0 && Number.isNaN(expected.leftAtNs[index])) this.#resolve(expected, index, 0);
    }
    if (expected.missing === 0 || this.#closed) {
      this.#forget(expected);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      expected.resolve = resolve;
      this.#wait(expected, ROUNDS);
    });
  }

  /** Gives all up. */
  close(): void {
    this.#closed = true;
    for (const expected of [...this.#pending]) this.#forget(expected);
  }

  #wait(expected: Expected, rounds: number): void {
    expected.timer = setTimeout(() => {
      if (rounds > 1) this.#wait(expected, rounds - 1);
      else this.#forget(expected);
    }, ROUND_MS);
  }

  #resolve(expected: Expected, index: number, timeNs: number): void {
    const { leftAtNs } = expected;
    leftAtNs[index] = timeNs;
    expected.missing -= 1;
    while (expected.next < leftAtNs.length && !Number.isNaN(leftAtNs[expected.next])) expected.next += 1;
    if (expected.missing === 0 && expected.resolve !== null) this.#forget(expected);
  }

  #forget(expected: Expected): void {
    const at = this.#pending.indexOf(expected);
    if (at >= 0) this.#pending.splice(at, 1);
    if (expected.timer !== null) clearTimeout(expected.timer);
    expected.resolve?.();
    expected.resolve = null;
  }
}

/** From the end, where probes differ. */
function equals({ arena, offsets, lengths }: Expected, index: number, bytes: Uint8Array): boolean {
  const length = lengths[index] ?? 0;
  if (length !== bytes.length) return false;
  const offset = offsets[index] ?? 0;
  for (let at = length - 1; at >= 0; at -= 1) if (arena[offset + at] !== bytes[at]) return false;
  return true;
}
