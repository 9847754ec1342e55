/**
 * PDM's floating times (RFC 8250 §3.2.2 and appendix B): `attoseconds ≈ delta × 2^scale`, delta being the 16 most
 * significant bits of the time and scale the bits shifted out. Encoding rounds down; below 65536 as it is exact.
 */
import { EmitRangeError, requireField } from './emit-check.js';

/** A time as it stands in the option: `delta` × 2^`scale` attoseconds. */
export interface PdmTime {
  /** 0–255. */
  readonly scale: number;
  /** 0–65535. */
  readonly delta: number;
}

const DELTA_BITS = 16;
const MAX_SCALE = 255;
const ATTOSECONDS_PER_MS = 1e15;

/** @throws EmitRangeError for a negative time and for one of more than 271 bits (about 10⁵⁶ years). */
export function encodePdmTime(attoseconds: bigint): PdmTime {
  const bits = attoseconds === 0n ? 0 : attoseconds.toString(2).length;
  const scale = Math.max(0, bits - DELTA_BITS);
  if (attoseconds < 0n || scale > MAX_SCALE) {
    throw new EmitRangeError(`a PDM time of ${attoseconds.toString()} as: give 0 to 2^271 − 1`);
  }
  return { scale, delta: Number(attoseconds >> BigInt(scale)) };
}

/** Attoseconds. @throws EmitRangeError when scale or delta do not fit their fields. */
export function decodePdmTime(scale: number, delta: number): bigint {
  requireField(scale, MAX_SCALE, 'scale');
  requireField(delta, 0xffff, 'delta time');
  return BigInt(delta) << BigInt(scale);
}

// 10⁹ as per ns = 5⁹ × 2⁹. Nanoseconds are split at 26 bits: both products with 5⁹ (21 bits) stay below 2⁵³.
const FIVE_TO_NINE = 1_953_125;
const NINE = 9;
const LOW_BITS = 26;
const LOW = 2 ** LOW_BITS;

/**
 * `encodePdmTime(BigInt(ns) * 10⁹)` without BigInt.
 * @param ns whole nanoseconds, 0 – 2⁵³−1 (104 days)
 * @throws EmitRangeError for anything else
 */
export function encodePdmTimeNs(ns: number): PdmTime {
  requireField(ns, Number.MAX_SAFE_INTEGER, 'a PDM time in nanoseconds');
  const lowProduct = (ns % LOW) * FIVE_TO_NINE;
  const high = Math.floor(ns / LOW) * FIVE_TO_NINE + Math.floor(lowProduct / LOW);
  // From here on the time is (high × 2²⁶ + low) × 2⁹.
  if (high < 2 ** DELTA_BITS) return topBits(high * LOW + (lowProduct % LOW), NINE);
  return topBits(high, NINE + LOW_BITS);
}

/** Scales `value × 2^shift` down to 16 bits. `value` is 0 or of 17 to 53 bits: 1 ns is already 5⁹. */
function topBits(value: number, shift: number): PdmTime {
  if (value === 0) return { scale: 0, delta: 0 };
  const drop = bitLength(value) - DELTA_BITS;
  return { scale: drop + shift, delta: Math.floor(value / 2 ** drop) };
}

function bitLength(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high === 0 ? 32 - Math.clz32(value) : 64 - Math.clz32(high);
}

/** Powers by doubling, so that each is exact. */
const POWER_OF_TWO = new Float64Array(MAX_SCALE + 1);
for (let scale = 0, power = 1; scale <= MAX_SCALE; scale++, power *= 2) POWER_OF_TWO[scale] = power;

/** Milliseconds, the double nearest to the exact time. @throws EmitRangeError when scale or delta do not fit. */
export function decodePdmTimeMs(scale: number, delta: number): number {
  requireField(scale, MAX_SCALE, 'scale');
  requireField(delta, 0xffff, 'delta time');
  return (delta * (POWER_OF_TWO[scale] ?? 0)) / ATTOSECONDS_PER_MS;
}
