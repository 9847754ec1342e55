import type { AnnotationSources } from '../../src/annotate/annotate-record.js';
import type { Network, Node } from './network.js';
import { addressKey } from './truth.js';

/** Where the source is, unless a network says so: no router has this number. */
export const SOURCE_ASN = 0xff0;

/**
 * Origin ASes of a network's addresses, as a table of announced prefixes has them: a border that is numbered by its
 * neighbour, or from what nobody announces, is there under that.
 */
export function asDatabaseOf(network: Network): NonNullable<AnnotationSources['asDatabase']> {
  const origins = new Map<string, number | null>([[addressKey(network.source), network.sourceAsn ?? SOURCE_ASN]]);
  const enter = (node: Node): void => {
    const asn = node.addressAsn === undefined ? node.asn : node.addressAsn;
    for (const address of [...node.addresses, ...(node.optionAddresses ?? [])]) {
      const key = addressKey(address);
      // One address of several nodes has one origin.
      if (!origins.has(key)) origins.set(key, asn);
    }
  };
  const { target } = network;
  enter(target);
  for (const other of [target.answersFrom, target.errorsFrom])
    if (other !== undefined) origins.set(addressKey(other), target.asn);
  for (const epoch of network.epochs)
    for (const segment of epoch.segments)
      for (const router of segment.members.flat()) {
        enter(router);
        if (router.rival !== undefined) origins.set(addressKey(router.rival.address), router.rival.asn);
      }
  return {
    lookup: (octets) => {
      const asn = origins.get(addressKey(octets)) ?? null;
      return asn === null ? null : { asn, name: `AS of ${asn}` };
    },
    source: 'simulation',
    date: '2025-01-01',
  };
}
