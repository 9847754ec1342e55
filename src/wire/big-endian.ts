/**
 * Network byte order over plain octets. Reading past the end of the buffer gives zeros; parsers check lengths first.
 * (A DataView per packet would be an allocation on the hot path.)
 */

/** 0 … 255. */
export function readU8(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}

/** 0 … 2¹⁶−1. */
export function readU16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

/** 0 … 2³²−1, never negative. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return ((readU16(bytes, offset) << 16) | readU16(bytes, offset + 2)) >>> 0;
}

/** The low 16 bits of `value`; that it fits is the caller's to check (see `requireField`). */
export function writeU16(value: number, into: Uint8Array, offset: number): void {
  into[offset] = value >>> 8;
  into[offset + 1] = value;
}

/** The low 32 bits of `value`; that it fits is the caller's to check (see `requireField`). */
export function writeU32(value: number, into: Uint8Array, offset: number): void {
  into[offset] = value >>> 24;
  into[offset + 1] = value >>> 16;
  into[offset + 2] = value >>> 8;
  into[offset + 3] = value;
}
