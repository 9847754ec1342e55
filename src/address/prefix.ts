/** Prefixes, and sets of them that answer quickly whether an address lies in one. */
import { ADDRESS_LENGTH, formatAddress, parseAddress } from './address.js';

/** A range of addresses (RFC 4291 §2.3). */
export interface Prefix {
  /** 16 octets; those bits that the length leaves free are 0. */
  readonly octets: Uint8Array;
  /** 0–128 bits. */
  readonly length: number;
}

const LENGTH = /^(0|[1-9][0-9]{0,2})$/;

/** `2001:db8::/32`, or an address alone, which is a /128. Host bits may be set; they are cleared. Null for all else. */
export function parsePrefix(text: string): Prefix | null {
  const slash = text.indexOf('/');
  const lengthText = slash < 0 ? '128' : text.slice(slash + 1);
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address?.zone !== null || !LENGTH.test(lengthText)) return null;
  const length = Number(lengthText);
  if (length > 128) return null;
  const octets = address.octets;
  for (let index = 0; index < ADDRESS_LENGTH; index++) octets[index] = (octets[index] ?? 0) & maskOctet(length, index);
  return { octets, length };
}

/** The address as RFC 5952 writes it, a slash, and the length in bits: `2001:db8::/32`. `parsePrefix` reads it back. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.octets)}/${prefix.length}`;
}

/** The mask of octet `index` for a prefix of `length` bits. */
function maskOctet(length: number, index: number): number {
  const bits = Math.min(8, Math.max(0, length - 8 * index));
  return (0xff00 >>> bits) & 0xff;
}

/** Whether the address in the 16 octets at `offset` lies in it; `::/0` holds all. */
export function prefixContains(prefix: Prefix, octets: Uint8Array, offset = 0): boolean {
  const whole = prefix.length >>> 3;
  for (let index = 0; index < whole; index++) if (prefix.octets[index] !== octets[offset + index]) return false;
  const mask = maskOctet(prefix.length, whole);
  return mask === 0 || (prefix.octets[whole] ?? 0) === ((octets[offset + whole] ?? 0) & mask);
}

function compareOctets(a: Uint8Array, b: Uint8Array, bOffset: number): number {
  for (let index = 0; index < ADDRESS_LENGTH; index++) {
    const difference = (a[index] ?? 0) - (b[bOffset + index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * An immutable set. Two prefixes either nest or are disjoint, so the outermost ones, sorted, are disjoint ranges and
 * one binary search answers.
 */
export class PrefixSet {
  readonly #outermost: readonly Prefix[];

  constructor(prefixes: Iterable<Prefix>) {
    const sorted = [...prefixes].sort((a, b) => compareOctets(a.octets, b.octets, 0) || a.length - b.length);
    const outermost: Prefix[] = [];
    for (const prefix of sorted) {
      const last = outermost.at(-1);
      if (last === undefined || !prefixContains(last, prefix.octets)) outermost.push(prefix);
    }
    this.#outermost = outermost;
  }

  /** Prefixes left once those inside others are gone. */
  get size(): number {
    return this.#outermost.length;
  }

  /** The outermost prefix that holds the address, or null. */
  find(octets: Uint8Array, offset = 0): Prefix | null {
    let low = 0;
    let high = this.#outermost.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const prefix = this.#outermost[middle];
      if (prefix !== undefined && compareOctets(prefix.octets, octets, offset) <= 0) low = middle + 1;
      else high = middle;
    }
    const candidate = this.#outermost[low - 1];
    return candidate !== undefined && prefixContains(candidate, octets, offset) ? candidate : null;
  }

  has(octets: Uint8Array, offset = 0): boolean {
    return this.find(octets, offset) !== null;
  }
}

/** A line of a list that is neither a prefix nor an address. */
export interface PrefixListError {
  /** From 1. */
  readonly line: number;
  /** The line as it stands there. */
  readonly text: string;
}

/** One prefix or address a line; `#` starts a comment; empty lines are skipped; the rest of a bad list still counts. */
export function parsePrefixList(text: string): {
  readonly set: PrefixSet;
  readonly errors: readonly PrefixListError[];
} {
  const prefixes: Prefix[] = [];
  const errors: PrefixListError[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const entry = line.replace(/#.*/, '').replace('\ufeff', '').trim();
    if (entry === '') continue;
    const prefix = parsePrefix(entry);
    if (prefix === null) errors.push({ line: index + 1, text: line });
    else prefixes.push(prefix);
  }
  return { set: new PrefixSet(prefixes), errors };
}
