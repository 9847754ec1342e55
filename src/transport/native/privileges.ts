/**
 * Giving up privileges once the sockets are open: as root becomes the user who called sudo, or nobody; in any case all
 * capabilities of all threads go.
 */
import { readFileSync } from 'node:fs';
import { NativeTransportError } from './error.js';

/** Debian's, and the kernel's overflow id. */
const NOBODY = { uid: 65534, gid: 65534 };
const HIGHEST_ID = 0xfffffffe;
const CAPABILITY_SETS = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'];

/** Numbers of this user namespace. */
export interface UserAndGroup {
  readonly uid: number;
  readonly gid: number;
}

/** What this process may become, as far as it matters here. */
export interface PrivilegeSituation {
  readonly euid: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `/etc/passwd`. */
  readonly passwd: string;
  /** `/proc/self/uid_map` and `gid_map`: in a user namespace, few ids exist. */
  readonly uidMap: string;
  readonly gidMap: string;
  /** `/proc/self/setgroups`: `deny` where groups cannot be changed. */
  readonly setgroups: string;
}

/** Of this process now, from `/etc/passwd` and `/proc/self`; a file that cannot be read counts as empty. */
export function currentSituation(): PrivilegeSituation {
  return {
    euid: process.geteuid?.() ?? 0,
    environment: process.env,
    passwd: readIfThere('/etc/passwd'),
    uidMap: readIfThere('/proc/self/uid_map'),
    gidMap: readIfThere('/proc/self/gid_map'),
    setgroups: readIfThere('/proc/self/setgroups'),
  };
}

/** Whom to become, or null to stay who we are: we are not root, or nobody else exists in our user namespace. */
export function chooseUser(situation: PrivilegeSituation): UserAndGroup | null {
  if (situation.euid !== 0 || situation.setgroups.trim() === 'deny') return null;
  for (const user of [sudoUser(situation.environment), nobody(situation.passwd)]) {
    if (user !== null && isMapped(situation.uidMap, user.uid) && isMapped(situation.gidMap, user.gid)) return user;
  }
  return null;
}

/**
 * Whom files should belong to when this process goes on opening some after it gave its privileges up: the user who called
 * sudo. Null to stay who we are: plain root keeps its own files, without capabilities.
 */
export function chooseFileOwner(situation: PrivilegeSituation): UserAndGroup | null {
  const user = sudoUser(situation.environment);
  const chosen = chooseUser(situation);
  return user !== null && chosen?.uid === user.uid ? chosen : null;
}

function sudoUser(environment: PrivilegeSituation['environment']): UserAndGroup | null {
  const uid = asId(environment['SUDO_UID']);
  const gid = asId(environment['SUDO_GID']);
  return uid === null || gid === null || uid === 0 ? null : { uid, gid };
}

function nobody(passwd: string): UserAndGroup {
  const fields = /^nobody:.*$/m.exec(passwd)?.[0].split(':') ?? [];
  const uid = asId(fields[2]);
  const gid = asId(fields[3]);
  return uid === null || gid === null || uid === 0 ? NOBODY : { uid, gid };
}

function asId(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return null;
  const id = Number(text);
  return id <= HIGHEST_ID ? id : null;
}

function isMapped(map: string, id: number): boolean {
  return map.split('\n').some((line) => {
    const [first = NaN, , count = NaN] = line.trim().split(/\s+/).map(Number);
    return id >= first && id < first + count;
  });
}

/** Throws `ERR_PRIVILEGES_KEPT` when a thread's status still shows a capability, whatever the system calls said. */
export function assertNoCapabilities(threads: readonly { readonly id: string; readonly status: string }[]): void {
  for (const { id, status } of threads) {
    for (const set of CAPABILITY_SETS) {
      const value = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
      if (value === undefined || /[^0]/.test(value)) {
        throw new NativeTransportError(
          'ERR_PRIVILEGES_KEPT',
          `Thread ${id} still has ${set} ${value ?? 'unknown'}; run pdm-trace as a user with cap_net_raw instead of root.`,
        );
      }
    }
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
