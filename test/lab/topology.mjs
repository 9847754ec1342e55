// @ts-check
/** What a laid-out network becomes in the kernel: each node's set-up, and the files that name addresses. Pure: touches no kernel. */
import { layOut, SOURCE_AS, TARGET_AS, targetNetworks } from '../scenario/layout.mjs';
import { setupOf } from './node-setup.mjs';

/**
 * @typedef {import('../scenario/description-types.js').Description} Description
 * @typedef {import('../scenario/description-types.js').LayoutNode} LayoutNode
 * @typedef {import('./lab-types.js').Topology} Topology
 */

/** @param {number} asn */
function organisation(asn) {
  if (asn === SOURCE_AS) return 'Lab Source Network';
  if (asn === TARGET_AS) return 'Lab Destination Network';
  return asn > TARGET_AS ? `Lab Destination ${asn - TARGET_AS}` : `Lab Transit ${asn - SOURCE_AS}`;
}

/** @param {readonly {asn: number}[]} nodes @returns {string} */
function asnRows(nodes) {
  return [...new Set(nodes.map((node) => node.asn))]
    .sort((a, b) => a - b)
    .map((asn) => {
      const block = `2001:db8:${asn - SOURCE_AS}:`;
      return `${block}:,${block}ffff:ffff:ffff:ffff:ffff,${asn},${organisation(asn)}\n`;
    })
    .join('');
}

/** @param {Description} description @returns {Topology} */
export function buildTopology(description) {
  const { nodes, links } = layOut(description);
  return {
    nodes,
    links,
    setups: Object.fromEntries(nodes.map((node) => [node.key, setupOf(description, node, { nodes, links })])),
    hostsFile: `127.0.0.1 localhost\n::1 localhost\n${nodes.map((node) => `${node.address} ${node.hostName}\n`).join('')}`,
    asnCsv: asnRows([...nodes, ...targetNetworks(description)]),
  };
}
