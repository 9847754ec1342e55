import { isIPv4 } from 'node:net';
import { formatAddress, parseAddress } from '../../address/address.js';

/** `perSecond` come in, at most `burst` are held. Starts full. Times are milliseconds of one monotonic clock. */
export class RefillingBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #held: number;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number, burst: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = Math.max(1, burst);
    this.#held = this.#burst;
  }

  /** Milliseconds until one could be taken: 0 now. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs);
    return this.#held >= 1 ? 0 : (1 - this.#held) / this.#perMs;
  }

  take(): void {
    this.#held -= 1;
  }

  #refill(nowMs: number): void {
    if (nowMs <= this.#atMs) return;
    if (this.#atMs > Number.NEGATIVE_INFINITY)
      this.#held = Math.min(this.#burst, this.#held + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
  }
}

/** The least recently seen are forgotten, so that strangers cannot fill the memory; the total still bounds them. */
const CLIENTS_KEPT = 4096;
/** Of the rate: a page and what it leads to, or a script that catches up. */
const BURST_SECONDS = 5;
const TOTAL_TO_ONE = 5;

/** Requests of one client, and of all together. */
export class ClientRates {
  readonly #perSecond: number;
  readonly #clients = new Map<string, RefillingBucket>();
  readonly #total: RefillingBucket;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#total = new RefillingBucket(perSecond * TOTAL_TO_ONE, perSecond * TOTAL_TO_ONE * BURST_SECONDS);
  }

  /** Milliseconds to wait, or 0 for a request that may pass and is counted. */
  request(client: string, nowMs: number): number {
    const bucket = this.#clients.get(client) ?? new RefillingBucket(this.#perSecond, this.#perSecond * BURST_SECONDS);
    this.#clients.delete(client);
    this.#clients.set(client, bucket);
    const [oldest] = this.#clients.size > CLIENTS_KEPT ? this.#clients.keys() : [];
    if (oldest !== undefined) this.#clients.delete(oldest);
    const waitMs = Math.max(bucket.waitMs(nowMs), this.#total.waitMs(nowMs));
    if (waitMs > 0) return waitMs;
    bucket.take();
    this.#total.take();
    return 0;
  }
}

/** Who a connection is of: an IPv4 address, or the /64 of an IPv6 one, since whoever has one address has all of them. */
export function clientOf(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return 'unknown';
  const address = parseAddress(remoteAddress);
  if (address === null) return remoteAddress;
  const text = formatAddress(address.octets);
  const mapped = text.startsWith('::ffff:') ? text.slice(7) : '';
  if (isIPv4(mapped)) return mapped;
  return text === '::1' ? text : `${formatAddress(address.octets.fill(0, 8))}/64`;
}
