/** `pdm-trace daemon` and its processes, killed with -9. `npm run soak` wants more of it. */
import { describe, expect, it } from 'vitest';
import { Random } from '../sim/random.js';
import { killDaemon } from './daemon-kills.js';
import { benches } from './list-bench.js';

const KILLS = Number(process.env['SOAK_KILLS'] ?? 10);

const openBench = benches();

describe('a daemon of which each process is killed with -9 again and again', () => {
  it('has each record of each run once in the end, loses none that was stored, and writes no target off', async () => {
    const seed = Date.now() % 100_000;
    const random = new Random(seed);
    const bench = await openBench(60);
    const { finished, killed, violations } = await killDaemon(bench, { kills: KILLS, random: () => random.unit() });
    console.log(
      `seed ${seed}: ${JSON.stringify(killed)} killed, ${finished} runs finished, ${violations.length} violations`,
    );
    expect(violations, `seed ${seed}`).toEqual([]);
    expect(finished).toBeGreaterThan(0);
  });
});
