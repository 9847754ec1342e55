import { PROTOCOLS } from '../../src/record/record.js';
import { TARGET_HOP_LIMIT } from '../../src/trace/state/trace-state.js';
import { LossProcess, type LossModel } from './loss-process.js';
import {
  epochAt,
  matches,
  pathOf,
  wayBack,
  type Action,
  type Epoch,
  type Features,
  type FlowKey,
  type Host,
  type InsertedHeader,
  type Network,
  type Node,
  type Pointer,
  type ReturnRule,
  type Router,
  type Rule,
} from './network.js';
import * as packet from './packet.js';
import { PROTOCOL, type Decoded } from './packet.js';
import type { Random } from './random.js';
import { TokenBucket, type BucketModel } from './token-bucket.js';
import type { SimulatedProtocol } from './truth.js';
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
  readonly epoch: Epoch;
  readonly flow: FlowKey;
  readonly path: readonly Router[];
  /** 0 for the first router; `path.length` for the target. */
  index: number;
  nowNs: number;
}

const NS_PER_MS = 1e6;
const SERVED_PORTS = [443, 80];

/** State of routers and links that several networks may have in common. */
export class SharedState {
  readonly loss = new Map<LossModel, LossProcess>();
  /** Limits of nodes' errors, and policers. */
  readonly buckets = new Map<Node | Rule, TokenBucket>();
  readonly shunned = new Map<Node, { seen: number; untilNs: number }>();
}

/** What a policer did to the packets of one network, by upper-layer protocol: whatever is sent faster fares worse. */
export type Policed = Record<SimulatedProtocol, { passed: number; hit: number }>;

/** Runs one `Network` on a virtual clock: packets go in, whole reply packets come out of `deliver`. */
export class SimulatedNetwork {
  readonly #loss: Map<LossModel, LossProcess>;
  readonly #buckets: Map<Node | Rule, TokenBucket>;
  readonly #shunned: SharedState['shunned'];
  readonly #plainLength = new Map<number, number>();
  /** Probes that no conforming host would accept (wrong checksum or lengths): the encoder's mistakes. */
  malformedProbes = 0;
  /** What policers did to packets that were sent to the target: their truth depends on how much is sent. */
  readonly policed = new Map<Rule, Policed>();
  #sequence = 0;
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
    this.#shunned = shared.shunned;
  }

  /** Takes its own copy of `octets`. */
  send(octets: Uint8Array, nowNs: number): void {
    const decoded = packet.decode(octets);
    if (decoded?.upper == null || !this.isKnown(octets, nowNs)) {
      this.malformedProbes++;
      this.log?.(nowNs, 'sent something that no router forwards');
      return;
    }
    const upper = decoded.upper;
    const bare = octets.length - decoded.headerOctets;
    this.#plainLength.set(upper, Math.min(bare, this.#plainLength.get(upper) ?? Infinity));
    const epoch = epochAt(this.network, nowNs);
    const own = octets.slice();
    const flow = flowOf(own, decoded);
    const travelling: Travelling = {
      octets: own,
      decoded,
      hopLimit: decoded.hopLimit,
      translations: [],
      epoch,
      flow,
      path: pathOf(epoch, flow),
      index: 0,
      nowNs,
    };
    this.#forward(travelling);
  }

  /** The target, or a router that is asked itself. */
  isKnown(octets: Uint8Array, nowNs: number): boolean {
    if (sameOctets(octets, 24, this.network.target.addresses[0]!)) return true;
    return epochAt(this.network, nowNs).segments.some(({ members }) =>
      members.some((member) => member.some((router) => ownsDestination(router, octets))),
    );
  }

  #forward(travelling: Travelling): void {
    const { path } = travelling;
    for (; travelling.index < path.length; travelling.index++) {
      const router = path[travelling.index]!;
      if (!this.#crossLink(travelling, router)) return;
      if (!this.#passShun(travelling, router, 'ingress')) return;
      if (!this.#applyRules(travelling, router, 'ingress')) return;
      if (ownsDestination(router, travelling.octets) && !ownsDestination(this.network.target, travelling.octets)) {
        this.time.at(travelling.nowNs, () => {
          this.#answer(travelling, router, 'silent', 'replies', false);
        });
        return;
      }
      if (travelling.hopLimit <= 1 && !(router.forwardsExpired && travelling.hopLimit === 1)) {
        const expired = travelling;
        this.time.at(expired.nowNs, () => {
          this.#expire(expired, router);
        });
        return;
      }
      travelling.hopLimit--;
      if (!this.#passShun(travelling, router, 'forward')) return;
      if (!this.#applyRules(travelling, router, 'forward')) return;
    }
    const { target } = this.network;
    // Asked itself, but not on this flow's way.
    if (!ownsDestination(target, travelling.octets)) return;
    if (!this.#crossLink(travelling, target)) return;
    if (!this.#passShun(travelling, target, 'ingress')) return;
    if (!this.#applyRules(travelling, target, 'local')) return;
    this.time.at(travelling.nowNs, () => {
      this.#arrive(travelling);
    });
  }

  #crossLink(travelling: Travelling, node: Node): boolean {
    travelling.nowNs += this.#linkNs(node);
    const { optionDelay } = node;
    if (optionDelay !== undefined && travelling.decoded.headerOctets > 0)
      travelling.nowNs +=
        (optionDelay.ms + (optionDelay.jitterMs > 0 ? this.random.exponential(optionDelay.jitterMs) : 0)) * NS_PER_MS;
    if (node.forwardLoss !== null && this.#process(node.forwardLoss).lost(travelling.nowNs, this.random)) {
      this.#tell(travelling, 'lost on the link to');
      return false;
    }
    return true;
  }

  /** False while the source is shunned here. */
  #passShun(travelling: Travelling, node: Node, stage: 'ingress' | 'forward'): boolean {
    if (node.shun?.stage !== stage) return true;
    let state = this.#shunned.get(node);
    if (state === undefined) this.#shunned.set(node, (state = { seen: 0, untilNs: -Infinity }));
    if (travelling.nowNs < state.untilNs) {
      this.#tell(travelling, 'dropped, for its source is shunned, by');
      return false;
    }
    if (travelling.decoded.pdmOffset >= 0 && ++state.seen >= node.shun.after) {
      state.seen = 0;
      state.untilNs = travelling.nowNs + node.shun.seconds * 1e9;
      this.#tell(travelling, 'the last packet before its source is shunned by');
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
      protocol: protocolOf(upper) ?? 'other',
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
      if (rule.limit !== undefined && this.#sparedByPolicer(rule, rule.limit, travelling)) continue;
      const { action } = rule;
      if (action.kind === 'drop') {
        this.#tell(travelling, `dropped (${stage}) by`);
        return false;
      }
      if (action.kind === 'reject') {
        const refused = travelling;
        this.time.at(refused.nowNs, () => {
          this.#tell(refused, `refused with ${action.type}/${action.code} (${stage}) by`);
          this.#sendError(refused, node, action.type, action.code, action.pointer, action.inTargetsName);
        });
        return false;
      }
      if (action.kind === 'answer') {
        const taken = travelling;
        this.time.at(taken.nowNs, () => {
          this.#tell(taken, `answered in the target's name (${stage}) by`);
          if (action.syn !== undefined && taken.decoded.upper === PROTOCOL.tcp) this.#acknowledge(taken, node, true);
          else this.#answer(taken, node, action.udp, 'replies', true);
        });
        return false;
      }
      this.#change(travelling, action);
    }
    return true;
  }

  #sparedByPolicer(rule: Rule, model: BucketModel, travelling: Travelling): boolean {
    let bucket = this.#buckets.get(rule);
    if (bucket === undefined) this.#buckets.set(rule, (bucket = new TokenBucket(model)));
    let counts = this.policed.get(rule);
    if (counts === undefined) this.policed.set(rule, (counts = emptyPoliced()));
    const spared = bucket.take(travelling.nowNs, this.random);
    // Exploring sends faster than the pairs that go all the way, and those are what a record counts.
    if (travelling.decoded.hopLimit < TARGET_HOP_LIMIT) return spared;
    const protocol = protocolOf(travelling.decoded.upper);
    if (protocol === undefined) return spared;
    const ofProtocol = counts[protocol];
    if (spared) ofProtocol.passed++;
    else ofProtocol.hit++;
    return spared;
  }

  #change(travelling: Travelling, action: Exclude<Action, { kind: 'drop' | 'reject' | 'answer' }>): void {
    const before = travelling.decoded;
    const octets = action.kind === 'strip' ? packet.stripped(travelling.octets, before) : travelling.octets.slice();
    switch (action.kind) {
      case 'strip':
        break;
      case 'alter':
        alter(octets, before, action.what);
        break;
      case 'set-flow-label':
        setFlowLabel(octets, action.flowLabel);
        break;
      case 'set-traffic-class':
        octets[0] = 0x60 | (action.trafficClass >>> 4);
        octets[1] = ((action.trafficClass & 0x0f) << 4) | (octets[1]! & 0x0f);
        break;
      case 'translate':
        travelling.translations.push({ hopIndex: travelling.index, original: octets.slice(8, 24), action });
        rewriteAddress(octets, 8, before, action.to, action.checksum === 'updated');
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
    const { rival } = router;
    if (rival !== undefined && this.random.chance(rival.share)) {
      this.#tell(travelling, 'ran out, and a rival answers at');
      const faster = { ...router, addresses: [rival.address], slowMs: 0, slowJitterMs: 0, bucket: null };
      this.#sendError(travelling, faster, 3, 0, 'none');
    }
    const reports = travelling.nowNs < (router.reportsUntilNs ?? Infinity) ? router.reports : 0;
    if (travelling.decoded.headerOctets > 0 && reports < 1 && !this.random.chance(reports)) {
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
    this.#answer(travelling, target, target.udp, target.echo, false);
  }

  #answer(travelling: Travelling, node: Node, udp: Host['udp'], echo: Host['echo'], inTargetsName: boolean): void {
    const { octets, decoded } = travelling;
    const at = decoded.upperOffset;
    if (decoded.upper === PROTOCOL.udp) {
      if (udp === 'port-unreachable') this.#sendError(travelling, node, 1, 4, 'none', inTargetsName);
      else if (udp === 'prohibited') this.#sendError(travelling, node, 1, 1, 'none', inTargetsName);
      else if (udp !== 'silent') this.#answerUdp(travelling, node, udp, inTargetsName);
    } else if (decoded.upper === PROTOCOL.icmp6 && octets[at] === 128 && echo === 'replies') {
      const message = octets.slice(at);
      message[0] = 129;
      this.#sendBack(travelling, node, message, PROTOCOL.icmp6, inTargetsName);
    } else if (decoded.upper === PROTOCOL.tcp && !inTargetsName) {
      const says = node === this.network.target ? this.network.target.tcp : ((node as Router).tcp ?? 'resets');
      if (says === 'serves' && SERVED_PORTS.includes(packet.word(octets, at + 2)))
        this.#acknowledge(travelling, node, false);
      else if (says === 'resets' || says === 'serves')
        this.#sendBack(travelling, node, packet.resetFor(octets.subarray(at)), PROTOCOL.tcp, false);
    }
  }

  #acknowledge(travelling: Travelling, node: Node, inTargetsName: boolean): void {
    const { octets, decoded } = travelling;
    const segment = packet.synAckFor(octets.subarray(decoded.upperOffset));
    this.#sendBack(travelling, node, segment, PROTOCOL.tcp, inTargetsName);
  }

  #answerUdp(travelling: Travelling, node: Node, udp: 'echoes' | 'fixed-answer', inTargetsName: boolean): void {
    const at = travelling.decoded.upperOffset;
    const payload =
      udp === 'echoes' ? travelling.octets.subarray(at + 8) : new Uint8Array([0x80, 0x01, 0, 0, 0, 0, 0, 0]);
    const message = new Uint8Array(8 + payload.length);
    packet.setWord(message, 0, packet.word(travelling.octets, at + 2));
    packet.setWord(message, 2, packet.word(travelling.octets, at));
    packet.setWord(message, 4, message.length);
    message.set(payload, 8);
    this.#sendBack(travelling, node, message, PROTOCOL.udp, inTargetsName);
  }

  #sendError(
    travelling: Travelling,
    node: Node,
    type: number,
    code: number,
    pointer: Pointer,
    inTargetsName = false,
  ): void {
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
        if (object === 'mpls') objects.push(packet.mplsObject([16000 + travelling.index, 3]));
        else if (object === 'interface') objects.push(packet.interfaceObject(7, 'xe-0/0/1'));
        else if (object === 'node-id') objects.push(packet.nodeIdObject(travelling.index));
        else objects.push(packet.unknownObject());
      }
    }
    if (type === 1 && pointer !== 'none') objects.push(packet.pointerObject(pointerOctet));
    const counts =
      quote.extensions === 'octets' ? 'padded octets' : quote.extensions === 'unaligned' ? 'quoted octets' : undefined;
    const message = packet.errorMessage(
      {
        type,
        code,
        pointer: type === 4 ? pointerOctet : 0,
        objects,
        legacy: quote.extensions === 'legacy',
        ...(counts === undefined ? {} : { counts }),
      },
      this.#quoteOf(travelling, node),
    );
    this.#sendBack(travelling, node, message, PROTOCOL.icmp6, inTargetsName);
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
      if (action.translatesQuotes) rewriteAddress(octets, 8, decoded, original, action.checksum === 'updated');
    }
    if (quote.destination !== undefined)
      rewriteAddress(octets, 24, decoded, quote.destination.to, quote.destination.checksum === 'updated');
    if (quote.flowLabel !== undefined) setFlowLabel(octets, quote.flowLabel);
    for (const header of quote.inserted ?? []) {
      const [protocol, content] = insertedHeader(header, this.network.target.addresses[0]!);
      octets = packet.inserted(octets, protocol, content);
    }
    return octets.subarray(0, Math.min(octets.length, 40 + quote.octets));
  }

  #sendBack(travelling: Travelling, node: Node, message: Uint8Array, protocol: number, inTargetsName: boolean): void {
    const { path, index } = travelling;
    const { target } = this.network;
    const isError = protocol === PROTOCOL.icmp6 && message[0]! < 128;
    const aboutOptions = travelling.decoded.destinationOptions !== null;
    const pdmOf = travelling.decoded.pdmOffset;
    const withPdm =
      node === target && (target.answersWithPdm === 'always' || (target.answersWithPdm === 'to-pdm' && pdmOf >= 0));
    const isLetIn = protocol === PROTOCOL.icmp6 && (message[0] === 3 || message[0] === 129);
    const features: ReplyFeatures = { isError, aboutOptions, aboutPdm: pdmOf >= 0, withPdm, isLetIn };
    let atNs = travelling.nowNs + node.slowMs * NS_PER_MS;
    if (node.slowJitterMs > 0) atNs += this.random.exponential(node.slowJitterMs) * NS_PER_MS;
    let hopLimit = node.ownHopLimit;
    const back = wayBack(travelling.epoch, travelling.flow, index);
    for (let hop = back.length; hop >= 0; hop--) {
      const link = back[hop] ?? path[index] ?? target;
      atNs += this.#linkNs(link);
      if (link.returnLoss !== null && this.#process(link.returnLoss).lost(atNs, this.random)) {
        this.#tell(travelling, 'reply lost on the link from');
        return;
      }
      if (hop === 0) break;
      hopLimit--;
      for (const rule of back[hop - 1]!.returnRules) {
        if (applies(rule, features) && this.random.chance(rule.share)) {
          this.#tell(travelling, 'reply filtered on the way back from');
          return;
        }
      }
    }
    const source = inTargetsName ? target.addresses[0]! : this.#sourceOf(node, isError, aboutOptions);
    let octets = packet.packetOf({ source, destination: this.network.source, hopLimit, protocol }, message);
    if (withPdm) {
      const received = pdmOf >= 0 ? packet.word(travelling.octets, pdmOf + 4) : 0;
      const header = packet.pdmHeader(this.#sequence++ & 0xffff, received, node.slowMs * NS_PER_MS);
      octets = packet.inserted(octets, PROTOCOL.destination, header);
    }
    this.time.at(atNs, () => {
      this.deliver(octets);
    });
  }

  #sourceOf(node: Node, isError: boolean, aboutOptions: boolean): Uint8Array {
    const { target } = this.network;
    if (node === target && target.answersFrom !== undefined) return target.answersFrom;
    if (node === target && isError && target.errorsFrom !== undefined) return target.errorsFrom;
    const addresses = isError && aboutOptions ? (node.optionAddresses ?? node.addresses) : node.addresses;
    return addresses.length === 1 ? addresses[0]! : this.random.pick(addresses);
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

function emptyPoliced(): Policed {
  return { udp: { passed: 0, hit: 0 }, icmp6: { passed: 0, hit: 0 }, tcp: { passed: 0, hit: 0 } };
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
  return protocolOf(upper) ?? `protocol ${upper ?? 'unknown'}`;
}

/** Undefined for what no trace sends. */
function protocolOf(upper: number | null): SimulatedProtocol | undefined {
  return PROTOCOLS.find((name) => PROTOCOL[name] === upper);
}

function sameOctets(octets: Uint8Array, offset: number, other: Uint8Array): boolean {
  for (let i = 0; i < other.length; i++) if (octets[offset + i] !== other[i]) return false;
  return true;
}

function ownsDestination(node: Node, octets: Uint8Array): boolean {
  return node.addresses.some((address) => sameOctets(octets, 24, address));
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

function setFlowLabel(octets: Uint8Array, flowLabel: number): void {
  octets[1] = (octets[1]! & 0xf0) | (flowLabel >>> 16);
  packet.setWord(octets, 2, flowLabel & 0xffff);
}

/** `field` is 8 for the source, 24 for the destination. */
function rewriteAddress(
  octets: Uint8Array,
  field: 8 | 24,
  decoded: Decoded,
  to: Uint8Array,
  updateChecksum: boolean,
): void {
  const before = packet.sumOf(octets, field, field + 16);
  octets.set(to, field);
  const checksum = packet.checksumField(decoded.upper);
  const at = decoded.upperOffset + checksum;
  if (!updateChecksum || checksum < 0 || at + 2 > octets.length) return;
  const value = packet.adjusted(packet.word(octets, at), before, packet.sumOf(to, 0, 16));
  packet.setWord(octets, at, value === 0 && decoded.upper === PROTOCOL.udp ? 0xffff : value);
}

/** Next header value and octets; the first is filled in when it is inserted. */
function insertedHeader(header: InsertedHeader, target: Uint8Array): [number, number[]] {
  switch (header) {
    case 'hop-by-hop':
      // RFC 2711 router alert.
      return [PROTOCOL.hopByHop, [0, 0, 5, 2, 0, 0, 1, 0]];
    case 'routing': {
      // RFC 8754: the last segment, the target, stands first.
      const segment = [0x20, 0x01, 0x0d, 0xb8, 0x0f, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
      return [PROTOCOL.routing, [0, 4, 4, 1, 1, 0, 0, 0, ...target, ...segment]];
    }
    case 'authentication':
      return [PROTOCOL.authentication, [0, 4, 0, 0, 0, 0, 1, 1, 0, 0, 0, 9, ...new Array<number>(12).fill(0x77)]];
    case 'destination-options':
      // RFC 9343 AltMark.
      return [PROTOCOL.destination, [0, 1, 0x12, 4, 0, 0, 0x10, 0, 1, 6, 0, 0, 0, 0, 0, 0]];
  }
}

/** What a filter on the way back sees of a reply. */
interface ReplyFeatures {
  readonly isError: boolean;
  /** The packet that it answers had a Destination Options header, and PDM. */
  readonly aboutOptions: boolean;
  readonly aboutPdm: boolean;
  readonly withPdm: boolean;
  /** An echo reply or Time Exceeded. */
  readonly isLetIn: boolean;
}

function applies({ match }: ReturnRule, { isError, aboutOptions, aboutPdm, withPdm, isLetIn }: ReplyFeatures): boolean {
  switch (match) {
    case 'everything':
      return true;
    case 'errors':
      return isError;
    case 'errors-quoting-options':
      return isError && aboutOptions;
    case 'errors-quoting-pdm':
      return isError && aboutPdm;
    case 'answers-to-options':
      return !isError && aboutOptions;
    case 'not-let-in':
      return aboutOptions && !isLetIn;
    case 'carrying-options':
      return withPdm;
  }
}
