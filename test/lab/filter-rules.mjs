// @ts-check
/** What a node does to packets, as nft rules. */

/**
 * @typedef {import('../scenario/description-types.js').Filter} Filter
 * @typedef {import('../scenario/description-types.js').LayoutNode} LayoutNode
 */

/** Octets of the first option: its type at 42, its ten octets of content from 44 on. @type {Readonly<Record<string, string>>} */
const CHANGES = { 'alter-option': '@nh,336,8 set 0x1e', 'zero-option': '@nh,352,80 set 0' };

/** Packets that had a Destination Options header, as what answers them shows it: what a UDP service echoes begins as it was sent. */
const ECHO = 'icmpv6 id . icmpv6 sequence';
const DATA = ['udp sport . udp dport . @th,64,96', 'udp dport . udp sport . @th,64,96'];

/** @param {string} name @param {string | undefined} key */
function memory(name, key) {
  return `  set ${name} {\n    typeof ${key}\n    flags dynamic,timeout\n    timeout 30s\n  }\n`;
}

/** @param {Filter} filter @param {string} ownAddress @returns {string} */
function action({ action }, ownAddress) {
  // Its own answer goes back in the name of who was asked.
  if (action === 'answer') return `dnat to ${ownAddress}`;
  if (action.startsWith('reject-')) return `reject with icmpv6 type ${action.slice('reject-'.length)}`;
  return CHANGES[action] ?? 'drop';
}

/** @param {Filter} filter @param {string} ownAddress @returns {string[]} Each is an nft statement. */
function rules(filter, ownAddress) {
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
    'answer-to-header': [`icmpv6 type echo-reply ${ECHO} @seen_requests`, `meta l4proto udp ${DATA[1]} @seen_data`],
    everything: '',
  };
  /** @param {string} match */
  const statement = (match) => [
    filter.direction === 'to-target' ? 'iifname "up*"' : filter.direction === 'to-source' ? 'iifname "down*"' : '',
    match,
    filter.payloadOver === undefined ? '' : `ip6 length > ${filter.payloadOver}`,
    filter.percent === undefined ? '' : `numgen random mod 100 < ${filter.percent}`,
    filter.spares === undefined
      ? ''
      : `limit rate over ${filter.spares.perSecond}/second burst ${filter.spares.burst} packets`,
    'counter',
    action(filter, ownAddress),
  ];
  return [matches[filter.match]].flat().map((match) =>
    statement(match)
      .filter((part) => part !== '')
      .join(' '),
  );
}

/**
 * Destination NAT, of what goes on and of what ends here. What the kernel tracks goes back under the address that was asked:
 * errors of routers behind, too, and as if they came from there.
 * @param {LayoutNode} node @param {{asked: string, target: string}} addresses @returns {string}
 */
function translation(node, { asked, target }) {
  const { filters = [], destinationNat } = node.features;
  const answering = filters.filter(({ action }) => action === 'answer');
  const lines = answering.flatMap((filter) =>
    rules(filter, node.address).map((line) => `iifname "up*" ip6 daddr ${asked} ${line}`),
  );
  if (destinationNat === true) lines.push(`iifname "up*" ip6 daddr ${asked} dnat to ${target}`);
  if (lines.length === 0) return '';
  // A flow is translated as its first packet is: packets that a filter does not see must be no part of it.
  const apart = answering.some(({ match }) => match === 'no-extension-header')
    ? '  chain apart {\n    type filter hook prerouting priority raw\n    exthdr dst exists notrack\n  }\n'
    : '';
  return `table ip6 translation {\n${apart}  chain prerouting {\n    type nat hook prerouting priority dstnat\n${lines.map((line) => `    ${line}\n`).join('')}  }\n}\n`;
}

/**
 * @param {LayoutNode} node @param {boolean} marksDetour @param {{asked: string, target: string}} addresses
 * @returns {string} An nft file, empty when the node filters nothing.
 */
export function ruleset(node, marksDetour, addresses) {
  /** @type {Record<string, string[]>} */
  const chains = { prerouting: [], forward: [], input: [], output: [] };
  if (marksDetour) chains['prerouting']?.push('exthdr dst exists meta mark set 1');
  const { filters = [], errorsFrom } = node.features;
  const remembers = filters.some(({ match }) => match === 'answer-to-header');
  if (remembers)
    chains['forward']?.push(
      `iifname "up*" exthdr dst exists icmpv6 type echo-request update @seen_requests { ${ECHO} }`,
      `iifname "up*" exthdr dst exists meta l4proto udp update @seen_data { ${DATA[0]} }`,
    );
  for (const filter of filters) if (filter.action !== 'answer') chains[filter.at]?.push(...rules(filter, node.address));
  // A key of the target alone.
  if ('echo' in node.features) chains['input']?.push('icmpv6 type echo-request drop');
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
    chains['output']?.push(`icmpv6 type destination-unreachable ip6 saddr set ${addresses.asked}`);
  const text = Object.entries(chains)
    .filter(([, rules]) => rules.length > 0)
    .map(([hook, rules]) => {
      const priority = hook === 'prerouting' ? -150 : 0;
      return `  chain ${hook} {\n    type filter hook ${hook} priority ${priority}\n${rules.map((line) => `    ${line}\n`).join('')}  }\n`;
    });
  const memories = remembers ? memory('seen_requests', ECHO) + memory('seen_data', DATA[0]) : '';
  const table = text.length === 0 ? '' : `table ip6 lab {\n${memories}${text.join('')}}\n`;
  return table + translation(node, addresses);
}
