import { describe, expect, it } from 'vitest';
import { NetworksFound } from '../../../src/cli/run/networks-found.js';
import { progressFrame } from '../../../src/cli/run/run-progress.js';
import { createStyle } from '../../../src/cli/terminal/style.js';
import type { TraceRecord } from '../../../src/record/record.js';
import { buildRecord } from '../../results/record-builder.js';

const found = (...records: readonly TraceRecord[]): string | null => {
  const networks = new NetworksFound();
  for (const record of records) networks.add(record);
  return networks.text();
};

/** Of a loss that lies in one of these networks. */
function lostIn(
  candidates: number[],
  more: Partial<NonNullable<TraceRecord['summary']['attribution']>> = {},
): TraceRecord {
  const record = buildRecord();
  record.summary.attribution = {
    best: null,
    worst: null,
    candidates,
    rule: '',
    method: 'origin-as',
    source: null,
    date: null,
    ...more,
  };
  return record;
}

describe('what a list found by network', () => {
  it('is nothing where no record accuses anybody', () => {
    const record = buildRecord({ outcome: 'delivered' });
    record.summary.attribution = null;
    expect(found(record)).toBeNull();
  });

  it('counts records by all networks that may be meant, in whatever order, the most first', () => {
    expect(found(lostIn([3]), lostIn([1, 2]), lostIn([2, 1]))).toBe('networks that may be meant: AS1 or AS2 2, AS3 1');
  });

  it('tells those apart that leave others possible, and says so', () => {
    const records = [lostIn([1]), lostIn([1], { unknown: true }), lostIn([1], { silent: [{ from: 4, to: 5 }] })];
    expect(found(...records)).toBe(
      'networks that may be meant: AS1 1, AS1 or an unknown network 1, AS1 or an unknown network 1',
    );
  });

  it('sums up what there is no room for', () => {
    expect(found(...[1, 1, 2, 3, 4, 5].map((asn) => lostIn([asn])))).toBe(
      'networks that may be meant: AS1 2, AS2 1, AS3 1, 2 in others',
    );
  });

  it('is safe for a terminal, whatever a network is called', () => {
    const record = lostIn([64999]);
    Object.assign(record.target, { asn: 64999, asName: 'Evil\u001b[2J\u202e Net' });
    // eslint-disable-next-line no-control-regex -- what must not be there
    expect(found(record)).not.toMatch(/[\u0000-\u001f\u202e]/);
  });

  it('is the third line of the progress, cut to the terminal', () => {
    const progress = {
      ...{ total: 10, done: 1, doneBefore: 0, elapsedMs: 1000, tracesInFlight: 1, packetsPerSecond: 1, unstored: 0 },
      outcomes: new Map([['dropped', 1]] as const),
      networks: found(lostIn([1, 2, 3, 4, 5, 6, 7, 8])),
    };
    const frame = progressFrame(progress, 60, createStyle(false, true));
    expect(frame).toHaveLength(3);
    expect(frame[2]).toMatch(/^networks that may be meant: AS1 or AS2 or/);
    expect(frame[2]?.length).toBeLessThan(60);
    expect(progressFrame({ ...progress, networks: null }, 60, createStyle(false, true))).toHaveLength(2);
  });
});
