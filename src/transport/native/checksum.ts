/**
 * Senders on this host leave checksums to the network card; on loopback and virtual links nobody ever computes them, and
 * the packet is seen with the pseudo-header's sum in the field. Such a checksum says nothing about the packet, so it is
 * put in here as the card would have done, and whoever verifies checksums need not know.
 */
import { finishChecksum, onesComplementSum, pseudoHeaderSum } from '../../wire/checksum.js';
import { walkExtensionChain } from '../../wire/extension-chain.js';
import { IPV6_HEADER_LENGTH, IPV6_OFFSET, NEXT_HEADER } from '../../wire/ipv6.js';

const CHECKSUM_OFFSET: Readonly<Partial<Record<number, number>>> = {
  [NEXT_HEADER.tcp]: 16,
  [NEXT_HEADER.udp]: 6,
  [NEXT_HEADER.icmp6]: 2,
};

/** Writes into `packet`, a whole IPv6 packet that the kernel marked so. Leaves alone what it does not understand. */
export function completeChecksum(packet: Uint8Array): void {
  const first = packet[IPV6_OFFSET.nextHeader];
  if (packet.length < IPV6_HEADER_LENGTH || first === undefined) return;
  const chain = walkExtensionChain(packet, first, IPV6_HEADER_LENGTH, packet.length);
  const { upperLayer, upperLayerOffset } = chain;
  if (upperLayer === null || upperLayerOffset === null || chain.fragment !== null) return;
  const at = CHECKSUM_OFFSET[upperLayer];
  const length = packet.length - upperLayerOffset;
  if (at === undefined || length < at + 2) return;
  packet[upperLayerOffset + at] = 0;
  packet[upperLayerOffset + at + 1] = 0;
  const sum = pseudoHeaderSum(packet, packet, length, upperLayer, IPV6_OFFSET.source, IPV6_OFFSET.destination);
  const checksum = finishChecksum(onesComplementSum(packet, upperLayerOffset, length, sum));
  const written = checksum === 0 && upperLayer === NEXT_HEADER.udp ? 0xffff : checksum;
  packet[upperLayerOffset + at] = written >>> 8;
  packet[upperLayerOffset + at + 1] = written & 0xff;
}
