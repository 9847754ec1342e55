// @ts-check
/** Turns a description into nodes and links with their names and addresses, the same ones for the lab and the simulator. */

/**
 * @typedef {import('./description-types.js').Description} Description
 * @typedef {import('./description-types.js').NodeFeatures} NodeFeatures
 * @typedef {import('./description-types.js').Layout} Layout
 * @typedef {import('./description-types.js').LayoutNode} LayoutNode
 * @typedef {import('./description-types.js').LayoutLink} LayoutLink
 */

/** Where the source is. */
export const SOURCE_AS = 64500;
export const TARGET_AS = 64510;

/** The first two routers are the source's own, the last two the destination's, the rest transit in pairs. @param {number} hop @param {number} routers */
function asnOfHop(hop, routers) {
  if (hop > routers - 2) return TARGET_AS;
  return hop <= 2 ? SOURCE_AS : Math.min(SOURCE_AS + 1 + ((hop - 3) >> 1), TARGET_AS - 1);
}

/** AS 64503 numbers its links from 2001:db8:3::/48; what follows is the hop, so that a reader knows a hop by its address. @param {number} asn @param {string} label */
function linkPrefix(asn, label) {
  return `2001:db8:${asn - SOURCE_AS}:${label}::`;
}

/** The target's address in each of its networks, of AS 64511 on; none where it has one network. @param {Description} description @returns {{address: string, asn: number}[]} */
export function targetNetworks({ target, routers }) {
  return Array.from({ length: target.networks ?? 0 }, (_, i) => {
    const asn = TARGET_AS + 1 + i;
    return { asn, address: `${linkPrefix(asn, String(routers + 1))}1` };
  });
}

/** Collects nodes and links; the first link into and out of a node is its main one, `up` and `down`. */
class Plan {
  /** @type {Omit<LayoutNode, 'address'>[]} */
  nodes = [];
  /** @type {LayoutLink[]} */
  links = [];

  /** @param {Description} description */
  constructor(description) {
    this.description = description;
  }

  /** @param {string} key @param {LayoutNode['role']} role @param {number} hop @param {NodeFeatures} features @param {number} [asn] */
  node(key, role, hop, features, asn = asnOfHop(hop, this.description.routers)) {
    this.nodes.push({ key, role, hop, asn, hostName: `${key}.lab.example`, features });
  }

  /**
   * @param {string} upstream @param {string} downstream
   * @param {number} hop Hop of the downstream node, for the address. @param {string} [letter] Tells parallel links apart.
   */
  link(upstream, downstream, hop, letter = '') {
    const prefix = linkPrefix(asnOfHop(hop, this.description.routers), `${hop}${letter}`);
    // Features are those of the chain's links, whose addresses have no letter.
    const features = letter === '' ? this.description.links[hop] : undefined;
    const isMain = !this.links.some((link) => link.downstream === downstream);
    // What a router's errors quote is cut on the link that they leave by, its main one, and by who carries a TUN link's packets.
    const quotes = isMain ? this.nodes.find((node) => node.key === downstream)?.features.quotes?.octets : undefined;
    this.links.push({
      upstream,
      downstream,
      upstreamInterface: this.links.some((link) => link.upstream === upstream) ? `down${letter}` : 'down',
      downstreamInterface: isMain ? 'up' : `up${letter}`,
      upstreamAddress: `${prefix}2`,
      downstreamAddress: `${prefix}1`,
      mtu: features?.mtu ?? null,
      type: quotes === undefined ? (features?.type ?? 'ethernet') : 'tun',
      quotes: quotes ?? null,
      unnumbered: upstream === 'source' && this.description.source.unnumbered === true,
    });
  }
}

/** @param {Plan} plan @param {Description} description */
function addChain(plan, { routers, everyRouter, hops, source, target, balance }) {
  plan.node('source', 'source', 0, source);
  for (let hop = 1; hop <= routers; hop += 1) {
    const own = balance?.hop === hop ? balance.hops?.[1] : undefined;
    plan.node(`hop${hop}`, 'router', hop, { ...everyRouter, ...hops[hop], ...own });
    plan.link(hop === 1 ? 'source' : `hop${hop - 1}`, `hop${hop}`, hop);
  }
  plan.node('target', 'target', routers + 1, target);
  plan.link(`hop${routers}`, 'target', routers + 1);
}

/** @param {Plan} plan @param {Description} description */
function addMembers(plan, { balance, everyRouter }) {
  if (balance === null) return;
  for (let member = 2; member <= balance.members; member += 1) {
    const letter = 'abcd'[member - 1];
    const key = `hop${balance.hop}${letter}`;
    plan.node(key, 'router', balance.hop, { ...everyRouter, ...balance.hops?.[member] });
    plan.link(`hop${balance.hop - 1}`, key, balance.hop, letter);
    plan.link(key, `hop${balance.hop + 1}`, balance.hop + 1, letter);
  }
}

/** @param {Plan} plan @param {Description} description */
function addDetour(plan, { detour, everyRouter, routers }) {
  if (detour === null) return;
  let previous = `hop${detour.leaves}`;
  for (let position = 1; position <= detour.routers; position += 1) {
    const hop = detour.leaves + position;
    const key = `hop${hop}f`;
    // However long it is, the detour lies before the router where it ends.
    const asn = asnOfHop(Math.min(hop, detour.rejoins), routers);
    plan.node(key, 'router', hop, { ...everyRouter, ...detour.hops?.[position] }, asn);
    plan.link(previous, key, hop, 'f');
    previous = key;
  }
  plan.link(previous, `hop${detour.rejoins}`, detour.rejoins, 'e');
}

/** @param {Description} description @returns {Layout} */
export function layOut(description) {
  const plan = new Plan(description);
  addChain(plan, description);
  addMembers(plan, description);
  addDetour(plan, description);
  const { links } = plan;
  const sourceAddress = /** @type {LayoutLink} */ (links[0]).upstreamAddress;
  const nodes = plan.nodes.map((node) => ({
    ...node,
    address: links.find((link) => link.downstream === node.key)?.downstreamAddress ?? sourceAddress,
  }));
  return { nodes, links };
}
