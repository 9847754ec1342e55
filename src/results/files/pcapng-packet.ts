import type { ObservedPacket } from '../../transport/probe-transport.js';
import { IPV6_HEADER_LENGTH, NEXT_HEADER, emitIpv6Header } from '../../wire/ipv6.js';

const UPPER_LAYER = { icmpv6: NEXT_HEADER.icmp6, udp: NEXT_HEADER.udp, tcp: NEXT_HEADER.tcp } as const;

/** A packet as a capture shows it: with an IPv6 header even where the transport gives only what follows it. */
export interface WholePacket {
  /** Its own memory. */
  readonly bytes: Uint8Array;
  /** For the reader of a capture: what is not as received; null where the packet is. */
  readonly reconstruction: string | null;
}

/**
 * The packet as a whole IPv6 packet. Where the transport shows the upper layer alone, a header is put before it with
 * what is known; `destination` (16 octets) is the address that the kernel received it for.
 */
export function wholePacket(packet: ObservedPacket, destination: Uint8Array): WholePacket {
  const { bytes, layer, source, hopLimit } = packet;
  if (layer === 'ipv6') return { bytes: bytes.slice(), reconstruction: null };
  const whole = new Uint8Array(IPV6_HEADER_LENGTH + bytes.length);
  emitIpv6Header(
    {
      trafficClass: 0,
      flowLabel: 0,
      payloadLength: bytes.length,
      nextHeader: UPPER_LAYER[layer],
      hopLimit: hopLimit ?? 0,
      source,
      destination,
    },
    whole,
    0,
  );
  whole.set(bytes, IPV6_HEADER_LENGTH);
  const unknown = hopLimit === null ? 'traffic class, flow label and hop limit' : 'traffic class and flow label';
  return {
    bytes: whole,
    reconstruction: `IPv6 header reconstructed: ${unknown} are not known and written as 0, extension headers were not seen`,
  };
}
