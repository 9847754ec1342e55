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
  readonly protocol: 'udp' | 'icmp6' | 'tcp' | 'other';
}

export type Match =
  | { readonly kind: 'everything' }
  /** Packets without extension headers. */
  | { readonly kind: 'bare' }
  | { readonly kind: 'destination-options' }
  | { readonly kind: 'option' }
  | { readonly kind: 'header-octets'; readonly atLeast: number }
  | { readonly kind: 'longer-by'; readonly atLeast: number }
  | { readonly kind: 'protocol'; readonly protocol: 'udp' | 'icmp6' | 'tcp' }
  | { readonly kind: 'every'; readonly of: readonly Match[] };

export type Pointer = 'none' | 'next-header' | 'upper-layer' | 'option' | 'header';

export type Action =
  | { readonly kind: 'drop' }
  | {
      readonly kind: 'reject';
      readonly type: number;
      readonly code: number;
      readonly pointer: Pointer;
      /** The error claims to come from the target; its hop limit is that of the node's own packets all the same. */
      readonly inTargetsName?: boolean;
    }
  /** A proxy: answers in the target's name what the target would be asked, and passes nothing on. */
  | {
      readonly kind: 'answer';
      readonly udp: 'port-unreachable' | 'echoes' | 'fixed-answer';
      /** SYNs by SYN-ACK, at any port, as who takes them in with cookies; without a word where it is absent. */
      readonly syn?: 'acknowledges';
      /** For the truth alone: what it answers has arrived. */
      readonly isTheEnd?: boolean;
    }
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
  /** A policer: spares packets for which there is a token. */
  readonly limit?: BucketModel;
}

/** A filter on the way back, for what comes from beyond this router. */
export interface ReturnRule {
  /**
   * `answers-to-options`: what quotes nothing (echo replies, UDP data) and answers a packet with an extension header, as a
   * firewall drops it that kept no state for next header 60. `not-let-in`: what answers such a packet and is no echo reply nor
   * Time Exceeded, which many firewalls let in without any state. `carrying-options`: replies that have an extension header.
   */
  readonly match:
    | 'errors-quoting-options'
    | 'errors-quoting-pdm'
    | 'errors'
    | 'everything'
    | 'answers-to-options'
    | 'not-let-in'
    | 'carrying-options';
  readonly share: number;
}

/** Headers that a packet carries for a part of the way, in front of its own: RFC 8200 options, SRv6 (two segments), AH, RFC 9343. */
export type InsertedHeader = 'hop-by-hop' | 'routing' | 'authentication' | 'destination-options';

export interface QuoteStyle {
  /** Octets quoted after the IPv6 header, at most. RFC 4443 wants as many as fit in 1280. */
  readonly octets: number;
  /** Hop limit in the quote: as received, or something else entirely. */
  readonly hopLimit: 'as-received' | number;
  /**
   * RFC 4884 extensions: none, with a length field, or at 128 octets without one; or with a length field that counts octets,
   * of the padded quote (`octets`) or of the quote before padding, which may be no multiple of 8 (`unaligned`).
   */
  readonly extensions: 'none' | 'compliant' | 'legacy' | 'octets' | 'unaligned';
  /** `node-id` is class 5, `unknown` a class that nobody has assigned. */
  readonly objects: readonly ('mpls' | 'interface' | 'node-id' | 'unknown')[];
  /** The quote shows something that did not happen to the packet. */
  readonly artefact: 'none' | 'stripped' | 'altered';
  /** The packet is met with these headers in front of its own. */
  readonly inserted?: readonly InsertedHeader[];
  /** The packet is met under another destination (DNAT, an SRv6 segment, NAT64). */
  readonly destination?: { readonly to: Uint8Array; readonly checksum: 'updated' | 'as-sent' };
  /** The quote has another flow label. */
  readonly flowLabel?: number;
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
  /** Origin AS of its addresses where that is not its own: a border numbered by the neighbour. Null: not announced at all. */
  readonly addressAsn?: number | null;
  /** Where its errors about packets with an extension header come from (a loopback), if not from `addresses`. */
  readonly optionAddresses?: readonly Uint8Array[];
  /** Packets with an extension header take longer to get here: fixed part and mean of an exponential part. */
  readonly optionDelay?: { readonly ms: number; readonly jitterMs: number };
  /** Drops everything from a source for so many seconds once it has passed on so many packets with PDM from there. */
  readonly shun?: { readonly stage: 'ingress' | 'forward'; readonly after: number; readonly seconds: number };
}

export interface Router extends Node {
  /** Sends no ICMPv6 error at all. */
  readonly silent: boolean;
  /** Share of packets with an extension header for which it sends Time Exceeded. */
  readonly reports: number;
  /** Passes on packets whose hop limit ran out: the next hop then answers for two hop limits. */
  readonly forwardsExpired: boolean;
  /** From then on it sends no Time Exceeded for packets with an extension header. */
  readonly reportsUntilNs?: number;
  /** Somebody on the path who also answers what runs out here, and is faster. */
  readonly rival?: { readonly address: Uint8Array; readonly asn: number; readonly share: number };
  /** To SYNs that ask it itself; resets at all ports where it is absent. */
  readonly tcp?: 'silent';
}

export interface Host extends Node {
  readonly udp: 'port-unreachable' | 'silent' | 'echoes' | 'fixed-answer' | 'prohibited';
  readonly echo: 'replies' | 'silent';
  /** To a SYN, at any port, or one that is served at ports 443 and 80 alone; without a word where it is absent. */
  readonly tcp?: 'resets' | 'serves' | 'silent';
  /** Another address that all its answers come from: anycast, AnyIP, a CDN. */
  readonly answersFrom?: Uint8Array;
  /** Another address that only its ICMPv6 errors come from: Linux, where it answers for a whole prefix. */
  readonly errorsFrom?: Uint8Array;
  /** Its answers carry PDM, all or those to packets with PDM. */
  readonly answersWithPdm?: 'always' | 'to-pdm';
}

export interface Segment {
  /** Equal-cost ways through this part of the network; one way of any length (0 too) is the ordinary case. */
  readonly members: readonly (readonly Router[])[];
  /**
   * What chooses the member: addresses and flow label; or addresses, protocol and ports, where a packet with an extension
   * header shows only protocol 60 (`ports`) or is parsed to the end (`ports-deep`). `none` always takes the first.
   * `flow+next-header` is addresses, flow label and the first next header (Linux, `fib_multipath_hash_policy` 0);
   * `ports-or-addresses` is ports, and addresses alone for packets with an extension header.
   */
  readonly hash:
    | 'none'
    | 'flow-label'
    | 'ports'
    | 'ports-deep'
    | 'label-and-ports'
    | 'flow+next-header'
    | 'addresses+next-header'
    | 'addresses'
    | 'ports-or-addresses';
  /** Packets with an extension header all go this way. */
  readonly headerMember: number | null;
  /** Replies from beyond come back this way; else by the way that the packet went. */
  readonly returnMember?: number;
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
  /** Errors that quote 4 to 7 octets of the upper layer with the right addresses and ports, and our flow label or another. */
  readonly forgedQuotes?: { readonly count: number; readonly knowsLabel: boolean };
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
  /** Origin AS of the source's address, where it is not one of its own. */
  readonly sourceAsn?: number;
  readonly target: Host;
  /** Ascending; the first starts at 0. A packet takes the way of the epoch in which it is sent. */
  readonly epochs: readonly Epoch[];
  readonly adversary: Adversary;
  /** `send` fails for this share of packets, or of those with an extension header, with this errno. */
  readonly sendFailures: { readonly share: number; readonly code: string; readonly only?: 'options' };
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
    case 'every':
      return match.of.every((part) => matches(part, features));
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
  const { label, nextHeader, ports } = hashed(segment.hash, flow.header);
  const blind = flow.header && segment.hash !== 'ports-deep';
  if (label) hash = mix(hash, flow.flowLabel + 1);
  if (nextHeader) hash = mix(hash, blind ? 60 : flow.protocol);
  if (nextHeader && segment.hash.includes('ports')) hash = mix(hash, ports ? flow.ports : 0);
  return mix(hash, 0x5bd1e995) >>> 0;
}

/** What a balancer of this kind sees of a packet besides its addresses. */
function hashed(hash: Segment['hash'], header: boolean): { label: boolean; nextHeader: boolean; ports: boolean } {
  switch (hash) {
    case 'none':
    case 'addresses':
      return { label: false, nextHeader: false, ports: false };
    case 'flow-label':
      return { label: true, nextHeader: false, ports: false };
    case 'flow+next-header':
      return { label: true, nextHeader: true, ports: false };
    case 'addresses+next-header':
      return { label: false, nextHeader: true, ports: false };
    case 'ports':
      return { label: false, nextHeader: true, ports: !header };
    case 'ports-deep':
      return { label: false, nextHeader: true, ports: true };
    case 'label-and-ports':
      return { label: true, nextHeader: true, ports: !header };
    case 'ports-or-addresses':
      return { label: false, nextHeader: !header, ports: !header };
  }
}

/** Fresh flows with or without an extension header may take any member; else all of them take the same. */
export function spreads(segment: Segment, header: boolean): boolean {
  if (segment.members.length === 1 || (header && segment.headerMember !== null)) return false;
  const { label, ports } = hashed(segment.hash, header);
  return label || ports;
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

/** The routers, in order, that a reply meets on its way back from the node at `index` of this flow's way, that node aside. */
export function wayBack(epoch: Epoch, flow: FlowKey, index: number): readonly Router[] {
  const met: Router[] = [];
  let left = index;
  for (const segment of epoch.segments) {
    const taken = memberOf(segment, flow);
    if (left < taken.length) return [...met, ...taken.slice(0, left)];
    left -= taken.length;
    met.push(...(segment.returnMember === undefined ? taken : segment.members[segment.returnMember]!));
  }
  return met;
}
