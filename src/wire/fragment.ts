/**
 * The Fragment header (RFC 8200 §4.5).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+-------------------------+---+-+
 *   0 |  Next header  |   Reserved    |     Fragment offset     |Res|M|
 *     +---------------+---------------+-------------------------+---+-+
 *   4 |                        Identification                         |
 *     +---------------------------------------------------------------+
 */
import { readU16, readU32, readU8, writeU16, writeU32 } from './big-endian.js';
import { EmitRangeError, requireField, requireRoom } from './emit-check.js';
import { failed, parsed, type ParseResult } from './result.js';

/** RFC 8200 §4.5; it has no length of its own. */
export const FRAGMENT_HEADER_LENGTH = 8;
const FRAGMENT_OFFSET = { nextHeader: 0, reserved: 1, offsetAndMore: 2, identification: 4 } as const;

const OFFSET_MASK = 0xfff8;
const MORE = 0x0001;

/** RFC 8200 §4.5. */
export interface FragmentHeader {
  readonly nextHeader: number;
  /** Octets from the start of the fragmentable part; a multiple of 8, at most 65528. */
  readonly fragmentOffset: number;
  /** More fragments follow. */
  readonly more: boolean;
  readonly identification: number;
}

/** Reserved bits are ignored, as RFC 8200 asks. */
export function parseFragmentHeader(bytes: Uint8Array, offset = 0, end = bytes.length): ParseResult<FragmentHeader> {
  if (end - offset < FRAGMENT_HEADER_LENGTH) return failed('truncated', end);
  return parsed({
    nextHeader: readU8(bytes, offset + FRAGMENT_OFFSET.nextHeader),
    fragmentOffset: readU16(bytes, offset + FRAGMENT_OFFSET.offsetAndMore) & OFFSET_MASK,
    more: (readU16(bytes, offset + FRAGMENT_OFFSET.offsetAndMore) & MORE) !== 0,
    identification: readU32(bytes, offset + FRAGMENT_OFFSET.identification),
  });
}

/** Writes 8 octets. */
export function emitFragmentHeader(header: FragmentHeader, into: Uint8Array, offset: number): number {
  requireRoom(into, offset, FRAGMENT_HEADER_LENGTH, 'Fragment header');
  requireField(header.nextHeader, 0xff, 'next header');
  requireField(header.fragmentOffset, OFFSET_MASK, 'fragment offset');
  requireField(header.identification, 0xffffffff, 'identification');
  if ((header.fragmentOffset & 7) !== 0) {
    throw new EmitRangeError(`fragment offset is ${header.fragmentOffset}: give a multiple of 8`);
  }
  into[offset + FRAGMENT_OFFSET.nextHeader] = header.nextHeader;
  into[offset + FRAGMENT_OFFSET.reserved] = 0;
  writeU16(header.fragmentOffset | (header.more ? MORE : 0), into, offset + FRAGMENT_OFFSET.offsetAndMore);
  writeU32(header.identification, into, offset + FRAGMENT_OFFSET.identification);
  return FRAGMENT_HEADER_LENGTH;
}
