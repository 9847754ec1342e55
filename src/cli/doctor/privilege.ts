/** What to do about a missing CAP_NET_RAW, which depends on what keeps it from us. */
import { readFileSync } from 'node:fs';

/** capability.h */
const CAP_NET_RAW = 13n;

/**
 * @param status `/proc/self/status`, or null where it cannot be read.
 * Ambient capabilities also work where file capabilities do not.
 */
export function privilegeRemedy(status: string | null = ownStatus()): string {
  const bounding = /^CapBnd:\s*([0-9a-f]{1,16})$/im.exec(status ?? '')?.[1];
  if (bounding !== undefined && ((BigInt(`0x${bounding}`) >> CAP_NET_RAW) & 1n) === 0n)
    return 'nothing started here may have the capability CAP_NET_RAW: start the container with --cap-add NET_RAW, the service with it in CapabilityBoundingSet';
  if (/^NoNewPrivs:\s*1$/im.test(status ?? ''))
    return 'no_new_privs is set, and then neither sudo nor capabilities of files count: start the container without no-new-privileges (Kubernetes: allowPrivilegeEscalation: true), or give CAP_NET_RAW as an ambient capability';
  return (
    'run it as root or with the capability CAP_NET_RAW, for example ' +
    '`sudo setpriv --reuid $(id -u) --regid $(id -g) --init-groups --inh-caps +net_raw --ambient-caps +net_raw pdm-trace ...`'
  );
}

function ownStatus(): string | null {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return null;
  }
}
