import { describe, expect, it } from 'vitest';
import { OUTPUT_ERRORS, OutputError } from '../../src/results/output-error.js';
import { retryTransient, type RetryOptions } from '../../src/runs/retry-transient.js';
import { VirtualClock } from '../daemon/virtual-clock.js';

const full = (): OutputError => new OutputError(OUTPUT_ERRORS.full, '/store.db', 'no space left', 'make room');
const moved = (): OutputError => new OutputError(OUTPUT_ERRORS.moved, '/store.db', 'moved', 'put it back');

function setUp(options: Partial<RetryOptions> = {}): {
  said: string[];
  clock: VirtualClock;
  stop: AbortController;
  retry: <T>(work: () => T) => Promise<T>;
} {
  const clock = new VirtualClock(0);
  const stop = new AbortController();
  const said: string[] = [];
  const all: RetryOptions = {
    clock,
    signal: stop.signal,
    onFailure: ({ code }) => said.push(code),
    ...options,
  };
  return { said, clock, stop, retry: (work) => clock.run(retryTransient(all, work), 1e9) };
}

describe('what fails for a reason that passes', () => {
  it('is tried again at growing intervals, and each new failure is told once', async () => {
    const { said, clock, retry } = setUp({ firstPauseMs: 1000, longestPauseMs: 3000 });
    const triedAtMs: number[] = [];
    const end = await retry(() => {
      triedAtMs.push(clock.nowMs());
      if (triedAtMs.length < 4) throw full();
      if (triedAtMs.length < 6) throw moved();
      return 'done';
    });
    expect(end).toBe('done');
    expect(triedAtMs).toEqual([0, 1000, 3000, 6000, 9000, 12_000]);
    expect(said).toEqual([OUTPUT_ERRORS.full, OUTPUT_ERRORS.moved]);
  });

  it('is given up when patience ends, which what is done meanwhile renews', async () => {
    let done = 0;
    const { clock, retry } = setUp({
      firstPauseMs: 1000,
      longestPauseMs: 1000,
      patience: { ms: 5000, done: () => done },
    });
    const work = (): never => {
      if (clock.nowMs() <= 20_000) done += 1;
      throw full();
    };
    await expect(retry(work)).rejects.toThrow('no space left');
    expect(clock.nowMs()).toBe(25_000);
  });

  it('is not tried while that would fail as well', async () => {
    const { clock, retry } = setUp({
      firstPauseMs: 500,
      longestPauseMs: 500,
      isWorthTrying: ({ code }) => code !== OUTPUT_ERRORS.moved || clock.nowMs() >= 4000,
    });
    const triedAtMs: number[] = [];
    await retry(() => {
      triedAtMs.push(clock.nowMs());
      if (clock.nowMs() < 4000) throw moved();
    });
    expect(triedAtMs).toEqual([0, 4000]);
  });

  it('is thrown at once where the end is near, and a defect always', async () => {
    const { stop, said, retry } = setUp();
    await expect(
      retry(() => {
        throw new TypeError('a defect');
      }),
    ).rejects.toThrow('a defect');
    stop.abort();
    await expect(
      retry(() => {
        throw full();
      }),
    ).rejects.toThrow('no space left');
    expect(said).toEqual([]);
  });
});
