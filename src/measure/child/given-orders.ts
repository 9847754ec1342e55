/** The orders that a measuring child is given: what it has said of each, and what becomes of them when it dies. */
import type { Clock } from '../clock.js';
import type { EventLog } from '../event-log.js';
import { interruptedRecord, type InterruptedTrace } from './interrupted-record.js';
import { isRecordOf, type MeasureMessage, type NumberedOrder } from './measure-messages.js';
import type { MeasuredRecord, MeasureOrder } from '../target-measurer.js';

/** What a child says of one order. */
export type OrderMessage = Extract<MeasureMessage, { readonly number: number }>;

interface Given {
  readonly order: MeasureOrder;
  readonly onRecord: (measured: MeasuredRecord) => void;
  readonly resolve: (end: 'done' | 'interrupted') => void;
  /** No other is under way with it. */
  readonly alone: boolean;
  /** The child has it. */
  sent: boolean;
  /** Traces that began and have no record yet, by id. */
  readonly started: Map<string, StartedTrace>;
  /** Whole records that were handed on. */
  readonly stored: MeasureOrder['stored'][number][];
  /** Traces that began and records, as this child said. */
  said: number;
}

interface StartedTrace {
  readonly protocol: MeasureOrder['protocols'][number];
  /** Null: it is not known whether one was found. */
  readonly address: string | null;
  readonly startedAtMs: number;
}

/** Traces that began, and records: names have far fewer addresses. More of them would fill memory and disk. */
const MOST_OF_ORDER = 2000;

/** Where they get the time, numbers of records and a log from. */
export interface GivenOrdersOptions {
  readonly clock: Clock;
  readonly log: EventLog;
  readonly toolVersion: string;
  readonly newId: () => string;
}

/** Of every order it knows whether a child has it, what came of it, and who waits for it. */
export class GivenOrders {
  readonly #options: GivenOrdersOptions;
  readonly #given = new Map<number, Given>();
  /** Of them, those that no child has yet. */
  #unsent: number[] = [];
  #numbers = 0;
  /** How many the child has. */
  #sent = 0;
  /** … and whether it is one that is to be alone. */
  #isLone = false;

  constructor(options: GivenOrdersOptions) {
    this.#options = options;
  }

  /** Takes an order in; resolves when it has ended. */
  take(
    order: MeasureOrder,
    onRecord: (measured: MeasuredRecord) => void,
    alone = false,
  ): Promise<'done' | 'interrupted'> {
    return new Promise((resolve) => {
      const number = ++this.#numbers;
      const begun = { sent: false, started: new Map<string, StartedTrace>(), stored: [], said: 0 };
      this.#given.set(number, { order, onRecord, resolve, alone, ...begun });
      this.#unsent.push(number);
    });
  }

  /**
   * Orders that no child has yet, less what is measured of them already; from now on the child has them. One that is to be alone
   * waits until all before it have ended, and those behind it wait for its end.
   */
  send(): NumberedOrder[] {
    const orders: NumberedOrder[] = [];
    let next = 0;
    for (; next < this.#unsent.length && !this.#isLone; next += 1) {
      const number = this.#unsent[next] ?? 0;
      const given = this.#given.get(number);
      if (given === undefined) continue;
      if (given.alone && this.#sent > 0) break;
      given.sent = true;
      this.#sent += 1;
      this.#isLone = given.alone;
      orders.push({ number, order: { ...given.order, stored: [...given.order.stored, ...given.stored] } });
    }
    this.#unsent.splice(0, next);
    return orders;
  }

  #forget(number: number, { sent }: Given): void {
    this.#given.delete(number);
    if (!sent) return;
    this.#sent -= 1;
    this.#isLone = false;
  }

  /** Takes in what the child says of an order. Returns what it cannot mean, or null. */
  hear(message: OrderMessage): string | null {
    // What comes late, after an order was given up, has no one who waits for it.
    const given = this.#given.get(message.number);
    if (given === undefined) return null;
    if (message.kind !== 'end' && ++given.said > MOST_OF_ORDER)
      return `more than ${MOST_OF_ORDER} traces and records for one order`;
    switch (message.kind) {
      case 'started': {
        const { protocol, address } = message;
        given.started.set(message.traceId, { protocol, address, startedAtMs: this.#options.clock.wallMs() });
        return null;
      }
      case 'record': {
        const { record, interrupted, last } = message;
        if (!isRecordOf(record, given.order)) return `record ${record.id} is of another order`;
        given.started.delete(record.id);
        if (!interrupted) given.stored.push({ protocol: record.protocol, address: record.target.address });
        given.onRecord({ record, interrupted, last });
        return null;
      }
      case 'end':
        this.#forget(message.number, given);
        if (message.defect !== null) this.#broke(given, message.defect);
        given.resolve(message.defect === null ? message.end : 'interrupted');
        return null;
    }
  }

  /** The next child is given all of them, as if none had been begun. */
  beginAgain(): void {
    for (const given of this.#given.values()) {
      given.sent = false;
      given.started.clear();
      given.said = 0;
    }
    this.#sent = 0;
    this.#isLone = false;
    this.#unsent = [...this.#given.keys()];
  }

  /**
   * The child has ended: what it had is recorded as interrupted, and given back; what it had not waits for the next one.
   * Returns how many traces were in flight.
   */
  interruptSent(reason: string): number {
    let traces = 0;
    const begun = [...this.#given.values()].filter(({ sent, started }) => sent && started.size > 0);
    for (const [number, given] of this.#given) {
      if (!given.sent) continue;
      this.#forget(number, given);
      traces += given.started.size;
      const ended = `Interrupted: the measuring process ended (${reason}).`;
      this.#interrupt(given, [...given.started.values()], {
        reason: ended,
        isDefect: false,
        toBlame: begun.length === 1,
      });
      given.resolve('interrupted');
    }
    return traces;
  }

  /** Gives up all of them, without a record. */
  giveUp(): void {
    this.#giveUpThose(() => true);
  }

  /** Gives up those that no child has. */
  giveUpUnsent(): void {
    this.#giveUpThose(({ sent }) => !sent);
  }

  #giveUpThose(isGivenUp: (given: Given) => boolean): void {
    for (const [number, given] of this.#given) {
      if (!isGivenUp(given)) continue;
      this.#forget(number, given);
      given.resolve('interrupted');
    }
  }

  /** A defect of ours over one target must not end the others: it has its records, which say so. */
  #broke(given: Given, defect: string): void {
    this.#options.log.error('target-broke', { host: given.order.host, runId: given.order.runId, defect });
    const started = [...given.started.values()];
    const known = [...started, ...given.stored].map(({ protocol }) => protocol);
    const startedAtMs = this.#options.clock.wallMs();
    for (const protocol of given.order.protocols)
      if (!known.includes(protocol)) started.push({ protocol, address: null, startedAtMs });
    this.#interrupt(given, started, {
      reason: 'A defect of pdm-trace ended the measurement; its log says more.',
      isDefect: true,
      toBlame: true,
    });
  }

  #interrupt(
    { order, onRecord }: Given,
    traces: readonly StartedTrace[],
    { toBlame, ...why }: Pick<InterruptedTrace, 'reason' | 'isDefect'> & { readonly toBlame: boolean },
  ): void {
    const { clock, newId, toolVersion } = this.#options;
    for (const [index, trace] of traces.entries()) {
      const record = interruptedRecord({
        ...{ ...trace, ...why, order, toolVersion },
        id: newId(),
        endedAtMs: clock.wallMs(),
      });
      onRecord({ record, interrupted: true, last: index === traces.length - 1, toBlame });
    }
  }
}
