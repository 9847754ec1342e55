import { constants } from 'node:os';
import { expect, it } from 'vitest';
import { errnoName, RawSocketError, socketError } from '../../src/transport/raw-socket-error.js';

it.each([
  // glibc
  ['Operation not permitted', 'EPERM'],
  ['Network is unreachable', 'ENETUNREACH'],
  ['No route to host', 'EHOSTUNREACH'],
  ['Message too long', 'EMSGSIZE'],
  ['No buffer space available', 'ENOBUFS'],
  ['Resource temporarily unavailable', 'EAGAIN'],
  ['Cannot assign requested address', 'EADDRNOTAVAIL'],
  ['Address family not supported by protocol', 'EAFNOSUPPORT'],
  ['Invalid argument', 'EINVAL'],
  ['No such device', 'ENODEV'],
  ['Network is down', 'ENETDOWN'],
  ['Permission denied', 'EACCES'],
  ['Too many open files', 'EMFILE'],
  ['Cannot allocate memory', 'ENOMEM'],
  // musl
  ['Host is unreachable', 'EHOSTUNREACH'],
  ['Network unreachable', 'ENETUNREACH'],
  ['Message too large', 'EMSGSIZE'],
  ['Out of memory', 'ENOMEM'],
  ['Address not available', 'EADDRNOTAVAIL'],
  ['No file descriptors available', 'EMFILE'],
  // the module's poll errors
  ['-9', 'EBADF'],
  ['-99999', 'UNKNOWN'],
  ['what no libc says', 'UNKNOWN'],
])('reads %j as %s', (text, name) => {
  expect(errnoName(text)).toBe(name);
});

it('gives errors the code, the negative errno, the system call, the cause and a remedy', () => {
  const cause = new Error('Operation not permitted');
  const error = socketError(cause, 'open a raw IPv6 socket', 'socket');
  expect(error).toBeInstanceOf(RawSocketError);
  expect(error).toMatchObject({ code: 'EPERM', errno: -constants.errno.EPERM, syscall: 'socket', cause });
  expect(error.message).toMatch(
    /^Cannot open a raw IPv6 socket: Operation not permitted \(EPERM\); run as root, or once `sudo /,
  );
  expect(error.message).not.toContain('\n');
});

it('names no errno where no system call failed', () => {
  expect(new RawSocketError('ERR_TRANSPORT_UNAVAILABLE', 'x').errno).toBeUndefined();
});

it('says how to get IPv6 on a host without it', () => {
  const error = socketError(new Error('Address family not supported by protocol'), 'open a socket', 'socket');
  expect(error.message).toContain('disable_ipv6=0');
});
