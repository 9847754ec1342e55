/**
 * The process that measures for the daemon: it opens the sockets, gives up every privilege, and from then on does what it is
 * told over the channel that it was started with. It ends when that channel does.
 */
import { refuseListed } from '../annotate/target-policy.js';
import { readPrefixFile } from '../annotate/prefix-file.js';
import { parsePrefixList, type PrefixSet } from '../address/prefix.js';
import { tracesInFlight } from '../measure/measure-options.js';
import { RECORD_WINDOW, type MeasureMessage, type MeasureRequest } from '../measure/child/measure-messages.js';
import { exitCodeOf } from '../cli/cli-error.js';
import { errorCode } from '../text/error-code.js';
import { openMeasuring } from './compose.js';
import { EXIT } from '../cli/exit-codes.js';
import { ListMeasurer } from '../measure/list-measurer.js';
import { createDebugLog } from '../cli/log.js';
import { SILENT_LOG } from '../measure/event-log.js';
import type { Measuring } from '../measure/measuring.js';
import { toolVersion } from '../cli/version.js';

const STATS_MS = 1000;

class MeasureServer {
  readonly #measuring: Measuring;
  readonly #measurer: ListMeasurer;
  #doNotProbe: PrefixSet | null;
  /** Records and ends in their order; as many records as the window allows are on their way. */
  readonly #waiting: MeasureMessage[] = [];
  #window = RECORD_WINDOW;

  constructor(measuring: Measuring, measurer: ListMeasurer, doNotProbe: PrefixSet | null) {
    this.#measuring = measuring;
    this.#measurer = measurer;
    this.#doNotProbe = doNotProbe;
  }

  static async open(request: Extract<MeasureRequest, { kind: 'open' }>): Promise<MeasureServer> {
    const { settings } = request;
    const log = settings.debug ? await createDebugLog() : SILENT_LOG;
    const doNotProbe =
      settings.doNotProbe === null ? null : await readPrefixFile(settings.doNotProbe, '--do-not-probe');
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
    measuring.onFatal((error) => {
      fail(error, EXIT.unavailable);
    });
    const slots = tracesInFlight(settings.rate);
    const measurer = new ListMeasurer({ measuring, settings, toolVersion: toolVersion(), log, slots });
    server = new MeasureServer(measuring, measurer, doNotProbe);
    return server;
  }

  get transportChoice(): string {
    return this.#measuring.transportChoice;
  }

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
    say({ kind: 'stats', stats: this.#measurer.stats() });
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
            say({ kind: 'started', number, traceId: id, protocol, address });
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
      say(next);
    }
  }
}

function say(message: MeasureMessage, then?: () => void): void {
  // The channel is gone when the daemon is: then this process ends too, see below.
  if (process.connected) process.send?.(JSON.stringify(message), undefined, {}, () => then?.());
  else then?.();
}

function fail(error: unknown, exitCode = exitCodeOf(error)): void {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 2000);
  say({ kind: 'failed', code: errorCode(error), message, exitCode }, () => process.exit(exitCode));
}

/** Requests in their order, also those that come while the sockets are being opened. */
let work: Promise<unknown> = Promise.resolve();
let server: MeasureServer | null = null;

async function take(request: MeasureRequest): Promise<void> {
  if (request.kind !== 'open') {
    server?.obey(request);
    return;
  }
  const opened = await MeasureServer.open(request);
  server = opened;
  say({ kind: 'ready', transport: opened.transportChoice });
  setInterval(() => {
    opened.sayStats();
  }, STATS_MS);
}

process.title = 'pdm-trace: measuring';
// A Ctrl-C and a service manager reach every process of the group: only the daemon decides what becomes of them.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', (error) => {
  fail(error, EXIT.software);
});
process.on('message', (text) => {
  work = work.then(() => take(JSON.parse(String(text)) as MeasureRequest)).catch(fail);
});
