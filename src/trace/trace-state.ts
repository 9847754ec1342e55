/**
 * What one trace knows: its flows, its probes and what came back. Mutable, and owned by the trace machine. A probe is a
 * row in typed arrays rather than an object, because many thousand traces are in flight at once.
 */
import type { PdmOption } from '../wire/pdm.js';
import type { MplsLabel, InterfaceInformation, Arm, Protocol } from './record.js';
import { paddingFor, probeUriPrefixLength } from './probe-size.js';
import { RandomSequence } from './random-sequence.js';

/** Hop limit of the pairs that are meant to reach the target. Also the hard cap of METHOD §9. */
export const TARGET_HOP_LIMIT = 64;
/** METHOD §9: probes per record. */
export const PROBE_CAP = 400;

export interface TraceLimits {
  readonly confidence: number;
  readonly maxHops: number;
  readonly timeoutMs: number;
  readonly hopIntervalMs: number;
  readonly gapLimit: number;
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

/** Why a probe exists: which of the procedure's questions its pair answers. */
export const PURPOSE = { explore: 0, target: 1, repeat: 2, beyond: 3, echo: 4, retest: 5, explain: 6 } as const;
export type Purpose = (typeof PURPOSE)[keyof typeof PURPOSE];

export const ARM_CODE: Readonly<Record<Arm, number>> = { plain: 0, pdm: 1, do8: 2, do16: 3, long: 4 };

/** What a reply says of the probe that drew it (METHOD §5). */
export const REPLY_KIND = { timeExceeded: 1, arrived: 2, refused: 3, other: 4 } as const;
export type ReplyKind = (typeof REPLY_KIND)[keyof typeof REPLY_KIND];

/** Everything about a reply but its time. Equal replies share one, so that a trace holds few of them. */
export interface ReplySignature {
  readonly kind: ReplyKind;
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
}

const NO_REPLY = 0xffff;
const FLAG_SENT = 1;
const FLAG_FAILED = 2;
const FLAG_LATE = 4;

/** Time of sending 8, round trip 4, PSN, reply and flow 2 each, arm, hop limit, purpose and flags 1 each. */
const ROW_OCTETS = 22;
const FIRST_ROWS = 32;

/** Rows of probes. Pair `k` is probes 2k and 2k+1, in the order in which they were sent. */
export class ProbeTable {
  count = 0;
  #capacity = 0;
  #sentAtNs = new Float64Array(0);
  #rttNs = new Float32Array(0);
  #words = new Uint16Array(0);
  #octets = new Uint8Array(0);

  /** `nowNs` stands for the time of sending until that is known, so that spacing holds at once. */
  add(arm: number, hopLimit: number, flow: number, purpose: Purpose, psn: number, nowNs: number): number {
    const row = this.count;
    if (row === this.#capacity) this.#grow();
    this.count += 1;
    this.#words[row * 3] = psn;
    this.#words[row * 3 + 1] = NO_REPLY;
    this.#words[row * 3 + 2] = flow;
    this.#octets[row * 4] = arm;
    this.#octets[row * 4 + 1] = hopLimit;
    this.#octets[row * 4 + 2] = purpose;
    this.#octets[row * 4 + 3] = 0;
    this.#sentAtNs[row] = nowNs;
    return row;
  }

  /** One buffer for all columns: with many traces in flight the buffers themselves would weigh more than the rows. */
  #grow(): void {
    const size = Math.max(FIRST_ROWS, Math.ceil(this.#capacity * 1.5));
    const buffer = new ArrayBuffer(size * ROW_OCTETS);
    const sentAtNs = new Float64Array(buffer, 0, size);
    const rttNs = new Float32Array(buffer, size * 8, size);
    const words = new Uint16Array(buffer, size * 12, size * 3);
    const octets = new Uint8Array(buffer, size * 18, size * 4);
    sentAtNs.set(this.#sentAtNs);
    rttNs.set(this.#rttNs);
    words.set(this.#words);
    octets.set(this.#octets);
    this.#capacity = size;
    this.#sentAtNs = sentAtNs;
    this.#rttNs = rttNs;
    this.#words = words;
    this.#octets = octets;
  }

  psn(row: number): number {
    return this.#words[row * 3] ?? 0;
  }
  flow(row: number): number {
    return this.#words[row * 3 + 2] ?? 0;
  }
  arm(row: number): number {
    return this.#octets[row * 4] ?? 0;
  }
  hopLimit(row: number): number {
    return this.#octets[row * 4 + 1] ?? 0;
  }
  purpose(row: number): Purpose {
    return (this.#octets[row * 4 + 2] ?? 0) as Purpose;
  }
  sentAtNs(row: number): number {
    return this.#sentAtNs[row] ?? 0;
  }
  rttNs(row: number): number {
    return this.#rttNs[row] ?? 0;
  }
  /** Index into the trace's signatures, or null while nothing came back. */
  reply(row: number): number | null {
    const index = this.#words[row * 3 + 1] ?? NO_REPLY;
    return index === NO_REPLY ? null : index;
  }
  isSent(row: number): boolean {
    return (this.#flags(row) & FLAG_SENT) !== 0;
  }
  isFailed(row: number): boolean {
    return (this.#flags(row) & FLAG_FAILED) !== 0;
  }
  isLate(row: number): boolean {
    return (this.#flags(row) & FLAG_LATE) !== 0;
  }
  #flags(row: number): number {
    return this.#octets[row * 4 + 3] ?? 0;
  }
  #setFlag(row: number, flag: number): void {
    this.#octets[row * 4 + 3] = this.#flags(row) | flag;
  }
  /** From here on a reply may come, even before the transport says when the probe left. */
  markHandedOver(row: number, atNs: number): void {
    this.#sentAtNs[row] = atNs;
    this.#setFlag(row, FLAG_SENT);
  }
  /** A better time of sending, also for a round trip that is already over. */
  correctSendTime(row: number, atNs: number): void {
    if (this.reply(row) !== null) this.#rttNs[row] = Math.max(0, this.rttNs(row) + this.sentAtNs(row) - atNs);
    this.#sentAtNs[row] = atNs;
  }
  markFailed(row: number): void {
    this.#octets[row * 4 + 3] = (this.#flags(row) & ~FLAG_SENT) | FLAG_FAILED;
  }
  /** The reply says more than it did. */
  restateReply(row: number, signature: number): void {
    this.#words[row * 3 + 1] = signature;
  }
  markAnswered(row: number, signature: number, rttNs: number, late: boolean): void {
    this.#words[row * 3 + 1] = signature;
    this.#rttNs[row] = rttNs;
    if (late) this.#setFlag(row, FLAG_LATE);
  }
}

export interface TraceCounters {
  sent: number;
  answered: number;
  late: number;
  duplicate: number;
  foreign: number;
  ambiguous: number;
  malformed: number;
  forged: number;
  sendErrors: number;
  kernelDrops: number | null;
}

export interface TraceIdentity {
  /** 16 octets each. */
  readonly source: Uint8Array;
  readonly target: Uint8Array;
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
  readonly counters: TraceCounters;
  /** Fields of PDM options that were not all zero, by probe: needed to tell what was sent. */
  pdmSent: Map<number, PdmOption> | null;
  /** First probe of the current attempt: a path change starts the measurement again (METHOD §6.7). */
  attemptStart: number;
  restarts: number;
  largestRttNs: number;
  /** Highest hop limit on the trace's own flow that drew a router's Time Exceeded: up to there nothing reaches the target. */
  routerSeenAt: number;
  /** How far the target is, from the hop limit that its own quote shows. Plans only, claims nothing. */
  distanceSeen: number | null;
  readonly near: NearState;
  /** How the target answered SYNs without the option: what RSTs to the other arm mean depends on it (METHOD §5). */
  readonly plainSyn: { accepted: boolean; reset: boolean };
  /** Flow labels that verified quotes showed in place of ours: whoever shows one has seen our packets. */
  readonly rewrittenLabels: number[];
  /** Quotes of explaining arms that named no probe: their silence proves nothing then. */
  unmatchedExplanations: number;
  /** Quotes whose PSNTP is one of ours under a flow label that is not: a few may be guesses, many are not. */
  relabelledQuotes: number;
  /** The target has answered, or exploring is over: waits follow the path's own pace from then on. */
  pathKnown: boolean;
  /** Grows with every change that may alter what is known, so that summaries can be cached. */
  revision: number;
  /** Kernel receive drops while a probe was out: silence can no longer be told from loss (METHOD §6.13). */
  droppedByKernel: boolean;
  interrupted: boolean;
  sendError: string | null;
  /**
   * `answer`: the first one with PDM that names its probe. Its round trip is the probe's, which may get shorter when the
   * kernel's send time is known. `implausible`: answers that claim a longer delay than the round trip.
   */
  pdm: {
    answer: { readonly row: number; readonly serverDelayMs: number } | null;
    implausible: number;
    draftVersion: boolean;
  };
  clockStepped: boolean;
  /**
   * Fragments that were quoted: as `row * 8 + fragment` where they ran out of hop limit as they were sent, 4 more where
   * something else became of them. Null while none was.
   */
  quotedFragments: Set<number> | null;
}

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

export function createTraceState(material: TraceMaterial): TraceState {
  const order = new RandomSequence(material.seed);
  const prefix = probeUriPrefix(material.probeUri);
  const fragmented = material.fragment ?? false;
  return {
    identity: {
      source: material.source,
      target: material.target,
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
    counters: {
      sent: 0,
      answered: 0,
      late: 0,
      duplicate: 0,
      foreign: 0,
      ambiguous: 0,
      malformed: 0,
      forged: 0,
      sendErrors: 0,
      kernelDrops: null,
    },
    pdmSent: null,
    attemptStart: 0,
    restarts: 0,
    largestRttNs: 0,
    routerSeenAt: 0,
    distanceSeen: null,
    near: {
      from: material.sharesNearHops === true ? 0 : 1,
      joinedAt: null,
      distanceHint: null,
      distanceOfOthers: null,
    },
    plainSyn: { accepted: false, reset: false },
    rewrittenLabels: [],
    unmatchedExplanations: 0,
    relabelledQuotes: 0,
    pathKnown: false,
    revision: 0,
    droppedByKernel: false,
    interrupted: false,
    sendError: null,
    pdm: { answer: null, implausible: 0, draftVersion: false },
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

/** A random rank below 64 for a hop limit, the same throughout a trace: the order within a round. */
export function hopRank(state: TraceState, hop: number): number {
  let hash = Math.imul(hop ^ state.orderSalt, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
  return ((hash ^ (hash >>> 13)) >>> 0) % TARGET_HOP_LIMIT;
}
