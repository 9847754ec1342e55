/**
 * The adapter for the npm module raw-socket: sends whole IPv6 packets, receives ICMPv6, UDP and TCP as the kernel hands
 * them to raw sockets, without IPv6 header, hop limit, kernel time or extension headers. What it cannot see is null.
 *
 * The octets of a received UDP datagram or TCP segment may hold an unfinished checksum (on virtual links); the kernel has
 * nevertheless verified it.
 */
import { formatAddress, isLinkLocal } from '../../address/address.js';
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
import { BoundedMap } from './bounded-map.js';
import { KernelDrops } from './drops.js';
import { errnoName, RawSocketError, socketError } from '../raw-socket-error.js';
import type { RawSocket, RawSocketModule } from './raw-socket-module.js';
import { ignorePathMtu } from './options.js';
import { RawSocketReceivers } from './receivers.js';
import { RawSocketSender, SendBatch } from './sender.js';
import { lookupRoute, type RouteOptions } from '../route/route-lookup.js';

const IPPROTO_RAW = 255;
const MAX_BATCH = 1024;
/** Bounds of what is remembered by address; more than the traces that can be in flight. */
const MAX_REMEMBERED = 1 << 16;

const IPV6_HEADER_LENGTH = 40;
const SOURCE_OFFSET = 8;
const DESTINATION_OFFSET = 24;

/** Receive errors that say nothing about the next receive. `EAGAIN`: the checksum was wrong, or another took it. */
const PASSING_ERRORS: ReadonlySet<string> = new Set(['EAGAIN', 'EINTR', 'ENOBUFS', 'ENOMEM']);

/** The module closes sockets that nothing refers to: an open transport is referred to from here. */
const openTransports = new Set<RawSocketTransport>();

/**
 * Rejects with code `EPERM` without CAP_NET_RAW, `ERR_TRANSPORT_UNAVAILABLE` when the module cannot be loaded, or
 * another errno's name, e.g. `EAFNOSUPPORT` on a host without IPv6.
 */
export async function openRawSocketTransport(options: { readonly clock: EngineClock }): Promise<ProbeTransport> {
  const transport = new RawSocketTransport(await loadModule(), options.clock);
  openTransports.add(transport);
  return transport;
}

async function loadModule(): Promise<RawSocketModule> {
  try {
    return (await import('raw-socket')).default;
  } catch (cause) {
    throw new RawSocketError(
      'ERR_TRANSPORT_UNAVAILABLE',
      'The module raw-socket cannot be loaded, most likely because it was not compiled: install g++ make python3 and run `npm rebuild raw-socket`.',
      { cause },
    );
  }
}

class RawSocketTransport implements ProbeTransport {
  readonly name = 'raw-socket';
  readonly capabilities: TransportCapabilities = {
    receivedHopLimit: false,
    kernelTimestamps: false,
    transmitTimes: false,
    receivesExtensionHeaders: false,
    maxBatch: MAX_BATCH,
  };

  readonly #module: RawSocketModule;
  readonly #clock: EngineClock;
  readonly #drops: KernelDrops;
  readonly #receivers: RawSocketReceivers;
  readonly #sender: RawSocketSender;
  /** Those bound to an interface, by its name. */
  readonly #boundSenders = new Map<string, RawSocketSender>();
  /** Interface by source and destination, for packets that must not go where the kernel would send them by itself. */
  readonly #interfaces = new BoundedMap<string>(MAX_REMEMBERED);
  /** Destinations as the module takes them. */
  readonly #texts = new BoundedMap<string>(MAX_REMEMBERED);

  #listener: (batch: readonly ObservedPacket[]) => void = () => undefined;
  #errorListener: ((error: Error) => void) | null = null;
  #failure: Error | null = null;
  #closed = false;

  constructor(module: RawSocketModule, clock: EngineClock) {
    this.#module = module;
    this.#clock = clock;
    this.#drops = new KernelDrops(clock);
    this.#sender = this.#openSender();
    try {
      this.#receivers = new RawSocketReceivers({
        clock,
        drops: this.#drops,
        open: (protocol, bufferSize) => this.#open(protocol, bufferSize),
        addresses: new BoundedMap(MAX_REMEMBERED),
        deliver: (packet) => {
          this.#deliver(packet);
        },
      });
    } catch (error) {
      this.#sender.close();
      throw error;
    }
  }

  send(arena: Uint8Array, offsets: Uint32Array, lengths: Uint32Array): Promise<readonly SendOutcome[]> {
    const count = offsets.length;
    if (count > MAX_BATCH || lengths.length !== count) {
      const problem =
        count > MAX_BATCH
          ? `${count} packets are more than ${MAX_BATCH}`
          : `${count} offsets but ${lengths.length} lengths`;
      return Promise.reject(new RawSocketError('ERR_OUT_OF_RANGE', `Cannot send: ${problem}; split the batch.`));
    }
    const batch = new SendBatch(arena, count);
    for (let index = 0; index < count; index += 1) {
      const offset = offsets[index] ?? 0;
      const length = lengths[index] ?? 0;
      // The module would read past the arena, and short packets have no destination.
      if (length < IPV6_HEADER_LENGTH || offset + length > batch.packets.length) {
        const message = `Cannot send ${length} octets at ${offset} of ${batch.packets.length}: that is no IPv6 packet.`;
        batch.settle(index, { ok: false, code: 'EINVAL', message });
        continue;
      }
      const destination = batch.packets.subarray(offset + DESTINATION_OFFSET, offset + IPV6_HEADER_LENGTH);
      const sender = this.#senderFor(batch.packets, offset, destination);
      if (sender instanceof RawSocketSender) {
        sender.send({ batch, index, offset, length, destination: this.#textOf(destination) });
      } else {
        batch.settle(index, sender);
      }
    }
    return batch.done;
  }

  onPackets(listener: (batch: readonly ObservedPacket[]) => void): void {
    this.#listener = listener;
  }

  onError(listener: (error: Error) => void): void {
    this.#errorListener = listener;
    if (this.#failure !== null) listener(this.#failure);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- opening is synchronous, its failures are rejections
  async watch(flows: readonly WatchedFlow[]): Promise<void> {
    this.#assertOpen('watch flows');
    this.#receivers.watch(flows);
  }

  async route(target: Uint8Array, options: RouteOptions = {}): Promise<Route> {
    this.#assertOpen('look up a route');
    const route = await lookupRoute(target, options, (name, address) => this.#probeInterface(name, address));
    if (options.interface !== undefined) {
      this.#interfaces.set(flowKey(Buffer.from([...route.source, ...target]), 0), options.interface);
    }
    return route;
  }

  stats(): TransportStats {
    return { kernelDrops: this.#drops.count() };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the module closes at once
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#receivers.close();
    this.#sender.close();
    for (const sender of this.#boundSenders.values()) sender.close();
    openTransports.delete(this);
  }

  #assertOpen(what: string): void {
    if (this.#closed)
      throw new RawSocketError('ECANCELED', `Cannot ${what}: the transport is closed; open another one.`);
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#failure = error;
    void this.close();
    this.#errorListener?.(error);
  }

  #openSender(): RawSocketSender {
    const socket = this.#open(IPPROTO_RAW, 1);
    try {
      ignorePathMtu(socket);
    } catch (error) {
      socket.close();
      throw socketError(error, 'set up the raw socket to send on', 'setsockopt');
    }
    return new RawSocketSender(socket, this.#clock);
  }

  #open(protocol: number, bufferSize: number): RawSocket {
    let socket: RawSocket;
    try {
      socket = this.#module.createSocket({ protocol, addressFamily: this.#module.AddressFamily.IPv6, bufferSize });
    } catch (error) {
      throw socketError(error, `open a raw IPv6 socket of protocol ${protocol}`, 'socket');
    }
    socket.on('error', (error) => {
      const code = errnoName(error.message);
      if (!PASSING_ERRORS.has(code))
        this.#fail(socketError(error, `use the raw socket of protocol ${protocol}`, 'recvfrom'));
    });
    return socket;
  }

  #deliver(packet: ObservedPacket): void {
    try {
      this.#listener([packet]);
    } catch (error) {
      // Thrown in here it would pass for an error of the module's.
      setImmediate(() => {
        throw error;
      });
    }
  }

  #senderFor(packets: Buffer, offset: number, destination: Buffer): RawSocketSender | SendOutcome {
    const linkLocal = isLinkLocal(destination);
    if (this.#interfaces.size === 0 && !linkLocal) return this.#sender;
    const name = this.#interfaces.get(flowKey(packets, offset + SOURCE_OFFSET));
    if (name === undefined) {
      if (!linkLocal) return this.#sender;
      const message = `Cannot send to ${formatAddress(destination)}, which is link-local: ask for its route with an interface first.`;
      return { ok: false, code: 'EINVAL', message };
    }
    try {
      return this.#boundSender(name);
    } catch (error) {
      if (!(error instanceof RawSocketError)) throw error;
      return { ok: false, code: error.code, message: error.message };
    }
  }

  #boundSender(interfaceName: string): RawSocketSender {
    const known = this.#boundSenders.get(interfaceName);
    if (known !== undefined) return known;
    const sender = this.#openSender();
    try {
      sender.bindTo(interfaceName);
    } catch (error) {
      sender.close();
      throw error;
    }
    this.#boundSenders.set(interfaceName, sender);
    return sender;
  }

  async #probeInterface(interfaceName: string, target: Uint8Array): Promise<string | null> {
    try {
      const sender = this.#boundSender(interfaceName);
      // The kernel binds to an index: an interface that went and came back under its name has another.
      sender.bindTo(interfaceName);
      return await sender.probeRoute(formatAddress(target));
    } catch (error) {
      if (error instanceof RawSocketError) return error.code;
      throw error;
    }
  }

  #textOf(address: Buffer): string {
    const key = address.toString('latin1');
    let text = this.#texts.get(key);
    if (text === undefined) {
      text = formatAddress(address);
      this.#texts.set(key, text);
    }
    return text;
  }
}

/** `offset`: of a source address with the destination behind it, as in an IPv6 header. */
function flowKey(bytes: Buffer, offset: number): string {
  return bytes.toString('latin1', offset, offset + 32);
}
