// @ts-check
/**
 * Makes a topology real. Few processes, so that a lab of eight routers stands in a tenth of a second: one `ip -batch` makes
 * namespaces and links, then one shell per namespace sets addresses, waits for all others, and sets routes and filters.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { URL, fileURLToPath } from 'node:url';
import { collect } from './collect.mjs';
import { labError } from './namespaces.mjs';

/**
 * @typedef {import('node:child_process').ChildProcess} ChildProcess
 * @typedef {import('node:child_process').SpawnOptions} SpawnOptions
 * @typedef {import('./lab-types.js').NodeSetup} NodeSetup
 * @typedef {import('./lab-types.js').Topology} Topology
 * @typedef {Readonly<Record<string, string>>} Names Namespace names by node key.
 * @typedef {(argv: readonly string[], options: SpawnOptions) => ChildProcess} Start
 */

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TUN_RELAY = fileURLToPath(new URL('./tun-relay.py', import.meta.url));
const UDP_SERVICE = fileURLToPath(new URL('./udp-service.mjs', import.meta.url));

/** @param {Topology} topology @param {Names} names @returns {string} `ip -batch` lines. */
function wiring(topology, names) {
  const lines = topology.nodes.map((node) => `netns add ${names[node.key]}`);
  topology.links.forEach((link, i) => {
    if (link.type === 'tun') return;
    const mtu = link.mtu === null ? '' : ` mtu ${link.mtu}`;
    // Indexes that differ at both ends: for a link whose ends have the same index Linux may wait a second before it says "up".
    lines.push(
      `link add name ${link.upstreamInterface} index ${100 + 2 * i}${mtu} netns ${names[link.upstream]} type veth ` +
        `peer name ${link.downstreamInterface} index ${101 + 2 * i}${mtu} netns ${names[link.downstream]}`,
    );
  });
  return `${lines.join('\n')}\n`;
}

/** @param {NodeSetup} setup @returns {{first: string, second: string}} Shell text for before and after all links are up. */
function shellText(setup) {
  const settings = Object.entries(setup.sysctls).map(([name, value]) => {
    const file = `/proc/sys/${name.replaceAll('.', '/')}`;
    // Older kernels have the global ICMP limits only outside of namespaces: there they are not ours to change.
    return `${name.startsWith('net.ipv4.icmp_msgs') ? `[ ! -w ${file} ] || ` : ''}echo ${value} > ${file}\n`;
  });
  // Addresses are usable at once, and nobody but us speaks.
  const quiet = ['accept_dad', 'dad_transmits', 'accept_ra', 'router_solicitations'].map(
    (name) => `echo 0 > $d/${name}; `,
  );
  /** @param {string} command @param {string} input */
  const fed = (command, input) => (input === '' ? '' : `${command} <<'.'\n${input}.\n`);
  /** @param {readonly string[]} lines */
  const batch = (lines) => fed('ip -6 -batch -', lines.map((line) => `${line}\n`).join(''));
  return {
    first: `set -e\nfor d in /proc/sys/net/ipv6/conf/*; do ${quiet.join('')}done\n${settings.join('')}${batch(setup.addressing)}echo up\n`,
    second: `${batch(setup.routing)}${fed('nft -f -', setup.ruleset)}exit 0\n`,
  };
}

/** Files that commands in the lab may use. @param {string} directory @param {Topology} topology */
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

/** @param {Topology} topology @param {Names} names @param {Start} start */
async function relayTunLinks(topology, names, start) {
  for (const link of topology.links.filter(({ type }) => type === 'tun')) {
    const ends = [names[link.upstream], link.upstreamInterface, names[link.downstream], link.downstreamInterface];
    const cut = link.quotes === null ? [] : [link.downstreamAddress, String(link.quotes)];
    await helper(
      start(['python3', TUN_RELAY, .../** @type {string[]} */ (ends), ...cut], { stdio: 'pipe', detached: true }),
      `the relay of link ${link.upstream}–${link.downstream}`,
      'a tun link needs python3: apt-get install python3',
    );
  }
}

/** Resolves once it says that it is ready. @param {ChildProcess} child @param {string} what @param {string} remedy */
async function helper(child, what, remedy) {
  let said = '';
  child.stderr?.on('data', (chunk) => (said += String(chunk)));
  await new Promise((resolve, reject) => {
    child.stdout?.once('data', resolve);
    child.once('error', (cause) => reject(labError('LAB_MISSING_TOOL', remedy, cause)));
    child.once('close', (code) => reject(labError('LAB_BUILD_FAILED', `${what} ended with ${code}: ${said.trim()}`)));
  });
}

/** @param {Topology} topology @param {Names} names @param {Start} start */
async function startServices({ nodes }, names, start) {
  for (const node of nodes.filter(({ features }) => 'udpService' in features)) {
    const argv = ['ip', 'netns', 'exec', /** @type {string} */ (names[node.key]), process.execPath, UDP_SERVICE];
    await helper(start(argv, { stdio: 'pipe', detached: true }), `the UDP service of ${node.key}`, 'ip is missing');
  }
}

/** @param {Topology} topology @param {Names} names @param {Start} start */
async function configure(topology, names, start) {
  const shells = topology.nodes.map((node) => {
    const child = start(['ip', 'netns', 'exec', /** @type {string} */ (names[node.key]), 'sh'], { stdio: 'pipe' });
    const { first, second } = shellText(/** @type {NodeSetup} */ (topology.setups[node.key]));
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

/**
 * Rejects with `LAB_BUILD_FAILED` and what the kernel said; whoever calls removes what stands by then.
 * @param {Topology} topology @param {Names} names @param {string} directory @param {Start} start
 */
export async function build(topology, names, directory, start) {
  writeFiles(directory, topology);
  const made = await collect(start(['ip', '-batch', '-'], { stdio: 'pipe' }), wiring(topology, names));
  if (made.code !== 0) throw labError('LAB_BUILD_FAILED', `ip made no namespaces and links: ${made.stderr.trim()}`);
  await relayTunLinks(topology, names, start);
  await configure(topology, names, start);
  await startServices(topology, names, start);
}
