/**
 * The port between the engine and whatever moves packets. Adapters implement it; the engine knows nothing else of them.
 * One contract suite (`test/transport/contract.ts`) runs over every adapter.
 */

/** What an adapter can and cannot observe. A missing capability is `null` in records, never a made-up value. */
export interface TransportCapabilities {
  /** Replies come with the hop limit they arrived with. */
  readonly receivedHopLimit: boolean;
  /** Receive times are taken by the kernel rather than by this process. */
  readonly kernelTimestamps: boolean;
  /** Sent packets are seen again with the time at which they left (`direction: 'out'` in batches). */
  readonly transmitTimes: boolean;
  /** Replies are seen whole, extension headers included (`layer: 'ipv6'`). */
  readonly receivesExtensionHeaders: boolean;
  /** The most packets one `send` takes. */
  readonly maxBatch: number;
}

/** One packet that was seen. `bytes` is only valid during the callback: adapters reuse the memory. */
export interface ObservedPacket {
  readonly direction: 'in' | 'out';
  /**
   * Where `bytes` starts: a whole IPv6 packet, or the upper-layer message alone, its checksum already verified by the
   * kernel. `udp` and `tcp` are the same as `icmpv6` for adapters that read these protocols from raw sockets.
   */
  readonly layer: 'ipv6' | 'icmpv6' | 'udp' | 'tcp';
  /** 16 octets: where the packet came from. */
  readonly source: Uint8Array;
  /** Exactly the octets received, no slack. */
  readonly bytes: Uint8Array;
  /** Hop limit as received, or null where the adapter cannot see it (always null for `ipv6`: it is in the bytes). */
  readonly hopLimit: number | null;
  /** Nanoseconds since the epoch of the engine clock (see `EngineClock`). */
  readonly timeNs: number;
}

/** A failed send is an outcome, not an exception. */
export type SendOutcome =
  /** `sentAtNs`: nanoseconds on the engine clock, taken as close to the system call as the adapter can. */
  | { readonly ok: true; readonly sentAtNs: number }
  /** `code`: the errno's name, e.g. `EPERM`, `ENETUNREACH`, `EMSGSIZE`. */
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Upper-layer identities that belong to us: adapters may filter on them, and must deliver what matches them. */
export interface WatchedFlow {
  readonly protocol: 'udp' | 'tcp' | 'icmp6';
  /** First and last local port (udp, tcp) or echo identifier (icmp6), inclusive. ICMPv6 errors are always delivered. */
  readonly from: number;
  readonly to: number;
}

/** How this host reaches a target. `mtu`: octets, of the interface. */
export interface Route {
  /** 16 octets. */
  readonly source: Uint8Array;
  readonly interface: string;
  readonly mtu: number;
}

/** Counts since the transport was opened. */
export interface TransportStats {
  /** Packets the kernel dropped because we read too slowly; null where it cannot be known. */
  readonly kernelDrops: number | null;
}

/** Nanoseconds since the engine's epoch, one clock for sends and receives. */
export interface EngineClock {
  nowNs(): number;
}

/** Errors thrown by adapters carry a stable `code` and, where a system call failed, `errno` and `syscall`. */
export interface ProbeTransport {
  readonly name: 'native' | 'raw-socket' | 'simulated';
  readonly capabilities: TransportCapabilities;
  /**
   * Sends whole IPv6 packets as written. Packet `i` is `arena[offsets[i] … offsets[i] + lengths[i])`.
   * The arena belongs to the adapter until the promise resolves. Resolves to one outcome per packet, in order.
   */
  send(arena: Uint8Array, offsets: Uint32Array, lengths: Uint32Array): Promise<readonly SendOutcome[]>;
  /** Replaces the listener. Batches arrive in the order of reception. */
  onPackets(listener: (batch: readonly ObservedPacket[]) => void): void;
  /** Fatal: the transport can no longer be used. */
  onError(listener: (error: Error) => void): void;
  /** Replaces the set of flows. Takes effect before the returned promise resolves. */
  watch(flows: readonly WatchedFlow[]): Promise<void>;
  /** The route the kernel would take to `target` (16 octets); rejects with code `ENETUNREACH` or the like. */
  route(target: Uint8Array, options?: { readonly interface?: string; readonly source?: Uint8Array }): Promise<Route>;
  stats(): TransportStats;
  /** Idempotent. Pending sends resolve with `ok: false, code: 'ECANCELED'`. */
  close(): Promise<void>;
}
