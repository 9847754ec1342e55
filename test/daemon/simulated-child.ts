/** A measuring child on a virtual clock: it says what a real one says, and dies, hangs or fails as the test wants it. */
import type { MeasureLink } from '../../src/measure/child/child-measurer.js';
import type { Clock } from '../../src/measure/clock.js';
import { RECORD_WINDOW, type MeasureMessage, type MeasureRequest } from '../../src/measure/child/measure-messages.js';
import type { MeasureOrder } from '../../src/measure/target-measurer.js';
import type { Protocol, TraceRecord } from '../../src/record/record.js';
import { buildRecord } from '../results/record-builder.js';

export interface ChildWorld {
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => string;
  /** Why a child that is started now cannot measure, or null. */
  cannotStart: { readonly code: string; readonly exitCode: number } | null;
  /** How long a trace of this host takes. */
  readonly traceMs: (host: string) => number;
  /** The record of a host where it is to be another. */
  recordOf: (record: TraceRecord) => TraceRecord;
  /** Living children; more than one at a time would be a defect. */
  readonly alive: Set<SimulatedChild>;
  /** Whole records that were said, with the time of saying: by id. */
  readonly said: Map<string, { readonly host: string; readonly protocol: Protocol; readonly runId: string }>;
  /** Orders that children were given, in their order. */
  readonly asked: MeasureOrder[];
  mostAlive: number;
  mostUntaken: number;
}

const STATS_MS = 10_000;

export class SimulatedChild implements MeasureLink {
  readonly #world: ChildWorld;
  #onMessage: (text: string) => void = () => undefined;
  #onEnd: (reason: string) => void = () => undefined;
  #dead = false;
  #hangs = false;
  #interrupted = false;
  #untaken = 0;
  readonly #waiting: MeasureMessage[] = [];
  readonly #endNow = new Set<() => void>();
  #probes = 0;

  constructor(world: ChildWorld) {
    this.#world = world;
    world.alive.add(this);
    world.mostAlive = Math.max(world.mostAlive, world.alive.size);
  }

  get traces(): number {
    return this.#endNow.size;
  }

  onMessage(listener: (text: string) => void): void {
    this.#onMessage = listener;
  }

  onEnd(listener: (reason: string) => void): void {
    this.#onEnd = listener;
  }

  kill(): void {
    this.die('SIGKILL');
  }

  die(reason: string): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#world.alive.delete(this);
    this.#world.clock.after(1, () => {
      this.#onEnd(reason);
    });
  }

  /** It lives and says nothing any more. */
  hang(): void {
    this.#hangs = true;
  }

  sayNonsense(): void {
    this.#onMessage('{"kind":"record","number":1,"record":{"schema":"pdm-trace/1"}}');
  }

  send(text: string): void {
    const request = JSON.parse(text) as MeasureRequest;
    this.#later(1, () => {
      this.#obey(request);
    });
  }

  #obey(request: MeasureRequest): void {
    switch (request.kind) {
      case 'open':
        this.#later(400, () => {
          this.#opened();
        });
        break;
      case 'orders':
        for (const { number, order } of request.orders) this.#measure(number, order);
        break;
      case 'taken':
        this.#untaken -= request.records;
        this.#sayWaiting();
        break;
      case 'interrupt':
        this.#interrupted = true;
        for (const end of [...this.#endNow]) end();
        break;
      case 'do-not-probe':
        break;
    }
  }

  #opened(): void {
    const { cannotStart } = this.#world;
    if (cannotStart !== null) {
      this.#say({ kind: 'failed', ...cannotStart, message: 'raw sockets are not permitted; do something about it' });
      this.die(`exit code ${cannotStart.exitCode}`);
      return;
    }
    this.#say({ kind: 'ready', transport: 'simulated' });
    this.#sayStats();
  }

  #sayStats(): void {
    const counters = { foreign: 0, malformed: 0, sendErrors: 0, kernelDrops: 0 };
    const stats = { tracesInFlight: this.traces, probesSent: this.#probes, repliesMatched: 0, ...counters };
    this.#say({ kind: 'stats', stats });
    this.#later(STATS_MS, () => {
      this.#sayStats();
    });
  }

  #measure(number: number, order: MeasureOrder): void {
    const { random, newId, traceMs, asked } = this.#world;
    asked.push(order);
    this.#later(20 + random() * 200, () => {
      const wanted = order.protocols.filter((protocol) => !order.stored.some((one) => one.protocol === protocol));
      if (this.#interrupted) {
        this.#put({ kind: 'end', number, end: 'interrupted', defect: null });
        return;
      }
      let left = wanted.length;
      let broken = false;
      for (const protocol of wanted) {
        const traceId = newId();
        this.#say({ kind: 'started', number, traceId, protocol, address: '2001:db8:1001::1' });
        const startedAtMs = this.#world.clock.wallMs();
        const end = (): void => {
          if (!this.#endNow.delete(end)) return;
          left -= 1;
          broken ||= this.#interrupted;
          this.#probes += 96;
          this.#record(number, order, traceId, protocol, startedAtMs, left === 0);
          if (left === 0) this.#put({ kind: 'end', number, end: broken ? 'interrupted' : 'done', defect: null });
        };
        this.#endNow.add(end);
        this.#later(traceMs(order.host) * (0.5 + random()), end);
      }
      if (left === 0) this.#put({ kind: 'end', number, end: 'done', defect: null });
    });
  }

  #record(
    number: number,
    order: MeasureOrder,
    id: string,
    protocol: Protocol,
    startedAtMs: number,
    last: boolean,
  ): void {
    const interrupted = this.#interrupted;
    const built = buildRecord({
      ...{ runId: order.runId, input: order.host, protocol, startedAtMs, distance: 4, lastPdmHop: 2 },
      outcome: interrupted ? 'inconclusive' : 'delivered',
      vantage: order.options.vantage,
    });
    const record = { ...this.#world.recordOf(built), id };
    if (!interrupted) this.#world.said.set(id, { host: order.host, protocol, runId: order.runId });
    this.#put({ kind: 'record', number, record, interrupted, last });
  }

  #put(message: MeasureMessage): void {
    this.#waiting.push(message);
    this.#sayWaiting();
  }

  #sayWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.kind === 'record') {
        if (this.#untaken >= RECORD_WINDOW) return;
        this.#untaken += 1;
        this.#world.mostUntaken = Math.max(this.#world.mostUntaken, this.#untaken);
      }
      this.#waiting.shift();
      this.#say(next);
    }
  }

  #say(message: MeasureMessage): void {
    if (!this.#dead && !this.#hangs) this.#onMessage(JSON.stringify(message));
  }

  #later(delayMs: number, callback: () => void): void {
    this.#world.clock.after(delayMs, () => {
      if (!this.#dead) callback();
    });
  }
}
