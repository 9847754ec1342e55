import { beforeEach, describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../src/address/address.js';
import { parsePrefixList } from '../../src/address/prefix.js';
import { annotateRecord, type AnnotationSources } from '../../src/annotate/annotate-record.js';
import type { AsOrigin } from '../../src/annotate/as-data/as-table.js';
import { traceRecordSchema } from '../../src/record/record-schema.js';
import type { HopRecord, NextHop, Outcome, TraceRecord } from '../../src/record/record.js';
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
  record.verdict.interval = { after: lastPdmHop, upTo: distance, likelyUpTo: next };
  record.verdict.evidence.basis = 'target';
  return record;
}

function refusedAt(networks: string, hop: number, refuser: string, inTargetName?: boolean): TraceRecord {
  const record = dropped(networks, hop, {}, 'rejected');
  record.verdict.interval = { after: hop, upTo: hop + 1, likelyUpTo: hop + 1 };
  record.verdict.refusal = { address: refuser, hop, type: 1, code: 1, pointer: null };
  if (inTargetName !== undefined) record.verdict.refusal.inTargetName = inTargetName;
  return record;
}

function addressOfFirst({ arms }: HopRecord): string {
  return arms.plain.responders[0]!.address;
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

  it.each(['2002:808:808::80', '2001:0:4136:e378:8000:63bf:f7f7:f7f7'])(
    'leave %s without an AS: who announces 6to4 or Teredo is a relay, not the network of the address',
    async (address) => {
      const relay = { asn: 64530, name: 'Relay of all tunnels' };
      sources = { ...sources, asDatabase: { lookup: () => relay, source: 'test data', date: null } };
      const record = dropped('aa', 2);
      record.target.address = address;
      record.summary.nextHop = { ...sampleSummaryHop(3, address), candidates: [], uncertain: false };
      const annotated = await annotateRecord(record, sources);
      expect(annotated.target).toMatchObject({ asn: null, asName: null });
      expect(annotated.summary.nextHop).toMatchObject({ asn: null, asName: null });
      expect(annotated.hops[0]!.arms.plain.responders[0]).toMatchObject({ asn: 64530 });
      expect(annotated.summary.inDestinationNetwork).toBe('unknown');
    },
  );

  it('are filled in for a link-local responder written with its zone', async () => {
    const record = dropped('ad', 1);
    record.hops[0]!.arms.plain.responders[0]!.address = 'fe80::1%eth0';
    await annotateRecord(record, sources);
    expect(looked).toContain('fe80::1');
  });
});

const NOBODY = { inDestinationNetwork: null, attribution: null };

describe('the judgement about the destination network', () => {
  it.each<Outcome>(['delivered', 'impaired', 'inconclusive', 'no-difference', 'unreachable', 'not-measured'])(
    'names nobody where the outcome is %s',
    async (outcome) => {
      expect(await judged(sampleRecord({ verdict: { ...sampleRecord().verdict, outcome } }))).toMatchObject(NOBODY);
      // Whatever is known about hop n+1 (an interrupted trace is inconclusive).
      expect(await judged(dropped('aad', 2, {}, outcome))).toMatchObject(NOBODY);
    },
  );

  it.each<Outcome>(['stripped', 'altered'])(
    "rests on the target's own quote where the outcome is %s",
    async (outcome) => {
      const record = dropped('aad', 2, {}, outcome);
      expect(await judged(record)).toMatchObject({ inDestinationNetwork: 'likely', attribution: { best: 64513 } });
      record.verdict.evidence.basis = 'routers';
      expect(await judged(record)).toMatchObject(NOBODY);
    },
  );

  it('names nobody where no interval is known', async () => {
    const record = dropped('aad', 2);
    record.verdict.interval = null;
    expect(await judged(record)).toMatchObject(NOBODY);
  });

  it('comes with the data it rests on', async () => {
    expect((await judged(dropped('aad', 2))).attribution).toEqual({
      best: 64513,
      worst: 64510,
      candidates: [64510, 64513],
      rule: 'x, D',
      method: 'origin-as',
      source: 'test data',
      date: '2026-06-17',
    });
  });

  it.each([
    ['addd', 3, 'yes', 'D alone from n-1 on'],
    ['aad', 2, 'likely', 'x, D'],
    ['aabd', 2, 'ambiguous', 'x, y, D'],
    ['aaad', 2, 'ambiguous', 'x, x, D'],
    ['aaaad', 2, 'unknown', 'anything else'],
    ['a-bd', 1, 'unknown', 'n+1 silent'],
    ['afbd', 1, 'unknown', 'n+1 unmapped'],
    ['aad', 0, 'unknown', 'n = 0'],
    // The target itself is hop n+1, or hop n+2.
    ['aa', 2, 'likely', 'n+1 is the target'],
    ['add', 3, 'yes', 'D alone from n-1 on'],
    ['aaa', 2, 'ambiguous', 'x, x, D'],
  ])('over %s with n = %i is %s (%s)', async (networks, n, inDestinationNetwork, rule) => {
    expect(await judged(dropped(networks, n))).toMatchObject({ inDestinationNetwork, attribution: { rule } });
  });

  it('is no where the drop is before a router that reports, and all up to it are of other networks', async () => {
    const record = dropped('aabbbd', 2);
    record.verdict.interval = { after: 2, upTo: 4, likelyUpTo: 3 };
    record.verdict.evidence.basis = 'routers';
    expect(await judged(record)).toMatchObject({
      inDestinationNetwork: 'no',
      attribution: { candidates: [64510, 64511] },
    });
  });

  it('takes hop n from where the interval begins, not from the last hop that saw the option', async () => {
    const record = dropped('abbd', 3);
    record.verdict.interval = { after: 1, upTo: 5, likelyUpTo: 4 };
    expect((await judged(record)).attribution).toMatchObject({ candidates: [64510, 64511, 64513], best: null });
  });

  it('says which hops are silent, and names who answers beyond them', async () => {
    expect((await judged(dropped('a--bd', 1))).attribution).toMatchObject({
      candidates: [64510, 64511, 64513],
      silent: [{ from: 2, to: 3 }],
    });
    expect((await judged(dropped('a--', 1))).attribution).toMatchObject({
      candidates: [64510, 64513],
      silent: [{ from: 2, to: 3 }],
    });
  });

  it('takes a hop limit that was never asked for a silent one', async () => {
    const record = dropped('abbd', 1);
    record.hops.splice(2, 1);
    expect((await judged(record)).attribution?.silent).toEqual([{ from: 3, to: 3 }]);
  });

  it('names who answered on other flows and to other arms', async () => {
    const record = dropped('aaad', 2);
    record.hops[2]!.arms.do16 = sampleArm(sampleResponder('2001:db8:b::77'));
    expect((await judged(record)).attribution?.candidates).toEqual([64510, 64511, 64513]);
  });

  it.each([
    ['2001:7f8:1::a506:4511:1', 'RIPE NCC'],
    ['2001:7fa:0:1::1', 'APNIC'],
    ['2001:504:0:2::1', 'ARIN'],
    ['2001:507:ffff::1', 'ARIN'],
    ['2001:478:132::1', 'EP.NET'],
    ['2001:12f8::218:139', 'LACNIC'],
    ['2001:43f8:1f0::1', 'AFRINIC'],
  ])('does not attribute %s, an exchange LAN of %s, whoever originates it', async (address) => {
    const { lookup } = sources.asDatabase!;
    sources = {
      ...sources,
      asDatabase: {
        ...sources.asDatabase!,
        lookup: (octets) => (formatAddress(octets) === address ? { asn: 64999, name: 'A Member' } : lookup(octets)),
      },
    };
    const record = dropped('abd', 1);
    for (const arm of Object.values(record.hops[1]!.arms)) arm.responders = [sampleResponder(address)];
    record.summary.nextHop!.address = address;
    const annotated = await annotateRecord(record, sources);
    expect(annotated.summary).toMatchObject({
      inDestinationNetwork: 'unknown',
      attribution: { rule: 'n+1 in an exchange LAN', candidates: [64510, 64513], unknown: true },
    });
    expect(JSON.stringify(annotated)).not.toContain('A Member');
  });

  it('does not attribute an address in an exchange LAN of the file', async () => {
    sources = { ...sources, ixpPrefixes: parsePrefixList('2001:db8:b::/48').set };
    expect(await judged(dropped('abd', 1))).toMatchObject({
      inDestinationNetwork: 'unknown',
      attribution: { rule: 'n+1 in an exchange LAN', candidates: [64510, 64513], unknown: true },
    });
  });

  it('takes all candidates of hop n+1 into account, and says unknown where the paths diverge', async () => {
    const candidates = ['2001:db8:d::3', '2001:db8:b::3'].map((address) => ({
      address,
      name: null,
      asn: null,
      asName: null,
    }));
    expect((await judged(dropped('aad', 2, { candidates }))).attribution).toMatchObject({
      rule: 'several candidates of different AS',
      candidates: [64510, 64513, 64511],
    });
    expect(await judged(dropped('aad', 2, { uncertain: true }))).toMatchObject({
      inDestinationNetwork: 'unknown',
      attribution: { rule: 'n+1 names no place', unknown: true },
    });
    const diverging = dropped('aad', 2);
    diverging.verdict.pathsDiverge = 2;
    expect((await judged(diverging)).attribution).toMatchObject({
      rule: 'n+1 uncertain: the paths diverge',
      best: null,
      unknown: true,
    });
  });

  it.each([
    ['n', 2, 'anything else'],
    ['n+1', 3, 'n+1 names no place'],
    ['behind n+1', 4, 'anything else'],
  ])('names nobody by one of two that answered one probe at hop %s', async (_where, hop, rule) => {
    const record = dropped('abdd', 2);
    record.hops[hop - 1]!.contradicting = [addressOfFirst(record.hops[hop - 1]!), '2001:db8:c::66'];
    const { inDestinationNetwork, attribution } = await judged(record);
    expect({ inDestinationNetwork, attribution }).toMatchObject({
      inDestinationNetwork: 'unknown',
      attribution: { best: null, worst: null, unknown: true, rule },
    });
  });

  it('does not take an error from a router for its place on the path', async () => {
    const record = dropped('aaad', 2);
    // Hop limit 4 drew a Destination Unreachable from somewhere else.
    record.hops[3]!.arms.plain.responders = [sampleResponder('2001:db8:b::1', 1, 0)];
    expect((await judged(record)).attribution).toMatchObject({
      candidates: [64510, 64513],
      silent: [{ from: 4, to: 4 }],
    });
  });

  it('takes every origin of a prefix that has several for a candidate, and none for the only one', async () => {
    expect(await judged(dropped('ae', 1))).toMatchObject({
      inDestinationNetwork: 'unknown',
      attribution: { best: null, worst: null, candidates: [64510, 64520, 64513] },
    });
  });
});

describe('an address that names no place', () => {
  /** Hop 2 of `aaad`, n = 1, is this address. */
  async function with2(address: string, change: (record: TraceRecord) => void = () => undefined): Promise<unknown> {
    const record = dropped('aaad', 1);
    for (const arm of Object.values(record.hops[1]!.arms)) arm.responders = [sampleResponder(address)];
    record.summary.nextHop!.address = address;
    change(record);
    const { inDestinationNetwork, attribution } = await judged(record);
    return { inDestinationNetwork, rule: attribution?.rule, unknown: attribution?.unknown };
  }
  const noPlace = { inDestinationNetwork: 'unknown', rule: 'n+1 names no place', unknown: true };

  it.each(['fd00:d::2', 'fe80::2', '64:ff9b::c000:201', '::ffff:192.0.2.1', '5f00:d::1'])(
    'is one outside 2000::/3, such as %s',
    async (address) => {
      expect(await with2(address)).toEqual(noPlace);
    },
  );

  it("is the target's own at a nearer hop (a load balancer, a router that answers in its name)", async () => {
    expect(await with2('2001:db8:d::80')).toEqual(noPlace);
  });

  it('is one met at two hop limits (one address for several routers)', async () => {
    expect(await with2('2001:db8:a::2')).not.toEqual(noPlace);
    const twice = await with2('2001:db8:a::2', (record) => {
      record.hops[2]!.arms.plain.responders.push(sampleResponder('2001:db8:a::2'));
    });
    expect(twice).toEqual(noPlace);
  });

  it("is none of the source's own prefix outside 2000::/3, which only has no AS", async () => {
    const address = 'fd00:1::2';
    const own = await with2(address, (record) => {
      record.source.address = 'fd00:1::1';
    });
    expect(own).toEqual({ ...noPlace, rule: 'n+1 unmapped' });
    // Other links of its site are numbered from the same /48.
    const link = await with2('fd00:1:0:7::2', (record) => {
      record.source.address = 'fd00:1::1';
    });
    expect(link).toEqual({ ...noPlace, rule: 'n+1 unmapped' });
    const otherSite = await with2('fd00:1:1::2', (record) => {
      record.source.address = 'fd00:1::1';
    });
    expect(otherSite).toEqual(noPlace);
  });

  it('may answer beside one that does', async () => {
    const mixed = await with2('2001:db8:a::2', (record) => {
      record.hops[1]!.arms.plain.responders.push(sampleResponder('fd00::2'));
    });
    expect(mixed).toEqual(noPlace);
  });
});

describe('a refuser', () => {
  it('is named by its own AS where the next hop that answers has it too', async () => {
    expect(await judged(refusedAt('aaaad', 2, '2001:db8:a::2'))).toMatchObject({
      inDestinationNetwork: 'no',
      attribution: { best: 64510, candidates: [64510] },
    });
  });

  it('may be the customer whose border its provider numbered, so both are named', async () => {
    expect((await judged(refusedAt('aad', 2, '2001:db8:a::2'))).attribution).toMatchObject({
      best: null,
      worst: null,
      candidates: [64510, 64513],
    });
    expect((await judged(refusedAt('aa-d', 2, '2001:db8:a::2'))).attribution).toMatchObject({
      candidates: [64510, 64513],
      silent: [{ from: 3, to: 3 }],
    });
  });

  it("in the target's name names nobody, nor does a reset", async () => {
    expect(await judged(refusedAt('aaad', 2, '2001:db8:d::80'))).toMatchObject(NOBODY);
    expect(await judged(refusedAt('aaad', 2, '2001:db8:a::2', true))).toMatchObject(NOBODY);
    expect(await judged(refusedAt('aaad', 2, '2001:db8:a::2', false))).not.toMatchObject(NOBODY);
    const reset = refusedAt('aaad', 2, '2001:db8:a::2');
    reset.verdict.refusal = null;
    expect(await judged(reset)).toMatchObject(NOBODY);
  });

  it('that is no router of the path is looked up too', async () => {
    const { attribution } = await judged(refusedAt('aaad', 2, '2001:db8:b::fe'));
    expect(attribution).toMatchObject({ candidates: [64510, 64511] });
  });
});

it('the test networks are told apart by the third group of an address', () => {
  expect(formatAddress(parseAddress('2001:db8:a::1')!.octets).split(':')[2]).toBe('a');
});
