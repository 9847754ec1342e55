import { basename } from 'node:path';
import type { Settings } from '../../config/settings.js';
import { measureOptions, targetsOutstanding, tracesInFlight } from '../../measure/measure-options.js';
import { retryTransient, type RetryOptions } from '../../runs/retry-transient.js';
import { SYSTEM_CLOCK } from '../../runs/system-clock.js';
import { abandonRun, workThrough, type RunWork } from '../../runs/work-through.js';
import { mayPass, OUTPUT_ERRORS } from '../../results/output-error.js';
import type { StoredRun } from '../../results/store/run-table.js';
import type { SqliteStore } from '../../results/store/sqlite-store.js';
import { takeInUnstored } from '../../results/unstored-records.js';
import type { TargetProgress } from '../../results/store/target-table.js';
import type { TraceRecord } from '../../record/record.js';
import { CliError, usageError } from '../cli-error.js';
import { errorCode } from '../../text/error-code.js';
import { EXIT } from '../exit-codes.js';
import { FaultWatch } from './fault-watch.js';
import { ListMeasurer } from '../../measure/list-measurer.js';
import type { Log } from '../../measure/event-log.js';
import type { Measuring, OpenMeasuring } from '../../measure/measuring.js';
import { RecordKeeper } from '../../runs/record-keeper.js';
import { createResultOutput, type ResultOutput } from '../result-output.js';
import { endText } from './run-progress.js';
import { counted, figures } from '../../text/counted.js';
import { RunScreen } from './run-screen.js';
import type { StorePorts } from '../../runs/store-ports.js';
import type { Terminal } from '../terminal/terminal.js';
import { sanitizeForTerminal } from '../../text/terminal-text.js';

/** What measuring a list, and storing what comes of it, takes from outside. */
export interface RunContext extends StorePorts {
  readonly terminal: Terminal;
  readonly openMeasuring: OpenMeasuring;
  readonly toolVersion: string;
  readonly log: Log;
}

/** A list that is done waits so long for a store that cannot be written. */
const PATIENCE_MS = 600_000;
const RETRY_MS = 500;
const LONGEST_RETRY_MS = 2000;
/** After Ctrl-C. */
const LAST_WRITE_MS = 5000;
/** After Ctrl-C, names are still looked up for so long. */
const LAST_NAMES_MS = 2000;
/** Of a run that is gone on with, compared for faults that its targets share: about a second. */
const RECORDS_REMEMBERED = 5000;
/** While a long list is read. */
const LOADING_MS = 10_000;

/** One process's part in a run. */
export class RunSession {
  readonly #store: SqliteStore;
  readonly #run: StoredRun;
  readonly #settings: Settings;
  readonly #context: RunContext;
  readonly #output: ResultOutput;
  readonly #stop = new AbortController();
  readonly #faults = new FaultWatch((message) => {
    this.#say(message);
  });
  /** What ended the run early, if not the user. */
  #fatal: Error | null = null;
  #screen: RunScreen | null = null;
  #storedNow = 0;
  /** Records of traces that were in flight when the run was interrupted. */
  #brokenOff = 0;

  constructor(store: SqliteStore, run: StoredRun, settings: Settings, context: RunContext) {
    this.#store = store;
    this.#run = run;
    this.#settings = settings;
    this.#context = context;
    this.#output = createResultOutput(context.terminal.stdout);
  }

  async run(): Promise<number> {
    const measuring = await this.#openMeasuring();
    try {
      return await this.#measure(measuring);
    } finally {
      await measuring.close();
    }
  }

  async #openMeasuring(): Promise<Measuring> {
    const isNew = this.#run.state === 'loading' && this.#store.targets.progress(this.#run.id).total === 0;
    try {
      return await this.#context.openMeasuring(this.#settings, {
        onProgress: () => undefined,
        onWarning: (message) => {
          this.#say(message);
        },
        forList: true,
        ownsFiles: true,
      });
    } catch (error) {
      // What never began is nothing to go on with.
      if (isNew) abandonRun(this.#store, this.#run.id, Date.now());
      throw error;
    }
  }

  async #measure(measuring: Measuring): Promise<number> {
    const { log, toolVersion } = this.#context;
    const slots = tracesInFlight(this.#settings.rate);
    const measurer = new ListMeasurer({ measuring, settings: this.#settings, toolVersion, log, slots });
    const stopListening = this.#listen(measuring, measurer);
    try {
      await this.#work(measuring, measurer);
      return await this.#end();
    } finally {
      this.#screen?.close();
      stopListening();
    }
  }

  /** Whatever ends the run early: Ctrl-C, a broken transport, a reader that went away. */
  #listen(measuring: Measuring, measurer: ListMeasurer): () => void {
    const { terminal } = this.#context;
    let lastNames: NodeJS.Timeout | undefined;
    this.#stop.signal.addEventListener('abort', () => {
      void measurer.interrupt();
      lastNames = setTimeout(() => {
        measuring.stopLookups();
      }, LAST_NAMES_MS);
    });
    measuring.onFatal((error) => {
      this.#fatal ??= brokenTransport(error);
      this.#stop.abort();
    });
    this.#output.onClosed(() => {
      this.#stop.abort();
    });
    const stopListening = terminal.onInterrupt(() => {
      if (this.#stop.signal.aborted) {
        this.#screen?.close();
        terminal.exitNow(EXIT.killed);
        return;
      }
      this.#say('interrupted, storing what was measured; once more ends it at once');
      this.#stop.abort();
    });
    return () => {
      clearTimeout(lastNames);
      stopListening();
    };
  }

  /** What an earlier process could not store. */
  async #takeIn(): Promise<void> {
    for (const { path, records, left } of await takeInUnstored(this.#store)) {
      if (left === null)
        this.#say(`${counted(records, 'record')} of ${path} stored, which an earlier process could not store`);
      else this.#say(`${path} stays where it is: ${left}`);
    }
  }

  #introduce(measuring: Measuring, { total, done }: TargetProgress): void {
    const { rate, seed } = this.#settings;
    const left = done === 0 ? '' : `${figures(total - done)} left of `;
    const parts = [
      `pdm-trace ${this.#context.toolVersion}`,
      `transport ${measuring.transportChoice}`,
      `seed ${seed ?? 0}`,
      `run ${this.#run.id}`,
      `${left}${counted(total, 'target')} at ${figures(rate)} packets/s into ${this.#store.path}`,
    ];
    this.#context.terminal.stderr.write(`${sanitizeForTerminal(parts.join(', '))}\n`);
    this.#context.log.debug('run-started', { runId: this.#run.id, seed, transport: measuring.transportChoice });
  }

  #remember(screen: RunScreen): void {
    const { queries } = this.#store;
    const filter = { runId: this.#run.id };
    // One at a time: all of them together would take hundreds of megabytes.
    const records = function* (): Iterable<TraceRecord> {
      for (const record of queries.records(filter, { limit: RECORDS_REMEMBERED })) {
        screen.remember(record);
        yield record;
      }
    };
    this.#faults.remember(records(), queries.count(filter));
  }

  /** A run that is gone on with shows what it has as a whole. */
  #createScreen(measurer: ListMeasurer, { total, done }: TargetProgress): RunScreen {
    const screen = new RunScreen({
      terminal: this.#context.terminal,
      settings: this.#settings,
      measurer,
      total,
      doneBefore: done,
    });
    for (const { outcome, count } of this.#store.traces.finalOutcomes(this.#run.id)) screen.count(outcome, count);
    return screen;
  }

  async #work(measuring: Measuring, measurer: ListMeasurer): Promise<void> {
    const { openCommitter, log } = this.#context;
    const { signal } = this.#stop;
    await this.#takeIn();
    const keeper = new RecordKeeper({
      path: this.#store.path,
      openCommitter,
      log,
      say: (message) => {
        this.#say(message);
      },
      onBroken: (error) => {
        this.#fatal ??= error;
        this.#stop.abort();
      },
    });
    try {
      await workThrough(this.#asWork(measuring, measurer, keeper));
    } catch (error) {
      // Whoever ends it while the store fails wants to hear of what is not stored: that is the keeper's to say.
      if (signal.aborted && mayPass(error)) return;
      this.#stop.abort();
      throw error;
    } finally {
      await keeper.close(signal.aborted ? LAST_WRITE_MS : 0);
    }
  }

  #asWork(measuring: Measuring, measurer: ListMeasurer, { writer }: RecordKeeper): RunWork {
    const { targets, protocol, dport, company, seed, rate, json } = this.#settings;
    if (this.#run.state === 'loading' && targets === null)
      throw usageError('the run has no list; begin it anew with --targets FILE');
    return {
      store: this.#store,
      runId: this.#run.id,
      list:
        targets === null ? null : { path: targets, defaults: { protocols: protocol, dport, company, seed: seed ?? 0 } },
      writer,
      measurer,
      options: measureOptions(this.#settings, seed ?? 0),
      outstanding: targetsOutstanding(tracesInFlight(rate)),
      signal: this.#stop.signal,
      wallMs: Date.now,
      withStore: (work) => this.#withStore(work),
      ...this.#ofLoading(basename(targets ?? '')),
      onReady: (progress) => {
        this.#introduce(measuring, progress);
        const screen = this.#createScreen(measurer, progress);
        screen.watch(() => writer.held);
        if (progress.done > 0) this.#remember(screen);
        this.#screen = screen;
      },
      onStored: (record, interrupted) => {
        this.#storedNow += 1;
        if (interrupted) {
          this.#brokenOff += 1;
          return;
        }
        this.#screen?.take(record);
        const shown = this.#faults.take(record);
        if (json) this.#output.write(`${JSON.stringify(shown)}\n`);
      },
      onTarget: () => {
        this.#screen?.targetDone();
      },
    };
  }

  #ofLoading(name: string): Pick<RunWork, 'loading' | 'onLoaded'> {
    let saidAtMs = performance.now();
    return {
      loading: {
        onProblem: (text) => {
          this.#say(`${name}: ${text}`);
        },
        onRows: (rows) => {
          if (performance.now() - saidAtMs < LOADING_MS) return;
          saidAtMs = performance.now();
          this.#say(`${name}: ${figures(rows)} rows read so far`);
        },
      },
      onLoaded: ({ badRows, duplicates }) => {
        if (badRows > 0) this.#say(`${counted(badRows, 'row')} of the list skipped, for the reasons above`);
        if (duplicates > 0) this.#say(`${counted(duplicates, 'row')} of the list measured once with an earlier one`);
      },
    };
  }

  /** While another process writes, the disk is full, or the store is away. */
  #withStore<T>(work: () => T | Promise<T>): Promise<T> {
    const options: RetryOptions = {
      clock: SYSTEM_CLOCK,
      signal: this.#stop.signal,
      // Of records that are held the keeper speaks.
      onFailure: ({ code, message }) => {
        if (code === OUTPUT_ERRORS.moved) this.#say(`${message}; waiting for it`);
      },
      isWorthTrying: ({ code }) => {
        if (code !== OUTPUT_ERRORS.moved) return true;
        const isBack = this.#store.trouble() === null;
        if (isBack) this.#say('the store is back');
        return isBack;
      },
      patience: { ms: PATIENCE_MS, done: () => this.#storedNow },
      firstPauseMs: RETRY_MS,
      longestPauseMs: LONGEST_RETRY_MS,
    };
    return retryTransient(options, work);
  }

  async #end(): Promise<number> {
    const screen = this.#screen;
    screen?.close();
    this.#faults.sum();
    if (!this.#settings.json && screen !== null) this.#output.write(`${endText(screen.outcomes, this.#brokenOff)}\n`);
    await this.#output.flushed();
    if (this.#fatal !== null) throw this.#fatal;
    const { path } = this.#store;
    if (!this.#stop.signal.aborted) {
      this.#say(`done; see the records with: pdm-trace report --run ${this.#run.id} --store ${path}`);
      return EXIT.ok;
    }
    this.#say(`not finished; go on with: pdm-trace run --resume --store ${path}`);
    return EXIT.killed;
  }

  #say(message: string): void {
    this.#screen?.clear();
    this.#context.terminal.stderr.write(`pdm-trace: ${sanitizeForTerminal(message)}\n`);
  }
}

function brokenTransport(cause: Error): CliError {
  return new CliError(
    errorCode(cause) ?? 'ETRANSPORT',
    EXIT.unavailable,
    `the transport failed while measuring: ${cause.message}; what was measured is stored, go on with --resume`,
    { cause },
  );
}
