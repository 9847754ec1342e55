import { describe, expect, it } from 'vitest';
import { parseCron } from '../../../src/config/cron-schedule.js';
import { JobSchedule, type SkipReason } from '../../../src/daemon/jobs/job-schedule.js';
import { VirtualClock } from '../virtual-clock.js';

const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 24, 12, 0, 30);

function follow(options: { cron: string; missed?: 'run' | 'skip'; since?: number; jitterMs?: number }) {
  const clock = new VirtualClock(START);
  const started: number[] = [];
  const skipped: { reason: SkipReason; dueAtMs: number; count: number }[] = [];
  const schedule = new JobSchedule({
    schedule: parseCron(options.cron, 'UTC'),
    jitterMs: options.jitterMs ?? 0,
    missed: options.missed ?? 'run',
    clock,
    random: () => 0.5,
    since: options.since ?? START,
    isRunning: () => false,
    onStart: (dueAtMs) => started.push(dueAtMs),
    onSkip: (reason, dueAtMs, count) => skipped.push({ reason, dueAtMs, count }),
  });
  schedule.start();
  return { clock, started, skipped, schedule };
}

describe('a schedule', () => {
  it('starts nothing twice when the clock is set back an hour, and goes on when it has caught up', async () => {
    const { clock, started } = follow({ cron: '*/10 * * * *' });
    await clock.runUntil(START + 25 * MINUTE);
    clock.sleep(-60 * MINUTE);
    await clock.runUntil(START + 45 * MINUTE);
    const minutes = started.map((at) => new Date(at).getUTCMinutes());
    expect(minutes).toEqual([10, 20, 30, 40]);
  });

  it('follows a clock that turns out to be years ahead', async () => {
    const { clock, started } = follow({ cron: '*/10 * * * *', since: START + 5 * 365 * 24 * 60 * MINUTE });
    await clock.runUntil(START + 25 * MINUTE);
    expect(started.map((at) => new Date(at).getUTCMinutes())).toEqual([10, 20]);
  });

  it('counts what was missed in years without a run of minutes, and runs once', async () => {
    const { started, skipped } = follow({ cron: '* * * * *', since: START - 5 * 365 * 24 * 60 * MINUTE });
    expect(started).toHaveLength(1);
    expect(skipped).toEqual([{ reason: 'missed', dueAtMs: expect.any(Number) as number, count: 10_000 }]);
    await Promise.resolve();
  });

  it('skips what was missed where the policy says so, and is on time again after', async () => {
    const { clock, started, skipped } = follow({ cron: '*/10 * * * *', missed: 'skip', since: START - 25 * MINUTE });
    expect(skipped).toEqual([{ reason: 'missed', dueAtMs: START - 10.5 * MINUTE, count: 2 }]);
    expect(started).toEqual([START - 0.5 * MINUTE]);
    await clock.runUntil(START + 10 * MINUTE);
    expect(started).toEqual([START - 0.5 * MINUTE, START + 9.5 * MINUTE]);
  });

  it('says when the jittered run begins, and begins then', async () => {
    const { clock, started, schedule } = follow({ cron: '*/10 * * * *', jitterMs: 4 * MINUTE });
    await clock.runUntil(START + 10 * MINUTE);
    expect(started).toEqual([]);
    expect(schedule.nextAtMs).toBe(START + 11.5 * MINUTE);
    await clock.runUntil(START + 12 * MINUTE);
    expect(started).toEqual([START + 9.5 * MINUTE]);
  });
});
