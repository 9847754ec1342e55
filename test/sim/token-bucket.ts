import type { Random } from './random.js';

export interface BucketModel {
  readonly burst: number;
  readonly perSecond: number;
  /** Errors per second that other people's packets take from the same bucket (a bucket for the whole router). */
  readonly crossTraffic: number;
}

/** ICMPv6 error limit of one node (RFC 4443 §2.4(f)). */
export class TokenBucket {
  #tokens: number;
  #lastNs = 0;

  constructor(readonly model: BucketModel) {
    this.#tokens = model.burst;
  }

  take(nowNs: number, random: Random): boolean {
    const { burst, perSecond, crossTraffic } = this.model;
    const seconds = Math.max(0, nowNs - this.#lastNs) / 1e9;
    this.#lastNs = Math.max(this.#lastNs, nowNs);
    if (crossTraffic > 0) {
      // Others arrive at random: simulate their arrivals in slices so that they can empty the bucket in between.
      let left = Math.min(seconds, 5);
      while (left > 0) {
        const gap = random.exponential(1 / crossTraffic);
        const step = Math.min(gap, left);
        this.#tokens = Math.min(burst, this.#tokens + step * perSecond);
        if (gap <= left && this.#tokens >= 1) this.#tokens--;
        left -= step;
      }
    } else {
      this.#tokens = Math.min(burst, this.#tokens + seconds * perSecond);
    }
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
