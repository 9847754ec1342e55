import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openJsonLinesFile } from '../../../src/results/files/json-lines-file.js';
import { RecordWriter } from '../../../src/results/store/record-writer.js';
import { openSqliteStore, type SqliteStore } from '../../../src/results/store/sqlite-store.js';
import type * as Client from '../../../src/results/store/store-worker-client.js';
import { prepareRecord } from '../../../src/results/store/trace-table.js';
import { compileSources, type CompiledSources } from '../compiled-sources.js';
import { buildRecord, RUN_ID } from '../record-builder.js';

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
  directory = mkdtempSync(join(tmpdir(), 'pdm-worker-'));
  path = join(directory, 'store.db');
  store = openSqliteStore(path);
  store.runs.create({ id: RUN_ID, name: null, vantage: null, toolVersion: '0', options: {}, startedAtMs: 0 });
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

const record = (number: number, company = 'Zoë GmbH ☎'): ReturnType<typeof buildRecord> =>
  buildRecord({ number, company });
const prepared = (number: number): ReturnType<typeof prepareRecord> =>
  prepareRecord({ record: record(number), targetKey: null, completesTarget: false });

describe('the thread that writes the store', () => {
  it('stores what it is given, octet for octet, and says how much was new', async () => {
    const worker = client.startStoreWorker(path);
    expect(await worker.commit([prepared(1), prepared(2)])).toEqual({ stored: 2, alreadyStored: 0 });
    expect(await worker.commit([prepared(2), prepared(3)])).toEqual({ stored: 1, alreadyStored: 1 });
    await worker.close();
    expect([...store.queries.records()]).toEqual([record(1), record(2), record(3)]);
  });

  it('hands back why it failed, keeps nothing of that batch, and goes on', async () => {
    const worker = client.startStoreWorker(path);
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE');
    await expect(worker.commit([prepared(1)])).rejects.toMatchObject({
      code: 'EOUTPUTLOCKED',
      path,
      exitCode: 73,
      message: expect.stringContaining('store.db') as unknown,
    });
    other.exec('COMMIT');
    other.close();
    expect(await worker.commit([prepared(1)])).toEqual({ stored: 1, alreadyStored: 0 });
    await worker.close();
    await expect(worker.commit([prepared(2)])).rejects.toThrow('ended');
  });

  it('is started again with the next batch when it ended by itself', async () => {
    const thread = join(sources.directory, 'src/results/store/store-worker.js');
    const code = readFileSync(thread, 'utf8');
    const dying = "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(1));";
    writeFileSync(thread, dying);
    const worker = client.startStoreWorker(path);
    await expect(worker.commit([prepared(1)])).rejects.toThrow('ended');
    writeFileSync(thread, code);
    expect(await worker.commit([prepared(1)])).toEqual({ stored: 1, alreadyStored: 0 });
    await worker.close();
  });
});

describe('a writer over a JSON Lines file', () => {
  it('puts every record on a line of its own', async () => {
    const file = await openJsonLinesFile(join(directory, 'records.jsonl'));
    const writer = new RecordWriter({ commit: (batch) => file.append(batch.map((one) => one.json)), path: file.path });
    await Promise.all(
      [1, 2].map((number) => writer.put({ record: record(number), targetKey: null, completesTarget: false })),
    );
    await writer.close();
    await file.close();
    const lines = readFileSync(file.path, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([record(1), record(2)]);
  });
});
