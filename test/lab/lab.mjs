// @ts-check
/**
 * Builds a described network out of real kernel routers in network namespaces, and takes it away again.
 * Few processes, so that a lab of eight routers stands in well under a second: one `ip -batch` makes namespaces and links,
 * then one shell per namespace sets addresses, waits for all others, and sets routes and filters.
 */
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { URL, fileURLToPath } from 'node:url';
import { readScenario } from './description.mjs';
import { acquirePrivilege, deleteNamespaces, labError, removeLeftovers, uniqueLabName } from './namespaces.mjs';
import { packetsOfPcap } from './pcap.mjs';
import { buildTopology } from './topology.mjs';

/**
 * @typedef {import('./lab-types.js').Description} Description
 * @typedef {import('./lab-types.js').ExecOptions} ExecOptions
 * @typedef {import('./lab-types.js').ExecResult} ExecResult
 * @typedef {import('./lab-types.js').Lab} Lab
 * @typedef {import('./lab-types.js').Topology} Topology
 */

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** Names of the lab's nodes without a name server: a hosts file in the command's own mount namespace. */
const ENTER_WITH_HOSTS =
  'd=$1; shift; mount --bind "$d/hosts" /etc/hosts && { mount --bind "$d/resolv.conf" /etc/resolv.conf 2>/dev/null || :; } && exec "$@"';

/** Labs that stand, for the case that the process ends without destroying them. @type {Set<() => void>} */
const standing = new Set();
process.on('exit', () => {
  for (const remove of standing) remove();
});

/** @param {import('node:child_process').ChildProcess} child @param {string} [input] @returns {Promise<ExecResult>} */
function collect(child, input) {
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const out = [];
    /** @type {Buffer[]} */
    const err = [];
    child.stdout?.on('data', (chunk) => out.push(chunk));
    child.stderr?.on('data', (chunk) => err.push(chunk));
    child.on('error', reject);
    // A command that ends without reading its input is judged by its exit code.
    child.stdin?.on('error', () => undefined);
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
    child.stdin?.end(input ?? '');
  });
}

/** @param {Topology} topology @param {Readonly<Record<string, string>>} names @returns {string} `ip -batch` lines. */
function wiring(topology, names) {
  const lines = topology.nodes.map((node) => `netns add ${names[node.key]}`);
  topology.links.forEach((link, i) => {
    const mtu = link.mtu === null ? '' : ` mtu ${link.mtu}`;
    // Indexes that differ at both ends: for a link whose ends have the same index Linux may wait a second before it says "up".
    lines.push(
      `link add name ${link.upstreamInterface} index ${100 + 2 * i}${mtu} netns ${names[link.upstream]} type veth ` +
        `peer name ${link.downstreamInterface} index ${101 + 2 * i}${mtu} netns ${names[link.downstream]}`,
    );
  });
  return `${lines.join('\n')}\n`;
}

/** @param {Topology} topology @param {string} key @returns {{first: string, second: string}} Shell text before and after all links are up. */
function nodeScripts(topology, key) {
  const settings = Object.entries(topology.sysctls[key] ?? {}).map(([name, value]) => {
    const file = `/proc/sys/${name.replaceAll('.', '/')}`;
    // Kernels before 6.13 have the global ICMP limits only outside: there they are nobody's to change.
    return name.startsWith('net.ipv4.icmp_msgs')
      ? `[ ! -w ${file} ] || echo ${value} > ${file}`
      : `echo ${value} > ${file}`;
  });
  const ruleset = topology.rulesets[key] ?? '';
  /** @param {readonly string[] | undefined} lines */
  const batch = (lines) => (lines?.length ? `ip -6 -batch - <<'.'\n${lines.join('\n')}\n.\n` : '');
  return {
    first:
      'set -e\n' +
      'for d in /proc/sys/net/ipv6/conf/*; do echo 0 > $d/accept_dad; echo 0 > $d/dad_transmits; echo 0 > $d/accept_ra; echo 0 > $d/router_solicitations; done\n' +
      `${settings.join('\n')}\n${batch(topology.addressing[key])}echo up\n`,
    second: `${batch(topology.routing[key])}${ruleset === '' ? '' : `nft -f - <<'.'\n${ruleset}.\n`}exit 0\n`,
  };
}

/**
 * @param {Description | string} descriptionOrName A description, the name of a scenario, or the path of a description file.
 * @returns {Promise<Lab>}
 */
export async function createLab(descriptionOrName) {
  const description = typeof descriptionOrName === 'string' ? readScenario(descriptionOrName) : descriptionOrName;
  const topology = buildTopology(description);
  const privilege = await acquirePrivilege();
  if (privilege.kind === 'root') removeLeftovers();

  const labName = uniqueLabName();
  const directory = join(tmpdir(), labName);
  /** @type {Record<string, string>} */
  const namespaces = Object.fromEntries(topology.nodes.map((node) => [node.key, `${labName}-${node.key}`]));
  /** Commands that run in the lab, each with its process group. @type {Set<import('node:child_process').ChildProcess>} */
  const running = new Set();

  const remove = () => {
    standing.delete(remove);
    for (const child of running) {
      try {
        process.kill(-(/** @type {number} */ (child.pid)), 'SIGKILL');
      } catch {
        // It has ended, or shares our terminal and ends with it.
      }
    }
    deleteNamespaces(privilege.enter, Object.values(namespaces));
    rmSync(directory, { recursive: true, force: true });
    privilege.release();
  };
  standing.add(remove);

  /** @param {readonly string[]} argv @param {import('node:child_process').SpawnOptions} options */
  const start = (argv, options) => {
    const [command, ...rest] = [...privilege.enter, ...argv];
    const child = spawn(/** @type {string} */ (command), rest, options);
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  };
  /** @param {string} namespace */
  const fullName = (namespace) => {
    const name = namespaces[namespace] ?? namespace;
    if (Object.values(namespaces).includes(name)) return name;
    throw labError(
      'LAB_NO_SUCH_NODE',
      `there is no node "${namespace}"; this lab has ${Object.keys(namespaces).join(', ')}`,
    );
  };

  /** @type {Lab['spawn']} */
  const spawnIn = (namespace, argv, options) =>
    start(['ip', 'netns', 'exec', fullName(namespace), 'sh', '-c', ENTER_WITH_HOSTS, 'sh', directory, ...argv], {
      stdio: options.stdio,
      // On a terminal the command must stay in the foreground group, else it cannot read.
      detached: options.stdio === 'pipe',
      cwd: options.cwd ?? process.cwd(),
      env: { ...process.env, PATH: `${directory}/bin:${process.env['PATH'] ?? ''}`, ...options.env },
    });

  /** @type {Lab['exec']} */
  const exec = async (namespace, argv, options = {}) => {
    const child = spawnIn(namespace, argv, { ...options, stdio: 'pipe' });
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => process.kill(-(/** @type {number} */ (child.pid)), 'SIGKILL'), options.timeoutMs);
    try {
      return await collect(child, options.input);
    } finally {
      clearTimeout(timer);
    }
  };

  try {
    writeFiles(directory, topology);
    const made = await collect(start(['ip', '-batch', '-'], { stdio: 'pipe' }), wiring(topology, namespaces));
    if (made.code !== 0)
      throw labError('LAB_BUILD_FAILED', `ip made no links for ${description.name}: ${made.stderr.trim()}`);
    await configure(topology, (key) =>
      start(['ip', 'netns', 'exec', /** @type {string} */ (namespaces[key]), 'sh'], { stdio: 'pipe' }),
    );
  } catch (error) {
    remove();
    throw error;
  }

  const target = /** @type {Topology['nodes'][number]} */ (topology.nodes.find((node) => node.key === 'target'));
  return {
    description,
    topology,
    namespaces,
    sourceNamespace: /** @type {string} */ (namespaces['source']),
    sourceAddress: /** @type {Topology['nodes'][number]} */ (topology.nodes[0]).address,
    targetAddress: target.address,
    targetName: target.hostName,
    directory,
    asnFile: join(directory, 'asn.csv'),
    hopAddress: (hop) => {
      const node = topology.nodes.find(({ key }) => key === (hop === target.hop ? 'target' : `hop${hop}`));
      if (!node) throw labError('LAB_NO_SUCH_NODE', `there is no hop ${hop}; this lab has 1 to ${target.hop}`);
      return node.address;
    },
    hopAddresses: (hop) => topology.nodes.filter((node) => node.hop === hop).map((node) => node.address),
    exec,
    spawn: spawnIn,
    capture: async (namespace, interfaceName) => {
      const child = spawnIn(
        namespace,
        ['tcpdump', '--immediate-mode', '-U', '-n', '-s', '0', '-w', '-', '-i', interfaceName, 'ip6'],
        {
          stdio: 'pipe',
        },
      );
      /** @type {Buffer[]} */
      const chunks = [];
      child.stdout?.on('data', (chunk) => chunks.push(chunk));
      await new Promise((resolve, reject) => {
        let said = '';
        child.stderr?.on('data', (chunk) => {
          said += String(chunk);
          if (said.includes('listening on')) resolve(undefined);
        });
        child.once('close', () =>
          reject(labError('LAB_CAPTURE_FAILED', `tcpdump on ${interfaceName} ended: ${said.trim()}`)),
        );
      });
      return {
        stop: async () => {
          const ended = new Promise((resolve) => child.once('close', resolve));
          child.kill('SIGINT');
          await ended;
          const pcap = Buffer.concat(chunks);
          return { pcap, packets: packetsOfPcap(pcap) };
        },
      };
    },
    destroy: () => Promise.resolve(remove()),
  };
}

/** @param {string} directory @param {Topology} topology */
function writeFiles(directory, topology) {
  mkdirSync(join(directory, 'bin'), { recursive: true });
  writeFileSync(join(directory, 'hosts'), topology.hostsFile);
  // No name server answers in a lab; an empty list makes the resolver ask 127.0.0.1, which refuses at once.
  writeFileSync(join(directory, 'resolv.conf'), '# no name servers in the lab\n');
  writeFileSync(join(directory, 'asn.csv'), topology.asnCsv);
  const tool = join(directory, 'bin', 'pdm-trace');
  writeFileSync(tool, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  chmodSync(tool, 0o755);
}

/** @param {Topology} topology @param {(key: string) => import('node:child_process').ChildProcess} shellIn */
async function configure(topology, shellIn) {
  const shells = topology.nodes.map((node) => {
    const child = shellIn(node.key);
    const { first, second } = nodeScripts(topology, node.key);
    let errors = '';
    child.stderr?.on('data', (chunk) => (errors += String(chunk)));
    child.stdin?.on('error', () => undefined);
    const ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        if (code === 0) resolve(undefined);
        else reject(labError('LAB_BUILD_FAILED', `${node.key} was not set up: ${errors.trim() || `exit ${code}`}`));
      });
    });
    const up = new Promise((resolve) => child.stdout?.once('data', resolve));
    child.stdin?.write(first);
    return { child, second, up, ended };
  });
  // An address of the neighbour must exist before a route may point to it.
  await Promise.all(shells.map(({ up, ended }) => Promise.race([up, ended])));
  for (const { child, second } of shells) child.stdin?.end(second);
  await Promise.all(shells.map(({ ended }) => ended));
}
