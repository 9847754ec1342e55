// @ts-check
/** Turns a description into nodes, links, addresses, routes, sysctls and filter rules. Pure: touches no kernel. */

/**
 * @typedef {import('./lab-types.js').Description} Description
 * @typedef {import('./lab-types.js').NodeFeatures} NodeFeatures
 * @typedef {import('./lab-types.js').Filter} Filter
 * @typedef {import('./lab-types.js').Topology} Topology
 * @typedef {import('./lab-types.js').TopologyNode} TopologyNode
 * @typedef {import('./lab-types.js').TopologyLink} TopologyLink
 */

const SOURCE_AS = 64500;
const TARGET_AS = 64510;
const NO_LIMIT = 1_000_000;
const DETOUR_TABLE = 100;

/** The first two routers are the source's own, the last two the destination's, the rest transit in pairs. @param {number} hop @param {number} routers */
function asnOfHop(hop, routers) {
  if (hop > routers - 2) return TARGET_AS;
  return hop <= 2 ? SOURCE_AS : Math.min(SOURCE_AS + 1 + ((hop - 3) >> 1), TARGET_AS - 1);
}

/** @param {number} asn */
function organisation(asn) {
  if (asn === SOURCE_AS) return 'Lab Source Network';
  return asn === TARGET_AS ? 'Lab Destination Network' : `Lab Transit ${asn - SOURCE_AS}`;
}

/** AS 64503 numbers its links from 2001:db8:3::/48; what follows is the hop, so that a reader knows a hop by its address. @param {number} asn @param {string} label */
function linkPrefix(asn, label) {
  return `2001:db8:${asn - SOURCE_AS}:${label}::`;
}

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
function ruleset(node, marksDetour) {
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

/** @param {Description} description @returns {Topology} */
export function buildTopology(description) {
  const { routers, detour, balance } = description;
  /** @type {TopologyNode[]} */
  const nodes = [];
  /** @type {TopologyLink[]} */
  const links = [];
  /** Links into and out of each node, main path first. @type {Record<string, {up: TopologyLink[], down: TopologyLink[]}>} */
  const ends = {};

  /** @param {string} key @param {TopologyNode['role']} role @param {number} hop @param {number} asn @param {NodeFeatures} features */
  const addNode = (key, role, hop, asn, features) => {
    ends[key] = { up: [], down: [] };
    nodes.push({ key, role, hop, asn, hostName: `${key}.lab.example`, address: '', features });
  };
  /** @param {string} upstream @param {string} downstream @param {number} asn @param {string} label @param {number} mtuOf */
  const addLink = (upstream, downstream, asn, label, mtuOf) => {
    const letter = /[a-z]$/.exec(label)?.[0] ?? '';
    const from = /** @type {{down: TopologyLink[]}} */ (ends[upstream]).down;
    const to = /** @type {{up: TopologyLink[]}} */ (ends[downstream]).up;
    const link = {
      upstream,
      downstream,
      upstreamInterface: from.length === 0 ? 'down' : `down${letter}`,
      downstreamInterface: to.length === 0 ? 'up' : `up${letter}`,
      upstreamAddress: `${linkPrefix(asn, label)}2`,
      downstreamAddress: `${linkPrefix(asn, label)}1`,
      mtu: description.linkMtu[mtuOf] ?? null,
    };
    links.push(link);
    from.push(link);
    to.push(link);
  };

  addNode('source', 'source', 0, SOURCE_AS, description.source);
  for (let hop = 1; hop <= routers; hop += 1) {
    const own = balance?.hop === hop ? balance.hops?.[1] : undefined;
    addNode(`hop${hop}`, 'router', hop, asnOfHop(hop, routers), {
      ...description.everyRouter,
      ...description.hops[hop],
      ...own,
    });
  }
  addNode('target', 'target', routers + 1, TARGET_AS, description.target);
  for (let hop = 1; hop <= routers; hop += 1) {
    addLink(hop === 1 ? 'source' : `hop${hop - 1}`, `hop${hop}`, asnOfHop(hop, routers), `${hop}`, hop);
  }
  addLink(`hop${routers}`, 'target', TARGET_AS, `${routers + 1}`, routers + 1);

  if (balance) {
    const asn = asnOfHop(balance.hop, routers);
    for (let member = 2; member <= balance.members; member += 1) {
      const letter = 'abcd'[member - 1];
      const key = `hop${balance.hop}${letter}`;
      addNode(key, 'router', balance.hop, asn, { ...description.everyRouter, ...balance.hops?.[member] });
      addLink(`hop${balance.hop - 1}`, key, asn, `${balance.hop}${letter}`, balance.hop);
      addLink(key, `hop${balance.hop + 1}`, asnOfHop(balance.hop + 1, routers), `${balance.hop + 1}${letter}`, 0);
    }
  }
  if (detour) {
    let previous = `hop${detour.leaves}`;
    for (let position = 1; position <= detour.routers; position += 1) {
      const hop = detour.leaves + position;
      const asn = asnOfHop(Math.min(hop, detour.rejoins), routers);
      addNode(`hop${hop}f`, 'router', hop, asn, { ...description.everyRouter, ...detour.hops?.[position] });
      addLink(previous, `hop${hop}f`, asn, `${hop}f`, 0);
      previous = `hop${hop}f`;
    }
    addLink(previous, `hop${detour.rejoins}`, asnOfHop(detour.rejoins, routers), `${detour.rejoins}e`, 0);
  }

  const sourceAddress = /** @type {TopologyLink} */ (links[0]).upstreamAddress;
  /** @type {Record<string, string[]>} */
  const addressing = {};
  /** @type {Record<string, string[]>} */
  const routing = {};
  /** @type {Record<string, Record<string, number>>} */
  const sysctlsOf = {};
  /** @type {Record<string, string>} */
  const rulesets = {};
  const complete = nodes.map((node) => {
    const { up, down } = /** @type {{up: TopologyLink[], down: TopologyLink[]}} */ (ends[node.key]);
    const lines = ['link set lo up'];
    for (const link of up) lines.push(`address add ${link.downstreamAddress}/64 dev ${link.downstreamInterface} nodad`);
    for (const link of down) lines.push(`address add ${link.upstreamAddress}/64 dev ${link.upstreamInterface} nodad`);
    for (const link of up) lines.push(`link set dev ${link.downstreamInterface} up`);
    for (const link of down) lines.push(`link set dev ${link.upstreamInterface} up`);
    addressing[node.key] = lines;

    const routes = [];
    const back = up[0];
    if (back && node.role === 'target') routes.push(`route add default via ${back.upstreamAddress} dev up`);
    if (back && node.role === 'router') {
      const via = node.hop === 1 ? '' : `via ${back.upstreamAddress}`;
      const prefix = node.features.icmp?.hostRoute ? `${sourceAddress}/128` : sourceAddress.replace(/2$/, '/64');
      // The first router has the source on its own link; only the /128 must be said.
      // `src`: where two paths meet, errors would else carry the address of whichever link the packet came by.
      if (via !== '' || node.features.icmp?.hostRoute) {
        routes.push(`route add ${prefix} ${via} dev up src ${back.downstreamAddress}`);
      }
    }
    const isDetourLink = (/** @type {TopologyLink} */ link) => link.downstream.endsWith('f');
    const onward = down.filter((link) => node.role !== 'target' && (down.length === 1 || !isDetourLink(link)));
    const goesOn = onward[0] && onward[0].downstream !== 'target';
    if (goesOn && !(node.role === 'source' && description.source.route === 'none')) {
      routes.push(
        onward.length === 1
          ? `route add default via ${onward[0]?.downstreamAddress} dev ${onward[0]?.upstreamInterface}`
          : `route add default ${onward.map((link) => `nexthop via ${link.downstreamAddress} dev ${link.upstreamInterface}`).join(' ')}`,
      );
    }
    const forks = detour?.leaves === node.hop && node.key === `hop${node.hop}`;
    const fork = forks ? down.find(isDetourLink) : undefined;
    if (fork) {
      routes.push(
        `route add default via ${fork.downstreamAddress} dev ${fork.upstreamInterface} table ${DETOUR_TABLE}`,
      );
      routes.push(`rule add fwmark 1 table ${DETOUR_TABLE}`);
    }
    routing[node.key] = routes;

    const balances = balance && node.key === `hop${balance.hop - 1}`;
    sysctlsOf[node.key] = sysctls(
      node,
      balances ? { 'net.ipv6.fib_multipath_hash_policy': balance.hash === 'ports' ? 1 : 0 } : {},
    );
    rulesets[node.key] = ruleset(node, fork !== undefined);
    return {
      ...node,
      address: node.role === 'source' ? sourceAddress : /** @type {TopologyLink} */ (back).downstreamAddress,
    };
  });

  const asns = [...new Set(complete.map((node) => node.asn))].sort((a, b) => a - b);
  return {
    nodes: complete,
    links,
    addressing,
    routing,
    sysctls: sysctlsOf,
    rulesets,
    hostsFile: `127.0.0.1 localhost\n::1 localhost\n${complete.map((node) => `${node.address} ${node.hostName}\n`).join('')}`,
    asnCsv: asns
      .map((asn) => {
        const block = `2001:db8:${asn - SOURCE_AS}:`;
        return `${block}:,${block}ffff:ffff:ffff:ffff:ffff,${asn},${organisation(asn)}\n`;
      })
      .join(''),
  };
}
