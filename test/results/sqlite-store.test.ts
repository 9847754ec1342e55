import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore, type SqliteStore } from '../../src/results/sqlite-store.js';
import { prepareRecord } from '../../src/results/trace-table.js';
import { buildRecord, RUN_ID, START_MS, type RecordOptions } from './record-builder.js';

let directory: string;
let store: SqliteStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-store-'));
  store = openSqliteStore(join(directory, 'store.db'));
  createRun(RUN_ID);
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

function createRun(id: string): void {
  store.runs.create({
    id,
    name: 'list',
    vantage: 'PDM-Toronto',
    toolVersion: '0.1.0',
    options: { rate: 100, protocol: ['udp', 'icmp6'] },
    startedAtMs: START_MS,
  });
}

function put(options: RecordOptions, targetKey: number | null = null): void {
  store.traces.put([prepareRecord({ record: buildRecord(options), targetKey, completesTarget: false })]);
}

describe('records', () => {
  it('come back as they were stored', () => {
    const record = buildRecord();
    put({});
    expect(store.traces.record(record.id)).toEqual(record);
    expect(JSON.stringify(record).length).toBeGreaterThan(15_000);
  });

  it('are stored once when put twice', () => {
    put({});
    put({});
    expect(store.queries.count()).toBe(1);
  });
});
