import { parseAddress } from '../../address/address.js';
import type { EngineClock, ObservedPacket, WatchedFlow } from '../probe-transport.js';
import type { BoundedMap } from './bounded-map.js';
import type { KernelDrops } from './drops.js';
import { socketError } from '../raw-socket-error.js';
import { FlowSet } from './flows.js';
import type { RawSocket } from './raw-socket-module.js';
import { growReceiveBuffer, passErrorsAndEchoReplies, verifyChecksumAt } from './options.js';

const LARGEST_DATAGRAM = 0xffff;
const RECEIVE_MEMORY = 4 << 20;

const DESTINATION_PORT_OFFSET = 2;
const ECHO_REPLY = 129;
const ECHO_IDENTIFIER_OFFSET = 4;
/** RFC 4443 §2.1: smaller types are errors. */
const FIRST_INFORMATIONAL_TYPE = 128;

const RECEIVERS = {
  icmp6: { protocol: 58, layer: 'icmpv6', checksumOffset: null },
  udp: { protocol: 17, layer: 'udp', checksumOffset: 6 },
  tcp: { protocol: 6, layer: 'tcp', checksumOffset: 16 },
} as const;
type ReceiverName = keyof typeof RECEIVERS;
const ON_DEMAND = ['udp', 'tcp'] as const;

/** What receivers take from the adapter, and where packets go: their octets are valid during the call alone. */
export interface ReceiverParts {
  readonly clock: EngineClock;
  readonly drops: KernelDrops;
  /** Throws a RawSocketError. `bufferSize` in octets. */
  readonly open: (protocol: number, bufferSize: number) => RawSocket;
  /** What the module says of a source, remembered. */
  readonly addresses: BoundedMap<Uint8Array>;
  readonly deliver: (packet: ObservedPacket) => void;
}

/** One raw socket for ICMPv6 always, and one each for UDP and TCP while a watched flow needs it. */
export class RawSocketReceivers {
  readonly #parts: ReceiverParts;
  readonly #open = new Map<ReceiverName, RawSocket>();
  #flows = new FlowSet([]);

  /** Throws a RawSocketError. */
  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#openOne('icmp6');
  }

  /** Throws a RawSocketError, and then still watches what it did before. */
  watch(flows: readonly WatchedFlow[]): void {
    const wanted = new FlowSet(flows);
    for (const name of ON_DEMAND) if (wanted.asksFor(name) && !this.#open.has(name)) this.#openOne(name);
    this.#flows = wanted;
    for (const name of ON_DEMAND) if (!wanted.asksFor(name)) this.#closeOne(name);
  }

  close(): void {
    for (const name of [...this.#open.keys()]) this.#closeOne(name);
  }

  #openOne(name: ReceiverName): void {
    const { protocol, checksumOffset } = RECEIVERS[name];
    const { drops, open } = this.#parts;
    const socket = drops.opening(protocol, () => open(protocol, LARGEST_DATAGRAM));
    try {
      if (checksumOffset === null) passErrorsAndEchoReplies(socket);
      else verifyChecksumAt(socket, checksumOffset);
      growReceiveBuffer(socket, RECEIVE_MEMORY);
    } catch (error) {
      drops.closing(protocol);
      socket.close();
      throw socketError(error, `set up the raw socket for ${name}`, 'setsockopt');
    }
    socket.on('message', (bytes, source) => {
      this.#receive(name, bytes, source);
    });
    this.#open.set(name, socket);
  }

  #closeOne(name: ReceiverName): void {
    const socket = this.#open.get(name);
    if (socket === undefined) return;
    this.#open.delete(name);
    this.#parts.drops.closing(RECEIVERS[name].protocol);
    socket.close();
  }

  #receive(name: ReceiverName, bytes: Buffer, sourceText: string): void {
    const { clock, deliver } = this.#parts;
    const timeNs = clock.nowNs();
    if (!this.#open.has(name) || !this.#isOurs(name, bytes)) return;
    const source = this.#octetsOf(sourceText);
    if (source === null) return;
    deliver({ direction: 'in', layer: RECEIVERS[name].layer, source, bytes, hopLimit: null, timeNs });
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

  #octetsOf(text: string): Uint8Array | null {
    const known = this.#parts.addresses.get(text);
    if (known !== undefined) return known;
    const octets = parseAddress(text)?.octets;
    if (octets === undefined) return null;
    this.#parts.addresses.set(text, octets);
    return octets;
  }
}
