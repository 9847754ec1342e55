import { isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';
import { formatAddress, parseAddress } from '../address/address.js';
import type { SpreadKeys } from './target-row.js';

/** A host as it is looked up, and as it is compared with others. */
export interface ParsedHost {
  readonly host: string;
  readonly hostKey: string;
  readonly spread: SpreadKeys;
}

/** The host of a list's row, or what is wrong with it. IPv4 addresses pass: their record says that nothing was measured. */
export function parseHost(cell: string, seed: number): ParsedHost | { readonly reason: string } {
  const host = cell.startsWith('[') && cell.endsWith(']') ? cell.slice(1, -1) : cell;
  if (host === '') return { reason: 'no host; write a name or an IPv6 address' };
  const address = parseAddress(host);
  if (address !== null) {
    const { octets, zone } = address;
    const hostKey = formatAddress(octets) + (zone === null ? '' : `%${zone}`);
    return { host, hostKey, spread: { wide: hashOctets(octets, 4, seed), narrow: hashOctets(octets, 6, seed) } };
  }
  if (isIPv4(host)) return { host, hostKey: host, spread: nameSpread(['v4', host], seed) };
  if (host.includes('://') || host.includes('/'))
    return { reason: `"${shorten(host)}" is a URL or a prefix; write the host alone` };
  if (host.includes(':')) return { reason: `"${shorten(host)}" is no IPv6 address; a port goes into the column dport` };
  return parseName(host, seed);
}

/** RFC 1035 §2.3.4 lengths; underscores are allowed, as the DNS allows them. Other scripts become A-labels (IDNA). */
function parseName(host: string, seed: number): ParsedHost | { readonly reason: string } {
  const ascii = isAscii(host) ? host.toLowerCase() : domainToASCII(host);
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  const labels = name.split('.');
  const isName =
    name.length <= 253 && labels.every((label) => LABEL.test(label)) && !ALL_DIGITS.test(labels.at(-1) ?? '');
  if (!isName) return { reason: `"${shorten(host)}" is no host name; write letters, digits, hyphens and dots` };
  return { host, hostKey: name, spread: nameSpread(labels, seed) };
}

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;
const ALL_DIGITS = /^\d+$/;

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7e) return false;
  return true;
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}

/** Names of one organisation tend to share a domain, and a domain its servers' network. Nothing better is known before resolving. */
function nameSpread(labels: readonly string[], seed: number): SpreadKeys {
  const parent = labels.length > 1 ? labels.slice(1) : labels;
  return { wide: hashText(labels.slice(-2).join('.'), seed), narrow: hashText(parent.join('.'), seed) };
}

function hashOctets(octets: Uint8Array, length: number, seed: number): number {
  let hash = startOf(seed);
  for (let index = 0; index < length; index += 1) hash = step(hash, octets[index] ?? 0);
  return finish(hash);
}

function hashText(text: string, seed: number): number {
  let hash = startOf(seed);
  for (let index = 0; index < text.length; index += 1) hash = step(hash, text.charCodeAt(index));
  return finish(hash);
}

/** FNV-1a, then the last mixing of MurmurHash3 so that low bits depend on every octet. */
function startOf(seed: number): number {
  return step(step(0x811c9dc5, seed & 0xffff), (seed >>> 16) & 0xffff);
}

function step(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193);
}

function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
