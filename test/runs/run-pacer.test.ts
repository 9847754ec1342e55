import { describe, expect, it } from 'vitest';
import { RunPacer } from '../../src/runs/run-pacer.js';
import { VirtualClock } from '../daemon/virtual-clock.js';

const START = Date.UTC(2026, 10, 24);
const RATE = 50;

describe('the rate of a job', () => {
  it('is not spent on targets that take no packets: the next one does not wait for what they were expected to', async () => {
    const clock = new VirtualClock(START);
    const pacer = new RunPacer(clock, RATE, new AbortController().signal);
    let given = 0;
    const giveOut = (async () => {
      for (; given < 20; given += 1) await pacer.take(2);
    })();
    // Not measured, both records of each: nothing was sent.
    for (let settled = 0; settled < 20; settled += 1) {
      pacer.settle(0);
      pacer.settle(0);
      await new Promise(setImmediate);
    }
    expect(given).toBe(20);
    expect(clock.wallMs()).toBe(START);
    await giveOut;
  });

  it('is held on average, whatever the records take', async () => {
    const clock = new VirtualClock(START);
    const pacer = new RunPacer(clock, RATE, new AbortController().signal);
    let sent = 0;
    const giveOut = (async () => {
      for (let given = 0; given < 30; given += 1) {
        await pacer.take(1);
        const packets = given % 2 === 0 ? 60 : 200;
        sent += packets;
        pacer.settle(packets);
      }
    })();
    await clock.runUntil(START + 60_000);
    expect(sent).toBeLessThanOrEqual(60 * RATE + 2 * 200);
    expect(sent).toBeGreaterThan(60 * RATE - 2 * 200);
    await clock.runUntil(START + 600_000);
    await giveOut;
  });
});
