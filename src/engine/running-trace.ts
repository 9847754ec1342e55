/** A trace in flight: the pure state, what the engine needs beside it, and how it is brought to life. */
import { formatAddress } from '../address/address.js';
import { requireNonZero } from './random-material.js';
import type { RandomMaterial } from './random-material.js';
import type { TraceRequest } from './trace-engine.js';
import { drawChecksumSecrets } from '../trace/probe/probe-number.js';
import { createTraceState } from '../trace/state/trace-state.js';
import type { Flow, TraceState } from '../trace/state/trace-state.js';
import type { NearHops, TraceContext, WayMet } from '../trace/trace-context.js';
import type { Sibling } from '../trace/sibling.js';
import type { Protocol, TraceRecord } from '../record/record.js';
import type { Draws } from '../trace/wish.js';
import type { Ask, RouterBudget } from './pace/responder-budgets.js';
import type { Waiting } from './pace/waiting-line.js';
import type { Waking } from './pace/wake-queue.js';

/** What the engine needs of it besides. */
export interface NearHopsOfTrace extends NearHops {
  /** Whose budget a packet will probably cost that runs out at this hop limit. */
  likelyAt(hopLimit: number): string | null;
  /** The trace is over. */
  end(): void;
}

/** What traces to the same target had found when they ended. */
export interface LeftByEnded {
  /** The target's distance as one of them saw it. */
  distanceSeen: number | null;
  /** The highest hop at which they met a router. */
  routerSeen: number;
  /** The target quoted the whole option to one of them. */
  isIntact: boolean;
  /** Who told one of them that no way leads to the target. */
  noWaySaid: readonly string[];
  readonly ways: WayMet[];
  /** Who answered the last of them at which hop limit. */
  met: readonly (string | undefined)[];
  /** Of those whose answers quote nothing. */
  readonly siblings: Partial<Record<Protocol, Sibling | null>>;
}

/** The second packet of a pair that is sent in parts. */
export interface Deferred {
  readonly row: number;
  readonly after: number;
  readonly restNs: number;
  readonly toll: Toll | null;
  /** Not where the first was answered, nor as late as it is given up. */
  readonly isSpare: boolean;
}

/** Whom a packet is expected to cost how many answers. */
export interface Toll extends Draws {
  readonly budget: RouterBudget | null;
}

/** A trace in flight: its state, and what the engine keeps beside it. Times are nanoseconds of the engine's clock. */
export interface RunningTrace extends Waking, Waiting {
  readonly request: TraceRequest;
  /** 16 octets. */
  readonly target: Uint8Array;
  readonly state: TraceState;
  readonly startedAtMs: number;
  /** By traces to the same target that have ended. */
  readonly left: LeftByEnded;
  /** The transport's count of kernel drops when the trace began. */
  readonly kernelDropsAtStart: number | null;
  /** A later probe of a pair waits until the earlier one was answered or given up, and for a rest. */
  deferred: Deferred | null;
  /** The last probe that was sent so. */
  lastParted: number | null;
  /** Rows of the last pair of SYNs that may reach the target. */
  reachingPair: readonly [number, number] | null;
  /** … on a flow that other pairs share. */
  reachingOnFlow: readonly [number, number] | null;
  /** What other traces know of its near hops; null where it is to measure all by itself. */
  nearHops: NearHopsOfTrace | null;
  /** What it is told of others; null until it first asks. */
  known: TraceContext | null;
  /** Who answered last at a hop limit, for the budget of others to the same target. */
  readonly met: (string | undefined)[];
  /** … of plain packets on its own flow: the way that its hops are counted on. */
  readonly way: (string | undefined)[];
  /** When something was last sent for it, or came in; at first when it began. */
  progressAtNs: number;
  /** What took its place when it was begun again. */
  replacedBy: RunningTrace | null;
  /** It is in another's place. */
  readonly isAgain: boolean;
  /** What its packets asked of routers, by row, until it is answered. */
  readonly asks: Map<number, Ask>;
  finished: boolean;
  readonly finish: (record: TraceRecord) => void;
}

/** Nothing is sent yet: secrets and the first flow are drawn from `material`. `source` is the 16 octets that the route gave. */
export function createRunningTrace(
  request: TraceRequest,
  source: Uint8Array,
  material: RandomMaterial,
  context: Pick<RunningTrace, 'startedAtMs' | 'kernelDropsAtStart' | 'finish' | 'order' | 'progressAtNs' | 'isAgain'>,
): RunningTrace {
  const { parameters } = request;
  const target = request.target.slice();
  const destinationPort = request.destinationPort ?? 0;
  const state = createTraceState({
    source,
    target,
    targetText: formatAddress(target),
    protocol: request.protocol,
    destinationPort,
    limits: {
      confidence: parameters.confidence,
      maxHops: parameters.maxHops,
      timeoutMs: parameters.timeoutMs,
      hopIntervalMs: parameters.hopIntervalMs,
      gapLimit: parameters.gapLimit,
      explain: parameters.explain,
      reference: parameters.reference ?? null,
    },
    seed: parameters.seed,
    secrets: {
      nonce: requireNonZero(material.octets(8), material),
      ...drawChecksumSecrets((bound) => material.below(bound)),
      sequenceBase: material.below(65_536),
    },
    probeUri: parameters.probeUri,
    size: parameters.size ?? null,
    fragment: parameters.fragment ?? false,
    sharesNearHops: sharesNearHops(request),
    firstFlow: createFlow(request.protocol, destinationPort, material, parameters.flowLabel, []),
  });
  return {
    request,
    target,
    state,
    left: { distanceSeen: null, routerSeen: 0, isIntact: false, noWaySaid: [], ways: [], met: [], siblings: {} },
    deferred: null,
    lastParted: null,
    reachingPair: null,
    reachingOnFlow: null,
    nearHops: null,
    known: null,
    replacedBy: null,
    met: [],
    way: [],
    asks: new Map(),
    waitsIn: new Set(),
    finished: false,
    wakeAtNs: 0,
    wakeIndex: -1,
    ...context,
  };
}

/** SYNs go hop by hop from the source on in any case: those that reach the target are dear. */
export function sharesNearHops({ shareNearHops, protocol }: TraceRequest): boolean {
  return shareNearHops === true && protocol !== 'tcp';
}

/** A 5-tuple and flow label that the trace has not used yet. */
export function freshFlow(trace: RunningTrace, protocol: Protocol, material: RandomMaterial, port?: number): Flow {
  const destinationPort = protocol === 'icmp6' ? 0 : (port ?? trace.state.identity.destinationPort);
  return createFlow(protocol, destinationPort, material, null, trace.state.flows);
}

function createFlow(
  protocol: Protocol,
  destinationPort: number,
  material: RandomMaterial,
  flowLabel: number | null,
  taken: readonly Flow[],
): Flow {
  let localId = material.localId();
  while (taken.some((flow) => flow.localId === localId)) localId = material.localId();
  return {
    protocol,
    localId,
    destinationPort: protocol === 'icmp6' ? 0 : destinationPort,
    flowLabel: flowLabel ?? 1 + material.below(0xfffff),
    echoChecksum: 1 + material.below(65_521),
    psnNext: material.below(65_536),
    lastReceived: null,
  };
}
