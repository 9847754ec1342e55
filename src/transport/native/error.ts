import { getSystemErrorMap } from 'node:util';

/** What the native adapter throws and gives to `onError`. `code` is an errno's name or starts with `ERR_`. */
export class NativeTransportError extends Error {
  override readonly name = 'NativeTransportError';
  readonly code: string;
  /** Negative, as in Node's own errors; absent where no system call failed. */
  readonly errno?: number;
  readonly syscall?: string;

  constructor(
    code: string,
    message: string,
    details: { readonly errno?: number; readonly syscall?: string; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.code = code;
    if (details.errno !== undefined) this.errno = details.errno;
    if (details.syscall !== undefined) this.syscall = details.syscall;
  }
}

/** Name and text of a positive errno. */
export function describeErrno(errno: number): { readonly code: string; readonly message: string } {
  const [code, text] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, 'unknown error'];
  return { code, message: `${text} (${code})` };
}

const REMEDIES: Readonly<Record<string, string>> = {
  EPERM: 'run as root, or once `sudo setcap cap_net_raw+ep "$(readlink -f "$(command -v node)")"`',
  EACCES: 'run as root, or once `sudo setcap cap_net_raw+ep "$(readlink -f "$(command -v node)")"`',
  EAFNOSUPPORT:
    'this host has no IPv6; enable it (`sysctl net.ipv6.conf.all.disable_ipv6=0`, no `ipv6.disable=1` at boot)',
  ENODEV: '`ip link` lists the interfaces',
  ENETUNREACH: '`ip -6 route` lists the routes',
  EHOSTUNREACH: '`ip -6 route` lists the routes',
  EADDRNOTAVAIL: '`ip -6 address` lists the addresses',
};

/** An error of the addon in the words of this program. */
export function asTransportError(cause: unknown, what: string): NativeTransportError {
  if (!(cause instanceof Error))
    return new NativeTransportError('UNKNOWN', `Cannot ${what}: ${String(cause)}`, { cause });
  const { code, errno, syscall } = cause as NodeJS.ErrnoException;
  const name = code ?? 'UNKNOWN';
  const text = errno === undefined ? cause.message : describeErrno(-errno).message;
  const remedy = REMEDIES[name] ?? 'run `pdm-trace doctor`';
  return new NativeTransportError(name, `Cannot ${what}: ${text}; ${remedy}.`, {
    cause,
    ...(errno !== undefined && { errno }),
    ...(syscall !== undefined && { syscall }),
  });
}
