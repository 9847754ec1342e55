import { setTimeout as sleep } from 'node:timers/promises';
import { parseAddress } from '../../src/address/address.js';
import type { EngineClock, ProbeTransport } from '../../src/transport/probe-transport.js';
import { Inbox, sendAll } from './behaviour.js';
import { echoRequest, isEchoReply } from './contract-packets.js';
import type { TransportFixture } from './contract.js';
import { NETWORK } from './transport-network.js';

export function octets(text: string): Uint8Array {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no IPv6 address.`);
  return parsed.octets;
}

const startNs = process.hrtime.bigint();
const clock: EngineClock = { nowNs: () => Number(process.hrtime.bigint() - startNs) };

/** A fixture of the transport network, for an adapter on this kernel. */
export async function makeInsideFixture(
  open: (options: { readonly clock: EngineClock }) => Promise<ProbeTransport>,
): Promise<TransportFixture> {
  const transport = await open({ clock });
  const fixture: TransportFixture = {
    transport,
    clock,
    source: octets(NETWORK.source),
    router: octets(NETWORK.router),
    target: octets(NETWORK.target),
    udpEchoPort: NETWORK.udpEchoPort,
    unroutable: octets(NETWORK.unroutable),
    mtu: NETWORK.mtu,
    settle: (promise) => promise,
    collectGarbage: forceGarbageCollection,
    close: () => transport.close(),
  };
  await untilReachable(fixture);
  return fixture;
}

function forceGarbageCollection(): void {
  if (globalThis.gc === undefined) throw new Error('Run with --expose-gc.');
  globalThis.gc();
}

/** Links come up and neighbours are found some time after the commands that ask for it. */
async function untilReachable({ transport, source, target }: TransportFixture): Promise<void> {
  const identifier = 0xffff;
  const inbox = new Inbox(transport);
  await transport.watch([{ protocol: 'icmp6', from: identifier, to: identifier }]);
  for (let sequence = 0; ; sequence += 1) {
    await sendAll(transport, [echoRequest({ source, destination: target }, { identifier, sequence })]);
    const answered = inbox.first((packet) => isEchoReply(packet, identifier, sequence)).then(() => true);
    if (await Promise.race([answered, sleep(200, false)])) break;
    if (sequence >= 40) throw new Error('The target of the transport network does not answer.');
  }
  await transport.watch([]);
}
