// @ts-check
/** A network in words: its nodes, what they do to packets, and what is true in it. */
import { layOut } from '../scenario/layout.mjs';

/** @param {import('../scenario/description-types.js').Filter} filter */
function filterInWords(filter) {
  return [
    filter.action,
    filter.type === undefined ? '' : `with ${filter.type}/${filter.code}`,
    filter.percent === undefined ? '' : `${filter.percent} % of`,
    filter.match,
    filter.payloadOver === undefined ? '' : `over ${filter.payloadOver} octets`,
    filter.direction ?? '',
    filter.spares === undefined ? '' : `but ${filter.spares.burst} at once and ${filter.spares.perSecond} a second`,
    filter.inTargetsName === true ? "in the target's name" : '',
    `(${filter.at})`,
  ]
    .filter((word) => word !== '')
    .join(' ');
}

/** @param {import('../scenario/description-types.js').NodeFeatures} features */
function featuresInWords(features) {
  const words = (features.filters ?? []).map(filterInWords);
  if (features.silent) words.push(`silent ${features.silent}`);
  if (features.icmp) words.push(`ICMPv6 limits ${JSON.stringify(features.icmp)}`);
  if (features.quotes) words.push(`quotes ${JSON.stringify(features.quotes)}`);
  if (features.errorsFrom) words.push(`errors from ${features.errorsFrom}`);
  if (features.destinationNat) words.push('sends on to the target what is sent to the address that is asked');
  if (features.sysctl) words.push(JSON.stringify(features.sysctl));
  return words.join('; ');
}

/**
 * @param {import('../scenario/description-types.js').Description} description @param {{truth: boolean}} [show]
 * @returns {string} Lines of text.
 */
export function picture(description, show = { truth: true }) {
  const { nodes } = layOut(description);
  const { truth, detour, balance, target, asked } = description;
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
  if (target.answersFor !== undefined) lines.push(`  the target answers for ${target.answersFor}`);
  if (asked !== null) lines.push(`  ${asked} is asked`);
  if (target.echo) lines.push(`  the target answers no echo request`);
  if (target.udpService) lines.push(`  the target has a UDP service: ${target.udpService}`);
  if (target.networks) lines.push(`  the target has addresses in ${target.networks} networks besides`);
  if (target.longestHeader !== undefined)
    lines.push(`  the target takes no Destination Options header of more than ${target.longestHeader} octets`);
  if (show.truth) lines.push(`  truth: ${JSON.stringify(truth)}`);
  return `${lines.join('\n')}\n`;
}
