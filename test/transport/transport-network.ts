/**
 * Us, one router, the target: real kernels in network namespaces without names. Each lives as long as the process in it,
 * and that ends when this one does, killed or not: there is nothing to clean up, and nothing to find of earlier runs.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';

/** What the tests inside need to know; handed to them in the environment. */
export interface TransportNetwork {
  readonly source: string;
  /** The router on our link, and where its errors come from. */
  readonly router: string;
  readonly routerLinkLocal: string;
  readonly target: string;
  readonly udpEchoPort: number;
  readonly unroutable: string;
  readonly interface: string;
  readonly mtu: number;
  /** A second link to the router, which is not the best way to the target. */
  readonly second: {
    readonly interface: string;
    readonly source: string;
    readonly router: string;
    readonly mtu: number;
  };
}

export const NETWORK: TransportNetwork = {
  source: '2001:db8:1::2',
  router: '2001:db8:1::1',
  routerLinkLocal: 'fe80::1',
  target: '2001:db8:2::2',
  udpEchoPort: 7007,
  unroutable: '2001:db8:ffff::1',
  interface: 'link0',
  mtu: 1500,
  second: { interface: 'link1', source: '2001:db8:3::2', router: '2001:db8:3::1', mtu: 1400 },
};

export interface OpenedNetwork {
  /** Prefix of a command that is to run on our host. */
  readonly enter: readonly string[];
  close(): Promise<void>;
}

const HOLDER = ['sh', '-c', 'echo ready && exec cat'];
const UDP_ECHO = `
  const socket = require('node:dgram').createSocket('udp6');
  socket.on('message', (payload, from) => socket.send(payload, from.port, from.address));
  socket.bind(${NETWORK.udpEchoPort}, '::', () => console.log('ready'));
  process.stdin.on('end', () => process.exit()).resume();
`;

/** Rejects where the kernel or a missing privilege does not let it: such a test has failed, not been skipped. */
export async function openTransportNetwork(): Promise<OpenedNetwork> {
  const holders: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(
      holders.map(async (holder) => {
        if (holder.exitCode !== null || holder.signalCode !== null) return;
        const exited = new Promise((resolve) => holder.once('exit', resolve));
        holder.stdin?.end();
        holder.kill('SIGKILL');
        await exited;
      }),
    );
  };
  try {
    const [us, router, target] = await Promise.all([
      hold(HOLDER, holders),
      hold(HOLDER, holders),
      hold([process.execPath, '-e', UDP_ECHO], holders),
    ]);
    const { second, mtu } = NETWORK;
    ip(us, [
      'link set lo up',
      `link add ${NETWORK.interface} mtu ${mtu} type veth peer name us0 netns ${router} mtu ${mtu}`,
      `link add ${second.interface} mtu ${second.mtu} type veth peer name us1 netns ${router} mtu ${second.mtu}`,
      `address add ${NETWORK.source}/64 dev ${NETWORK.interface} nodad`,
      `address add ${second.source}/64 dev ${second.interface} nodad`,
      `link set ${NETWORK.interface} addrgenmode none`,
      `address add fe80::2/64 dev ${NETWORK.interface} nodad`,
      `link set ${NETWORK.interface} up`,
      `link set ${second.interface} up`,
    ]);
    ip(router, [
      `link add target type veth peer name link0 netns ${target}`,
      `address add ${NETWORK.router}/64 dev us0 nodad`,
      `address add ${second.router}/64 dev us1 nodad`,
      `address add ${NETWORK.routerLinkLocal}/64 dev us0 nodad`,
      'address add 2001:db8:2::1/64 dev target nodad',
      ...['lo', 'us0', 'us1', 'target'].map((name) => `link set ${name} up`),
    ]);
    ip(target, [
      'link set lo up',
      `address add ${NETWORK.target}/64 dev link0 nodad`,
      'link set link0 up',
      'route add default via 2001:db8:2::1',
    ]);
    ip(us, [
      `route add 2001:db8:2::/64 via ${NETWORK.router} metric 100`,
      `route add 2001:db8:2::/64 via ${second.router} metric 200`,
    ]);
    run(router, ['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.icmp.ratelimit=0']);
    return { enter: enter(us), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function hold(command: readonly string[], holders: ChildProcess[]): Promise<number> {
  const holder = spawn('unshare', ['--net', ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
  holders.push(holder);
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once('data', () => {
      resolve();
    });
    holder.once('error', reject);
    holder.once('exit', (code) => {
      reject(new Error(`Cannot make a network namespace (exit ${code ?? 'by signal'}): run the tests as root.`));
    });
  });
  if (holder.pid === undefined) throw new Error('unshare did not start: install util-linux.');
  return holder.pid;
}

function enter(pid: number): string[] {
  return ['nsenter', `--net=/proc/${pid}/ns/net`, '--'];
}

function ip(pid: number, commands: readonly string[]): void {
  run(pid, ['ip', '-6', '-batch', '-'], commands.join('\n'));
}

function run(pid: number, command: readonly string[], input = ''): void {
  const [program = '', ...args] = [...enter(pid), ...command];
  execFileSync(program, args, { input, stdio: ['pipe', 'inherit', 'inherit'] });
}
