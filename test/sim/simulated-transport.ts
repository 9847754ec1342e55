import type {
  ObservedPacket,
  ProbeTransport,
  Route,
  SendOutcome,
  TransportCapabilities,
  TransportStats,
  WatchedFlow,
} from '../../src/transport/probe-transport.js';
import * as adversary from './adversary.js';
import type { Network } from './network.js';
import * as packet from './packet.js';
import { PROTOCOL } from './packet.js';
import { Random } from './random.js';
import { SharedState, SimulatedNetwork } from './simulated-network.js';
import type { VirtualTime } from './virtual-time.js';

/** `packet-socket` sees whole packets and its own sends; `raw-socket` sees what Linux raw sockets give. */
export type Profile = 'packet-socket' | 'raw-socket';

export const PROFILE_CAPABILITIES: Readonly<Record<Profile, TransportCapabilities>> = {
  'packet-socket': {
    receivedHopLimit: true,
    kernelTimestamps: true,
    transmitTimes: true,
    receivesExtensionHeaders: true,
    maxBatch: 64,
  },
  'raw-socket': {
    receivedHopLimit: false,
    kernelTimestamps: false,
    transmitTimes: false,
    receivesExtensionHeaders: false,
    maxBatch: 16,
  },
};

export interface SimulatedTransportOptions {
  readonly profile?: Profile;
  /** Replies of other traces for replays. */
  readonly replayPool?: readonly Uint8Array[];
  /** Destination port that off-path attackers know. */
  readonly destinationPort?: number;
}

interface Attached {
  readonly network: Network;
  readonly simulated: SimulatedNetwork;
  readonly random: Random;
}

const QUIET_AFTER_NS = 5e9;

/** A `ProbeTransport` whose packets cross simulated networks, one per target address. */
export class SimulatedTransport implements ProbeTransport {
  readonly name = 'simulated';
  readonly capabilities: TransportCapabilities;
  readonly profile: Profile;
  /** Every packet that reached the receiver, whole; for tests that want raw material. */
  onReply: ((octets: Uint8Array) => void) | null = null;
  onProbe: ((octets: Uint8Array) => void) | null = null;
  /** Times at which forged, replayed or garbage packets were sent to us. */
  attacks = 0;
  readonly #attached = new Map<string, Attached>();
  readonly #time: VirtualTime;
  readonly #options: SimulatedTransportOptions;
  #listener: ((batch: readonly ObservedPacket[]) => void) | null = null;
  #flows: readonly WatchedFlow[] = [];
  #kernelDrops = 0;
  #closed = false;
  #lastSentNs = -Infinity;
  #lastProbe: Uint8Array | null = null;
  #attackersWake = false;

  constructor(time: VirtualTime, networks: readonly Network[], options: SimulatedTransportOptions = {}) {
    this.#time = time;
    this.#options = options;
    this.profile = options.profile ?? 'packet-socket';
    this.capabilities = PROFILE_CAPABILITIES[this.profile];
    const shared = new SharedState();
    for (const network of networks) {
      const random = new Random(network.seed, 7);
      const deliver = (octets: Uint8Array): void => {
        this.#fromNetwork(network, random, octets);
      };
      const simulated = new SimulatedNetwork(network, time, new Random(network.seed, 3), deliver, shared);
      this.#attached.set(keyOf(network.target.addresses[0]!, 0), { network, simulated, random });
    }
  }

  /** A router that is asked itself. */
  #behindRouter(octets: Uint8Array): Attached | undefined {
    const nowNs = this.#time.nowNs();
    return [...this.#attached.values()].find(({ simulated }) => simulated.isKnown(octets, nowNs));
  }

  /** The running network behind a target, or the only one. */
  simulatedNetwork(target?: Uint8Array): SimulatedNetwork {
    const attached = target === undefined ? [...this.#attached.values()][0] : this.#attached.get(keyOf(target, 0));
    if (attached === undefined) throw new Error('No network leads to this target.');
    return attached.simulated;
  }

  send(arena: Uint8Array, offsets: Uint32Array, lengths: Uint32Array): Promise<readonly SendOutcome[]> {
    const outcomes: SendOutcome[] = [];
    for (let i = 0; i < offsets.length; i++) {
      const octets = arena.subarray(offsets[i], offsets[i]! + lengths[i]!);
      // Two microseconds a packet: a pair goes back to back, and its members never have the same time.
      outcomes.push(this.#sendOne(octets, this.#time.nowNs() + 2000 * i));
    }
    return Promise.resolve(outcomes);
  }

  #sendOne(octets: Uint8Array, nowNs: number): SendOutcome {
    if (this.#closed) return { ok: false, code: 'ECANCELED', message: 'The transport is closed.' };
    const attached =
      octets.length >= 40 ? (this.#attached.get(keyOf(octets, 24)) ?? this.#behindRouter(octets)) : undefined;
    if (attached === undefined) return { ok: false, code: 'ENETUNREACH', message: 'No simulated network leads there.' };
    const { share, code, only } = attached.network.sendFailures;
    const concerned = only === undefined || octets[6] === PROTOCOL.destination;
    if (share > 0 && concerned && attached.random.chance(share))
      return { ok: false, code, message: `send failed with ${code}` };
    this.onProbe?.(octets);
    this.#lastSentNs = nowNs;
    this.#lastProbe = octets.slice();
    attached.simulated.send(octets, nowNs);
    if (this.capabilities.transmitTimes) {
      const copy = octets.slice();
      this.#time.at(nowNs + 1500, () => {
        this.#observe('out', copy, nowNs + 1000);
      });
    }
    this.#wakeAttackers();
    return { ok: true, sentAtNs: nowNs };
  }

  onPackets(listener: (batch: readonly ObservedPacket[]) => void): void {
    this.#listener = listener;
  }

  onError(_listener: (error: Error) => void): void {
    // Simulated sockets do not break.
  }

  watch(flows: readonly WatchedFlow[]): Promise<void> {
    this.#flows = [...flows];
    return Promise.resolve();
  }

  route(target: Uint8Array): Promise<Route> {
    const attached = this.#attached.get(keyOf(target, 0));
    if (attached === undefined) {
      return Promise.reject(Object.assign(new Error('No simulated network leads there.'), { code: 'ENETUNREACH' }));
    }
    return Promise.resolve({ source: attached.network.source.slice(), interface: 'sim0', mtu: 1500 });
  }

  stats(): TransportStats {
    return { kernelDrops: this.#kernelDrops };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#listener = null;
    return Promise.resolve();
  }

  /** Gives the engine octets as if they had come from the network: what attackers and tests use. */
  inject(octets: Uint8Array): void {
    this.#observe('in', octets, this.#time.nowNs());
  }

  /** The same for many packets in one batch. They pass no kernel filter: the receive path has to bear anything. */
  injectBatch(packets: readonly Uint8Array[]): void {
    const timeNs = this.#time.nowNs();
    const whole = this.profile === 'packet-socket';
    this.#listener?.(
      packets.map((octets) => ({
        direction: 'in',
        layer: whole ? 'ipv6' : layerOf(octets[6]!),
        source: octets.slice(8, 24),
        bytes: whole ? octets : octets.subarray(40),
        hopLimit: null,
        timeNs,
      })),
    );
  }

  #fromNetwork(network: Network, random: Random, octets: Uint8Array): void {
    const { duplicates, reordered, corrupted, corruptedQuotes } = network.adversary;
    if (network.kernelDrops > 0 && random.chance(network.kernelDrops)) {
      this.#kernelDrops++;
      return;
    }
    let seen = octets;
    if (random.chance(corrupted)) seen = adversary.corrupt(octets, random);
    else if (random.chance(corruptedQuotes)) seen = adversary.corruptQuote(octets, random);
    const nowNs = this.#time.nowNs();
    if (random.chance(reordered)) this.#later(nowNs + random.between(0, 80) * 1e6, seen);
    else this.#observe('in', seen, nowNs);
    if (random.chance(duplicates)) this.#later(nowNs + random.between(0, 400) * 1e6, octets);
  }

  #later(atNs: number, octets: Uint8Array): void {
    this.#time.at(atNs, () => {
      this.#observe('in', octets, this.#time.nowNs());
    });
  }

  #observe(direction: 'in' | 'out', octets: Uint8Array, timeNs: number): void {
    const listener = this.#listener;
    if (listener === null || octets.length < 40) return;
    if (direction === 'in') {
      if (!this.#wanted(octets)) return;
      this.onReply?.(octets);
    }
    const whole = this.profile === 'packet-socket';
    const { protocol, at } = packet.upperOf(octets);
    // Adapters reuse their memory: what the listener keeps without copying is overwritten before the next packet.
    const bytes = whole ? octets.slice() : octets.slice(at);
    const source = octets.slice(8, 24);
    const layer = whole ? 'ipv6' : layerOf(protocol);
    listener([{ direction, layer, source, bytes, hopLimit: null, timeNs }]);
    bytes.fill(0xa5);
    source.fill(0xa5);
  }

  /** The kernel's filters: what it checks before a socket sees anything, and the flows asked for. */
  #wanted(octets: Uint8Array): boolean {
    const { protocol, at } = packet.upperOf(octets);
    if (this.profile === 'raw-socket') {
      if (![PROTOCOL.icmp6, PROTOCOL.udp, PROTOCOL.tcp].some((known) => known === protocol)) return false;
      if (packet.word(octets, 4) !== octets.length - 40 || octets.length < at + 8) return false;
      const source = octets.subarray(8, 24);
      if (packet.checksum(octets, at, octets.length, protocol, source, octets.subarray(24, 40)) !== 0) return false;
    }
    if (protocol === PROTOCOL.udp)
      return octets.length >= at + 4 && this.#isWatched('udp', packet.word(octets, at + 2));
    if (protocol === PROTOCOL.tcp)
      return octets.length >= at + 4 && this.#isWatched('tcp', packet.word(octets, at + 2));
    if (protocol === PROTOCOL.icmp6 && octets[at] === 129) {
      return octets.length >= at + 6 && this.#isWatched('icmp6', packet.word(octets, at + 4));
    }
    return true;
  }

  #isWatched(protocol: WatchedFlow['protocol'], value: number): boolean {
    return this.#flows.some((flow) => flow.protocol === protocol && flow.from <= value && value <= flow.to);
  }

  #wakeAttackers(): void {
    if (this.#attackersWake) return;
    this.#attackersWake = true;
    for (const { network, random } of this.#attached.values()) {
      const { forgedPerSecond, replaysPerSecond, garbagePerSecond } = network.adversary;
      const port = this.#options.destinationPort ?? 33434;
      this.#attack(forgedPerSecond, random, () => adversary.forge(network, port, random));
      this.#attack(garbagePerSecond, random, () => adversary.garbage(network, random));
      this.#forgeQuotes(network, random);
      const pool = this.#options.replayPool ?? [];
      if (pool.length > 0) this.#attack(replaysPerSecond, random, () => adversary.replay(network, pool, random));
    }
  }

  /** A few errors about the last probe, from somebody who saw its ports, and its label or not. */
  #forgeQuotes(network: Network, random: Random): void {
    const { count, knowsLabel } = network.adversary.forgedQuotes ?? { count: 0, knowsLabel: false };
    for (let i = 0; i < count; i++) {
      this.#time.at(this.#time.nowNs() + random.between(0.05, 4) * 1e9, () => {
        if (this.#closed || this.#lastProbe === null) return;
        this.attacks++;
        this.#observe('in', adversary.forgeQuote(network, this.#lastProbe, knowsLabel, random), this.#time.nowNs());
      });
    }
  }

  #attack(perSecond: number, random: Random, make: () => Uint8Array): void {
    if (perSecond <= 0) return;
    const next = (): void => {
      const nowNs = this.#time.nowNs();
      // Attackers give up when nothing is sent any more, so that a simulation can run dry.
      if (this.#closed || nowNs - this.#lastSentNs > QUIET_AFTER_NS) return;
      this.attacks++;
      this.#observe('in', make(), nowNs);
      this.#time.at(nowNs + random.exponential(1e9 / perSecond), next);
    };
    this.#time.at(this.#time.nowNs() + random.exponential(1e9 / perSecond), next);
  }
}

function keyOf(octets: Uint8Array, offset: number): string {
  return String.fromCharCode(...octets.subarray(offset, offset + 16));
}

function layerOf(protocol: number): ObservedPacket['layer'] {
  if (protocol === PROTOCOL.tcp) return 'tcp';
  return protocol === PROTOCOL.udp ? 'udp' : 'icmpv6';
}
