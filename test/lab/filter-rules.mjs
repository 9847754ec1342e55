// @ts-check
/** What a node does to packets, as nft rules. */

/**
 * @typedef {import('../scenario/description-types.js').Filter} Filter
 * @typedef {import('../scenario/description-types.js').LayoutNode} LayoutNode
 */

/** Octets of the first option: its type at 42, its ten octets of content from 44 on. @type {Readonly<Record<string, string>>} */
const CHANGES = { 'alter-option': '@nh,336,8 set 0x1e', 'zero-option': '@nh,352,80 set 0' };

/** Echo requests that had a Destination Options header. */
const SEEN = '  set seen {\n    typeof icmpv6 sequence\n    flags dynamic,timeout\n    timeout 30s\n  }\n';

/** @param {Filter} filter @returns {string} */
function action({ action }) {
  if (action.startsWith('reject-')) return `reject with icmpv6 type ${action.slice('reject-'.length)}`;
  return CHANGES[action] ?? 'drop';
}

/** @param {Filter} filter @returns {string} One nft statement. */
function rule(filter) {
  const matches = {
    'destination-options': 'exthdr dst exists',
    // Raw octets: next header at 6, and behind the 40 octets of the IPv6 header the length at 41 and the option type at 42.
    'pdm-option': '@nh,48,8 60 @nh,336,8 0x0f',
    'header-of-16-octets': '@nh,48,8 60 @nh,328,8 > 0',
    // UDP and ICMPv6, by the first next header alone.
    'no-extension-header': '@nh,48,8 { 17, 58 }',
    // The invoking packet starts 8 octets into the error.
    'error-quoting-header': 'meta l4proto icmpv6 icmpv6 type < 128 @th,112,8 60',
    'error-quoting-pdm': 'meta l4proto icmpv6 icmpv6 type < 128 @th,112,8 60 @th,400,8 0x0f',
    'echo-reply-to-header': 'icmpv6 type echo-reply icmpv6 sequence @seen',
    everything: '',
  };
  return [
    filter.direction === 'to-target' ? 'iifname "up*"' : filter.direction === 'to-source' ? 'iifname "down*"' : '',
    matches[filter.match],
    filter.payloadOver === undefined ? '' : `ip6 length > ${filter.payloadOver}`,
    filter.percent === undefined ? '' : `numgen random mod 100 < ${filter.percent}`,
    filter.spares === undefined
      ? ''
      : `limit rate over ${filter.spares.perSecond}/second burst ${filter.spares.burst} packets`,
    'counter',
    action(filter),
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/**
 * @param {LayoutNode} node @param {boolean} marksDetour @param {string} targetAddress
 * @returns {string} An nft file, empty when the node filters nothing.
 */
export function ruleset(node, marksDetour, targetAddress) {
  /** @type {Record<string, string[]>} */
  const chains = { prerouting: [], forward: [], input: [], output: [] };
  if (marksDetour) chains['prerouting']?.push('exthdr dst exists meta mark set 1');
  const { filters = [], errorsFrom } = node.features;
  const remembers = filters.some(({ match }) => match === 'echo-reply-to-header');
  if (remembers)
    chains['forward']?.push(
      'iifname "up*" exthdr dst exists icmpv6 type echo-request update @seen { icmpv6 sequence }',
    );
  for (const filter of filters) chains[filter.at]?.push(rule(filter));
  if (node.features.silent !== undefined) {
    if (node.role === 'target') {
      // Neighbour discovery goes on: the target is silent, not gone.
      chains['input']?.push('meta l4proto { tcp, udp } drop', 'icmpv6 type echo-request drop');
    }
    const about = node.features.silent === 'about-header' ? '@th,112,8 60' : '';
    chains['output']?.push(`icmpv6 type < 128 ${about} counter drop`);
  }
  if (errorsFrom !== undefined) chains['output']?.push(`icmpv6 type < 128 ip6 saddr set ${errorsFrom}`);
  if (filters.some(({ inTargetsName }) => inTargetsName === true))
    chains['output']?.push(`icmpv6 type destination-unreachable ip6 saddr set ${targetAddress}`);
  const text = Object.entries(chains)
    .filter(([, rules]) => rules.length > 0)
    .map(([hook, rules]) => {
      const priority = hook === 'prerouting' ? -150 : 0;
      return `  chain ${hook} {\n    type filter hook ${hook} priority ${priority}\n${rules.map((line) => `    ${line}\n`).join('')}  }\n`;
    });
  return text.length === 0 ? '' : `table ip6 lab {\n${remembers ? SEEN : ''}${text.join('')}}\n`;
}
