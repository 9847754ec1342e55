/**
 * How a probe is cut into fragments. Every arm is cut alike: the same octets behind each Fragment header, except that each
 * fragment of `long` has 16 more, so that it is as long as the same fragment of `pdm`.
 *
 *     plain   IPv6 | Fragment | piece                    pdm   IPv6 | Destination Options (44) | Fragment | piece
 *
 * No fragment is longer than what every link takes (RFC 8200 §5), in any arm. There are always two at least: a Fragment
 * header in front of a whole packet (an atomic fragment, RFC 6946) is something else to filters, and RFC 8021 advises
 * against it.
 */
import { DO16_HEADER_LENGTH } from '../../wire/destination-options.js';
import { FRAGMENT_HEADER_LENGTH } from '../../wire/fragment.js';
import { IPV6_HEADER_LENGTH } from '../../wire/ipv6.js';

/** RFC 8200 §5. */
export const IPV6_MINIMUM_MTU = 1280;
/** What a header of the longest arm adds to each packet, and what `long` has in its place. */
export const LONG_EXTRA = DO16_HEADER_LENGTH;
/** Divides by 8, as all pieces but the last must. */
const LONGEST_PIECE = IPV6_MINIMUM_MTU - IPV6_HEADER_LENGTH - FRAGMENT_HEADER_LENGTH - LONG_EXTRA;
/** Every fragment holds the nonce and the probe's number: 12 octets. */
const SHORTEST_LAST_PIECE = 16;

/** Octets of the upper layer in each fragment, and in the last one. */
export interface Cut {
  readonly count: number;
  readonly piece: number;
  readonly last: number;
}

const floor8 = (octets: number): number => octets & ~7;
const ceil8 = (octets: number): number => (octets + 7) & ~7;

/** The shortest upper layer whose first fragment holds its first `head` octets. */
export function shortestFragmentedUpperLayer(head: number): number {
  return ceil8(head) + SHORTEST_LAST_PIECE;
}

/** `plainLength`: octets of the upper layer in the `plain` arm, as long as the shortest at least. */
export function cutUpperLayer(plainLength: number, isLong: boolean): Cut {
  let piece = Math.min(LONGEST_PIECE, floor8(plainLength - SHORTEST_LAST_PIECE));
  const count = Math.ceil(plainLength / piece);
  while (plainLength - (count - 1) * piece < SHORTEST_LAST_PIECE) piece -= 8;
  const extra = isLong ? LONG_EXTRA : 0;
  return { count, piece: piece + extra, last: plainLength - (count - 1) * piece + extra };
}
