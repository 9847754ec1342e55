/** A transport in memory with a path of routers behind it, and a clock that only moves when told to. */
import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import type { TraceEngineOptions, TraceRequest, EngineTime } from '../../src/engine/trace-engine.js';
import type { Protocol, TraceRecord } from '../../src/record/record.js';
import type {
  ObservedPacket,
  ProbeTransport,
  SendOutcome,
  TransportCapabilities,
} from '../../src/transport/probe-transport.js';
import { emitIcmpv6Octets } from '../trace/icmpv6-octets.js';
import { octetsOf, resetTo, SOURCE, TARGET } from '../trace/trace-fixture.js';

interface Timer {
  readonly atNs: number;
  readonly callback: () => void;
}

export class ManualTime implements EngineTime {
  #nowNs = 0;
  /** How long each callback seems to have taken once it has read the clock: a busy machine. */
  stallsNs = 0;
  #reads: number | null = null;
  readonly #timers = new Set<Timer>();

  nowNs(): number {
    const isStalled = this.#reads !== null && this.#reads > 0;
    if (this.#reads !== null) this.#reads += 1;
    return this.#nowNs + (isStalled ? this.stallsNs : 0);
  }
  /** Of what the kernel stamps, which nothing stalls. */
  get packetNs(): number {
    return this.#nowNs;
  }
  wallMs(): number {
    return 1_700_000_000_000 + this.#nowNs / 1e6;
  }
  at(atNs: number, callback: () => void): () => void {
    const timer = { atNs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Lets promises settle, then fires what is due, until this long has passed. */
  async run(spanNs: number): Promise<void> {
    const endNs = this.#nowNs + spanNs;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = [...this.#timers].sort((a, b) => a.atNs - b.atNs)[0];
      if (next === undefined || next.atNs > endNs) break;
      this.#timers.delete(next);
      this.#nowNs = Math.max(this.#nowNs, next.atNs);
      this.#reads = 0;
      next.callback();
      this.#reads = null;
    }
    this.#nowNs = endNs;
  }

  /** Runs until the promise is settled; fails when a minute of virtual time does not do it. */
  async runUntil(promise: Promise<unknown>): Promise<void> {
    const outcome = { isSettled: false };
    const note = (): void => {
      outcome.isSettled = true;
    };
    promise.then(note, note);
    for (let i = 0; i < 1200 && !outcome.isSettled; i += 1) await this.run(0.05e9);
    if (!outcome.isSettled) throw new Error('still not settled after a minute of virtual time');
  }
}

export class FakeTransport implements ProbeTransport {
  readonly name = 'simulated';
  capabilities: TransportCapabilities = {
    receivedHopLimit: false,
    kernelTimestamps: false,
    transmitTimes: false,
    receivesExtensionHeaders: false,
    maxBatch: 16,
  };
  readonly sent: Uint8Array[] = [];
  readonly batches: number[] = [];
  readonly watched: string[] = [];
  /** Routers answer up to here, then the target does; false for silence. */
  answers = false;
  routers = 3;
  time: ManualTime | null = null;
  watchFailures = 0;
  routeFailure: Error | null = null;
  sendFailure: ((packet: Uint8Array) => SendOutcome | null) | null = null;
  sendRejects = false;
  /** Packets that are sent and never answered. */
  swallows: ((packet: Uint8Array) => boolean) | null = null;
  /** What errors about this packet quote, where that is not the packet as it got there. */
  quotes: ((packet: Uint8Array) => Uint8Array) | null = null;
  kernelDrops: number | null = null;
  closed = 0;
  #listener: (batch: readonly ObservedPacket[]) => void = () => undefined;
  #onError: (error: Error) => void = () => undefined;
  #octet = 0;

  /** Repeatable, and no two draws alike. */
  readonly randomBytes = (length: number): Uint8Array =>
    Uint8Array.from({ length }, () => {
      this.#octet = (Math.imul(this.#octet, 1_103_515_245) + 12_345) >>> 0;
      return this.#octet >>> 16;
    });

  send(arena: Uint8Array, offsets: Uint32Array, lengths: Uint32Array): Promise<readonly SendOutcome[]> {
    this.batches.push(offsets.length);
    if (this.sendRejects) return Promise.reject(new Error('the socket is gone'));
    const sentAtNs = this.time?.packetNs ?? 0;
    const outcomes = [...offsets].map((offset, index): SendOutcome => {
      const packet = arena.slice(offset, offset + lengths[index]!);
      const failure = this.sendFailure?.(packet) ?? null;
      if (failure !== null) return failure;
      this.sent.push(packet);
      if (this.answers && this.swallows?.(packet) !== true) {
        queueMicrotask(() => {
          this.deliver(this.#answerTo(packet));
        });
      }
      return { ok: true, sentAtNs };
    });
    return Promise.resolve(outcomes);
  }

  #answerTo(packet: Uint8Array): ObservedPacket {
    const hopLimit = packet[7]!;
    const destination = packet.slice(24, 40);
    const quote = this.quotes?.(packet) ?? packet.slice();
    // A router that is asked itself.
    const isRouter = destination[5] === 1;
    if (hopLimit <= this.routers && !isRouter) {
      quote[7] = 1;
      return this.errorQuoting(quote, 3, 0, octetsOf(`2001:db8:1:${hopLimit}::1`));
    }
    const upper = packet.subarray(packet[6] === 60 ? 40 + 8 * (packet[41]! + 1) : 40);
    const protocol = packet[6] === 60 ? packet[40] : packet[6];
    if (protocol === 6) {
      const { layer, bytes } = resetTo(packet);
      return { ...this.#received(destination, bytes), layer };
    }
    if (protocol !== 58) return this.errorQuoting(quote, 1, 4, destination);
    return this.#received(destination, Uint8Array.from([129, ...upper.subarray(1)]));
  }

  errorQuoting(quote: Uint8Array, type = 3, code = 0, from = octetsOf('2001:db8:1:1::1')): ObservedPacket {
    return this.#received(from, emitIcmpv6Octets(type, code, quote));
  }

  #received(source: Uint8Array, bytes: Uint8Array): ObservedPacket {
    return {
      direction: 'in',
      layer: 'icmpv6',
      source,
      bytes,
      hopLimit: null,
      timeNs: (this.time?.packetNs ?? 0) + 1e5,
    };
  }

  deliver(...packets: readonly ObservedPacket[]): void {
    this.#listener(packets);
  }
  fail(error: Error): void {
    this.#onError(error);
  }
  onPackets(listener: (batch: readonly ObservedPacket[]) => void): void {
    this.#listener = listener;
  }
  onError(listener: (error: Error) => void): void {
    this.#onError = listener;
  }
  watch(flows: readonly { readonly protocol: string }[]): Promise<void> {
    if (this.watchFailures > 0) {
      this.watchFailures -= 1;
      return Promise.reject(new Error('ENOMEM: no filter'));
    }
    this.watched.push(flows.map(({ protocol }) => protocol).join());
    return Promise.resolve();
  }
  route(): Promise<{ source: Uint8Array; interface: string; mtu: number }> {
    if (this.routeFailure !== null) return Promise.reject(this.routeFailure);
    return Promise.resolve({ source: SOURCE, interface: 'veth0', mtu: 1500 });
  }
  stats(): { kernelDrops: number | null } {
    return { kernelDrops: this.kernelDrops };
  }
  close(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }
}

let requests = 0;

export function requestFor(protocol: Protocol, target = TARGET): TraceRequest {
  requests += 1;
  return {
    id: `trace-${requests}`,
    runId: 'run',
    vantage: null,
    company: null,
    toolVersion: '0',
    input: 'example.com',
    aliases: [],
    target,
    protocol,
    destinationPort: protocol === 'icmp6' ? null : 33434,
    source: null,
    interface: null,
    parameters: {
      confidence: 0.999,
      maxHops: 30,
      timeoutMs: 2000,
      hopIntervalMs: 250,
      gapLimit: 8,
      explain: true,
      seed: 7,
      flowLabel: null,
      probeUri: null,
    },
  };
}

/** An engine over a transport in memory. */
export function setUp(options: Partial<TraceEngineOptions> = {}, maxBatch = 16) {
  const transport = new FakeTransport();
  transport.capabilities = { ...transport.capabilities, maxBatch };
  const time = new ManualTime();
  transport.time = time;
  const engine = createTraceEngine({ transport, time, rate: 1000, randomBytes: transport.randomBytes, ...options });
  const finish = async (record: Promise<TraceRecord>): Promise<TraceRecord> => {
    await time.runUntil(record);
    return record;
  };
  return { transport, time, engine, finish };
}
