// @ts-check
/** What is said to the kernel in one node's namespace: addresses, routes, sysctls, filter rules. Pure. */
import { ruleset } from './filter-rules.mjs';

/**
 * @typedef {import('./lab-types.js').Description} Description
 * @typedef {import('./lab-types.js').NodeSetup} NodeSetup
 * @typedef {import('./lab-types.js').TopologyLink} TopologyLink
 * @typedef {import('./lab-types.js').TopologyNode} TopologyNode
 */

const NO_LIMIT = 1_000_000;
const DETOUR_TABLE = 100;
const LINK_LOCAL = { upstream: 'fe80::2', downstream: 'fe80::1' };

/** @param {TopologyNode} node @param {Record<string, number>} extra @returns {Record<string, number>} */
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

/** @param {TopologyLink} link */
function isDetour(link) {
  return link.downstream.endsWith('f');
}

/** @param {TopologyNode} node @param {readonly TopologyLink[]} up @param {readonly TopologyLink[]} down @returns {string[]} */
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

/** The way back to the source. @param {TopologyNode} node @param {TopologyLink} back @param {string} sourceAddress @returns {string[]} */
function returnRoutes(node, back, sourceAddress) {
  if (node.role === 'target') return [`route add default via ${back.upstreamAddress} dev up`];
  const hostRoute = node.features.icmp?.hostRoute ?? false;
  // The first router has the source on its own link; only what differs from that must be said.
  if (node.hop === 1 && !back.unnumbered && !hostRoute) return [];
  const via = back.unnumbered ? `via ${LINK_LOCAL.upstream}` : node.hop === 1 ? '' : `via ${back.upstreamAddress}`;
  const prefix = hostRoute || back.unnumbered ? `${sourceAddress}/128` : sourceAddress.replace(/2$/, '/64');
  // `src`: where two paths meet, errors would else carry the address of whichever link the packet came by.
  return [`route add ${prefix} ${via} dev up src ${back.downstreamAddress}`];
}

/** The way to the target. @param {TopologyNode} node @param {readonly TopologyLink[]} down @returns {string[]} */
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

/** @param {TopologyLink | undefined} fork @returns {string[]} */
function detourRoutes(fork) {
  if (fork === undefined) return [];
  return [
    `route add default via ${fork.downstreamAddress} dev ${fork.upstreamInterface} table ${DETOUR_TABLE}`,
    `rule add fwmark 1 table ${DETOUR_TABLE}`,
  ];
}

/**
 * @param {Description} description @param {TopologyNode} node @param {readonly TopologyLink[]} links @param {string} sourceAddress
 * @returns {NodeSetup}
 */
export function setupOf(description, node, links, sourceAddress) {
  const up = links.filter((link) => link.downstream === node.key);
  const down = links.filter((link) => link.upstream === node.key);
  const { balance, source } = description;
  const fork = down.length > 1 ? down.find(isDetour) : undefined;
  const routing = up[0] ? returnRoutes(node, up[0], sourceAddress) : [];
  if (node.role !== 'source' || source.route !== 'none') routing.push(...onwardRoutes(node, down));
  routing.push(...detourRoutes(fork), ...(node.features.ip ?? []));
  const balances = balance !== null && node.key === `hop${balance.hop - 1}`;
  return {
    addressing: addressing(node, up, down),
    routing,
    sysctls: sysctls(node, balances ? { 'net.ipv6.fib_multipath_hash_policy': balance.hash === 'ports' ? 1 : 0 } : {}),
    ruleset: ruleset(node, fork !== undefined) + (node.features.nft ?? ''),
  };
}
