import { emitDo16, emitDo8, emitPdmDestinationOptions } from '../../src/wire/destination-options.js';
import { onesComplementSum, finishChecksum, pseudoHeaderSum } from '../../src/wire/checksum.js';
import { emitIcmpv6, ICMPV6_OFFSET } from '../../src/wire/icmpv6.js';
import { emitIpv6Header, IPV6_HEADER_LENGTH, NEXT_HEADER } from '../../src/wire/ipv6.js';
import { emitTcpHeader, TCP_FLAG, TCP_OFFSET } from '../../src/wire/tcp.js';
import { emitUdpHeader, udpChecksumField, UDP_OFFSET } from '../../src/wire/udp.js';
import { writeU16 } from '../../src/wire/big-endian.js';
import type { PdmOption } from '../../src/wire/pdm.js';
import { hex, prefilled } from './hex.js';

export const SOURCE = hex('20010db8000000000000000000000001');
export const DESTINATION = hex('20010db8000000000000000000000002');

export const FIRST_PDM: PdmOption = {
  scaleDtlr: 0,
  scaleDtls: 0,
  psnThisPacket: 25,
  psnLastReceived: 0,
  deltaTimeLastReceived: 0,
  deltaTimeLastSent: 0,
};

export const ARMS = ['plain', 'pdm', 'do8', 'do16'] as const;
type Arm = (typeof ARMS)[number];

export const PROTOCOLS = ['udp', 'icmp6', 'tcp'] as const;
type Protocol = (typeof PROTOCOLS)[number];

export interface Probe {
  readonly arm: Arm;
  readonly protocol: Protocol;
  readonly hopLimit?: number;
  readonly flowLabel?: number;
  readonly trafficClass?: number;
  readonly pdm?: PdmOption;
  readonly payload?: Uint8Array;
}

/** A probe as the measurement sends it, made of the emitters alone, in a buffer where unwritten octets stand out. */
export function probePacket(probe: Probe): Uint8Array {
  const { arm, protocol, pdm = FIRST_PDM, payload = new Uint8Array(0) } = probe;
  const upper = { udp: NEXT_HEADER.udp, icmp6: NEXT_HEADER.icmp6, tcp: NEXT_HEADER.tcp }[protocol];
  const into = prefilled(400);
  let at = IPV6_HEADER_LENGTH;
  if (arm === 'pdm') at += emitPdmDestinationOptions(upper, pdm, into, at);
  else if (arm === 'do8') at += emitDo8(upper, into, at);
  else if (arm === 'do16') at += emitDo16(upper, hex('00112233445566778899'), into, at);
  const upperOffset = at;
  let checksumOffset: number;
  if (protocol === 'udp') {
    const length = 8 + payload.length;
    at += emitUdpHeader({ sourcePort: 49152, destinationPort: 33434, length, checksum: 0 }, into, at);
    checksumOffset = upperOffset + UDP_OFFSET.checksum;
  } else if (protocol === 'icmp6') {
    at += emitIcmpv6({ kind: 'echo', type: 128, code: 0, checksum: 0, identifier: 0xbeef, sequence: 7 }, into, at);
    checksumOffset = upperOffset + ICMPV6_OFFSET.checksum;
  } else {
    const ports = { sourcePort: 50000, destinationPort: 443 };
    const numbers = { sequence: 0x01020304, acknowledgement: 0, window: 1024, urgent: 0 };
    at += emitTcpHeader({ ...ports, ...numbers, dataOffset: 5, flags: TCP_FLAG.syn, checksum: 0 }, into, at);
    checksumOffset = upperOffset + TCP_OFFSET.checksum;
  }
  into.set(payload, at);
  at += payload.length;
  const length = at - upperOffset;
  const checksum = finishChecksum(
    onesComplementSum(into, upperOffset, length, pseudoHeaderSum(SOURCE, DESTINATION, length, upper)),
  );
  writeU16(protocol === 'udp' ? udpChecksumField(checksum) : checksum, into, checksumOffset);
  emitIpv6Header(
    {
      trafficClass: probe.trafficClass ?? 0,
      flowLabel: probe.flowLabel ?? 0x12345,
      payloadLength: at - IPV6_HEADER_LENGTH,
      nextHeader: arm === 'plain' ? upper : NEXT_HEADER.destinationOptions,
      hopLimit: probe.hopLimit ?? 5,
      source: SOURCE,
      destination: DESTINATION,
    },
    into,
    0,
  );
  return into.slice(0, at);
}

/** An ICMPv6 message (without its IPv6 header): type, code, octets 4–7, then the pieces. Its checksum is left zero. */
export function icmpMessage(type: number, code: number, rest: number, ...pieces: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(pieces);
  const message = prefilled(8 + body.length);
  emitIcmpv6({ kind: 'other', type, code, checksum: 0, rest }, message, 0);
  message.set(body, 8);
  return message;
}
