/** Days of a simulated daemon to which much happens: what it measures, and what its log and store must say in the end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { SimulatedDaemon } from './simulated-daemon.js';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** Lists of targets, in a directory of their own: a short one, one that takes 14 minutes, and one of many. */
export class DaemonLists {
  readonly directory = mkdtempSync(join(tmpdir(), 'pdm-days-'));
  readonly short = this.write('short.txt', ['a.example', 'b.example', '2001:db8::7']);
  readonly slow = this.write('slow.txt', ['slow-1.example', 'slow-2.example']);
  readonly many: string;

  constructor(many: number) {
    const hosts = Array.from({ length: many }, (_, number) => `m${number}.example`);
    this.many = this.write('many.txt', hosts);
  }

  /** Returns its path. */
  write(name: string, hosts: readonly string[]): string {
    const path = join(this.directory, name);
    writeFileSync(path, `${hosts.join('\n')}\n`);
    return path;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

/** How long a target of these lists is measured. */
export function traceMs(host: string): number {
  return host.startsWith('slow') ? 14 * MINUTE : 15_000;
}

/** Due times of which the job began a run. */
export function startedDue(daemon: SimulatedDaemon, job: string): number[] {
  const begun = daemon.events('run-started', job).filter(({ resumed }) => resumed === false);
  return begun.map(({ dueAt }) => Date.parse(dueAt as string));
}

/** Those of its due times that the log says are skipped: `count` of them, up to `dueAt`. */
export function skippedDue(daemon: SimulatedDaemon, job: string, due: readonly number[]): number[] {
  return daemon
    .events('run-skipped', job)
    .flatMap(({ count, dueAt }) => due.filter((time) => time <= Date.parse(dueAt as string)).slice(-(count as number)));
}

/** A run of the job begins when the one before has ended, or with another process. */
export function expectNeverBesideItself(daemon: SimulatedDaemon, job: string): void {
  let running: string | null = null;
  let life = 0;
  for (const line of daemon.log.filter((each) => each.job === job)) {
    if (line.life !== life) running = null;
    life = line.life;
    if (line.event === 'run-started') {
      expect(running, `${job} at ${new Date(line.atMs).toISOString()}`).toBeNull();
      running = line.runId as string;
    } else if (line.event === 'run-ended') running = null;
  }
}

/** Every finished run has each record of its targets once, of two protocols each. Returns how many runs are finished. */
export function expectFinishedRunsWhole({ store }: SimulatedDaemon): number {
  const finished = store.runs.list(1_000_000).filter(({ state }) => state === 'finished');
  for (const { id, name } of finished) {
    const { total, done } = store.targets.progress(id);
    const keys = [...store.queries.records({ runId: id })].map(({ target, protocol }) => `${target.input} ${protocol}`);
    expect([done, keys.length, new Set(keys).size], `${name ?? ''} ${id}`).toEqual([total, 2 * total, 2 * total]);
  }
  return finished.length;
}

/** No run is unfinished but those that were under way when the last process was ended. */
export function expectNoRunLeft(daemon: SimulatedDaemon): void {
  const ended = daemon.events('run-ended').filter(({ state, life }) => state === 'stopped' && life === daemon.life);
  const stopped = ended.map(({ runId }) => runId);
  for (const { id } of daemon.store.runs.unfinished()) expect(stopped).toContain(id);
}

/** Records of targets that were given up because the measuring process died over them. */
export function writtenOff({ store }: SimulatedDaemon): string[] {
  const texts = [...store.queries.recordTexts({ outcomes: ['inconclusive'] })];
  return texts.filter((text) => text.includes('the measuring process ended'));
}
