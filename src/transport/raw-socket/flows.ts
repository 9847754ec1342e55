import type { WatchedFlow } from '../probe-transport.js';
import { RawSocketError } from '../raw-socket-error.js';

/** What a flow is of: ports of UDP and TCP, identifiers of ICMPv6 echo. */
export type WatchedProtocol = WatchedFlow['protocol'];

/** Which local ports and echo identifiers are ours, one bit each: asked for every packet that reaches this host. */
export class FlowSet {
  readonly #members = new Map<WatchedProtocol, Uint8Array>();

  /** Throws `ERR_OUT_OF_RANGE` for a flow that is not within 0–65535. */
  constructor(flows: readonly WatchedFlow[]) {
    for (const { protocol, from, to } of flows) {
      if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to > 0xffff || from > to) {
        throw new RawSocketError(
          'ERR_OUT_OF_RANGE',
          `Cannot watch ${protocol} ${from} to ${to}: give two whole numbers from 0 to 65535, the smaller one first.`,
        );
      }
      const bits = this.#members.get(protocol) ?? new Uint8Array(0x10000 / 8);
      for (let value = from; value <= to; value += 1) bits[value >> 3] = (bits[value >> 3] ?? 0) | (1 << (value & 7));
      this.#members.set(protocol, bits);
    }
  }

  asksFor(protocol: WatchedProtocol): boolean {
    return this.#members.has(protocol);
  }

  /** `value`: a port or an echo identifier. */
  has(protocol: WatchedProtocol, value: number): boolean {
    const bits = this.#members.get(protocol);
    return bits !== undefined && ((bits[value >> 3] ?? 0) & (1 << (value & 7))) !== 0;
  }
}
