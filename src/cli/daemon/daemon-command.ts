import { randomBytes, randomInt } from 'node:crypto';
import type { DaemonSettings } from '../../config/daemon-settings.js';
import { loadDaemonSettings } from '../../config/daemon-settings.js';
import { loadSettings } from '../../config/load-settings.js';
import { DEFAULT_STORE } from '../../config/settings.js';
import { Daemon, type DaemonPorts } from '../../daemon/daemon.js';
import { within } from '../../measure/clock.js';
import { errorFields, type EventLog } from '../../measure/event-log.js';
import { OUTPUT_ERRORS, OutputError } from '../../results/output-error.js';
import { SYSTEM_CLOCK } from '../../runs/system-clock.js';
import { keepAside, takeInUnstored } from '../../results/unstored-records.js';
import { openSqliteStore, type SqliteStore } from '../../results/store/sqlite-store.js';
import { CliError, usageError } from '../cli-error.js';
import { daemonCheckLines } from './daemon-check.js';
import { EXIT } from '../exit-codes.js';
import type { MeasureStarter } from '../../process/measure-link.js';
import { createResultOutput } from '../result-output.js';
import type { StorePorts } from '../../runs/store-ports.js';
import type { Terminal } from '../terminal/terminal.js';
import { createUuidV7 } from '../../runs/uuid-v7.js';

/** What only the process can give. */
export interface DaemonProcess extends Pick<StorePorts, 'openCommitter'>, Pick<DaemonPorts, 'readFiles' | 'checkHttp'> {
  readonly startHttp: (log: EventLog, store: string) => DaemonPorts['startHttp'];
  readonly startMeasureStarter: () => MeasureStarter;
  /** Gives up every privilege of every thread. Resolves with a warning where that is not possible. */
  readonly giveUpPrivileges: () => Promise<string | null>;
  readonly createLog: (debug: boolean) => Promise<EventLog>;
}

/** What the command `daemon` runs with. `flags`: by key, as text or switch, not yet checked. */
export interface DaemonContext extends DaemonProcess {
  readonly terminal: Terminal;
  readonly toolVersion: string;
  readonly flags: Readonly<Record<string, unknown>>;
}

/** The service manager gives up on us after ten seconds. */
const END_MS = 9500;

/** Runs until it is told to end, and resolves with the exit code. */
export async function runDaemon(context: DaemonContext): Promise<number> {
  const load = settingsLoader(context);
  const settings = load();
  await context.readFiles(settings.settings);
  if (context.flags.check === true) return check(settings, context);
  if (settings.jobs.length === 0 && settings.http === null) {
    throw usageError(`"${settings.file}" has neither jobs nor http; there is nothing to do: add a job`);
  }
  const signals = new Signals();
  const starter = context.startMeasureStarter();
  try {
    const log = await context.createLog(settings.settings.debug);
    const warning = await context.giveUpPrivileges();
    if (warning !== null) log.warn('privileges-kept', { reason: warning });
    return await new DaemonSession(context, settings, load, starter, log, signals).run();
  } finally {
    starter.close();
    signals.close();
  }
}

function settingsLoader({ flags, terminal }: DaemonContext): () => DaemonSettings {
  const file = typeof flags.config === 'string' ? flags.config : terminal.environment.PDM_TRACE_CONFIG;
  if (file === undefined || file === '') throw usageError('no settings file given; name one with --config FILE');
  const { debug } = flags;
  return () => loadDaemonSettings({ file, env: terminal.environment, flags: debug === true ? { debug } : {} });
}

async function check(settings: DaemonSettings, { terminal }: DaemonContext): Promise<number> {
  const output = createResultOutput(terminal.stdout);
  output.write(`${(await daemonCheckLines(settings, Date.now(), process.geteuid?.() ?? null)).join('\n')}\n`);
  await output.flushed();
  return EXIT.ok;
}

class DaemonSession {
  readonly #context: DaemonContext;
  readonly #settings: DaemonSettings;
  readonly #load: () => DaemonSettings;
  readonly #starter: MeasureStarter;
  readonly #log: EventLog;
  readonly #signals: Signals;

  constructor(
    context: DaemonContext,
    settings: DaemonSettings,
    load: () => DaemonSettings,
    starter: MeasureStarter,
    log: EventLog,
    signals: Signals,
  ) {
    this.#context = context;
    this.#settings = settings;
    this.#load = load;
    this.#starter = starter;
    this.#log = log;
    this.#signals = signals;
  }

  async run(): Promise<number> {
    const path = this.#settings.settings.store ?? DEFAULT_STORE;
    const store = openSqliteStore(path);
    try {
      claimStore(store);
      const committer = this.#context.openCommitter(path);
      try {
        return await this.#runWith(store, committer.commit);
      } finally {
        await within(SYSTEM_CLOCK, 1000, committer.close()).catch((error: unknown) => {
          this.#log.debug('committer-close-failed', errorFields(error));
        });
      }
    } finally {
      store.close();
    }
  }

  async #runWith(store: SqliteStore, commit: DaemonPorts['commit']): Promise<number> {
    const { toolVersion, readFiles, checkHttp, startHttp, terminal } = this.#context;
    const log = this.#log;
    const newId = createUuidV7(
      () => SYSTEM_CLOCK.wallMs(),
      (length) => randomBytes(length),
    );
    const daemon = new Daemon(
      {
        ...{ clock: SYSTEM_CLOCK, log, toolVersion, newId, store, commit, readFiles, checkHttp },
        aside: {
          keep: (records) => keepAside(store.path, records),
          takeIn: () => takeInUnstored(store),
        },
        newSeed: () => randomInt(2 ** 32),
        random: () => randomInt(2 ** 32) / 2 ** 32,
        openLink: () => this.#starter.openLink(),
        loadSettings: this.#load,
        settingsOfRun: (stored) => loadSettings({ command: 'daemon', env: {}, flags: stored }).settings,
        startHttp: startHttp(log, store.path),
      },
      this.#settings,
    );
    const end = new Promise<number>((resolve) => {
      this.#signals.onEnd((signal) => {
        log.info('signal', { signal });
        SYSTEM_CLOCK.after(END_MS, () => {
          terminal.exitNow(EXIT.software);
        });
        resolve(EXIT.ok);
      });
      this.#starter.onEnd((reason) => {
        log.error('starter-ended', {
          reason,
          remedy: 'start the daemon again: without it no process may open sockets',
        });
        // Started again by the service manager, it has its privileges again.
        resolve(EXIT.unavailable);
      });
    });
    const started = daemon.start().then(() => null);
    this.#signals.onReload(() => {
      log.info('signal', { signal: 'SIGHUP' });
      started.then(
        () => daemon.reload(),
        () => undefined,
      );
    });
    const early = await Promise.race([started, end]);
    const code = early ?? (await end);
    await daemon.stop();
    return code;
  }
}

/** Two daemons on one store would both go on with its unfinished runs. */
function claimStore(store: SqliteStore): void {
  try {
    store.claimRun('daemon');
  } catch (error) {
    if (!(error instanceof OutputError) || error.code !== OUTPUT_ERRORS.runBusy) throw error;
    const message = `another daemon works with the store "${store.path}"; end it, or name another store`;
    throw new CliError('ESTOREBUSY', EXIT.cannotCreate, message, { cause: error });
  }
}

/** Signals that come before anybody listens are kept. */
class Signals {
  #end: ((signal: string) => void) | null = null;
  #reload: (() => void) | null = null;
  #ended: string | null = null;
  readonly #listeners: readonly (readonly [NodeJS.Signals, () => void])[];

  constructor() {
    this.#listeners = [
      ...(['SIGTERM', 'SIGINT'] as const).map(
        (signal) =>
          [
            signal,
            () => {
              this.#ended ??= signal;
              this.#end?.(signal);
            },
          ] as const,
      ),
      ['SIGHUP', () => this.#reload?.()] as const,
    ];
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  onEnd(listener: (signal: string) => void): void {
    this.#end = listener;
    if (this.#ended !== null) listener(this.#ended);
  }

  onReload(listener: () => void): void {
    this.#reload = listener;
  }

  close(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }
}
