/**
 * The number of a probe where the shortest quote has it: within the first 8 octets of the upper layer, or in a Fragment header
 * (METHOD: Flow and identity). Numbers are so far apart there that no flipped bit makes one of another.
 */
import { readU16 } from '../../wire/big-endian.js';
import {
  ACCUSATION_PROBE_CAP,
  ECHO_SPACING,
  FARTHEST_ACKNOWLEDGEMENT,
  FRAGMENT_SPACING,
  TCP_SPACING,
} from '../numbers.js';
import type { TraceState } from '../state/trace-state.js';

/** Checksums that carry a number run from 1 to this prime: never 0x0000. */
const CHECKSUM_MODULUS = 65_521;

/** Bits of a checksum, or of a Sequence Number. */
const NUMBER_BITS = 16;

/**
 * The UDP checksum that probe `number` is given: 1 to 65,521, never 0, which IPv6 forbids (RFC 8200 §8.1). A bijection on a
 * prime modulus, with two secrets, so that who has not seen the packets cannot name one.
 */
export function checksumOfNumber(state: TraceState, number: number): number {
  const { checksumBase, checksumStep } = state.identity.secrets;
  return 1 + ((checksumBase + number * checksumStep) % CHECKSUM_MODULUS);
}

/** The probe whose UDP checksum this is, or null. */
export function numberOfChecksum(state: TraceState, checksum: number): number | null {
  if (checksum === 0 || checksum > CHECKSUM_MODULUS) return null;
  const { checksumBase, checksumStep } = state.identity.secrets;
  let difference = (checksum - 1 - checksumBase) % CHECKSUM_MODULUS;
  if (difference < 0) difference += CHECKSUM_MODULUS;
  const number = (difference * inverse(checksumStep)) % CHECKSUM_MODULUS;
  return number < state.probes.count ? number : null;
}

/** Secrets for the checksums of one trace; `below` draws a number from 0 to its bound − 1. */
export function drawChecksumSecrets(below: (bound: number) => number): { checksumBase: number; checksumStep: number } {
  const checksumBase = below(CHECKSUM_MODULUS);
  let checksumStep = 1 + below(CHECKSUM_MODULUS - 1);
  // About every second step will do; the next ones are tried in turn, so that no source of random numbers can keep this going.
  while (!isFarFromFlips(checksumStep)) checksumStep = 1 + (checksumStep % (CHECKSUM_MODULUS - 1));
  return { checksumBase, checksumStep };
}

/** By this step, no two checksums of probes that a trace may send are one bit apart. */
export function isFarFromFlips(step: number): boolean {
  const back = inverse(step);
  for (let bit = 0; bit < NUMBER_BITS; bit += 1) {
    const apart = ((1 << bit) * back) % CHECKSUM_MODULUS;
    if (Math.min(apart, CHECKSUM_MODULUS - apart) <= ACCUSATION_PROBE_CAP) return false;
  }
  return true;
}

let lastStep = 1;
let lastInverse = 1;

/** Multiplicative inverse modulo the prime; consecutive replies mostly ask for the same one. */
function inverse(step: number): number {
  if (step === lastStep) return lastInverse;
  let result = 1;
  let base = step % CHECKSUM_MODULUS;
  for (let exponent = CHECKSUM_MODULUS - 2; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) === 1) result = (result * base) % CHECKSUM_MODULUS;
    base = (base * base) % CHECKSUM_MODULUS;
  }
  lastStep = step;
  lastInverse = result;
  return result;
}

/** Of `ECHO_SPACING`, modulo 2¹⁶. */
const ECHO_SPACING_INVERSE = 7085;

/** Sequence Number (RFC 4443 §4.1) of probe `number`, 16 bits: `ECHO_SPACING` apart, from a secret start. */
export function echoSequence(state: TraceState, number: number): number {
  return (state.identity.secrets.sequenceBase + number * ECHO_SPACING) & 0xffff;
}

/** The probe with this Sequence Number, or null where there is none yet. */
export function numberOfEchoSequence(state: TraceState, sequence: number): number | null {
  const distance = (sequence - state.identity.secrets.sequenceBase) & 0xffff;
  const number = (distance * ECHO_SPACING_INVERSE) & 0xffff;
  return number < state.probes.count ? number : null;
}

/** Sequence number of the SYN of probe `number`, 32 bits: `TCP_SPACING` apart, from a start that only the nonce tells. */
export function tcpSequence(state: TraceState, number: number): number {
  return (readTcpBase(state) + number * TCP_SPACING) >>> 0;
}

/** The probe whose SYN had exactly this sequence number, as quotes hold it, or null. */
export function numberOfTcpSequence(state: TraceState, sequence: number): number | null {
  const number = ((sequence - readTcpBase(state)) >>> 0) / TCP_SPACING;
  return Number.isInteger(number) && number < state.probes.count ? number : null;
}

/** The probe whose SYN a segment with this acknowledgement number answers, or null. */
export function numberOfTcpAcknowledgement(state: TraceState, acknowledgement: number): number | null {
  const distance = (acknowledgement - readTcpBase(state)) >>> 0;
  if (distance % TCP_SPACING > FARTHEST_ACKNOWLEDGEMENT) return null;
  const number = Math.floor(distance / TCP_SPACING);
  return number < state.probes.count ? number : null;
}

/** The first half of the nonce, made odd: 31 unguessable bits. */
function readTcpBase(state: TraceState): number {
  const { nonce } = state.identity.secrets;
  return readU16(nonce, 0) * 0x1_0000 + (readU16(nonce, 2) | 1);
}

/** Identification of the fragments of probe `number`, from a start that only who sees our packets knows. */
export function fragmentId(state: TraceState, number: number): number {
  return (readFragmentBase(state) + number * FRAGMENT_SPACING) >>> 0;
}

/** The probe whose fragments have this Identification (RFC 8200 §4.5), as quotes hold it, or null. */
export function numberOfFragmentId(state: TraceState, identification: number): number | null {
  const number = ((identification - readFragmentBase(state)) >>> 0) / FRAGMENT_SPACING;
  return Number.isInteger(number) && number < state.probes.count ? number : null;
}

function readFragmentBase(state: TraceState): number {
  const { nonce } = state.identity.secrets;
  return readU16(nonce, 4) * 0x1_0000 + readU16(nonce, 6);
}
