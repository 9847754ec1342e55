// @ts-check
/** What a node does to packets, as nft rules. */

/**
 * @typedef {import('./lab-types.js').Filter} Filter
 * @typedef {import('./lab-types.js').TopologyNode} TopologyNode
 */

/** @param {Filter} filter @returns {string} One nft statement. */
function rule(filter) {
  const matches = {
    'destination-options': 'exthdr dst exists',
    // Raw octets: next header at 6, and behind the 40 octets of the IPv6 header the length at 41 and the option type at 42.
    'pdm-option': '@nh,48,8 60 @nh,336,8 0x0f',
    'header-of-16-octets': '@nh,48,8 60 @nh,328,8 > 0',
    // The invoking packet starts 8 octets into the error.
    'error-quoting-header': 'meta l4proto icmpv6 icmpv6 type < 128 @th,112,8 60',
    'error-quoting-pdm': 'meta l4proto icmpv6 icmpv6 type < 128 @th,112,8 60 @th,400,8 0x0f',
    everything: '',
  };
  const action = filter.action.startsWith('reject-')
    ? `reject with icmpv6 type ${filter.action.slice('reject-'.length)}`
    : filter.action === 'alter-option'
      ? '@nh,336,8 set 0x1e'
      : 'drop';
  return [
    filter.direction === 'to-target' ? 'iifname "up*"' : filter.direction === 'to-source' ? 'iifname "down*"' : '',
    matches[filter.match],
    filter.payloadOver === undefined ? '' : `ip6 length > ${filter.payloadOver}`,
    filter.percent === undefined ? '' : `numgen random mod 100 < ${filter.percent}`,
    'counter',
    action,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** @param {TopologyNode} node @param {boolean} marksDetour @returns {string} An nft file, empty when the node filters nothing. */
export function ruleset(node, marksDetour) {
  /** @type {Record<string, string[]>} */
  const chains = { prerouting: [], forward: [], input: [], output: [] };
  if (marksDetour) chains['prerouting']?.push('exthdr dst exists meta mark set 1');
  for (const filter of node.features.filters ?? []) chains[filter.at]?.push(rule(filter));
  if (node.features.silent !== undefined) {
    if (node.role === 'target') {
      // Neighbour discovery goes on: the target is silent, not gone.
      chains['input']?.push('meta l4proto { tcp, udp } drop', 'icmpv6 type echo-request drop');
    }
    const about = node.features.silent === 'about-header' ? '@th,112,8 60' : '';
    chains['output']?.push(`icmpv6 type < 128 ${about} counter drop`);
  }
  const text = Object.entries(chains)
    .filter(([, rules]) => rules.length > 0)
    .map(([hook, rules]) => {
      const priority = hook === 'prerouting' ? -150 : 0;
      return `  chain ${hook} {\n    type filter hook ${hook} priority ${priority}\n${rules.map((line) => `    ${line}\n`).join('')}  }\n`;
    });
  return text.length === 0 ? '' : `table ip6 lab {\n${text.join('')}}\n`;
}
