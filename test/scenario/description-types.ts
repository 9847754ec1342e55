/** The shapes of a scenario: what a description file says, and its nodes with their names and addresses. */

/** What a filter looks at. Header matches see only packets on their way to the target, replies carry no such header. */
type FilterMatch =
  /** Any Destination Options header. */
  | 'destination-options'
  /** A Destination Options header directly after the IPv6 header whose first option is 0x0F (PDM). */
  | 'pdm-option'
  /** A Destination Options header of 16 octets or more. */
  | 'header-of-16-octets'
  /** UDP and ICMPv6 directly after the IPv6 header: a filter that reads the first next header alone. */
  | 'no-extension-header'
  /** An ICMPv6 error whose invoking packet has a Destination Options header. */
  | 'error-quoting-header'
  /** An ICMPv6 error whose invoking packet has option 0x0F. */
  | 'error-quoting-pdm'
  /** What answers a packet that had a Destination Options header and quotes nothing: an echo reply, or what a UDP service echoes. */
  | 'answer-to-header'
  | 'everything';

type FilterAction =
  | 'drop'
  | 'reject-no-route'
  | 'reject-admin-prohibited'
  | 'reject-addr-unreachable'
  | 'reject-port-unreachable'
  | 'reject-policy-fail'
  /** Rewrites option type 0x0F to 0x1E and lets the packet go on. */
  | 'alter-option'
  /** Sets the option's content to zeros and lets the packet go on. */
  | 'zero-option'
  /** Takes the Destination Options header out and lets the packet go on. */
  | 'strip-header'
  /** With `type` and `code`: any ICMPv6 error. */
  | 'reject'
  /** Answers in the target's name, as the target would, and passes nothing on. */
  | 'answer';

export interface Filter {
  /** `forward` acts after the router's expiry check, `prerouting` before it; `input` is the target's, `output` the source's. */
  readonly at: 'prerouting' | 'forward' | 'input' | 'output';
  readonly match: FilterMatch;
  readonly action: FilterAction;
  /** Only packets going this way: towards the target or back. */
  readonly direction?: 'to-target' | 'to-source';
  /** Only packets whose IPv6 payload is longer, octets. */
  readonly payloadOver?: number;
  /** Share of matching packets, each at random, 1–100. */
  readonly percent?: number;
  /** A policer: so many matching packets at once, and so many a second, go on. */
  readonly spares?: { readonly burst: number; readonly perSecond: number };
  /** With `reject`. */
  readonly type?: number;
  readonly code?: number;
  /** With `reject`: what the error points at, in its pointer field (type 4) or in an extension (RFC 8883). */
  readonly pointer?: 'next-header' | 'upper-layer' | 'option' | 'header';
  /** With an action that rejects: the error has the target's address as its source. */
  readonly inTargetsName?: boolean;
}

interface IcmpLimits {
  /** `net.ipv6.icmp.ratelimit`: per destination, a burst of 6, then one error per this many ms. 0 is no limit. */
  readonly rateLimitMs?: number;
  /** Makes the route back to the source a /128: Linux is kinder to shorter prefixes. */
  readonly hostRoute?: boolean;
  /** `net.ipv4.icmp_msgs_per_sec`: over all destinations. */
  readonly messagesPerSecond?: number;
  /** `net.ipv4.icmp_msgs_burst`. */
  readonly messagesBurst?: number;
}

export interface NodeFeatures {
  readonly filters?: readonly Filter[];
  /** Router: sends no ICMPv6 errors, or none about packets with the header. Target: answers nothing (`all`). */
  readonly silent?: 'all' | 'about-header';
  readonly icmp?: IcmpLimits;
  readonly quotes?: {
    /** Its errors quote no more than so many octets. */
    readonly octets?: number;
    /** Its errors show the packet as if its header had been taken out, and it goes on whole. */
    readonly as?: 'stripped';
  };
  /** Source of its ICMPv6 errors that is not its own address: of one of the lab's networks, or of none. */
  readonly errorsFrom?: string;
  /** Packets to the address that is asked go on to the target, and all errors and answers about them come back from that address. */
  readonly destinationNat?: true;
  /** Any other sysctl, by its dotted name. */
  readonly sysctl?: Readonly<Record<string, number>>;
  /** What no feature can say: whole nft tables. */
  readonly nft?: string;
  /** … and lines for `ip -6 -batch`, after all routes. */
  readonly ip?: readonly string[];
}

/** Packets with a Destination Options header leave the path and come back to it. */
interface Detour {
  /** Hop of the last router before the fork. */
  readonly leaves: number;
  /** Hop, on the plain path, of the router where both meet again. */
  readonly rejoins: number;
  /** Routers on the detour. */
  readonly routers: number;
  /** Features by position on the detour, 1 first. */
  readonly hops?: Readonly<Record<number, NodeFeatures>>;
}

/** One hop of the chain becomes several routers of equal cost. */
interface Balance {
  readonly hop: number;
  readonly members: number;
  /**
   * `fib_multipath_hash_policy` of the router before: `ports` is 1; `flow-label` is 0, which also hashes the next header, so
   * that packets with the header may go another way; `flow-label-only` is 3 with addresses and flow label.
   */
  readonly hash: 'ports' | 'flow-label' | 'flow-label-only';
  /** Features by member, 1 first. */
  readonly hops?: Readonly<Record<number, NodeFeatures>>;
}

interface LinkFeatures {
  readonly mtu?: number;
  /** `tun`: no link-layer addresses. Needs python3 to carry the packets. */
  readonly type?: 'ethernet' | 'tun';
}

type ByProtocol<T> = Readonly<Record<'udp' | 'icmp6', T>>;

/** What is true of a network, and what a record of it must say. `null` is not said. */
export interface Truth {
  /** Outcomes that are right, by protocol. */
  readonly outcomes: ByProtocol<readonly string[]>;
  /** … and those where the transport does not see with which hop limits replies come (raw sockets); the same ones if not said. */
  readonly withoutHopLimits: ByProtocol<readonly string[]>;
  /** So many percent of the packets with the option do arrive: `dropped` is only right with a bound that grants as many. */
  readonly passPercent: number | null;
  /** Smallest hop limit with which a packet with the option is lost or refused though plain ones go on; null when none is. */
  readonly lostFrom: number | null;
  /** Highest hop that quotes the option intact (n), 0 when none does; null where it varies. */
  readonly lastPdmHop: number | null;
  /** Where intervals may begin, if chance may put that nearer than `lastPdmHop`. */
  readonly after: readonly number[] | null;
  /** Where intervals end. */
  readonly upTo: number | null;
  readonly likelyUpTo: number | null;
  readonly refusal: {
    readonly hop: number;
    readonly type: number;
    readonly code: number;
    readonly pointer: number | null;
  } | null;
  readonly pathsDiverge: number | null;
  readonly cause: string | null;
  /** Whether hop n+1 is in the destination's network. */
  readonly membership: string | null;
  readonly optionSeenUpTo: ByProtocol<number | 'target' | null>;
  /** Whether the way back is excluded as the cause. */
  readonly returnPath: ByProtocol<string | null>;
  /** A header that quotes show in front of ours, from a hop on and not before. */
  readonly inserted: { readonly header: string; readonly from: number } | null;
  /** Pattern of what the reasons say. */
  readonly says: string | null;
  /** Pattern of what a run over the target's networks says of all of them. */
  readonly runSays: string | null;
}

export interface Description {
  readonly name: string;
  /** One sentence: what this network does. */
  readonly title: string;
  readonly routers: number;
  readonly everyRouter: NodeFeatures;
  readonly hops: Readonly<Record<number, NodeFeatures>>;
  readonly target: NodeFeatures & {
    /** Prefix of which it answers for every address: errors come from its own address, echo replies from the one asked. */
    readonly answersFor?: string;
    /** Drops what has a longer Destination Options header, octets (RFC 8504). */
    readonly longestHeader?: number;
    /** On the port that is asked: what comes back is what was sent. */
    readonly udpService?: 'echoes';
    /** It answers no echo request. */
    readonly echo?: 'silent';
    /** It has an address in so many networks, each its own AS: what a run has for a list. */
    readonly networks?: number;
  };
  readonly source: NodeFeatures & {
    readonly route?: 'none';
    /** The link to hop 1 has link-local addresses only; the source's address is on its loopback interface. */
    readonly unnumbered?: boolean;
  };
  readonly detour: Detour | null;
  readonly balance: Balance | null;
  /** Link k leads to hop k, the last one to the target. */
  readonly links: Readonly<Record<number, LinkFeatures>>;
  /** Address of `target.answersFor` that is traced; null: the target's own. */
  readonly asked: string | null;
  readonly truth: Truth;
}

export interface LayoutNode {
  /** `source`, `hop4`, `hop4b` (member), `hop3f` (detour), `target`. */
  readonly key: string;
  readonly role: 'source' | 'router' | 'target';
  /** Hop limit with which packets of its path expire here; 0 for the source. */
  readonly hop: number;
  readonly hostName: string;
  /** The address that its ICMPv6 errors carry. */
  readonly address: string;
  readonly asn: number;
  readonly features: NodeFeatures;
}

export interface LayoutLink {
  readonly upstream: string;
  readonly downstream: string;
  readonly upstreamInterface: string;
  readonly downstreamInterface: string;
  readonly upstreamAddress: string;
  readonly downstreamAddress: string;
  readonly mtu: number | null;
  readonly type: 'ethernet' | 'tun';
  readonly quotes: number | null;
  /** Only link-local addresses on it; the upstream end's address is on its loopback interface. */
  readonly unnumbered: boolean;
}

/** A network with names and addresses, the same ones in the kernel and in the simulator. */
export interface Layout {
  readonly nodes: readonly LayoutNode[];
  readonly links: readonly LayoutLink[];
}
