import { describe, expect, it } from 'vitest';
import { FaultWatch } from '../../../src/cli/run/fault-watch.js';
import type { TraceRecord } from '../../../src/record/record.js';
import { deliveredRecord, droppedRecord, hop, routerPlace } from '../record-builder.js';

/** Of its own target; loses the option between hops `after` and `after` + 1. */
function lost(index: number, after = 1): TraceRecord {
  const record = at(index, droppedRecord());
  const interval = { after, upTo: after + 1, likelyUpTo: after + 1 };
  return {
    ...record,
    hops: [1, 2, 3, 4, 5, 6].map((number) => hop(number, number <= after ? 'both' : 'plain')),
    summary: { ...record.summary, lastPdmHop: routerPlace(after), nextHop: null },
    verdict: { ...record.verdict, interval, optionSeenUpTo: after },
  };
}

function at(index: number, record: TraceRecord): TraceRecord {
  return { ...record, target: { ...record.target, address: `2001:db8:${(0x100 + index).toString(16)}::80` } };
}

function watched(): { watch: FaultWatch; said: string[] } {
  const said: string[] = [];
  return { said, watch: new FaultWatch((message) => said.push(message)) };
}

const indices = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('a run that watches for shared faults', () => {
  it('says one of the own network at the fifth target, once, and all in the end', () => {
    const { watch, said } = watched();
    for (const index of indices(4)) expect(watch.take(lost(index))).toEqual(lost(index));
    expect(said).toEqual([]);
    const fifth = watch.take(lost(4));
    expect(fifth.verdict.reasons.at(-1)).toMatch(/^5 of 5 targets lose .* one fault near this vantage point/);
    for (const index of indices(9)) watch.take(at(50 + index, deliveredRecord()));
    watch.take(lost(5));
    expect(said).toHaveLength(1);
    watch.sum();
    expect(said).toEqual([
      expect.stringMatching(/^so far: 5 of 5 targets/),
      expect.stringMatching(/^6 of 15 targets lose .* between hop 1 .* and hop 2 .*near this vantage point/),
    ]);
  });

  it('takes the first few of a list for no half of it', () => {
    const { watch, said } = watched();
    // Hop 4 is not of the source's network.
    for (const index of indices(8)) watch.take(lost(index, 4));
    for (const index of indices(20)) watch.take(at(50 + index, deliveredRecord()));
    watch.take(lost(8, 4));
    watch.sum();
    expect(said).toEqual(['1 more place is shared by several targets (9 in all): each is one fault, counted once.']);
  });

  it('says how many of the records stored before it does not know', () => {
    const { watch, said } = watched();
    watch.remember(
      indices(4).map((index) => lost(index)),
      9004,
    );
    watch.take(lost(4));
    watch.sum();
    expect(said.at(-1)).toBe('9,000 records more were not compared for this');
  });

  it('is silent where nothing is shared', () => {
    const { watch, said } = watched();
    watch.remember([at(1, deliveredRecord())], 3);
    for (const index of indices(4)) watch.take(lost(index));
    watch.sum();
    expect(said).toEqual([]);
  });
});
