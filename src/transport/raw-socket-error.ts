import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** What the adapter throws and what it gives to `onError`. `code` is an errno's name or starts with `ERR_`. */
export class RawSocketError extends Error {
  override readonly name = 'RawSocketError';
  readonly code: string;
  /** Negative, as in Node's own errors; undefined where no system call failed. */
  readonly errno: number | undefined;
  readonly syscall: string | undefined;

  constructor(code: string, message: string, details: { readonly syscall?: string; readonly cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    const errno = (constants.errno as Readonly<Record<string, number>>)[code];
    this.errno = errno === undefined ? undefined : -errno;
    this.syscall = details.syscall;
  }
}

/** What glibc and musl say where libuv, whose table Node offers, says it in other words. */
const STRERROR_TEXTS: Readonly<Record<string, string>> = {
  'no route to host': 'EHOSTUNREACH',
  'host is unreachable': 'EHOSTUNREACH',
  'network unreachable': 'ENETUNREACH',
  'message too large': 'EMSGSIZE',
  'no such device': 'ENODEV',
  'cannot assign requested address': 'EADDRNOTAVAIL',
  'address family not supported by protocol': 'EAFNOSUPPORT',
  'protocol not supported': 'EPROTONOSUPPORT',
  'operation not supported': 'EOPNOTSUPP',
  'cannot allocate memory': 'ENOMEM',
  'out of memory': 'ENOMEM',
  'too many open files in system': 'ENFILE',
  'no file descriptors available': 'EMFILE',
  'network is down': 'ENETDOWN',
  'no such device or address': 'ENXIO',
  'interrupted system call': 'EINTR',
  'connection timed out': 'ETIMEDOUT',
  'input/output error': 'EIO',
  'bad file descriptor': 'EBADF',
};

let codes: Map<string, string> | null = null;

/**
 * The errno's name for a text of strerror(3), or for a negative errno in decimal (the module's poll errors).
 * `UNKNOWN` for any other text, which is then all there is to show.
 */
export function errnoName(text: string): string {
  codes ??= new Map([
    ...[...getSystemErrorMap().values()].map(([name, message]): [string, string] => [message.toLowerCase(), name]),
    ...Object.entries(STRERROR_TEXTS),
  ]);
  if (/^-\d+$/.test(text)) return getSystemErrorMap().get(Number(text))?.[0] ?? 'UNKNOWN';
  return codes.get(text.toLowerCase()) ?? 'UNKNOWN';
}

/** For a failed call of the module: `what` completes "Cannot …". */
export function socketError(cause: unknown, what: string, syscall: string): RawSocketError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = errnoName(text);
  const remedy =
    code === 'EPERM' || code === 'EACCES'
      ? 'run as root, or once `sudo setcap cap_net_raw+ep "$(readlink -f "$(command -v node)")"`'
      : code === 'EAFNOSUPPORT'
        ? 'this host has no IPv6; enable it (`sysctl net.ipv6.conf.all.disable_ipv6=0`, no `ipv6.disable=1` at boot)'
        : 'run `pdm-trace doctor`';
  return new RawSocketError(code, `Cannot ${what}: ${text} (${code}); ${remedy}.`, { syscall, cause });
}
