/**
 * The Performance and Diagnostic Metrics option (RFC 8250 §3.2.1).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+---------------+---------------+
 *   0 | Type 0x0f     | Length 10     |   ScaleDTLR   |   ScaleDTLS   |
 *     +---------------+---------------+---------------+---------------+
 *   4 |       PSN this packet         |       PSN last received       |
 *     +-------------------------------+-------------------------------+
 *   8 |   Delta time last received    |     Delta time last sent      |
 *     +-------------------------------+-------------------------------+
 *
 * Its fields are to lie on natural boundaries: the type octet stands at 2n from the start of the header.
 * Both scales are unsigned (the RFC calls one of them signed and gives its range as 0 to 255).
 */
import { readU16, readU8, writeU16 } from './big-endian.js';
import { requireField, requireRoom } from './emit-check.js';
import { failed, parsed, type ParseResult } from './result.js';

/**
 * IANA; RFC 8250 §3.2.1. Action bits 00: who does not know it skips it; the third bit 0: nobody may change it on the way.
 */
export const PDM_OPTION_TYPE = 0x0f;
/** Octets of option data. */
export const PDM_OPTION_LENGTH = 10;
/** Octets with type and length. */
export const PDM_OPTION_TOTAL_LENGTH = 12;
/** Option lengths of the drafts of PDMv2, same type: in the clear and encrypted, by age (draft-ietf-ippm-encrypted-pdmv2). */
export const PDMV2_OPTION_LENGTHS: readonly number[] = [0x12, 0x16, 0x22, 0x26];

/** Octets from the option's type octet to each field. */
export const PDM_OFFSET = {
  type: 0,
  length: 1,
  scaleDtlr: 2,
  scaleDtls: 3,
  psnThisPacket: 4,
  psnLastReceived: 6,
  deltaTimeLastReceived: 8,
  deltaTimeLastSent: 10,
} as const;

/** Fields as they stand on the wire: packet sequence numbers (PSN) are 0–65535, scales and deltas those of `PdmTime`. */
export interface PdmOption {
  /** Scale of `deltaTimeLastReceived`, 0–255. */
  readonly scaleDtlr: number;
  /** Scale of `deltaTimeLastSent`, 0–255. */
  readonly scaleDtls: number;
  readonly psnThisPacket: number;
  readonly psnLastReceived: number;
  /** 16 most significant bits of a time in attoseconds: see `decodePdmTime`. */
  readonly deltaTimeLastReceived: number;
  readonly deltaTimeLastSent: number;
}

/**
 * Parses the option at `offset`, its type octet. Fails with `not-pdm` for another type, `pdmv2-draft` for the lengths
 * of the draft, `bad-length` for any other length than 10, `truncated` when the octets end before the option does.
 */
export function parsePdm(bytes: Uint8Array, offset = 0, end = bytes.length): ParseResult<PdmOption> {
  if (end - offset < 2) return failed('truncated', end);
  if (readU8(bytes, offset + PDM_OFFSET.type) !== PDM_OPTION_TYPE) return failed('not-pdm', offset);
  const length = readU8(bytes, offset + PDM_OFFSET.length);
  if (length !== PDM_OPTION_LENGTH) {
    return failed(PDMV2_OPTION_LENGTHS.includes(length) ? 'pdmv2-draft' : 'bad-length', offset + PDM_OFFSET.length);
  }
  if (end - offset < PDM_OPTION_TOTAL_LENGTH) return failed('truncated', end);
  return parsed({
    scaleDtlr: readU8(bytes, offset + PDM_OFFSET.scaleDtlr),
    scaleDtls: readU8(bytes, offset + PDM_OFFSET.scaleDtls),
    psnThisPacket: readU16(bytes, offset + PDM_OFFSET.psnThisPacket),
    psnLastReceived: readU16(bytes, offset + PDM_OFFSET.psnLastReceived),
    deltaTimeLastReceived: readU16(bytes, offset + PDM_OFFSET.deltaTimeLastReceived),
    deltaTimeLastSent: readU16(bytes, offset + PDM_OFFSET.deltaTimeLastSent),
  });
}

/** Writes type, length and ten octets: 12. */
export function emitPdm(pdm: PdmOption, into: Uint8Array, offset: number): number {
  requireRoom(into, offset, PDM_OPTION_TOTAL_LENGTH, 'PDM option');
  requireField(pdm.scaleDtlr, 0xff, 'ScaleDTLR');
  requireField(pdm.scaleDtls, 0xff, 'ScaleDTLS');
  requireField(pdm.psnThisPacket, 0xffff, 'PSN this packet');
  requireField(pdm.psnLastReceived, 0xffff, 'PSN last received');
  requireField(pdm.deltaTimeLastReceived, 0xffff, 'delta time last received');
  requireField(pdm.deltaTimeLastSent, 0xffff, 'delta time last sent');
  into[offset + PDM_OFFSET.type] = PDM_OPTION_TYPE;
  into[offset + PDM_OFFSET.length] = PDM_OPTION_LENGTH;
  into[offset + PDM_OFFSET.scaleDtlr] = pdm.scaleDtlr;
  into[offset + PDM_OFFSET.scaleDtls] = pdm.scaleDtls;
  writeU16(pdm.psnThisPacket, into, offset + PDM_OFFSET.psnThisPacket);
  writeU16(pdm.psnLastReceived, into, offset + PDM_OFFSET.psnLastReceived);
  writeU16(pdm.deltaTimeLastReceived, into, offset + PDM_OFFSET.deltaTimeLastReceived);
  writeU16(pdm.deltaTimeLastSent, into, offset + PDM_OFFSET.deltaTimeLastSent);
  return PDM_OPTION_TOTAL_LENGTH;
}
