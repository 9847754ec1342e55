/** Packets per second over all traces, on the monotonic clock. Bursts are bounded by what a late timer owes. */
import { hasTokens, tokensAtNs } from './tokens.js';

const CATCH_UP_SECONDS = 0.01;
/** A pair: what is taken on credit beyond it is waited for afterwards. */
const PAIR = 2;
/** So that two traces whose targets may be asked at once need not wait for each other. */
const SMALLEST_BURST = 6;
/** A run begins with so many packets at once, a tenth of a second's at most. */
const FIRST_BURST = 10;
const FIRST_SECONDS = 0.1;

/** A bucket of tokens, one for each packet. Times are nanoseconds on the engine's clock. */
export class Pacer {
  readonly #nsPerPacket: number;
  readonly #burst: number;
  #tokens: number;
  #updatedNs: number;

  constructor(packetsPerSecond: number, nowNs: number) {
    this.#nsPerPacket = 1e9 / packetsPerSecond;
    this.#burst = Math.max(SMALLEST_BURST, packetsPerSecond * CATCH_UP_SECONDS);
    this.#tokens = Math.max(PAIR, Math.min(FIRST_BURST, packetsPerSecond * FIRST_SECONDS));
    this.#updatedNs = nowNs;
  }

  /** Takes tokens for `packets`, when two at least are there: what is taken on credit is waited for afterwards. */
  take(packets: number, nowNs: number): boolean {
    this.#refill(nowNs);
    if (!hasTokens(this.#tokens, Math.min(packets, PAIR))) return false;
    this.#tokens -= packets;
    return true;
  }

  /** How long the rate takes for so many. */
  nsFor(packets: number): number {
    return packets * this.#nsPerPacket;
  }

  /** When `packets` tokens will be there. */
  readyAtNs(packets: number, nowNs: number): number {
    this.#refill(nowNs);
    return tokensAtNs(this.#tokens, packets, this.nsFor(packets - this.#tokens), nowNs);
  }

  #refill(nowNs: number): void {
    const passed = Math.max(0, nowNs - this.#updatedNs);
    const grown = this.#tokens + passed / this.#nsPerPacket;
    this.#tokens = Math.max(this.#tokens, Math.min(this.#burst, grown));
    this.#updatedNs = nowNs;
  }
}
