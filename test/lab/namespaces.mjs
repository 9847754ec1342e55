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

/** @param {readonly string[]} argv */
function works(argv) {
  const [command, ...rest] = argv;
  return spawnSync(/** @type {string} */ (command), rest, { stdio: 'ignore' }).status === 0;
}

/** @type {'root' | 'user-namespace' | undefined} */
let known;

/** @returns {'root' | 'user-namespace'} */
function privilegeKind() {
  if (known !== undefined) return known;
  for (const tool of [
    ['ip', '-V'],
    ['nft', '--version'],
    ['unshare', '--version'],
  ]) {
    if (!works(tool)) {
      throw labError(
        'LAB_MISSING_TOOL',
        `the lab needs ${tool[0]}: apt-get install iproute2 nftables procps util-linux`,
      );
    }
  }
  if (process.getuid?.() === 0 && works(['unshare', '--net', '--mount', 'true'])) known = 'root';
  else if (works(['unshare', '--user', '--map-root-user', '--net', '--mount', 'true'])) known = 'user-namespace';
  else {
    throw labError(
      'LAB_NO_PRIVILEGE',
      `the lab needs network namespaces and uid ${process.getuid?.()} may make none: run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)`,
    );
  }
  return known;
}

/**
 * As root, namespaces are made where `ip netns` looks for them. Otherwise a holder process keeps a user namespace with a
 * /run of its own: when we die its input ends, it ends, and the kernel takes everything away.
 * @returns {Promise<Privilege>}
 */
export async function acquirePrivilege() {
  if (privilegeKind() === 'root') return { kind: 'root', enter: [], release: () => undefined };
  const script = `mount -t tmpfs tmpfs /run && mkdir ${NETNS_DIRECTORY} && echo ready && read -r _`;
  const holder = spawn('unshare', ['--user', '--map-root-user', '--net', '--mount', 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    holder.stdout.once('data', resolve);
    holder.once('exit', (code) => {
      reject(labError('LAB_NO_PRIVILEGE', `the user namespace could not be prepared: mount ended with ${code}`));
    });
  });
  holder.unref();
  return {
    kind: 'user-namespace',
    enter: ['nsenter', '--preserve-credentials', '--user', '--net', '--mount', '--target', String(holder.pid), '--'],
    release: () => holder.stdin.destroy(),
  };
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

/**
 * Deletes the namespaces, processes and files of labs whose owner is gone. Needs root for namespaces; those of user
 * namespaces went away with their owner.
 * @returns {{namespaces: string[], directories: string[]}} What was deleted.
 */
export function removeLeftovers() {
  const namespaces = list(NETNS_DIRECTORY).filter(isLeftover);
  for (const name of namespaces) {
    // Whatever still runs in there belongs to the dead run, and would keep the namespace alive.
    const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout ?? '';
    for (const pid of pids.split('\n').filter((line) => /^\d+$/.test(line))) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It ended by itself meanwhile.
      }
    }
  }
  deleteNamespaces([], namespaces);
  const directories = list(tmpdir()).filter(isLeftover);
  for (const directory of directories) rmSync(join(tmpdir(), directory), { recursive: true, force: true });
  return { namespaces, directories };
}

/** Goes on past names that are gone already. @param {readonly string[]} enter @param {readonly string[]} names */
export function deleteNamespaces(enter, names) {
  if (names.length === 0) return;
  const argv = [...enter, 'ip', '-force', '-batch', '-'];
  spawnSync(/** @type {string} */ (argv[0]), argv.slice(1), {
    input: names.map((name) => `netns delete ${name}\n`).join(''),
    stdio: ['pipe', 'ignore', 'ignore'],
  });
}
