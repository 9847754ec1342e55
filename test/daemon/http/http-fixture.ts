/** A store with a little of everything, a daemon that only says what it is told to, and HTTP over both. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { httpSettingsSchema, type HttpSettings } from '../../../src/config/http-settings.js';
import type { DaemonView, JobView, TraceRequest } from '../../../src/daemon/daemon-view.js';
import { composeHttp, startHttp, type HttpInput, type RunningHttp } from '../../../src/daemon/http/http-server.js';
import { openStoreReader } from '../../../src/daemon/http/http-store-reader.js';
import type { MeasurerStats } from '../../../src/measure/target-measurer.js';
import { openSqliteStore, type SqliteStore } from '../../../src/results/store/sqlite-store.js';
import { prepareRecord } from '../../../src/results/store/trace-table.js';
import type { Outcome, TraceRecord } from '../../../src/record/record.js';
import { buildRecord, RUN_ID, START_MS } from '../../results/record-builder.js';

export { RUN_ID, START_MS };
export const SECOND_RUN = `${RUN_ID.slice(0, -1)}2`;
export const TOKEN = 'correct-horse-battery-staple-0123456789';
export const NOW_MS = START_MS + 3_600_000;

const STATS: MeasurerStats = {
  tracesInFlight: 3,
  probesSent: 1234,
  repliesMatched: 1000,
  foreign: 7,
  malformed: 2,
  sendErrors: 1,
  kernelDrops: 5,
};

export class FakeView implements DaemonView {
  reasons: string[] = [];
  jobList: JobView[] = [];
  stats: MeasurerStats | null = STATS;
  asked: TraceRequest[] = [];
  answer: () => Promise<{ runId: string }> = () => Promise.resolve({ runId: RUN_ID });

  reset(): void {
    Object.assign(this, new FakeView());
  }
  notReady(): readonly string[] {
    return this.reasons;
  }
  jobs(): readonly JobView[] {
    return this.jobList;
  }
  measurer(): MeasurerStats | null {
    return this.stats;
  }
  counts(): ReturnType<DaemonView['counts']> {
    return { queueLength: 2, recordsHeld: 6, childRestarts: 1, outcomes: new Map([['dropped', 4]]) };
  }
  traceNow(request: TraceRequest): Promise<{ runId: string }> {
    this.asked.push(request);
    return this.answer();
  }
}

export const JOB: JobView = {
  name: 'customers',
  targets: '/etc/pdm-trace/customers.csv',
  cron: '15 4 * * *',
  timezone: 'America/Toronto',
  protocols: ['udp', 'icmp6'],
  nextRunAtMs: NOW_MS + 1000,
  running: { runId: SECOND_RUN, startedAtMs: NOW_MS - 1000, targets: 10, done: 4 },
  lastEnd: { runId: RUN_ID, endedAtMs: NOW_MS - 5000, state: 'failed', error: 'no space left' },
  skipped: 2,
};

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: unknown;
}

export class HttpFixture {
  readonly directory = mkdtempSync(join(tmpdir(), 'pdm-http-'));
  readonly path = join(this.directory, 'store.db');
  readonly store: SqliteStore = openSqliteStore(this.path);
  readonly view = new FakeView();
  readonly log: LogLine[] = [];
  readonly #closing: (() => Promise<void>)[] = [];

  constructor() {
    for (const [index, id] of [RUN_ID, SECOND_RUN].entries())
      this.store.runs.create({
        id,
        name: ['customers', null][index] ?? null,
        vantage: 'PDM-Toronto',
        toolVersion: '0.1.0',
        options: {},
        startedAtMs: START_MS + index,
      });
  }

  put(record: TraceRecord, targetKey: number | null = null): void {
    this.store.traces.put([prepareRecord({ record, targetKey, completesTarget: targetKey !== null })]);
  }

  /** Five records in the first run, two in the second, three targets of which one is done; the first run is finished. */
  fill(): void {
    const outcomes: Outcome[] = ['dropped', 'delivered', 'rejected', 'stripped', 'inconclusive'];
    for (const [index, outcome] of outcomes.entries()) this.put(buildRecord({ number: index + 1, outcome }));
    this.put(buildRecord({ number: 6, outcome: 'delivered', runId: SECOND_RUN, input: 'www1.customer.example' }));
    this.store.targets.add(
      SECOND_RUN,
      ['a.example', 'b.example', '2001:db8::9'].map((host, index) => ({
        line: index + 2,
        host,
        hostKey: host,
        company: index === 0 ? 'Acme' : null,
        protocols: ['udp'] as const,
        dport: null,
        tags: index === 0 ? ['web'] : [],
        spread: { wide: index, narrow: index },
      })),
    );
    const [first] = this.store.targets.list(SECOND_RUN, 1);
    this.put(buildRecord({ number: 7, runId: SECOND_RUN, input: 'a.example' }), first?.targetKey ?? null);
    this.store.runs.setState(RUN_ID, 'finished', START_MS + 60_000);
  }

  tokenFile(text = `${TOKEN}\n`, mode = 0o600): string {
    const path = join(this.directory, `token-${Math.abs(mode)}-${text.length}`);
    writeFileSync(path, text, { mode });
    return path;
  }

  settings(over: Readonly<Record<string, unknown>> = {}): HttpSettings {
    const roomy = { requestsPerSecond: 10_000, tracesPerMinute: 6000 };
    return httpSettingsSchema.parse({ port: 0, tokenFile: this.tokenFile(), ...roomy, ...over });
  }

  input(over: Readonly<Record<string, unknown>> = {}): HttpInput {
    const say =
      (level: string) =>
      (event: string, fields: unknown = {}): void => {
        this.log.push({ level, event, fields });
      };
    return {
      settings: this.settings(over),
      view: this.view,
      store: openStoreReader(this.path),
      log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
      toolVersion: '0.1.0',
      nowMs: () => NOW_MS,
    };
  }

  app(over: Readonly<Record<string, unknown>> = {}): FastifyInstance {
    const { app, close } = composeHttp(this.input(over));
    this.#closing.push(close);
    return app;
  }

  async listen(over: Readonly<Record<string, unknown>> = {}, input: Partial<HttpInput> = {}): Promise<RunningHttp> {
    const running = await startHttp({ ...this.input(over), ...input });
    this.#closing.push(() => running.close());
    return running;
  }

  async remove(): Promise<void> {
    for (const close of this.#closing.splice(0)) await close();
    this.store.close();
    rmSync(this.directory, { recursive: true });
  }
}

export const POST = {
  method: 'POST',
  url: '/api/v1/traces',
  headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
} as const;
