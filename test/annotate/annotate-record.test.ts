import { beforeEach, describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../src/address/address.js';
import { parsePrefixList } from '../../src/address/prefix.js';
import { annotateRecord, type AnnotationSources } from '../../src/annotate/annotate-record.js';
import type { AsOrigin } from '../../src/annotate/as-table.js';
import { traceRecordSchema } from '../../src/config/record-schema.js';
import type { NextHop, Outcome, TraceRecord } from '../../src/trace/record.js';
import { sampleArm, sampleHop, sampleRecord, sampleResponder, sampleSummaryHop } from './sample-record.js';

/** Third group of the address tells the network: 2001:db8:<network>::. */
const NETWORKS: Readonly<Record<string, AsOrigin>> = {
  '1': { asn: 64501, name: 'Source Net' },
  a: { asn: 64510, name: 'Transit A' },
  b: { asn: 64511, name: 'Transit B' },
  d: { asn: 64513, name: 'Destination' },
  e: { asn: 64520, name: 'Both', asns: [64520, 64513] },
};

let looked: string[];
let sources: AnnotationSources;

beforeEach(() => {
  looked = [];
  sources = {
    names: {
      reverse: (octets) => {
        const address = formatAddress(octets);
        looked.push(address);
        return Promise.resolve(address.endsWith('::ff') ? null : `r-${address.split(':')[2] ?? ''}.example`);
      },
    },
    asDatabase: {
      lookup: (octets) => NETWORKS[formatAddress(octets).split(':')[2] ?? ''] ?? null,
      source: 'test data',
      date: '2026-06-17',
    },
    ixpPrefixes: null,
  };
});

/** Hop h is answered by 2001:db8:<network>::<h>; `-` is silent. The target is beyond the last hop. */
function dropped(
  networks: string,
  lastPdmHop: number,
  more: Partial<NextHop> = {},
  outcome: Outcome = 'dropped',
): TraceRecord {
  const addressOf = (hop: number): string | null => {
    const network = networks[hop - 1];
    return network === undefined || network === '-' ? null : `2001:db8:${network}::${hop.toString(16)}`;
  };
  const hops = Array.from(networks).map((_, index) => {
    const address = addressOf(index + 1);
    const answer = address === null ? [] : [sampleResponder(address)];
    return sampleHop(index + 1, answer, index + 1 <= lastPdmHop ? answer : []);
  });
  const distance = networks.length + 1;
  const target = [sampleResponder('2001:db8:d::80', 1, 4)];
  const record = sampleRecord({
    hops,
    targetPairs: { ...sampleHop(distance, target, []), hop: null, distance: { plain: distance, pdm: null } },
  });
  const next = lastPdmHop + 1;
  record.summary.lastPdmHop = lastPdmHop === 0 ? null : sampleSummaryHop(lastPdmHop, addressOf(lastPdmHop));
  record.summary.lastPlainHop = sampleSummaryHop(networks.length, addressOf(networks.length));
  record.summary.nextHop = {
    ...sampleSummaryHop(next, next === distance ? '2001:db8:d::80' : addressOf(next)),
    candidates: [],
    uncertain: false,
    ...more,
  };
  record.verdict.outcome = outcome;
  return record;
}

async function judged(record: TraceRecord): Promise<TraceRecord['summary']> {
  return (await annotateRecord(record, sources)).summary;
}

describe('names and origins', () => {
  it('are filled in wherever an address stands', async () => {
    const record = dropped('aad', 2, {
      candidates: [{ address: '2001:db8:b::7', name: null, asn: null, asName: null }],
    });
    record.hops[0]!.arms.do8 = sampleArm(sampleResponder('2001:db8:b::9'));
    const annotated = await annotateRecord(record, sources);
    const transitA = { name: 'r-a.example', asn: 64510, asName: 'Transit A' };
    const transitB = { name: 'r-b.example', asn: 64511, asName: 'Transit B' };
    const destination = { name: 'r-d.example', asn: 64513, asName: 'Destination' };
    expect(annotated.source).toMatchObject({ name: 'r-1.example', asn: 64501, asName: 'Source Net' });
    expect(annotated.target).toMatchObject(destination);
    expect(annotated.hops[0]!.arms.plain.responders[0]).toMatchObject(transitA);
    expect(annotated.hops[0]!.arms.pdm.responders[0]).toMatchObject(transitA);
    expect(annotated.hops[0]!.arms.do8!.responders[0]).toMatchObject(transitB);
    expect(annotated.targetPairs!.arms.plain.responders[0]).toMatchObject(destination);
    expect(annotated.summary.lastPdmHop).toMatchObject(transitA);
    expect(annotated.summary.lastPlainHop).toMatchObject(destination);
    expect(annotated.summary.nextHop).toMatchObject(destination);
    expect(annotated.summary.nextHop!.candidates[0]).toMatchObject(transitB);
    expect(() => traceRecordSchema.parse(annotated)).not.toThrow();
  });

  it('are looked up once for each address, and the record given is left as it was', async () => {
    const record = dropped('aad', 2);
    const before = structuredClone(record);
    await annotateRecord(record, sources);
    expect(record).toEqual(before);
    expect(looked.toSorted()).toEqual([...new Set(looked)].toSorted());
  });

  it('keep all origins of a prefix that has several', async () => {
    const annotated = await annotateRecord(dropped('ae', 1), sources);
    expect(annotated.summary.nextHop).toMatchObject({ asn: 64520, asns: [64520, 64513] });
    expect(annotated.source.asns).toBeUndefined();
  });

  it('stay null without a resolver, without data, and for silent hops', async () => {
    const annotated = await annotateRecord(dropped('a-d', 1), { names: null, asDatabase: null, ixpPrefixes: null });
    expect(annotated.hops[0]!.arms.plain.responders[0]).toMatchObject({ name: null, asn: null, asName: null });
    expect(annotated.summary.nextHop).toMatchObject({ address: null, name: null, asn: null });
    expect(annotated.summary.attribution).toMatchObject({ best: null, worst: null, source: null, date: null });
  });

  it('are filled in for a link-local responder written with its zone', async () => {
    const record = dropped('ad', 1);
    record.hops[0]!.arms.plain.responders[0]!.address = 'fe80::1%eth0';
    await annotateRecord(record, sources);
    expect(looked).toContain('fe80::1');
  });
});

describe('the judgement about the destination network', () => {
  it('is null when the option arrived, or when there is nothing to attribute', async () => {
    for (const outcome of ['delivered', 'no-difference', 'unreachable', 'not-measured', 'inconclusive'] as const) {
      const record = sampleRecord();
      record.verdict.outcome = outcome;
      expect(await judged(record)).toMatchObject({ inDestinationNetwork: null, attribution: null });
    }
    expect(await judged(dropped('aad', 2, {}, 'delivered'))).toMatchObject({
      inDestinationNetwork: null,
      attribution: null,
    });
  });

  it('comes with the data it rests on', async () => {
    expect((await judged(dropped('aad', 2))).attribution).toEqual({
      best: 64513,
      worst: 64510,
      candidates: [64513, 64510],
      rule: 'x, D, any',
      method: 'origin-as',
      source: 'test data',
      date: '2026-06-17',
    });
  });

  it.each([
    ['add', 2, 'yes', 'D, D, any'],
    ['aad', 2, 'likely', 'x, D, any'],
    ['aabd', 2, 'ambiguous', 'x, y, D'],
    ['aaad', 2, 'ambiguous', 'x, x, D'],
    ['aaaad', 2, 'no', 'x, x, x ≠ D'],
    ['abbd', 1, 'no', 'x, y, y ≠ D'],
    ['a-bd', 1, 'unknown', 'n+1 silent'],
    ['afbd', 1, 'unknown', 'n+1 unmapped'],
    ['aad', 0, 'no', 'n = 0'],
    // The target itself is hop n+1, or hop n+2.
    ['aa', 2, 'likely', 'x, D, any'],
    ['ad', 2, 'yes', 'D, D, any'],
    ['aaa', 2, 'ambiguous', 'x, x, D'],
  ])('over %s with n = %i is %s (%s)', async (networks, n, inDestinationNetwork, rule) => {
    expect(await judged(dropped(networks, n))).toMatchObject({ inDestinationNetwork, attribution: { rule } });
  });

  it('takes the ASes of a silent hop n+1 from the next that answers', async () => {
    expect((await judged(dropped('a--bd', 1))).attribution?.candidates).toEqual([64510, 64511]);
    expect((await judged(dropped('a--', 1))).attribution?.candidates).toEqual([64510, 64513]);
  });

  it('does not attribute an address in an exchange LAN', async () => {
    sources = { ...sources, ixpPrefixes: parsePrefixList('2001:db8:b::/48').set };
    expect(await judged(dropped('abd', 1))).toMatchObject({
      inDestinationNetwork: 'unknown',
      attribution: { rule: 'n+1 in an exchange LAN', candidates: [64510, 64513] },
    });
  });

  it('takes all candidates of hop n+1 into account, and says unknown where the paths diverge', async () => {
    const candidates = ['2001:db8:d::3', '2001:db8:b::3'].map((address) => ({
      address,
      name: null,
      asn: null,
      asName: null,
    }));
    expect((await judged(dropped('aad', 2, { candidates }))).attribution?.rule).toBe(
      'several candidates of different AS',
    );
    expect((await judged(dropped('aad', 2, { uncertain: true }))).inDestinationNetwork).toBe('unknown');
  });

  it('does not take an error from a router for its place on the path', async () => {
    const record = dropped('aaaad', 2);
    // Hop limit 4 drew a Destination Unreachable from somewhere else.
    record.hops[3]!.arms.plain.responders = [sampleResponder('2001:db8:b::1', 1, 0)];
    expect((await judged(record)).attribution?.rule).toBe('anything else');
  });

  it('is made for an accusation without a next hop too', async () => {
    const record = dropped('aad', 2, {}, 'impaired');
    record.summary.nextHop = null;
    expect((await judged(record)).attribution?.rule).toBe('x, D, any');
  });

  it('knows the destination among several origins', async () => {
    expect(await judged(dropped('ae', 1))).toMatchObject({
      inDestinationNetwork: 'likely',
      attribution: { best: 64513 },
    });
  });
});

it('the test networks are told apart by the third group of an address', () => {
  expect(formatAddress(parseAddress('2001:db8:a::1')!.octets).split(':')[2]).toBe('a');
});
