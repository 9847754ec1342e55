import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pacer } from '../../../src/engine/pace/pacer.js';
import { RandomMaterial, LOCAL_IDS, requireNonZero } from '../../../src/engine/random-material.js';
import { TargetSpacing } from '../../../src/engine/pace/target-spacing.js';
import { WakeQueue, type Waking } from '../../../src/engine/pace/wake-queue.js';

describe('the wake queue', () => {
  it('gives entries in the order of their times, whatever was scheduled, moved and removed before', () => {
    const operations = fc.array(fc.tuple(fc.integer({ min: 0, max: 19 }), fc.integer({ min: -5, max: 50 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(operations, (list) => {
        const entries: Waking[] = Array.from({ length: 20 }, () => ({ wakeAtNs: 0, wakeIndex: -1 }));
        const queue = new WakeQueue<Waking>();
        const model = new Map<number, number>();
        for (const [index, atNs] of list) {
          if (atNs < 0) {
            queue.remove(entries[index]!);
            model.delete(index);
          } else {
            queue.schedule(entries[index]!, atNs);
            model.set(index, atNs);
          }
          expect(queue.size).toBe(model.size);
        }
        const drained: number[] = [];
        for (let first = queue.peek(); first !== undefined; first = queue.peek()) {
          drained.push(first.wakeAtNs);
          queue.remove(first);
        }
        expect(drained).toEqual([...model.values()].sort((a, b) => a - b));
      }),
    );
  });
});

describe('the pacer', () => {
  it('keeps the rate over any second but for the burst that a late timer is owed, and ten packets at first', () => {
    for (const rate of [10, 100, 20_000]) {
      const pacer = new Pacer(rate, 0);
      let sent = 0;
      let nowNs = 0;
      while (nowNs < 10e9) {
        while (pacer.take(2, nowNs)) sent += 2;
        const readyNs = pacer.readyAtNs(2, nowNs);
        expect(readyNs).toBeGreaterThan(nowNs);
        nowNs = readyNs + 1e6;
      }
      expect(sent).toBeLessThanOrEqual(10 * rate + Math.max(2, rate / 100) + 12);
      expect(sent).toBeGreaterThan(8 * rate);
    }
  });

  it('never says ready and then refuses, so that nobody waits for a rounding error', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 1e6, noNaN: true }),
        fc.array(fc.double({ min: 0, max: 1e9, noNaN: true })),
        (rate, gaps) => {
          const pacer = new Pacer(rate, 0);
          let nowNs = 0;
          for (const gap of gaps) {
            nowNs += gap;
            const isReady = pacer.readyAtNs(2, nowNs) <= nowNs;
            expect(pacer.take(2, nowNs)).toBe(isReady);
          }
        },
      ),
    );
  });
});

describe('the spacing of targets', () => {
  it('is kept for one, and leaves others alone', () => {
    const spacing = new TargetSpacing();
    spacing.spend('2001:db8::1', 250, 1e9);
    expect(spacing.readyAtNs('2001:db8::1')).toBe(1.25e9);
    expect(spacing.readyAtNs('2001:db8::2')).toBe(Number.NEGATIVE_INFINITY);
  });

  it('forgets those whose time has passed, so that a list of a million targets does not grow it', () => {
    const spacing = new TargetSpacing();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 1_000_000; i += 1) spacing.spend(`2001:db8::${i.toString(16)}`, 250, i * 1e6);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 2 ** 20);
    expect(spacing.readyAtNs('2001:db8::f423f')).toBe(999_999 * 1e6 + 250e6);
  });
});

describe('random material', () => {
  const material = new RandomMaterial((length) => Uint8Array.from({ length }, (_, i) => i & 0xff));

  it('has no zero octet in a nonce, so that zero padding of a quote can be told from it', () => {
    for (let i = 0; i < 500; i += 1) expect(requireNonZero(material.octets(8), material).includes(0)).toBe(false);
  });

  it('keeps ports and identifiers in one aligned block above the ephemeral range', () => {
    expect([LOCAL_IDS.from & 0xfff, LOCAL_IDS.to & 0xfff]).toEqual([0, 0xfff]);
    for (let i = 0; i < 500; i += 1) {
      const id = material.localId();
      expect(id >= LOCAL_IDS.from && id <= LOCAL_IDS.to && id > 60_999).toBe(true);
    }
  });
});
