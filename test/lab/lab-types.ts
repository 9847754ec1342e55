/** The shapes of the lab: what a description file says, what it becomes, and what a running lab offers. */
import type { ChildProcess } from 'node:child_process';

/** What a filter looks at. Header matches see only packets on their way to the target, replies carry no such header. */
type FilterMatch =
  /** Any Destination Options header. */
  | 'destination-options'
  /** A Destination Options header directly after the IPv6 header whose first option is 0x0F (PDM). */
  | 'pdm-option'
  /** A Destination Options header of 16 octets or more. */
  | 'header-of-16-octets'
  /** An ICMPv6 error whose invoking packet has a Destination Options header. */
  | 'error-quoting-header'
  /** An ICMPv6 error whose invoking packet has option 0x0F. */
  | 'error-quoting-pdm'
  | 'everything';

type FilterAction =
  | 'drop'
  | 'reject-no-route'
  | 'reject-admin-prohibited'
  | 'reject-addr-unreachable'
  | 'reject-port-unreachable'
  | 'reject-policy-fail'
  /** Rewrites option type 0x0F to 0x1E and lets the packet go on. */
  | 'alter-option';

export interface Filter {
  /** `forward` acts after the router's expiry check, `prerouting` before it, `input` on the target itself. */
  readonly at: 'prerouting' | 'forward' | 'input';
  readonly match: FilterMatch;
  readonly action: FilterAction;
  /** Only packets going this way: towards the target or back. */
  readonly direction?: 'to-target' | 'to-source';
  /** Only packets whose IPv6 payload is longer, octets. */
  readonly payloadOver?: number;
  /** Share of matching packets, each at random, 1–100. */
  readonly percent?: number;
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
  /** `fib_multipath_hash_policy` of the router before: `ports` is 1; `flow-label` is 0, which also hashes the next header, so that packets with the header may go another way. */
  readonly hash: 'ports' | 'flow-label';
  /** Features by member, 1 first. */
  readonly hops?: Readonly<Record<number, NodeFeatures>>;
}

interface LinkFeatures {
  readonly mtu?: number;
  /** `tun`: no link-layer addresses. Needs python3 to carry the packets. */
  readonly type?: 'ethernet' | 'tun';
  /** With `tun`: errors of the router that it leads to quote no more than so many octets. */
  readonly quotes?: number;
}

export interface Truth {
  /** Outcomes that are right, by protocol. */
  readonly outcomes: Readonly<Record<'udp' | 'icmp6', readonly string[]>>;
  /** Smallest hop limit with which a packet with the option is lost or refused though plain ones go on; null when none is. */
  readonly lostFrom: number | null;
  /** Highest hop that quotes the option intact (n), 0 when none does; null where it varies. */
  readonly lastPdmHop: number | null;
  readonly refusal: { readonly hop: number; readonly type: number; readonly code: number } | null;
  readonly pathsDiverge: number | null;
  readonly cause: string | null;
  /** Whether hop n+1 is in the destination's network. */
  readonly membership: string | null;
  /** Pattern of what the reasons say. */
  readonly says: string | null;
}

export interface Description {
  readonly name: string;
  /** One sentence: what this network does. */
  readonly title: string;
  readonly routers: number;
  readonly everyRouter: NodeFeatures;
  readonly hops: Readonly<Record<number, NodeFeatures>>;
  readonly target: NodeFeatures;
  readonly source: NodeFeatures & {
    readonly route?: 'none';
    /** The link to hop 1 has link-local addresses only; the source's address is on its loopback interface. */
    readonly unnumbered?: boolean;
  };
  readonly detour: Detour | null;
  readonly balance: Balance | null;
  /** Link k leads to hop k, the last one to the target. */
  readonly links: Readonly<Record<number, LinkFeatures>>;
  /** Address that is traced; null: the target's own. */
  readonly asked: string | null;
  readonly truth: Truth;
}

export interface TopologyNode {
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

export interface TopologyLink {
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

/** What is said to the kernel in one node's namespace. */
export interface NodeSetup {
  /** `ip -batch` lines. All nodes' addresses come before any node's routes. */
  readonly addressing: readonly string[];
  readonly routing: readonly string[];
  readonly sysctls: Readonly<Record<string, number>>;
  /** An nft file; empty when the node filters nothing. */
  readonly ruleset: string;
}

export interface Topology {
  readonly nodes: readonly TopologyNode[];
  readonly links: readonly TopologyLink[];
  /** By node key. */
  readonly setups: Readonly<Record<string, NodeSetup>>;
  readonly hostsFile: string;
  /** Rows `start,end,asn,organisation`. */
  readonly asnCsv: string;
}

export interface ExecOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Kills the command after this long. */
  readonly timeoutMs?: number;
}

export interface ExecResult {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Capture {
  /** Stops tcpdump. `packets` are IPv6 packets without the link header, in order of arrival. */
  stop(): Promise<{ readonly pcap: Uint8Array; readonly packets: readonly Uint8Array[] }>;
}

export interface Lab {
  readonly description: Description;
  readonly topology: Topology;
  /** Namespace names by node key. */
  readonly namespaces: Readonly<Record<string, string>>;
  readonly sourceNamespace: string;
  readonly sourceAddress: string;
  readonly targetAddress: string;
  readonly targetName: string;
  /** Files of this lab: hosts, asn.csv. */
  readonly directory: string;
  readonly asnFile: string;
  /** The address of hop k on the chain. */
  hopAddress(hop: number): string;
  /** Every address that may answer with hop limit k, members and detour included. */
  hopAddresses(hop: number): readonly string[];
  /** Runs a command inside a namespace (node key or full name) and collects what it prints. */
  exec(namespace: string, argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a command inside a namespace on our own terminal, or with pipes. */
  spawn(
    namespace: string,
    argv: readonly string[],
    options: ExecOptions & { readonly stdio: 'inherit' | 'pipe' },
  ): ChildProcess;
  /** Needs tcpdump. Resolves once it listens. */
  capture(namespace: string, interfaceName: string): Promise<Capture>;
  destroy(): Promise<void>;
}
