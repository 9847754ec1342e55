// @ts-check
/** Thousands of targets in a network namespace without a name: it vanishes with its keeper, which ends with this process. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';

const ROOT = path.resolve(import.meta.dirname, '../..');
const INTERFACE = 'tun0';
const PROTOCOLS = new Map([
  ['17', 'udp'],
  ['58', 'icmp6'],
]);

function compile() {
  const cache = path.join(ROOT, 'node_modules/.cache/pdm-trace-test');
  const output = path.join(cache, 'tun-network');
  mkdirSync(cache, { recursive: true });
  const mine = `${output}.${process.pid}`;
  execFileSync('cc', ['-O2', '-o', mine, path.join(import.meta.dirname, 'tun-network.c')]);
  renameSync(mine, output); // other test processes do the same at the same time
  return output;
}

/** @param {{ counted?: boolean }} [options] @returns {Promise<import('./tun-network.d.mts').TunNetwork>} */
export async function openTunNetwork({ counted = true } = {}) {
  const asRoot = process.getuid?.() === 0;
  const own = asRoot ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const keeper = spawn(
    'unshare',
    [...own, 'sh', '-c', `ip link set lo up && exec "$1" ${INTERFACE} $2`, 'sh', compile(), counted ? '' : 'uncounted'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface({ input: keeper.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => {
    const line = await lines.next();
    if (line.done === true) throw new Error('the network ended');
    return line.value;
  };
  await nextLine();
  const enter = ['-t', String(keeper.pid), '-n', ...(asRoot ? [] : ['-U', '--preserve-credentials'])];
  const ip = (/** @type {string} */ words) => execFileSync('nsenter', [...enter, 'ip', ...words.split(' ')]);
  execFileSync('nsenter', [...enter, 'sysctl', '-q', '-w', `net.ipv6.conf.${INTERFACE}.accept_dad=0`]);
  ip(`address add 2001:db8:0:1::2/64 dev ${INTERFACE} nodad`);
  ip(`link set ${INTERFACE} txqueuelen 10000 up`);
  ip(`-6 route add default dev ${INTERFACE}`);
  return {
    command: (argv) => ['nsenter', ...enter, ...argv],
    packets: async () => {
      keeper.stdin.write('\n');
      const counts = new Map();
      for (;;) {
        const [address = '', protocol = '', packets = ''] = (await nextLine()).split(' ');
        if (address === 'end') return counts;
        counts.set(`${address} ${PROTOCOLS.get(protocol) ?? protocol}`, Number(packets));
      }
    },
    close: () => {
      keeper.kill('SIGKILL');
    },
  };
}

/**
 * Target `number` of a kind, alone in its /48 among the first 32,768. `filterAfter`: the last hop before the filter; 5 by default.
 * @param {number} number @param {'answers' | 'filtered' | 'silent' | 'near'} kind @param {number} [filterAfter]
 */
export function targetAddress(number, kind, filterAfter = 0) {
  const last = (filterAfter << 8) | { answers: 1, filtered: 2, silent: 3, near: 4 }[kind];
  const site = (((number >> 8) & 0x7f) * 256 + (number & 0xff)).toString(16);
  const host = number >> 15;
  return host === 0
    ? `2001:db8:${site}::${last.toString(16)}`
    : `2001:db8:${site}::${host.toString(16)}:${last.toString(16)}`;
}
