/**
 * Packets of the contract suite, written out octet by octet so that an adapter is judged without the project's codecs.
 */
import type { ObservedPacket } from '../../src/transport/probe-transport.js';

const UDP = 17;
const ICMP6 = 58;
const DESTINATION_OPTIONS = 60;

/** RFC 8250: Destination Options header of 16 octets with PDM, next header UDP. */
const PDM_BEFORE_UDP = Buffer.from('11010f0a00000102000000000000' + '0100', 'hex');

export interface Ends {
  /** 16 octets each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

export interface HeaderFields {
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
}

export interface UdpFields extends HeaderFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload?: Uint8Array;
  readonly withPdm?: boolean;
  /** Spoils the checksum. */
  readonly wrongChecksum?: boolean;
}

export function udpPacket(ends: Ends, fields: UdpFields): Buffer {
  const payload = fields.payload ?? Buffer.from('a payload');
  const udp = Buffer.alloc(8 + payload.length);
  udp.writeUInt16BE(fields.sourcePort, 0);
  udp.writeUInt16BE(fields.destinationPort, 2);
  udp.writeUInt16BE(udp.length, 4);
  udp.set(payload, 8);
  const checksum = upperLayerChecksum(ends, UDP, udp);
  udp.writeUInt16BE(fields.wrongChecksum === true ? checksum ^ 0x0101 : checksum === 0 ? 0xffff : checksum, 6);
  if (fields.withPdm !== true) return wholePacket(ends, fields, UDP, udp);
  return wholePacket(ends, fields, DESTINATION_OPTIONS, Buffer.concat([PDM_BEFORE_UDP, udp]));
}

export interface EchoFields extends HeaderFields {
  readonly identifier: number;
  readonly sequence: number;
  readonly payload?: Uint8Array;
}

export function echoRequest(ends: Ends, fields: EchoFields): Buffer {
  const payload = fields.payload ?? Buffer.from('a payload');
  const body = Buffer.alloc(4 + payload.length);
  body.writeUInt16BE(fields.identifier, 0);
  body.writeUInt16BE(fields.sequence, 2);
  body.set(payload, 4);
  return icmpPacket(ends, fields, 128, 0, body);
}

/** `body`: what follows type, code and checksum. */
export function icmpPacket(ends: Ends, fields: HeaderFields, type: number, code: number, body: Uint8Array): Buffer {
  const message = Buffer.from([type, code, 0, 0, ...body]);
  message.writeUInt16BE(upperLayerChecksum(ends, ICMP6, message), 2);
  return wholePacket(ends, fields, ICMP6, message);
}

export function wholePacket(ends: Ends, fields: HeaderFields, nextHeader: number, payload: Uint8Array): Buffer {
  const packet = Buffer.alloc(40 + payload.length);
  packet.writeUInt32BE(((6 << 28) | ((fields.trafficClass ?? 0) << 20) | (fields.flowLabel ?? 0)) >>> 0, 0);
  packet.writeUInt16BE(payload.length, 4);
  packet[6] = nextHeader;
  packet[7] = fields.hopLimit ?? 64;
  packet.set(ends.source, 8);
  packet.set(ends.destination, 24);
  packet.set(payload, 40);
  return packet;
}

/** RFC 8200 §8.1. Over a message that has its checksum: 0 when it is right. */
export function upperLayerChecksum({ source, destination }: Ends, protocol: number, message: Uint8Array): number {
  const lengths = [message.length >> 8, message.length & 0xff, 0, protocol];
  const octets = [...source, ...destination, ...lengths, ...message, ...(message.length % 2 === 1 ? [0] : [])];
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) sum += (octets[i]! << 8) | octets[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A received packet, copied, and without its IPv6 header whichever layer the adapter delivers. */
export interface Received {
  readonly protocol: 'icmp6' | 'udp' | 'tcp' | 'other';
  readonly source: Buffer;
  readonly message: Buffer;
  readonly observed: Omit<ObservedPacket, 'bytes' | 'source'>;
}

export function received({ bytes, source, ...observed }: ObservedPacket): Received {
  const whole = observed.layer === 'ipv6';
  const copy = Buffer.from(bytes);
  return {
    protocol: whole ? protocolName(copy[6]) : observed.layer === 'icmpv6' ? 'icmp6' : (observed.layer as 'udp' | 'tcp'),
    source: Buffer.from(source),
    message: whole ? copy.subarray(40) : copy,
    observed,
  };
}

function protocolName(nextHeader: number | undefined): Received['protocol'] {
  return nextHeader === ICMP6 ? 'icmp6' : nextHeader === UDP ? 'udp' : nextHeader === 6 ? 'tcp' : 'other';
}

export function isTimeExceeded({ protocol, message }: Received): boolean {
  return protocol === 'icmp6' && message[0] === 3 && message[1] === 0;
}

/** The echo reply to this request. */
export function isEchoReply({ protocol, message }: Received, identifier: number, sequence: number): boolean {
  if (protocol !== 'icmp6' || message[0] !== 129) return false;
  return message.readUInt16BE(4) === identifier && message.readUInt16BE(6) === sequence;
}

/** A UDP datagram to this port. */
export function isUdpTo({ protocol, message }: Received, port: number): boolean {
  return protocol === 'udp' && message.readUInt16BE(2) === port;
}
