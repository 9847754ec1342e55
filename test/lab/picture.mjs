// @ts-check
/** A network in words: its nodes, what they do to packets, and what is true in it. */
import { buildTopology } from './topology.mjs';

/** @param {import('./lab-types.js').Filter} filter */
function filterInWords(filter) {
  return [
    filter.action,
    filter.percent === undefined ? '' : `${filter.percent} % of`,
    filter.match,
    filter.payloadOver === undefined ? '' : `over ${filter.payloadOver} octets`,
    filter.direction ?? '',
    `(${filter.at})`,
  ]
    .filter((word) => word !== '')
    .join(' ');
}

/** @param {import('./lab-types.js').NodeFeatures} features */
function featuresInWords(features) {
  const words = (features.filters ?? []).map(filterInWords);
  if (features.silent) words.push(`silent ${features.silent}`);
  if (features.icmp) words.push(`ICMPv6 limits ${JSON.stringify(features.icmp)}`);
  if (features.sysctl) words.push(JSON.stringify(features.sysctl));
  return words.join('; ');
}

/**
 * @param {import('./lab-types.js').Description} description @param {{truth: boolean}} [show]
 * @returns {string} Lines of text.
 */
export function picture(description, show = { truth: true }) {
  const { nodes } = buildTopology(description);
  const { truth, detour, balance } = description;
  const lines = [`${description.name}: ${description.title}`];
  for (const node of [...nodes].sort((a, b) => a.hop - b.hop)) {
    const hop = node.role === 'router' ? String(node.hop).padStart(2) : '  ';
    lines.push(
      `  ${hop}  ${node.key.padEnd(7)} ${node.address.padEnd(20)} AS${node.asn}  ${featuresInWords(node.features)}`.trimEnd(),
    );
  }
  if (detour) {
    lines.push(
      `  packets with the header leave after hop ${detour.leaves}, pass ${detour.routers} routers, and rejoin at hop${detour.rejoins}`,
    );
  }
  if (balance)
    lines.push(`  hop ${balance.hop} is ${balance.members} routers of equal cost, chosen by ${balance.hash}`);
  if (show.truth) lines.push(`  truth: ${JSON.stringify(truth)}`);
  return `${lines.join('\n')}\n`;
}
