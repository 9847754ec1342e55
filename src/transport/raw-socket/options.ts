/** Linux socket options by number: the module's table has few of them. */
import type { RawSocket } from './raw-socket-module.js';

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IPV6 = 41;
const IPV6_CHECKSUM = 7;
const IPV6_MTU_DISCOVER = 23;
const IPV6_PMTUDISC_PROBE = 3;
const IPV6_RECVERR = 25;
const IPPROTO_ICMPV6 = 58;
const ICMPV6_FILTER = 1;

/** RFC 3542 §3.2. A set bit blocks its type; errors are the types 0–127 and 129 is the echo reply (RFC 4443 §2.1). */
const ERRORS_AND_ECHO_REPLIES = (() => {
  const words = new Uint32Array(8).fill(0xffffffff);
  words.fill(0, 0, 4);
  words[4] = ~(1 << (129 - 128)) >>> 0;
  return Buffer.from(words.buffer);
})();

/**
 * ICMP6_FILTER (RFC 3542 §3.2): types 0–127, the errors, and 129, the echo reply; the kernel drops all others.
 * @throws the module's error where the kernel refuses it.
 */
export function passErrorsAndEchoReplies(socket: RawSocket): void {
  socket.setOption(IPPROTO_ICMPV6, ICMPV6_FILTER, ERRORS_AND_ECHO_REPLIES, ERRORS_AND_ECHO_REPLIES.length);
}

/**
 * The kernel then drops what fails the checksum at `offset` (RFC 3542 §3.1). It alone can: on a local or virtual link
 * the octets may hold an unfinished checksum that only the kernel knows to be good.
 */
export function verifyChecksumAt(socket: RawSocket, offset: number): void {
  socket.setOption(IPPROTO_IPV6, IPV6_CHECKSUM, offset);
}

/** Asks for `octets` of receive memory, past `net.core.rmem_max` where CAP_NET_ADMIN allows, else up to it. */
export function growReceiveBuffer(socket: RawSocket, octets: number): void {
  try {
    socket.setOption(SOL_SOCKET, SO_RCVBUFFORCE, octets);
  } catch {
    socket.setOption(SOL_SOCKET, SO_RCVBUF, octets);
  }
}

/**
 * What routers said of a path's MTU must not make the kernel refuse a packet, or answer it itself with Packet Too Big: the
 * link's MTU alone counts.
 */
export function ignorePathMtu(socket: RawSocket): void {
  socket.setOption(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
}

/**
 * SO_BINDTODEVICE: what is sent leaves by this interface, whatever the routes say.
 * @throws the module's error where there is no such interface.
 */
export function bindToInterface(socket: RawSocket, name: string): void {
  const text = Buffer.from(`${name}\0`);
  socket.setOption(SOL_SOCKET, SO_BINDTODEVICE, text, text.length);
}

/**
 * Without IPV6_RECVERR the kernel calls a packet sent that it dropped from its own full queue (ENOBUFS). With it, errors
 * are also queued on the socket, which would end its poll, and anyone may send such errors: so it is on for the system
 * call alone, and `hideQueueDrops` throws away what was queued.
 */
export function showQueueDrops(socket: RawSocket): void {
  socket.setOption(IPPROTO_IPV6, IPV6_RECVERR, 1);
}

const discarded = Buffer.alloc(4);

/**
 * Ends what `showQueueDrops` began: the kernel empties the error queue, and reading SO_ERROR clears the pending error, so
 * that no later call fails of it.
 */
export function hideQueueDrops(socket: RawSocket): void {
  socket.setOption(IPPROTO_IPV6, IPV6_RECVERR, 0);
  socket.getOption(SOL_SOCKET, SO_ERROR, discarded, discarded.length);
}
