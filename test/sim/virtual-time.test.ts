import { describe, expect, it } from 'vitest';

import { VirtualTime } from './virtual-time.js';

describe('virtual time', () => {
  it('runs events in order of time, and of asking where the time is the same', async () => {
    const time = new VirtualTime();
    const order: number[] = [];
    for (const [at, name] of [
      [30, 3],
      [10, 1],
      [20, 2],
      [30, 4],
    ] as const) {
      time.at(at, () => order.push(name));
    }
    await time.advance(100);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('does not run what was cancelled', async () => {
    const time = new VirtualTime();
    let ran = 0;
    const cancel = time.at(10, () => ran++);
    time.at(5, cancel);
    await time.advance(100);
    expect(ran).toBe(0);
    expect(time.pending).toBe(0);
  });

  it('runs all that an event causes in microtasks before the next event', async () => {
    const time = new VirtualTime();
    const order: string[] = [];
    time.at(10, () => {
      void (async () => {
        for (let i = 0; i < 20; i++) await Promise.resolve();
        order.push('microtasks of the first');
      })();
    });
    time.at(11, () => order.push('second'));
    await time.advance(100);
    expect(order).toEqual(['microtasks of the first', 'second']);
  });

  it('gives the value of the promise, at the time at which it settles', async () => {
    const time = new VirtualTime();
    const value = await time.run(
      new Promise((resolve) => {
        time.at(5e9, () => {
          resolve('done');
        });
        time.at(6e9, () => undefined);
      }),
    );
    expect(value).toBe('done');
    expect(time.nowNs()).toBe(5e9);
  });

  it('fails when nothing can settle the promise any more', async () => {
    const time = new VirtualTime();
    await expect(time.run(new Promise(() => undefined))).rejects.toThrow(/Deadlock/);
  });

  it('fails when a program wakes itself at the same instant for ever', async () => {
    const time = new VirtualTime();
    const again = (): void => {
      time.at(time.nowNs(), again);
    };
    again();
    await expect(time.run(new Promise(() => undefined))).rejects.toThrow(/Livelock/);
  });

  it('fails when a promise takes for ever', async () => {
    const time = new VirtualTime();
    const again = (): void => {
      time.at(time.nowNs() + 1e9, again);
    };
    again();
    await expect(time.run(new Promise(() => undefined), 50e9)).rejects.toThrow(/still pending after 50 s/);
  });
});
