/** Which system calls a container or a service may make, in the words of the OCI runtime. */
import { readFileSync } from 'node:fs';
import { mustRun } from './storage.js';

interface Rule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly { readonly index: number; readonly value: number; readonly op: string }[];
}

export interface Seccomp {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly Rule[];
}

/** containers-common(5): the profile of podman and buildah, in Docker's format. */
interface Profile {
  readonly syscalls: readonly (Rule & { readonly includes: Conditions; readonly excludes: Conditions })[];
}
interface Conditions {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
}

const PROFILE = '/usr/share/containers/seccomp.json';
const ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, { readonly oci: string; readonly docker: string }>>> =
  {
    x64: { oci: 'SCMP_ARCH_X86_64', docker: 'amd64' },
    arm64: { oci: 'SCMP_ARCH_AARCH64', docker: 'arm64' },
  };
/** bits/socket.h */
const FAMILIES: Readonly<Record<string, number>> = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  AF_PACKET: 17,
};
const EPERM = 1;

function architecture(): { readonly oci: string; readonly docker: string } {
  const known = ARCHITECTURES[process.arch];
  if (known === undefined) throw new Error(`no seccomp profile is known for ${process.arch}`);
  return known;
}

/** What engines apply when nothing else is said, to a container with these capabilities. */
export function defaultSeccomp(capabilities: readonly string[]): Seccomp {
  const { oci, docker } = architecture();
  const has = ({ caps = [], arches = [] }: Conditions): boolean =>
    (caps.length === 0 || caps.some((name) => capabilities.includes(name.replace('CAP_', '')))) &&
    (arches.length === 0 || arches.includes(docker));
  const isSaid = ({ caps = [], arches = [] }: Conditions): boolean => caps.length + arches.length > 0;
  const { syscalls } = JSON.parse(readFileSync(PROFILE, 'utf8')) as Profile;
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: [oci],
    syscalls: syscalls
      .filter(({ includes, excludes }) => has(includes) && !(isSaid(excludes) && has(excludes)))
      .map(({ names, action, args, errnoRet }) => ({
        names,
        action,
        ...(args === undefined ? {} : { args }),
        ...(errnoRet === undefined ? {} : { errnoRet }),
      })),
  };
}

/** What `SystemCallFilter=` (an allow list) and `RestrictAddressFamilies=` of a unit leave. */
export async function unitSeccomp(filters: readonly string[], families: readonly string[]): Promise<Seccomp> {
  const allowed = new Set<string>();
  for (const filter of filters) {
    const isTaken = filter.startsWith('~');
    for (const word of filter.replace('~', '').split(' ')) {
      for (const name of await expand(word)) allowed[isTaken ? 'delete' : 'add'](name);
    }
  }
  allowed.delete('socket');
  const names = families.map((family) => {
    const value = FAMILIES[family];
    if (value === undefined) throw new Error(`the test does not know the address family ${family}`);
    return value;
  });
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: [architecture().oci],
    syscalls: [
      { names: [...allowed], action: 'SCMP_ACT_ALLOW' },
      ...names.map((value) => ({
        names: ['socket'],
        action: 'SCMP_ACT_ALLOW' as const,
        args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
      })),
    ],
  };
}

/** The system calls of a set such as `@system-service`, or the one that is named. */
async function expand(word: string): Promise<readonly string[]> {
  if (!word.startsWith('@')) return [word];
  const listing = await mustRun(['systemd-analyze', 'syscall-filter', word]);
  const entries = [...listing.matchAll(/^ {4}([@a-z0-9_-]+)$/gm)].map(([, name]) => name!);
  return (await Promise.all(entries.map(expand))).flat();
}
