import { randomBytes, randomInt } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { DEFAULT_STORE, type Settings } from '../config/settings.js';
import { loadList, type LoadedList } from '../daemon/load-list.js';
import { measureOptions, targetsOutstanding, tracesInFlight } from '../daemon/measure-options.js';
import { runList } from '../daemon/run-list.js';
import { RecordWriter } from '../results/record-writer.js';
import type { StoredRun } from '../results/run-table.js';
import { openSqliteStore, type SqliteStore } from '../results/sqlite-store.js';
import { CliError, errorCode, usageError } from './cli-error.js';
import { EXIT } from './exit-codes.js';
import { ListMeasurer } from './list-measurer.js';
import type { Log } from './log.js';
import type { Measuring, OpenMeasuring } from './measuring.js';
import { createResultOutput, type ResultOutput } from './result-output.js';
import { estimateLines } from './run-estimate.js';
import { figures, outcomesText } from './run-progress.js';
import { RunScreen } from './run-screen.js';
import type { StorePorts } from './store-ports.js';
import type { Terminal } from './terminal.js';
import { sanitizeForTerminal } from './terminal-text.js';
import { createUuidV7 } from './uuid-v7.js';

export interface RunContext extends StorePorts {
  readonly terminal: Terminal;
  readonly openMeasuring: OpenMeasuring;
  readonly toolVersion: string;
  readonly log: Log;
  /** Settings with those stored for a run in place of the defaults, the file and the environment. */
  readonly settingsOfRun: (stored: Readonly<Record<string, unknown>>) => Settings;
}

/** Reporters that were last seen longer ago are not relied on: routers are replaced. */
const REPORTER_LIFETIME_MS = 90 * 86_400_000;
/** Reporters that are new wait at most this long for the disk. */
const REPORTERS_MS = 5000;

/** Traces a list once, or goes on with one, and resolves with the exit code. */
export async function runTargets(settings: Settings, context: RunContext): Promise<number> {
  if (settings.targets === null && !settings.resume)
    throw usageError('no list given; name one with --targets FILE, or go on with the last one with --resume');
  if (settings.dryRun && !settings.resume) return dryRun(settings, context);
  const path = settings.store ?? DEFAULT_STORE;
  context.becomeFileOwner();
  const store = openSqliteStore(path, settings.dryRun ? { readOnly: true } : {});
  try {
    const run = settings.resume ? findRun(store, settings) : createRun(store, settings, context);
    const ownSettings = context.settingsOfRun(run.options);
    if (settings.dryRun) return await dryRunOfRest(store, run, ownSettings, context);
    const claim = store.claimRun(run.id);
    try {
      return await new RunSession(store, run, ownSettings, context).run();
    } finally {
      claim.release();
    }
  } finally {
    store.close();
  }
}

function findRun(store: SqliteStore, { targets }: Settings): StoredRun {
  const run = store.runs.latestUnfinished(targets === null ? undefined : basename(targets));
  if (run !== null) return run;
  const which = targets === null ? '' : ` of "${basename(targets)}"`;
  throw usageError(
    `no run${which} in ${store.path} is unfinished; leave --resume out and name the list with --targets to begin one`,
  );
}

/** Everything that it takes to go on after a kill is stored before the first target. */
function createRun(store: SqliteStore, settings: Settings, context: RunContext): StoredRun {
  const { targets } = settings;
  if (targets === null) throw usageError('no list given; name one with --targets FILE');
  const newId = createUuidV7(Date.now, (length) => randomBytes(length));
  const seed = settings.seed ?? randomInt(2 ** 32);
  const run = {
    id: newId(),
    name: basename(targets),
    vantage: settings.vantage,
    toolVersion: context.toolVersion,
    options: storedOptions({ ...settings, seed, targets: resolve(targets) }),
    startedAtMs: Date.now(),
  };
  store.runs.create(run);
  return { ...run, state: 'loading', endedAtMs: null };
}

/** Where output goes is the process's, not the run's. */
const NOT_STORED: readonly (keyof Settings)[] = [
  'store',
  'resume',
  'dryRun',
  'json',
  'pcap',
  'force',
  'debug',
  'config',
];

function storedOptions(settings: Settings): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !NOT_STORED.some((other) => other === key)));
}

class RunSession {
  readonly #store: SqliteStore;
  readonly #run: StoredRun;
  readonly #settings: Settings;
  readonly #context: RunContext;
  readonly #output: ResultOutput;
  readonly #stop = new AbortController();
  readonly #newReporters = new Set<string>();
  #fatal: Error | null = null;
  #screen: RunScreen | null = null;

  constructor(store: SqliteStore, run: StoredRun, settings: Settings, context: RunContext) {
    this.#store = store;
    this.#run = run;
    this.#settings = settings;
    this.#context = context;
    this.#output = createResultOutput(context.terminal.stdout);
  }

  async run(): Promise<number> {
    const measuring = await this.#context.openMeasuring(this.#settings, {
      onProgress: () => undefined,
      onWarning: (message) => {
        this.#say(message);
      },
      ownsFiles: true,
      knownReporters: this.#store.reporters.known(Date.now() - REPORTER_LIFETIME_MS),
      onReporter: (address) => this.#newReporters.add(address),
    });
    try {
      return await this.#measure(measuring);
    } finally {
      await measuring.close();
    }
  }

  async #measure(measuring: Measuring): Promise<number> {
    const { log, terminal, toolVersion, openCommitter } = this.#context;
    const slots = tracesInFlight(this.#settings.rate);
    const measurer = new ListMeasurer({ measuring, settings: this.#settings, toolVersion, log, slots });
    const stop = (): void => {
      this.#stop.abort();
      void measurer.interrupt();
    };
    const stopListening = terminal.onInterrupt(() => {
      this.#screen?.clear();
      if (this.#stop.signal.aborted) {
        terminal.exitNow(EXIT.killed);
        return;
      }
      this.#say('interrupted, storing what was measured; once more ends it at once');
      stop();
    });
    measuring.onFatal((error) => {
      this.#fatal = error;
      stop();
    });
    this.#output.onClosed(stop);
    await this.#load();
    this.#store.targets.returnInFlight(this.#run.id);
    const before = this.#store.targets.progress(this.#run.id);
    this.#introduce(measuring, before.total);
    const screen = new RunScreen({
      terminal,
      settings: this.#settings,
      measurer,
      total: before.total,
      doneBefore: before.done,
    });
    this.#screen = screen;
    const committer = openCommitter(this.#store.path);
    const writer = new RecordWriter({
      commit: committer.commit,
      path: this.#store.path,
      onFailure: (error, held) => {
        this.#say(`${error.message}; ${figures(held)} records are held in memory and tried again`);
      },
      onRecovery: () => {
        this.#say('the store can be written again; all that was held is stored');
      },
    });
    screen.watch(() => writer.held);
    const reporters = setInterval(() => {
      this.#storeReporters();
    }, REPORTERS_MS);
    try {
      const end = await runList({
        store: this.#store,
        runId: this.#run.id,
        writer,
        measurer,
        options: measureOptions(this.#settings, this.#settings.seed ?? 0),
        outstanding: targetsOutstanding(slots),
        signal: this.#stop.signal,
        onStored: (record, interrupted) => {
          if (interrupted) return;
          screen.count(record.verdict.outcome);
          if (this.#settings.json) this.#output.write(`${JSON.stringify(record)}\n`);
        },
        onTarget: () => {
          screen.targetDone();
        },
      });
      await writer.close();
      this.#storeReporters();
      if (end === 'done') this.#store.runs.setState(this.#run.id, 'finished', Date.now());
    } catch (error) {
      stop();
      throw error;
    } finally {
      clearInterval(reporters);
      screen.close();
      stopListening();
      await committer.close().catch((error: unknown) => {
        log.debug('committer-close-failed', { error: String(error) });
      });
    }
    return this.#end(screen);
  }

  /** After a kill while loading the list is read again: what is there already stays as it is. */
  async #load(): Promise<void> {
    if (this.#run.state !== 'loading') return;
    const { targets, protocol, dport, company, seed } = this.#settings;
    if (targets === null) throw usageError('the run has no list; begin it anew with --targets FILE');
    const defaults = { protocols: protocol, dport, company, seed: seed ?? 0 };
    let loaded: LoadedList;
    try {
      loaded = await loadList(this.#store, this.#run.id, targets, defaults, (text) => {
        this.#say(`${basename(targets)}: ${text}`);
      });
    } catch (error) {
      // A list that cannot be read leaves no run behind that --resume would find.
      if (error instanceof Error && error.name === 'TargetListError') this.#abandon();
      throw error;
    }
    if (loaded.targets === 0) {
      this.#abandon();
      throw new CliError('ENOTARGETS', EXIT.noInput, `"${targets}" names no target; write one host a line`);
    }
    if (loaded.badRows > 0) this.#say(`${figures(loaded.badRows)} rows of the list are skipped, for the reasons above`);
    if (loaded.duplicates > 0) this.#say(`${figures(loaded.duplicates)} rows repeat an earlier one`);
    this.#store.runs.setState(this.#run.id, 'ready');
  }

  #abandon(): void {
    this.#store.runs.setState(this.#run.id, 'finished', Date.now());
    this.#store.runs.deleteEmpty();
  }

  #introduce(measuring: Measuring, total: number): void {
    const { rate, seed } = this.#settings;
    const parts = [
      `pdm-trace ${this.#context.toolVersion}`,
      `transport ${measuring.transportChoice}`,
      `seed ${seed ?? 0}`,
      `run ${this.#run.id}`,
      `${figures(total)} targets at ${figures(rate)} packets/s into ${this.#store.path}`,
    ];
    this.#context.terminal.stderr.write(`${parts.join(', ')}\n`);
    this.#context.log.debug('run-started', { runId: this.#run.id, seed, transport: measuring.transportChoice });
  }

  #storeReporters(): void {
    if (this.#newReporters.size === 0) return;
    try {
      this.#store.reporters.add(this.#newReporters, Date.now());
      this.#newReporters.clear();
    } catch (error) {
      // The store's own failure is said when records cannot be written; these few wait for the next time.
      this.#context.log.debug('reporters-not-stored', { code: errorCode(error) });
    }
  }

  async #end(screen: RunScreen): Promise<number> {
    const { signal } = this.#stop;
    if (!this.#settings.json) this.#output.write(`${outcomesText(screen.outcomes)}\n`);
    await this.#output.flushed();
    if (this.#fatal !== null) throw brokenTransport(this.#fatal);
    if (!signal.aborted) return EXIT.ok;
    this.#say(`not finished; go on with: pdm-trace run --resume --store ${this.#store.path}`);
    return EXIT.killed;
  }

  #say(message: string): void {
    this.#screen?.clear();
    this.#context.terminal.stderr.write(`pdm-trace: ${sanitizeForTerminal(message)}\n`);
  }
}

/** In a database of its own that nobody else sees: duplicates are found as in earnest. */
async function dryRun(settings: Settings, context: RunContext): Promise<number> {
  const { targets, protocol, dport, company, rate } = settings;
  if (targets === null) throw usageError('no list given; name one with --targets FILE');
  const store = openSqliteStore('');
  try {
    const run = createRun(store, settings, context);
    const defaults = { protocols: protocol, dport, company, seed: 0 };
    const loaded = await loadList(store, run.id, targets, defaults, (text) => {
      context.terminal.stderr.write(`pdm-trace: ${sanitizeForTerminal(`${basename(targets)}: ${text}`)}\n`);
    });
    const size = { targets: loaded.targets, records: recordsLeft(store, run.id), rate };
    const skipped = `${figures(loaded.badRows)} rows skipped, ${figures(loaded.duplicates)} repeated`;
    return await print([skipped, ...estimateLines(size)], context);
  } finally {
    store.close();
  }
}

async function dryRunOfRest(
  store: SqliteStore,
  run: StoredRun,
  { rate }: Settings,
  context: RunContext,
): Promise<number> {
  const { done, total, waiting, inFlight } = store.targets.progress(run.id);
  const size = { targets: waiting + inFlight, records: recordsLeft(store, run.id), rate };
  const head = `run ${run.id} of ${new Date(run.startedAtMs).toISOString()}: ${figures(done)} of ${figures(total)} targets are done; what is left:`;
  return print([head, ...estimateLines(size)], context);
}

function recordsLeft(store: SqliteStore, runId: string): number {
  let records = 0;
  for (const { protocols, stored } of store.targets.waiting(runId))
    records += protocols.filter((protocol) => !stored.some((one) => one.protocol === protocol)).length;
  return records;
}

async function print(lines: readonly string[], { terminal }: RunContext): Promise<number> {
  const output = createResultOutput(terminal.stdout);
  output.write(`${lines.join('\n')}\n`);
  await output.flushed();
  return EXIT.ok;
}

function brokenTransport(cause: Error): CliError {
  return new CliError(
    errorCode(cause) ?? 'ETRANSPORT',
    EXIT.unavailable,
    `the transport failed while measuring: ${cause.message}; what was measured is stored, go on with --resume`,
    { cause },
  );
}
