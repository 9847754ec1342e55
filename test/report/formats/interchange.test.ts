import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { atlasResults } from '../../../src/report/formats/atlas-json.js';
import { expandReplies } from '../../../src/report/formats/expand-replies.js';
import { scamperLines, scamperTraces } from '../../../src/report/formats/scamper-json.js';
import type { ResponderRecord, TraceRecord } from '../../../src/record/record.js';
import { buildRecord, START_MS, withNetworks } from '../../results/record-builder.js';

const DATA = join(import.meta.dirname, 'data');
type Json = Record<string, unknown>;
const hopsOfScamper = (trace: Json): Json[] => (trace['hops'] ?? []) as Json[];

function responder(over: Partial<ResponderRecord>): ResponderRecord {
  const first = buildRecord().hops[0]?.arms.plain.responders[0];
  if (first === undefined) throw new Error('the builder made no responder');
  return { ...first, ...over };
}

describe('single replies behind totals', () => {
  const rttMs = { min: 1, median: 2, max: 9 };
  const icmp = (count: number) => [{ type: 3, code: 0, pointer: null, count }];
  const rtts = (over: Partial<ResponderRecord>): (number | null)[] =>
    expandReplies(responder(over)).map((reply) => reply.rttMs);

  it('have the times that were measured and no others', () => {
    expect(rtts({ answered: 1, rttMs: { min: 2, median: 2, max: 2 }, icmp: icmp(1) })).toEqual([2]);
    // The median of two is no time that was measured.
    expect(rtts({ answered: 2, rttMs: { min: 1, median: 5, max: 9 }, icmp: icmp(2) })).toEqual([1, 9]);
    expect(rtts({ answered: 3, rttMs, icmp: icmp(3) })).toEqual([1, 2, 9]);
    expect(rtts({ answered: 4, rttMs, icmp: icmp(4) })).toEqual([1, 9, null, null]);
    expect(rtts({ answered: 5, rttMs, icmp: icmp(5) })).toEqual([1, 2, 9, null, null]);
    expect(rtts({ answered: 2, rttMs: null, icmp: icmp(2) })).toEqual([null, null]);
    expect(rtts({ answered: 3, rttMs, icmp: [] })).toEqual([1, 2, 9]);
  });

  it('of several kinds have none, as it is not known whose they are', () => {
    const refused = { type: 1, code: 1, pointer: null, count: 1 };
    const replies = expandReplies(responder({ answered: 3, rttMs, icmp: [...icmp(2), refused] }));
    expect(replies.map((reply) => [reply.rttMs, reply.icmp?.type])).toEqual([
      [null, 3],
      [null, 3],
      [null, 1],
    ]);
  });
});

describe('RIPE Atlas results', () => {
  const dropped = buildRecord({ distance: 6, lastPdmHop: 3, silentHops: [2] });
  const [plain, pdm] = atlasResults(dropped) as [Json, Json];
  const hops = (result: Json): { hop: number; result: Json[] }[] =>
    result['result'] as { hop: number; result: Json[] }[];

  it('are one per arm, with every field that a reader insists on', () => {
    expect(atlasResults(dropped)).toHaveLength(2);
    for (const result of [plain, pdm]) {
      expect(Object.keys(result)).toEqual(
        expect.arrayContaining([
          ...[
            'af',
            'dst_name',
            'endtime',
            'from',
            'msm_id',
            'msm_name',
            'prb_id',
            'proto',
            'result',
            'size',
            'src_addr',
          ],
          ...['timestamp', 'type', 'fw'],
        ]),
      );
      expect(result).toMatchObject({
        af: 6,
        type: 'traceroute',
        msm_name: 'Traceroute',
        proto: 'UDP',
        dst_addr: '2001:db8:1001::1',
        src_addr: '2001:db8:ffff::10',
        timestamp: START_MS / 1000 + 1,
        endtime: START_MS / 1000 + 5,
        size: 32,
      });
    }
    expect(plain['pdm_trace']).toMatchObject({ arm: 'plain', outcome: 'dropped', last_pdm_hop: 3 });
    expect(pdm['pdm_trace']).toMatchObject({ arm: 'pdm' });
  });

  it('list one reply for each probe, and * for each silence', () => {
    expect(hops(plain).map((hop) => hop.hop)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(hops(plain)[0]?.result).toEqual([
      { from: '2001:db8:1:1::1', ttl: 63, rtt: 3.1 },
      { from: '2001:db8:1:1::1', ttl: 63, rtt: 3.514 },
      { from: '2001:db8:1:1::1', ttl: 63, rtt: 5.002 },
    ]);
    expect(hops(plain)[1]?.result).toEqual([{ x: '*' }, { x: '*' }, { x: '*' }]);
  });

  it('say dstoptsize 8 for each quote of the PDM arm, and nothing of the kind for the plain one', () => {
    expect(hops(pdm)[0]?.result.map((reply) => reply['dstoptsize'])).toEqual([8, 8, 8]);
    expect(hops(plain)[0]?.result.every((reply) => !('dstoptsize' in reply))).toBe(true);
    const stripped = buildRecord({ distance: 3, outcome: 'delivered', silentHops: [] });
    stripped.hops[1]?.arms.pdm.responders[0]?.quotes.splice(0, 2, { intact: false, changes: ['stripped'], count: 3 });
    const [, arm] = atlasResults(stripped) as [Json, Json];
    expect(hops(arm).map((hop) => 'dstoptsize' in (hop.result[0] ?? {}))).toEqual([true, false, true]);
  });

  it('show where PDM stops: only silence after it, and silence of the target under the hop limit of its pairs', () => {
    const last = hops(pdm).at(-1);
    expect(last?.hop).toBe(64);
    expect(last?.result).toEqual(Array.from({ length: 12 }, () => ({ x: '*' })));
    for (const hop of hops(pdm).filter((one) => one.hop > 3))
      expect(hop.result.every((reply) => reply['x'] === '*')).toBe(true);
  });

  it('give labels of MPLS stacks, MTUs, quoted hop limits and refusals in their own words', () => {
    const record = buildRecord({ distance: 8, outcome: 'delivered', silentHops: [] });
    const arm = (hop: number): ResponderRecord => {
      const found = record.hops[hop - 1]?.arms.plain.responders[0];
      if (found === undefined) throw new Error('silent');
      return found;
    };
    arm(1).icmp = [{ type: 1, code: 1, pointer: null, count: 3 }];
    arm(2).icmp = [{ type: 1, code: 6, pointer: null, count: 3 }];
    arm(4).icmp = [{ type: 2, code: 0, pointer: null, mtu: 1280, count: 3 }];
    arm(5).icmp = [{ type: 4, code: 2, pointer: 42, count: 3 }];
    arm(6).quotes = [{ intact: null, changes: ['hop-limit-64'], count: 3 }];
    const replies = hops(atlasResults(record)[0] ?? {}).map((hop) => hop.result[0]);
    expect(replies[0]).toMatchObject({ err: 'A' });
    expect(replies[1]).toMatchObject({ err: 6 });
    expect(replies[2]).toMatchObject({
      icmpext: { version: 2, rfc4884: 1, obj: [{ class: 1, type: 1, mpls: [{ label: 24003, exp: 0, s: 1, ttl: 1 }] }] },
    });
    expect(replies[3]).toMatchObject({ mtu: 1280 });
    expect(replies[4]).toMatchObject({ err: 2, pdm_trace: { type: 4, code: 2, pointer: 42 } });
    expect(replies[5]).toMatchObject({ ittl: 64 });
    expect(replies[7]).not.toHaveProperty('err');
  });

  it('say which headers the way put in front of ours, and who saw them', () => {
    const record = buildRecord({ distance: 8, outcome: 'delivered', silentHops: [] });
    const [one] = record.hops[4]!.arms.pdm.responders;
    one!.quotes = [
      { intact: true, changes: ['inserted-routing', 'inserted-hop-by-hop'], count: 2 },
      { intact: true, changes: ['inserted-routing', 'hop-limit-2'], count: 1 },
    ];
    const [without, withOption] = atlasResults(record);
    expect(without!['pdm_trace']).not.toHaveProperty('inserted');
    expect(withOption!['pdm_trace']).toMatchObject({
      inserted: [{ hop: 5, from: one!.address, headers: ['routing', 'hop-by-hop'] }],
    });
    const changed = hopsOfScamper(scamperTraces(record)[1] ?? {}).filter((hop) => hop['probe_ttl'] === 5);
    expect(changed.map((hop) => 'icmp_q_ipl' in hop)).toEqual([false, false, false]);
  });

  it('of a record that sent nothing are none', () => {
    const record = buildRecord({ outcome: 'not-measured' });
    expect(atlasResults({ ...record, hops: [], targetPairs: null })).toEqual([]);
  });

  it('are read by Debian’s blaeu-traceroute, which shows the same path', () => {
    const directory = mkdtempSync(join(tmpdir(), 'pdm-atlas-'));
    const file = join(directory, 'results.jsonl');
    // Keys of our own are passed over.
    Object.assign(pdm['pdm_trace'] as Json, { inserted: [{ hop: 3, from: '2001:db8:3:1::1', headers: ['routing'] }] });
    writeFileSync(file, [plain, pdm].map((result) => JSON.stringify(result)).join('\n'));
    const text = execFileSync('/usr/bin/python3', [join(DATA, 'read-atlas-result.py'), file], { encoding: 'utf8' });
    rmSync(directory, { recursive: true });
    const lines = text.split('\n').map((line) => line.replace(/\s+/g, ' ').trim());
    expect(lines).toContain('Source address: 2001:db8:ffff::10');
    expect(lines).toContain('1 2001:db8:1:1::1 [3.1, 3.514, 5.002]');
    expect(lines).toContain("2 ['*', '*', '*']");
    expect(lines).toContain('3 2001:db8:3:1::1 [9.5, 9.914, 11.402]');
    expect(lines).toContain("4 ['*', '*', '*']");
    expect(lines).toContain('6 2001:db8:1001::1 [18.6, 19.014, 20.502]');
  });
});

describe('scamper traces', () => {
  /** Names and JSON types, as Debian's scamper writes them. */
  function shapes(objects: readonly Json[]): Map<string, string> {
    return new Map(
      objects.flatMap((object) => Object.entries(object).map(([name, value]) => [name, typeof value] as const)),
    );
  }
  const theirs = readFileSync(join(DATA, 'scamper-20211212.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Json);
  const theirTraces = theirs.filter((line) => line['type'] === 'trace');
  const hopsOf = hopsOfScamper;
  /** Documented fields that the sample has no occasion to show. */
  const ALSO_THEIRS = new Map([
    ['monitor', 'string'],
    ['name', 'string'],
    ['icmp_nhmtu', 'number'],
    ['icmpext', 'object'],
  ]);
  /** Ours, which others pass over. */
  const OURS = ['pdm_trace', 'object'] as const;

  const records: TraceRecord[] = [
    buildRecord({ distance: 6, lastPdmHop: 3 }),
    buildRecord({ number: 2, protocol: 'icmp6', outcome: 'delivered', distance: 9 }),
  ];
  const cycle = { listName: 'list', hostname: 'vm', startedAtMs: START_MS, stoppedAtMs: () => START_MS + 9000 };
  const ours = [...scamperLines(records, cycle)].map((line) => JSON.parse(line) as Json);
  const ourTraces = ours.filter((line) => line['type'] === 'trace');

  it('have only names and types that scamper writes, in each kind of line', () => {
    for (const type of ['cycle-start', 'trace', 'cycle-stop']) {
      const known = new Map([...shapes(theirs.filter((line) => line['type'] === type)), ...ALSO_THEIRS, OURS]);
      for (const [name, kind] of shapes(ours.filter((line) => line['type'] === type)))
        expect([name, known.get(name)]).toEqual([name, kind]);
    }
    const known = new Map([...shapes(theirTraces.flatMap(hopsOf)), ...ALSO_THEIRS]);
    for (const [name, kind] of shapes(ourTraces.flatMap(hopsOf))) expect([name, known.get(name)]).toEqual([name, kind]);
  });

  it('have every field that scamper always writes, but for what a record does not keep', () => {
    const always = (objects: readonly Json[]): string[] =>
      [...shapes(objects).keys()].filter((name) => objects.every((object) => name in object));
    for (const trace of ourTraces) expect(Object.keys(trace)).toEqual(expect.arrayContaining(always(theirTraces)));
    const notKept = ['tx', 'reply_tos', 'reply_ipid', 'reply_size'];
    const needed = always(theirTraces.flatMap(hopsOf)).filter((name) => !notKept.includes(name));
    for (const hop of ourTraces.flatMap(hopsOf).filter((one) => 'rtt' in one))
      expect(Object.keys(hop)).toEqual(expect.arrayContaining(needed));
  });

  it('are between a start and a stop of the cycle, one for each arm', () => {
    expect(ours.map((line) => line['type'])).toEqual(['cycle-start', 'trace', 'trace', 'trace', 'trace', 'cycle-stop']);
    expect(ours[0]).toEqual({
      type: 'cycle-start',
      list_name: 'list',
      id: 0,
      hostname: 'vm',
      start_time: START_MS / 1000,
    });
    expect(
      ourTraces.map((trace) => [trace['userid'], trace['method'], trace['stop_reason'], trace['probe_size']]),
    ).toEqual([
      [0, 'udp-paris', 'COMPLETED', 80],
      [1, 'udp-paris', 'GAPLIMIT', 96],
      [0, 'icmp-echo-paris', 'COMPLETED', 80],
      [1, 'icmp-echo-paris', 'COMPLETED', 96],
    ]);
  });

  it('list answered probes only, with type and code', () => {
    const [plain, pdm] = ourTraces;
    expect(hopsOf(plain ?? {}).map((hop) => hop['probe_ttl'])).toEqual([1, 1, 1, 2, 2, 2, 4, 4, 4, 5, 5, 5, 6, 6, 6]);
    expect(hopsOf(pdm ?? {}).map((hop) => hop['probe_ttl'])).toEqual([1, 1, 1, 2, 2, 2]);
    expect(hopsOf(plain ?? {})[0]).toMatchObject({
      addr: '2001:db8:1:1::1',
      rtt: 3.1,
      reply_ttl: 63,
      icmp_type: 3,
      icmp_code: 0,
      icmp_q_ttl: 1,
    });
    expect(hopsOf(plain ?? {}).at(-1)).toMatchObject({ addr: '2001:db8:1001::1', icmp_type: 1, icmp_code: 4 });
  });

  it('say whose network may be meant, silent stretches and inserted headers as Atlas results do', () => {
    const record = withNetworks();
    const objects = scamperTraces(record).map((trace) => trace['pdm_trace']);
    expect(objects).toEqual(atlasResults(record).map((result) => result['pdm_trace']));
    expect(objects[1]).toMatchObject({
      arm: 'pdm',
      candidates: [64500, 64777, 64501],
      silent: [
        { from: 5, to: 6 },
        { from: 9, to: 9 },
      ],
      unknown: true,
      inserted: [
        { hop: 2, headers: ['routing', 'hop-by-hop'] },
        { hop: 4, headers: ['routing'] },
      ],
    });
    expect(scamperTraces(buildRecord({ outcome: 'delivered' }))[0]?.['pdm_trace']).not.toHaveProperty('candidates');
  });

  it('of a refused arm end with UNREACH and the code', () => {
    const record = buildRecord({ outcome: 'rejected', distance: 6, lastPdmHop: 3 });
    record.hops[3]?.arms.pdm.responders.push(
      responder({ answered: 3, icmp: [{ type: 1, code: 1, pointer: null, count: 3 }] }),
    );
    expect(scamperTraces(record)[1]).toMatchObject({ stop_reason: 'UNREACH', stop_data: 1 });
  });
});
