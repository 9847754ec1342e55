/** Probes on their way to the transport: encoded into an arena, sent in batches, each outcome brought back to its row. */
import type { ProbeTransport, SendOutcome } from '../transport/probe-transport.js';
import { sizeOf } from '../trace/probe/one-probe.js';
import { MAX_PROBE_LENGTH, encodeProbe } from '../trace/probe/probe-packet.js';
import { readU16 } from '../wire/big-endian.js';
import { IPV6_HEADER_LENGTH, IPV6_OFFSET } from '../wire/ipv6.js';
import type { TappedFragment } from './tap/packet-tap.js';
import type { RunningTrace } from './running-trace.js';

const LARGEST_BATCH = 256;
/** See `cutUpperLayer` and the largest size that is allowed. */
const MOST_PACKETS_PER_PROBE = 4;
const NO_OUTCOME: SendOutcome = { ok: false, code: 'EIO', message: 'the transport gave no outcome' };

interface Arena {
  bytes: Uint8Array;
  used: number;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  packets: number;
  readonly traces: RunningTrace[];
  readonly rows: number[];
  /** How many packets each probe is. */
  readonly counts: number[];
}

/** Told once for each probe, in the order in which the transport answers for batches. */
export interface BatchListener {
  /** A fragmented probe has left when all of its fragments have, at the time of the first. */
  onProbe(trace: RunningTrace, row: number, outcome: SendOutcome): void;
  /** Each packet that left. `packet` is only valid during the call. */
  onPacketSent?(
    trace: RunningTrace,
    row: number,
    fragment: TappedFragment | null,
    packet: Uint8Array,
    sentAtNs: number,
  ): void;
}

/**
 * An arena is lent to the transport until it has answered for all of it. A send that fails is an outcome of its probes, and
 * nothing is thrown.
 */
export class ProbeBatch {
  readonly #transport: ProbeTransport;
  readonly #listener: BatchListener;
  readonly #capacity: number;
  readonly #idle: Arena[] = [];
  #filling: Arena | null = null;
  #outstanding = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(transport: ProbeTransport, listener: BatchListener) {
    this.#transport = transport;
    this.#listener = listener;
    this.#capacity = Math.max(2, Math.min(LARGEST_BATCH, transport.capabilities.maxBatch));
  }

  add(trace: RunningTrace, row: number): void {
    const { state } = trace;
    const { packets: wanted, octets: room } = sizeOf(state, row);
    const filling = this.#filling;
    if (filling !== null) {
      const isFull = filling.packets + wanted > this.#capacity || filling.used + room > filling.bytes.length;
      if (isFull) this.flush();
    }
    const arena = (this.#filling ??= this.#idle.pop() ?? this.#allocate());
    if (room > arena.bytes.length) arena.bytes = new Uint8Array(room);
    const end = arena.used + encodeProbe(state, row, arena.bytes, arena.used);
    const before = arena.packets;
    for (let at = arena.used; at < end; arena.packets += 1) {
      const length = IPV6_HEADER_LENGTH + readU16(arena.bytes, at + IPV6_OFFSET.payloadLength);
      arena.offsets[arena.packets] = at;
      arena.lengths[arena.packets] = length;
      at += length;
    }
    arena.used = end;
    arena.traces.push(trace);
    arena.rows.push(row);
    arena.counts.push(arena.packets - before);
    if (arena.packets >= this.#capacity) this.flush();
  }

  /** Hands what was added to the transport. The arena comes back when the transport has answered for all of it. */
  flush(): void {
    const arena = this.#filling;
    if (arena === null) return;
    this.#filling = null;
    this.#outstanding += 1;
    const { packets } = arena;
    this.#transport.send(arena.bytes, arena.offsets.subarray(0, packets), arena.lengths.subarray(0, packets)).then(
      (outcomes) => {
        this.#settle(arena, (index) => outcomes[index]);
      },
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        this.#settle(arena, () => ({ ok: false, code: 'EIO', message }));
      },
    );
  }

  /** Null when the transport has answered for all that it was handed, else a promise of that. */
  settled(): Promise<void> | null {
    if (this.#outstanding === 0) return null;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #settle(arena: Arena, outcomeOf: (index: number) => SendOutcome | undefined): void {
    let first = 0;
    arena.traces.forEach((trace, probe) => {
      const count = arena.counts[probe] ?? 1;
      const row = arena.rows[probe] ?? 0;
      let outcome = outcomeOf(first) ?? NO_OUTCOME;
      for (let index = 0; index < count; index += 1) {
        const own = outcomeOf(first + index) ?? NO_OUTCOME;
        if (own.ok) this.#tell(arena, trace, row, first + index, count === 1 ? null : { index, count }, own.sentAtNs);
        else if (outcome.ok) outcome = own;
      }
      this.#listener.onProbe(trace, row, outcome);
      first += count;
    });
    arena.traces.length = 0;
    arena.rows.length = 0;
    arena.counts.length = 0;
    arena.packets = 0;
    arena.used = 0;
    this.#idle.push(arena);
    this.#outstanding -= 1;
    if (this.#outstanding > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #tell(
    arena: Arena,
    trace: RunningTrace,
    row: number,
    packet: number,
    fragment: TappedFragment | null,
    sentAtNs: number,
  ): void {
    if (this.#listener.onPacketSent === undefined) return;
    const offset = arena.offsets[packet] ?? 0;
    const octets = arena.bytes.subarray(offset, offset + (arena.lengths[packet] ?? 0));
    this.#listener.onPacketSent(trace, row, fragment, octets, sentAtNs);
  }

  #allocate(): Arena {
    return {
      bytes: new Uint8Array(this.#capacity * MAX_PROBE_LENGTH),
      used: 0,
      offsets: new Uint32Array(this.#capacity + MOST_PACKETS_PER_PROBE),
      lengths: new Uint32Array(this.#capacity + MOST_PACKETS_PER_PROBE),
      packets: 0,
      traces: [],
      rows: [],
      counts: [],
    };
  }
}
