/**
 * What a simulated network is made of. Plain data: a generator or a scenario file builds it, `SimulatedNetwork` runs it and
 * `truth.ts` says from the same data what must happen to packets, without running it.
 *
 * Order of events at a router, as in Linux and most hardware: link loss, ingress rules, hop limit check (Time Exceeded),
 * forward rules. A host has no hop limit check.
 */
import type { LossModel } from './loss-process.js';
import type { BucketModel } from './token-bucket.js';

/** What a rule can see of a packet. */
export interface Features {
  /** The packet has a Destination Options header. */
  readonly header: boolean;
  /** It holds the PDM option. */
  readonly option: boolean;
  /** Octets of all extension headers. */
  readonly headerOctets: number;
  /** Octets by which the packet is longer than the `plain` probe of its protocol. */
  readonly longerBy: number;
  readonly protocol: 'udp' | 'icmp6' | 'other';
}

export type Match =
  | { readonly kind: 'everything' }
  /** Packets without extension headers. */
  | { readonly kind: 'bare' }
  | { readonly kind: 'destination-options' }
  | { readonly kind: 'option' }
  | { readonly kind: 'header-octets'; readonly atLeast: number }
  | { readonly kind: 'longer-by'; readonly atLeast: number }
  | { readonly kind: 'protocol'; readonly protocol: 'udp' | 'icmp6' };

export type Pointer = 'none' | 'next-header' | 'upper-layer' | 'option' | 'header';

export type Action =
  | { readonly kind: 'drop' }
  | { readonly kind: 'reject'; readonly type: number; readonly code: number; readonly pointer: Pointer }
  | { readonly kind: 'strip' }
  /** Which octets of the PDM option change on the way: its type, PSNTP, everything after the length, or only the last octet. */
  | { readonly kind: 'alter'; readonly what: 'type' | 'sequence' | 'zeroed' | 'last-octet' }
  | { readonly kind: 'set-flow-label'; readonly flowLabel: number }
  | { readonly kind: 'set-traffic-class'; readonly trafficClass: number }
  /** NAT66: `updated` corrects the transport checksum, `neutral` is NPTv6 (RFC 6296). */
  | {
      readonly kind: 'translate';
      readonly to: Uint8Array;
      readonly checksum: 'updated' | 'neutral';
      readonly translatesQuotes: boolean;
    };

export interface Rule {
  readonly stage: 'ingress' | 'forward' | 'local';
  readonly match: Match;
  readonly action: Action;
  /** Share of the matching packets, chosen at random for each. */
  readonly share: number;
  readonly fromNs: number;
  readonly untilNs: number;
}

/** A filter on the way back, for ICMPv6 errors that come from beyond this router. */
export interface ReturnRule {
  readonly match: 'errors-quoting-options' | 'errors' | 'everything';
  readonly share: number;
}

export interface QuoteStyle {
  /** Octets quoted after the IPv6 header, at most. RFC 4443 wants as many as fit in 1280. */
  readonly octets: number;
  /** Hop limit in the quote: as received, or something else entirely. */
  readonly hopLimit: 'as-received' | number;
  /** RFC 4884 extensions: none, with a length field, or at 128 octets without one. */
  readonly extensions: 'none' | 'compliant' | 'legacy';
  readonly objects: readonly ('mpls' | 'interface')[];
  /** The quote shows something that did not happen to the packet. */
  readonly artefact: 'none' | 'stripped' | 'altered';
}

export const FULL_QUOTE: QuoteStyle = {
  octets: 1192,
  hopLimit: 'as-received',
  extensions: 'none',
  objects: [],
  artefact: 'none',
};

export interface Node {
  /** One is picked at random per error where there are several. */
  readonly addresses: readonly Uint8Array[];
  readonly asn: number;
  /** Milliseconds from the node before. */
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly forwardLoss: LossModel | null;
  readonly returnLoss: LossModel | null;
  readonly rules: readonly Rule[];
  readonly returnRules: readonly ReturnRule[];
  /** Limit of its ICMPv6 errors; null where there is none. */
  readonly bucket: BucketModel | null;
  /** Time from the packet's arrival to the error, beyond the link delays: fixed part and mean of an exponential part. */
  readonly slowMs: number;
  readonly slowJitterMs: number;
  readonly quote: QuoteStyle;
  /** Hop limit that its own packets start with. */
  readonly ownHopLimit: number;
}

export interface Router extends Node {
  /** Sends no ICMPv6 error at all. */
  readonly silent: boolean;
  /** Share of packets with an extension header for which it sends Time Exceeded. */
  readonly reports: number;
  /** Passes on packets whose hop limit ran out: the next hop then answers for two hop limits. */
  readonly forwardsExpired: boolean;
}

export interface Host extends Node {
  readonly udp: 'port-unreachable' | 'silent' | 'echoes' | 'fixed-answer' | 'prohibited';
  readonly echo: 'replies' | 'silent';
}

export interface Segment {
  /** Equal-cost ways through this part of the network; one way of any length (0 too) is the ordinary case. */
  readonly members: readonly (readonly Router[])[];
  /**
   * What chooses the member: addresses and flow label; or addresses, protocol and ports, where a packet with an extension
   * header shows only protocol 60 (`ports`) or is parsed to the end (`ports-deep`). `none` always takes the first.
   */
  readonly hash: 'none' | 'flow-label' | 'ports' | 'ports-deep' | 'label-and-ports';
  /** Packets with an extension header all go this way. */
  readonly headerMember: number | null;
  readonly salt: number;
}

export interface Epoch {
  readonly fromNs: number;
  readonly segments: readonly Segment[];
}

export interface Adversary {
  readonly duplicates: number;
  readonly reordered: number;
  /** Share of replies with flipped bits whose checksum no longer fits. */
  readonly corrupted: number;
  /** Share of errors whose quote has a flipped bit under a valid checksum. */
  readonly corruptedQuotes: number;
  /** Forged packets per second from somebody who knows our address, the target, the port and the hops' addresses. */
  readonly forgedPerSecond: number;
  readonly replaysPerSecond: number;
  readonly garbagePerSecond: number;
}

export const PEACE: Adversary = {
  duplicates: 0,
  reordered: 0,
  corrupted: 0,
  corruptedQuotes: 0,
  forgedPerSecond: 0,
  replaysPerSecond: 0,
  garbagePerSecond: 0,
};

export interface Network {
  readonly seed: number;
  readonly source: Uint8Array;
  readonly target: Host;
  /** Ascending; the first starts at 0. A packet takes the way of the epoch in which it is sent. */
  readonly epochs: readonly Epoch[];
  readonly adversary: Adversary;
  /** `send` fails for this share of packets, with this errno. */
  readonly sendFailures: { readonly share: number; readonly code: string };
  /** Share of replies that the receiver's kernel drops, and counts. */
  readonly kernelDrops: number;
}

export const ALWAYS = { share: 1, fromNs: 0, untilNs: Infinity } as const;

export function matches(match: Match, features: Features): boolean {
  switch (match.kind) {
    case 'everything':
      return true;
    case 'bare':
      return features.headerOctets === 0;
    case 'destination-options':
      return features.header;
    case 'option':
      return features.option;
    case 'header-octets':
      return features.headerOctets >= match.atLeast;
    case 'longer-by':
      return features.longerBy >= match.atLeast;
    case 'protocol':
      return features.protocol === match.protocol;
  }
}

export interface FlowKey {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly flowLabel: number;
  /** Upper-layer protocol number and the first four octets after it (ports, or type, code and checksum). */
  readonly protocol: number;
  readonly ports: number;
  readonly header: boolean;
}

function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function hashOf(segment: Segment, flow: FlowKey): number {
  let hash = mix(0x1234567, segment.salt);
  for (let i = 0; i < 16; i++) hash = mix(hash, (flow.source[i]! << 8) | flow.target[i]!);
  if (segment.hash === 'flow-label' || segment.hash === 'label-and-ports') hash = mix(hash, flow.flowLabel + 1);
  if (segment.hash !== 'flow-label') {
    const blind = flow.header && segment.hash !== 'ports-deep';
    hash = mix(mix(hash, blind ? 60 : flow.protocol), blind ? 0 : flow.ports);
  }
  return mix(hash, 0x5bd1e995) >>> 0;
}

export function memberOf(segment: Segment, flow: FlowKey): readonly Router[] {
  const { members, headerMember } = segment;
  if (flow.header && headerMember !== null) return members[headerMember] ?? [];
  if (members.length === 1 || segment.hash === 'none') return members[0]!;
  return members[hashOf(segment, flow) % members.length]!;
}

export function epochAt(network: Network, nowNs: number): Epoch {
  let current = network.epochs[0]!;
  for (const epoch of network.epochs) if (epoch.fromNs <= nowNs) current = epoch;
  return current;
}

/** The routers that a packet of this flow meets, in order; the target follows. */
export function pathOf(epoch: Epoch, flow: FlowKey): readonly Router[] {
  if (epoch.segments.length === 1) return memberOf(epoch.segments[0]!, flow);
  return epoch.segments.flatMap((segment) => memberOf(segment, flow));
}
