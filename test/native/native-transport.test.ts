import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll } from 'vitest';
import { openNativeTransport } from '../../src/transport/native-transport.js';
import { describeTransportContract, type TransportFixture } from '../transport/contract.js';
import {
  type ContractNetwork,
  enterContractNetwork,
  octets,
  OURS,
  ROUTER,
  TARGET,
  UDP_ECHO_PORT,
  UNROUTABLE,
} from './contract-network.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let network: ContractNetwork;
beforeAll(async () => {
  network = await enterContractNetwork();
});
afterAll(() => {
  network.close();
});

for (const transmitTimes of [false, true]) {
  describeTransportContract(`native ${transmitTimes ? 'with' : 'without'} transmit times`, () =>
    makeFixture(transmitTimes),
  );
}

async function makeFixture(transmitTimes: boolean): Promise<TransportFixture> {
  const startedAt = process.hrtime.bigint();
  const clock = { nowNs: () => Number(process.hrtime.bigint() - startedAt) };
  const transport = await openNativeTransport({ clock, transmitTimes, ringBytes: 1 << 20 });
  return {
    transport,
    clock,
    source: octets(OURS),
    router: octets(ROUTER),
    target: octets(TARGET),
    udpEchoPort: UDP_ECHO_PORT,
    unroutable: octets(UNROUTABLE),
    mtu: 1500,
    settle: (promise) => promise,
    collectGarbage,
    close: () => transport.close(),
  };
}
