/** Probes on their way to the transport: encoded into an arena, sent in batches, each outcome brought back to its row. */
import type { ProbeTransport, SendOutcome } from '../transport/probe-transport.js';
import { MAX_PROBE_LENGTH, encodeProbe } from '../trace/probe-packet.js';
import type { RunningTrace } from './running-trace.js';

const LARGEST_BATCH = 256;

interface Arena {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  readonly traces: RunningTrace[];
  readonly rows: number[];
}

export interface ProbeOutcomes {
  /** `arena[offset … offset + length)` is the probe; only valid during the call. */
  (trace: RunningTrace, row: number, outcome: SendOutcome, arena: Uint8Array, offset: number, length: number): void;
}

export class ProbeBatch {
  readonly #transport: ProbeTransport;
  readonly #onOutcome: ProbeOutcomes;
  readonly #capacity: number;
  readonly #idle: Arena[] = [];
  #filling: Arena | null = null;

  constructor(transport: ProbeTransport, onOutcome: ProbeOutcomes) {
    this.#transport = transport;
    this.#onOutcome = onOutcome;
    this.#capacity = Math.max(2, Math.min(LARGEST_BATCH, transport.capabilities.maxBatch));
  }

  add(trace: RunningTrace, row: number): void {
    const arena = (this.#filling ??= this.#idle.pop() ?? this.#allocate());
    const index = arena.rows.length;
    const offset = index * MAX_PROBE_LENGTH;
    arena.offsets[index] = offset;
    arena.lengths[index] = encodeProbe(trace.state, row, arena.bytes, offset);
    arena.traces.push(trace);
    arena.rows.push(row);
    if (arena.rows.length === this.#capacity) this.flush();
  }

  /** Hands what was added to the transport. The arena comes back when the transport has answered for all of it. */
  flush(): void {
    const arena = this.#filling;
    if (arena === null) return;
    this.#filling = null;
    const count = arena.rows.length;
    this.#transport.send(arena.bytes, arena.offsets.subarray(0, count), arena.lengths.subarray(0, count)).then(
      (outcomes) => {
        this.#settle(arena, (index) => outcomes[index]);
      },
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        this.#settle(arena, () => ({ ok: false, code: 'EIO', message }));
      },
    );
  }

  #settle(arena: Arena, outcomeOf: (index: number) => SendOutcome | undefined): void {
    arena.traces.forEach((trace, index) => {
      const outcome = outcomeOf(index) ?? { ok: false, code: 'EIO', message: 'the transport gave no outcome' };
      const offset = arena.offsets[index] ?? 0;
      this.#onOutcome(trace, arena.rows[index] ?? 0, outcome, arena.bytes, offset, arena.lengths[index] ?? 0);
    });
    arena.traces.length = 0;
    arena.rows.length = 0;
    this.#idle.push(arena);
  }

  #allocate(): Arena {
    return {
      bytes: new Uint8Array(this.#capacity * MAX_PROBE_LENGTH),
      offsets: new Uint32Array(this.#capacity),
      lengths: new Uint32Array(this.#capacity),
      traces: [],
      rows: [],
    };
  }
}
