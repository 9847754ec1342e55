/** Numbers from unguessable octets: who has not seen our packets must not be able to answer them. */

/**
 * Source ports and echo identifiers come from this block: above the range that the kernel gives to other programs by
 * default (32768–60999), and aligned, so that a packet filter needs one mask.
 */
export const LOCAL_IDS = { from: 0xf000, to: 0xffff } as const;

const POOL_OCTETS = 1024;

/** Draws on `randomBytes`, which must be unguessable, 1,024 octets or more at a time, and gives no octet twice. */
export class RandomMaterial {
  readonly #randomBytes: (length: number) => Uint8Array;
  #pool: Uint8Array = new Uint8Array(0);
  #used = 0;

  constructor(randomBytes: (length: number) => Uint8Array) {
    this.#randomBytes = randomBytes;
  }

  octets(length: number): Uint8Array {
    if (this.#used + length > this.#pool.length) {
      this.#pool = this.#randomBytes(Math.max(POOL_OCTETS, length));
      this.#used = 0;
    }
    const taken = this.#pool.slice(this.#used, this.#used + length);
    this.#used += length;
    return taken;
  }

  /** 0 to `bound` − 1, for bounds up to 2²⁰; the bias stays below 2⁻¹². */
  below(bound: number): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.octets(4);
    return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % bound;
  }

  localId(): number {
    return LOCAL_IDS.from + this.below(LOCAL_IDS.to - LOCAL_IDS.from + 1);
  }
}

/** Octets of a nonce are never zero, so that zero padding of a quote can be told from it. */
export function requireNonZero(octets: Uint8Array, material: RandomMaterial): Uint8Array {
  return octets.map((octet) => (octet === 0 ? 1 + material.below(255) : octet));
}
