/** Whether hops that a record took from other traces are those that its own packets met. */
import type { HopRecord, TraceRecord } from '../../src/record/record.js';
import { octetsOf } from './address-text.js';
import { pathOf, type FlowKey, type Network, type Router } from './network.js';
import { addressKey } from './truth.js';

export function filledHops(record: TraceRecord): HopRecord[] {
  return record.hops.filter(({ sharedFrom }) => sharedFrom !== undefined);
}

/**
 * What is wrong with them; empty when nothing is. `sinceNs`: a way that was there until so long before the trace counts, as a
 * change is not seen at once. Only UDP records say all that a load balancer hashes.
 */
export function wrongFills(record: TraceRecord, network: Network, epochMs: number, sinceNs: number): string[] {
  const filled = filledHops(record);
  const wrong: string[] = [];
  const own = record.hops.filter(({ sharedFrom }) => sharedFrom === undefined).map(({ hop }) => hop);
  const n = record.summary.lastPdmHop?.hop ?? 0;
  for (const { hop, sharedFrom } of filled) {
    if (sharedFrom === record.id) wrong.push(`hop ${hop} is said to be taken from the record itself`);
    if (hop >= Math.min(...own) || hop >= n) wrong.push(`hop ${hop} is filled, n is ${n}, own hops ${own.join()}`);
  }
  if (filled.length > 0 && filled.length !== Math.min(...own) - 1)
    wrong.push('hops are missing below the first own one');
  if (record.protocol !== 'udp') return wrong;
  const startNs = (Date.parse(record.startedAt) - epochMs) * 1e6;
  const endNs = (Date.parse(record.endedAt) - epochMs) * 1e6;
  const epochs = network.epochs.filter(({ fromNs }, index) => {
    const untilNs = network.epochs[index + 1]?.fromNs ?? Infinity;
    return fromNs <= endNs && untilNs >= startNs - sinceNs;
  });
  for (const place of filled) {
    for (const arm of ['plain', 'pdm'] as const) {
      const met = epochs.map((epoch) => pathOf(epoch, flowOf(record, network, arm === 'pdm'))[place.hop - 1]);
      if (!met.some((router) => router !== undefined && fits(place, arm, router)))
        wrong.push(`hop ${place.hop} (${arm}) is filled with ${addressesOf(place, arm).join() || 'nobody'}`);
    }
  }
  return wrong;
}

function addressesOf(place: HopRecord, arm: 'plain' | 'pdm'): string[] {
  return place.arms[arm].responders.map(({ address }) => address);
}

function fits(place: HopRecord, arm: 'plain' | 'pdm', router: Router): boolean {
  const keys = new Set(router.addresses.map(addressKey));
  const addresses = addressesOf(place, arm);
  if (router.silent || (arm === 'pdm' && router.reports === 0)) return addresses.length === 0;
  return addresses.length > 0 && addresses.every((address) => keys.has(addressKey(octetsOf(address)!)));
}

function flowOf(record: TraceRecord, network: Network, header: boolean): FlowKey {
  const { sourcePort, destinationPort, flowLabel } = record.flow;
  return {
    source: network.source,
    target: network.target.addresses[0]!,
    flowLabel: flowLabel!,
    protocol: 17,
    ports: sourcePort! * 0x10000 + destinationPort!,
    header,
  };
}
