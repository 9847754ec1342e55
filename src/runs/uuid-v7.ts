/** UUIDs that sort by time of creation (RFC 9562 §5.7): 48 bits of Unix milliseconds, a counter, 62 random bits. */
export function createUuidV7(wallMs: () => number, randomBytes: (length: number) => Uint8Array): () => string {
  let lastMs = -1;
  let counter = 0;
  return () => {
    const random = randomBytes(10);
    const nowMs = Math.floor(wallMs());
    if (nowMs > lastMs) {
      lastMs = nowMs;
      // The top bit stays clear, so that 2,048 ids at least can follow in the same millisecond.
      counter = (((random[8] ?? 0) << 8) | (random[9] ?? 0)) & 0x7ff;
    } else if (counter < 0xfff) {
      counter += 1;
    } else {
      // Out of counter, or the clock stepped back: run ahead of it rather than repeat.
      lastMs += 1;
      counter = 0;
    }
    const time = lastMs.toString(16).padStart(12, '0');
    const variant = ((random[0] ?? 0) & 0x3f) | 0x80;
    const rest = [...random.subarray(1, 8)].map(hexOctet).join('');
    const last = `${hexOctet(variant)}${rest}`;
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${last.slice(0, 4)}-${last.slice(4)}`;
  };
}

function hexOctet(octet: number): string {
  return octet.toString(16).padStart(2, '0');
}
