import type { TraceEngine, TraceEngineOptions, TraceParameters, TraceRequest } from '../../src/engine/trace-engine.js';
import type { TraceRecord } from '../../src/record/record.js';
import { annotateRecord } from '../../src/annotate/annotate-record.js';
import { acceptable, routersSeenUpTo, type Violation } from './acceptable.js';
import { asDatabaseOf } from './as-database-of.js';
import type { GeneratedNetwork } from './generate-network.js';
import type { Network } from './network.js';
import { Random } from './random.js';
import { SimulatedTransport, type Profile } from './simulated-transport.js';
import { truthOf, type SimulatedProtocol, type Truth } from './truth.js';
import { VirtualTime } from './virtual-time.js';

export type CreateEngine = (options: TraceEngineOptions) => TraceEngine;

export const DESTINATION_PORT = 33434;
export const SIMULATED_PROTOCOLS: readonly SimulatedProtocol[] = ['udp', 'icmp6'];
const DESTINATION_PORTS = { udp: DESTINATION_PORT, icmp6: null, tcp: 443 } as const;

/** The flags' defaults (what `pdm-trace <host>` does). */
export const DEFAULT_PARAMETERS: Omit<TraceParameters, 'seed'> = {
  confidence: 0.999,
  maxHops: 30,
  timeoutMs: 2000,
  hopIntervalMs: 100,
  gapLimit: 8,
  explain: true,
  flowLabel: null,
  probeUri: null,
};

export interface RunOptions {
  /** Bar of every accusation; that of the flags' default where absent. */
  readonly confidence?: number;
  readonly protocols?: readonly SimulatedProtocol[];
  readonly replayPool?: readonly Uint8Array[];
  readonly log?: (line: string) => void;
  readonly onTransport?: (transport: SimulatedTransport) => void;
}

export interface NetworkRun {
  readonly truth: Truth;
  readonly records: readonly TraceRecord[];
  readonly violations: readonly Violation[];
  readonly seconds: number;
}

export function requestFor(
  network: Network,
  protocol: SimulatedProtocol,
  seed: number,
  confidence = DEFAULT_PARAMETERS.confidence,
): TraceRequest {
  return {
    id: `sim-${network.seed}-${protocol}`,
    runId: 'sim',
    vantage: null,
    company: null,
    toolVersion: '0.0.0-sim',
    input: 'target.example',
    aliases: [],
    target: network.target.addresses[0]!,
    protocol,
    destinationPort: DESTINATION_PORTS[protocol],
    source: null,
    interface: null,
    parameters: { ...DEFAULT_PARAMETERS, confidence, seed },
  };
}

/** Traces one network by these protocols at the same time, as the command line does, and examines the records. */
export async function runNetwork(
  { network, profile }: Pick<GeneratedNetwork, 'network' | 'profile'>,
  createEngine: CreateEngine,
  options: RunOptions = {},
): Promise<NetworkRun> {
  const time = new VirtualTime();
  const transport = new SimulatedTransport(time, [network], {
    profile,
    destinationPort: DESTINATION_PORT,
    replayPool: options.replayPool ?? [],
  });
  options.onTransport?.(transport);
  const { log } = options;
  if (log !== undefined) {
    transport.simulatedNetwork().log = (atNs, line) => {
      log(`${(atNs / 1e9).toFixed(6)} ${line}`);
    };
  }
  const engineRandom = new Random(network.seed, 1000);
  const engine = createEngine({ transport, time, randomBytes: (length) => engineRandom.octets(length), rate: 100 });
  const traces = (options.protocols ?? SIMULATED_PROTOCOLS).map((protocol) =>
    engine.start(requestFor(network, protocol, network.seed * 2 + 1, options.confidence)),
  );
  const measured = await time.run(Promise.all(traces.map(({ record }) => record)));
  const seconds = time.nowNs() / 1e9;
  await time.run(engine.close());
  const asDatabase = asDatabaseOf(network);
  const records = await Promise.all(
    measured.map((record) => annotateRecord(record, { names: null, asDatabase, ixpPrefixes: null })),
  );
  const truth = truthOf(network, transport.simulatedNetwork().policed);
  const violations = records.flatMap((record) => acceptable(record, truth, routersSeenUpTo(records)));
  const malformed = transport.simulatedNetwork().malformedProbes;
  if (malformed > 0) violations.push({ kind: 'inconsistent', text: `${malformed} probes were malformed` });
  return { truth, records, violations, seconds };
}

/** Replies to a trace that is over, for attackers to send again. */
export async function collectReplies(
  network: Network,
  profile: Profile,
  createEngine: CreateEngine,
): Promise<Uint8Array[]> {
  const replies: Uint8Array[] = [];
  await runNetwork({ network, profile }, createEngine, {
    onTransport: (transport) => {
      transport.onReply = (octets) => {
        if (replies.length < 400) replies.push(octets.slice());
      };
    },
  });
  return replies;
}
