/** Twenty-four hours of a daemon in which everything fails once, on a clock of our own. */
import { renameSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { daemonOptionsOf } from '../../src/daemon/jobs/job-run.js';
import { RECORD_WINDOW } from '../../src/measure/child/measure-messages.js';
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

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Clocks in New York go back from 02:00 to 01:00 at 06:00 UTC of 1 November 2026. */
const START = Date.UTC(2026, 9, 31, 20, 2, 30);
const END = START + 24 * HOUR;
const at = (hours: number): number => START + Math.round(hours * HOUR);

const lists = new DaemonLists(120);
const SHORT = lists.short;
const VANISHING = lists.write('vanishing.txt', ['v.example']);

const JOBS = [
  jobSettings({ name: 'quarter', targets: SHORT, cron: '*/15 * * * *' }),
  jobSettings({ name: 'slow', targets: lists.slow, cron: '*/10 * * * *', missed: 'skip' }),
  jobSettings({ name: 'fixed', targets: SHORT, cron: '30 1 * * *', timezone: 'America/New_York' }),
  jobSettings({ name: 'even', targets: SHORT, cron: '*/30 * * * *', timezone: 'America/New_York', missed: 'skip' }),
  jobSettings({ name: 'vanishing', targets: VANISHING, cron: '5 * * * *' }),
  jobSettings({ name: 'jittered', targets: SHORT, cron: '20 * * * *', jitterSeconds: 600 }),
  jobSettings({ name: 'many', targets: lists.many, cron: '0 */3 * * *', rate: 20 }),
];
const SEED = Number(process.env.SIMULATION_SEED ?? 20_261_124);

let daemon: SimulatedDaemon;
const stops: number[] = [];
const notReadyAt: Record<string, readonly string[]> = {};

beforeAll(async () => {
  daemon = new SimulatedDaemon({
    startMs: START,
    seed: SEED,
    traceMs,
    jobs: JOBS,
  });
  const until = (hours: number): Promise<void> => daemon.clock.runUntil(at(hours));
  const look = (name: string): void => {
    notReadyAt[name] = daemon.daemon.notReady();
  };
  await daemon.start();
  await until(0.22);
  look('well');
  // The child dies while it measures, twice over the same targets, and then again and again.
  daemon.child.die('SIGSEGV');
  await until(0.225);
  daemon.child.die('SIGSEGV');
  await until(1.22);
  for (let death = 0; death < 5; death += 1) {
    daemon.child.die('SIGKILL');
    await until(1.22 + (death + 1) * 0.02);
  }
  look('after deaths');
  await until(2.22);
  // A full disk, over several due times.
  daemon.storeFailure = 'full';
  await until(2.5);
  look('full disk');
  await until(2.8);
  daemon.storeFailure = null;
  await until(3.47);
  daemon.storeFailure = 'locked';
  await until(3.475);
  daemon.storeFailure = null;
  // The list goes and comes back.
  renameSync(VANISHING, `${VANISHING}.gone`);
  await until(5.5);
  renameSync(`${VANISHING}.gone`, VANISHING);
  // Settings that cannot be read are not taken; good ones are, while something is measured.
  await until(5.72);
  daemon.brokenSettings = Object.assign(new Error('jobs[0].cron in "daemon.yaml": "x" is not possible'), {
    code: 'bad',
  });
  await daemon.clock.run(daemon.daemon.reload(), MINUTE);
  await until(5.97);
  daemon.brokenSettings = null;
  daemon.settings = { ...daemon.settings, settings: { ...daemon.settings.settings, rate: 500 } };
  await daemon.clock.run(daemon.daemon.reload(), MINUTE);
  await until(7.1);
  // The machine sleeps.
  daemon.clock.sleep(2 * HOUR);
  await until(11.22);
  daemon.kill();
  await until(12.1);
  await daemon.start();
  await until(14.22);
  daemon.child.hang();
  await until(14.23);
  look('hanging');
  await until(15.22);
  daemon.child.sayNonsense();
  await until(16.2);
  stops.push(await daemon.stop());
  await until(16.5);
  await daemon.start();
  // A job goes while it runs, and comes back.
  await until(18.1);
  daemon.settings = { ...daemon.settings, jobs: JOBS.filter(({ name }) => name !== 'slow') };
  await daemon.clock.run(daemon.daemon.reload(), MINUTE);
  daemon.settings = { ...daemon.settings, jobs: JOBS };
  await daemon.clock.run(daemon.daemon.reload(), MINUTE);
  await until(20);
  // No privilege for a while.
  daemon.world.cannotStart = { code: 'EPERM', exitCode: 77 };
  daemon.child.die('SIGKILL');
  await until(20.1);
  look('no privilege');
  daemon.world.cannotStart = null;
  await until(23.9);
  look('at the end');
  await daemon.clock.runUntil(END);
  stops.push(await daemon.stop());
});

afterAll(() => {
  daemon.close();
  lists.remove();
});

const events = (event: string, job?: string): LogLine[] => daemon.events(event, job);

/** Due times by simple arithmetic, not by what the daemon computes with. */
function dueTimes(job: string): number[] {
  const every = (stepMinutes: number, offsetMinutes = 0): number[] => {
    const times: number[] = [];
    const first = Math.floor(START / (24 * HOUR)) * 24 * HOUR + offsetMinutes * MINUTE;
    for (let time = first; time <= END; time += stepMinutes * MINUTE) if (time > START) times.push(time);
    return times;
  };
  switch (job) {
    case 'quarter':
      return every(15);
    case 'slow':
      return every(10);
    case 'even':
      return every(30);
    case 'vanishing':
      return every(60, 5);
    case 'jittered':
      return every(60, 20);
    case 'many':
      return every(180);
    default:
      // 01:30 in New York, the first of the two.
      return [Date.UTC(2026, 10, 1, 5, 30)];
  }
}

describe('a day of a daemon in which everything fails once', () => {
  it.each(JOBS.map(({ name }) => name))('runs or skips, with a reason, whenever %s is due', (job) => {
    const started = startedDue(daemon, job);
    const accounted = new Set([...started, ...skippedDue(daemon, job, dueTimes(job))]);
    const missing = dueTimes(job).filter((time) => !accounted.has(time));
    expect(missing.map((time) => new Date(time).toISOString())).toEqual([]);
    expect(new Set(started).size).toBe(started.length);
    const due = new Set(dueTimes(job));
    expect(started.filter((time) => !due.has(time))).toEqual([]);
  });

  it('never runs a job beside itself', () => {
    for (const { name } of JOBS) expectNeverBesideItself(daemon, name);
  });

  it('has each record of a finished run once, and none too many', () => {
    expect(expectFinishedRunsWhole(daemon)).toBeGreaterThan(100);
  });

  it('leaves no run unfinished but those that were under way at the end', () => {
    expectNoRunLeft(daemon);
  });

  it('keeps every record that the child handed over, unless it was measured again', () => {
    const stored = new Set([...daemon.store.queries.records()].map(({ id }) => id));
    const lost = [...daemon.world.said].filter(([id]) => !stored.has(id));
    // What was on its way when the daemon was killed: at most what two jobs had in flight.
    expect(lost.length).toBeLessThan(20);
    expect(daemon.world.said.size).toBeGreaterThan(1500);
  });

  it('writes no target off because the child died over it and others', () => {
    expect(writtenOff(daemon)).toEqual([]);
  });

  it('starts the child again after each death, later and later, and never has two', () => {
    expect(daemon.world.mostAlive).toBe(1);
    const pauses = events('child-ended')
      .filter(({ life }) => life === 1)
      .map(({ againInMs }) => againInMs as number);
    expect(pauses.slice(0, 2)).toEqual([1000, 2000]);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(60_000);
    expect(daemon.world.mostUntaken).toBeLessThanOrEqual(RECORD_WINDOW);
  });

  it('says why it is not ready, and nothing when it is', () => {
    expect(notReadyAt.well).toEqual([]);
    expect(notReadyAt['after deaths']).toEqual([]);
    expect(notReadyAt['full disk']!.join()).toMatch(/cannot be written/);
    expect(notReadyAt.hanging).toEqual([]);
    expect(notReadyAt['no privilege']!.join()).toMatch(/raw sockets are not permitted|started again/);
    expect(notReadyAt['at the end']).toEqual([]);
    expect(events('child-silent')).toHaveLength(1);
    expect(events('child-message-refused')).toHaveLength(1);
  });

  it('keeps its settings when the new ones are broken, and its other jobs when one fails', () => {
    expect(events('reload-failed')).toHaveLength(1);
    expect(events('reloaded').map(({ childRestarted }) => childRestarted)).toContainEqual(['rate']);
    const failed = events('run-failed');
    expect(failed.length).toBeGreaterThan(0);
    for (const { job, error } of failed) {
      expect(job).toBe('vanishing');
      expect(error).toMatch(/cannot read the targets/);
    }
  });

  it('runs 01:30 once where the clock shows it twice, and every half hour all the same', () => {
    expect(startedDue(daemon, 'fixed')).toEqual([Date.UTC(2026, 10, 1, 5, 30)]);
    const inTheNight = startedDue(daemon, 'even').filter(
      (time) => time >= Date.UTC(2026, 10, 1, 5, 30) && time <= Date.UTC(2026, 10, 1, 7),
    );
    expect(inTheNight).toHaveLength(4);
  });

  it('begins jittered runs at most ten minutes late, and not all at once', () => {
    const late = events('run-started', 'jittered')
      .filter(({ resumed }) => resumed === false)
      .map(({ atMs, dueAt }) => atMs - Date.parse(dueAt as string));
    expect(new Set(late).size).toBeGreaterThan(10);
    const inPeace = events('run-started', 'jittered').filter(({ atMs }) => atMs > at(17.5) && atMs < at(20));
    expect(inPeace.length).toBeGreaterThan(1);
    for (const { atMs, dueAt } of inPeace) {
      expect(atMs - Date.parse(dueAt as string)).toBeGreaterThanOrEqual(0);
      expect(atMs - Date.parse(dueAt as string)).toBeLessThan(10 * MINUTE + 1000);
    }
  });

  it('holds a job to its own rate', () => {
    const runs = events('run-started', 'many').filter(({ life }) => life === 1);
    const first = events('run-ended', 'many')[0]!;
    // 240 records of 96 packets at 20 a second.
    expect(first.atMs - runs[0]!.atMs).toBeGreaterThan(((240 - 16) * 96 * 1000) / 20);
  });

  it('ends within ten seconds, whatever is under way', () => {
    expect(stops).toHaveLength(2);
    for (const tookMs of stops) expect(tookMs).toBeLessThan(10_000);
  });

  it('goes on with what a process before it left', () => {
    const resumed = events('run-resumed').flatMap(({ runs }) => runs as string[]);
    expect(resumed.length).toBeGreaterThan(0);
    const states = resumed.map((id) => daemon.store.runs.get(id));
    expect(states.every((run) => run !== null && daemonOptionsOf(run) !== null)).toBe(true);
  });
});
