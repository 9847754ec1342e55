import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, it } from 'vitest';

import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import { acceptable } from './acceptable.js';
import { generateNetwork } from './generate-network.js';
import { TARGET_ADDRESS } from './network-parts.js';
import { mutateReply } from './mutate-reply.js';
import type { Network } from './network.js';
import { Random } from './random.js';
import { DESTINATION_PORT, requestFor, SIMULATED_PROTOCOLS } from './run-network.js';
import { SimulatedTransport, type Profile } from './simulated-transport.js';
import { truthOf } from './truth.js';
import { VirtualTime } from './virtual-time.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapAfterCollection(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const MUTATED = 500_000;
const BATCH = 50;

function networks(count: number): Network[] {
  return Array.from({ length: count }, (_, index) => {
    const { network } = generateNetwork(9000 + index, 'nothing happens');
    const address = TARGET_ADDRESS.slice();
    address[14] = index + 1;
    return {
      ...network,
      // Quotes damaged on the way are not matched; spliced together again they would be what only somebody on the path has.
      adversary: { ...network.adversary, corrupted: 0, corruptedQuotes: 0 },
      target: { ...network.target, addresses: [address], udp: 'port-unreachable', echo: 'replies' },
    };
  });
}

async function underFire(profile: Profile): Promise<void> {
  const time = new VirtualTime();
  const all = networks(10);
  const transport = new SimulatedTransport(time, all, { profile, destinationPort: DESTINATION_PORT });
  const random = new Random(77, profile === 'raw-socket' ? 1 : 2);
  const engineRandom = new Random(78);
  const engine = createTraceEngine({
    transport,
    time,
    randomBytes: (length) => engineRandom.octets(length),
    rate: 100,
  });
  // The replies that came last, those of live traces, are what hostile packets are made of.
  const recent: Uint8Array[] = [];
  let next = 0;
  transport.onReply = (octets) => {
    if (octets.length >= 56) recent[next++ % 256] = octets.slice();
  };
  const traces = all.flatMap((network) =>
    SIMULATED_PROTOCOLS.map((protocol) => ({
      network,
      handle: engine.start(requestFor(network, protocol, network.seed)),
    })),
  );
  const records = Promise.all(traces.map(({ handle }) => handle.record));
  let pushed = 0;
  let heapAtTenth = 0;
  let heapAtEnd = 0;
  const fire = (): void => {
    if (recent.length > 20 && pushed < MUTATED) {
      for (let batches = 0; batches < 40; batches++) {
        transport.injectBatch(Array.from({ length: BATCH }, () => mutateReply(recent, random)));
        pushed += BATCH;
        if (pushed === MUTATED / 10) heapAtTenth = heapAfterCollection();
      }
      if (pushed >= MUTATED) heapAtEnd = heapAfterCollection();
    }
    if (pushed < MUTATED) time.at(time.nowNs() + 20e6, fire);
  };
  fire();
  const done = await time.run(records);
  expect(pushed, 'the traces ended before all was sent').toBeGreaterThanOrEqual(MUTATED);
  expect(engine.stats().malformed + engine.stats().foreign).toBeGreaterThan(0);
  await time.run(engine.close());
  console.log(`${profile}: ${pushed} mutated replies, heap growth ${((heapAtEnd - heapAtTenth) / 1e6).toFixed(1)} MB`);
  expect(heapAtEnd - heapAtTenth).toBeLessThan(16e6);
  const forged = done.flatMap((record, index) =>
    acceptable(record, truthOf(traces[index]!.network)).filter(({ kind }) => kind === 'forged-hop'),
  );
  expect(forged).toEqual([]);
}

describe('a million mutated replies, with traces in flight', () => {
  it('do no harm to a receiver of whole packets', async () => {
    await underFire('packet-socket');
  });

  it('do no harm to a receiver on raw sockets', async () => {
    await underFire('raw-socket');
  });
});
