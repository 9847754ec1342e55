import { randomInt } from 'node:crypto';
import { formatAddress, parseAddress } from '../../address/address.js';
import type { Settings } from '../../config/settings.js';
import { verdictWords } from '../../report/words/verdict-words.js';
import { badHost } from '../../annotate/names/target-resolution.js';
import { CliError, usageError } from '../cli-error.js';
import { errorCode } from '../../text/error-code.js';
import { EXIT, traceExitCode } from '../exit-codes.js';
import { type TraceEnd } from '../../measure/trace-jobs.js';
import { createLiveDisplay, type LiveDisplay } from '../terminal/live-display.js';
import { liveFrame } from './live-frame.js';
import { type LiveTrace } from '../../measure/trace-jobs.js';
import type { Log } from '../../measure/event-log.js';
import type { Measuring, OpenMeasuring } from '../../measure/measuring.js';
import { NameBook } from '../../measure/name-book.js';
import { commandMeantBy } from '../arguments/parse-arguments.js';
import { recordText, titleText } from './record-text.js';
import { createResultOutput, type ResultOutput } from '../result-output.js';
import { canRedraw, createStyle, wantsColour, wantsUnicode, type Style } from '../terminal/style.js';
import { columnsOf, type Terminal } from '../terminal/terminal.js';
import type { StorePorts } from '../../runs/store-ports.js';
import { sanitizeForTerminal, wrap } from '../../text/terminal-text.js';
import {
  startHosts,
  traceParameters,
  type JobsOptions,
  type TraceJob,
  type TraceResult,
} from '../../measure/trace-jobs.js';
import type { TraceStore } from './trace-store.js';

const REDRAW_MS = 100;
/** Addresses looked up while traces run: of more than that nobody reads the names. */
const MOST_ASKED = 4096;
const PROGRESS_MS = 10_000;
const DEFAULT_ROWS = 24;

/** What the command `trace` has of the process that it is in. */
export interface TraceContext {
  readonly terminal: Terminal;
  readonly openMeasuring: OpenMeasuring;
  /** Loaded when records are to be stored. */
  readonly storePorts: () => Promise<StorePorts>;
  readonly toolVersion: string;
  readonly log: Log;
}

/**
 * Traces every host with every protocol at the same time, shows it, and resolves with the exit code. Rejects with errors
 * that carry a code of their own: no privilege, no transport, an unreadable file, output that cannot be written.
 */
export async function runTrace(hosts: readonly string[], settings: Settings, context: TraceContext): Promise<number> {
  const bad = hosts.map(badHost).find((message) => message !== null);
  if (bad !== undefined) throw usageError(bad);
  const seed = settings.seed ?? randomInt(2 ** 32);
  const session = new TraceSession(hosts, settings, seed, context);
  return session.run();
}

class TraceSession {
  readonly #hosts: readonly string[];
  readonly #settings: Settings;
  readonly #seed: number;
  readonly #context: TraceContext;
  readonly #output: ResultOutput;
  readonly #style: Style;
  readonly #display: LiveDisplay | null;
  readonly #names = new NameBook();
  /** Per host: null until its address is known. */
  readonly #jobs: (readonly TraceJob[] | null)[];
  readonly #startedAtMs = performance.now();
  readonly #shown = new Set<TraceJob>();
  #dirty = true;
  #introduced = false;
  #interrupted = false;
  #fatal: Error | null = null;
  #store: TraceStore | null = null;
  #measuring: Measuring | null = null;
  /** Addresses that were looked up. */
  readonly #asked = new Set<string>();

  constructor(hosts: readonly string[], settings: Settings, seed: number, context: TraceContext) {
    const { stdout, environment } = context.terminal;
    const isTerminal = stdout.isTTY === true;
    this.#hosts = hosts;
    this.#settings = settings;
    this.#seed = seed;
    this.#context = context;
    this.#output = createResultOutput(stdout);
    this.#style = createStyle(wantsColour(environment, isTerminal), !isTerminal || wantsUnicode(environment));
    // Debug lines on the same screen would tear the table apart.
    const live = canRedraw(environment, isTerminal) && !settings.json && !settings.debug;
    this.#display = live ? createLiveDisplay(stdout, () => this.#columns()) : null;
    this.#jobs = hosts.map(() => null);
  }

  async run(): Promise<number> {
    const { terminal } = this.#context;
    this.#store = await this.#openStore();
    const measuring = await this.#openMeasuring(this.#store).catch(async (error: unknown) => {
      await this.#store?.close();
      throw error;
    });
    this.#measuring = measuring;
    const stop = (): void => {
      this.#interrupted = true;
      void measuring.engine.interrupt();
    };
    const stopListening = terminal.onInterrupt(() => {
      this.#onInterrupt(stop);
    });
    const stopTelling =
      this.#display === null
        ? () => undefined
        : terminal.beforeStop(() => {
            this.#display?.close();
            this.#dirty = true;
          });
    this.#output.onClosed(stop);
    measuring.onFatal((error) => {
      this.#fatal = error;
      stop();
    });
    const timers = this.#startTimers(measuring);
    try {
      const ends = await this.#traceAll(measuring).finally(() => this.#store?.close());
      if (this.#fatal !== null) throw brokenTransport(this.#fatal);
      this.#display?.close();
      await this.#output.flushed();
      return traceExitCode(ends);
    } finally {
      for (const timer of timers) clearInterval(timer);
      this.#display?.close();
      stopListening();
      stopTelling();
      await measuring.close();
    }
  }

  async #openStore(): Promise<TraceStore | null> {
    const { store: path } = this.#settings;
    if (path === null) return null;
    const { TraceStore } = await import('./trace-store.js');
    return new TraceStore({
      path,
      hosts: this.#hosts,
      settings: { ...this.#settings, seed: this.#seed },
      toolVersion: this.#context.toolVersion,
      ports: await this.#context.storePorts(),
      log: this.#context.log,
      say: (message) => {
        this.#say(message);
      },
    });
  }

  #openMeasuring(store: TraceStore | null): Promise<Measuring> {
    return this.#context.openMeasuring(this.#settings, {
      onProgress: () => (this.#dirty = true),
      onWarning: (message) => {
        this.#say(message);
      },
      ...(this.#settings.dns
        ? {
            onResponder: (octets) => {
              this.#nameAhead(octets);
            },
          }
        : {}),
      ...(store === null ? {} : { ownsFiles: true }),
    });
  }

  #say(message: string): void {
    this.#display?.print('');
    this.#context.terminal.stderr.write(`pdm-trace: ${sanitizeForTerminal(message)}\n`);
  }

  async #traceAll(measuring: Measuring): Promise<TraceEnd[]> {
    const { json } = this.#settings;
    const ends: TraceEnd[] = [];
    const pending: Promise<void>[] = [];
    let previous = Promise.resolve();
    await startHosts(this.#hosts, this.#jobsOptions(measuring), (index, jobs) => {
      this.#jobs[index] = jobs;
      this.#dirty = true;
      if (jobs.some(({ state }) => state === 'running')) this.#introduce(measuring);
      for (const job of jobs) {
        this.#nameEnds(job);
        // Stored as soon as it is there, whatever is shown before it.
        const kept = job.result.then((result) => {
          this.#store?.put(result.record, result.interrupted, this.#settings.addresses === 'all');
          return result;
        });
        const show = async (): Promise<void> => {
          const result = await kept;
          ends.push(result.end);
          if (!result.failed) this.#introduce(measuring);
          this.#show(job, result);
        };
        // Programs get each record as soon as it is there; people read in the order in which they asked.
        previous = json ? show() : previous.then(show);
        // Awaited below; until then a failure is not an unhandled one.
        previous.catch(() => undefined);
        kept.catch(() => undefined);
        job.result.then(
          () => (this.#dirty = true),
          () => undefined,
        );
        pending.push(previous);
      }
    });
    await Promise.all(pending);
    return ends;
  }

  #jobsOptions(measuring: Measuring): JobsOptions {
    const { toolVersion, log } = this.#context;
    const parameters = traceParameters(this.#settings, this.#seed);
    log.debug('run-started', { seed: this.#seed, transport: measuring.transportChoice, parameters });
    return {
      measuring,
      settings: this.#settings,
      parameters,
      toolVersion,
      runId: this.#store?.runId ?? measuring.newId(),
      names: this.#names,
      log,
      interrupted: () => this.#interrupted,
    };
  }

  /** Version, adapter and seed: what it takes to do the same again. Once, and not where nothing is sent. */
  #introduce(measuring: Measuring): void {
    if (this.#introduced) return;
    this.#introduced = true;
    const text = `pdm-trace ${this.#context.toolVersion}, transport ${measuring.transportChoice}, seed ${this.#seed}`;
    if (this.#settings.json) {
      this.#tell(text);
      return;
    }
    const columns = this.#display === null ? null : this.#columns();
    const lines = wrap(text, columns ?? Infinity).map(this.#style.dim);
    this.#print(`${lines.join('\n')}\n\n`);
  }

  #show(job: TraceJob, { record, end, failure, failed }: TraceResult): void {
    this.#shown.add(job);
    if (this.#settings.json) {
      this.#output.write(`${JSON.stringify(record)}\n`);
      if (!failed) this.#tell(`${titleText(record)}: ${verdictWords(record).headline}`);
    } else if (!failed) {
      const { isTTY } = this.#context.terminal.stdout;
      const columns = isTTY === true ? this.#columns() : null;
      this.#print(`${recordText(record, { columns, style: this.#style })}\n\n`);
    }
    if (failure !== null) {
      const command = end.networkFailed && record.target.address === null ? commandMeantBy(job.input) : null;
      const isHost = command === null;
      this.#say(isHost ? failure : `cannot look up "${job.input}" as a host; did you mean the command ${command}?`);
    }
    this.#dirty = true;
  }

  /** Beside `--json`, where somebody is there to read it. */
  #tell(text: string): void {
    const { stderr } = this.#context.terminal;
    if (stderr.isTTY === true) stderr.write(`${wrap(text, columnsOf(stderr)).join('\n')}\n`);
  }

  #print(text: string): void {
    if (this.#display === null) this.#output.write(text);
    else if (!this.#output.closed) this.#display.print(text);
  }

  #onInterrupt(stop: () => void): void {
    const { terminal } = this.#context;
    if (this.#interrupted) {
      this.#display?.close();
      terminal.exitNow(EXIT.killed);
      return;
    }
    this.#display?.print('');
    terminal.stderr.write('pdm-trace: interrupted, finishing with what was measured; once more ends it at once\n');
    stop();
  }

  #startTimers(measuring: Measuring): NodeJS.Timeout[] {
    const timers: NodeJS.Timeout[] = [];
    const { stderr } = this.#context.terminal;
    if (this.#display !== null) {
      let tick = 0;
      const redraw = (): void => {
        tick += 1;
        // Once a second without news too: the clock in the last line.
        if (this.#dirty || tick % 10 === 0) this.#draw(measuring);
      };
      timers.push(setInterval(redraw, REDRAW_MS));
      this.#context.terminal.stdout.on('resize', () => (this.#dirty = true));
    } else if (stderr.isTTY === true || !this.#settings.json) {
      timers.push(
        setInterval(() => {
          stderr.write(`pdm-trace: ${this.#status(measuring)}\n`);
        }, PROGRESS_MS),
      );
    }
    return timers;
  }

  /** Of both ends, which need not answer. */
  #nameEnds(job: TraceJob): void {
    if (!this.#settings.dns || job.state !== 'running') return;
    const record = job.record();
    for (const address of [record?.source.address, record?.target.address]) {
      const octets = parseAddress(address ?? '')?.octets;
      if (octets !== undefined) this.#nameAhead(octets);
    }
  }

  /** Looks a name up when its address first answers, so that the verdict does not wait for it. */
  #nameAhead(octets: Uint8Array): void {
    const measuring = this.#measuring;
    const address = formatAddress(octets);
    if (measuring === null || this.#asked.has(address) || this.#asked.size >= MOST_ASKED) return;
    this.#asked.add(address);
    measuring
      .describe(octets.slice())
      .then((names) => {
        this.#names.learnOne(address, names);
        this.#dirty = true;
      })
      .catch((error: unknown) => {
        this.#context.log.debug('names-failed', { error: String(error) });
      });
  }

  #draw(measuring: Measuring): void {
    if (this.#display === null || this.#output.closed) return;
    this.#dirty = false;
    const traces = this.#jobs.flatMap((jobs, i): LiveTrace[] => [...(jobs ?? [unresolved(this.#hosts[i] ?? '')])]);
    const open = traces.filter((trace) => !this.#shown.has(trace as TraceJob));
    if (open.length === 0) return;
    const lines = liveFrame(open, {
      columns: this.#columns(),
      rows: this.#context.terminal.stdout.rows ?? DEFAULT_ROWS,
      style: this.#style,
      status: this.#status(measuring),
    });
    this.#display.draw(lines);
  }

  #status(measuring: Measuring): string {
    const seconds = Math.round((performance.now() - this.#startedAtMs) / 1000);
    const all = this.#hosts.length * this.#settings.protocol.length;
    const { probesSent, repliesMatched } = measuring.engine.stats();
    return `${seconds} s, ${this.#shown.size} of ${all} done, ${probesSent} probes sent, ${repliesMatched} answers`;
  }

  #columns(): number {
    return columnsOf(this.#context.terminal.stdout);
  }
}

function unresolved(host: string): LiveTrace {
  return { input: host, state: 'resolving', record: () => null };
}

function brokenTransport(cause: Error): CliError {
  const code = errorCode(cause) ?? 'ETRANSPORT';
  return new CliError(
    code,
    EXIT.unavailable,
    `the transport failed while measuring: ${cause.message}; what was measured until then is shown, run it again`,
    { cause },
  );
}
