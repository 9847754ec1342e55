/** A record of each outcome, and of what outcomes come with, as the engine makes them on simulated paths. */
import { annotateRecord, type AnnotationSources } from '../../src/annotate/annotate-record.js';
import { unmeasuredRecord } from '../../src/measure/unmeasured-record.js';
import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import type { Outcome, TraceRecord } from '../../src/record/record.js';
import { writeRecord } from '../../src/trace/write-record.js';
import { dropsFrom, isTreated, routerAt, runTrace, type Drawn, type FakePath } from '../trace/fake-path.js';
import { asDatabaseOf } from '../sim/as-database-of.js';
import { ANY_OPTIONS, DROP, plainRouter, plainTarget, rule, SOURCE_ADDRESS } from '../sim/network-parts.js';
import { FULL_QUOTE, PEACE, type Host, type Network, type Router, type Rule, type Segment } from '../sim/network.js';
import { Random } from '../sim/random.js';
import { requestFor } from '../sim/run-network.js';
import { SimulatedTransport } from '../sim/simulated-transport.js';
import type { SimulatedProtocol } from '../sim/truth.js';
import { VirtualTime } from '../sim/virtual-time.js';

export interface OutcomeCase {
  readonly name: string;
  readonly outcome: Outcome;
  readonly record: TraceRecord;
}

interface Way {
  readonly protocol: SimulatedProtocol;
  /** What is special about the router at a hop, of eight. */
  readonly at?: Readonly<Record<number, Partial<Router>>>;
  readonly every?: Partial<Router>;
  readonly target?: Partial<Host>;
  readonly segments?: (routers: readonly Router[]) => Segment[];
  readonly interruptAtNs?: number;
  readonly maxHops?: number;
}

const ROUTERS = 8;

const drops = (...more: Parameters<typeof rule>[3][]): Partial<Router> => ({
  rules: [rule('forward', ANY_OPTIONS, DROP, ...more)],
});
const with_ = (one: Rule): Partial<Router> => ({ rules: [one] });
const refuses = (type: number, code: number, inTargetsName = false): Partial<Router> =>
  with_(rule('forward', ANY_OPTIONS, { kind: 'reject', type, code, pointer: 'none', inTargetsName }));

const straight = (routers: readonly Router[]): Segment => ({
  members: [routers],
  hash: 'none',
  headerMember: null,
  salt: 1,
});

/** In the order of the outcomes' exit codes; several ways to one outcome where outputs say different things of them. */
const WAYS: readonly (readonly [name: string, outcome: Outcome, way: Way])[] = [
  ['delivered', 'delivered', { protocol: 'udp' }],
  ['delivered, echo', 'delivered', { protocol: 'icmp6' }],
  [
    'delivered, with headers inserted on the way',
    'delivered',
    {
      protocol: 'udp',
      at: {
        5: { quote: { ...FULL_QUOTE, inserted: ['routing'] } },
        6: { quote: { ...FULL_QUOTE, inserted: ['hop-by-hop'] } },
      },
    },
  ],
  [
    'stripped, by the quote of the target',
    'stripped',
    { protocol: 'udp', at: { 4: with_(rule('forward', ANY_OPTIONS, { kind: 'strip' })) } },
  ],
  [
    'stripped, by the quotes of routers alone',
    'stripped',
    {
      protocol: 'udp',
      at: { 4: with_(rule('forward', ANY_OPTIONS, { kind: 'strip' })) },
      target: { udp: 'echoes' },
    },
  ],
  ['dropped', 'dropped', { protocol: 'udp', at: { 4: drops() } }],
  ['dropped, echo', 'dropped', { protocol: 'icmp6', at: { 4: drops() } }],
  [
    'dropped, with silent hops',
    'dropped',
    { protocol: 'icmp6', at: { 4: drops(), 5: { silent: true }, 6: { silent: true } } },
  ],
  [
    'lost before the first hop',
    'inconclusive',
    { protocol: 'icmp6', at: { 1: with_(rule('ingress', ANY_OPTIONS, DROP)) } },
  ],
  [
    'dropped, behind the last hop that was asked',
    'dropped',
    { protocol: 'icmp6', target: { rules: [rule('local', ANY_OPTIONS, DROP)] }, maxHops: 3 },
  ],
  ['dropped by the target', 'dropped', { protocol: 'icmp6', target: { rules: [rule('local', ANY_OPTIONS, DROP)] } }],
  [
    'dropped, and seen beyond where it is lost',
    'dropped',
    {
      protocol: 'icmp6',
      at: { 4: drops({ share: 0.7 }) },
      target: { rules: [rule('local', ANY_OPTIONS, DROP)] },
    },
  ],
  [
    'dropped on another way',
    'dropped',
    {
      protocol: 'icmp6',
      segments: (routers) => [
        straight(routers.slice(0, 3)),
        {
          members: [routers.slice(3, 5), [{ ...plainRouter(7, 41), ...drops() }, plainRouter(7, 42)]],
          hash: 'none',
          headerMember: 1,
          salt: 1,
        },
        straight(routers.slice(5)),
      ],
    },
  ],
  ['rejected', 'rejected', { protocol: 'udp', at: { 4: refuses(1, 1) } }],
  ['rejected, echo', 'rejected', { protocol: 'icmp6', at: { 4: refuses(4, 2) } }],
  ["rejected in the target's name", 'rejected', { protocol: 'udp', at: { 4: refuses(1, 1, true) } }],
  ["rejected in the target's name, in its own words", 'rejected', { protocol: 'udp', at: { 4: refuses(1, 4, true) } }],
  ['impaired', 'impaired', { protocol: 'icmp6', at: { 8: drops({ share: 0.7 }) } }],
  [
    'impaired, at a target that limits its answers',
    'impaired',
    {
      protocol: 'udp',
      at: { 8: drops({ share: 0.6 }) },
      target: { bucket: { burst: 1, perSecond: 2, crossTraffic: 0 } },
    },
  ],
  [
    'impaired, by refusals',
    'impaired',
    {
      protocol: 'icmp6',
      at: {
        8: with_(rule('forward', ANY_OPTIONS, { kind: 'reject', type: 1, code: 1, pointer: 'none' }, { share: 0.7 })),
      },
    },
  ],
  [
    'altered, by the quote of the target',
    'altered',
    { protocol: 'udp', at: { 4: with_(rule('forward', ANY_OPTIONS, { kind: 'alter', what: 'zeroed' })) } },
  ],
  ['bypassed', 'bypassed', { protocol: 'icmp6', at: { 4: with_(rule('forward', { kind: 'bare' }, DROP)) } }],
  ['no-difference', 'no-difference', { protocol: 'icmp6', target: { echo: 'silent' } }],
  [
    'inconclusive',
    'inconclusive',
    {
      protocol: 'udp',
      at: { 4: { returnRules: [{ match: 'errors-quoting-options', share: 1 }] } },
      target: { echo: 'silent' },
    },
  ],
  [
    'behind a proxy that answers for the target',
    'inconclusive',
    {
      protocol: 'icmp6',
      at: { 3: with_(rule('forward', { kind: 'bare' }, { kind: 'answer', udp: 'port-unreachable' })), 4: drops() },
    },
  ],
  [
    'unreachable',
    'unreachable',
    { protocol: 'icmp6', at: { 1: with_(rule('ingress', { kind: 'everything' }, DROP)) } },
  ],
  ['interrupted', 'inconclusive', { protocol: 'icmp6', at: { 4: drops() }, interruptAtNs: 0.9e9 }],
];

/** The path on which a record was made, and nothing that it does not say. */
function networkOf({ at = {}, every, target, segments = (routers) => [straight(routers)] }: Way): Network {
  const routers = Array.from({ length: ROUTERS }, (_, index) => ({
    ...plainRouter(1 + Math.floor((index + 1) / 3), index + 1),
    ...every,
    ...at[index + 1],
  }));
  return {
    seed: 5,
    source: SOURCE_ADDRESS,
    target: { ...plainTarget(), ...target },
    epochs: [{ fromNs: 0, segments: segments(routers) }],
    adversary: PEACE,
    sendFailures: { share: 0, code: 'EPERM' },
    kernelDrops: 0,
  };
}

/** A name for each number, in which no number stands. */
export function companyOf(asn: number): string {
  const letter = (value: number): string => String.fromCodePoint(97 + value);
  return `Carrier ${letter(asn % 26).toUpperCase()}${letter(Math.floor(asn / 26) % 26)}${letter(Math.floor(asn / 676) % 26)} Ltd`;
}

async function measure(way: Way): Promise<TraceRecord> {
  const network = networkOf(way);
  const time = new VirtualTime();
  const transport = new SimulatedTransport(time, [network], { profile: 'packet-socket', destinationPort: 33434 });
  const random = new Random(network.seed, 1000);
  const engine = createTraceEngine({ transport, time, randomBytes: (length) => random.octets(length), rate: 100 });
  // Both protocols, as the command line does: the one is the other's witness.
  const traces = (['udp', 'icmp6'] as const).map((protocol) => {
    const request = requestFor(network, protocol, 11);
    const { maxHops = request.parameters.maxHops } = way;
    return engine.start({ ...request, parameters: { ...request.parameters, maxHops } });
  });
  if (way.interruptAtNs !== undefined) time.at(way.interruptAtNs, () => void engine.interrupt());
  const records = await time.run(Promise.all(traces.map(({ record }) => record)));
  await time.run(engine.close());
  const record = records[way.protocol === 'udp' ? 0 : 1]!;
  const origins = asDatabaseOf(network);
  const asDatabase: AnnotationSources['asDatabase'] = {
    ...origins,
    lookup: (octets) => {
      const found = origins.lookup(octets);
      return found === null ? null : { ...found, name: companyOf(found.asn) };
    },
  };
  return annotateRecord(record, { names: null, asDatabase, ixpPrefixes: null });
}

/** The simulated networks have no TCP, and nothing that a UDP service has answered before: a table of what packets draw. */
async function measureByTable(path: Omit<FakePath, 'routers'>): Promise<TraceRecord> {
  const traced = runTrace({ ...path, routers: ROUTERS });
  const record = writeRecord(traced.state, traced, {
    ...{
      id: `sim-table-${path.protocol}`,
      runId: 'sim',
      vantage: null,
      company: null,
      input: 'target.example',
      aliases: [],
    },
    tool: { version: '0.0.0-sim', transport: 'simulated', clock: 'process' },
    ...{ seed: 1, startedAtMs: 0, endedAtMs: 10_000 },
  });
  const asDatabase: AnnotationSources['asDatabase'] = {
    // One network for each two of the routers, and the target's.
    lookup: (octets) => {
      const asn = octets[5] === 0x10 ? 4095 : 1 + Math.floor((octets[7] ?? 0) / 3);
      return { asn, name: companyOf(asn) };
    },
    source: 'simulation',
    date: '2025-01-01',
  };
  return annotateRecord(record, { names: null, asDatabase, ixpPrefixes: null });
}

/** Hop 6 has reported options of other traces, before and after. */
function beforeSilentTarget(beyond: Drawn | null): Omit<FakePath, 'routers'> {
  const passes = { passed: 20, reported: 20, firstNs: -1, lastNs: 1e15, targets: 20, isSilentToSome: false };
  return {
    protocol: 'udp',
    habits: { 6: passes },
    differs: ({ arm, hopLimit }) => (hopLimit > ROUTERS ? null : isTreated(arm) && hopLimit >= 5 ? beyond : undefined),
  };
}

function notMeasured(): TraceRecord {
  return unmeasuredRecord({
    request: requestFor(networkOf({ protocol: 'udp' }), 'udp', 11),
    address: null,
    transport: null,
    startedAtMs: 0,
    endedAtMs: 0,
    outcome: 'not-measured',
    reason: 'target.example has IPv4 addresses only.',
  });
}

/** All of them; some seconds of work. */
export async function everyOutcome(): Promise<OutcomeCase[]> {
  const cases: OutcomeCase[] = [];
  for (const [name, outcome, way] of WAYS) cases.push({ name, outcome, record: await measure(way) });
  cases.push({ name: 'delivered, TCP', outcome: 'delivered', record: await measureByTable({ protocol: 'tcp' }) });
  for (const [name, path] of [
    ['dropped, TCP', { protocol: 'tcp', differs: dropsFrom(5) }],
    ['dropped before a UDP service', { protocol: 'udp', service: true, differs: dropsFrom(5) }],
  ] as const)
    cases.push({ name, outcome: 'dropped', record: await measureByTable(path) });
  for (const [name, outcome, beyond] of [
    ['dropped before a silent target', 'dropped', null],
    ['rejected before a silent target', 'rejected', { from: routerAt(4), type: 1, code: 1 }],
  ] as const)
    cases.push({ name, outcome, record: await measureByTable(beforeSilentTarget(beyond)) });
  cases.push({ name: 'not-measured', outcome: 'not-measured', record: notMeasured() });
  return cases;
}
