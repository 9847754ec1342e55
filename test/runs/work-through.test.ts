import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { measureOptions } from '../../src/measure/measure-options.js';
import type { TargetMeasurer } from '../../src/measure/target-measurer.js';
import { loadSettings } from '../../src/config/load-settings.js';
import { mayPass, OUTPUT_ERRORS, OutputError } from '../../src/results/output-error.js';
import { RecordWriter } from '../../src/results/store/record-writer.js';
import { openSqliteStore, type SqliteStore } from '../../src/results/store/sqlite-store.js';
import { workThrough, type RunWork } from '../../src/runs/work-through.js';
import { buildRecord, RUN_ID, START_MS, uuid } from '../results/record-builder.js';

let directory: string;
let store: SqliteStore;
let list: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-work-'));
  list = join(directory, 'targets.txt');
  writeFileSync(list, 'one.example\ntwo.example\nthree.example\n');
  store = openSqliteStore(join(directory, 'store.db'));
  const run = { id: RUN_ID, name: 'list', vantage: '', toolVersion: '0', options: {}, startedAtMs: START_MS };
  store.runs.create(run);
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

const { settings } = loadSettings({ command: 'run', env: {}, flags: {} });

/** Each order yields a record at once, until `stop` is aborted. */
function measurerOf(measured: string[], stop?: AbortController): TargetMeasurer {
  return {
    measure: ({ host, runId }, onRecord) => {
      if (stop?.signal.aborted === true) return Promise.resolve('interrupted');
      measured.push(host);
      const record = { ...buildRecord({ input: host, runId, protocol: 'icmp6' }), id: uuid(measured.length) };
      onRecord({ record, interrupted: false, last: true });
      if (measured.length === 2) stop?.abort();
      return Promise.resolve('done');
    },
    stats: () => null,
  };
}

interface Told {
  readonly ready: unknown[];
  readonly problems: string[];
  readonly stored: string[];
}

function workOf(measurer: TargetMeasurer, more: Partial<RunWork> = {}): RunWork & { readonly told: Told } {
  const told: Told = { ready: [], problems: [], stored: [] };
  return {
    told,
    store,
    runId: RUN_ID,
    list: { path: list, defaults: { protocols: ['icmp6'], dport: null, company: null, seed: 1 } },
    writer: new RecordWriter({
      commit: (batch) => Promise.resolve(store.traces.put(batch)),
      path: store.path,
      maxDelayMs: 1,
    }),
    measurer,
    options: measureOptions(settings, 1),
    outstanding: 1,
    signal: new AbortController().signal,
    wallMs: () => START_MS + 5000,
    withStore: async (work) => work(),
    loading: { onProblem: (text) => told.problems.push(text) },
    onLoaded: () => undefined,
    onReady: (progress) => told.ready.push(progress),
    onStored: (record) => told.stored.push(record.target.input),
    ...more,
  };
}

describe('a run of the store', () => {
  it('is loaded, measured and finished, with every record on disk before that', async () => {
    const measured: string[] = [];
    const work = workOf(measurerOf(measured));
    expect(await workThrough(work)).toBe('finished');
    expect(measured.toSorted()).toEqual(['one.example', 'three.example', 'two.example']);
    expect(work.told.stored).toHaveLength(3);
    expect(work.told.ready).toMatchObject([{ total: 3, done: 0 }]);
    expect(store.runs.get(RUN_ID)).toMatchObject({ state: 'finished', endedAtMs: START_MS + 5000 });
  });

  it('that is stopped is gone on with where it was', async () => {
    const measured: string[] = [];
    const stop = new AbortController();
    expect(await workThrough(workOf(measurerOf(measured, stop), { signal: stop.signal }))).toBe('stopped');
    expect([measured.length, store.runs.get(RUN_ID)?.state]).toEqual([2, 'ready']);
    const rest = workOf(measurerOf(measured));
    expect(await workThrough(rest)).toBe('finished');
    expect(rest.told.ready).toMatchObject([{ total: 3, done: 2 }]);
    expect(new Set(measured).size).toBe(3);
  });

  it.each([
    ['names no target', '# nobody\n', 'names no target; write one host a line'],
    ['cannot be read', null, 'targets.txt'],
  ])('whose list %s is gone, and nobody goes on with it', async (_name, text, message) => {
    if (text === null) rmSync(list);
    else writeFileSync(list, text);
    await expect(workThrough(workOf(measurerOf([])))).rejects.toThrow(message);
    expect(store.runs.get(RUN_ID)).toBeNull();
  });

  it('asks nothing of the store that is not asked again where it fails for a while', async () => {
    const measured: string[] = [];
    const failed: string[] = [];
    const work = workOf(measurerOf(measured), {
      store: failingOnce(store, failed),
      withStore: async (part) => {
        for (;;) {
          try {
            return await part();
          } catch (error) {
            if (!mayPass(error)) throw error;
          }
        }
      },
    });
    expect(await workThrough(work)).toBe('finished');
    expect(failed.toSorted()).toEqual([
      'runs.get',
      'runs.setState',
      'targets.add',
      'targets.progress',
      'targets.returnInFlight',
      'targets.spread',
      'targets.waiting',
    ]);
    expect(measured).toHaveLength(3);
    expect(store.queries.count({})).toBe(3);
    expect(store.runs.get(RUN_ID)?.state).toBe('finished');
  });
});

/** The first call of each method of its tables fails as the disk does. */
function failingOnce(real: SqliteStore, failed: string[]): SqliteStore {
  const failing = <T extends object>(table: T, name: string): T =>
    new Proxy(table, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]): unknown => {
          const call = `${name}.${String(key)}`;
          if (!failed.includes(call)) {
            failed.push(call);
            throw new OutputError(OUTPUT_ERRORS.io, real.path, 'reading or writing failed', 'check the device');
          }
          return Reflect.apply(value, target, given);
        };
      },
    });
  const tables = { runs: failing(real.runs, 'runs'), targets: failing(real.targets, 'targets') };
  return new Proxy(real, {
    get: (target, key): unknown => {
      if (key === 'runs' || key === 'targets') return tables[key];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
