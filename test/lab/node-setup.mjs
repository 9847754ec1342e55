// @ts-check
/** What is said to the kernel in one node's namespace: addresses, routes, sysctls, filter rules. Pure. */
import { targetNetworks } from '../scenario/layout.mjs';
import { ruleset } from './filter-rules.mjs';

/**
 * @typedef {import('../scenario/description-types.js').Description} Description
 * @typedef {import('../scenario/description-types.js').Layout} Layout
 * @typedef {import('../scenario/description-types.js').LayoutLink} LayoutLink
 * @typedef {import('../scenario/description-types.js').LayoutNode} LayoutNode
 * @typedef {import('./lab-types.js').NodeSetup} NodeSetup
 */

const NO_LIMIT = 1_000_000;
const DETOUR_TABLE = 100;
const LINK_LOCAL = { upstream: 'fe80::2', downstream: 'fe80::1' };

/** @param {LayoutNode} node @param {Record<string, number>} extra @returns {Record<string, number>} */
function sysctls(node, extra) {
  const icmp = node.features.icmp ?? {};
  return {
    'net.ipv6.conf.all.forwarding': node.role === 'router' ? 1 : 0,
    'net.ipv6.icmp.ratelimit': icmp.rateLimitMs ?? 0,
    'net.ipv4.icmp_msgs_per_sec': icmp.messagesPerSecond ?? NO_LIMIT,
    'net.ipv4.icmp_msgs_burst': icmp.messagesBurst ?? NO_LIMIT,
    ...extra,
    ...node.features.sysctl,
  };
}

/** @param {LayoutLink} link */
function isDetour(link) {
  return link.downstream.endsWith('f');
}

/** @param {LayoutNode} node @param {readonly LayoutLink[]} up @param {readonly LayoutLink[]} down @returns {string[]} */
function addressing(node, up, down) {
  const lines = ['link set lo up'];
  for (const link of up) {
    lines.push(`address add ${link.downstreamAddress}/64 dev ${link.downstreamInterface} nodad`);
    if (link.unnumbered) lines.push(`address add ${LINK_LOCAL.downstream}/64 dev ${link.downstreamInterface} nodad`);
  }
  for (const link of down) {
    const [address, length] = link.unnumbered ? [LINK_LOCAL.upstream, 64] : [link.upstreamAddress, 64];
    lines.push(`address add ${address}/${length} dev ${link.upstreamInterface} nodad`);
    if (link.unnumbered) lines.push(`address add ${link.upstreamAddress}/128 dev lo nodad`);
  }
  for (const link of up) lines.push(`link set dev ${link.downstreamInterface} up`);
  for (const link of down) lines.push(`link set dev ${link.upstreamInterface} up`);
  return lines;
}

/** The way back to the source. @param {LayoutNode} node @param {LayoutLink} back @param {string} sourceAddress @returns {string[]} */
function returnRoutes(node, back, sourceAddress) {
  const hostRoute = node.features.icmp?.hostRoute ?? false;
  if (node.role === 'target')
    return [`route add ${hostRoute ? `${sourceAddress}/128` : 'default'} via ${back.upstreamAddress} dev up`];
  // The first router has the source on its own link; only what differs from that must be said.
  if (node.hop === 1 && !back.unnumbered && !hostRoute) return [];
  const via = back.unnumbered ? `via ${LINK_LOCAL.upstream}` : node.hop === 1 ? '' : `via ${back.upstreamAddress}`;
  const prefix = hostRoute || back.unnumbered ? `${sourceAddress}/128` : sourceAddress.replace(/2$/, '/64');
  // `src`: where two paths meet, errors would else carry the address of whichever link the packet came by.
  return [`route add ${prefix} ${via} dev up src ${back.downstreamAddress}`];
}

/** The way to the target. @param {LayoutNode} node @param {readonly LayoutLink[]} down @returns {string[]} */
function onwardRoutes(node, down) {
  const onward = down.filter((link) => !isDetour(link) || down.length === 1);
  // The last router has the target on its own link; nothing else lies behind it.
  if (onward[0] === undefined || onward[0].downstream === 'target') return [];
  const hops = onward.map((link) => {
    const gateway = link.unnumbered ? LINK_LOCAL.downstream : link.downstreamAddress;
    return `via ${gateway} dev ${link.upstreamInterface}`;
  });
  if (onward[0].unnumbered) return [`route add default ${hops[0]} src ${node.address}`];
  return [`route add default ${hops.length === 1 ? hops[0] : hops.map((hop) => `nexthop ${hop}`).join(' ')}`];
}

/** @param {LayoutLink | undefined} fork @returns {string[]} */
function detourRoutes(fork) {
  if (fork === undefined) return [];
  return [
    `route add default via ${fork.downstreamAddress} dev ${fork.upstreamInterface} table ${DETOUR_TABLE}`,
    `rule add fwmark 1 table ${DETOUR_TABLE}`,
  ];
}

/** The way to what the target answers for besides its own address. @param {Description} description @param {LayoutNode} node @param {string} targetAddress @returns {string[]} */
function answeredRoutes(description, node, targetAddress) {
  const { target, routers } = description;
  const networks = targetNetworks(description).map(({ address }) => `${address}/128`);
  const prefixes = target.answersFor === undefined ? networks : [target.answersFor, ...networks];
  if (node.role === 'target')
    return prefixes.map((prefix) =>
      networks.includes(prefix) ? `address add ${prefix} dev lo nodad` : `route add local ${prefix} dev lo`,
    );
  return node.key === `hop${routers}`
    ? prefixes.map((prefix) => `route add ${prefix} via ${targetAddress} dev down`)
    : [];
}

/** Addresses, and of policy 3 the flow label (0x8) besides. */
const HASH_FIELDS = 0x1 | 0x2 | 0x8;
/** @type {Readonly<Record<'ports' | 'flow-label' | 'flow-label-only', Record<string, number>>>} */
const HASHES = {
  ports: { 'net.ipv6.fib_multipath_hash_policy': 1 },
  'flow-label': { 'net.ipv6.fib_multipath_hash_policy': 0 },
  'flow-label-only': {
    'net.ipv6.fib_multipath_hash_policy': 3,
    'net.ipv6.fib_multipath_hash_fields': HASH_FIELDS,
  },
};

/** @param {Description} description @param {LayoutNode} node @param {Layout} layout @returns {NodeSetup} */
export function setupOf(description, node, { nodes, links }) {
  /** @param {LayoutNode['role']} role */
  const addressOf = (role) => nodes.find((candidate) => candidate.role === role)?.address ?? '';
  const [sourceAddress, targetAddress] = [addressOf('source'), addressOf('target')];
  const up = links.filter((link) => link.downstream === node.key);
  const down = links.filter((link) => link.upstream === node.key);
  const { balance, source, target } = description;
  const fork = down.length > 1 ? down.find(isDetour) : undefined;
  const routing = up[0] ? returnRoutes(node, up[0], sourceAddress) : [];
  if (node.role !== 'source' || source.route !== 'none') routing.push(...onwardRoutes(node, down));
  routing.push(...detourRoutes(fork), ...answeredRoutes(description, node, targetAddress), ...(node.features.ip ?? []));
  const extra = {
    ...(balance !== null && node.key === `hop${balance.hop - 1}` ? HASHES[balance.hash] : {}),
    ...(node.role === 'target' && target.longestHeader !== undefined
      ? { 'net.ipv6.max_dst_opts_length': target.longestHeader }
      : {}),
  };
  return {
    addressing: addressing(node, up, down),
    routing,
    sysctls: sysctls(node, extra),
    ruleset:
      ruleset(node, fork !== undefined, { asked: description.asked ?? targetAddress, target: targetAddress }) +
      (node.features.nft ?? ''),
  };
}
