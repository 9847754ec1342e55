/** Runs a list of simulated targets through one engine, as `run` does: so many traces in flight, both protocols. */
import { annotateRecord } from '../../src/annotate/annotate-record.js';
import { tracesInFlight } from '../../src/measure/measure-options.js';
import { Slots } from '../../src/measure/slots.js';
import type { TraceRecord } from '../../src/record/record.js';
import { acceptable, routersSeenUpTo, type Violation } from './acceptable.js';
import { asDatabaseOf } from './as-database-of.js';
import type { GeneratedNetwork } from './generate-network.js';
import { Random } from './random.js';
import { DESTINATION_PORT, requestFor, SIMULATED_PROTOCOLS, type CreateEngine } from './run-network.js';
import { SimulatedTransport } from './simulated-transport.js';
import { truthOf, type Truth } from './truth.js';
import { VirtualTime } from './virtual-time.js';

export interface TracedTarget {
  readonly generated: GeneratedNetwork;
  readonly truth: Truth;
  readonly records: readonly TraceRecord[];
  readonly violations: readonly Violation[];
}

export interface ListRun {
  readonly targets: readonly TracedTarget[];
  readonly seconds: number;
  readonly probesPerRecord: number;
}

export interface RunListOptions {
  readonly share: boolean;
  readonly rate: number;
  readonly onTransport?: (transport: SimulatedTransport, time: VirtualTime) => void;
}

export async function runList(
  list: readonly GeneratedNetwork[],
  createEngine: CreateEngine,
  { share, rate, onTransport }: RunListOptions,
): Promise<ListRun> {
  const time = new VirtualTime(100_000);
  const transport = new SimulatedTransport(
    time,
    list.map(({ network }) => network),
    { profile: 'packet-socket', destinationPort: DESTINATION_PORT },
  );
  onTransport?.(transport, time);
  const random = new Random(list[0]?.network.seed ?? 0, 1000);
  const engine = createEngine({ transport, time, randomBytes: (length) => random.octets(length), rate });
  const slots = new Slots(tracesInFlight(rate));
  const traced = list.map(async ({ network }) => {
    await slots.take(SIMULATED_PROTOCOLS.length);
    return Promise.all(
      SIMULATED_PROTOCOLS.map(async (protocol) => {
        const request = requestFor(network, protocol, network.seed * 2 + 1);
        const record = await engine.start({ ...request, shareNearHops: share }).record;
        slots.give();
        return record;
      }),
    );
  });
  const all = await time.run(Promise.all(traced), 40_000e9);
  const seconds = time.nowNs() / 1e9;
  await time.run(engine.close(), 40_000e9);
  const annotated = await Promise.all(
    list.map(({ network }, index) => {
      const sources = { names: null, asDatabase: asDatabaseOf(network), ixpPrefixes: null };
      return Promise.all(all[index]!.map((record) => annotateRecord(record, sources)));
    }),
  );
  const targets = list.map((generated, index): TracedTarget => {
    const { network } = generated;
    const { policed } = transport.simulatedNetwork(network.target.addresses[0]);
    const truth = truthOf(network, policed);
    const records = annotated[index]!;
    const seenUpTo = routersSeenUpTo(records);
    const violations = records.flatMap((record) => acceptable(record, truth, seenUpTo));
    return { generated, truth, records, violations };
  });
  const records = all.flat();
  const probes = records.reduce((sum, record) => sum + record.counters.sent, 0);
  return { targets, seconds, probesPerRecord: probes / records.length };
}
