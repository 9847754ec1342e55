/**
 * Days of a daemon to which things happen at random, on a clock of our own. `SOAK_DAYS=30` is a month of them (`npm run soak`),
 * `SIMULATION_SEED=7` another one.
 */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { moveStore } from '../results/move-store.js';
import { Random } from '../sim/random.js';
import {
  DaemonLists,
  expectFinishedRunsWhole,
  expectNeverBesideItself,
  expectNoRunLeft,
  HOUR,
  MINUTE,
  skippedDue,
  startedDue,
  traceMs,
  writtenOff,
} from './daemon-days.js';
import { jobSettings, SimulatedDaemon, type LogLine } from './simulated-daemon.js';

const DAYS = Number(process.env['SOAK_DAYS'] ?? 2);
const SEED = Number(process.env['SIMULATION_SEED'] ?? 20_261_130);
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 + 120_000 * DAYS });

const START = Date.UTC(2026, 10, 1, 0, 7);
const END = START + DAYS * 24 * HOUR;

const lists = new DaemonLists(60);
const storePath = join(lists.directory, 'store.db');
/** Each with its period in minutes; all of them are due at whole multiples of it. */
const JOBS = [
  { every: 30, job: jobSettings({ name: 'short', targets: lists.short, cron: '*/30 * * * *' }) },
  { every: 20, job: jobSettings({ name: 'slow', targets: lists.slow, cron: '*/20 * * * *', missed: 'skip' }) },
  { every: 360, job: jobSettings({ name: 'many', targets: lists.many, cron: '0 */6 * * *', rate: 20 }) },
];

const random = new Random(SEED, 5);
let daemon: SimulatedDaemon;
const stops: number[] = [];
const happened = new Map<string, number>();
let kills = 0;

const forMinutes = (least: number, most: number): Promise<void> =>
  daemon.clock.runUntil(daemon.nowMs + Math.round(random.between(least, most) * MINUTE));
const reload = (): Promise<void> => daemon.clock.run(daemon.daemon.reload(), MINUTE);
const killChild = (reason: string): void => {
  for (const child of [...daemon.world.alive]) child.die(reason);
};

/** Each puts right again what it broke. */
const EVENTS: Readonly<Record<string, () => Promise<void>>> = {
  'the measuring process dies': async () => {
    for (let deaths = random.integer(1, 5); deaths > 0; deaths -= 1) {
      killChild('SIGSEGV');
      await forMinutes(0.01, 2);
    }
  },
  'the measuring process hangs': async () => {
    for (const child of daemon.world.alive) child.hang();
    await forMinutes(1, 5);
  },
  'the measuring process talks nonsense': async () => {
    for (const child of [...daemon.world.alive]) child.sayNonsense();
    await forMinutes(1, 5);
  },
  'the store cannot be written': async () => {
    daemon.storeFailure = random.pick(['full', 'locked', 'io']);
    await forMinutes(0.1, 60);
    daemon.storeFailure = null;
  },
  'the store is moved away': async () => {
    moveStore(storePath, `${storePath}.away`);
    await forMinutes(0.1, 45);
    moveStore(`${storePath}.away`, storePath);
  },
  'a list is gone': async () => {
    renameSync(lists.short, `${lists.short}.gone`);
    await forMinutes(1, 90);
    renameSync(`${lists.short}.gone`, lists.short);
  },
  'the settings are broken': async () => {
    daemon.brokenSettings = Object.assign(new Error('jobs[0].cron in "daemon.yaml": "x" is not possible'), {
      code: 'bad',
    });
    await reload();
    await forMinutes(1, 30);
    daemon.brokenSettings = null;
    await reload();
  },
  'a job goes and comes back': async () => {
    const { settings } = daemon;
    daemon.settings = { ...settings, jobs: settings.jobs.filter(({ name }) => name !== 'many') };
    await reload();
    await forMinutes(0.1, 1);
    daemon.settings = settings;
    await reload();
  },
  'the machine sleeps': async () => {
    daemon.clock.sleep(Math.round(random.between(1, 180) * MINUTE));
    await forMinutes(1, 2);
  },
  'it is killed': async () => {
    kills += 1;
    daemon.kill();
    await forMinutes(0.1, 60);
    await daemon.start();
  },
  'it is killed while the store cannot be written': async () => {
    daemon.storeFailure = 'full';
    await forMinutes(0.1, 10);
    kills += 1;
    daemon.kill();
    daemon.storeFailure = null;
    await daemon.start();
  },
  'it is ended': async () => {
    stops.push(await daemon.stop());
    await forMinutes(0.1, 60);
    await daemon.start();
  },
  'it is ended while the store is away': async () => {
    moveStore(storePath, `${storePath}.away`);
    await forMinutes(0.1, 10);
    stops.push(await daemon.stop());
    moveStore(`${storePath}.away`, storePath);
    await daemon.start();
  },
  'sockets are not permitted for a while': async () => {
    daemon.world.cannotStart = { code: 'EPERM', exitCode: 77 };
    killChild('SIGKILL');
    await forMinutes(1, 20);
    daemon.world.cannotStart = null;
  },
};

beforeAll(async () => {
  daemon = new SimulatedDaemon({
    startMs: START,
    seed: SEED,
    traceMs,
    jobs: JOBS.map(({ job }) => job),
    storePath,
  });
  await daemon.start();
  const names = Object.keys(EVENTS);
  while (daemon.nowMs < END) {
    await forMinutes(2, 60);
    const name = random.pick(names);
    happened.set(name, (happened.get(name) ?? 0) + 1);
    await EVENTS[name]?.();
  }
  // In peace, so that all ends that can.
  await forMinutes(13 * 60, 13 * 60);
  expect(daemon.daemon.notReady()).toEqual([]);
  stops.push(await daemon.stop());
});

afterAll(() => {
  console.log(`seed ${SEED}, ${DAYS} days: ${[...happened].map(([name, count]) => `${name} ${count}`).join(', ')}`);
  daemon.close();
  lists.remove();
});

const events = (event: string, job?: string): LogLine[] => daemon.events(event, job);

describe(`${DAYS} days of a daemon to which things happen at random, seed ${SEED}`, () => {
  it.each(JOBS.map(({ job, every }) => [job.name, every] as const))(
    'begins %s, or says that it is skipped, whenever it is due, once, and never beside itself',
    (name, every) => {
      const due: number[] = [];
      for (
        let time = Math.ceil(START / (every * MINUTE)) * every * MINUTE;
        time <= daemon.nowMs;
        time += every * MINUTE
      )
        due.push(time);
      const begun = events('run-started', name).filter(({ resumed }) => resumed === false);
      const started = startedDue(daemon, name);
      // A run without its list is none: the next process does it again.
      const failed = new Set(events('run-failed', name).map(({ runId }) => runId));
      const measured = begun.filter(({ runId }) => !failed.has(runId)).map(({ dueAt }) => dueAt);
      expect(new Set(measured).size).toBe(measured.length);
      const accounted = new Set([...started, ...skippedDue(daemon, name, due)]);
      // What the store knows no run of is due from when the daemon starts.
      const since = Math.min(...started);
      const isAway = (time: number): boolean =>
        time < since ||
        events('job-removed', name).some(
          ({ atMs }, index) => time >= atMs && time <= (events('job-added', name)[index]?.atMs ?? 0),
        );
      expect(
        due.filter((time) => !accounted.has(time) && !isAway(time)).map((time) => new Date(time).toISOString()),
      ).toEqual([]);
      expectNeverBesideItself(daemon, name);
    },
  );

  it('has each record of every run once, and no run is left that did not end by itself', () => {
    expect(expectFinishedRunsWhole(daemon)).toBeGreaterThan(20 * DAYS);
    expectNoRunLeft(daemon);
  });

  it('keeps every record that was handed over but what was on its way when it was killed, and writes no target off', () => {
    const stored = new Set(
      [...daemon.store.queries.recordTexts()].map((text) => (JSON.parse(text) as { id: string }).id),
    );
    const lost = [...daemon.world.said.keys()].filter((id) => !stored.has(id));
    // Measured again: what three jobs had in flight, or held in memory while the disk was full.
    expect(lost.length).toBeLessThanOrEqual(140 * kills);
    // The slow ones may have been under way alone twice when it died.
    expect(writtenOff(daemon).filter((text) => !text.includes('"slow-'))).toEqual([]);
  });

  it('never has two measuring processes, ends within ten seconds, and leaves nothing aside', () => {
    expect(daemon.world.mostAlive).toBe(1);
    for (const tookMs of stops) expect(tookMs).toBeLessThan(10_000);
    expect(daemon.aside).toEqual([]);
    expect(existsSync(`${storePath}.away`)).toBe(false);
  });
});
