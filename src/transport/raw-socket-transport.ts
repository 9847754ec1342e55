/**
 * The adapter for the npm module raw-socket: sends whole IPv6 packets, receives ICMPv6, UDP and TCP as the kernel hands
 * them to raw sockets, without IPv6 header, hop limit, kernel time or extension headers. What it cannot see is null.
 *
 * The octets of a received UDP datagram or TCP segment may hold an unfinished checksum (on virtual links); the kernel has
 * nevertheless verified it.
 */
import { formatAddress, isLinkLocal, parseAddress } from './route-address.js';
import type {
  EngineClock,
  ObservedPacket,
  ProbeTransport,
  Route,
  SendOutcome,
  TransportCapabilities,
  TransportStats,
  WatchedFlow,
} from './probe-transport.js';
import { KernelDrops } from './raw-socket-drops.js';
import { errnoName, RawSocketError } from './raw-socket-error.js';
import { FlowSet } from './raw-socket-flows.js';
import type { RawSocket, RawSocketModule } from './raw-socket-module.js';
import {
  bindToInterface,
  growReceiveBuffer,
  passErrorsAndEchoReplies,
  verifyChecksumAt,
} from './raw-socket-options.js';
import { RawSocketSender, SendBatch } from './raw-socket-sender.js';
import { drainMicrotasksSoon } from './raw-socket-turn.js';
import { lookupRoute, type RouteOptions } from './route-lookup.js';

const IPPROTO_RAW = 255;
const LARGEST_DATAGRAM = 0xffff;
const RECEIVE_MEMORY = 4 << 20;
const MAX_BATCH = 1024;
/** Bounds of what is remembered by address; more than the traces that can be in flight. */
const MAX_REMEMBERED = 1 << 16;

const IPV6_HEADER_LENGTH = 40;
const SOURCE_OFFSET = 8;
const DESTINATION_OFFSET = 24;

const DESTINATION_PORT_OFFSET = 2;
const ECHO_REPLY = 129;
const ECHO_IDENTIFIER_OFFSET = 4;
const FIRST_INFORMATIONAL_TYPE = 128;

/** Receive errors that say nothing about the next receive. `EAGAIN`: the checksum was wrong, or another took it. */
const PASSING_ERRORS: ReadonlySet<string> = new Set(['EAGAIN', 'EINTR', 'ENOBUFS', 'ENOMEM']);

const RECEIVERS = {
  icmp6: { protocol: 58, layer: 'icmpv6', checksumOffset: null },
  udp: { protocol: 17, layer: 'udp', checksumOffset: 6 },
  tcp: { protocol: 6, layer: 'tcp', checksumOffset: 16 },
} as const;
type ReceiverName = keyof typeof RECEIVERS;

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
  readonly #receivers = new Map<ReceiverName, RawSocket>();
  readonly #sender: RawSocketSender;
  /** Those bound to an interface, by its name. */
  readonly #boundSenders = new Map<string, RawSocketSender>();
  /** Interface by source and destination, for packets that must not go where the kernel would send them by itself. */
  readonly #interfaces = new Map<string, string>();
  /** Addresses in the forms that the module takes and gives. */
  readonly #texts = new Map<string, string>();
  readonly #octets = new Map<string, Uint8Array>();

  #flows = new FlowSet([]);
  #listener: (batch: readonly ObservedPacket[]) => void = () => undefined;
  #errorListener: ((error: Error) => void) | null = null;
  #failure: Error | null = null;
  #closed = false;

  constructor(module: RawSocketModule, clock: EngineClock) {
    this.#module = module;
    this.#clock = clock;
    this.#drops = new KernelDrops(clock);
    this.#sender = this.#openSender(null);
    try {
      this.#openReceiver('icmp6');
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
    const wanted = new FlowSet(flows);
    for (const name of ['udp', 'tcp'] as const) {
      if (wanted.asksFor(name) && !this.#receivers.has(name)) this.#openReceiver(name);
    }
    this.#flows = wanted;
    for (const name of ['udp', 'tcp'] as const) {
      if (!wanted.asksFor(name)) this.#closeReceiver(name);
    }
  }

  async route(target: Uint8Array, options: RouteOptions = {}): Promise<Route> {
    this.#assertOpen('look up a route');
    const route = await lookupRoute(target, options, (name, address) => this.#probeInterface(name, address));
    if (options.interface !== undefined) {
      remember(this.#interfaces, flowKey(Buffer.from([...route.source, ...target]), 0), options.interface);
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
    for (const name of [...this.#receivers.keys()]) this.#closeReceiver(name);
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

  #openSender(interfaceName: string | null): RawSocketSender {
    const socket = this.#open(IPPROTO_RAW, 1);
    if (interfaceName !== null) {
      try {
        bindToInterface(socket, interfaceName);
      } catch (error) {
        socket.close();
        throw socketError(error, `bind a socket to ${interfaceName}`, 'setsockopt');
      }
    }
    return new RawSocketSender(socket, this.#clock);
  }

  #openReceiver(name: ReceiverName): void {
    const { protocol, checksumOffset } = RECEIVERS[name];
    const socket = this.#drops.opening(protocol, () => this.#open(protocol, LARGEST_DATAGRAM));
    try {
      if (checksumOffset === null) passErrorsAndEchoReplies(socket);
      else verifyChecksumAt(socket, checksumOffset);
      growReceiveBuffer(socket, RECEIVE_MEMORY);
    } catch (error) {
      this.#drops.closing(protocol);
      socket.close();
      throw socketError(error, `set up the socket for ${name}`, 'setsockopt');
    }
    socket.on('message', (bytes, source) => {
      this.#receive(name, bytes, source);
    });
    this.#receivers.set(name, socket);
  }

  #closeReceiver(name: ReceiverName): void {
    const socket = this.#receivers.get(name);
    if (socket === undefined) return;
    this.#receivers.delete(name);
    this.#drops.closing(RECEIVERS[name].protocol);
    socket.close();
  }

  #open(protocol: number, bufferSize: number): RawSocket {
    let socket: RawSocket;
    try {
      socket = this.#module.createSocket({ protocol, addressFamily: this.#module.AddressFamily.IPv6, bufferSize });
    } catch (error) {
      throw socketError(error, `open a raw IPv6 socket of protocol ${protocol}`, 'socket');
    }
    socket.on('error', (error) => {
      drainMicrotasksSoon();
      const code = errnoName(error.message);
      if (!PASSING_ERRORS.has(code))
        this.#fail(socketError(error, `use the raw socket of protocol ${protocol}`, 'recvfrom'));
    });
    return socket;
  }

  #receive(name: ReceiverName, bytes: Buffer, source: string): void {
    const timeNs = this.#clock.nowNs();
    if (this.#closed || !this.#isOurs(name, bytes)) return;
    const octets = this.#octetsOf(source);
    if (octets === null) return;
    drainMicrotasksSoon();
    const { layer } = RECEIVERS[name];
    try {
      this.#listener([{ direction: 'in', layer, source: octets, bytes, hopLimit: null, timeNs }]);
    } catch (error) {
      // Thrown in here it would pass for an error of the module's.
      setImmediate(() => {
        throw error;
      });
    }
  }

  #isOurs(name: ReceiverName, bytes: Buffer): boolean {
    if (name !== 'icmp6') {
      if (bytes.length < DESTINATION_PORT_OFFSET + 2) return false;
      return this.#flows.has(name, bytes.readUInt16BE(DESTINATION_PORT_OFFSET));
    }
    const type = bytes[0] ?? FIRST_INFORMATIONAL_TYPE;
    if (type < FIRST_INFORMATIONAL_TYPE) return true;
    if (type !== ECHO_REPLY || bytes.length < ECHO_IDENTIFIER_OFFSET + 2) return false;
    return this.#flows.has('icmp6', bytes.readUInt16BE(ECHO_IDENTIFIER_OFFSET));
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
    let sender = this.#boundSenders.get(interfaceName);
    if (sender === undefined) {
      sender = this.#openSender(interfaceName);
      this.#boundSenders.set(interfaceName, sender);
    }
    return sender;
  }

  async #probeInterface(interfaceName: string, target: Uint8Array): Promise<string | null> {
    try {
      return await this.#boundSender(interfaceName).probeRoute(formatAddress(target));
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
      remember(this.#texts, key, text);
    }
    return text;
  }

  #octetsOf(text: string): Uint8Array | null {
    let octets = this.#octets.get(text);
    if (octets === undefined) {
      octets = parseAddress(text)?.octets;
      if (octets === undefined) return null;
      remember(this.#octets, text, octets);
    }
    return octets;
  }
}

/** `offset`: of a source address with the destination behind it, as in an IPv6 header. */
function flowKey(bytes: Buffer, offset: number): string {
  return bytes.toString('latin1', offset, offset + 32);
}

/** Forgets the oldest when there are too many: senders of forged sources must not fill our memory. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  if (map.size >= MAX_REMEMBERED) {
    const oldest = map.keys().next();
    if (oldest.done !== true) map.delete(oldest.value);
  }
  map.set(key, value);
}

function socketError(cause: unknown, what: string, syscall: string): RawSocketError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = errnoName(text);
  const remedy =
    code === 'EPERM' || code === 'EACCES'
      ? 'run as root, or once `sudo setcap cap_net_raw+ep "$(readlink -f "$(command -v node)")"`'
      : code === 'EAFNOSUPPORT'
        ? 'this host has no IPv6; enable it (`sysctl net.ipv6.conf.all.disable_ipv6=0`, no `ipv6.disable=1` at boot)'
        : 'run `pdm-trace doctor`';
  return new RawSocketError(code, `Cannot ${what}: ${text} (${code}); ${remedy}.`, { syscall, cause });
}
