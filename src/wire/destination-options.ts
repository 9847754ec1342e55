/**
 * Options of the Hop-by-Hop and Destination Options headers (RFC 8200 §4.2, §4.6).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+---------------+---------------+
 *   0 |  Next header  | Hdr Ext Len   |  Option type  | Option length |
 *     +---------------+---------------+---------------+---------------+
 *   4 |         option data, further options, padding to 8 × n        |
 *     +---------------------------------------------------------------+
 */
import { readU8 } from './big-endian.js';
import { EmitRangeError, requireField, requireOctets, requireRoom } from './emit-check.js';
import { emitPdm, PDM_OPTION_TOTAL_LENGTH, type PdmOption } from './pdm-option.js';
import { failed, parsed, type ParseResult } from './result.js';

/** Octets from the start of the header to each field. */
export const OPTIONS_OFFSET = { nextHeader: 0, length: 1, options: 2 } as const;
const OPTION_OFFSET = { type: 0, length: 1, data: 2 } as const;

/** IANA, "Destination Options and Hop-by-Hop Options". */
export const OPTION_TYPE = {
  pad1: 0x00,
  padN: 0x01,
  pdm: 0x0f,
  /** RFC 3692-style experiment with action bits 00: skip when unknown (IANA, from RFC 4727). */
  experiment: 0x1e,
} as const;

/** What a node that does not know the option does (RFC 8200 §4.2): the two highest bits of its type. */
export const OPTION_ACTION = { skip: 0, discard: 1, discardAndReport: 2, discardAndReportUnicast: 3 } as const;

const MAX_HEADER_LENGTH = 256 * 8;

/** An option as found, padding included. Unknown types survive. */
export interface Option {
  readonly type: number;
  /** Of the type octet, in the parsed buffer. */
  readonly offset: number;
  /** Octets of data; 0 for Pad1. */
  readonly length: number;
  /** Of the first data octet, in the parsed buffer (for Pad1: of what follows it). */
  readonly dataOffset: number;
}

/** A whole header, Hop-by-Hop or Destination Options. */
export interface OptionsHeader {
  readonly nextHeader: number;
  /** Octets of the whole header. */
  readonly length: number;
  readonly options: readonly Option[];
}

/**
 * What a node does that does not know the option, the two highest bits of its type (RFC 8200 §4.2): 0 skip it, 1 discard, 2
 * discard and report, 3 the same unless the destination is multicast.
 */
export function optionAction(type: number): number {
  return type >>> 6;
}

/** Whether routers may change the option's data on the way (third bit of its type). */
export function optionMayChange(type: number): boolean {
  return (type & 0x20) !== 0;
}

/**
 * Parses the whole header that starts at `offset` with its next-header octet. Fails with `truncated` when the header
 * passes `end`, and with `bad-option-length` when an option passes the header.
 */
export function parseOptions(bytes: Uint8Array, offset = 0, end = bytes.length): ParseResult<OptionsHeader> {
  if (end - offset < OPTIONS_OFFSET.options) return failed('truncated', end);
  const length = (readU8(bytes, offset + OPTIONS_OFFSET.length) + 1) * 8;
  if (offset + length > end) return failed('truncated', end);
  const options: Option[] = [];
  let at = offset + OPTIONS_OFFSET.options;
  const limit = offset + length;
  while (at < limit) {
    const size = optionSize(bytes, at, limit);
    if (size < 0 || at + size > limit) return failed('bad-option-length', at);
    const type = readU8(bytes, at);
    const head = type === OPTION_TYPE.pad1 ? 1 : OPTION_OFFSET.data;
    options.push({ type, offset: at, length: size - head, dataOffset: at + head });
    at += size;
  }
  return parsed({ nextHeader: readU8(bytes, offset + OPTIONS_OFFSET.nextHeader), length, options });
}

/** Octets of the option at `at`, type and length included, as announced; −1 where its length octet is not there. */
function optionSize(bytes: Uint8Array, at: number, limit: number): number {
  if (readU8(bytes, at) === OPTION_TYPE.pad1) return 1;
  if (at + OPTION_OFFSET.length >= limit) return -1;
  return OPTION_OFFSET.data + readU8(bytes, at + OPTION_OFFSET.length);
}

/**
 * Offset of the first option of `type` whose type octet lies in the options area that starts at `from` (after the
 * header's first two octets) and ends at `limit`, or −1. For quotes: the option itself may be cut off.
 */
export function findOption(bytes: Uint8Array, from: number, limit: number, type: number): number {
  let at = from;
  while (at < limit) {
    if (readU8(bytes, at) === type) return at;
    const size = optionSize(bytes, at, limit);
    if (size < 0) return -1;
    at += size;
  }
  return -1;
}

const NO_ALIGNMENT = { multiple: 1, remainder: 0 };

/** An option to emit. */
export interface OptionToEmit {
  readonly type: number;
  /** At most 255 octets. */
  readonly data: Uint8Array;
  /** Place of the type octet, counted from the start of the header: `multiple` × n + `remainder` (RFC 8200 §4.2). */
  readonly alignment?: { readonly multiple: number; readonly remainder: number };
}

/** Octets of the header that `emitDestinationOptions` writes for these options. */
export function destinationOptionsLength(options: readonly OptionToEmit[]): number {
  let length: number = OPTIONS_OFFSET.options;
  for (const option of options) length += alignmentPadding(option, length) + OPTION_OFFSET.data + option.data.length;
  return (length + 7) & ~7;
}

function alignmentPadding(option: OptionToEmit, at: number): number {
  const { multiple, remainder } = option.alignment ?? NO_ALIGNMENT;
  return (((remainder - at) % multiple) + multiple) % multiple;
}

/** Writes the options in order, each at its alignment, and pads to a multiple of 8. Returns the octets written. */
export function emitDestinationOptions(
  nextHeader: number,
  options: readonly OptionToEmit[],
  into: Uint8Array,
  offset: number,
): number {
  for (const option of options) requireOption(option);
  const length = destinationOptionsLength(options);
  if (length > MAX_HEADER_LENGTH) {
    throw new EmitRangeError(`options header has ${length} octets: give options for at most ${MAX_HEADER_LENGTH}`);
  }
  emitHeaderStart(nextHeader, length, into, offset);
  let at = offset + OPTIONS_OFFSET.options;
  for (const option of options) {
    at += emitPadding(alignmentPadding(option, at - offset), into, at);
    into[at + OPTION_OFFSET.type] = option.type;
    into[at + OPTION_OFFSET.length] = option.data.length;
    into.set(option.data, at + OPTION_OFFSET.data);
    at += OPTION_OFFSET.data + option.data.length;
  }
  emitPadding(offset + length - at, into, at);
  return length;
}

function requireOption(option: OptionToEmit): void {
  requireField(option.type, 0xff, 'option type');
  requireField(option.data.length, 0xff, 'option length');
  if (option.type === OPTION_TYPE.pad1) {
    throw new EmitRangeError('option type is 0, which has no length: leave padding to alignments');
  }
  const { multiple, remainder } = option.alignment ?? NO_ALIGNMENT;
  if (![1, 2, 4, 8].includes(multiple)) throw new EmitRangeError(`alignment is to ${multiple}: give 1, 2, 4 or 8`);
  requireField(remainder, multiple - 1, 'remainder of an alignment');
}

/** Writes `length` (0–257) octets of padding: nothing, Pad1, or one PadN of zeros. Returns `length`. */
export function emitPadding(length: number, into: Uint8Array, offset: number): number {
  if (length === 0) return 0;
  if (length === 1) {
    into[offset] = OPTION_TYPE.pad1;
    return 1;
  }
  into[offset + OPTION_OFFSET.type] = OPTION_TYPE.padN;
  into[offset + OPTION_OFFSET.length] = length - OPTION_OFFSET.data;
  into.fill(0, offset + OPTION_OFFSET.data, offset + length);
  return length;
}

/** Octets of the `pdm` and `do16` headers. */
export const PDM_HEADER_LENGTH = 16;
/** Octets of the arm `do16`'s extension header (METHOD: Arms), as many as PDM's. */
export const DO16_HEADER_LENGTH = 16;
/** Octets of the arm `do8`'s extension header (METHOD: Arms). */
export const DO8_HEADER_LENGTH = 8;

/** The header of the `pdm` arm: `nn 01 0f 0a`, ten octets of PDM, `01 00`. Writes 16 octets, allocates nothing. */
export function emitPdmDestinationOptions(
  nextHeader: number,
  pdm: PdmOption,
  into: Uint8Array,
  offset: number,
): number {
  emitHeaderStart(nextHeader, PDM_HEADER_LENGTH, into, offset);
  emitPdm(pdm, into, offset + OPTIONS_OFFSET.options);
  emitPadding(2, into, offset + OPTIONS_OFFSET.options + PDM_OPTION_TOTAL_LENGTH);
  return PDM_HEADER_LENGTH;
}

/** The header of the `do8` arm: `nn 00 1e 04 00 00 00 00`. Writes 8 octets. */
export function emitDo8(nextHeader: number, into: Uint8Array, offset: number): number {
  emitHeaderStart(nextHeader, DO8_HEADER_LENGTH, into, offset);
  into[offset + 2] = OPTION_TYPE.experiment;
  into[offset + 3] = 4;
  into.fill(0, offset + 4, offset + DO8_HEADER_LENGTH);
  return DO8_HEADER_LENGTH;
}

/** The header of the `do16` arm: `nn 01 1e 0a`, the ten octets given, `01 00`. Writes 16 octets. */
export function emitDo16(nextHeader: number, tenOctets: Uint8Array, into: Uint8Array, offset: number): number {
  requireOctets(tenOctets, 10, 'experiment option data');
  emitHeaderStart(nextHeader, DO16_HEADER_LENGTH, into, offset);
  into[offset + 2] = OPTION_TYPE.experiment;
  into[offset + 3] = 10;
  into.set(tenOctets, offset + 4);
  emitPadding(2, into, offset + 14);
  return DO16_HEADER_LENGTH;
}

function emitHeaderStart(nextHeader: number, length: number, into: Uint8Array, offset: number): void {
  requireRoom(into, offset, length, 'options header');
  requireField(nextHeader, 0xff, 'next header');
  into[offset + OPTIONS_OFFSET.nextHeader] = nextHeader;
  into[offset + OPTIONS_OFFSET.length] = length / 8 - 1;
}
