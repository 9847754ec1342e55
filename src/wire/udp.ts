/**
 * The UDP header (RFC 768; over IPv6 RFC 8200 §8.1: a zero checksum is not allowed, 0 is sent as 0xffff).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------------------------------+-------------------------------+
 *   0 |          Source port          |       Destination port        |
 *     +-------------------------------+-------------------------------+
 *   4 |            Length             |           Checksum            |
 *     +-------------------------------+-------------------------------+
 */
import { readU16, writeU16 } from './big-endian.js';
import { requireField, requireRoom } from './emit-check.js';
import { failed, parsed, type ParseResult } from './result.js';

/** RFC 768. */
export const UDP_HEADER_LENGTH = 8;
/** Octets from the start of the header to each field. */
export const UDP_OFFSET = { sourcePort: 0, destinationPort: 2, length: 4, checksum: 6 } as const;

/** RFC 768. */
export interface UdpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Octets of header and payload, as announced. The parser does not hold it against what is there: quotes are cut. */
  readonly length: number;
  readonly checksum: number;
}

/**
 * Fails with `truncated` where 8 octets are not there, and with `bad-length` on a length below 8 (a jumbogram's 0 too).
 * Whether the length fits the packet, and the checksum is right, is the caller's to ask.
 */
export function parseUdpHeader(bytes: Uint8Array, offset = 0, end = bytes.length): ParseResult<UdpHeader> {
  if (end - offset < UDP_HEADER_LENGTH) return failed('truncated', end);
  const length = readU16(bytes, offset + UDP_OFFSET.length);
  if (length < UDP_HEADER_LENGTH) return failed('bad-length', offset + UDP_OFFSET.length);
  return parsed({
    sourcePort: readU16(bytes, offset + UDP_OFFSET.sourcePort),
    destinationPort: readU16(bytes, offset + UDP_OFFSET.destinationPort),
    length,
    checksum: readU16(bytes, offset + UDP_OFFSET.checksum),
  });
}

/** Writes 8 octets. The checksum is written as given: see `upperLayerChecksum` and `udpChecksumField`. */
export function emitUdpHeader(header: UdpHeader, into: Uint8Array, offset: number): number {
  requireRoom(into, offset, UDP_HEADER_LENGTH, 'UDP header');
  requireField(header.sourcePort, 0xffff, 'source port');
  requireField(header.destinationPort, 0xffff, 'destination port');
  requireField(header.length, 0xffff, 'UDP length');
  requireField(header.checksum, 0xffff, 'UDP checksum');
  writeU16(header.sourcePort, into, offset + UDP_OFFSET.sourcePort);
  writeU16(header.destinationPort, into, offset + UDP_OFFSET.destinationPort);
  writeU16(header.length, into, offset + UDP_OFFSET.length);
  writeU16(header.checksum, into, offset + UDP_OFFSET.checksum);
  return UDP_HEADER_LENGTH;
}

/** What goes into the field for a computed checksum: 0 becomes 0xffff (RFC 8200 §8.1). */
export function udpChecksumField(checksum: number): number {
  return checksum === 0 ? 0xffff : checksum;
}
