/** The daemon: jobs on schedules, one measuring child, one store, HTTP. Everything it touches comes in through ports. */
import type { DaemonSettings } from '../config/daemon-settings.js';
import type { HttpSettings } from '../config/http-settings.js';
import type { Settings } from '../config/settings.js';
import { applyRetention } from '../results/store/apply-retention.js';
import { RecordWriter, type RecordWriterOptions } from '../results/store/record-writer.js';
import type { StoredRun } from '../results/store/run-table.js';
import type { SqliteStore } from '../results/store/sqlite-store.js';
import type { OutgoingRecord } from '../results/store/trace-table.js';
import type { KeptAside, TakenIn } from '../results/unstored-records.js';
import type { TraceRecord } from '../record/record.js';
import { ChildMeasurer, type MeasureLink } from '../measure/child/child-measurer.js';
import { pause, within, type Clock } from '../measure/clock.js';
import { errorFields, type EventLog } from '../measure/event-log.js';
import { TRACE_REFUSALS, type DaemonView, type JobView, type TraceRequest } from './daemon-view.js';
import { Job, type JobServices } from './jobs/job.js';
import { daemonOptionsOf } from './jobs/job-run.js';
import { REQUEST_RUN, RequestRefused, RequestRuns } from './jobs/request-runs.js';
import type { MeasurerStats } from '../measure/target-measurer.js';

/** The HTTP interface of a daemon, once it listens. `address`: its URL, as `http://127.0.0.1:8250`. */
export interface HttpServer {
  readonly address: string;
  close(): Promise<void>;
}

/** Everything outside: tests put their own in place of each. */
export interface DaemonPorts {
  readonly clock: Clock;
  readonly log: EventLog;
  readonly toolVersion: string;
  readonly newId: () => string;
  readonly newSeed: () => number;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  readonly store: SqliteStore;
  readonly commit: RecordWriterOptions['commit'];
  /** Where records lie that the store did not take, until it does. */
  readonly aside: {
    keep(records: readonly OutgoingRecord[]): Promise<KeptAside>;
    takeIn(): Promise<readonly TakenIn[]>;
  };
  /** For tests, which have another clock. */
  readonly writerOptions?: Partial<RecordWriterOptions>;
  readonly openLink: () => MeasureLink;
  /** Reads the settings file again. @throws SettingsError */
  readonly loadSettings: () => DaemonSettings;
  /**
   * Reads what the settings name and the child would read: the text of the do-not-probe file, or null.
   * @throws an error with path and remedy where one of them cannot be used.
   */
  readonly readFiles: (settings: Settings) => Promise<string | null>;
  /** Reads token and certificate, and rejects where they cannot be used: an error with path and remedy. */
  readonly checkHttp: (settings: HttpSettings) => Promise<void>;
  readonly settingsOfRun: (stored: StoredRun['options']) => Settings;
  readonly startHttp: (settings: HttpSettings, view: DaemonView) => Promise<HttpServer>;
}

const RETENTION_MS = 3_600_000;
const FIRST_RETENTION_MS = 60_000;
const STORE_WATCH_MS = 5000;
/** After such a jump a clock gets until the next time to be put right: a wrong one would make every record too old. */
const CLOCK_JUMP_MS = 86_400_000;
/** Together with closing the store they stay below the 10 s that an end may take. */
const TRACES_END_MS = 5000;
const GIVEN_UP_MS = 500;
const LAST_WRITE_MS = 1500;
const HTTP_END_MS = 1000;

/**
 * Nothing runs before `start`; `stop` ends within 10 s. What fails in between is logged and tried again, not thrown; while
 * it fails `notReady` says so.
 */
export class Daemon implements DaemonView {
  readonly #ports: DaemonPorts;
  readonly #writer: RecordWriter;
  readonly #measurer: ChildMeasurer;
  readonly #services: JobServices;
  readonly #requests: RequestRuns;
  readonly #outcomes = new Map<string, number>();
  readonly #stopping = new AbortController();
  #jobs: Job[] = [];
  /** Removed by a reload, ending. */
  readonly #leaving = new Map<string, Promise<void>>();
  #settings: DaemonSettings;
  #http: HttpServer | null = null;
  #reload: Promise<void> = Promise.resolve();
  #nextReload: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;

  constructor(ports: DaemonPorts, settings: DaemonSettings) {
    const { store, clock, log, toolVersion, newId, newSeed, random, settingsOfRun, commit, openLink } = ports;
    this.#ports = ports;
    this.#settings = settings;
    this.#writer = new RecordWriter({
      commit,
      path: store.path,
      onFailure: (error, held) => {
        log.error('store-failed', { ...errorFields(error), held });
      },
      onRecovery: () => {
        log.info('store-works-again');
      },
      ...ports.writerOptions,
    });
    this.#measurer = new ChildMeasurer({ openLink, clock, log, toolVersion, newId }, settings.settings);
    this.#services = {
      ...{ store, clock, log, toolVersion, newId, newSeed, random, settingsOfRun },
      writer: this.#writer,
      storeTrouble: new Map(),
      measurer: this.#measurer,
      onRecord: (record, provisional) => {
        this.#count(record, provisional);
      },
    };
    this.#requests = new RequestRuns(this.#services, settings.settings, settings.http?.traceQueue ?? 0);
  }

  /**
   * Resolves when all is up.
   * @throws MeasuringFailure when nothing can be measured, or what HTTP says; then everything is closed again.
   */
  async start(): Promise<void> {
    const { log, toolVersion } = this.#ports;
    const { file, settings, jobs } = this.#settings;
    try {
      const transport = await this.#measurer.start();
      await this.#openHttp(this.#settings.http);
      if (this.#hasToEnd()) return;
      await this.#takeIn();
      this.#requests.start();
      for (const job of jobs) this.#addJob(job);
      this.#tellOfForgotten();
      log.info('daemon-started', {
        ...{ version: toolVersion, pid: process.pid, config: file, jobs: jobs.length, transport, rate: settings.rate },
        ...{ store: this.#ports.store.path, http: this.#http?.address ?? null },
      });
    } catch (error) {
      await this.stop();
      throw error;
    }
    void this.#keep();
    void this.#watchStore();
  }

  /** Reads the settings again. What cannot be used is said, and the old ones stay. */
  reload(): Promise<void> {
    // One that waits for its turn will read what this one would.
    this.#nextReload ??= this.#reload.then(() => {
      this.#nextReload = null;
      this.#reload = this.#reloadNow();
      return this.#reload;
    });
    return this.#nextReload;
  }

  /** Ends within 10 s, with all that was measured stored. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopNow();
    return this.#stopped;
  }

  notReady(): readonly string[] {
    const reasons: string[] = [];
    if (this.#stopping.signal.aborted) reasons.push('The daemon is ending.');
    const { whyNot } = this.#measurer;
    if (whyNot !== null) reasons.push(`Nothing is measured: ${whyNot}.`);
    const { storeTrouble, store } = this.#services;
    const failures = [store.trouble()?.message, this.#writer.failure?.message, ...storeTrouble.values()];
    const [trouble] = failures.filter(isText);
    if (trouble !== undefined) reasons.push(`The store cannot be written: ${trouble}.`);
    return reasons;
  }

  jobs(): readonly JobView[] {
    return this.#jobs.map((job) => job.view());
  }

  measurer(): MeasurerStats | null {
    return this.#measurer.stats();
  }

  counts(): ReturnType<DaemonView['counts']> {
    return {
      queueLength: this.#requests.length,
      recordsHeld: this.#writer.held,
      childRestarts: this.#measurer.restarts,
      outcomes: this.#outcomes,
    };
  }

  async traceNow(request: TraceRequest): Promise<{ readonly runId: string }> {
    const [reason] = this.notReady();
    if (reason !== undefined) throw new RequestRefused(TRACE_REFUSALS.notReady, reason);
    return this.#requests.trace(request);
  }

  #count({ verdict }: TraceRecord, provisional: boolean): void {
    if (!provisional) this.#outcomes.set(verdict.outcome, (this.#outcomes.get(verdict.outcome) ?? 0) + 1);
  }

  #addJob(settings: DaemonSettings['jobs'][number]): void {
    const { log } = this.#ports;
    const job = new Job(this.#services, settings);
    this.#jobs.push(job);
    job.start().catch((error: unknown) => {
      log.error('job-failed', { job: settings.name, ...errorFields(error) });
    });
  }

  /** Runs whose job is not in the file any more: nobody goes on with them. */
  #tellOfForgotten(): void {
    const { store, log } = this.#ports;
    const known = new Set([REQUEST_RUN, ...this.#jobs.map(({ settings }) => settings.name)]);
    for (const run of store.runs.unfinished()) {
      if (daemonOptionsOf(run) === null || (run.name !== null && known.has(run.name))) continue;
      log.warn('run-forgotten', { job: run.name, runId: run.id, remedy: 'put the job back into the settings file' });
    }
  }

  async #openHttp(settings: HttpSettings | null): Promise<void> {
    const http = settings === null ? null : await this.#ports.startHttp(settings, this);
    // The end has closed what there was, and knows nothing of this one.
    if (this.#hasToEnd()) await http?.close();
    else this.#http = http;
  }

  /** An end may come while something else is waited for. */
  #hasToEnd(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Retention. */
  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    let jumpedMs = await this.#pauseAndCompare(FIRST_RETENTION_MS);
    while (!signal.aborted) {
      if (jumpedMs <= CLOCK_JUMP_MS) await this.#retain();
      else this.#ports.log.warn('retention-postponed', { jumpedMs, remedy: 'see that the clock is right' });
      jumpedMs = await this.#pauseAndCompare(RETENTION_MS);
    }
  }

  /** Where nothing is to be stored just now, nobody else would see that the store is not there. */
  async #watchStore(): Promise<void> {
    const { store, clock, log } = this.#ports;
    const { signal } = this.#stopping;
    let before: string | null = null;
    while (!signal.aborted) {
      const trouble = store.trouble();
      if (trouble !== null && before === null)
        log.error('store-failed', { ...errorFields(trouble), held: this.#writer.held });
      if (trouble === null && before !== null) log.info('store-works-again');
      before = trouble?.message ?? null;
      await pause(clock, STORE_WATCH_MS, signal);
    }
  }

  /** What an earlier process could not store. */
  async #takeIn(): Promise<void> {
    const { aside, log } = this.#ports;
    for (const { path, records, left } of await aside.takeIn()) {
      if (left === null) log.info('records-taken-in', { file: path, records });
      else log.warn('records-left-aside', { file: path, why: left });
    }
  }

  async #keepAside(): Promise<void> {
    const { aside, log } = this.#ports;
    const { files, lost } = await aside.keep(this.#writer.unwritten());
    for (const { path, records } of files) log.warn('records-kept-aside', { file: path, records });
    // Their targets still wait in the store: they are measured again by the process that goes on.
    if (lost > 0) log.error('records-not-stored', { held: lost });
  }

  /** By how much more the wall clock went on meanwhile: the machine slept, or the clock was set. */
  async #pauseAndCompare(delayMs: number): Promise<number> {
    const { clock } = this.#ports;
    const beganAtMs = clock.wallMs();
    await pause(clock, delayMs, this.#stopping.signal);
    return clock.wallMs() - beganAtMs - delayMs;
  }

  async #retain(): Promise<void> {
    const { store, log, clock } = this.#ports;
    const { maxAgeDays, maxSizeMiB } = this.#settings.retention;
    if (maxAgeDays === null && maxSizeMiB === null) return;
    const retention = {
      maxAgeMs: maxAgeDays === null ? null : maxAgeDays * 86_400_000,
      maxOctets: maxSizeMiB === null ? null : maxSizeMiB * 1024 * 1024,
    };
    try {
      const deleted = await applyRetention(store, retention, clock.wallMs());
      if (deleted > 0) log.info('records-deleted', { deleted, maxAgeDays, maxSizeMiB });
    } catch (error) {
      log.warn('retention-failed', errorFields(error));
    }
  }

  async #reloadNow(): Promise<void> {
    const { log, loadSettings, readFiles, checkHttp } = this.#ports;
    if (this.#hasToEnd()) return;
    let next: DaemonSettings;
    let forbidden: string | null;
    try {
      next = loadSettings();
      forbidden = await readFiles(next.settings);
      if (next.http !== null) await checkHttp(next.http);
    } catch (error) {
      log.error('reload-failed', { ...errorFields(error), kept: 'the settings from before' });
      return;
    }
    if (this.#hasToEnd()) return;
    const before = this.#settings;
    if (next.settings.store !== before.settings.store) log.warn('store-kept', { remedy: 'restart for another store' });
    this.#settings = next;
    const changed = CHILD_KEYS.filter((key) => next.settings[key] !== before.settings[key]);
    if (changed.length > 0) this.#measurer.replace(next.settings);
    else this.#measurer.forbid(next.settings, forbidden);
    this.#requests.change(next.settings, next.http?.traceQueue ?? 0);
    this.#changeJobs(next);
    // Always: certificates and tokens are read again.
    await this.#http?.close();
    this.#http = null;
    if (this.#hasToEnd()) return;
    try {
      await this.#openHttp(next.http);
    } catch (error) {
      log.error('http-failed', { ...errorFields(error), remedy: 'correct it and send SIGHUP' });
      await this.#openHttp(before.http).catch((again: unknown) => {
        log.error('http-failed', errorFields(again));
      });
    }
    log.info('reloaded', { jobs: next.jobs.length, childRestarted: changed });
  }

  #changeJobs(next: DaemonSettings): void {
    const { log } = this.#ports;
    const kept: Job[] = [];
    for (const job of this.#jobs) {
      const settings = next.jobs.find(({ name }) => name === job.settings.name);
      if (settings === undefined) {
        log.info('job-removed', { job: job.settings.name });
        this.#leave(job);
      } else {
        job.change(settings);
        kept.push(job);
      }
    }
    this.#jobs = kept;
    for (const settings of next.jobs) {
      if (kept.some((job) => job.settings.name === settings.name)) continue;
      log.info('job-added', { job: settings.name });
      // One that was removed a moment ago may still be ending, and has the run that is to be gone on with.
      if (!this.#leaving.has(settings.name)) this.#addJob(settings);
    }
  }

  /** Once it has ended, one of its name that came with a later reload takes its place. */
  #leave(job: Job): void {
    const { name } = job.settings;
    const ended = job.stop().then(() => {
      this.#leaving.delete(name);
      const wanted = this.#settings.jobs.find((settings) => settings.name === name);
      if (wanted !== undefined && !this.#hasToEnd()) this.#addJob(wanted);
    });
    this.#leaving.set(name, ended);
  }

  async #stopNow(): Promise<void> {
    const { log, clock } = this.#ports;
    log.info('stopping', { held: this.#writer.held });
    this.#stopping.abort();
    const http = within(clock, HTTP_END_MS, this.#http?.close() ?? Promise.resolve());
    const ends = Promise.all([
      this.#requests.stop(),
      ...this.#leaving.values(),
      ...this.#jobs.map((job) => job.stop()),
    ]);
    this.#measurer.interrupt();
    await within(clock, TRACES_END_MS, ends);
    this.#measurer.close();
    await within(clock, GIVEN_UP_MS, ends);
    try {
      await this.#writer.close(LAST_WRITE_MS);
    } catch (error) {
      log.error('store-failed', { ...errorFields(error), held: this.#writer.held });
      await this.#keepAside();
    }
    await http;
    log.info('stopped');
  }
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}

/** What a measuring child cannot change once it runs. */
const CHILD_KEYS = ['rate', 'transport', 'interface', 'dns', 'resolver', 'asnDb', 'ixpPrefixes'] as const;
