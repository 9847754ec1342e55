/** Packets per second over all traces, on the monotonic clock. Bursts are bounded by what a late timer owes. */
const CATCH_UP_SECONDS = 0.01;
/** A pair: what is taken on credit beyond it is waited for afterwards. */
const PAIR = 2;
/** So that two traces whose targets may be asked at once need not wait for each other. */
const SMALLEST_BURST = 6;
/** A run begins with so many packets at once, a tenth of a second's at most. */
const FIRST_BURST = 10;
const FIRST_SECONDS = 0.1;
/** Waiting for a token that is missing by a rounding error would never end. */
const ROUNDING = 1e-6;
const SHORTEST_WAIT_NS = 1000;

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
    if (this.#tokens < Math.min(packets, PAIR) - ROUNDING) return false;
    this.#tokens -= packets;
    return true;
  }

  /** How long the rate takes for so many. */
  nsFor(packets: number): number {
    return packets * this.#nsPerPacket;
  }

  /** When `packets` tokens will be there: now, or at least `SHORTEST_WAIT_NS` from now. */
  readyAtNs(packets: number, nowNs: number): number {
    this.#refill(nowNs);
    if (this.#tokens >= packets - ROUNDING) return nowNs;
    return nowNs + Math.max(SHORTEST_WAIT_NS, (packets - this.#tokens) * this.#nsPerPacket);
  }

  #refill(nowNs: number): void {
    const passed = Math.max(0, nowNs - this.#updatedNs);
    const grown = this.#tokens + passed / this.#nsPerPacket;
    this.#tokens = Math.max(this.#tokens, Math.min(this.#burst, grown));
    this.#updatedNs = nowNs;
  }
}
