/** Probes as the program makes them, and replies matched as it matches them, without the procedure in between. */
import { randomBytes } from 'node:crypto';
import { formatAddress } from '../src/address/address.js';
import { matchReply } from '../src/trace/reply/match-reply.js';
import { encodeProbe, MAX_PROBE_LENGTH } from '../src/trace/probe/probe-packet.js';
import { parseReply } from '../src/trace/reply/reply.js';
import { ARM_CODE, createTraceState, PURPOSE, type TraceState } from '../src/trace/state/trace-state.js';
import type { ObservedPacket } from '../src/transport/probe-transport.js';

export const LOCAL_PORTS = { from: 50_000, to: 50_063 } as const;
/** A trace numbers its probes in 16 bits, and its checksums in a little less. */
const PROBES_PER_TRACE = 60_000;

const LIMITS = {
  confidence: 0.999,
  maxHops: 30,
  timeoutMs: 2000,
  hopIntervalMs: 250,
  gapLimit: 8,
  explain: false,
} as const;

export interface Arena {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
}

export function createArena(capacity: number): Arena {
  return {
    bytes: new Uint8Array(capacity * MAX_PROBE_LENGTH),
    offsets: new Uint32Array(capacity),
    lengths: new Uint32Array(capacity),
  };
}

/** Traces to addresses of one /112, probed in turn, `plain` and `pdm` alternating. */
export class BenchTraces {
  readonly #traces: TraceState[];
  readonly #byLastOctets = new Map<number, TraceState>();
  #next = 0;
  matched = 0;
  duplicates = 0;
  foreign = 0;
  #answered: Uint8Array[];

  /** `count` traces: at most 255, and enough of them for the probes. */
  constructor(source: Uint8Array, network: Uint8Array, probes: number, count = Math.ceil(probes / PROBES_PER_TRACE)) {
    this.#traces = Array.from({ length: count }, (_, i) => {
      const target = Uint8Array.from(network);
      target[15] = i + 1;
      const trace = createTraceState({
        source,
        target,
        targetText: formatAddress(target),
        protocol: 'udp',
        destinationPort: 33_434,
        limits: LIMITS,
        seed: i,
        secrets: { nonce: randomBytes(8), checksumBase: 17 * i, checksumStep: 7919, sequenceBase: 0 },
        probeUri: null,
        firstFlow: {
          protocol: 'udp',
          localId: LOCAL_PORTS.from + (i % 64),
          destinationPort: 33_434,
          flowLabel: 1 + i,
          echoChecksum: 1,
          psnNext: 0,
          lastReceived: null,
        },
      });
      this.#byLastOctets.set(i + 1, trace);
      return trace;
    });
    this.#answered = this.#traces.map(() => new Uint8Array(Math.ceil(probes / count)));
  }

  /** Writes the next `count` probes. */
  fill(arena: Arena, count: number, nowNs: number): void {
    for (let index = 0; index < count; index += 1) {
      const number = this.#next;
      this.#next += 1;
      const trace = this.#traces[number % this.#traces.length];
      if (trace === undefined || trace.probes.count === PROBES_PER_TRACE)
        throw new RangeError('more probes than announced');
      const turn = Math.floor(number / this.#traces.length);
      const arm = turn % 2 === 0 ? ARM_CODE.plain : ARM_CODE.pdm;
      const row = trace.probes.add(arm, 1 + (turn % 30), 0, PURPOSE.explore, turn & 0xffff, nowNs);
      trace.probes.markHandedOver(row, nowNs);
      const offset = index * MAX_PROBE_LENGTH;
      arena.offsets[index] = offset;
      arena.lengths[index] = encodeProbe(trace, row, arena.bytes, offset);
    }
  }

  take(batch: readonly ObservedPacket[]): void {
    for (const packet of batch) {
      if (packet.direction !== 'in') continue;
      const reply = parseReply(packet);
      if (!reply.ok || reply.value.kind !== 'error') continue;
      const { bytes, quote } = reply.value;
      const last = bytes[quote.destinationOffset + 15] ?? 0;
      const trace = this.#byLastOctets.get(last);
      const match = trace === undefined ? 'foreign' : matchReply(trace, reply.value);
      if (typeof match === 'string') {
        this.foreign += 1;
        continue;
      }
      const answered = this.#answered[last - 1];
      if (answered?.[match.row] === 1) this.duplicates += 1;
      else {
        if (answered !== undefined) answered[match.row] = 1;
        this.matched += 1;
      }
    }
  }
}
