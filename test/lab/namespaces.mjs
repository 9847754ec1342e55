// @ts-check
/**
 * Network namespaces of this machine: how we may make them, their names, and what dead runs left behind.
 * Names are `pdmlab-<pid>-<start time of pid>-<lab>-<node>`, so that a reused pid does not keep another run's leftovers alive.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

const PREFIX = 'pdmlab';
const NETNS_DIRECTORY = '/run/netns';

/**
 * @typedef {object} Privilege How commands reach the kernel.
 * @property {'root' | 'user-namespace'} kind
 * @property {readonly string[]} enter argv prefix of every command that handles namespaces
 * @property {() => void} release
 */

/** @param {string} code @param {string} message @param {unknown} [cause] */
export function labError(code, message, cause) {
  return Object.assign(new Error(message, cause === undefined ? {} : { cause }), { code });
}

/**
 * Runs a command to its end.
 * @param {readonly string[]} argv @param {string} [input]
 */
function run(argv, input = '') {
  const env = { ...process.env, PATH: searchPath() };
  const [command, ...rest] = argv;
  return spawnSync(/** @type {string} */ (command), rest, { encoding: 'utf8', input, env });
}

/** @param {readonly string[]} argv */
function works(argv) {
  return run(argv).status === 0;
}

/** `PATH` with the directories of administration tools, which Debian leaves out for ordinary users. */
export function searchPath() {
  return `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
}

const NEEDED_TOOLS = ['ip', 'nft', 'unshare', 'nsenter', 'mount'];
const AS_ROOT = ['unshare', '--net', '--mount', 'true'];
const IN_USER_NAMESPACE = ['unshare', '--user', '--map-root-user', '--net', '--mount'];

/** @type {Privilege['kind'] | undefined} */
let known;

/** @returns {Privilege['kind']} */
function privilegeKind() {
  // One process for all: each costs as much as a namespace.
  const script = 'for tool in "$@"; do command -v "$tool" > /dev/null || echo "$tool"; done';
  const { stdout } = run(['sh', '-c', script, 'sh', ...NEEDED_TOOLS]);
  const missing = stdout.split('\n').filter((tool) => tool !== '');
  if (missing.length > 0) {
    const remedy = 'apt-get install iproute2 nftables procps util-linux';
    throw labError('LAB_MISSING_TOOL', `the lab needs ${missing.join(', ')}: ${remedy}`);
  }
  if (process.getuid?.() === 0 && works(AS_ROOT)) return 'root';
  if (works([...IN_USER_NAMESPACE, 'true'])) return 'user-namespace';
  throw labError(
    'LAB_NO_PRIVILEGE',
    `the lab needs network namespaces and uid ${process.getuid?.()} may make none: run as root, or allow user namespaces ` +
      '(sysctl kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0)',
  );
}

/**
 * As root, namespaces are made where `ip netns` looks for them. Otherwise a holder process keeps a user namespace with a
 * /run of its own: when we die its input ends, it ends, and the kernel takes everything away.
 * @param {Privilege['kind']} [kind] Default: what this process may. @returns {Promise<Privilege>}
 */
export async function acquirePrivilege(kind = (known ??= privilegeKind())) {
  if (kind === 'root') return { kind, enter: [], release: () => undefined };
  const script = `mount -t tmpfs tmpfs /run && mkdir ${NETNS_DIRECTORY} && echo ready && read -r _`;
  const [command, ...rest] = [...IN_USER_NAMESPACE, 'sh', '-c', script];
  const holder = spawn(/** @type {string} */ (command), rest, { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  holder.stderr.on('data', (chunk) => (said += String(chunk)));
  await new Promise((resolve, reject) => {
    holder.stdout.once('data', resolve);
    holder.once('close', () =>
      reject(labError('LAB_NO_PRIVILEGE', `no user namespace could be prepared: ${said.trim()}`)),
    );
  });
  const enter = [
    'nsenter',
    '--preserve-credentials',
    '--user',
    '--net',
    '--mount',
    '--target',
    String(holder.pid),
    '--',
  ];
  return { kind, enter, release: () => holder.stdin.destroy() };
}

/** Start time of a process in clock ticks since boot; null when there is none. @param {number | string} pid @returns {string | null} */
function startTime(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name may hold spaces and brackets; fields are counted from its last bracket (proc(5): field 22).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/** @returns {string} A name that no other lab has, with our pid in it. */
export function uniqueLabName() {
  return `${PREFIX}-${process.pid}-${startTime('self')}-${randomBytes(3).toString('hex')}`;
}

/** @param {string} name @returns {boolean} Whether it is a lab's name whose owner is gone. */
function isLeftover(name) {
  const match = new RegExp(`^${PREFIX}-(\\d+)-(\\d+)-`).exec(name);
  return match !== null && startTime(/** @type {string} */ (match[1])) !== match[2];
}

/** @param {string} directory @returns {string[]} */
function list(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** @param {string} directory @returns {boolean} False where it is somebody else's. */
function isRemoved(directory) {
  try {
    rmSync(directory, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

/**
 * Deletes the namespaces, processes and files of labs whose owner is gone. Needs root for namespaces; those of user
 * namespaces went away with their owner.
 * @returns {{namespaces: string[], directories: string[]}} What was deleted.
 */
export function removeLeftovers() {
  const namespaces = process.getuid?.() === 0 ? list(NETNS_DIRECTORY).filter(isLeftover) : [];
  for (const name of namespaces) {
    // Whatever still runs in there belongs to the dead run, and would keep the namespace alive.
    const pids = run(['ip', 'netns', 'pids', name]).stdout;
    for (const pid of pids.split('\n').filter((line) => /^\d+$/.test(line))) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It ended by itself meanwhile.
      }
    }
  }
  deleteNamespaces([], namespaces);
  const directories = list(tmpdir()).filter((name) => isLeftover(name) && isRemoved(join(tmpdir(), name)));
  return { namespaces, directories };
}

/** Goes on past names that are gone already. @param {readonly string[]} enter @param {readonly string[]} names */
export function deleteNamespaces(enter, names) {
  if (names.length === 0) return;
  run([...enter, 'ip', '-force', '-batch', '-'], names.map((name) => `netns delete ${name}\n`).join(''));
}
