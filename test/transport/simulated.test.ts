import { plainRouter, plainTarget, routerAddress, SOURCE_ADDRESS, TARGET_ADDRESS } from '../sim/network-parts.js';
import { type Network, PEACE } from '../sim/network.js';
import { type Profile, SimulatedTransport } from '../sim/simulated-transport.js';
import { VirtualTime } from '../sim/virtual-time.js';
import { describeTransportContract, type TransportFixture } from './contract.js';
import { octets } from './inside-fixture.js';

const network: Network = {
  seed: 1,
  source: SOURCE_ADDRESS,
  target: { ...plainTarget(), udp: 'echoes', delayMs: 1, jitterMs: 0, slowMs: 0, slowJitterMs: 0 },
  epochs: [
    {
      fromNs: 0,
      segments: [
        {
          members: [[{ ...plainRouter(1, 1), delayMs: 1, jitterMs: 0, slowMs: 0, slowJitterMs: 0 }]],
          hash: 'none',
          headerMember: null,
          salt: 0,
        },
      ],
    },
  ],
  adversary: PEACE,
  sendFailures: { share: 0, code: 'EPERM' },
  kernelDrops: 0,
};

function makeFixture(profile: Profile): Promise<TransportFixture> {
  const clock = new VirtualTime();
  const transport = new SimulatedTransport(clock, [network], { profile });
  return Promise.resolve({
    transport,
    clock,
    source: SOURCE_ADDRESS,
    router: routerAddress(1, 1),
    target: TARGET_ADDRESS,
    udpEchoPort: 7007,
    unroutable: octets('2001:db8:ffff::1'),
    mtu: null,
    settle: (promise) => clock.run(promise),
    collectGarbage: null,
    close: () => transport.close(),
  });
}

for (const profile of ['raw-socket', 'packet-socket'] as const) {
  describeTransportContract(`simulated (${profile})`, () => makeFixture(profile));
}
