/** Packets per second over all traces, on the monotonic clock. Bursts are bounded by what a late timer owes. */
const CATCH_UP_SECONDS = 0.01;
const SMALLEST_BURST = 2;

export class Pacer {
  readonly #nsPerPacket: number;
  readonly #burst: number;
  #tokens: number;
  #updatedNs: number;

  constructor(packetsPerSecond: number, nowNs: number) {
    this.#nsPerPacket = 1e9 / packetsPerSecond;
    this.#burst = Math.max(SMALLEST_BURST, packetsPerSecond * CATCH_UP_SECONDS);
    this.#tokens = SMALLEST_BURST;
    this.#updatedNs = nowNs;
  }

  /** Takes tokens for `packets` (≤ 2) and says whether they were there. */
  take(packets: number, nowNs: number): boolean {
    this.#refill(nowNs);
    if (this.#tokens < packets) return false;
    this.#tokens -= packets;
    return true;
  }

  /** When `packets` tokens will be there. */
  readyAtNs(packets: number, nowNs: number): number {
    this.#refill(nowNs);
    return nowNs + Math.max(0, packets - this.#tokens) * this.#nsPerPacket;
  }

  #refill(nowNs: number): void {
    const passed = Math.max(0, nowNs - this.#updatedNs);
    this.#tokens = Math.min(this.#burst, this.#tokens + passed / this.#nsPerPacket);
    this.#updatedNs = nowNs;
  }
}
