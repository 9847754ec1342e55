/** Builds a simulated network from a scenario's description: the same nodes, names and addresses as in the kernel's lab. */
import type { Description, Filter, LayoutNode, NodeFeatures } from '../scenario/description-types.js';
import { layOut, SOURCE_AS, targetNetworks } from '../scenario/layout.mjs';
import { octetsOf } from './address-text.js';
import { plainRouter, plainTarget, rule } from './network-parts.js';
import {
  FULL_QUOTE,
  PEACE,
  type Action,
  type Host,
  type Match,
  type Network,
  type ReturnRule,
  type Router,
  type Rule,
  type Segment,
} from './network.js';
import type { BucketModel } from './token-bucket.js';

const STAGES = { prerouting: 'ingress', forward: 'forward', input: 'local' } as const;
const HASHES = { ports: 'ports-deep', 'flow-label': 'flow+next-header', 'flow-label-only': 'flow-label' } as const;
/** ICMPv6 types and codes by the names that nft gives them. */
const REFUSALS: Readonly<Record<string, readonly [number, number]>> = {
  'reject-no-route': [1, 0],
  'reject-admin-prohibited': [1, 1],
  'reject-addr-unreachable': [1, 3],
  'reject-port-unreachable': [1, 4],
  'reject-policy-fail': [1, 5],
};
/** Octets of payload of a packet without extension header and padding. */
const PLAIN_PAYLOAD = 22;
/** Linux lets so many errors go at once to one destination. */
const LINUX_BURST = 6;
/** What Linux starts its own packets with. */
const LINUX_HOP_LIMIT = 64;
/** Times between network namespaces of one machine. */
const VETH = { delayMs: 0.01, jitterMs: 0.005, slowMs: 0.02, slowJitterMs: 0.02 } as const;

const OF_REPLIES: readonly string[] = ['error-quoting-header', 'error-quoting-pdm', 'answer-to-header'];
/** What the simulator sees of replies. */
const RETURN_MATCHES: Readonly<Record<string, ReturnRule['match']>> = {
  everything: 'everything',
  'error-quoting-header': 'errors-quoting-options',
  'error-quoting-pdm': 'errors-quoting-pdm',
  'answer-to-header': 'answers-to-options',
};

function addressOf(text: string): Uint8Array {
  const octets = octetsOf(text);
  if (octets === null) throw new Error(`${text} is no IPv6 address`);
  return octets;
}

/** A filter sees packets to the target, replies, or both. */
function sees(filter: Filter, way: 'to-target' | 'to-source'): boolean {
  if (filter.at === 'output') return false;
  if (OF_REPLIES.includes(filter.match)) return way === 'to-source' && filter.direction !== 'to-target';
  if (filter.action === 'answer') return way === 'to-target';
  if (filter.direction !== undefined) return filter.direction === way;
  // Replies carry no extension header, and a host's input filter sees packets to it.
  return way === 'to-target' || (filter.at !== 'input' && ['everything', 'no-extension-header'].includes(filter.match));
}

function filterReasons(filter: Filter): string[] {
  const { at, match, action } = filter;
  const reasons: string[] = [];
  if (at === 'output' && (match !== 'destination-options' || action !== 'drop' || filter.percent !== undefined))
    reasons.push('the source is only ever refused what has a Destination Options header');
  if (!sees(filter, 'to-source')) return reasons;
  if (action !== 'drop' || filter.payloadOver !== undefined || filter.spares !== undefined)
    reasons.push('replies are only dropped, by chance or all of them');
  if (RETURN_MATCHES[match] === undefined) reasons.push(`replies are not told apart by ${match}`);
  return reasons;
}

function nodeReasons({ role, features }: LayoutNode): string[] {
  const { nft, ip, sysctl, icmp, silent, filters = [] } = features;
  const reasons = filters.flatMap(filterReasons);
  if (nft !== undefined) reasons.push('nft tables mean nothing to the simulator');
  if (ip !== undefined) reasons.push('ip commands mean nothing to the simulator');
  if (sysctl !== undefined) reasons.push('sysctls mean nothing to the simulator');
  if (icmp?.rateLimitMs !== undefined && icmp.messagesPerSecond !== undefined)
    reasons.push('a node has one limit of its errors');
  if (role === 'target' && silent === 'about-header') reasons.push('a target is silent to all or to nobody');
  return reasons;
}

/** Reasons why the simulator has no such network; none where it has. */
export function cannotBuild(description: Description): string[] {
  const reasons = layOut(description).nodes.flatMap((node) =>
    nodeReasons(node).map((reason) => `${node.key}: ${reason}`),
  );
  for (const [link, { mtu, type }] of Object.entries(description.links)) {
    if (mtu !== undefined) reasons.push(`link ${link}: links take packets of any size`);
    if (type === 'tun') reasons.push(`link ${link}: links have no type`);
  }
  if (description.source.unnumbered === true) reasons.push('source: links have no addresses of their own');
  return reasons;
}

function matchOf({ match, payloadOver }: Filter): Match {
  const base = ((): Match => {
    switch (match) {
      case 'destination-options':
        return { kind: 'destination-options' };
      case 'pdm-option':
        return { kind: 'option' };
      case 'header-of-16-octets':
        return { kind: 'header-octets', atLeast: 16 };
      case 'no-extension-header':
        return { kind: 'bare' };
      case 'everything':
        return { kind: 'everything' };
      case 'error-quoting-header':
      case 'error-quoting-pdm':
      case 'answer-to-header':
        throw new Error(`${match} looks at replies`);
    }
  })();
  if (payloadOver === undefined) return base;
  return { kind: 'every', of: [base, { kind: 'longer-by', atLeast: payloadOver + 1 - PLAIN_PAYLOAD }] };
}

function actionOf({ action, type, code, pointer, inTargetsName }: Filter): Action {
  switch (action) {
    case 'drop':
      return { kind: 'drop' };
    case 'alter-option':
      return { kind: 'alter', what: 'type' };
    case 'zero-option':
      return { kind: 'alter', what: 'zeroed' };
    case 'strip-header':
      return { kind: 'strip' };
    case 'answer':
      return { kind: 'answer', udp: 'port-unreachable' };
    default: {
      const [namedType, namedCode] = REFUSALS[action] ?? [type!, code!];
      return {
        kind: 'reject',
        type: namedType,
        code: namedCode,
        pointer: pointer ?? 'none',
        inTargetsName: inTargetsName === true,
      };
    }
  }
}

function ruleOf(filter: Filter): Rule {
  const { at, percent = 100, spares } = filter;
  if (at === 'output') throw new Error('output is no stage of a router or target');
  const made = rule(STAGES[at], matchOf(filter), actionOf(filter), { share: percent / 100 });
  return spares === undefined ? made : { ...made, limit: { ...spares, crossTraffic: 0 } };
}

function returnRuleOf({ match, percent = 100 }: Filter): ReturnRule {
  return { match: RETURN_MATCHES[match]!, share: percent / 100 };
}

/** Linux' two limits of ICMPv6 errors: one per destination, kinder to shorter prefixes of the route there, and one for all. */
function bucketOf({ icmp }: NodeFeatures, prefixLength: number): BucketModel | null {
  if (icmp?.rateLimitMs) {
    const kinder = icmp.hostRoute === true ? 0 : (128 - prefixLength) >> 5;
    return { burst: LINUX_BURST, perSecond: 1000 / (icmp.rateLimitMs >> kinder), crossTraffic: 0 };
  }
  if (icmp?.messagesPerSecond === undefined) return null;
  return { burst: icmp.messagesBurst ?? LINUX_BURST, perSecond: icmp.messagesPerSecond, crossTraffic: 0 };
}

/** As the lab's table of networks has it: AS 64501 and a 1 behind `2001:db8`; null where nobody announces the address. */
function asnOfAddress(text: string): number | null {
  const number = /^2001:db8:(\d{1,2}):/.exec(text)?.[1];
  return number === undefined ? null : SOURCE_AS + Number(number);
}

/** The hop from which on a destination NAT lets everything answer in the name of who was asked; Infinity where there is none. */
function translatedFrom({ hops }: Description): number {
  const [first] = Object.entries(hops).find(([, { destinationNat }]) => destinationNat === true) ?? [];
  return Number(first ?? Infinity);
}

/** What routers and the target have in common. `prefixLength` is that of the route back to the source. */
function nodeOf({ asn, address, features }: LayoutNode, prefixLength: number) {
  const { filters = [], quotes, errorsFrom } = features;
  return {
    addresses: [addressOf(errorsFrom ?? address)],
    asn,
    ...(errorsFrom === undefined ? {} : { addressAsn: asnOfAddress(errorsFrom) }),
    ...VETH,
    ownHopLimit: LINUX_HOP_LIMIT,
    bucket: bucketOf(features, prefixLength),
    rules: filters.filter((filter) => sees(filter, 'to-target')).map(ruleOf),
    returnRules: filters.filter((filter) => sees(filter, 'to-source')).map(returnRuleOf),
    quote: {
      ...FULL_QUOTE,
      octets: quotes?.octets === undefined ? FULL_QUOTE.octets : quotes.octets - 40,
      artefact: quotes?.as ?? 'none',
    },
  } as const;
}

function routerOf(node: LayoutNode, description: Description): Router {
  return {
    ...plainRouter(node.asn, 0),
    ...nodeOf(node, 64),
    ...(node.hop >= translatedFrom(description) ? { addresses: [addressOf(description.asked!)] } : {}),
    silent: node.features.silent === 'all',
    reports: node.features.silent === 'about-header' ? 0 : 1,
  };
}

function targetOf(node: LayoutNode, description: Description): Host {
  const {
    asked,
    target: { longestHeader, udpService, echo },
  } = description;
  const common = nodeOf(node, 0);
  const silent = node.features.silent === 'all';
  const limit =
    longestHeader === undefined
      ? []
      : [rule('local', { kind: 'header-octets', atLeast: longestHeader + 1 }, { kind: 'drop' })];
  return {
    ...plainTarget(),
    ...common,
    ...(asked === null ? {} : { addresses: [addressOf(asked)] }),
    ...(asked === null || translatedFrom(description) < Infinity ? {} : { errorsFrom: addressOf(node.address) }),
    rules: [...common.rules, ...limit],
    udp: silent ? 'silent' : (udpService ?? 'port-unreachable'),
    echo: silent || echo === 'silent' ? 'silent' : 'replies',
    tcp: silent ? 'silent' : 'resets',
  };
}

function segmentsOf(description: Description, nodes: readonly LayoutNode[], salt: number): Segment[] {
  const { detour, balance, routers } = description;
  const ofRouters = nodes.filter(({ role }) => role === 'router');
  const made = new Map(ofRouters.map((node) => [node.key, routerOf(node, description)]));
  const between = (from: number, to: number): Router[] =>
    Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => made.get(`hop${from + i}`)!);
  const straight = (from: number, to: number): Segment => ({
    members: [between(from, to)],
    hash: 'none',
    headerMember: null,
    salt,
  });
  if (detour !== null) {
    const branch = Array.from({ length: detour.routers }, (_, i) => made.get(`hop${detour.leaves + 1 + i}f`)!);
    const plain = between(detour.leaves + 1, detour.rejoins - 1);
    return [
      straight(1, detour.leaves),
      // Replies carry no header.
      { members: [plain, branch], hash: 'none', headerMember: 1, returnMember: 0, salt },
      straight(detour.rejoins, routers),
    ];
  }
  if (balance !== null) {
    const members = nodes.filter(({ hop, role }) => role === 'router' && hop === balance.hop);
    return [
      straight(1, balance.hop - 1),
      {
        members: members.map(({ key }) => [made.get(key)!]),
        hash: HASHES[balance.hash],
        headerMember: null,
        salt,
      },
      straight(balance.hop + 1, routers),
    ];
  }
  return [straight(1, routers)];
}

function sendFailuresOf({ route, filters = [] }: Description['source']): Network['sendFailures'] {
  if (route === 'none') return { share: 1, code: 'ENETUNREACH' };
  return filters.length === 0
    ? { share: 0, code: 'EPERM' }
    : // What an output filter drops, `send` refuses.
      { share: 1, code: 'EPERM', only: 'options' };
}

/** The described network, for one that `cannotBuild` has no reason against. */
export function networkOf(description: Description, seed: number): Network {
  const { nodes } = layOut(description);
  const ofRole = (role: LayoutNode['role']): LayoutNode => nodes.find((node) => node.role === role)!;
  return {
    seed,
    source: addressOf(ofRole('source').address),
    sourceAsn: SOURCE_AS,
    target: targetOf(ofRole('target'), description),
    epochs: [{ fromNs: 0, segments: segmentsOf(description, nodes, seed) }],
    adversary: PEACE,
    sendFailures: sendFailuresOf(description.source),
    kernelDrops: 0,
  };
}

/** The same network once for each of the target's networks, routers and links in common: what a run has for a list. */
export function listedNetworks(description: Description, seed: number): Network[] {
  const network = networkOf(description, seed);
  return targetNetworks(description).map(({ address, asn }, index) => ({
    ...network,
    seed: seed * 1000 + index,
    target: { ...network.target, addresses: [addressOf(address)], asn },
  }));
}
