import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TransmitTimes } from '../../../src/transport/native/transmit-times.js';
import { batchOf } from '../../native/addon-packets.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const packet = (number: number): Buffer => Buffer.from([1, 2, 3, number]);

function expectPackets(times: TransmitTimes, numbers: readonly number[]) {
  const { arena, offsets, lengths } = batchOf(numbers.map(packet));
  return times.expect(arena, offsets, lengths);
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  return settled;
}

describe('the times at which packets left', () => {
  it('are known once each packet of the batch was seen, in whatever order', async () => {
    const times = new TransmitTimes();
    const expected = expectPackets(times, [1, 2, 3]);
    times.seen(packet(2), 20);
    const done = times.settle(expected, new Int32Array(3));
    times.seen(packet(9), 90);
    times.seen(packet(3), 30);
    expect(await isSettled(done)).toBe(false);
    times.seen(packet(1), 10);
    expect(await isSettled(done)).toBe(true);
    expect([...expected.leftAtNs]).toEqual([10, 20, 30]);
  });

  it('are not waited for where the packet was not sent', async () => {
    const times = new TransmitTimes();
    const expected = expectPackets(times, [1, 2]);
    times.seen(packet(1), 10);
    expect(await isSettled(times.settle(expected, Int32Array.of(0, 101)))).toBe(true);
    expect(expected.leftAtNs[0]).toBe(10);
  });

  it('are given up after a while: the packet may have been rewritten on its way out', async () => {
    const times = new TransmitTimes();
    const expected = expectPackets(times, [1, 2]);
    const done = times.settle(expected, new Int32Array(2));
    times.seen(packet(2), 20);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await isSettled(done)).toBe(true);
    expect([...expected.leftAtNs]).toEqual([NaN, 20]);
  });

  it('of equal packets are told apart by the order of sending, across batches', () => {
    const times = new TransmitTimes();
    const first = expectPackets(times, [7, 7]);
    const second = expectPackets(times, [7]);
    for (const at of [1, 2, 3, 4]) times.seen(packet(7), at);
    expect([...first.leftAtNs, ...second.leftAtNs]).toEqual([1, 2, 3]);
  });

  it('are given up when the transport is closed', async () => {
    const times = new TransmitTimes();
    const waiting = times.settle(expectPackets(times, [1]), new Int32Array(1));
    const later = expectPackets(times, [2]);
    times.close();
    expect(await isSettled(waiting)).toBe(true);
    expect(await isSettled(times.settle(later, new Int32Array(1)))).toBe(true);
  });
});
