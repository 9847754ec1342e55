/**
 * The adapter for our own addon: whole IPv6 packets out and in, extension headers and hop limits included, with the kernel's
 * times for what arrives and, where asked, for what leaves.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type * as shim from 'pdm-native-shim';
import { formatAddress, isLinkLocal } from '../../address/address.js';
import { IPV6_HEADER_LENGTH, IPV6_OFFSET } from '../../wire/ipv6.js';
import { NativeBatchReader } from './batch.js';
import { NativeClock } from './clock.js';
import { asTransportError, describeErrno, NativeTransportError } from './error.js';
import { buildFilter, REJECT_ALL } from './filter.js';
import {
  assertNoCapabilities,
  chooseFileOwner,
  chooseUser,
  currentSituation,
  type UserAndGroup,
} from './privileges.js';
import { TransmitTimes } from './transmit-times.js';
import type {
  EngineClock,
  ObservedPacket,
  ProbeTransport,
  Route,
  SendOutcome,
  TransportCapabilities,
  TransportStats,
  WatchedFlow,
} from '../probe-transport.js';

const MAX_BATCH = 1024;
const ETHER_TYPE_IPV6 = 0x86dd;
const ETHER_TYPE_ALL = 3;
/** More than the traces that can be in flight. */
const MAX_REMEMBERED = 1 << 16;

/** How the adapter takes times and packets. `interface`: a name. */
export interface NativeTransportOptions {
  readonly clock: EngineClock;
  /**
   * Outcomes have the kernel's time of leaving, some milliseconds later, and sent packets are seen again; true. Without it,
   * times are those of the system call, and the highest rate is higher by about a half.
   */
  readonly transmitTimes?: boolean;
  /** Everything leaves through this interface, whatever the routes say. */
  readonly interface?: string;
  /** Memory for packets that wait to be read; 16 MiB. */
  readonly ringBytes?: number;
}

/**
 * Rejects with code `EPERM` without CAP_NET_RAW, `ERR_TRANSPORT_UNAVAILABLE` when the addon was not built, or another
 * errno's name. All sockets are open afterwards, so that privileges can be dropped.
 */
export async function openNativeTransport(options: NativeTransportOptions): Promise<ProbeTransport> {
  return new NativeTransport(await loadAddon(), options);
}

/**
 * To be called once, with the transport open and all output files too. As root becomes SUDO_UID or nobody; clears every
 * capability of every thread. Resolves to whom it became, or null for the same user. Rejects with `ERR_PRIVILEGES_KEPT` or an
 * errno's name, and the process should then end. With `ownsFiles` root who did not come by sudo stays root, without
 * capabilities: files that it opened must be found and opened again.
 */
export async function dropPrivileges({ ownsFiles = false } = {}): Promise<UserAndGroup | null> {
  const addon = await loadAddon();
  const user = (ownsFiles ? chooseFileOwner : chooseUser)(currentSituation());
  try {
    addon.dropPrivileges(user?.uid, user?.gid);
  } catch (cause) {
    throw asTransportError(cause, 'give up privileges');
  }
  assertNoCapabilities(
    readdirSync('/proc/self/task').map((id) => ({ id, status: readFileSync(`/proc/self/task/${id}/status`, 'utf8') })),
  );
  return user;
}

async function loadAddon(): Promise<typeof shim> {
  try {
    return await import('pdm-native-shim');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NativeTransportError('ERR_TRANSPORT_UNAVAILABLE', `The native transport cannot be used: ${reason}.`, {
      cause,
    });
  }
}

class NativeTransport implements ProbeTransport {
  readonly name = 'native';
  readonly capabilities: TransportCapabilities;

  readonly #addon: typeof shim;
  readonly #clock: NativeClock;
  readonly #sender: shim.Sender;
  readonly #receiver: shim.Receiver;
  readonly #reader: NativeBatchReader;
  readonly #transmitTimes: TransmitTimes | null;
  /** Interface index by source and destination, for packets that must not go where the kernel would send them by itself. */
  readonly #scopes = new Map<string, number>();

  #listener: (batch: readonly ObservedPacket[]) => void = () => undefined;
  #errorListener: ((error: Error) => void) | null = null;
  #failure: Error | null = null;
  #closed = false;

  constructor(addon: typeof shim, options: NativeTransportOptions) {
    const transmitTimes = options.transmitTimes ?? true;
    this.capabilities = {
      receivedHopLimit: true,
      kernelTimestamps: true,
      transmitTimes,
      receivesExtensionHeaders: true,
      maxBatch: MAX_BATCH,
    };
    this.#addon = addon;
    this.#clock = new NativeClock(options.clock, addon.nowNs);
    try {
      this.#sender = new addon.Sender({ device: options.interface ?? null });
    } catch (cause) {
      throw asTransportError(cause, 'open a raw IPv6 socket to send on');
    }
    try {
      this.#receiver = new addon.Receiver(
        {
          etherType: transmitTimes ? ETHER_TYPE_ALL : ETHER_TYPE_IPV6,
          filter: REJECT_ALL,
          ringBytes: options.ringBytes ?? null,
        },
        (count) => {
          this.#receive(count);
        },
        (cause) => {
          this.#fail(asTransportError(cause, 'go on receiving'));
        },
      );
    } catch (cause) {
      this.#sender.close();
      throw asTransportError(cause, 'open a packet socket to receive on');
    }
    this.#reader = new NativeBatchReader(this.#receiver);
    this.#transmitTimes = transmitTimes ? new TransmitTimes() : null;
    this.#receiver.setFilter(buildFilter([], transmitTimes));
  }

  async send(arena: Uint8Array, offsets: Uint32Array, lengths: Uint32Array): Promise<readonly SendOutcome[]> {
    const count = offsets.length;
    if (count > MAX_BATCH || lengths.length !== count) {
      const problem =
        count > MAX_BATCH
          ? `${count} packets are more than ${MAX_BATCH}`
          : `${count} offsets but ${lengths.length} lengths`;
      throw new NativeTransportError('ERR_OUT_OF_RANGE', `Cannot send: ${problem}; split the batch.`);
    }
    const errors = new Int32Array(count).fill(CANCELED);
    const times = new Float64Array(count);
    const scopes = this.#scopesOf(arena, offsets, lengths);
    let leftAtNs: Float64Array | null = null;
    if (!this.#closed && count > 0) {
      const expected = this.#transmitTimes?.expect(arena, offsets, lengths) ?? null;
      try {
        await this.#sender.send(arena, offsets, lengths, scopes, errors, times);
      } finally {
        if (expected !== null) await this.#transmitTimes?.settle(expected, errors);
      }
      leftAtNs = expected?.leftAtNs ?? null;
    }
    const differenceNs = this.#clock.differenceNs;
    const outcomes = new Array<SendOutcome>(count);
    for (let index = 0; index < count; index += 1) {
      const errno = errors[index] ?? CANCELED;
      if (errno === 0) {
        const left = leftAtNs?.[index] ?? NaN;
        outcomes[index] = { ok: true, sentAtNs: Number.isNaN(left) ? (times[index] ?? 0) + differenceNs : left };
      } else if (scopes?.[index] === NO_SUCH_SCOPE) outcomes[index] = LINK_UNKNOWN;
      else outcomes[index] = { ok: false, ...describeErrno(errno) };
    }
    return outcomes;
  }

  onPackets(listener: (batch: readonly ObservedPacket[]) => void): void {
    this.#listener = listener;
  }

  onError(listener: (error: Error) => void): void {
    this.#errorListener = listener;
    if (this.#failure !== null) listener(this.#failure);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the kernel swaps filters at once; failures are rejections
  async watch(flows: readonly WatchedFlow[]): Promise<void> {
    this.#assertOpen('watch flows');
    try {
      this.#receiver.setFilter(buildFilter(flows, this.capabilities.transmitTimes));
    } catch (cause) {
      throw asTransportError(cause, `watch ${flows.length} flows`);
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the kernel answers at once; failures are rejections
  async route(
    target: Uint8Array,
    options: { readonly interface?: string; readonly source?: Uint8Array } = {},
  ): Promise<Route> {
    this.#assertOpen('look up a route');
    const text = formatAddress(target);
    if (options.interface === undefined && isLinkLocal(target)) {
      throw new NativeTransportError(
        'EINVAL',
        `${text} is link-local, so it says nothing without its link: name the interface, as in ${text}%eth0 or --interface eth0.`,
      );
    }
    let answer: shim.RouteAnswer;
    try {
      answer = this.#addon.route(target, options.source ?? null, options.interface ?? null);
    } catch (cause) {
      const over = options.interface === undefined ? '' : ` over ${options.interface}`;
      throw asTransportError(cause, `find a route to ${text}${over}`);
    }
    const source = options.source ?? answer.source;
    if (source === null) {
      throw new NativeTransportError(
        'EADDRNOTAVAIL',
        `No address of this host can send to ${text} over ${answer.interface}: give it one, or name one with --source.`,
      );
    }
    if (options.interface !== undefined) {
      remember(this.#scopes, Buffer.from([...source, ...target]).toString('latin1'), answer.interfaceIndex);
    }
    return { source: Uint8Array.from(source), interface: answer.interface, mtu: answer.mtu };
  }

  stats(): TransportStats {
    return { kernelDrops: this.#receiver.stats().dropped };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the descriptors are closed at once
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#receiver.close();
    this.#sender.close();
    this.#transmitTimes?.close();
  }

  #assertOpen(what: string): void {
    if (this.#closed) {
      throw new NativeTransportError('ECANCELED', `Cannot ${what}: the transport is closed; open another one.`);
    }
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#failure = error;
    void this.close();
    this.#errorListener?.(error);
  }

  #receive(count: number): void {
    if (this.#closed) return;
    const batch = this.#reader.read(count, this.#clock.differenceNs);
    if (this.#transmitTimes !== null) {
      for (const { direction, bytes, timeNs } of batch)
        if (direction === 'out') this.#transmitTimes.seen(bytes, timeNs);
    }
    if (batch.length > 0) this.#listener(batch);
  }

  /** Null when every packet goes where the routes say. */
  #scopesOf(arena: Uint8Array, offsets: Uint32Array, lengths: Uint32Array): Uint32Array | null {
    let scopes: Uint32Array | null = null;
    for (let index = 0; index < offsets.length; index += 1) {
      const offset = offsets[index] ?? 0;
      if ((lengths[index] ?? 0) < IPV6_HEADER_LENGTH || offset + IPV6_HEADER_LENGTH > arena.length) continue;
      const linkLocal = isLinkLocal(arena, offset + IPV6_OFFSET.destination);
      if (this.#scopes.size === 0 && !linkLocal) continue;
      const addresses = arena.subarray(offset + IPV6_OFFSET.source, offset + IPV6_HEADER_LENGTH);
      const scope = this.#scopes.get(Buffer.from(addresses).toString('latin1'));
      if (scope === undefined && !linkLocal) continue;
      scopes ??= new Uint32Array(offsets.length);
      scopes[index] = scope ?? NO_SUCH_SCOPE;
    }
    return scopes;
  }
}

/** What the outcome is until the kernel has given another one. */
const CANCELED = constants.errno.ECANCELED;
/** For link-local destinations whose link nobody named: the kernel refuses it. */
const NO_SUCH_SCOPE = 0x7fffffff;
const LINK_UNKNOWN: SendOutcome = {
  ok: false,
  code: 'EINVAL',
  message:
    'Cannot send to a link-local destination whose link is not known: ask for its route with an interface first.',
};

/** Forgets the oldest when there are too many. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  if (map.size >= MAX_REMEMBERED) {
    const oldest = map.keys().next();
    if (oldest.done !== true) map.delete(oldest.value);
  }
  map.set(key, value);
}
