import { BOGUS_PREFIX } from './adversary.js';
import * as packet from './packet.js';
import type { Random } from './random.js';

const TYPES = [0, 1, 2, 3, 4, 5, 100, 127, 128, 129, 134, 255] as const;

/** Octets of upper layers from here on hold what identifies a probe: everything behind the quoted IPv6 header. */
const IDENTITY_FROM = 40 + 8 + 40;

function flip(octets: Uint8Array, random: Random, from: number): void {
  for (let flips = random.integer(1, 6); flips > 0; flips--) {
    const at = random.integer(from, octets.length - 1);
    octets[at] = octets[at]! ^ (1 << random.integer(0, 7));
  }
}

function lieAboutLength(octets: Uint8Array, random: Random): void {
  const value = random.pick([0, 1, 7, 8, 39, 40, 127, 128, 255, 0xfff, 0xffff]);
  // The outer length, the RFC 4884 length, the quoted payload length, a header's length, an option's length, a UDP length.
  const field = random.integer(0, 5);
  if (field === 0) packet.setWord(octets, 4, value);
  else if (field === 1 && octets.length > 44) octets[44] = value & 0xff;
  else if (field === 2 && octets.length > 54) packet.setWord(octets, 52, value);
  else if (field === 3 && octets.length > 89) octets[89] = value & 0xff;
  else if (field === 4 && octets.length > 91) octets[91] = value & 0xff;
  else if (octets.length > 94) packet.setWord(octets, 92, value);
}

/**
 * One hostile packet made of real replies. The checksum is right in half of them. A packet from a bogus address never holds
 * what identifies one of our probes: whoever could copy that would be on the path.
 */
export function mutateReply(replies: readonly Uint8Array[], random: Random): Uint8Array {
  const base = random.pick(replies);
  let octets = base.slice();
  const way = random.integer(0, 8);
  if (way === 0) flip(octets, random, 40);
  else if (way === 1) octets = octets.slice(0, random.integer(40, octets.length));
  else if (way === 2) {
    const other = random.pick(replies);
    const cut = random.integer(40, Math.min(octets.length, other.length));
    octets = new Uint8Array(other.length);
    octets.set(other);
    octets.set(base.subarray(0, cut));
  } else if (way === 3) lieAboutLength(octets, random);
  else if (way === 4) {
    octets[40] = random.pick(TYPES);
    octets[41] = random.integer(0, 12);
  } else if (way === 5) {
    octets.set(random.octets(Math.max(0, octets.length - 48)), 48);
    octets.set(BOGUS_PREFIX, 8);
  } else if (way === 6) {
    const longer = new Uint8Array(octets.length + random.integer(1, 600));
    longer.set(octets);
    longer.set(random.octets(longer.length - octets.length), octets.length);
    octets = longer;
  } else if (way === 7) {
    // Somebody who saw where we go, but none of our packets.
    const from = octets[40]! < 128 && octets.length > IDENTITY_FROM ? IDENTITY_FROM : 44;
    octets.set(random.octets(Math.max(0, octets.length - from)), from);
    octets.set(BOGUS_PREFIX, 8);
  } else {
    octets[6] = random.integer(0, 255);
    octets.set(random.octets(Math.min(24, octets.length - 40)), 40);
  }
  if (random.chance(0.7)) packet.setWord(octets, 4, octets.length - 40);
  if (random.chance(0.5)) packet.fillChecksum(octets);
  return octets;
}
