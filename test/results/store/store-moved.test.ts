/** A store that is moved, deleted or replaced while it is open: what is written to it must not go down with it. */
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore, type SqliteStore } from '../../../src/results/store/sqlite-store.js';
import type * as Client from '../../../src/results/store/store-worker-client.js';
import { prepareRecord } from '../../../src/results/store/trace-table.js';
import { compileSources, type CompiledSources } from '../compiled-sources.js';
import { buildRecord, RUN_ID } from '../record-builder.js';
import { moveStore } from '../move-store.js';

const OTHER_RUN = `${RUN_ID.slice(0, -1)}9`;
const MOVED = expect.objectContaining({ code: 'EOUTPUTMOVED', isTransient: true }) as Error;

let sources: CompiledSources;
let client: typeof Client;
let directory: string;
let path: string;
let store: SqliteStore;

beforeAll(async () => {
  sources = compileSources();
  const url = pathToFileURL(join(sources.directory, 'src/results/store/store-worker-client.js')).href;
  client = (await import(/* @vite-ignore */ url)) as typeof Client;
});
afterAll(() => {
  sources.remove();
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-moved-'));
  path = join(directory, 'store.db');
  store = openSqliteStore(path);
  createRun(store, RUN_ID);
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

function createRun(into: SqliteStore, id: string): void {
  into.runs.create({ id, name: null, vantage: null, toolVersion: '0', options: {}, startedAtMs: 0 });
}

function prepared(number: number): ReturnType<typeof prepareRecord> {
  return prepareRecord({ record: buildRecord({ number }), targetKey: null, completesTarget: false });
}

/** Numbers of the records in the file that lies there. */
function recordsIn(file: string): number {
  const reader = openSqliteStore(file, { readOnly: true });
  try {
    return reader.queries.count();
  } finally {
    reader.close();
  }
}

describe('a store that is moved away', () => {
  it('takes and gives nothing, says why, and goes on where it left off once it is back', () => {
    store.traces.put([prepared(1)]);
    expect(store.trouble()).toBeNull();
    moveStore(path, `${path}.away`);
    expect(store.trouble()).toEqual(MOVED);
    expect(store.trouble()?.message).toBe(
      `the store was moved or deleted while it was in use: ${path} (put back the one that was there)`,
    );
    expect(() => store.traces.put([prepared(2)])).toThrow(MOVED);
    expect(() => {
      store.runs.setState(RUN_ID, 'ready');
    }).toThrow(MOVED);
    expect(() => store.queries.count()).toThrow(MOVED);
    expect(existsSync(path)).toBe(false);
    moveStore(`${path}.away`, path);
    expect(store.trouble()).toBeNull();
    expect(store.traces.put([prepared(2)])).toEqual({ stored: 1, alreadyStored: 0 });
    expect(recordsIn(path)).toBe(2);
  });

  it('keeps a transaction that was committed while it was moved from being taken for stored', () => {
    const moveInside = (): void => {
      const [one, two] = [prepared(1), prepared(2)];
      // The second is looked at once the first is written.
      const late = new Proxy(two, {
        get: (target, name, receiver) => {
          if (name === 'values' && existsSync(path)) renameSync(path, `${path}.away`);
          return Reflect.get(target, name, receiver) as unknown;
        },
      });
      store.traces.put([one, late]);
    };
    expect(moveInside).toThrow(MOVED);
    renameSync(`${path}.away`, path);
    expect(store.traces.put([prepared(1), prepared(2)])).toEqual({ stored: 0, alreadyStored: 2 });
  });
});

describe('another file in the place of a store', () => {
  it('is left as it is, whatever it is', () => {
    moveStore(path, `${path}.away`);
    const other = openSqliteStore(path);
    createRun(other, OTHER_RUN);
    expect(store.trouble()).toEqual(MOVED);
    expect(store.trouble()?.message).toContain('another file took the place of the store');
    expect(() => {
      createRun(store, `${RUN_ID.slice(0, -1)}3`);
    }).toThrow(MOVED);
    expect(other.runs.list(10).map(({ id }) => id)).toEqual([OTHER_RUN]);
    other.close();
    rmSync(path);
    writeFileSync(path, 'a list of groceries');
    expect(() => store.traces.put([prepared(1)])).toThrow(MOVED);
    rmSync(path);
    moveStore(`${path}.away`, path);
    expect(store.traces.put([prepared(1)])).toEqual({ stored: 1, alreadyStored: 0 });
  });

  it('is gone on with where it is the same store, restored from a copy', () => {
    store.traces.put([prepared(1)]);
    while (store.compact());
    copyFileSync(path, `${path}.backup`);
    const count = store.queries.count();
    expect(count).toBe(1);
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
    expect(store.trouble()).toEqual(MOVED);
    renameSync(`${path}.backup`, path);
    expect(store.trouble()).toBeNull();
    expect(store.traces.put([prepared(1), prepared(2)])).toEqual({ stored: 1, alreadyStored: 1 });
    expect(recordsIn(path)).toBe(2);
    // Statements that were prepared for the file before.
    expect(store.queries.count()).toBe(2);
  });
});

describe('the thread that writes a store', () => {
  it('fails while it is away, creates none, and stores the batch once it is back', async () => {
    const worker = client.startStoreWorker(path);
    await worker.commit([prepared(1)]);
    moveStore(path, `${path}.away`);
    await expect(worker.commit([prepared(2)])).rejects.toEqual(MOVED);
    expect(existsSync(path)).toBe(false);
    moveStore(`${path}.away`, path);
    expect(await worker.commit([prepared(2)])).toEqual({ stored: 1, alreadyStored: 0 });
    await worker.close();
    expect(store.queries.count()).toBe(2);
  });

  it('creates none either where it was not open yet', async () => {
    const worker = client.startStoreWorker(path);
    moveStore(path, `${path}.away`);
    await expect(worker.commit([prepared(1)])).rejects.toEqual(MOVED);
    expect(existsSync(path)).toBe(false);
    moveStore(`${path}.away`, path);
    expect(await worker.commit([prepared(1)])).toEqual({ stored: 1, alreadyStored: 0 });
    await worker.close();
  });

  it('takes a store without the run for another one', async () => {
    const worker = client.startStoreWorker(path);
    moveStore(path, `${path}.away`);
    openSqliteStore(path).close();
    await expect(worker.commit([prepared(1)])).rejects.toEqual(MOVED);
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
    moveStore(`${path}.away`, path);
    expect(await worker.commit([prepared(1)])).toEqual({ stored: 1, alreadyStored: 0 });
    await worker.close();
  });
});
