/**
 * What one trace knows: its flows, its probes and what came back. Mutable, and owned by the trace machine. A probe is a
 * row in typed arrays rather than an object, because many thousand traces are in flight at once.
 */
import { formatAddress } from '../../address/address.js';
import type { PdmOption } from '../../wire/pdm.js';
import { noCounters } from '../../record/record.js';
import type { Arm, Counters, ReplyObject, InterfaceInformation, MplsLabel, Protocol } from '../../record/record.js';
import { TARGET_HOP_LIMIT } from '../numbers.js';
import { Pace } from '../pace.js';
import { paddingFor, probeUriPrefixLength } from '../probe/probe-size.js';
import type { Sibling } from '../sibling.js';
import { ProbeTable } from './probe-table.js';
import { RandomSequence } from './random-sequence.js';

export { TARGET_HOP_LIMIT };
export { isExplaining, isPlainOnly, PURPOSE, witnessOf, type Purpose, type WitnessProtocol } from './purpose.js';

/**
 * What the settings allow one trace; durations in milliseconds. `gapLimit`: hops silent in both arms before exploring stops.
 */
export interface TraceLimits {
  readonly confidence: number;
  readonly maxHops: number;
  readonly timeoutMs: number;
  readonly hopIntervalMs: number;
  readonly gapLimit: number;
  /** RFC 5952 text; null or absent where no host elsewhere is to be asked. */
  readonly reference?: string | null;
  readonly explain: boolean;
}

/** One 5-tuple with its flow label, and the PDM state that RFC 8250 §3 keeps for each. */
export interface Flow {
  readonly protocol: Protocol;
  /** Source port, or echo identifier for icmp6. */
  readonly localId: number;
  /** 0 for icmp6. */
  readonly destinationPort: number;
  readonly flowLabel: number;
  /** Checksum of all echo requests of this flow: load balancers read it where ports would be. 1 to 65521. */
  readonly echoChecksum: number;
  /** 16 octets and their text, where it is not the target that is asked. */
  readonly destination?: Uint8Array;
  readonly destinationText?: string;
  psnNext: number;
  /** The last packet with PDM that came back on this 5-tuple, and our last one with PDM that was sent before it came. */
  lastReceived: { readonly psn: number; readonly atNs: number; readonly sentBefore: number | null } | null;
}

/** Secrets and starts of one trace, drawn from unguessable octets. */
export interface TraceSecrets {
  /** 8 octets. */
  readonly nonce: Uint8Array;
  readonly checksumBase: number;
  readonly checksumStep: number;
  readonly sequenceBase: number;
}

/** Codes of arms in a probe's row (METHOD: Arms). */
export const ARM_CODE: Readonly<Record<Arm, number>> = { plain: 0, pdm: 1, do8: 2, do16: 3, long: 4 };

/** Everything about a reply but its time. Equal replies share one, so that a trace holds few of them. */
export interface ReplySignature {
  /** RFC 5952 text. */
  readonly responder: string;
  /** A TCP segment with RST. */
  readonly isReset: boolean;
  /** -1 when the reply is not ICMPv6. */
  readonly type: number;
  readonly code: number;
  readonly pointer: number | null;
  readonly mtu: number | null;
  readonly replyHopLimit: number | null;
  /** Null when the reply quotes nothing, or no option was sent, or the quote ends before it. */
  readonly intact: boolean | null;
  /** Intact, and all of the option's octets are quoted. */
  readonly intactWhole: boolean;
  readonly stripped: boolean;
  readonly altered: boolean;
  readonly quoted: boolean;
  /** Of a fragmented probe only some fragments have been quoted: the others need not have got as far. */
  readonly partial: boolean;
  readonly quotedHopLimit: number | null;
  readonly changes: readonly string[];
  readonly mpls: readonly MplsLabel[];
  readonly interfaces: readonly InterfaceInformation[];
  /** Extension objects that are kept as they came: Node IDs (class 5) and what is unknown. */
  readonly objects: readonly ReplyObject[];
}

/** What all probes of a trace have in common, and what tells its replies from anybody else's. Nothing of it changes. */
export interface TraceIdentity {
  /** 16 octets each. */
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly sourceText: string;
  readonly targetText: string;
  readonly protocol: Protocol;
  readonly destinationPort: number;
  readonly secrets: TraceSecrets;
  /** Octets before the nonce in the payload: the NUL-terminated probe description URI, padded to an even length. */
  readonly prefix: Uint8Array;
  /** Octets behind the identity in the payload of UDP and echo probes. */
  readonly padding: number;
  /** UDP and echo probes go out as fragments, two at least. */
  readonly fragmented: boolean;
}

/** Which hops are this trace's own (near-hops.ts). */
export interface NearState {
  /** The first one that it explores; 0 while that is not decided. */
  from: number;
  /** The one from which on down hops of others are known to be on its way. */
  joinedAt: number | null;
  /** Where the target should be, and where another trace met it. Plans only, claims nothing. */
  distanceHint: number | null;
  distanceOfOthers: number | null;
}

/** A router that quotes too little. */
export interface WeakRouter {
  quotes: number;
  /** Of these, those that count as ambiguous: of packets with the option, from where it may not be known to have got. */
  doubts: number;
  /** For some of its quotes, the probes that were out and have their shape. */
  readonly sightings: (readonly number[])[];
}

/** METHOD: Pairs. Of each so many pairs in a row one is a placebo; which one is drawn when the block begins. */
export interface PlaceboBlock {
  left: number;
  /** The one that leaves so many after it. */
  placeboAt: number;
}

/** Times are nanoseconds of the engine's clock. What other traces know is no part of it: see `TraceContext`. */
export interface TraceState {
  readonly identity: TraceIdentity;
  readonly limits: TraceLimits;
  readonly order: RandomSequence;
  /** Makes the order of hop limits within a round; see `hopRank`. */
  readonly orderSalt: number;
  /** Flow 0 is the trace's own. */
  readonly flows: Flow[];
  readonly probes: ProbeTable;
  readonly signatures: ReplySignature[];
  /** Of each signature the number of its sender: signatures that differ in what they quote alone have one (reply/meaning.ts). */
  readonly senders: { readonly of: number[]; readonly numbers: Map<string, number> };
  readonly counters: Counters;
  /** Fields of PDM options that were not all zero, by probe: needed to tell what was sent. */
  pdmSent: Map<number, PdmOption> | null;
  /** First probe of the current attempt: a path change starts the measurement again (METHOD: same path). */
  attemptStart: number;
  restarts: number;
  largestRttNs: number;
  /** Between the two answers of one treated pair. */
  largestArmDifferenceNs: number;
  /** Which count of the target's pairs this is, from 1 on, and its first row (METHOD: Pairs, Rhythm at a responder). */
  countIndex: number;
  countStart: number;
  readonly pace: Pace;
  /** Whose placebos are drawn among the target's pairs and those of its witnesses; null while none are. */
  placeboArm: Arm | null;
  readonly witnessPlaceboArm: Record<'icmp6' | 'tcp', Arm | null>;
  /** Of the present block of pairs at the target, and of echo pairs: how many are still to come, and which of them is the placebo. */
  readonly blocks: Readonly<Record<'target' | 'icmp6' | 'tcp', PlaceboBlock>>;
  /** Packets with the option are taken to be lost at the target, so that pairs draw one answer. Plans only. */
  expectsLoss: boolean;
  /** Sends that this host itself refused in a row, by kind of packet. */
  readonly sendRefusals: { plain: number; option: number };
  /** Highest hop limit on the trace's own flow that drew a router's Time Exceeded: up to there nothing reaches the target. */
  routerSeenAt: number;
  /** How far the target is, from the hop limit that its own quote shows. Plans only, claims nothing. */
  distanceSeen: number | null;
  readonly near: NearState;
  /** Flow labels that verified quotes showed in place of ours: whoever shows one has seen our packets. */
  readonly rewrittenLabels: number[];
  /** Quotes of explaining arms that named no probe: their silence proves nothing then. */
  unmatchedExplanations: number;
  /** Quotes whose PSNTP is one of ours under a flow label that is not: a few may be guesses, many are not. */
  relabelledQuotes: number;
  /** The target's port sends datagrams of its own making: which probe drew one is known only where one alone is out. */
  serviceAnswers: boolean;
  /** Routers whose Time Exceeded shows our flow label and too little to name a probe, by address (weak-quotes.ts). */
  readonly weakQuotes: Map<string, WeakRouter>;
  /** By hop limit, all sources of answers to a probe that more than one source answered, a router's Time Exceeded among them. */
  readonly contradicted: Map<number, Set<string>>;
  /** The target has answered, or exploring is over: waits follow the path's own pace from then on. */
  pathKnown: boolean;
  /** What it had to tell traces of other protocols to the same target in its last step; null before the first. */
  told: Sibling | null;
  /** Kernel receive drops while a probe was out: silence can no longer be told from loss (METHOD: doubt). */
  droppedByKernel: boolean;
  interrupted: boolean;
  /** Why nothing can be sent: of all packets, or of those with an extension header, or without, alone. */
  sendError: { readonly arm: 'all' | 'option' | 'plain'; readonly code: string; readonly message: string } | null;
  /**
   * `answer`: the first one with PDM that names its probe. Its round trip is the probe's, which may get shorter when the
   * kernel's send time is known. `implausible`: answers that claim a longer delay than the round trip.
   */
  pdm: {
    answer: { readonly row: number; readonly serverDelayMs: number } | null;
    implausible: number;
    draftVersion: boolean;
    /** The target sends the option itself, and in answers to packets without it. */
    isSent: boolean;
    isSentToPlain: boolean;
  };
  clockStepped: boolean;
  /**
   * Fragments that were quoted: as `row * 8 + fragment` where they ran out of hop limit as they were sent, 4 more where
   * something else became of them. Null while none was.
   */
  quotedFragments: Set<number> | null;
}

/**
 * What a trace is made from. `seed` gives the order of probes again, `secrets` must be unguessable; `size` is octets of the
 * `plain` probe, null for the smallest.
 */
export interface TraceMaterial {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly targetText: string;
  readonly protocol: Protocol;
  /** 0 for icmp6. */
  readonly destinationPort: number;
  readonly limits: TraceLimits;
  readonly seed: number;
  readonly secrets: TraceSecrets;
  readonly probeUri: string | null;
  /** Octets of the `plain` probe, IPv6 header included, before it is fragmented; absent or null for the smallest. */
  readonly size?: number | null;
  readonly fragment?: boolean;
  readonly firstFlow: Flow;
  /** Other traces may have measured its near hops. */
  readonly sharesNearHops?: boolean;
}

/**
 * Nothing sent and nothing known; the only randomness is the seed's, so that a trace can be replayed.
 * @throws RangeError for a size that no probe can have: see `paddingFor`.
 */
export function createTraceState(material: TraceMaterial): TraceState {
  const order = new RandomSequence(material.seed);
  const prefix = probeUriPrefix(material.probeUri);
  const fragmented = material.fragment ?? false;
  return {
    identity: {
      source: material.source,
      target: material.target,
      sourceText: formatAddress(material.source),
      targetText: material.targetText,
      protocol: material.protocol,
      destinationPort: material.destinationPort,
      secrets: material.secrets,
      prefix,
      padding: paddingFor(material.size ?? null, prefix.length, fragmented),
      fragmented,
    },
    limits: material.limits,
    order,
    orderSalt: order.nextUint32(),
    flows: [material.firstFlow],
    probes: new ProbeTable(),
    signatures: [],
    senders: { of: [], numbers: new Map() },
    counters: noCounters(),
    pdmSent: null,
    attemptStart: 0,
    restarts: 0,
    largestRttNs: 0,
    largestArmDifferenceNs: 0,
    countIndex: 1,
    countStart: 0,
    pace: new Pace(material.limits.hopIntervalMs, material.protocol === 'udp'),
    placeboArm: null,
    witnessPlaceboArm: { icmp6: null, tcp: null },
    blocks: {
      target: { left: 0, placeboAt: 0 },
      icmp6: { left: 0, placeboAt: 0 },
      tcp: { left: 0, placeboAt: 0 },
    },
    expectsLoss: false,
    sendRefusals: { plain: 0, option: 0 },
    routerSeenAt: 0,
    distanceSeen: null,
    near: {
      from: material.sharesNearHops === true ? 0 : 1,
      joinedAt: null,
      distanceHint: null,
      distanceOfOthers: null,
    },
    rewrittenLabels: [],
    unmatchedExplanations: 0,
    relabelledQuotes: 0,
    serviceAnswers: false,
    weakQuotes: new Map(),
    contradicted: new Map(),
    pathKnown: false,
    told: null,
    droppedByKernel: false,
    interrupted: false,
    sendError: null,
    pdm: { answer: null, implausible: 0, draftVersion: false, isSent: false, isSentToPlain: false },
    clockStepped: false,
    quotedFragments: null,
  };
}

const NO_PREFIX = new Uint8Array(0);

/** RFC 9511: the URI, NUL-terminated, first in the payload; one more NUL keeps what follows on an even octet. */
function probeUriPrefix(uri: string | null): Uint8Array {
  if (uri === null) return NO_PREFIX;
  const prefix = new Uint8Array(probeUriPrefixLength(uri));
  prefix.set(Uint8Array.from(uri, (character) => character.charCodeAt(0)));
  return prefix;
}

/** What came back for a row. */
export function signatureOf(
  { probes, signatures }: Pick<TraceState, 'probes' | 'signatures'>,
  row: number,
): ReplySignature | undefined {
  const index = probes.reply(row);
  return index === null ? undefined : signatures[index];
}

/** A random rank below 64 for a hop limit, the same throughout a trace: the order within a round. */
export function hopRank(state: TraceState, hop: number): number {
  let hash = Math.imul(hop ^ state.orderSalt, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
  return ((hash ^ (hash >>> 13)) >>> 0) % TARGET_HOP_LIMIT;
}
