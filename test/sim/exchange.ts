/** For tests of the simulator: networks in a row, and hand-written probes sent through them one by one. */
import { expect } from 'vitest';

import type { ObservedPacket } from '../../src/transport/probe-transport.js';
import { handWrittenProbe, type HandWritten } from './hand-written-probe.js';
import { PEACE, type Host, type Network, type Router, type Segment } from './network.js';
import { plainRouter, plainTarget, routerAddress, SOURCE_ADDRESS, TARGET_ADDRESS } from './network-parts.js';
import { SimulatedTransport, type Profile } from './simulated-transport.js';
import { VirtualTime } from './virtual-time.js';

export interface Seen {
  readonly source: string;
  readonly bytes: Uint8Array;
  readonly layer: string;
  readonly timeNs: number;
}

export function line(routers: readonly Router[], target: Host = plainTarget(), more: Partial<Network> = {}): Network {
  const segment: Segment = { members: [routers], hash: 'none', headerMember: null, salt: 0 };
  return {
    seed: 1,
    source: SOURCE_ADDRESS,
    target,
    epochs: [{ fromNs: 0, segments: [segment] }],
    adversary: PEACE,
    sendFailures: { share: 0, code: 'EPERM' },
    kernelDrops: 0,
    ...more,
  };
}

export function routers(
  count: number,
  change: (router: ReturnType<typeof plainRouter>, hop: number) => void = () => undefined,
): Router[] {
  return Array.from({ length: count }, (_, index) => {
    const router = plainRouter(1, index + 1);
    change(router, index + 1);
    return router;
  });
}

/** Sends the probes one second apart and gives what came back for each. */
export async function exchange(
  network: Network,
  probes: readonly HandWritten[],
  profile: Profile = 'raw-socket',
): Promise<Seen[][]> {
  const time = new VirtualTime();
  const transport = new SimulatedTransport(time, [network], { profile });
  await transport.watch([
    { protocol: 'udp', from: 50000, to: 60000 },
    { protocol: 'icmp6', from: 50000, to: 60000 },
  ]);
  let seen: Seen[] = [];
  transport.onPackets((batch: readonly ObservedPacket[]) => {
    for (const { direction, source, bytes, layer, timeNs } of batch) {
      if (direction === 'in') seen.push({ source: String(source), bytes: bytes.slice(), layer, timeNs });
    }
  });
  const all: Seen[][] = [];
  for (const probe of probes) {
    seen = [];
    const octets = handWrittenProbe(probe);
    const outcomes = await transport.send(octets, Uint32Array.of(0), Uint32Array.of(octets.length));
    expect(outcomes).toHaveLength(1);
    await time.advance(1e9);
    all.push(seen);
  }
  return all;
}

export const hop = (number: number): string => String(routerAddress(1, number));
export const TARGET = String(TARGET_ADDRESS);
export const sources = (seen: Seen[][]): string[] =>
  seen.map((replies) => replies.map(({ source }) => source).join('+'));
export const quoted = (seen: Seen | undefined): Uint8Array => seen!.bytes.subarray(8);
