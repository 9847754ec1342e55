/**
 * The Interface Information Object (RFC 5837 §4). Its C-Type says whose interface it is and which fields follow, in
 * this order:
 *
 *        0       1       2       3       4       5       6       7
 *     +---------------+---------------+-------+-------+-------+-------+
 *     |     Role      |   Reserved    |ifIndex|Address| Name  |  MTU  |
 *     +---------------+---------------+-------+-------+-------+-------+
 *
 *     ifIndex (4) | AFI (2) reserved (2) address (4 or 16) | length (1) name, NUL-padded to 4 × n | MTU (4)
 */
import { formatAddress, parseAddress } from '../address/address.js';
import { readU16, readU32, readU8, writeU16, writeU32 } from './big-endian.js';
import { EmitRangeError, requireField } from './emit-check.js';
import { failed, parsed, type ParseResult } from './result.js';

/** RFC 5837 §4.1: their places here are the values of the two bits. */
export const INTERFACE_ROLES = ['incoming', 'sub-ip', 'outgoing', 'next-hop'] as const;
type InterfaceRole = (typeof INTERFACE_ROLES)[number];

const HAS = { ifIndex: 0x08, address: 0x04, name: 0x02, mtu: 0x01 } as const;
const AFI = { ipv4: 1, ipv6: 2 } as const;
const MAX_NAME_LENGTH = 63;

/** Null: the object has no such field. */
export interface InterfaceInformation {
  readonly role: InterfaceRole;
  readonly ifIndex: number | null;
  /** RFC 5952 text, or dotted where a router put an IPv4 address there. */
  readonly address: string | null;
  /** Characters that steer terminals are replaced by U+FFFD. */
  readonly name: string | null;
  readonly mtu: number | null;
}

/** Parses the payload of the object. What follows the announced fields is ignored, as RFC 5837 §4.1 asks. */
export function parseInterfaceInformation(
  cType: number,
  bytes: Uint8Array,
  offset = 0,
  end = bytes.length,
): ParseResult<InterfaceInformation> {
  let at = offset;
  let ifIndex: number | null = null;
  let address: string | null = null;
  let name: string | null = null;
  let mtu: number | null = null;
  if ((cType & HAS.ifIndex) !== 0) {
    if (at + 4 > end) return failed('truncated', end);
    ifIndex = readU32(bytes, at);
    at += 4;
  }
  if ((cType & HAS.address) !== 0) {
    if (at + 4 > end) return failed('truncated', end);
    const family = readU16(bytes, at);
    at += 4;
    const length = family === AFI.ipv4 ? 4 : family === AFI.ipv6 ? 16 : 0;
    // The family tells the length: without it, what follows cannot be placed.
    if (length === 0) return failed('unknown-address-family', at - 4);
    if (at + length > end) return failed('truncated', end);
    address = family === AFI.ipv6 ? formatAddress(bytes, at) : bytes.subarray(at, at + 4).join('.');
    at += length;
  }
  if ((cType & HAS.name) !== 0) {
    if (at >= end) return failed('truncated', end);
    const length = readU8(bytes, at);
    if (length === 0 || length > MAX_NAME_LENGTH + 1 || length % 4 !== 0) return failed('bad-length', at);
    if (at + length > end) return failed('truncated', end);
    name = decodeName(bytes.subarray(at + 1, at + length));
    at += length;
  }
  if ((cType & HAS.mtu) !== 0) {
    if (at + 4 > end) return failed('truncated', end);
    mtu = readU32(bytes, at);
  }
  return parsed({ role: INTERFACE_ROLES[cType >>> 6] ?? 'incoming', ifIndex, address, name, mtu });
}

const utf8 = new TextDecoder();
// Controls, format characters (bidi overrides among them), line and paragraph separators, lone surrogates.
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

function decodeName(octets: Uint8Array): string {
  let length = octets.length;
  while (length > 0 && octets[length - 1] === 0) length--;
  return utf8.decode(octets.subarray(0, length)).replace(STEERING, '\ufffd');
}

/** Role in the two highest bits, then one bit for each field that is there (RFC 5837 §4.1). */
export function interfaceCType(information: InterfaceInformation): number {
  return (
    (INTERFACE_ROLES.indexOf(information.role) << 6) |
    (information.ifIndex === null ? 0 : HAS.ifIndex) |
    (information.address === null ? 0 : HAS.address) |
    (information.name === null ? 0 : HAS.name) |
    (information.mtu === null ? 0 : HAS.mtu)
  );
}

function encodedName(name: string): Uint8Array {
  const octets = new TextEncoder().encode(name);
  if (octets.length > MAX_NAME_LENGTH) {
    throw new EmitRangeError(`interface name has ${octets.length} octets: give at most ${MAX_NAME_LENGTH}`);
  }
  return octets;
}

function paddedNameLength(name: string): number {
  return (1 + encodedName(name).length + 3) & ~3;
}

/** Octets of the payload. */
export function interfaceInformationLength(information: InterfaceInformation): number {
  return (
    (information.ifIndex === null ? 0 : 4) +
    (information.address === null ? 0 : information.address.includes(':') ? 20 : 8) +
    (information.name === null ? 0 : paddedNameLength(information.name)) +
    (information.mtu === null ? 0 : 4)
  );
}

/** Writes the payload; the C-Type of `interfaceCType` goes into the object's header. */
export function emitInterfaceInformation(information: InterfaceInformation, into: Uint8Array, offset: number): number {
  let at = offset;
  if (information.ifIndex !== null) {
    requireField(information.ifIndex, 0xffffffff, 'ifIndex');
    writeU32(information.ifIndex, into, at);
    at += 4;
  }
  if (information.address !== null) at += emitInterfaceAddress(information.address, into, at);
  if (information.name !== null) {
    const length = paddedNameLength(information.name);
    into.fill(0, at, at + length);
    into[at] = length;
    into.set(encodedName(information.name), at + 1);
    at += length;
  }
  if (information.mtu !== null) {
    requireField(information.mtu, 0xffffffff, 'MTU');
    writeU32(information.mtu, into, at);
    at += 4;
  }
  return at - offset;
}

function emitInterfaceAddress(text: string, into: Uint8Array, at: number): number {
  const octets = text.includes(':') ? parseAddress(text)?.octets : parseAddress(`::ffff:${text}`)?.octets.subarray(12);
  if (octets === undefined) {
    throw new EmitRangeError(`interface address is ${text}: give an IPv6 or a dotted IPv4 address`);
  }
  writeU16(octets.length === 16 ? AFI.ipv6 : AFI.ipv4, into, at);
  writeU16(0, into, at + 2);
  into.set(octets, at + 4);
  return 4 + octets.length;
}
