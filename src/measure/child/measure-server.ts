/** The child's side of the channel: does what the daemon asks, and says what comes of it. */
import { parsePrefixList, type PrefixSet } from '../../address/prefix.js';
import { refuseListed } from '../../annotate/target-policy.js';
import { SILENT_LOG, type Log } from '../event-log.js';
import { ListMeasurer } from '../list-measurer.js';
import { tracesInFlight } from '../measure-options.js';
import type { Measuring, OpenMeasuring } from '../measuring.js';
import { RECORD_WINDOW, type MeasureMessage, type MeasureRequest } from './measure-messages.js';

/** What it has of the process that it runs in. */
export interface MeasureServerPorts {
  readonly openMeasuring: OpenMeasuring;
  readonly say: (message: MeasureMessage) => void;
  /** The transport broke: nothing can be measured any longer. */
  readonly onFatal: (error: Error) => void;
  /** The file that `--do-not-probe` names. Rejects when it cannot be read or understood. */
  readonly readDoNotProbe: (path: string) => Promise<PrefixSet>;
  readonly createDebugLog: () => Promise<Log>;
  readonly toolVersion: string;
}

/** Measures what it is ordered to, and hands records over as the window allows. */
export class MeasureServer {
  readonly #say: MeasureServerPorts['say'];
  readonly #measuring: Measuring;
  readonly #measurer: ListMeasurer;
  #doNotProbe: PrefixSet | null;
  /** Records and ends in their order; as many records as the window allows are on their way. */
  readonly #waiting: MeasureMessage[] = [];
  #window = RECORD_WINDOW;

  private constructor(
    say: MeasureServerPorts['say'],
    measuring: Measuring,
    measurer: ListMeasurer,
    doNotProbe: PrefixSet | null,
  ) {
    this.#say = say;
    this.#measuring = measuring;
    this.#measurer = measurer;
    this.#doNotProbe = doNotProbe;
  }

  /** Opens all that measuring needs. Rejects as `openMeasuring` and the reading of the do-not-probe file do. */
  static async open(
    { settings }: Extract<MeasureRequest, { kind: 'open' }>,
    { openMeasuring, say, onFatal, readDoNotProbe, createDebugLog, toolVersion }: MeasureServerPorts,
  ): Promise<MeasureServer> {
    const log = settings.debug ? await createDebugLog() : SILENT_LOG;
    const doNotProbe = settings.doNotProbe === null ? null : await readDoNotProbe(settings.doNotProbe);
    let server: MeasureServer | null = null;
    const refuseToo = (octets: Uint8Array): string | null =>
      refuseListed(octets, server === null ? doNotProbe : server.#doNotProbe);
    const measuring = await openMeasuring(
      // The list is kept here, where it can be changed.
      { ...settings, doNotProbe: null, pcap: null },
      {
        onProgress: () => undefined,
        forList: true,
        refuseToo,
        onWarning: (message) => {
          say({ kind: 'warning', message: message.slice(0, 2000) });
        },
      },
    );
    measuring.onFatal(onFatal);
    const slots = tracesInFlight(settings.rate);
    const measurer = new ListMeasurer({ measuring, settings, toolVersion, log, slots });
    server = new MeasureServer(say, measuring, measurer, doNotProbe);
    return server;
  }

  /** Which adapter was chosen and why, e.g. `raw-socket (native: not installed)`. */
  get transportChoice(): string {
    return this.#measuring.transportChoice;
  }

  /**
   * Does what the daemon asks of a server that is open.
   * @throws TypeError when it is to be opened again.
   */
  obey(request: MeasureRequest): void {
    switch (request.kind) {
      case 'open':
        throw new TypeError('opened twice');
      case 'orders':
        for (const order of request.orders) void this.#measure(order);
        break;
      case 'taken':
        this.#window += request.records;
        this.#sendWaiting();
        break;
      case 'do-not-probe':
        this.#doNotProbe = request.text === null ? null : parsePrefixList(request.text).set;
        break;
      case 'interrupt':
        void this.#measurer.interrupt();
        break;
    }
  }

  sayStats(): void {
    this.#say({ kind: 'stats', stats: this.#measurer.stats() });
  }

  async #measure({ number, order }: Extract<MeasureRequest, { kind: 'orders' }>['orders'][number]): Promise<void> {
    let end: 'done' | 'interrupted' = 'interrupted';
    let defect: string | null = null;
    try {
      end = await this.#measurer.measure(
        order,
        ({ record, interrupted, last }) => {
          this.#put({ kind: 'record', number, record, interrupted, last });
        },
        {
          onStarted: ({ id, protocol, address }) => {
            this.#say({ kind: 'started', number, traceId: id, protocol, address });
          },
        },
      );
    } catch (error) {
      defect = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    this.#put({ kind: 'end', number, end, defect: defect?.slice(0, 10_000) ?? null });
  }

  #put(message: MeasureMessage): void {
    this.#waiting.push(message);
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.kind === 'record') {
        if (this.#window === 0) return;
        this.#window -= 1;
      }
      this.#waiting.shift();
      this.#say(next);
    }
  }
}
