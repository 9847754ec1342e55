/**
 * The IPv6 header (RFC 8200 §3).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------+---------------+---------------------------------------+
 *   0 |Version| Traffic class |              Flow label               |
 *     +-------+---------------+-------+---------------+---------------+
 *   4 |        Payload length         |  Next header  |   Hop limit   |
 *     +-------------------------------+---------------+---------------+
 *   8 |                       Source (16 octets)                      |
 *     +---------------------------------------------------------------+
 *  24 |                     Destination (16 octets)                   |
 *     +---------------------------------------------------------------+
 */
import { readU16, readU32, readU8, writeU16, writeU32 } from './big-endian.js';
import { requireField, requireOctets, requireRoom } from './emit-check.js';
import { failed, parsed, type ParseResult } from './result.js';

/** RFC 8200 §3. */
export const IPV6_HEADER_LENGTH = 40;
const IPV6_ADDRESS_LENGTH = 16;

/** Octets from the start of the header to each field. */
export const IPV6_OFFSET = {
  versionClassLabel: 0,
  payloadLength: 4,
  nextHeader: 6,
  hopLimit: 7,
  source: 8,
  destination: 24,
} as const;

/** Protocol numbers that this program names (IANA, "Assigned Internet Protocol Numbers"). */
export const NEXT_HEADER = {
  hopByHop: 0,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  esp: 50,
  ah: 51,
  icmp6: 58,
  none: 59,
  destinationOptions: 60,
} as const;

/** RFC 8200 §3; the version is always 6. */
export interface Ipv6Header {
  /** 0–255. */
  readonly trafficClass: number;
  /** 0–0xfffff. */
  readonly flowLabel: number;
  /** Octets after this header, extension headers included. */
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  /** 16 octets. From a parser: a view into the parsed buffer. */
  readonly source: Uint8Array;
  /** 16 octets. From a parser: a view into the parsed buffer. */
  readonly destination: Uint8Array;
}

/** Fails with `truncated` below 40 octets and `not-ipv6` for another version. */
export function parseIpv6Header(bytes: Uint8Array, offset = 0, end = bytes.length): ParseResult<Ipv6Header> {
  if (end - offset < IPV6_HEADER_LENGTH) return failed('truncated', end);
  const word = readU32(bytes, offset + IPV6_OFFSET.versionClassLabel);
  if (word >>> 28 !== 6) return failed('not-ipv6', offset);
  const source = offset + IPV6_OFFSET.source;
  const destination = offset + IPV6_OFFSET.destination;
  return parsed({
    trafficClass: (word >>> 20) & 0xff,
    flowLabel: word & 0xfffff,
    payloadLength: readU16(bytes, offset + IPV6_OFFSET.payloadLength),
    nextHeader: readU8(bytes, offset + IPV6_OFFSET.nextHeader),
    hopLimit: readU8(bytes, offset + IPV6_OFFSET.hopLimit),
    source: bytes.subarray(source, source + IPV6_ADDRESS_LENGTH),
    destination: bytes.subarray(destination, destination + IPV6_ADDRESS_LENGTH),
  });
}

/** Writes 40 octets. */
export function emitIpv6Header(header: Ipv6Header, into: Uint8Array, offset: number): number {
  requireRoom(into, offset, IPV6_HEADER_LENGTH, 'IPv6 header');
  requireField(header.trafficClass, 0xff, 'traffic class');
  requireField(header.flowLabel, 0xfffff, 'flow label');
  requireField(header.payloadLength, 0xffff, 'payload length');
  requireField(header.nextHeader, 0xff, 'next header');
  requireField(header.hopLimit, 0xff, 'hop limit');
  requireOctets(header.source, IPV6_ADDRESS_LENGTH, 'source');
  requireOctets(header.destination, IPV6_ADDRESS_LENGTH, 'destination');
  writeU32((6 << 28) | (header.trafficClass << 20) | header.flowLabel, into, offset + IPV6_OFFSET.versionClassLabel);
  writeU16(header.payloadLength, into, offset + IPV6_OFFSET.payloadLength);
  into[offset + IPV6_OFFSET.nextHeader] = header.nextHeader;
  into[offset + IPV6_OFFSET.hopLimit] = header.hopLimit;
  into.set(header.source, offset + IPV6_OFFSET.source);
  into.set(header.destination, offset + IPV6_OFFSET.destination);
  return IPV6_HEADER_LENGTH;
}
