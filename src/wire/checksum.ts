/**
 * The Internet checksum (RFC 1071) and the pseudo-header of IPv6 (RFC 8200 §8.1). The protocol number is that of the
 * upper layer and its length excludes extension headers, so that one upper-layer packet has one checksum in every arm.
 */

/**
 * Sum of `length` octets as big-endian 16-bit words, the last one zero-padded when `length` is odd. Neither folded nor
 * complemented: sums add up across pieces, as long as every piece but the last is even. 64 KiB stay far below 2⁵³.
 */
export function onesComplementSum(bytes: Uint8Array, offset: number, length: number, initial = 0): number {
  const even = offset + (length & ~1);
  let sum = initial;
  for (let at = offset; at < even; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  if ((length & 1) === 1) sum += (bytes[even] ?? 0) << 8;
  return sum;
}

/** `source` and `destination` of the pseudo-header are 16 octets each, read at the given offsets. */
export function pseudoHeaderSum(
  source: Uint8Array,
  destination: Uint8Array,
  upperLayerLength: number,
  protocol: number,
  sourceOffset = 0,
  destinationOffset = 0,
): number {
  const addresses = onesComplementSum(destination, destinationOffset, 16, onesComplementSum(source, sourceOffset, 16));
  return addresses + (upperLayerLength >>> 16) + (upperLayerLength & 0xffff) + protocol;
}

/** Folds and complements: 0 … 0xffff. UDP's rule that 0 is sent as 0xffff is the caller's. */
export function finishChecksum(sum: number): number {
  return ~foldSum(sum) & 0xffff;
}

/** Folds the carries of a sum back into 16 bits. */
export function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}

/**
 * Checksum of an upper-layer packet. Over a packet whose checksum field is zero: the value for that field.
 * Over a received packet, its checksum included: 0 when it is right. `source` and `destination` as in `pseudoHeaderSum`.
 */
export function upperLayerChecksum(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  sourceOffset = 0,
  destinationOffset = 0,
): number {
  const pseudo = pseudoHeaderSum(source, destination, length, protocol, sourceOffset, destinationOffset);
  return finishChecksum(onesComplementSum(bytes, offset, length, pseudo));
}

/** RFC 1624 eqn. 3: the checksum after one 16-bit word that it covers changed. */
export function updateChecksum(checksum: number, before: number, after: number): number {
  return finishChecksum((~checksum & 0xffff) + (~before & 0xffff) + after);
}

/** Whether a whole upper-layer packet, its checksum field included, sums up. */
export function checksumIsRight(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
): boolean {
  return upperLayerChecksum(source, destination, protocol, bytes, offset, length) === 0;
}
