/**
 * The whole surface of the addon: sockets and bytes. It knows no protocol; all it reads of a packet is the source and the
 * destination in the IPv6 header, because the kernel wants to be told where a packet goes.
 *
 * Nothing here aborts the process whatever it is given: wrong arguments throw a TypeError or RangeError with `code`
 * `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE`, failed system calls a `NativeError`. Everything runs on the thread that
 * called; what a worker opened is closed when the worker ends.
 */

export interface NativeError extends Error {
  /** The errno's name: `EPERM`, `ENOBUFS`, … */
  readonly code: string;
  /** Negative, as in Node's own errors. */
  readonly errno: number;
  /** `socket`, `bind`, `setsockopt(PACKET_RX_RING)`, … */
  readonly syscall: string;
}

/** Raised with every change of this file; `index.cjs` refuses a binary of another one. */
export const surface: number;

/** Nanoseconds of CLOCK_MONOTONIC since the addon was loaded. All times here are on this axis. */
export function nowNs(): number;

export interface SenderOptions {
  /** Name of the interface that everything leaves through, whatever the routes say (SO_BINDTODEVICE). */
  readonly device?: string | null;
  /** How long a packet may wait for a full queue before `EAGAIN` or `ENOBUFS` is its outcome; 5000. */
  readonly patienceMs?: number | null;
}

/** Sends whole IPv6 packets as they are; the kernel routes them. Needs CAP_NET_RAW when opened, not later. */
export class Sender {
  constructor(options?: SenderOptions);
  /**
   * Packet `i` is `arena[offsets[i] … offsets[i] + lengths[i])`; `offsets.length` is their number, at most 65,536.
   * `scopes[i]` is an interface index for destinations that need one, or 0.
   *
   * When the promise resolves, `errors[i]` is 0 or the errno, and `times[i]` is when the packet was given to the kernel,
   * interpolated within the system call that took it along with others. A full queue is waited for; packets keep their
   * order. The arrays belong to the sender until then. `EINVAL` for packets outside the arena or not IPv6, `ECANCELED`
   * for what `close` found unsent.
   *
   * Rejects with `EBADF` when closed, `ENOBUFS` when 4,096 batches wait already, `EFAULT` when the arrays were
   * transferred away meanwhile.
   */
  send(
    arena: Uint8Array,
    offsets: Uint32Array,
    lengths: Uint32Array,
    scopes: Uint32Array | null,
    errors: Int32Array,
    times: Float64Array,
  ): Promise<void>;
  /** Idempotent. */
  close(): void;
}

export interface ReceiverOptions {
  /** Ethernet type to see, or 3 (ETH_P_ALL): all of them, and also packets that leave. */
  readonly etherType: number;
  /**
   * A classic BPF program, four words an instruction: code, jt, jf, k. It meets packets from the network header on.
   * In force before the first packet can arrive.
   */
  readonly filter: Uint32Array;
  /** Memory shared with the kernel; 16 MiB, less (down to 64 KiB) where the kernel has not that much in one piece. */
  readonly ringBytes?: number | null;
  /** Packets wait at most about this long before the batch is handed out; 1. Their times are not affected. */
  readonly blockTimeoutMs?: number | null;
}

export interface ReceiverStats {
  /** Packets that passed the filter, dropped ones included. */
  readonly received: number;
  /** Packets that the kernel found no room for. */
  readonly dropped: number;
  /** Packets handed to `onBatch`. One that was seen on several stacked links is handed over once. */
  readonly delivered: number;
  /** How often the realtime clock was found set to another time. */
  readonly clockSteps: number;
  /** The ring's real size. */
  readonly ringBytes: number;
}

/** Sees packets on all interfaces, in the order in which they passed. Needs CAP_NET_RAW when opened, not later. */
export class Receiver {
  /**
   * `onBatch(count)` is called with at most 1,024 packets at a time, between turns of the event loop. Packet `i < count` is
   * `octets[offsets[i] … offsets[i] + lengths[i])`; the arrays are the same in every batch and are overwritten by the
   * next one. What it throws is an uncaught exception.
   *
   * `onError(error)` is called at most once: the socket is broken and closed.
   */
  constructor(options: ReceiverOptions, onBatch: (count: number) => void, onError: (error: NativeError) => void);
  /** When the kernel saw the packet. */
  readonly times: Float64Array;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  /**
   * Bit 0: the packet left this host. Bit 1: its checksum is not computed yet (a sender on this host left that to the
   * hardware). Bit 2: only the beginning is here. Bits 8–15: the kernel's packet type, 0 for "to this host".
   */
  readonly flags: Uint32Array;
  /** Index of the interface where it was seen. */
  readonly interfaces: Uint32Array;
  /** Packets begin at multiples of 256. */
  readonly octets: Uint8Array;
  /** Replaces the filter: every packet meets the old one or the new one. */
  setFilter(filter: Uint32Array): void;
  /** Counts since it was opened; after `close` the last ones. */
  stats(): ReceiverStats;
  /** Idempotent. No callback comes after it. */
  close(): void;
}

export interface RouteAnswer {
  /** 16 octets; null where the host has no address to send from. */
  readonly source: Uint8Array | null;
  readonly interface: string;
  readonly interfaceIndex: number;
  /** Of the route, where it has one (a path MTU that was learnt), else of the interface. */
  readonly mtu: number;
}

/**
 * The route the kernel would take to `destination` (16 octets), from `source` (16 octets) and through the named interface
 * where given. Throws `ENETUNREACH`, `EHOSTUNREACH`, `EACCES`, `ENODEV`, …
 */
export function route(destination: Uint8Array, source?: Uint8Array | null, interfaceName?: string | null): RouteAnswer;

/**
 * For good, in every thread: clears all capability sets, ambient and (where allowed) bounding ones too, and sets
 * no_new_privs. Before that becomes user `uid` and group `gid`, where given, with no other group. Open sockets stay open.
 * When it throws, some of it may have happened: the process should end.
 */
export function dropPrivileges(uid?: number | null, gid?: number | null): void;
