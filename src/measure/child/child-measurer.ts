/** Measures in a child process, and starts it again when it dies. */
import type { Settings } from '../../config/settings.js';
import { pause, type Clock } from '../clock.js';
import type { EventLog } from '../event-log.js';
import { GivenOrders, type OrderMessage } from './given-orders.js';
import { parseMeasureMessage, type MeasureMessage, type MeasureRequest } from './measure-messages.js';
import type { MeasureOrder, MeasuredRecord, MeasurerStats, OrderOptions, TargetMeasurer } from '../target-measurer.js';

/** A child process, as far as it matters here. Messages are JSON text. */
export interface MeasureLink {
  send(text: string): void;
  onMessage(listener: (text: string) => void): void;
  /** Called once: it ended, was killed, or could not be started; `reason` in a few words. */
  onEnd(listener: (reason: string) => void): void;
  kill(): void;
}

/** Why nothing is measured. `exitCode` is what the process should end with when this happens at its start. */
export class MeasuringFailure extends Error {
  override readonly name = 'MeasuringFailure';
  readonly code: string;
  readonly exitCode: number;

  constructor(code: string | null, message: string, exitCode: number) {
    super(message);
    this.code = code ?? 'EMEASURING';
    this.exitCode = exitCode;
  }
}

/** Where a child comes from, and what its records and the log need. */
export interface ChildMeasurerOptions {
  readonly openLink: () => MeasureLink;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly toolVersion: string;
  readonly newId: () => string;
}

/** A child says something every second. */
const SILENCE_MS = 30_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** A child that lived this long was all right. */
const HEALTHY_MS = 60_000;

const NO_STATS: MeasurerStats = {
  tracesInFlight: 0,
  probesSent: 0,
  repliesMatched: 0,
  foreign: 0,
  malformed: 0,
  sendErrors: 0,
  kernelDrops: null,
};

/** Keeps one child alive, gives it the orders, and counts what all its children sent. */
export class ChildMeasurer implements TargetMeasurer {
  readonly #options: ChildMeasurerOptions;
  #settings: Settings;
  readonly #given: GivenOrders;
  #link: MeasureLink | null = null;
  #ready = false;
  #interrupting = false;
  #closed = false;
  #why: string | null = 'the measuring process is being started';
  #restarts = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #openedAtMs = 0;
  #cancelWatch: () => void = () => undefined;
  #sendSoon = false;
  /** Of children that are gone, and of this one. */
  #before: MeasurerStats = NO_STATS;
  #current: MeasurerStats | null = null;
  #firstStart: { resolve: (transport: string) => void; reject: (error: Error) => void } | null = null;
  /** Set while an end of the child is our own doing, so that nobody is told of it. */
  #replacing = false;

  constructor(options: ChildMeasurerOptions, settings: Settings) {
    this.#options = options;
    this.#settings = settings;
    this.#given = new GivenOrders(options);
  }

  /**
   * Starts the child. Resolves with the transport it chose.
   * @throws MeasuringFailure when it cannot measure: then nothing was started.
   */
  start(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#firstStart = { resolve, reject };
      this.#open();
    });
  }

  /** Why nothing is measured at present, or null. */
  get whyNot(): string | null {
    return this.#why;
  }

  get restarts(): number {
    return this.#restarts;
  }

  measure(
    order: MeasureOrder,
    onRecord: (measured: MeasuredRecord) => void,
    { alone = false }: OrderOptions = {},
  ): Promise<'done' | 'interrupted'> {
    if (this.#interrupting || this.#closed) return Promise.resolve('interrupted');
    const end = this.#given.take(order, onRecord, alone);
    this.#sendOrders();
    return end;
  }

  stats(): MeasurerStats | null {
    return this.#current === null ? null : addStats(this.#before, this.#current);
  }

  /** Other settings for everything that is measured from now on. What is in flight is begun again, unseen by those who wait. */
  replace(settings: Settings): void {
    this.#settings = settings;
    if (this.#link === null || this.#interrupting) return;
    this.#replacing = true;
    this.#link.kill();
  }

  /**
   * `text`: the content of the do-not-probe file that `settings` name. A child that is started later reads the file itself;
   * one that is opening its sockets may have read the one before, and hears this after it.
   */
  forbid(settings: Settings, text: string | null): void {
    this.#settings = settings;
    this.#say({ kind: 'do-not-probe', text });
  }

  /** Ends all traces now; orders that come later are given up at once. */
  interrupt(): void {
    this.#interrupting = true;
    this.#given.giveUpUnsent();
    if (this.#ready) this.#say({ kind: 'interrupt' });
    else this.#given.giveUp();
  }

  /** Kills the child. Whatever is in flight is given up. */
  close(): void {
    this.#closed = true;
    this.#interrupting = true;
    this.#cancelWatch();
    this.#link?.kill();
    this.#given.giveUp();
  }

  #open(): void {
    if (this.#closed) return;
    const { clock, openLink } = this.#options;
    const link = openLink();
    this.#link = link;
    this.#openedAtMs = clock.wallMs();
    link.onMessage((text) => {
      if (this.#link === link) this.#received(text);
    });
    link.onEnd((reason) => {
      if (this.#link === link) this.#ended(reason);
    });
    this.#watch();
    this.#say({ kind: 'open', settings: this.#settings });
  }

  #say(request: MeasureRequest): void {
    this.#link?.send(JSON.stringify(request));
  }

  #watch(): void {
    this.#cancelWatch();
    this.#cancelWatch = this.#options.clock.after(SILENCE_MS, () => {
      this.#options.log.error('child-silent', { forMs: SILENCE_MS });
      this.#link?.kill();
    });
  }

  #received(text: string): void {
    const message = parseMeasureMessage(text);
    if (typeof message === 'string') {
      this.#distrust(message);
      return;
    }
    this.#watch();
    switch (message.kind) {
      case 'ready':
        this.#becameReady(message.transport);
        break;
      case 'failed':
        this.#failed(message);
        break;
      case 'warning':
        this.#options.log.warn('child-warning', { message: message.message });
        break;
      case 'stats':
        this.#current = message.stats;
        break;
      default:
        this.#aboutOrder(message);
    }
  }

  #aboutOrder(message: OrderMessage): void {
    if (message.kind === 'record') this.#say({ kind: 'taken', records: 1 });
    const strange = this.#given.hear(message);
    if (strange !== null) this.#distrust(strange);
    // One that is to be alone may have waited for this end, or all others for its own.
    if (message.kind === 'end') this.#sendOrders();
  }

  /** A child that says what it cannot mean is broken, or somebody else's. */
  #distrust(what: string): void {
    this.#options.log.error('child-message-refused', { what });
    this.#link?.kill();
  }

  #becameReady(transport: string): void {
    this.#ready = true;
    this.#why = null;
    this.#options.log.info('measuring', { transport, restarts: this.#restarts });
    this.#firstStart?.resolve(transport);
    this.#firstStart = null;
    if (this.#interrupting) this.#given.giveUp();
    else this.#sendOrders();
  }

  #failed({ code, message, exitCode }: Extract<MeasureMessage, { kind: 'failed' }>): void {
    this.#why = message;
    if (this.#firstStart === null) {
      this.#options.log.error('child-failed', { error: message, code });
      return;
    }
    this.#firstStart.reject(new MeasuringFailure(code, message, exitCode));
    this.#firstStart = null;
    this.#closed = true;
  }

  /** Orders given in the same turn go together. */
  #sendOrders(): void {
    if (!this.#ready || this.#sendSoon) return;
    this.#sendSoon = true;
    queueMicrotask(() => {
      this.#sendSoon = false;
      if (!this.#ready || this.#interrupting) return;
      const orders = this.#given.send();
      if (orders.length > 0) this.#say({ kind: 'orders', orders });
    });
  }

  #ended(reason: string): void {
    const { clock, log } = this.#options;
    this.#link = null;
    this.#ready = false;
    this.#cancelWatch();
    if (this.#current !== null) this.#before = { ...addStats(this.#before, this.#current), tracesInFlight: 0 };
    this.#current = null;
    if (this.#firstStart !== null) {
      this.#firstStart.reject(new MeasuringFailure(null, `the measuring process ended at its start: ${reason}`, 70));
      this.#firstStart = null;
      this.#closed = true;
    }
    if (this.#closed) return;
    if (this.#replacing) {
      this.#replacing = false;
      this.#given.beginAgain();
      this.#why = 'the measuring process takes on new settings';
      this.#open();
      return;
    }
    this.#restarts += 1;
    if (clock.wallMs() - this.#openedAtMs > HEALTHY_MS) this.#pauseMs = FIRST_PAUSE_MS;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    this.#why = `the measuring process ended (${reason}) and is started again`;
    const inFlight = this.#given.interruptSent(reason);
    log.error('child-ended', { reason, inFlight, restarts: this.#restarts, againInMs: pauseMs });
    if (this.#interrupting) {
      this.#given.giveUp();
      return;
    }
    void pause(clock, pauseMs).then(() => {
      this.#open();
    });
  }
}

function addStats(before: MeasurerStats, now: MeasurerStats): MeasurerStats {
  return {
    tracesInFlight: now.tracesInFlight,
    probesSent: before.probesSent + now.probesSent,
    repliesMatched: before.repliesMatched + now.repliesMatched,
    foreign: before.foreign + now.foreign,
    malformed: before.malformed + now.malformed,
    sendErrors: before.sendErrors + now.sendErrors,
    kernelDrops:
      now.kernelDrops === null && before.kernelDrops === null
        ? null
        : (now.kernelDrops ?? 0) + (before.kernelDrops ?? 0),
  };
}
