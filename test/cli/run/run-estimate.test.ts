import { describe, expect, it } from 'vitest';
import { estimateLines, type ListSize } from '../../../src/cli/run/run-estimate.js';

const size = (records: number, values: Partial<ListSize> = {}): ListSize => ({
  ...{ targets: records / 2, records, tcpRecords: 0, rate: 20_000, hopIntervalMs: 100, packetsPerProbe: 1 },
  ...values,
});

describe('what a dry run says', () => {
  it('of packets, where those with the option arrive and where they are lost: fewer of each in a list', () => {
    expect(estimateLines(size(2))[1]).toMatch(
      /^about 92 packets where .*\(46 a record\), 286 where they are lost \(143\)/,
    );
    expect(estimateLines(size(10_000))[1]).toMatch(/^about 360,000 packets .*\(36 a record\), 1,430,000 where/);
    expect(estimateLines(size(10_000, { packetsPerProbe: 2 }))[1]).toContain('(72 a record)');
  });

  it('of time, by the rate where that decides, and else by what a core has time for', () => {
    // 36 × 10,000 at 1,000 a second.
    const byRate = estimateLines(size(10_000, { rate: 1000 }));
    expect(byRate[2]).toMatch(
      /^about 6 min where they arrive, 24 min where they are lost, at 1,000 packets\/s, at most /,
    );
    expect(byRate.join()).not.toContain('core');
    const byCore = estimateLines(size(2_000_000));
    expect(byCore[2]).toContain('about 1 h 23 min where they arrive, 3 h 58 min where they are lost');
    expect(byCore).toContain('one processor core measures about 400 records a second, whatever --rate says');
    // One host, however fast.
    expect(estimateLines(size(2))[2]).toContain('about 2 s where they arrive, 2 s where they are lost');
  });
});
