/** The measuring process dies: whose fault it was is found out, and nobody else is written off. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobSettings, SimulatedDaemon } from './simulated-daemon.js';

const START = Date.UTC(2026, 10, 24, 12, 0, 0);
const HOUR = 3_600_000;
const POISON = 'poison.example';

let directory: string;
let daemon: SimulatedDaemon;
/** Called with each trace that begins. */
let onTrace: (host: string) => void;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-poison-'));
  onTrace = () => undefined;
});
afterEach(() => {
  daemon.close();
  rmSync(directory, { recursive: true });
});

function hosts(list: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${list}${number}.example`);
}

function daemonFor(lists: Readonly<Record<string, readonly string[]>>): void {
  const jobs = Object.entries(lists).map(([name, targets]) => {
    const path = join(directory, `${name}.txt`);
    writeFileSync(path, targets.map((host) => `${host}\n`).join(''));
    return jobSettings({ name, targets: path, cron: '1 12 * * *' });
  });
  const traceMs = (host: string): number => {
    onTrace(host);
    return 20_000;
  };
  daemon = new SimulatedDaemon({ startMs: START, seed: 3, traceMs, jobs });
}

/** As a defect in an addon would: the process is gone a moment after the trace of this host began. */
function dieOver(host: string): void {
  const child = daemon.child;
  if (host !== POISON) return;
  daemon.clock.after(50, () => {
    if (daemon.world.alive.has(child)) child.die('SIGSEGV');
  });
}

/** Final records by outcome, and the hosts that were written off. */
function records(): { readonly counts: Readonly<Record<string, number>>; readonly writtenOff: readonly string[] } {
  const all = [...daemon.store.queries.records()];
  const counts: Record<string, number> = {};
  for (const { verdict } of all) counts[verdict.outcome] = (counts[verdict.outcome] ?? 0) + 1;
  const ended = all.filter(({ verdict }) => verdict.reasons.join().includes('the measuring process ended'));
  return { counts, writtenOff: [...new Set(ended.map(({ target }) => target.input))] };
}

describe('a process that dies over one target', () => {
  it('writes that one off, once it was under way alone twice, and measures all others', async () => {
    daemonFor({ daily: [...hosts('a', 30), POISON, ...hosts('b', 30)] });
    onTrace = dieOver;
    await daemon.start();
    await daemon.clock.runUntil(START + 4 * HOUR);
    expect(records()).toEqual({ counts: { delivered: 120, inconclusive: 2 }, writtenOff: [POISON] });
    expect(daemon.store.runs.list()).toMatchObject([{ state: 'finished' }]);
    // Its company was halved each time: 189 may be given out at once.
    expect(daemon.daemon.counts().childRestarts).toBeLessThanOrEqual(11);
  });

  it('writes off none of another list that is under way meanwhile', async () => {
    daemonFor({ one: [POISON, ...hosts('a', 20)], other: hosts('b', 200) });
    onTrace = dieOver;
    await daemon.start();
    await daemon.clock.runUntil(START + 10 * HOUR);
    expect(records()).toEqual({ counts: { delivered: 440, inconclusive: 2 }, writtenOff: [POISON] });
    expect(daemon.store.runs.list().map(({ state }) => state)).toEqual(['finished', 'finished']);
  });
});

describe('a process that is killed', () => {
  it('writes no target off, however often it is', async () => {
    daemonFor({ daily: hosts('a', 150) });
    await daemon.start();
    for (let kill = 0; kill < 12; kill += 1) {
      await daemon.clock.runUntil(START + 60_000 + kill * 70_000);
      if (daemon.world.alive.size > 0) daemon.child.die('SIGKILL');
    }
    await daemon.clock.runUntil(START + 4 * HOUR);
    expect(records()).toEqual({ counts: { delivered: 300 }, writtenOff: [] });
  });
});
