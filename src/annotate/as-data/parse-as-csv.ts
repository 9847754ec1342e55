import { parseAddress } from '../../address/address.js';
import { sanitiseLabel } from '../sanitise-name.js';
import { AsTableBuilder } from './as-table.js';

/**
 * Rows `start,end,asn,organisation` (RFC 4180 quoting), as published by ip-location-db and iptoasn. Written by hand over
 * octets because the bundled file has 103,197 rows, which must not cost a second: no string is made but the organisation's.
 */
export interface AsCsvCounts {
  readonly rows: number;
  /** Rows of IPv4 ranges: not needed, passed over. */
  readonly ipv4Rows: number;
  readonly malformedRows: number;
  /** Line of the first malformed row, from 1. */
  readonly firstMalformedLine: number | null;
}

const COMMA = 0x2c;
const QUOTE = 0x22;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const HASH = 0x23;
const COLON = 0x3a;
const DOT = 0x2e;
/** A quote that is never closed must not swallow the rest of the file. */
const ROW_LIMIT = 8192;
const ASN_LIMIT = 0xffffffff;

interface Field {
  from: number;
  to: number;
  quoted: boolean;
}

/**
 * Rows may come in any order and overlap; what they say goes to `builder`. Never throws: what is no row is counted and
 * passed over.
 */
export class AsCsvParser {
  readonly builder = new AsTableBuilder();
  readonly #bytes: Buffer;
  readonly #fields: [Field, Field, Field, Field] = [field(), field(), field(), field()];
  readonly #start = new Uint32Array(4);
  readonly #end = new Uint32Array(4);
  readonly #labels = new Map<string, string | null>();
  #position = 0;
  #line = 1;
  #rows = 0;
  #ipv4Rows = 0;
  #malformedRows = 0;
  #firstMalformedLine: number | null = null;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#position = 3;
  }

  get counts(): AsCsvCounts {
    return {
      rows: this.#rows,
      ipv4Rows: this.#ipv4Rows,
      malformedRows: this.#malformedRows,
      firstMalformedLine: this.#firstMalformedLine,
    };
  }

  /** Takes up to `limit` rows, so that a caller can let other work run in between. False at the end. */
  parse(limit: number): boolean {
    for (let count = 0; count < limit; count += 1) {
      if (this.#position >= this.#bytes.length) return false;
      const line = this.#line;
      const rowStart = this.#position;
      const fields = this.#readRow();
      if (fields === 0) continue;
      if (fields >= 3 && this.#take()) continue;
      if (line === 1 && this.#isHeader(rowStart)) continue;
      this.#malformedRows += 1;
      this.#firstMalformedLine ??= line;
    }
    return this.#position < this.#bytes.length;
  }

  /** A first line of words is a header, not a broken row. */
  #isHeader(rowStart: number): boolean {
    return /^"?[a-z_ ]+"?,/i.test(this.#bytes.toString('latin1', rowStart, rowStart + 64));
  }

  #take(): boolean {
    const bytes = this.#bytes;
    const [start, end, asnField, organisation] = this.#fields;
    const asn = parseAsn(bytes, asnField.from, asnField.to);
    if (asn === null) return false;
    if (!holds(bytes, start, COLON)) {
      if (!holds(bytes, start, DOT)) return false;
      this.#ipv4Rows += 1;
      return true;
    }
    if (!parseWords(bytes, start.from, start.to, this.#start) || !parseWords(bytes, end.from, end.to, this.#end))
      return false;
    // AS 0 is how some files say "not announced" (RFC 7607).
    if (asn !== 0 && !this.builder.add(this.#start, this.#end, asn, this.#label(organisation))) return false;
    this.#rows += 1;
    return true;
  }

  #label(organisation: Field): string | null {
    if (organisation.to <= organisation.from) return null;
    const raw = this.#bytes.toString('utf8', organisation.from, organisation.to);
    let label = this.#labels.get(raw);
    if (label === undefined) {
      label = sanitiseLabel(organisation.quoted ? raw.replaceAll('""', '"') : raw);
      this.#labels.set(raw, label);
    }
    return label;
  }

  /** Number of fields; 0 for an empty line or a comment. Leaves the position behind the row. */
  #readRow(): number {
    const bytes = this.#bytes;
    const rowStart = this.#position;
    for (const entry of this.#fields) entry.from = entry.to = 0;
    const first = bytes[rowStart];
    if (first === HASH || first === NEWLINE || (first === RETURN && bytes[rowStart + 1] === NEWLINE)) {
      this.#skipLine(rowStart);
      return 0;
    }
    let position = rowStart;
    let lines = 0;
    const limit = Math.min(bytes.length, rowStart + ROW_LIMIT);
    for (let count = 0; ;) {
      const entry = this.#fields[count];
      const quoted = bytes[position] === QUOTE;
      let from = position;
      let to: number;
      if (quoted) {
        from = position += 1;
        for (; position < limit; position += 1) {
          const octet = bytes[position];
          if (octet === NEWLINE) lines += 1;
          if (octet !== QUOTE) continue;
          if (bytes[position + 1] !== QUOTE) break;
          position += 1;
        }
        to = position;
        position += 1;
        if (position > limit) {
          this.#skipLine(rowStart);
          return 1;
        }
      } else {
        for (; position < bytes.length; position += 1) {
          const octet = bytes[position];
          if (octet === COMMA || octet === NEWLINE) break;
        }
        to = position;
        if (to > from && bytes[to - 1] === RETURN && bytes[to] !== COMMA) to -= 1;
      }
      if (entry !== undefined) {
        entry.from = from;
        entry.to = to;
        entry.quoted = quoted;
      }
      count += 1;
      if (bytes[position] === RETURN) position += 1;
      if (bytes[position] === COMMA) {
        position += 1;
        continue;
      }
      const ended = position >= bytes.length || bytes[position] === NEWLINE;
      if (!ended) {
        // Something after a closing quote: perhaps one that was opened by mistake, so the next line gets its chance.
        this.#skipLine(rowStart);
        return 1;
      }
      this.#position = position + 1;
      this.#line += lines + 1;
      return count;
    }
  }

  #skipLine(from: number): void {
    const newline = this.#bytes.indexOf(NEWLINE, from);
    this.#position = newline < 0 ? this.#bytes.length : newline + 1;
    this.#line += 1;
  }
}

function field(): Field {
  return { from: 0, to: 0, quoted: false };
}

function holds(bytes: Uint8Array, entry: Field, octet: number): boolean {
  for (let position = entry.from; position < entry.to; position += 1) if (bytes[position] === octet) return true;
  return false;
}

/** Digits, with or without `AS` before them. */
function parseAsn(bytes: Uint8Array, from: number, to: number): number | null {
  let position = from;
  if (((bytes[position] ?? 0) | 0x20) === 0x61 && ((bytes[position + 1] ?? 0) | 0x20) === 0x73) position += 2;
  if (position >= to || to - position > 10) return null;
  let value = 0;
  for (; position < to; position += 1) {
    const digit = (bytes[position] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  return value <= ASN_LIMIT ? value : null;
}

const groups = new Uint16Array(8);

/** RFC 4291 §2.2 text between two offsets into four words. False where it is not an address. */
export function parseWords(bytes: Buffer, from: number, to: number, into: Uint32Array): boolean {
  let count = 0;
  let gap = -1;
  let digits = 0;
  let value = 0;
  let position = from;
  if (bytes[position] === COLON) {
    if (bytes[position + 1] !== COLON) return false;
    position += 1;
  }
  for (; position < to; position += 1) {
    const octet = bytes[position] ?? 0;
    if (octet === COLON) {
      if (digits === 0) {
        if (gap >= 0) return false;
        gap = count;
        continue;
      }
      if (count === 8 || position + 1 === to) return false;
      groups[count] = value;
      count += 1;
      digits = value = 0;
      continue;
    }
    const digit = hexDigit(octet);
    if (digit < 0) return octet === DOT && parseDotted(bytes, from, to, into);
    digits += 1;
    if (digits > 4) return false;
    value = (value << 4) | digit;
  }
  if (digits > 0) {
    if (count === 8) return false;
    groups[count] = value;
    count += 1;
  }
  if (gap < 0 ? count !== 8 : count > 7) return false;
  const shift = 8 - count;
  for (let index = 0; index < 4; index += 1) {
    into[index] = ((group(2 * index, gap, shift) << 16) | group(2 * index + 1, gap, shift)) >>> 0;
  }
  return true;
}

/** Group `index` of the address once the gap is filled with `shift` zeros. */
function group(index: number, gap: number, shift: number): number {
  if (gap < 0 || index < gap) return groups[index] ?? 0;
  return index < gap + shift ? 0 : (groups[index - shift] ?? 0);
}

function hexDigit(octet: number): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** `::ffff:192.0.2.1` and the like: rare, so by way of text. */
function parseDotted(bytes: Buffer, from: number, to: number, into: Uint32Array): boolean {
  const octets = to - from > 64 ? undefined : parseAddress(bytes.toString('latin1', from, to))?.octets;
  if (octets === undefined) return false;
  const view = new DataView(octets.buffer, octets.byteOffset, 16);
  for (let index = 0; index < 4; index += 1) into[index] = view.getUint32(index * 4);
  return true;
}
