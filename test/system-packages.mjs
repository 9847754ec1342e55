// @ts-check
/** Debian packages that the tests and the lab need: installed when we may, else named. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

/** What is needed, and the package that has it. A path is looked for as it is, a bare name on PATH. */
const NEEDED = /** @type {const} */ ([
  ['ip', 'iproute2'],
  ['tc', 'iproute2'],
  ['nft', 'nftables'],
  ['sysctl', 'procps'],
  ['unshare', 'util-linux'],
  ['nsenter', 'util-linux'],
  ['prlimit', 'util-linux'],
  ['tshark', 'tshark'],
  ['tcpdump', 'tcpdump'],
  ['g++', 'g++'],
  ['make', 'make'],
  ['python3', 'python3'],
  ['/usr/bin/python3', 'python3'],
  ['blaeu-traceroute', 'blaeu'],
  ['openssl', 'openssl'],
  ['ping', 'iputils-ping'],
  ['clang-format', 'clang-format'],
  ['clang-tidy', 'clang-tidy'],
  ['buildah', 'buildah'],
  ['debootstrap', 'debootstrap'],
  ['runc', 'runc'],
  ['/usr/share/containers/seccomp.json', 'golang-github-containers-common'],
  ['getcap', 'libcap2-bin'],
  ['systemd-analyze', 'systemd'],
]);

const SEARCHED = [...(process.env['PATH'] ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];

/** @param {string} file @param {number} mode */
function isAccessible(file, mode) {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

/** @returns {string[]} packages of which something is missing */
export function missingPackages() {
  const missing = NEEDED.filter(([program]) =>
    program.startsWith('/')
      ? !isAccessible(program, constants.R_OK)
      : !SEARCHED.some((folder) => isAccessible(path.join(folder, program), constants.X_OK)),
  );
  return [...new Set(missing.map(([, name]) => name))];
}

/** Installs what is missing when root; returns what is still missing afterwards. @returns {string[]} */
export function installMissingPackages() {
  const missing = missingPackages();
  if (missing.length === 0 || process.getuid?.() !== 0) return missing;
  process.stderr.write(`installing Debian packages: ${missing.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  /** @type {import('node:child_process').SpawnSyncOptions} */
  const options = { stdio: ['ignore', 'ignore', 'inherit'], env };
  spawnSync('apt-get', ['update', '-qq'], options);
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], options);
  return missingPackages();
}
