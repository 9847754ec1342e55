import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNativeTransport } from '../../../src/transport/native/native-transport.js';
import { Inbox, sendAll } from '../behaviour.js';
import { echoRequest, isEchoReply } from '../contract-packets.js';
import { describeTransportContract, type TransportFixture } from '../contract.js';
import {
  type ContractNetwork,
  enterContractNetwork,
  octets,
  OURS,
  ROUTER,
  TARGET,
  UDP_ECHO_PORT,
  UNROUTABLE,
} from '../../native/contract-network.js';

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

describe('with transmit times', () => {
  it('a sent packet has the time that the kernel saw it leave, and is seen leaving as it was written', async () => {
    const fixture = await makeFixture(true);
    const { transport, source, target } = fixture;
    const inbox = new Inbox(transport);
    await transport.watch([{ protocol: 'icmp6', from: 77, to: 77 }]);
    const requests = [1, 2, 3].map((sequence) =>
      echoRequest({ source, destination: target }, { identifier: 77, sequence }),
    );
    const outcomes = await sendAll(transport, requests);
    await inbox.first((packet) => isEchoReply(packet, 77, 3));
    const left = inbox.all.filter(({ observed }) => observed.direction === 'out');
    expect(left.map(({ message }) => message.toString('hex'))).toEqual(
      requests.map((packet) => packet.toString('hex', 40)),
    );
    expect(outcomes).toEqual(left.map(({ observed }) => ({ ok: true, sentAtNs: observed.timeNs })));
    await fixture.close();
  });
});
