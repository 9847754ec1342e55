import { open } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { formatAddress, parseAddress } from '../../address/address.js';

/** What `/etc/hosts` (hosts(5)) says. Names are in lower case, addresses as RFC 5952 text without zone. */
export interface HostsTable {
  /** First name given for an address. */
  nameOf(address: string): string | null;
  /** IPv6 addresses of a name, 16 octets each, in file order. */
  addressesOf(name: string): readonly Uint8Array[];
  hasIpv4(name: string): boolean;
}

/** Some ad blockers keep more than 100,000 lines in this file. */
const SIZE_LIMIT = 8 << 20;
const RELOAD_AFTER_MS = 10_000;

/** Never fails: lines that make no sense are passed over, as the C library does. */
function parseHosts(text: string): HostsTable {
  const names = new Map<string, string>();
  const addresses = new Map<string, Uint8Array[]>();
  const withIpv4 = new Set<string>();
  for (const line of text.split('\n')) {
    const [addressText, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (addressText === undefined || aliases.length === 0) continue;
    if (isIPv4(addressText)) {
      for (const alias of aliases) withIpv4.add(alias.toLowerCase());
      continue;
    }
    const parsed = parseAddress(addressText);
    if (parsed === null) continue;
    const address = formatAddress(parsed.octets);
    const first = aliases[0];
    if (first !== undefined && !names.has(address)) names.set(address, first);
    for (const alias of aliases) {
      const key = alias.toLowerCase();
      const known = addresses.get(key);
      if (known === undefined) addresses.set(key, [parsed.octets]);
      else if (known.every((octets) => formatAddress(octets) !== address)) known.push(parsed.octets);
    }
  }
  return {
    nameOf: (address) => names.get(address) ?? null,
    addressesOf: (name) => addresses.get(name.toLowerCase()) ?? [],
    hasIpv4: (name) => withIpv4.has(name.toLowerCase()),
  };
}

/** Reads the file when asked, and again when it changed. A missing or unreadable file is an empty one. */
export class HostsFile {
  readonly #path: string;
  readonly #nowMs: () => number;
  #table: Promise<HostsTable> | null = null;
  #changed = '';
  #checkedAtMs = 0;

  constructor(path: string, nowMs: () => number) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  table(): Promise<HostsTable> {
    const now = this.#nowMs();
    if (this.#table === null || now - this.#checkedAtMs >= RELOAD_AFTER_MS) {
      this.#checkedAtMs = now;
      this.#table = this.#load(this.#table);
    }
    return this.#table;
  }

  async #load(previous: Promise<HostsTable> | null): Promise<HostsTable> {
    try {
      const file = await open(this.#path, 'r');
      try {
        const stat = await file.stat();
        const version = `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
        if (previous !== null && version === this.#changed) return await previous;
        const buffer = Buffer.alloc(Math.min(stat.size, SIZE_LIMIT));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
        this.#changed = version;
        return parseHosts(buffer.toString('utf8', 0, bytesRead));
      } finally {
        await file.close();
      }
    } catch {
      this.#changed = '';
      return parseHosts('');
    }
  }
}
