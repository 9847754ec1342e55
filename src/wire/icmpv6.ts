/**
 * ICMPv6 (RFC 4443; codes also of RFC 7112, 8754 and 8883).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+-------------------------------+
 *   0 |     Type      |     Code      |           Checksum            |
 *     +---------------+---------------+-------------------------------+
 *   4 |  identifier, sequence │ pointer │ MTU │ length (8), unused    |
 *     +---------------------------------------------------------------+
 *   8 |  echo payload │ invoking packet, padding, extensions          |
 *     +---------------------------------------------------------------+
 */
import { readU16, readU32, readU8, writeU16, writeU32 } from './big-endian.js';
import { requireField, requireRoom } from './emit-check.js';
import { failed, parsed, type ParseResult } from './result.js';

/** RFC 4443 §2.1, with the four octets of each type's own. */
export const ICMPV6_HEADER_LENGTH = 8;
/** Octets from the start of the message to each field; those at 4 are of different types. */
export const ICMPV6_OFFSET = {
  type: 0,
  code: 1,
  checksum: 2,
  /** Types 1 and 3: octets of the quote / 8 (RFC 4884 §4.4, §4.5). */
  quoteLength: 4,
  identifier: 4,
  sequence: 6,
  pointer: 4,
  mtu: 4,
  body: 8,
} as const;

/** IANA, "ICMPv6 Type Numbers". */
export const ICMPV6 = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
} as const;

/** Codes of type 1: RFC 4443 §3.1, and those that IANA has added. */
export const DESTINATION_UNREACHABLE = {
  noRoute: 0,
  adminProhibited: 1,
  beyondScope: 2,
  addressUnreachable: 3,
  portUnreachable: 4,
  sourcePolicy: 5,
  rejectRoute: 6,
  sourceRoutingError: 7,
  /** RFC 8883 §3. */
  headersTooLong: 8,
} as const;

/** Codes of type 3 (RFC 4443 §3.3): on the way, and where fragments are put together. */
export const TIME_EXCEEDED = { hopLimit: 0, reassembly: 1 } as const;

/** Codes of type 4: RFC 4443 §3.4, and those that IANA has added. */
export const PARAMETER_PROBLEM = {
  erroneousField: 0,
  unrecognizedNextHeader: 1,
  unrecognizedOption: 2,
  /** RFC 7112 §5: the first fragment lacks part of the header chain. */
  incompleteChain: 3,
  /** RFC 8754 §4.3.1.2. */
  segmentRoutingUpperLayer: 4,
  /** 5–10: RFC 8883 §2, limits of intermediate nodes. */
  unrecognizedNextHeaderAtNode: 5,
  extensionHeaderTooBig: 6,
  chainTooLong: 7,
  tooManyExtensionHeaders: 8,
  tooManyOptions: 9,
  optionTooBig: 10,
} as const;

interface Common {
  readonly type: number;
  readonly code: number;
  readonly checksum: number;
}

/** The first 8 octets. Types that are not named here keep octets 4–7 as they are: unknown codes and types survive. */
export type Icmpv6Message =
  | (Common & { readonly kind: 'echo'; readonly identifier: number; readonly sequence: number })
  | (Common & { readonly kind: 'parameter-problem'; readonly pointer: number })
  | (Common & { readonly kind: 'packet-too-big'; readonly mtu: number })
  | (Common & { readonly kind: 'other'; readonly rest: number });

/** RFC 4443 §2.1: types below 128 are errors. */
export function isIcmpv6Error(type: number): boolean {
  return type < 128;
}

/** Fails with `truncated` below 8 octets. The body starts at `offset + ICMPV6_OFFSET.body`. */
export function parseIcmpv6(bytes: Uint8Array, offset = 0, end = bytes.length): ParseResult<Icmpv6Message> {
  if (end - offset < ICMPV6_HEADER_LENGTH) return failed('truncated', end);
  const type = readU8(bytes, offset + ICMPV6_OFFSET.type);
  const code = readU8(bytes, offset + ICMPV6_OFFSET.code);
  const checksum = readU16(bytes, offset + ICMPV6_OFFSET.checksum);
  switch (type) {
    case ICMPV6.echoRequest:
    case ICMPV6.echoReply: {
      const identifier = readU16(bytes, offset + ICMPV6_OFFSET.identifier);
      return parsed({
        kind: 'echo',
        type,
        code,
        checksum,
        identifier,
        sequence: readU16(bytes, offset + ICMPV6_OFFSET.sequence),
      });
    }
    case ICMPV6.parameterProblem:
      return parsed({
        kind: 'parameter-problem',
        type,
        code,
        checksum,
        pointer: readU32(bytes, offset + ICMPV6_OFFSET.pointer),
      });
    case ICMPV6.packetTooBig:
      return parsed({ kind: 'packet-too-big', type, code, checksum, mtu: readU32(bytes, offset + ICMPV6_OFFSET.mtu) });
    default:
      return parsed({ kind: 'other', type, code, checksum, rest: readU32(bytes, offset + 4) });
  }
}

/** Writes 8 octets, the checksum as given (see `upperLayerChecksum`). */
export function emitIcmpv6(message: Icmpv6Message, into: Uint8Array, offset: number): number {
  requireRoom(into, offset, ICMPV6_HEADER_LENGTH, 'ICMPv6 header');
  requireField(message.type, 0xff, 'ICMPv6 type');
  requireField(message.code, 0xff, 'ICMPv6 code');
  requireField(message.checksum, 0xffff, 'ICMPv6 checksum');
  into[offset + ICMPV6_OFFSET.type] = message.type;
  into[offset + ICMPV6_OFFSET.code] = message.code;
  writeU16(message.checksum, into, offset + ICMPV6_OFFSET.checksum);
  switch (message.kind) {
    case 'echo':
      requireField(message.identifier, 0xffff, 'echo identifier');
      requireField(message.sequence, 0xffff, 'echo sequence number');
      writeU16(message.identifier, into, offset + ICMPV6_OFFSET.identifier);
      writeU16(message.sequence, into, offset + ICMPV6_OFFSET.sequence);
      break;
    case 'parameter-problem':
      requireField(message.pointer, 0xffffffff, 'pointer');
      writeU32(message.pointer, into, offset + ICMPV6_OFFSET.pointer);
      break;
    case 'packet-too-big':
      requireField(message.mtu, 0xffffffff, 'MTU');
      writeU32(message.mtu, into, offset + ICMPV6_OFFSET.mtu);
      break;
    case 'other':
      requireField(message.rest, 0xffffffff, 'octets 4 to 7');
      writeU32(message.rest, into, offset + 4);
  }
  return ICMPV6_HEADER_LENGTH;
}

export { parseIcmpv6Error, type Icmpv6Error } from './icmpv6-error.js';
