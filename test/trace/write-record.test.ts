/** The record of traces over fake paths: its shape, and that it says what was measured. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { traceRecordSchema } from '../../src/record/record-schema.js';
import { METHOD_VERSION, type TraceRecord } from '../../src/record/record.js';
import { ARM_CODE, TARGET_HOP_LIMIT } from '../../src/trace/state/trace-state.js';
import { judgeTrace } from '../../src/trace/trace-machine.js';
import { writeRecord } from '../../src/trace/write-record.js';
import { ECHO_SILENT } from './by-hand.js';
import {
  contextOf,
  dropsFrom,
  isTreated,
  routerAt,
  runTrace,
  withHopLimit,
  type Drawn,
  type FakePath,
} from './fake-path.js';
import { TARGET } from './trace-fixture.js';

const echoLost = { plainArrivals: 15, pdmArrivals: 0, lossShown: true, settled: true };
const path = (values: Partial<FakePath> = {}): FakePath => ({ protocol: 'udp', routers: 8, ...values });

function recordOf(fake: FakePath, change?: (outcome: ReturnType<typeof runTrace>) => void): TraceRecord {
  const outcome = runTrace(fake);
  change?.(outcome);
  const record = writeRecord(outcome.state, outcome, {
    id: '0190b3c4-0000-7000-8000-000000000001',
    runId: '0190b3c4-0000-7000-8000-000000000002',
    vantage: 'here',
    company: null,
    input: 'www.example.com',
    aliases: ['example.net'],
    tool: { version: '0.1.0', transport: 'simulated', clock: 'process' },
    seed: 1,
    startedAtMs: 1_700_000_000_000,
    endedAtMs: 1_700_000_003_000,
  });
  expect(traceRecordSchema.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
  return record;
}

const refusesAt4 = ({ arm, hopLimit }: { arm: number; hopLimit: number }) =>
  isTreated(arm) && hopLimit >= 5 ? { from: routerAt(4), type: 1, code: 1 } : undefined;

const refusal = { from: routerAt(4), type: 1, code: 1 };
/** Of the option's packets to the target, flow by flow. */
const halfLost =
  (instead: Drawn | null) =>
  ({ arm, hopLimit, flow }: { arm: number; hopLimit: number; flow: number }): Drawn | null | undefined =>
    arm === ARM_CODE.pdm && hopLimit === TARGET_HOP_LIMIT && flow % 2 === 1 ? instead : undefined;
const NAMING = ['dropped', 'rejected', 'stripped', 'altered'];

describe('a record', () => {
  it('has the shape of the schema, whatever the outcome', () => {
    const outcomes = [
      path(),
      path({ protocol: 'icmp6' }),
      path({ differs: dropsFrom(1), siblingEcho: echoLost }),
      path({ differs: dropsFrom(5), siblingEcho: echoLost }),
      path({ differs: dropsFrom(5), siblingTcp: echoLost }),
      path({ differs: refusesAt4, siblingEcho: echoLost }),
      path({ differs: ({ hopLimit }) => (hopLimit > 8 ? null : undefined) }),
      path({ differs: () => null }),
    ].map((fake) => recordOf(fake).verdict.outcome);
    expect(outcomes).toEqual([
      'delivered',
      'delivered',
      'dropped',
      'dropped',
      'dropped',
      'rejected',
      'no-difference',
      'unreachable',
    ]);
  });

  it('says by which version of METHOD its verdict was made, the one that the page has', () => {
    const record = recordOf(path());
    expect(record.tool).toEqual({ version: '0.1.0', transport: 'simulated', clock: 'process', method: METHOD_VERSION });
    const method = readFileSync(new URL('../../docs/METHOD.md', import.meta.url), 'utf8');
    expect(/This is version (\d+)/.exec(method)?.[1]).toBe(String(METHOD_VERSION));
    // Older records do not say it.
    const { method: _, ...tool } = record.tool;
    expect(traceRecordSchema.safeParse({ ...record, tool }).success).toBe(true);
  });

  it('names n, the last hop without the option, and n+1, as numbers and addresses', () => {
    const { summary } = recordOf(path({ differs: dropsFrom(5), siblingEcho: echoLost }));
    expect(summary).toMatchObject({
      lastPdmHop: { hop: 4, address: '2001:db8:1:4::1' },
      lastPlainHop: { hop: 8, address: '2001:db8:1:8::1' },
      nextHop: { hop: 5, address: '2001:db8:1:5::1', candidates: [], uncertain: false },
    });
  });

  it('keeps n+1 as a number where that hop is silent, and names the target where it is the target', () => {
    const silent = path({
      siblingEcho: echoLost,
      differs: (probe) => (probe.hopLimit === 5 ? null : dropsFrom(5)(probe)),
    });
    expect(recordOf(silent).summary.nextHop).toMatchObject({ hop: 5, address: null });
    const atTarget = path({ siblingEcho: echoLost, differs: dropsFrom(9) });
    expect(recordOf(atTarget).summary.nextHop).toMatchObject({ hop: 9, address: '2001:db8:10:9::1' });
  });

  it('lists the responders at n+1 where flows differ', () => {
    const fake = path({
      siblingEcho: echoLost,
      differs: (probe) => {
        if (probe.hopLimit === 5 && !isTreated(probe.arm) && probe.flow % 3 === 1) {
          return { from: routerAt(55), type: 3, code: 0, quote: (packet) => withHopLimit(packet, 1) };
        }
        return dropsFrom(5)(probe);
      },
    });
    const addresses = recordOf(fake).summary.nextHop!.candidates.map(({ address }) => address);
    expect(addresses.sort()).toEqual(['2001:db8:1:55::1', '2001:db8:1:5::1'].sort());
  });

  it('has no next hop where packets with the option arrive, and no n where none was seen', () => {
    expect(recordOf(path()).summary.nextHop).toBeNull();
    const { summary, verdict } = recordOf(path({ differs: dropsFrom(1), siblingEcho: echoLost }));
    expect([summary.lastPdmHop, verdict.optionSeenUpTo]).toEqual([null, null]);
    expect(summary.nextHop).toMatchObject({ hop: 1 });
  });

  it('a relative: has the hop behind which the interval begins next, where luck has carried the option farther', () => {
    let asked = 0;
    const policed = path({
      siblingEcho: echoLost,
      differs: ({ arm, hopLimit }) => {
        if (!isTreated(arm) || hopLimit < 3) return undefined;
        return hopLimit < 6 && (asked += 1) % 6 === 1 ? undefined : null;
      },
    });
    const { summary, verdict } = recordOf(policed);
    expect(verdict).toMatchObject({ outcome: 'dropped', interval: { after: 2 } });
    expect(summary.lastPdmHop!.hop).toBeGreaterThan(2);
    expect(summary.nextHop).toMatchObject({ hop: 3, address: '2001:db8:1:3::1' });
  });

  it.each<[string, FakePath, (outcome: ReturnType<typeof runTrace>) => void]>([
    ['interrupted', path({ differs: dropsFrom(5), siblingEcho: echoLost }), (one) => (one.state.interrupted = true)],
    ['inconclusive', path({ differs: dropsFrom(5), siblingEcho: ECHO_SILENT }), () => undefined],
    ['impaired', path({ protocol: 'icmp6', differs: halfLost(null) }), () => undefined],
    ['a relative: impaired by refusals', path({ protocol: 'icmp6', differs: halfLost(refusal) }), () => undefined],
    [
      'a relative: bypassed',
      path({ protocol: 'icmp6', differs: ({ arm, hopLimit }) => (!isTreated(arm) && hopLimit > 4 ? null : undefined) }),
      () => undefined,
    ],
  ])('names no place, no refuser and no cause where the trace is %s', (_, fake, change) => {
    const { summary, verdict } = recordOf(fake, (outcome) => {
      change(outcome);
      Object.assign(outcome, judgeTrace(outcome.state, contextOf(fake), outcome.endedAtNs));
    });
    expect(NAMING).not.toContain(verdict.outcome);
    expect(verdict).toMatchObject({ interval: null, refusal: null, cause: null });
    expect(summary).toMatchObject({ nextHop: null, inDestinationNetwork: null, attribution: null });
  });

  it('has each hop limit once, ascending, silent ones too, and the target apart', () => {
    const record = recordOf(path({ differs: (probe) => (probe.hopLimit === 3 ? null : dropsFrom(5)(probe)) }));
    expect(record.hops.map(({ hop }) => hop)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(record.hops[2]!.arms.plain).toEqual({ sent: 3, answered: 0, responders: [] });
    expect(record.targetPairs).toMatchObject({ hop: null, distance: { plain: 9, pdm: null } });
  });

  it('counts probes that were sent for the arms that ran, and pairs of plain and pdm alone', () => {
    const record = recordOf(path({ differs: dropsFrom(5), siblingEcho: echoLost }));
    const { arms, pairs } = record.targetPairs!;
    expect(Object.keys(arms).sort()).toEqual(['do16', 'do8', 'long', 'pdm', 'plain']);
    const total = pairs.both + pairs.plainOnly + pairs.pdmOnly + pairs.neither + pairs.void;
    expect([total, pairs.plainOnly]).toEqual([record.verdict.evidence.pairs, record.verdict.evidence.plainOnly]);
    const inHops = record.hops.flatMap((hop) => Object.values(hop.arms)).reduce((sum, arm) => sum + arm.sent, 0);
    const atTarget = Object.values(arms).reduce((sum, arm) => sum + arm.sent, 0);
    expect(inHops + atTarget).toBe(record.counters.sent);
  });

  it('keeps type, code, pointer and MTU of what refused, by responder', () => {
    const record = recordOf(path({ differs: refusesAt4, siblingEcho: echoLost }));
    const { responders } = record.hops[5]!.arms.pdm;
    expect(responders).toHaveLength(1);
    expect(responders[0]).toMatchObject({
      address: '2001:db8:1:4::1',
      icmp: [{ type: 1, code: 1, pointer: null, count: responders[0]!.answered }],
      quotes: [{ intact: true, changes: [], count: responders[0]!.answered }],
    });
  });

  it('keeps MTUs apart that one responder names', () => {
    let mtu = 1300;
    const record = recordOf(
      path({
        differs: ({ arm, hopLimit }) => {
          if (arm !== ARM_CODE.pdm || hopLimit !== 5) return undefined;
          mtu = mtu === 1300 ? 1400 : 1300;
          // The MTU stands where the pointer does (RFC 4443 §3.2, §3.4).
          return { from: routerAt(4), type: 2, code: 0, pointer: mtu };
        },
      }),
    );
    const [responder] = record.hops[4]!.arms.pdm.responders;
    expect(responder!.icmp.map((said) => said.mtu)).toEqual([1400, 1300]);
    expect(responder!.icmp.reduce((sum, { count }) => sum + count, 0)).toBe(responder!.answered);
  });

  it('keeps extension objects that nothing decodes, and says nothing of them where there are none', () => {
    const nodeId = { classNumber: 5, cType: 3, hex: '00012001' };
    const { hops } = recordOf(path(), ({ state }) => {
      state.signatures.forEach((signature, index) => {
        if (signature.responder === '2001:db8:1:2::1') state.signatures[index] = { ...signature, objects: [nodeId] };
      });
    });
    expect(hops[1]!.arms.plain.responders[0]!.objects).toEqual([nodeId]);
    expect(hops[2]!.arms.plain.responders[0]).not.toHaveProperty('objects');
  });

  it('says what placebos showed beside a loss', () => {
    const { placebo } = recordOf(path({ differs: dropsFrom(5), siblingEcho: echoLost })).verdict.evidence;
    expect(placebo!.pairs).toBeGreaterThanOrEqual(5);
    expect(placebo!.both).toBe(placebo!.pairs);
  });

  it('has the smallest, middle and largest round trip, none of them after a clock stepped', () => {
    let delayMs = 0;
    let missing = 1;
    const fake = path({
      differs: ({ hopLimit, arm }) => {
        // One pair at each hop is enough where nothing is missing.
        if (hopLimit === 3 && arm === ARM_CODE.pdm && missing-- > 0) return null;
        if (hopLimit !== 2 || arm !== ARM_CODE.plain) return undefined;
        delayMs += 7;
        return {
          from: routerAt(2),
          type: 3,
          code: 0,
          delayMs,
          quote: (packet) => withHopLimit(packet, 1),
        };
      },
    });
    const rtt = (record: TraceRecord): unknown => record.hops[1]!.arms.plain.responders[0]!.rttMs;
    expect(rtt(recordOf(fake))).toEqual({ min: 7, median: 14, max: 21 });
    delayMs = 0;
    const stepped = recordOf(fake, ({ state }) => {
      state.clockStepped = true;
      state.pdm.answer = { row: 0, serverDelayMs: 0 };
    });
    expect([rtt(stepped), stepped.pdm.roundTripMs]).toEqual([null, null]);
  });

  it('has ports for UDP and an identifier for echo, never both, and the size on the wire', () => {
    const udp = recordOf(path());
    expect(udp.flow).toMatchObject({ destinationPort: 33434, echoId: null, size: 62 });
    expect(udp.flow.sourcePort).toBeGreaterThanOrEqual(0xf000);
    const echo = recordOf(path({ protocol: 'icmp6' }));
    expect(echo.flow).toMatchObject({ sourcePort: null, destinationPort: null, size: 62 });
    expect(echo.flow.echoId).toBeGreaterThanOrEqual(0xf000);
  });

  it('says where the option was last seen: by the target that quoted it, else at n', () => {
    expect(recordOf(path()).verdict.optionSeenUpTo).toBe('target');
    expect(recordOf(path({ protocol: 'icmp6' })).verdict.optionSeenUpTo).toBe(8);
    const cut = path({
      differs: ({ hopLimit }) =>
        hopLimit > 8 ? { from: TARGET, type: 1, code: 4, quote: (packet) => packet.slice(0, 48) } : undefined,
    });
    expect(recordOf(cut).verdict).toMatchObject({ outcome: 'delivered', optionSeenUpTo: 8 });
  });

  it('says not that the target quoted it where half of its answers, of either kind, quote nothing', () => {
    // A box on one of two ways refuses whatever comes, and shows the option whole, which is taken out on the other way.
    const onOneWay = path({
      protocol: 'icmp6',
      differs: ({ hopLimit, number }) =>
        hopLimit > 8 && number % 4 < 2 ? { from: TARGET, type: 1, code: 4, quote: (packet) => packet } : undefined,
    });
    expect(recordOf(onOneWay).verdict).toMatchObject({ outcome: 'delivered', optionSeenUpTo: 8 });
    const always = path({
      protocol: 'icmp6',
      differs: ({ hopLimit }) =>
        hopLimit > 8 ? { from: TARGET, type: 1, code: 4, quote: (packet) => packet } : undefined,
    });
    expect(recordOf(always).verdict).toMatchObject({ outcome: 'delivered', optionSeenUpTo: 'target' });
  });

  it('… but of routers that are asked themselves, and quote nothing, that says nothing', () => {
    const lossy = path({
      protocol: 'udp',
      differs: ({ arm, hopLimit, number, protocol }) =>
        protocol === 'udp' && arm === ARM_CODE.pdm && hopLimit > 8 && number % 5 > 1 ? null : undefined,
    });
    const { verdict } = recordOf(lossy);
    expect(verdict.optionSeenUpTo).toBe('target');
    expect(verdict.reasons.join(' ')).toContain('asked itself');
  });
});
