import { lookup } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { formatAddress, parseAddress } from '../../address/address.js';
import type { Prefix } from '../../address/prefix.js';
import { AnnotationError, causeText } from '../annotation-error.js';
import { BoundedCache } from './bounded-cache.js';
import { HostsFile } from './hosts-file.js';
import { LookupGate } from './lookup-gate.js';
import { IPV4_ONLY_NAME, isOfNat64, mayBeOfNat64, nat64PrefixesOf } from './nat64.js';
import { sanitiseName } from '../sanitise-name.js';
import {
  NOT_THERE,
  TIMEOUT,
  asciiName,
  badNameText,
  describeFailure,
  failure,
  ipv4OnlyError,
  nat64Error,
  resolveLiteral,
  shown,
  success,
  type TargetResolution,
} from './target-resolution.js';

export type { TargetResolution } from './target-resolution.js';

/** Answers are remembered, and nothing of it rejects: a measurement never fails for want of a name. */
export interface NameResolver {
  /** PTR name of an address (16 octets), sanitised; null where there is none or none in time. Never rejects. */
  reverse(octets: Uint8Array): Promise<string | null>;
  /** IPv6 addresses of a name or literal address. Never rejects: failures are in `error`. */
  resolveTarget(name: string): Promise<TargetResolution>;
  stats(): { readonly cached: number; readonly queries: number; readonly timeouts: number; readonly widest: number };
  /** Gives up what is under way. `getaddrinfo` cannot be interrupted: it may hold the process until it returns. */
  close(): void;
}

type SystemLookup = (name: string, family: 4 | 6) => Promise<readonly string[]>;

/** Times are milliseconds. */
export interface NameResolverOptions {
  /** `address`, `address:port` or `[address]:port` of the server to ask; null for the system's resolver. */
  readonly server?: string | null;
  readonly hostsFile?: string;
  /**
   * Thousands of names, and nobody waits for a single one: more patience, more at a time, and the name servers of
   * `/etc/resolv.conf` are asked directly. The system's own lookup, which has four threads that a dead name server holds for
   * many seconds each, is only asked about names that those do not know. Default false.
   */
  readonly forList?: boolean;
  /** Longest wait for one question; default 2000, in lists 5000. */
  readonly attemptTimeoutMs?: number;
  /** Longest wait for one call; for reverse names, which nobody needs, waiting for its turn included. Default 5000, in lists 12,000. */
  readonly totalTimeoutMs?: number;
  /** Questions asked at the same time; default 32, in lists 128. */
  readonly concurrency?: number;
  readonly cacheSize?: number;
  /** Monotonic clock. */
  readonly nowMs?: () => number;
  readonly systemLookup?: SystemLookup;
  /** Default: those of `/etc/resolv.conf`. */
  readonly systemServer?: string;
}

const LIMITS = { attemptTimeoutMs: 2000, totalTimeoutMs: 5000, concurrency: 32 };
const LIST_LIMITS = { attemptTimeoutMs: 5000, totalTimeoutMs: 12_000, concurrency: 128 };
const HOUR_MS = 3_600_000;
const LIFETIME_MS = { found: HOUR_MS, absent: HOUR_MS / 6, failed: 30_000, target: HOUR_MS / 12 } as const;
/** Where the system may know of other sources of names. */
const UNKNOWN_TO_SERVER = new Set(['ENOTFOUND', 'ECONNREFUSED']);
/** Longer chains exist only by mistake or malice. */
const CNAME_LIMIT = 8;
const ADDRESS_LIMIT = 64;

/** Throws AnnotationError `resolver-address` when `server` is not an address. */
export function createNameResolver(options: NameResolverOptions = {}): NameResolver {
  return new DnsNameResolver(options);
}

class DnsNameResolver implements NameResolver {
  readonly #resolver: Resolver;
  readonly #ownServer: boolean;
  readonly #forList: boolean;
  readonly #hosts: HostsFile;
  readonly #attemptTimeoutMs: number;
  readonly #totalTimeoutMs: number;
  readonly #systemLookup: SystemLookup;
  readonly #reverseGate: LookupGate;
  readonly #forwardGate: LookupGate;
  readonly #names: BoundedCache<string | null>;
  readonly #targets: BoundedCache<TargetResolution>;
  readonly #reversing = new Map<string, Promise<string | null>>();
  readonly #resolving = new Map<string, Promise<TargetResolution>>();
  readonly #prefixes: BoundedCache<readonly Prefix[]>;
  readonly #learning = new Map<string, Promise<readonly Prefix[]>>();
  #queries = 0;
  #timeouts = 0;
  #closed = false;

  constructor(options: NameResolverOptions) {
    const server = options.server ?? null;
    const nowMs = options.nowMs ?? (() => performance.now());
    const cacheSize = options.cacheSize ?? 20_000;
    this.#forList = options.forList ?? false;
    const usual = this.#forList ? LIST_LIMITS : LIMITS;
    const concurrency = options.concurrency ?? usual.concurrency;
    this.#attemptTimeoutMs = options.attemptTimeoutMs ?? usual.attemptTimeoutMs;
    this.#totalTimeoutMs = options.totalTimeoutMs ?? usual.totalTimeoutMs;
    this.#ownServer = server !== null;
    this.#hosts = new HostsFile(options.hostsFile ?? '/etc/hosts', nowMs);
    this.#systemLookup = options.systemLookup ?? askSystem;
    this.#reverseGate = new LookupGate(concurrency);
    // A gate of its own: a target must not wait behind the names of a hundred hops.
    this.#forwardGate = new LookupGate(concurrency);
    this.#names = new BoundedCache(cacheSize, nowMs);
    this.#targets = new BoundedCache(cacheSize, nowMs);
    this.#prefixes = new BoundedCache(1, nowMs);
    // Two tries, so that one lost packet does not cost the name.
    this.#resolver = new Resolver({ timeout: Math.max(1, Math.floor(this.#attemptTimeoutMs / 2)), tries: 2 });
    const asked = server ?? options.systemServer;
    if (asked !== undefined) useServer(this.#resolver, asked);
  }

  async reverse(octets: Uint8Array): Promise<string | null> {
    const address = formatAddress(octets);
    const fromHosts = (await this.#hosts.table()).nameOf(address);
    if (fromHosts !== null) return sanitiseName(fromHosts);
    const cached = this.#names.get(address);
    if (cached !== null) return cached.value;
    return shared(this.#reversing, address, () => this.#reverse(address, octets));
  }

  async #reverse(address: string, octets: Uint8Array): Promise<string | null> {
    let abandoned = false;
    try {
      const answers = await withDeadline(
        this.#reverseGate.run(
          () => this.#ask(() => this.#resolver.resolvePtr(reverseName(octets))),
          () => abandoned || this.#closed,
        ),
        this.#totalTimeoutMs,
      );
      if (answers === null) return null;
      // The smallest of several: servers rotate their answers, records should not differ from run to run.
      const name = answers
        .slice(0, ADDRESS_LIMIT)
        .map(sanitiseName)
        .filter((candidate) => candidate !== null)
        .sort()[0];
      this.#names.set(address, name ?? null, name === undefined ? LIFETIME_MS.absent : LIFETIME_MS.found);
      return name ?? null;
    } catch (error) {
      abandoned = true;
      this.#names.set(address, null, NOT_THERE.has(causeText(error)) ? LIFETIME_MS.absent : LIFETIME_MS.failed);
      return null;
    }
  }

  async resolveTarget(name: string): Promise<TargetResolution> {
    const literal = resolveLiteral(name);
    if (literal !== null) return literal;
    const ascii = asciiName(name);
    if (ascii === null) return failure('bad-name', badNameText(name));
    const cached = this.#targets.get(ascii);
    if (cached !== null) return cached.value;
    return shared(this.#resolving, ascii, () => this.#resolve(name, ascii));
  }

  async #resolve(name: string, ascii: string): Promise<TargetResolution> {
    let resolution: TargetResolution;
    try {
      // The wait for a turn does not count: a name must not be unknown because others were asked before it.
      const found = await this.#forwardGate.run(
        () => withDeadline(this.#addressesAndAliases(ascii), this.#totalTimeoutMs),
        () => this.#closed,
      );
      if (found === null)
        return failure('lookup-failed', `looking up "${shown(name)}" was given up: the program is ending`);
      resolution = found;
      if (found.ipv4Only) resolution = { ...found, error: ipv4OnlyError(name) };
      else resolution = await this.#withoutNat64(name, found);
    } catch (error) {
      resolution = describeFailure(name, error, this.#ownServer);
    }
    const lasting = resolution.error === null || resolution.error.code === 'ipv4-only';
    this.#targets.set(ascii, resolution, lasting ? LIFETIME_MS.target : LIFETIME_MS.failed);
    return resolution;
  }

  /** A DNS64 gives a name without IPv6 addresses some that lead through a NAT64: nothing with an IPv6 option arrives there. */
  async #withoutNat64(name: string, found: TargetResolution): Promise<TargetResolution> {
    if (!found.addresses.some(mayBeOfNat64)) return found;
    const prefixes = await this.#nat64Prefixes();
    const addresses = found.addresses.filter((octets) => !isOfNat64(octets, prefixes));
    const [translated] = found.addresses;
    if (addresses.length > 0 || translated === undefined) return { ...found, addresses };
    return { ...found, addresses, ipv4Only: true, error: nat64Error(name, formatAddress(translated)) };
  }

  /** What the resolver's own DNS64 uses, asked for once in a while (RFC 7050); none where it cannot be learnt. */
  async #nat64Prefixes(): Promise<readonly Prefix[]> {
    const cached = this.#prefixes.get(IPV4_ONLY_NAME);
    if (cached !== null) return cached.value;
    return shared(this.#learning, IPV4_ONLY_NAME, async () => {
      let prefixes: readonly Prefix[] = [];
      let lifetimeMs: number = LIFETIME_MS.target;
      try {
        prefixes = nat64PrefixesOf(parseAll(await this.#ask(() => this.#askFor(IPV4_ONLY_NAME, 6))));
      } catch (error) {
        if (!NOT_THERE.has(causeText(error))) lifetimeMs = LIFETIME_MS.failed;
      }
      this.#prefixes.set(IPV4_ONLY_NAME, prefixes, lifetimeMs);
      return prefixes;
    });
  }

  async #addressesAndAliases(name: string): Promise<TargetResolution> {
    const hosts = await this.#hosts.table();
    const bare = name.replace(/\.$/, '');
    const inHosts = hosts.addressesOf(bare);
    if (inHosts.length > 0) return success(inHosts, []);
    // Asked meanwhile; where the name itself is not found nobody waits for it.
    const aliases = bare.includes('.') ? this.#aliases(name) : Promise.resolve([]);
    try {
      const texts = await this.#ask(() => this.#forward(name, 6));
      return success(parseAll(texts), await aliases);
    } catch (error) {
      if (!NOT_THERE.has(causeText(error))) throw error;
      if (!hosts.hasIpv4(bare)) await this.#ask(() => this.#forward(name, 4));
      return { addresses: [], zone: null, aliases: await aliases, ipv4Only: true, error: null };
    }
  }

  async #forward(name: string, family: 4 | 6): Promise<readonly string[]> {
    const texts = await this.#askFor(name, family);
    if (texts.length === 0) throw new LookupError('ENODATA');
    return texts;
  }

  async #askFor(name: string, family: 4 | 6): Promise<readonly string[]> {
    const askServer = (): Promise<readonly string[]> =>
      family === 6 ? this.#resolver.resolve6(name) : this.#resolver.resolve4(name);
    if (this.#ownServer) return askServer();
    // A name without a dot needs the system's search list.
    if (!this.#forList || !name.includes('.')) return this.#systemLookup(name, family);
    try {
      return await askServer();
    } catch (error) {
      if (!UNKNOWN_TO_SERVER.has(causeText(error))) throw error;
      return this.#systemLookup(name, family).catch(() => {
        throw error;
      });
    }
  }

  /** Never rejects: a chain that cannot be followed ends there. */
  async #aliases(name: string): Promise<string[]> {
    const aliases: string[] = [];
    const seen = new Set([name.toLowerCase().replace(/\.$/, '')]);
    let current = name;
    try {
      while (aliases.length < CNAME_LIMIT) {
        const from = current;
        const next = (await this.#ask(() => this.#resolver.resolveCname(from)))[0];
        if (next === undefined || seen.has(next.toLowerCase())) break;
        seen.add(next.toLowerCase());
        const alias = sanitiseName(next);
        if (alias !== null) aliases.push(alias);
        current = next;
      }
    } catch {
      // The end of a chain is the answer "no CNAME".
    }
    return aliases;
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new LookupError('ECANCELLED');
    this.#queries += 1;
    try {
      return await withDeadline(question(), this.#attemptTimeoutMs);
    } catch (error) {
      if (causeText(error) === TIMEOUT) this.#timeouts += 1;
      throw error;
    }
  }

  stats(): { cached: number; queries: number; timeouts: number; widest: number } {
    return {
      cached: this.#names.size + this.#targets.size,
      queries: this.#queries,
      timeouts: this.#timeouts,
      widest: Math.max(this.#reverseGate.widest, this.#forwardGate.widest),
    };
  }

  close(): void {
    this.#closed = true;
    this.#resolver.cancel();
  }
}

class LookupError extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

function useServer(resolver: Resolver, server: string): void {
  try {
    resolver.setServers([server]);
  } catch (error) {
    throw new AnnotationError(
      'resolver-address',
      64,
      `resolver: "${shown(server)}" is not an address; give one such as 2001:db8::53, 192.0.2.53:5353 or [2001:db8::53]:5353`,
      { cause: error },
    );
  }
}

async function askSystem(name: string, family: 4 | 6): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    lookup(name, { all: true, family }, (error, found) => {
      if (error === null) resolve(found.map((entry) => entry.address));
      else reject(error);
    });
  });
}

/** Rejects with code `ETIMEOUT` after `timeoutMs`. What `promise` says later is dropped. */
async function withDeadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new LookupError(TIMEOUT));
    }, timeoutMs);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}

/** Callers that ask for the same at the same time share one lookup. */
async function shared<T>(underWay: Map<string, Promise<T>>, key: string, start: () => Promise<T>): Promise<T> {
  const present = underWay.get(key);
  if (present !== undefined) return present;
  const promise = start().finally(() => underWay.delete(key));
  underWay.set(key, promise);
  return promise;
}

/** RFC 3596 §2.5: nibbles in reverse order under ip6.arpa. */
export function reverseName(octets: Uint8Array): string {
  let name = '';
  for (let index = 15; index >= 0; index -= 1) {
    const octet = octets[index] ?? 0;
    name += `${(octet & 15).toString(16)}.${(octet >> 4).toString(16)}.`;
  }
  return `${name}ip6.arpa`;
}

function parseAll(texts: readonly string[]): Uint8Array[] {
  const byText = new Map<string, Uint8Array>();
  for (const text of texts.slice(0, ADDRESS_LIMIT)) {
    const octets = parseAddress(text)?.octets;
    if (octets !== undefined) byText.set(formatAddress(octets), octets);
  }
  return [...byText.values()];
}
