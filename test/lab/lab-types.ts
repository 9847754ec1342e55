/** The shapes of the lab: what a description becomes in the kernel, and what a running lab offers. */
import type { ChildProcess } from 'node:child_process';
import type { Description, Layout } from '../scenario/description-types.js';

/** What is said to the kernel in one node's namespace. */
export interface NodeSetup {
  /** `ip -batch` lines. All nodes' addresses come before any node's routes. */
  readonly addressing: readonly string[];
  readonly routing: readonly string[];
  readonly sysctls: Readonly<Record<string, number>>;
  /** An nft file; empty when the node filters nothing. */
  readonly ruleset: string;
}

export interface Topology extends Layout {
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
