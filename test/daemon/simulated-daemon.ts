/** A daemon whose time, child, disk and settings are the test's; its lists are files, its store is SQLite in memory, or a file. */
import { parseCron } from '../../src/config/cron-schedule.js';
import type { DaemonSettings, JobSettings } from '../../src/config/daemon-settings.js';
import { httpSettingsSchema } from '../../src/config/http-settings.js';
import { loadSettings } from '../../src/config/load-settings.js';
import { defaultSettings, type Settings } from '../../src/config/settings.js';
import { Daemon } from '../../src/daemon/daemon.js';
import type { EventLog, LogFields } from '../../src/measure/event-log.js';
import { OUTPUT_ERRORS, OutputError } from '../../src/results/output-error.js';
import { openSqliteStore, type SqliteStore } from '../../src/results/store/sqlite-store.js';
import type { OutgoingRecord, PreparedRecord } from '../../src/results/store/trace-table.js';
import { uuid } from '../results/record-builder.js';
import { Random } from '../sim/random.js';
import { SimulatedChild, type ChildWorld } from './simulated-child.js';
import { VirtualClock } from './virtual-clock.js';

export interface LogLine extends LogFields {
  readonly level: string;
  readonly event: string;
  readonly atMs: number;
  /** Which process of the daemon said it. */
  readonly life: number;
}

export interface SimulationOptions {
  readonly startMs: number;
  readonly seed: number;
  readonly traceMs: (host: string) => number;
  readonly jobs: readonly JobSettings[];
  /** In memory where it is absent. */
  readonly storePath?: string;
}

export function jobSettings(job: Partial<JobSettings> & { name: string; targets: string; cron: string }): JobSettings {
  const timezone = job.timezone ?? 'UTC';
  const schedule = parseCron(job.cron, timezone);
  const settings = { ...SETTINGS, ...job.settings, targets: job.targets };
  return { jitterSeconds: 0, missed: 'run', enabled: true, rate: null, timezone, schedule, ...job, settings };
}

const SETTINGS: Settings = { ...defaultSettings(), confidence: 0.9999, vantage: 'Simulation', rate: 1000 };

export class SimulatedDaemon {
  readonly clock: VirtualClock;
  readonly store: SqliteStore;
  readonly world: ChildWorld;
  readonly log: LogLine[] = [];
  settings: DaemonSettings;
  /** Thrown by whatever reads the settings. */
  brokenSettings: Error | null = null;
  /** Thrown by whatever reads the files that HTTP needs. */
  brokenHttp: Error | null = null;
  /** Servers that listen. */
  httpOpen = 0;
  readFiles: () => Promise<null> = () => Promise.resolve(null);
  /** Why the disk does not take anything, or null. */
  storeFailure: 'full' | 'locked' | 'io' | null = null;
  /** What the disk did not take before an end. */
  readonly aside: OutgoingRecord[] = [];
  life = 0;
  #daemon: Daemon | null = null;
  #process: { end(): void } | null = null;
  readonly #random: () => number;
  readonly #claims = new Set<{ release(): void }>();
  #ids = 0;

  constructor({ startMs, seed, traceMs, jobs, storePath }: SimulationOptions) {
    this.store = openSqliteStore(storePath ?? ':memory:');
    this.clock = new VirtualClock(startMs);
    const random = new Random(seed);
    this.#random = () => random.unit();
    const retention = { maxAgeDays: 365, maxSizeMiB: null };
    const http = httpSettingsSchema.parse({ traceQueue: 3 });
    this.settings = { file: 'daemon.yaml', settings: SETTINGS, jobs, retention, http };
    this.world = {
      clock: this.clock,
      random: this.#random,
      newId: () => uuid(++this.#ids),
      cannotStart: null,
      traceMs,
      recordOf: (record) => record,
      alive: new Set(),
      said: new Map(),
      asked: [],
      mostAlive: 0,
      mostUntaken: 0,
    };
  }

  get daemon(): Daemon {
    if (this.#daemon === null) throw new Error('no daemon runs');
    return this.#daemon;
  }

  get child(): SimulatedChild {
    const [child] = this.world.alive;
    if (child === undefined) throw new Error('no child lives');
    return child;
  }

  get nowMs(): number {
    return this.clock.wallMs();
  }

  /** Lines of its log, of one job where one is named. */
  events(event: string, job?: string): LogLine[] {
    return this.log.filter((line) => line.event === event && (job === undefined || line.job === job));
  }

  async start(): Promise<void> {
    const clock = this.clock.ofProcess();
    this.#process = clock;
    this.life += 1;
    const { life } = this;
    const store = this.#failingStore();
    const daemon = new Daemon(
      {
        clock,
        log: this.#logOf(life),
        toolVersion: '0.0.0',
        newId: this.world.newId,
        newSeed: () => Math.floor(this.#random() * 2 ** 32),
        random: this.#random,
        store,
        aside: {
          keep: (records) => {
            this.aside.push(...records);
            return Promise.resolve({ files: [{ path: 'aside', records: records.length }], lost: 0 });
          },
          takeIn: () => {
            const records = this.aside.splice(0);
            store.traces.put(records);
            return Promise.resolve(
              records.length === 0 ? [] : [{ path: 'aside', records: records.length, left: null }],
            );
          },
        },
        commit: (batch: readonly PreparedRecord[]) => Promise.resolve().then(() => store.traces.put(batch)),
        writerOptions: { time: clock },
        openLink: () => new SimulatedChild(this.world),
        loadSettings: () => {
          if (this.brokenSettings !== null) throw this.brokenSettings;
          return this.settings;
        },
        readFiles: () => this.readFiles(),
        checkHttp: () => (this.brokenHttp === null ? Promise.resolve() : Promise.reject(this.brokenHttp)),
        settingsOfRun: (flags) => loadSettings({ command: 'daemon', env: {}, flags }).settings,
        startHttp: () => {
          if (this.brokenHttp !== null) return Promise.reject(this.brokenHttp);
          this.httpOpen += 1;
          const close = (): Promise<void> => {
            this.httpOpen -= 1;
            return Promise.resolve();
          };
          return Promise.resolve({ address: '', close });
        },
      },
      this.settings,
    );
    this.#daemon = daemon;
    await this.clock.run(daemon.start(), 60_000);
  }

  /** kill -9: whatever it held in memory is gone, and its child ends with it. */
  kill(): void {
    this.#endProcess();
    for (const child of [...this.world.alive]) child.die('the daemon is gone');
    this.#daemon = null;
  }

  /** SIGTERM. Resolves with how long it took, in virtual milliseconds. */
  async stop(): Promise<number> {
    const startMs = this.clock.nowMs();
    await this.clock.run(this.daemon.stop(), 60_000);
    this.#endProcess();
    this.#daemon = null;
    return this.clock.nowMs() - startMs;
  }

  close(): void {
    this.store.close();
  }

  /** The kernel frees what the process had locked. */
  #endProcess(): void {
    this.#process?.end();
    for (const claim of this.#claims) claim.release();
    this.#claims.clear();
  }

  /** All calls that write fail while the disk does. */
  #failingStore(): SqliteStore {
    const failing = <T extends object>(table: T): T =>
      new Proxy(table, {
        get: (target, key) => {
          const value: unknown = Reflect.get(target, key);
          if (typeof value !== 'function') return value;
          return (...parameters: unknown[]): unknown => {
            if (WRITES.has(String(key))) this.#failIfSo();
            return Reflect.apply(value, target, parameters);
          };
        },
      });
    const { runs, targets, traces } = this.store;
    return {
      ...this.store,
      ...{ runs: failing(runs), targets: failing(targets), traces: failing(traces) },
      claimRun: (runId) => {
        const claim = this.store.claimRun(runId);
        this.#claims.add(claim);
        return claim;
      },
    };
  }

  #failIfSo(): void {
    if (this.storeFailure === null) return;
    throw new OutputError(OUTPUT_ERRORS[this.storeFailure], ':memory:', 'as the test wants it', 'wait');
  }

  #logOf(life: number): EventLog {
    const writer =
      (level: string): EventLog['info'] =>
      (event, fields = {}) => {
        this.log.push({ ...fields, level, event, atMs: this.nowMs, life });
      };
    return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') };
  }
}

const WRITES = new Set(['create', 'setState', 'deleteEmpty', 'add', 'spread', 'markDone', 'returnInFlight', 'put']);
