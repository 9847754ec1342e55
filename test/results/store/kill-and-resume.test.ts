import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../../src/results/store/sqlite-store.js';
import { compileSources, startChild, type CompiledSources } from '../compiled-sources.js';
import { RUN_ID, START_MS } from '../record-builder.js';

let sources: CompiledSources;
let directory: string;
beforeAll(() => {
  sources = compileSources();
  directory = mkdtempSync(join(tmpdir(), 'pdm-kill-'));
});
afterAll(() => {
  sources.remove();
  rmSync(directory, { recursive: true });
});

const TARGETS = 60;
/** `maxBacklog` of the child, and the target that was measured when it was reached. */
const BOUND = 10 + 2;

describe('a run that is killed with -9', () => {
  it(
    'has on disk all that it was told is stored, and after resuming each record once',
    { timeout: 120_000 },
    async () => {
      const path = join(directory, 'store.db');
      prepareRun(path);
      const stored = new Set<string>();
      // After so many lines of output: while loading, between commits, in the middle of one.
      for (const lines of [3, 17, 40, 55]) {
        const child = startChild(sources, 'run-child.js', [path]);
        const put: string[] = [];
        const told: string[] = [];
        for (let seen = 0; seen < lines; seen += 1) note(await child.next(), put, told);
        child.process.kill('SIGKILL');
        for (const line of await child.rest()) note(line, put, told);
        const onDisk = recordIds(path);
        for (const id of [...stored, ...told]) expect(onDisk).toContain(id);
        expect(put.filter((id) => !onDisk.has(id)).length).toBeLessThanOrEqual(BOUND);
        for (const id of onDisk) stored.add(id);
      }
      const last = startChild(sources, 'run-child.js', [path]);
      expect((await last.rest()).at(-1), last.errors()).toEqual({ finished: true });

      const store = openSqliteStore(path, { readOnly: true });
      expect(store.targets.progress(RUN_ID)).toEqual({ total: TARGETS, waiting: 0, inFlight: 0, done: TARGETS });
      const seen = [...store.queries.summaries()].map((row) => `${row.destinationInput} ${row.protocol}`);
      store.close();
      expect(seen.length).toBe(2 * TARGETS);
      expect(new Set(seen).size).toBe(2 * TARGETS);
      for (const id of stored) expect(recordIds(path)).toContain(id);
    },
  );

  it('keeps a second process away from its run while it lives, and not afterwards', async () => {
    const path = join(directory, 'claimed.db');
    prepareRun(path);
    const child = startChild(sources, 'run-child.js', [path]);
    await child.next();
    child.process.kill('SIGSTOP');
    const store = openSqliteStore(path);
    expect(() => store.claimRun(RUN_ID)).toThrow(expect.objectContaining({ code: 'EOUTPUTRUNBUSY' }) as Error);
    expect(store.isClaimed(RUN_ID)).toBe(true);
    child.process.kill('SIGKILL');
    await child.rest();
    // The file is still there.
    expect(store.isClaimed(RUN_ID)).toBe(false);
    store.claimRun(RUN_ID).release();
    store.close();
  });
});

function note(line: unknown, put: string[], told: string[]): void {
  const { put: handed, stored } = line as { put?: string; stored?: string };
  if (handed !== undefined) put.push(handed);
  if (stored !== undefined) told.push(stored);
}

function prepareRun(path: string): void {
  const store = openSqliteStore(path);
  store.runs.create({ id: RUN_ID, name: 'list', vantage: null, toolVersion: '0', options: {}, startedAtMs: START_MS });
  store.targets.add(
    RUN_ID,
    Array.from({ length: TARGETS }, (_, index) => ({
      line: index + 1,
      host: `www${index}.example`,
      hostKey: `www${index}.example`,
      company: null,
      protocols: ['udp', 'icmp6'] as const,
      dport: null,
      tags: [],
      spread: { wide: index % 7, narrow: index % 3 },
    })),
  );
  store.targets.spread(RUN_ID);
  store.runs.setState(RUN_ID, 'ready');
  store.close();
}

function recordIds(path: string): Set<string> {
  const database = new Database(path, { readonly: true });
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
  const rows = database.prepare("SELECT json_extract(json, '$.id') FROM record").pluck().all() as string[];
  database.close();
  return new Set(rows);
}
