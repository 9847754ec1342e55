import { describe, expect, it } from 'vitest';
import { readWay } from '../../../src/report/faults/record-stop.js';
import { otherFaultsSentence, sharedFaultSentence } from '../../../src/report/faults/shared-fault-words.js';
import { SharedFaultTally, type SharedFault } from '../../../src/report/faults/shared-faults.js';
import { TARGET_HOP_LIMIT } from '../../../src/trace/numbers.js';
import type { Outcome, TraceRecord } from '../../../src/record/record.js';
import { buildRecord, type RecordOptions } from '../../results/record-builder.js';

/** Numbers that are equal modulo this share their routers; hops 1 and 2 are of the source's AS. */
const SAME_ROUTERS = 97;

interface Stop extends RecordOptions {
  readonly outcome?: Outcome;
  /** Of the interval; default: the target. */
  readonly upTo?: number;
}

/** The record of one of many targets behind the same routers. */
function record(index: number, { upTo, ...options }: Stop = {}): TraceRecord {
  const built = buildRecord({ distance: 6, lastPdmHop: 1, silentHops: [], number: SAME_ROUTERS * index, ...options });
  const { interval } = built.verdict;
  if (interval === null || upTo === undefined) return built;
  return { ...built, verdict: { ...built.verdict, interval: { ...interval, upTo } } };
}

function many(count: number, make: (index: number) => TraceRecord): TraceRecord[] {
  return Array.from({ length: count }, (_, index) => make(index + 1));
}

function tallied(...records: readonly (readonly TraceRecord[])[]): SharedFaultTally {
  const tally = new SharedFaultTally();
  for (const one of records.flat()) tally.add(readWay(one));
  return tally;
}

function faultsOf(...records: readonly (readonly TraceRecord[])[]): SharedFault[] {
  return tallied(...records).faults();
}

const delivered = (count: number): TraceRecord[] =>
  many(count, (index) => record(index + 1000, { outcome: 'delivered' }));

/** Five of different networks answer nothing with the option, and no claim is proven. */
function unseen(index: number): TraceRecord {
  const lost = record(index);
  return {
    ...lost,
    verdict: { ...lost.verdict, outcome: 'inconclusive', interval: null, confidence: null },
    summary: { ...lost.summary, nextHop: null, inDestinationNetwork: null, attribution: null },
  };
}

describe('faults that targets of a run share', () => {
  it('is one near the vantage point where five lose the option between the same two of its own routers', () => {
    const [fault, ...others] = faultsOf(
      many(71, (index) => record(index, { upTo: 2 })),
      delivered(9),
    );
    expect(others).toEqual([]);
    expect(fault).toMatchObject({ kind: 'between', targets: 71, measured: 80, isOwn: true, isFirst: true });
    expect(sharedFaultSentence(fault!)).toBe(
      '71 of 80 targets lose packets with the option at one place, between hop 1 (2001:db8:1::1) and hop 2 (2001:db8:2::1): ' +
        "one fault near this vantage point, counted once; it says nothing about the targets' networks.",
    );
  });

  it('counts targets: protocols and names of one address are one, and four are none', () => {
    const four = many(4, (index) => record(index, { upTo: 2 }));
    const again = many(4, (index) => record(index, { upTo: 2, protocol: 'icmp6', input: `alias${index}.example` }));
    expect(faultsOf(four, again)).toEqual([]);
    expect(faultsOf(four, again, [record(5, { upTo: 2 })])).toMatchObject([{ targets: 5, measured: 5 }]);
  });

  it('is no fault of the source where the place is farther away, and not first unless it takes half', () => {
    const far = many(5, (index) => record(index, { lastPdmHop: 3, upTo: 4 }));
    const [few] = faultsOf(far, delivered(6));
    expect(few).toMatchObject({ targets: 5, measured: 11, isOwn: false, isFirst: false });
    expect(sharedFaultSentence(few!)).toMatch(/ and hop 4 \(2001:db8:4::1\): one fault, counted once\.$/);
    expect(otherFaultsSentence([few!])).toBe(
      '1 more place is shared by several targets (5 in all): each is one fault, counted once.',
    );
    expect(faultsOf(far, delivered(5))).toMatchObject([{ isOwn: false, isFirst: true }]);
  });

  it('ends at a target of no known distance where the interval says so, whoever answered at that hop limit', () => {
    const { targetPairs, hops, ...built } = record(1, { upTo: TARGET_HOP_LIMIT });
    const stray = { ...hops[2]!, hop: TARGET_HOP_LIMIT };
    const silent = { ...targetPairs!, distance: { plain: null, pdm: null } };
    expect(readWay({ ...built, hops: [...hops, stray], targetPairs: silent })?.stop).toMatchObject({
      kind: 'behind',
      upTo: null,
    });
  });

  it('is said first where it begins at the source, n = 0, though that alone does not make it the source’s', () => {
    const from = (lastPdmHop: number): SharedFault[] =>
      faultsOf(
        many(5, (index) => record(index, { lastPdmHop, upTo: 4 })),
        delivered(6),
      );
    expect(from(0)).toMatchObject([{ kind: 'between', after: { hop: 0 }, isOwn: false, isFirst: true }]);
    expect(from(1)).toMatchObject([{ kind: 'between', after: { hop: 1 }, isOwn: false, isFirst: false }]);
  });

  it('does not join different places: other routers, or another end', () => {
    const elsewhere = many(4, (index) => record(index, { number: SAME_ROUTERS * index + 1, upTo: 2 }));
    const farther = many(4, (index) => record(index + 50, { upTo: 3 }));
    expect(
      faultsOf(
        many(4, (index) => record(index + 90, { upTo: 2 })),
        elsewhere,
        farther,
      ),
    ).toEqual([]);
  });

  it('is most likely one where all that goes behind an own router is lost, and says what else it may be', () => {
    const [fault] = faultsOf(many(8, (index) => record(index)));
    // All go by the same routers as far as hop 5, which is not the source's.
    expect(fault).toMatchObject({ kind: 'behind', after: { hop: 1 }, upTo: { hop: 5 }, isOwn: false, isFirst: true });
    const parting = many(8, (index) => record(index, { number: SAME_ROUTERS * index + index }));
    const own = parting.map((one) => ({
      ...one,
      hops: one.hops.map((hop) => (hop.hop === 1 ? record(1).hops[0]! : hop)),
      summary: { ...one.summary, lastPdmHop: record(1).summary.lastPdmHop },
    }));
    const [near] = faultsOf(own);
    expect(near).toMatchObject({ kind: 'behind', after: { hop: 1 }, upTo: null, isOwn: true, targets: 8 });
    expect(sharedFaultSentence(near!)).toBe(
      '8 of 8 targets lose packets with the option behind one place, hop 1 (2001:db8:1::1), where their ways part, and none of this run was seen to pass it: ' +
        'most likely one fault near this vantage point, counted once; or their own networks each drop it and no router behind that place reports such packets.',
    );
  });

  it('is no fault behind a place that somebody’s option passed, of few networks, or of less than half', () => {
    const lost = many(8, (index) => record(index));
    expect(faultsOf(lost, delivered(1))).toEqual([]);
    const one = many(8, (index) => {
      const target = record(index);
      return { ...target, target: { ...target.target, asn: 64999 } };
    });
    expect(faultsOf(one)).toEqual([]);
    const others = many(9, (index) => record(index, { outcome: 'delivered', number: SAME_ROUTERS * index + 5 }));
    expect(faultsOf(lost, others)).toEqual([]);
    expect(faultsOf(lost, others.slice(0, 8))).toHaveLength(1);
  });

  it('is one where the same address refuses, unless it speaks in the target’s name', () => {
    const refused = many(6, (index) => record(index, { outcome: 'rejected' }));
    const [fault] = faultsOf(refused);
    expect(fault).toMatchObject({ kind: 'refused', targets: 6, isOwn: true, upTo: { hop: 2 } });
    expect(sharedFaultSentence(fault!)).toMatch(
      /^6 of 6 targets have packets with the option refused at one place, by hop 2 \(2001:db8:2::1\): one fault near/,
    );
    const borrowed = refused.map((one) => ({
      ...one,
      verdict: { ...one.verdict, refusal: { ...one.verdict.refusal!, inTargetName: true } },
    }));
    expect(faultsOf(borrowed)).toEqual([]);
  });

  it('says so where nobody answers the option and no verdict claims a loss', () => {
    const [fault] = faultsOf(many(80, unseen));
    expect(fault).toMatchObject({ kind: 'unseen', targets: 80, measured: 80, isFirst: true });
    expect(sharedFaultSentence(fault!)).toMatch(
      /^No target of this run answered a packet with the option, and of 80 of 80 targets that answer plain ones none is seen beyond hop 1 \(2001:db8:1::1\): one fault near/,
    );
    // Few of them claim the loss.
    expect(
      faultsOf(
        many(80, unseen),
        many(2, (index) => record(index)),
      ),
    ).toMatchObject([{ kind: 'unseen', targets: 80 }]);
    // One that arrives is enough to say nothing.
    expect(faultsOf(many(80, unseen), delivered(1))).toEqual([]);
  });

  it('takes no place from a hop with several routers, an address met twice, or one that every network may have', () => {
    const withHop = (one: TraceRecord, hop: number, addresses: readonly string[]): TraceRecord => ({
      ...one,
      summary: { ...one.summary, lastPdmHop: null, nextHop: null },
      hops: one.hops.map((place) => {
        if (place.hop !== hop) return place;
        const [first] = place.arms.plain.responders;
        const responders = addresses.map((address) => ({ ...first!, address, answered: 1 }));
        const arm = { sent: 3, answered: addresses.length, responders };
        return { ...place, arms: { plain: arm, pdm: arm } };
      }),
    });
    const lost = many(8, (index) => record(index, { lastPdmHop: 2, upTo: 3 }));
    expect(faultsOf(lost)).toHaveLength(1);
    for (const addresses of [['2001:db8:2::1', '2001:db8:2::b'], ['2001:db8:1::1'], ['fd00::1']])
      expect(faultsOf(lost.map((one) => withHop(one, 2, addresses)))).toEqual([]);
    // The first router is on the source's link, whatever its address is.
    const first = many(8, (index) => withHop(record(index, { upTo: 2 }), 1, ['fe80::1']));
    expect(faultsOf(first)).toMatchObject([{ after: { hop: 1, address: 'fe80::1' }, isOwn: true }]);
  });

  it('knows the part of every record, in any order, and says how many came too late', () => {
    const records = [...many(6, (index) => record(index, { upTo: 2 })), ...delivered(4)];
    const tally = tallied([...records].reverse());
    for (const one of records)
      expect(tally.faultOf(readWay(one)?.stop ?? null) !== null).toBe(one.verdict.outcome === 'dropped');
    expect(tally.faults()).toEqual(tallied(records).faults());
    const bounded = new SharedFaultTally(6);
    for (const one of records) bounded.add(readWay(one));
    expect([bounded.leftOut, bounded.faults()[0]?.targets, bounded.faults()[0]?.measured]).toEqual([4, 6, 6]);
    expect(bounded.add(readWay(record(77, { upTo: 2 })))).toMatchObject({ targets: 6 });
  });

  it('says it as soon as the fifth target stops there, and takes part in nothing without an address', () => {
    const tally = new SharedFaultTally();
    const said = many(6, (index) => record(index, { upTo: 2 })).map((one) => tally.add(readWay(one)) !== null);
    expect(said).toEqual([false, false, false, false, true, true]);
    const nameless = record(1);
    expect(readWay({ ...nameless, target: { ...nameless.target, address: null } })).toBeNull();
  });

  it('prints nothing of a stranger that a terminal would obey', () => {
    const [fault] = faultsOf(many(5, (index) => record(index, { upTo: 2 })));
    const hostile = { ...fault!, after: { hop: 1, address: 'x\u001b[2J\u202e' } };
    expect(sharedFaultSentence(hostile)).toContain('hop 1 (x?[2J?)');
  });
});
