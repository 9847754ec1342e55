/**
 * The fixed part of the TCP header (RFC 9293 §3.1). Options follow it and are not read.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------------------------------+-------------------------------+
 *   0 |          Source port          |       Destination port        |
 *     +-------------------------------+-------------------------------+
 *   4 |                        Sequence number                        |
 *     +---------------------------------------------------------------+
 *   8 |                     Acknowledgement number                    |
 *     +-------+-----------------------+-------------------------------+
 *  12 |Offset |    Reserved, flags    |            Window             |
 *     +-------+-----------------------+-------------------------------+
 *  16 |           Checksum            |        Urgent pointer         |
 *     +-------------------------------+-------------------------------+
 */
import { readU16, readU32, writeU16, writeU32 } from './big-endian.js';
import { requireField, requireRoom } from './emit-check.js';
import { failed, parsed, type ParseResult } from './result.js';

/** RFC 9293 §3.1, without options. */
export const TCP_HEADER_LENGTH = 20;
/** With options, RFC 9293 §3.1: a data offset of four bits counts words of four octets. */
export const LONGEST_TCP_HEADER = 60;
/** Maximum segment size, RFC 9293 §3.7.1: kind, length and 1220, what fits in the smallest IPv6 MTU. */
export const SEGMENT_SIZE_OPTION = [2, 4, 1220 >> 8, 1220 & 0xff] as const;
/** Octets from the start of the header to each field. */
export const TCP_OFFSET = {
  sourcePort: 0,
  destinationPort: 2,
  sequence: 4,
  acknowledgement: 8,
  dataOffsetAndFlags: 12,
  window: 14,
  checksum: 16,
  urgent: 18,
} as const;

/** Control bits (RFC 9293 §3.1, ECE and CWR of RFC 3168), as they lie in the lowest octet of `TcpHeader.flags`. */
export const TCP_FLAG = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;

/** RFC 9293 §3.1, without options. Sequence and acknowledgement numbers are 0 … 2³²−1. */
export interface TcpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  /** Header length in 32-bit words, options included: 5–15. */
  readonly dataOffset: number;
  /** 12 bits: the four reserved ones, then the eight of `TCP_FLAG`. */
  readonly flags: number;
  readonly window: number;
  readonly checksum: number;
  readonly urgent: number;
}

/** Fails with `truncated` below 20 octets and `bad-length` for a data offset below 5. */
export function parseTcpHeader(bytes: Uint8Array, offset = 0, end = bytes.length): ParseResult<TcpHeader> {
  if (end - offset < TCP_HEADER_LENGTH) return failed('truncated', end);
  const offsetAndFlags = readU16(bytes, offset + TCP_OFFSET.dataOffsetAndFlags);
  if (offsetAndFlags >>> 12 < TCP_HEADER_LENGTH / 4)
    return failed('bad-length', offset + TCP_OFFSET.dataOffsetAndFlags);
  return parsed({
    sourcePort: readU16(bytes, offset + TCP_OFFSET.sourcePort),
    destinationPort: readU16(bytes, offset + TCP_OFFSET.destinationPort),
    sequence: readU32(bytes, offset + TCP_OFFSET.sequence),
    acknowledgement: readU32(bytes, offset + TCP_OFFSET.acknowledgement),
    dataOffset: offsetAndFlags >>> 12,
    flags: offsetAndFlags & 0x0fff,
    window: readU16(bytes, offset + TCP_OFFSET.window),
    checksum: readU16(bytes, offset + TCP_OFFSET.checksum),
    urgent: readU16(bytes, offset + TCP_OFFSET.urgent),
  });
}

/** Writes 20 octets; options, if `dataOffset` announces any, are the caller's. */
export function emitTcpHeader(header: TcpHeader, into: Uint8Array, offset: number): number {
  requireRoom(into, offset, TCP_HEADER_LENGTH, 'TCP header');
  requireField(header.sourcePort, 0xffff, 'source port');
  requireField(header.destinationPort, 0xffff, 'destination port');
  requireField(header.sequence, 0xffffffff, 'sequence number');
  requireField(header.acknowledgement, 0xffffffff, 'acknowledgement number');
  requireField(header.dataOffset, 0xf, 'data offset');
  requireField(header.flags, 0xfff, 'TCP flags');
  requireField(header.window, 0xffff, 'window');
  requireField(header.checksum, 0xffff, 'TCP checksum');
  requireField(header.urgent, 0xffff, 'urgent pointer');
  writeU16(header.sourcePort, into, offset + TCP_OFFSET.sourcePort);
  writeU16(header.destinationPort, into, offset + TCP_OFFSET.destinationPort);
  writeU32(header.sequence, into, offset + TCP_OFFSET.sequence);
  writeU32(header.acknowledgement, into, offset + TCP_OFFSET.acknowledgement);
  writeU16((header.dataOffset << 12) | header.flags, into, offset + TCP_OFFSET.dataOffsetAndFlags);
  writeU16(header.window, into, offset + TCP_OFFSET.window);
  writeU16(header.checksum, into, offset + TCP_OFFSET.checksum);
  writeU16(header.urgent, into, offset + TCP_OFFSET.urgent);
  return TCP_HEADER_LENGTH;
}
