import { LossProcess, type LossModel } from './loss-process.js';
import {
  epochAt,
  matches,
  pathOf,
  type Action,
  type Features,
  type FlowKey,
  type Host,
  type Network,
  type Node,
  type Pointer,
  type Router,
  type Rule,
} from './network.js';
import * as packet from './packet.js';
import { PROTOCOL, type Decoded } from './packet.js';
import type { Random } from './random.js';
import { TokenBucket } from './token-bucket.js';
import type { VirtualTime } from './virtual-time.js';

interface Translation {
  readonly hopIndex: number;
  readonly original: Uint8Array;
  readonly action: Extract<Action, { kind: 'translate' }>;
}

/** A packet on its way. `octets` are replaced, never changed, once somebody else may hold them. */
interface Travelling {
  octets: Uint8Array;
  decoded: Decoded;
  hopLimit: number;
  readonly translations: Translation[];
  readonly path: readonly Router[];
  /** 0 for the first router; `path.length` for the target. */
  index: number;
  nowNs: number;
}

const NS_PER_MS = 1e6;

/** State of routers and links that several networks may have in common. */
export class SharedState {
  readonly loss = new Map<LossModel, LossProcess>();
  readonly buckets = new Map<Node, TokenBucket>();
}

/** Runs one `Network` on a virtual clock: packets go in, whole reply packets come out of `deliver`. */
export class SimulatedNetwork {
  readonly #loss: Map<LossModel, LossProcess>;
  readonly #buckets: Map<Node, TokenBucket>;
  readonly #plainLength = new Map<number, number>();
  /** Probes that no conforming host would accept (wrong checksum or lengths): the encoder's mistakes. */
  malformedProbes = 0;
  /** Filled when somebody wants an account of every packet. */
  log: ((atNs: number, line: string) => void) | null = null;

  constructor(
    readonly network: Network,
    readonly time: VirtualTime,
    readonly random: Random,
    readonly deliver: (octets: Uint8Array) => void,
    shared = new SharedState(),
  ) {
    this.#loss = shared.loss;
    this.#buckets = shared.buckets;
  }

  /** Takes its own copy of `octets`. */
  send(octets: Uint8Array, nowNs: number): void {
    const decoded = packet.decode(octets);
    if (decoded?.upper == null || !sameOctets(octets, 24, this.network.target.addresses[0]!)) {
      this.malformedProbes++;
      this.log?.(nowNs, 'sent something that no router forwards');
      return;
    }
    const upper = decoded.upper;
    const bare = octets.length - decoded.headerOctets;
    this.#plainLength.set(upper, Math.min(bare, this.#plainLength.get(upper) ?? Infinity));
    const travelling: Travelling = {
      octets: octets.slice(),
      decoded,
      hopLimit: decoded.hopLimit,
      translations: [],
      path: pathOf(epochAt(this.network, nowNs), flowOf(octets, decoded)),
      index: 0,
      nowNs,
    };
    this.#forward(travelling);
  }

  #forward(travelling: Travelling): void {
    const { path } = travelling;
    for (; travelling.index < path.length; travelling.index++) {
      const router = path[travelling.index]!;
      if (!this.#crossLink(travelling, router)) return;
      if (!this.#applyRules(travelling, router, 'ingress')) return;
      if (travelling.hopLimit <= 1 && !(router.forwardsExpired && travelling.hopLimit === 1)) {
        const expired = travelling;
        this.time.at(expired.nowNs, () => {
          this.#expire(expired, router);
        });
        return;
      }
      travelling.hopLimit--;
      if (!this.#applyRules(travelling, router, 'forward')) return;
    }
    const { target } = this.network;
    if (!this.#crossLink(travelling, target)) return;
    if (!this.#applyRules(travelling, target, 'local')) return;
    this.time.at(travelling.nowNs, () => {
      this.#arrive(travelling);
    });
  }

  #crossLink(travelling: Travelling, node: Node): boolean {
    travelling.nowNs += this.#linkNs(node);
    if (node.forwardLoss !== null && this.#process(node.forwardLoss).lost(travelling.nowNs, this.random)) {
      this.#tell(travelling, 'lost on the link to');
      return false;
    }
    return true;
  }

  #linkNs(node: Node): number {
    return (node.delayMs + (node.jitterMs > 0 ? this.random.exponential(node.jitterMs) : 0)) * NS_PER_MS;
  }

  #process(model: LossModel): LossProcess {
    let process = this.#loss.get(model);
    if (process === undefined) this.#loss.set(model, (process = new LossProcess(model)));
    return process;
  }

  #features(travelling: Travelling): Features {
    const { decoded, octets } = travelling;
    const { upper } = decoded;
    return {
      header: decoded.destinationOptions !== null,
      option: decoded.pdmOffset >= 0,
      headerOctets: decoded.headerOctets,
      longerBy: octets.length - (this.#plainLength.get(upper ?? -1) ?? octets.length),
      protocol: upper === PROTOCOL.udp ? 'udp' : upper === PROTOCOL.icmp6 ? 'icmp6' : 'other',
    };
  }

  /** False when the packet ends here. */
  #applyRules(travelling: Travelling, node: Node, stage: Rule['stage']): boolean {
    if (node.rules.length === 0) return true;
    for (const rule of node.rules) {
      if (rule.stage !== stage) continue;
      if (travelling.nowNs < rule.fromNs || travelling.nowNs >= rule.untilNs) continue;
      if (!matches(rule.match, this.#features(travelling))) continue;
      if (rule.share < 1 && !this.random.chance(rule.share)) continue;
      const { action } = rule;
      if (action.kind === 'drop') {
        this.#tell(travelling, `dropped (${stage}) by`);
        return false;
      }
      if (action.kind === 'reject') {
        const refused = travelling;
        this.time.at(refused.nowNs, () => {
          this.#tell(refused, `refused with ${action.type}/${action.code} (${stage}) by`);
          this.#sendError(refused, node, action.type, action.code, action.pointer);
        });
        return false;
      }
      this.#change(travelling, action);
    }
    return true;
  }

  #change(travelling: Travelling, action: Exclude<Action, { kind: 'drop' | 'reject' }>): void {
    const before = travelling.decoded;
    const octets = action.kind === 'strip' ? packet.stripped(travelling.octets, before) : travelling.octets.slice();
    switch (action.kind) {
      case 'strip':
        break;
      case 'alter':
        alter(octets, before, action.what);
        break;
      case 'set-flow-label':
        octets[1] = (octets[1]! & 0xf0) | (action.flowLabel >>> 16);
        packet.setWord(octets, 2, action.flowLabel & 0xffff);
        break;
      case 'set-traffic-class':
        octets[0] = 0x60 | (action.trafficClass >>> 4);
        octets[1] = ((action.trafficClass & 0x0f) << 4) | (octets[1]! & 0x0f);
        break;
      case 'translate':
        travelling.translations.push({ hopIndex: travelling.index, original: octets.slice(8, 24), action });
        rewriteSource(octets, before, action.to, action.checksum === 'updated');
        break;
    }
    const decoded = packet.decode(octets);
    if (decoded === null) throw new Error(`The simulator broke a packet with ${action.kind}.`);
    travelling.octets = octets;
    travelling.decoded = decoded;
    this.#tell(travelling, `${action.kind} by`);
  }

  #expire(travelling: Travelling, router: Router): void {
    if (router.silent) {
      this.#tell(travelling, 'ran out at the silent');
      return;
    }
    if (travelling.decoded.headerOctets > 0 && router.reports < 1 && !this.random.chance(router.reports)) {
      this.#tell(travelling, 'ran out, not reported by');
      return;
    }
    this.#tell(travelling, 'ran out at');
    this.#sendError(travelling, router, 3, 0, 'none');
  }

  #arrive(travelling: Travelling): void {
    const { target } = this.network;
    const { octets, decoded } = travelling;
    const upper = decoded.upper!;
    const at = decoded.upperOffset;
    if (packet.checksum(octets, at, octets.length, upper, octets.subarray(8, 24), octets.subarray(24, 40)) !== 0) {
      this.malformedProbes++;
      this.#tell(travelling, 'arrived with a wrong checksum at');
      return;
    }
    this.#tell(travelling, 'arrived at');
    if (upper === PROTOCOL.udp) {
      if (target.udp === 'port-unreachable') this.#sendError(travelling, target, 1, 4, 'none');
      else if (target.udp === 'prohibited') this.#sendError(travelling, target, 1, 1, 'none');
      else if (target.udp !== 'silent') this.#answerUdp(travelling, target);
    } else if (upper === PROTOCOL.icmp6 && octets[at] === 128 && target.echo === 'replies') {
      const message = octets.slice(at);
      message[0] = 129;
      this.#sendBack(travelling, target, message, PROTOCOL.icmp6, false);
    }
  }

  #answerUdp(travelling: Travelling, target: Host): void {
    const at = travelling.decoded.upperOffset;
    const payload =
      target.udp === 'echoes' ? travelling.octets.subarray(at + 8) : new Uint8Array([0x80, 0x01, 0, 0, 0, 0, 0, 0]);
    const message = new Uint8Array(8 + payload.length);
    packet.setWord(message, 0, packet.word(travelling.octets, at + 2));
    packet.setWord(message, 2, packet.word(travelling.octets, at));
    packet.setWord(message, 4, message.length);
    message.set(payload, 8);
    this.#sendBack(travelling, target, message, PROTOCOL.udp, false);
  }

  #sendError(travelling: Travelling, node: Node, type: number, code: number, pointer: Pointer): void {
    if (node.bucket !== null) {
      let bucket = this.#buckets.get(node);
      if (bucket === undefined) this.#buckets.set(node, (bucket = new TokenBucket(node.bucket)));
      if (!bucket.take(travelling.nowNs, this.random)) {
        this.#tell(travelling, 'error limit reached at');
        return;
      }
    }
    const { decoded } = travelling;
    const pointerOctet = pointerValue(pointer, decoded);
    const objects: Uint8Array[] = [];
    const { quote } = node;
    if (quote.extensions !== 'none' && (type === 1 || type === 3)) {
      for (const object of quote.objects) {
        objects.push(
          object === 'mpls' ? packet.mplsObject([16000 + travelling.index, 3]) : packet.interfaceObject(7, 'xe-0/0/1'),
        );
      }
    }
    if (type === 1 && pointer !== 'none') objects.push(packet.pointerObject(pointerOctet));
    const message = packet.errorMessage(
      { type, code, pointer: type === 4 ? pointerOctet : 0, objects, legacy: quote.extensions === 'legacy' },
      this.#quoteOf(travelling, node),
    );
    this.#sendBack(travelling, node, message, PROTOCOL.icmp6, decoded.destinationOptions !== null);
  }

  /** The invoking packet as it is here, or as this node shows it, with addresses as the translators on the way back leave them. */
  #quoteOf(travelling: Travelling, node: Node): Uint8Array {
    const { quote } = node;
    let { decoded } = travelling;
    let octets = travelling.octets;
    if (quote.artefact === 'stripped') octets = packet.stripped(octets, decoded);
    octets = octets === travelling.octets ? octets.slice() : octets;
    if (quote.artefact === 'altered') alter(octets, decoded, 'zeroed');
    decoded = packet.decode(octets) ?? decoded;
    octets[7] = quote.hopLimit === 'as-received' ? travelling.hopLimit : quote.hopLimit;
    for (const { original, action } of travelling.translations.toReversed()) {
      if (action.translatesQuotes) rewriteSource(octets, decoded, original, action.checksum === 'updated');
    }
    return octets.subarray(0, Math.min(octets.length, 40 + quote.octets));
  }

  #sendBack(travelling: Travelling, node: Node, message: Uint8Array, protocol: number, quotesOptions: boolean): void {
    const { path, index } = travelling;
    const isError = protocol === PROTOCOL.icmp6 && message[0]! < 128;
    let atNs = travelling.nowNs + node.slowMs * NS_PER_MS;
    if (node.slowJitterMs > 0) atNs += this.random.exponential(node.slowJitterMs) * NS_PER_MS;
    let hopLimit = node.ownHopLimit;
    for (let hop = index; hop >= 0; hop--) {
      const link = hop === path.length ? this.network.target : path[hop]!;
      atNs += this.#linkNs(link);
      if (link.returnLoss !== null && this.#process(link.returnLoss).lost(atNs, this.random)) {
        this.#tell(travelling, 'reply lost on the link from');
        return;
      }
      if (hop === 0) break;
      hopLimit--;
      for (const rule of path[hop - 1]!.returnRules) {
        const applies = rule.match === 'everything' || (isError && (rule.match === 'errors' || quotesOptions));
        if (applies && this.random.chance(rule.share)) {
          this.#tell(travelling, 'reply filtered on the way back from');
          return;
        }
      }
    }
    const source = node.addresses.length === 1 ? node.addresses[0]! : this.random.pick(node.addresses);
    const octets = packet.packetOf({ source, destination: this.network.source, hopLimit, protocol }, message);
    this.time.at(atNs, () => {
      this.deliver(octets);
    });
  }

  #tell(travelling: Travelling, what: string): void {
    if (this.log === null) return;
    const { decoded, octets, path, index } = travelling;
    const node = index < path.length ? `hop ${index + 1}` : 'target';
    const arm = decoded.pdmOffset >= 0 ? 'pdm' : decoded.headerOctets > 0 ? `do${decoded.headerOctets}` : 'plain';
    this.log(
      travelling.nowNs,
      `${protocolName(decoded.upper)} ${arm} ${octets.length} octets, hop limit sent ${decoded.hopLimit}: ${what} ${node}`,
    );
  }
}

export function flowOf(octets: Uint8Array, decoded: Decoded): FlowKey {
  const at = decoded.upperOffset;
  return {
    source: octets.subarray(8, 24),
    target: octets.subarray(24, 40),
    flowLabel: decoded.flowLabel,
    protocol: decoded.upper ?? 59,
    ports: at + 4 <= octets.length ? packet.word(octets, at) * 0x10000 + packet.word(octets, at + 2) : 0,
    header: decoded.headerOctets > 0,
  };
}

function protocolName(upper: number | null): string {
  return upper === PROTOCOL.udp ? 'udp' : upper === PROTOCOL.icmp6 ? 'icmp6' : `protocol ${upper ?? 'unknown'}`;
}

function sameOctets(octets: Uint8Array, offset: number, other: Uint8Array): boolean {
  for (let i = 0; i < other.length; i++) if (octets[offset + i] !== other[i]) return false;
  return true;
}

function pointerValue(pointer: Pointer, decoded: Decoded): number {
  if (pointer === 'next-header') return 6;
  if (pointer === 'header') return 40;
  if (pointer === 'upper-layer') return decoded.upperOffset;
  if (pointer === 'option') return decoded.pdmOffset >= 0 ? decoded.pdmOffset : 42;
  return 0;
}

function alter(octets: Uint8Array, decoded: Decoded, what: Extract<Action, { kind: 'alter' }>['what']): void {
  const at = decoded.pdmOffset;
  if (at < 0) return;
  if (what === 'type') octets[at] = 0x1e;
  else if (what === 'last-octet') octets[at + 11] = octets[at + 11]! ^ 0x55;
  else if (what === 'sequence') packet.setWord(octets, at + 4, packet.word(octets, at + 4) ^ 0xa5c3);
  else octets.fill(0, at + 2, at + 12);
}

function rewriteSource(octets: Uint8Array, decoded: Decoded, to: Uint8Array, updateChecksum: boolean): void {
  const before = packet.sumOf(octets, 8, 24);
  octets.set(to, 8);
  const field = packet.checksumField(decoded.upper);
  const at = decoded.upperOffset + field;
  if (!updateChecksum || field < 0 || at + 2 > octets.length) return;
  const value = packet.adjusted(packet.word(octets, at), before, packet.sumOf(to, 0, 16));
  packet.setWord(octets, at, value === 0 && decoded.upper === PROTOCOL.udp ? 0xffff : value);
}
