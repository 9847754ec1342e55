/** `pdm-trace run` as its users have it: a process, a store, a network, and what happens when it is ended. */
import { describe, expect, it } from 'vitest';
import { tracesInFlight } from '../../src/measure/measure-options.js';
import { Random } from '../sim/random.js';
import { benches } from './list-bench.js';
import { killAndResume } from './run-kills.js';
import { storedRecords } from './stored-records.js';

/** `npm run soak` wants more. */
const KILLS = Number(process.env['SOAK_KILLS'] ?? 10);

const openBench = benches();

describe('a run that is killed with -9 again and again', () => {
  it('has each record once in the end, loses none that was stored, and probes no more again than was in flight', async () => {
    const seed = Date.now() % 100_000;
    const random = new Random(seed);
    const bench = await openBench(180);
    const rate = 1600;
    let kills = 0;
    while (kills < KILLS) {
      const result = await killAndResume(bench, { kills: KILLS - kills, rate, random: () => random.unit() });
      expect(result.violations, `seed ${seed}, stored ${result.storedAfter.join(' ')}`).toEqual([]);
      expect(result.mostLost).toBeLessThanOrEqual(tracesInFlight(rate));
      kills += result.kills;
      bench.useNewStore();
    }
    expect(kills).toBe(KILLS);
  });
});

/** More than are traced at once, so that some wait when the first is stored. */
const TARGETS = 60;

describe('Ctrl-C', () => {
  it('once ends a run with 130, all that was measured stored, and it can be gone on with', async () => {
    const bench = await openBench(TARGETS);
    const flags = [...bench.flags, '--store', bench.store, '--rate', '3000'];
    const first = bench.start(['run', '--targets', bench.list, '--json', ...flags]);
    await first.says('targets at');
    while (!first.stdout.includes('\n') && !first.isOver) await new Promise((resolve) => setTimeout(resolve, 5));
    first.kill('SIGINT');
    expect((await first.ended).code).toBe(130);
    expect(first.stderr).toContain('go on with: pdm-trace run --resume');
    const stored = storedRecords(bench.store);
    const printed = first.stdout.split('\n').filter(Boolean);
    expect(printed).toHaveLength(stored.size);
    expect(stored.size).toBeGreaterThan(0);
    expect(stored.size).toBeLessThan(2 * TARGETS);

    const second = bench.start(['run', '--resume', '--json', ...flags]);
    expect((await second.ended).code).toBe(0);
    expect(second.stdout.split('\n').filter(Boolean)).toHaveLength(2 * TARGETS - stored.size);
    const all = storedRecords(bench.store);
    expect(all.size).toBe(2 * TARGETS);
    for (const [key, { id }] of stored) expect(all.get(key)?.id).toBe(id);
  });

  it('twice ends it at once, and it can be gone on with', async () => {
    const bench = await openBench(12);
    const flags = [...bench.flags, '--store', bench.store, '--rate', '3000'];
    const first = bench.start(['run', '--targets', bench.list, ...flags]);
    await first.says('targets at');
    first.kill('SIGINT');
    await first.says('once more ends it at once');
    first.kill('SIGINT');
    expect((await first.ended).code).toBe(130);
    const second = bench.start(['run', '--resume', ...flags]);
    expect((await second.ended).code).toBe(0);
    expect(storedRecords(bench.store).size).toBe(24);
  });
});

describe('a terminal', () => {
  it('is left as it was found on Ctrl-Z, and a run that it goes from stores what was measured', async () => {
    const bench = await openBench(TARGETS);
    const flags = [...bench.flags, '--store', bench.store];
    const first = bench.startInTerminal(['run', '--targets', bench.list, '--rate', '1000', ...flags]);
    await first.prints(6);
    first.order('stop');
    await first.says('stopped');
    // Whatever was drawn before is taken away, and the cursor is there.
    expect(first.stdout.endsWith(SHOW_CURSOR)).toBe(true);
    const { length } = first.stdout;
    first.order('continue');
    while (!first.stdout.slice(length).includes('in flight') && !first.isOver)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(first.stdout.slice(length)).toContain(HIDE_CURSOR);
    first.order('hang up');
    await first.ended;
    // By the signal itself, as everything on a terminal that goes.
    expect(first.stderr).toBe('stopped\nended -1\n');
    const stored = storedRecords(bench.store);
    expect(stored.size).toBeLessThan(2 * TARGETS);

    const second = bench.start(['run', '--resume', '--rate', '3000', ...flags]);
    expect((await second.ended).code).toBe(0);
    const all = storedRecords(bench.store);
    expect(all.size).toBe(2 * TARGETS);
    for (const [key, { id }] of stored) expect(all.get(key)?.id).toBe(id);
  });
});

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
