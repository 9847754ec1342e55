/** The network of the contract: us, one router, the target. */
import { createSocket } from 'node:dgram';
import { parseAddress } from '../../src/address/address.js';
import { connect, enterNewNamespace, Host, run } from './network-namespace.js';

export const OURS = '2001:db8:1::1';
export const ROUTER = '2001:db8:1::2';
export const TARGET = '2001:db8:2::2';
export const UNROUTABLE = '2001:db8:ffff::1';
export const UDP_ECHO_PORT = 7;

const ECHO_SERVER = `
  const socket = require('node:dgram').createSocket('udp6');
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(${UDP_ECHO_PORT}, '::', () => console.log('ready'));
`;
const UNLIMITED_ICMP = [
  'net.ipv6.icmp.ratelimit=0',
  'net.ipv4.icmp_msgs_per_sec=1000000',
  'net.ipv4.icmp_msgs_burst=1000000',
];

export interface ContractNetwork {
  readonly router: Host;
  readonly target: Host;
  close(): void;
}

/** Moves this process into it. */
export async function enterContractNetwork(): Promise<ContractNetwork> {
  enterNewNamespace();
  const router = await Host.create();
  const target = await Host.create();
  connect(null, router, { near: 'up0', far: 'down0', nearAddress: `${OURS}/64`, farAddress: `${ROUTER}/64` });
  connect(router, target, { near: 'up0', far: 'down0', nearAddress: '2001:db8:2::1/64', farAddress: `${TARGET}/64` });
  router.sysctl('net.ipv6.conf.all.forwarding=1', ...UNLIMITED_ICMP);
  target.sysctl(...UNLIMITED_ICMP);
  run('ip', '-6', 'route', 'add', '2001:db8:2::/64', 'via', ROUTER);
  target.run('ip', '-6', 'route', 'add', '2001:db8:1::/64', 'via', '2001:db8:2::1');
  await target.script(ECHO_SERVER);
  // Neighbours are known from here on, so that no packet of a test waits for them.
  await echoOnce();
  return {
    router,
    target,
    close() {
      target.close();
      router.close();
    },
  };
}

function echoOnce(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp6');
    socket.once('error', reject);
    socket.once('message', () => {
      socket.close(resolve);
    });
    socket.send('hello', UDP_ECHO_PORT, TARGET);
  });
}

export function octets(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === null) throw new Error(`no IPv6 address: ${text}`);
  return address.octets;
}
