/** The store is moved or deleted under a running daemon: nothing that was measured may be lost. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/results/store/sqlite-store.js';
import { jobSettings, SimulatedDaemon } from './simulated-daemon.js';
import { moveStore } from '../results/move-store.js';

const START = Date.UTC(2026, 10, 24, 12, 0, 0);
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOSTS = Array.from({ length: 40 }, (_, number) => `h${number}.example`);

let directory: string;
let path: string;
let daemon: SimulatedDaemon;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-away-'));
  path = join(directory, 'store.db');
  const targets = join(directory, 'list.txt');
  writeFileSync(targets, HOSTS.map((host) => `${host}\n`).join(''));
  const jobs = [jobSettings({ name: 'daily', targets, cron: '10 12 * * *' })];
  daemon = new SimulatedDaemon({ startMs: START, seed: 1, traceMs: () => 20 * SECOND, jobs, storePath: path });
});

afterEach(() => {
  daemon.close();
  rmSync(directory, { recursive: true });
});

const events = (name: string): typeof daemon.log => daemon.events(name);

/** Hosts and protocols of what is stored, sorted. */
function stored(): string[] {
  const store = openSqliteStore(path, { readOnly: true });
  try {
    return [...store.queries.records()].map(({ target, protocol }) => `${target.input} ${protocol}`).sort();
  } finally {
    store.close();
  }
}

const ALL = HOSTS.flatMap((host) => [`${host} icmp6`, `${host} udp`]).sort();

describe('a daemon whose store is moved away', () => {
  it('is not ready and says so, also while it measures nothing, until it is back', async () => {
    await daemon.start();
    await daemon.clock.runUntil(START + MINUTE);
    expect(daemon.daemon.notReady()).toEqual([]);
    moveStore(path, `${path}.away`);
    expect(daemon.daemon.notReady()).toEqual([expect.stringContaining('moved or deleted while it was in use')]);
    await daemon.clock.runUntil(START + 2 * MINUTE);
    expect(events('store-failed')).toMatchObject([{ level: 'error', code: 'EOUTPUTMOVED' }]);
    moveStore(`${path}.away`, path);
    await daemon.clock.runUntil(START + 3 * MINUTE);
    expect(daemon.daemon.notReady()).toEqual([]);
    expect(events('store-works-again')).toHaveLength(1);
    await daemon.clock.runUntil(START + 60 * MINUTE);
    expect(stored()).toEqual(ALL);
  });

  it('while it measures keeps what comes, and stores it once it is back', async () => {
    await daemon.start();
    await daemon.clock.runUntil(START + 10 * MINUTE + 5 * SECOND);
    moveStore(path, `${path}.away`);
    await daemon.clock.runUntil(START + 13 * MINUTE);
    expect(daemon.daemon.counts().recordsHeld).toBeGreaterThan(0);
    expect(existsSync(path)).toBe(false);
    moveStore(`${path}.away`, path);
    await daemon.clock.runUntil(START + 60 * MINUTE);
    expect(stored()).toEqual(ALL);
    expect(daemon.store.runs.list()).toMatchObject([{ state: 'finished' }]);
  });

  it('and that ends keeps what is held aside, and takes it in when it starts again: nothing twice', async () => {
    await daemon.start();
    await daemon.clock.runUntil(START + 10 * MINUTE + 5 * SECOND);
    moveStore(path, `${path}.away`);
    await daemon.clock.runUntil(START + 13 * MINUTE);
    const held = daemon.daemon.counts().recordsHeld;
    expect(held).toBeGreaterThan(0);
    expect(await daemon.stop()).toBeLessThan(10 * SECOND);
    const [aside] = events('records-kept-aside');
    expect(aside).toMatchObject({ level: 'warn' });
    expect(Number(aside!['records'])).toBeGreaterThanOrEqual(held);
    moveStore(`${path}.away`, path);
    const askedBefore = daemon.world.asked.length;
    await daemon.start();
    expect(events('records-taken-in')).toMatchObject([{ records: aside!['records'] }]);
    await daemon.clock.runUntil(START + 90 * MINUTE);
    expect(stored()).toEqual(ALL);
    // What was measured before is not measured again.
    expect(daemon.world.asked.length - askedBefore).toBeLessThan(HOSTS.length);
  });

  it('finds another store there, leaves it as it is, and goes on with its own', async () => {
    await daemon.start();
    await daemon.clock.runUntil(START + 10 * MINUTE + 5 * SECOND);
    moveStore(path, `${path}.away`);
    openSqliteStore(path).close();
    await daemon.clock.runUntil(START + 12 * MINUTE);
    expect(daemon.daemon.notReady().join()).toContain('another file took the place of the store');
    expect(stored()).toEqual([]);
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
    moveStore(`${path}.away`, path);
    await daemon.clock.runUntil(START + 60 * MINUTE);
    expect(stored()).toEqual(ALL);
  });
});
