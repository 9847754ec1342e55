import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordWriter } from '../../src/results/store/record-writer.js';
import { openSqliteStore } from '../../src/results/store/sqlite-store.js';
import { prepareRecord } from '../../src/results/store/trace-table.js';
import { compileSources, startChild, type CompiledSources } from './compiled-sources.js';
import { buildRecord, RUN_ID } from './record-builder.js';

let sources: CompiledSources | null = null;
let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-failing-'));
  path = join(directory, 'store.db');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
  sources?.remove();
  sources = null;
});

function createStore(records: number): void {
  const store = openSqliteStore(path);
  store.runs.create({ id: RUN_ID, name: null, vantage: null, toolVersion: '0', options: {}, startedAtMs: 0 });
  for (let number = 1; number <= records; number += 1) store.traces.put([prepared(number)]);
  store.close();
}

function prepared(number: number): ReturnType<typeof prepareRecord> {
  return prepareRecord({ record: buildRecord({ number }), targetKey: null, completesTarget: false });
}

function withCode(code: string, ...words: string[]): Error {
  const message = expect.stringMatching(new RegExp(words.join('.*'))) as unknown;
  return expect.objectContaining({ code, exitCode: 73, message }) as Error;
}

describe('a process that can open no more files', () => {
  it('fails to store its first batch for that reason, and stores it once it can', { timeout: 60_000 }, async () => {
    createStore(0);
    sources = compileSources();
    const child = startChild(sources, 'no-files-child.js', [path], 'ulimit -n 200');
    expect(await child.next()).toEqual({
      code: 'EOUTPUTIO',
      isTransient: true,
      message: expect.stringMatching(/no more files can be opened .*ulimit -n/) as string,
    });
    expect(await child.next()).toEqual({ counts: { stored: 1, alreadyStored: 0 } });
    expect(await child.rest(), child.errors()).toEqual([]);
  });
});

describe('a full disk', () => {
  it('loses no record: they are held, said to be, and written when there is room', { timeout: 60_000 }, async () => {
    sources = compileSources();
    const mount = join(directory, 'small');
    mkdirSync(mount);
    const child = startChild(
      sources,
      'full-disk-child.js',
      [mount, `mount -o remount,size=64m '${mount}'`],
      `mount -t tmpfs -o size=4m tmpfs '${mount}'`,
    );
    const [full, lines, whole, room] = (await child.rest()) as Record<string, unknown>[];
    expect(full, child.errors()).toMatchObject({ step: 'full', code: 'EOUTPUTFULL', failures: 1 });
    expect(full?.message).toContain(`${mount}/store.db`);
    expect(full?.message).toContain('make room');
    // A command that gives up ends with this message too.
    expect(full?.message).not.toMatch(/kept|tried again/);
    expect(Number(full?.stored) + Number(full?.held)).toBe(300);
    expect(Number(full?.held)).toBeGreaterThan(0);
    expect(Number(full?.stored)).toBeGreaterThan(0);
    expect(lines).toEqual({ step: 'lines', code: 'EOUTPUTFULL', wholePairs: true });
    expect(whole).toEqual({ step: 'whole', code: 'EOUTPUTFULL', size: 0, left: [] });
    expect(room).toEqual({ step: 'room', stored: 300, held: 0, recoveries: 1 });
  });

  it('shows the same way as a limit on the size of files', { timeout: 60_000 }, async () => {
    sources = compileSources();
    const child = startChild(
      sources,
      'full-disk-child.js',
      [directory, 'prlimit --fsize=unlimited --pid=$PPID'],
      'ulimit -S -f 6000',
    );
    const steps = (await child.rest()) as Record<string, unknown>[];
    expect(steps[0], child.errors()).toMatchObject({ step: 'full', code: 'EOUTPUTFULL' });
    expect(Number(steps[0]?.stored) + Number(steps[0]?.held)).toBe(300);
    expect(steps[3], child.errors()).toMatchObject({ step: 'room', stored: 300, held: 0 });
  });
});

describe('a read-only directory', () => {
  it('is named with the remedy by everything that writes', { timeout: 60_000 }, async () => {
    createStore(1);
    sources = compileSources();
    const mount = join(directory, 'read-only');
    mkdirSync(mount);
    const prepare = `mount -t tmpfs tmpfs '${mount}' && cp '${path}' '${mount}' && mount -o remount,ro '${mount}'`;
    const child = startChild(sources, 'read-only-child.js', [mount], prepare);
    const steps = (await child.rest()) as { name: string; outcome: { code: string; message: string } }[];
    expect(
      steps.map((step) => step.name),
      child.errors(),
    ).toEqual(['newStore', 'oldStore', 'lines', 'whole']);
    for (const { outcome } of steps) {
      expect(outcome.code).toBe('EOUTPUTREADONLY');
      expect(outcome.message).toContain(mount);
      expect(outcome.message).toContain('writable');
    }
  });
});

describe('a store that cannot be used', () => {
  it('because its directory does not exist is said to be so', () => {
    expect(() => openSqliteStore(join(directory, 'none/store.db'))).toThrow(
      /none\/store\.db \(its directory must exist/,
    );
  });

  it('because another process writes is waited for, then said to be locked', () => {
    createStore(0);
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE');
    const store = openSqliteStore(path, { busyTimeoutMs: 10 });
    expect(() => store.traces.put([prepared(1)])).toThrow(withCode('EOUTPUTLOCKED', 'store.db', 'wait until'));
    other.exec('COMMIT');
    other.close();
    expect(store.traces.put([prepared(1)])).toEqual({ stored: 1, alreadyStored: 0 });
    store.close();
  });

  it('because its pages are overwritten is said to be damaged', () => {
    createStore(20);
    const octets = readFileSync(path);
    octets.fill(0xff, 8192);
    writeFileSync(path, octets);
    const read = (): unknown => {
      const store = openSqliteStore(path);
      try {
        return [...store.queries.records()];
      } finally {
        store.close();
      }
    };
    expect(read).toThrow(withCode('EOUTPUTCORRUPT', 'damaged', 'store.db', 'recover'));
  });

  it('because it is cut short is said to be damaged', () => {
    createStore(20);
    truncateSync(path, 8192 * 5);
    expect(() => {
      const store = openSqliteStore(path);
      try {
        store.traces.put([prepared(30)]);
      } finally {
        store.close();
      }
    }).toThrow(withCode('EOUTPUTCORRUPT', 'damaged'));
  });

  it('because it is cut in half is said to be so at once, also where the end of a log beside it makes up for the beginning', () => {
    createStore(200);
    const store = openSqliteStore(path);
    // In the log, with the pages that name all others.
    store.traces.put([prepared(201)]);
    for (const end of ['', '-wal']) copyFileSync(path + end, `${path}.cut${end}`);
    store.close();
    truncateSync(`${path}.cut`, statSync(path).size / 2);
    const cut = openSqliteStore(`${path}.cut`);
    expect(() => [...cut.queries.records()]).toThrow(withCode('EOUTPUTCORRUPT', 'damaged', 'recover'));
    cut.close();
  });

  it('because it is some other file is left as it is', () => {
    const text = 'host,company\nexample.com,Example\n'.repeat(40);
    writeFileSync(path, text);
    expect(() => openSqliteStore(path)).toThrow(withCode('EOUTPUTFOREIGN', 'not an SQLite database'));
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('because it is the database of another program is left as it is', () => {
    const other = new Database(path);
    other.exec('CREATE TABLE bookmark (url TEXT)');
    other.close();
    const before = readFileSync(path);
    expect(() => openSqliteStore(path)).toThrow(withCode('EOUTPUTFOREIGN', 'not a store of pdm-trace'));
    expect(readFileSync(path)).toEqual(before);
  });

  it('for reading because there is none yet does not make one', () => {
    expect(() => openSqliteStore(path, { readOnly: true })).toThrow(withCode('EOUTPUTMISSING', 'store.db'));
    expect(existsSync(path)).toBe(false);
  });
});

describe('the writer', () => {
  it('holds what a locked store refuses and writes it once the lock is gone', async () => {
    createStore(0);
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE');
    const store = openSqliteStore(path, { busyTimeoutMs: 1 });
    const failures: string[] = [];
    const writer = new RecordWriter({
      commit: (batch) => Promise.resolve(store.traces.put(batch)),
      path,
      retryMs: 5,
      onFailure: (error) => failures.push(error.message),
    });
    const written = writer.put({ record: buildRecord(), targetKey: null, completesTarget: false });
    await expect(writer.flush()).rejects.toThrow(withCode('EOUTPUTLOCKED'));
    await expect(writer.flush()).rejects.toThrow(withCode('EOUTPUTLOCKED'));
    expect(failures).toHaveLength(1);
    expect(writer.held).toBe(1);
    other.exec('COMMIT');
    other.close();
    await written;
    expect(writer.failure).toBeNull();
    expect(store.queries.count()).toBe(1);
    await writer.close();
    store.close();
  });

  it('refuses records beyond its bound, and hands back what it could not write', async () => {
    const writer = new RecordWriter({ commit: () => Promise.reject(new Error('no')), path, maxHeld: 2, retryMs: 1 });
    const entry = (number: number) => ({ record: buildRecord({ number }), targetKey: null, completesTarget: false });
    void writer.put(entry(1));
    void writer.put(entry(2));
    await expect(writer.put(entry(3))).rejects.toThrow(withCode('EOUTPUTSPILLFULL', '2 records wait'));
    await expect(writer.close(5)).rejects.toThrow('no');
    expect(writer.unwritten().map(({ json }) => (JSON.parse(json) as { id: string }).id)).toEqual([
      buildRecord({ number: 1 }).id,
      buildRecord({ number: 2 }).id,
    ]);
  });

  it('commits by the number of records before the time is up, and in the order in which they were put', async () => {
    const batches: number[] = [];
    const ids: string[] = [];
    const writer = new RecordWriter({
      commit: (batch) => {
        batches.push(batch.length);
        ids.push(...batch.map((record) => (JSON.parse(String(record.json)) as { id: string }).id));
        return Promise.resolve();
      },
      path,
      maxBatch: 4,
      maxDelayMs: 3_600_000,
    });
    const records = Array.from({ length: 8 }, (_, index) => buildRecord({ number: index + 1 }));
    await Promise.all(records.map((record) => writer.put({ record, targetKey: null, completesTarget: false })));
    expect(batches).toEqual([4, 4]);
    expect(ids).toEqual(records.map((record) => record.id));
    await writer.close();
  });

  it('says that there is no room while too many wait, and when there is again', async () => {
    let letGo: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const writer = new RecordWriter({ commit: () => gate, path, maxBacklog: 1, maxDelayMs: 1 });
    const written = [1, 2].map((number) =>
      writer.put({ record: buildRecord({ number }), targetKey: null, completesTarget: false }),
    );
    expect(writer.hasRoom).toBe(false);
    const room = writer.whenRoom();
    letGo();
    await Promise.all([room, ...written]);
    expect(writer.hasRoom).toBe(true);
    await writer.close();
  });
});

describe('a copy of a store', () => {
  it('taken while it is written, with its write-ahead log, opens', () => {
    createStore(3);
    const store = openSqliteStore(path);
    store.traces.put([prepared(10)]);
    const copy = join(directory, 'copy.db');
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    store.close();
    const opened = openSqliteStore(copy, { readOnly: true });
    expect(opened.queries.count()).toBe(4);
    opened.close();
  });
});
