/** What our decoders make of a packet, in the words of tshark's tree, so that both can be compared line by line. */
import { formatAddress } from '../../src/address/address.js';
import { readU16, readU32, readU8 } from '../../src/wire/big-endian.js';
import { checksumIsRight } from '../../src/wire/checksum.js';
import { optionAction, optionMayChange, parseOptions, type Option } from '../../src/wire/destination-options.js';
import { walkExtensionChain, type ExtensionChain } from '../../src/wire/extension-chain.js';
import { parseFragmentHeader } from '../../src/wire/fragment.js';
import type { ExtensionObject, IcmpExtensions } from '../../src/wire/icmp-extensions.js';
import { isIcmpv6Error, parseIcmpv6, parseIcmpv6Error, type Icmpv6Error } from '../../src/wire/icmpv6.js';
import { INTERFACE_ROLES } from '../../src/wire/interface-information.js';
import { parseIpv6Header } from '../../src/wire/ipv6.js';
import { parsePdm } from '../../src/wire/pdm.js';
import { parseQuotedPacket } from '../../src/wire/quoted-packet.js';
import type { ParseResult } from '../../src/wire/result.js';
import { parseTcpHeader } from '../../src/wire/tcp.js';
import { parseUdpHeader } from '../../src/wire/udp.js';
import { toHex } from './hex.js';

function must<T>(result: ParseResult<T>): T {
  if (!result.ok) throw new Error(`${result.reason} at ${result.offset}`);
  return result.value;
}

/** Describes the whole IPv6 packet in `bytes`. */
export function describePacket(bytes: Uint8Array): readonly string[] {
  const header = must(parseIpv6Header(bytes));
  const end = 40 + header.payloadLength;
  return [
    ...ipv6Lines(header, formatAddress(header.source), formatAddress(header.destination)),
    ...chainAndUpper(bytes, 0, end, header.nextHeader, false),
  ];
}

/** Describes the invoking packet in [offset, end) of an error. */
function describeQuote(bytes: Uint8Array, { quoteOffset, quoteEnd }: Icmpv6Error): readonly string[] {
  const quote = must(parseQuotedPacket(bytes, quoteOffset, quoteEnd));
  const [source, destination] = [quote.sourceOffset, quote.destinationOffset].map((at) => formatAddress(bytes, at));
  return [
    ...ipv6Lines(quote, source!, destination!),
    ...chainAndUpper(bytes, quote.start, quote.end, quote.nextHeader, true),
  ];
}

interface HeaderFields {
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
}

function ipv6Lines(header: HeaderFields, source: string, destination: string): readonly string[] {
  return [
    `Internet Protocol Version 6, Src: ${source}, Dst: ${destination}`,
    'Version: 6',
    `Traffic Class: ${header.trafficClass}`,
    `Differentiated Services Codepoint: ${header.trafficClass >> 2}`,
    `Explicit Congestion Notification: ${header.trafficClass & 3}`,
    `Flow Label: ${header.flowLabel}`,
    `Payload Length: ${header.payloadLength}`,
    `Next Header: ${header.nextHeader}`,
    `Hop Limit: ${header.hopLimit}`,
    `Source Address: ${source}`,
    `Destination Address: ${destination}`,
  ];
}

function chainAndUpper(
  bytes: Uint8Array,
  start: number,
  end: number,
  first: number,
  quoted: boolean,
): readonly string[] {
  const chain = walkExtensionChain(bytes, first, start + 40, end);
  const headers = chain.headers.flatMap(({ kind, offset, length }) => headerLines(bytes, kind, offset, length));
  return [...headers, ...upperLines(bytes, start, end, chain, quoted)];
}

function headerLines(bytes: Uint8Array, kind: number, offset: number, length: number): readonly string[] {
  const next = readU8(bytes, offset);
  switch (kind) {
    case 0:
    case 60: {
      const header = must(parseOptions(bytes, offset));
      return [
        kind === 0 ? 'IPv6 Hop-by-Hop Option' : 'Destination Options for IPv6',
        `Next Header: ${header.nextHeader}`,
        `Length: ${header.length / 8 - 1}`,
        ...header.options.flatMap((option) => optionLines(bytes, option)),
      ];
    }
    case 43: {
      const type = readU8(bytes, offset + 2);
      const data = toHex(bytes.subarray(offset + 4, offset + length));
      return [
        'Routing Header for IPv6',
        `Next Header: ${next}`,
        `Length: ${length / 8 - 1}`,
        `Type: ${type}`,
        `Segments Left: ${readU8(bytes, offset + 3)}`,
        `${type === 0 ? 'Reserved' : 'Type-Specific Data'}: ${data}`,
      ];
    }
    case 44: {
      const header = must(parseFragmentHeader(bytes, offset));
      return [
        'Fragment Header for IPv6',
        `Next header: ${header.nextHeader}`,
        'Reserved octet: 0',
        `Offset: ${header.fragmentOffset / 8}`,
        'Reserved bits: 0',
        `More Fragments: ${header.more ? 'Yes' : 'No'}`,
        `Identification: ${header.identification}`,
      ];
    }
    case 51:
      return [
        'Authentication Header',
        `Next header: ${next}`,
        `Length: ${length / 4 - 2}`,
        'Reserved: 0000',
        `AH SPI: ${readU32(bytes, offset + 4)}`,
        `AH Sequence: ${readU32(bytes, offset + 8)}`,
        `AH ICV: ${toHex(bytes.subarray(offset + 12, offset + length))}`,
      ];
    default:
      return [];
  }
}

function optionLines(bytes: Uint8Array, { type, offset, length, dataOffset }: Option): readonly string[] {
  const head = [
    `Type: ${type}`,
    `Action: ${optionAction(type)}`,
    `May Change: ${optionMayChange(type) ? 'Yes' : 'No'}`,
    `Low-Order Bits: ${type & 0x1f}`,
    `Length: ${length}`,
  ];
  const data = toHex(bytes.subarray(dataOffset, dataOffset + length));
  switch (type) {
    case 0x01:
      return ['PadN', ...head, `PadN: ${data === '' ? '<none>' : data}`];
    case 0x0f: {
      const pdm = must(parsePdm(bytes, offset));
      return [
        'Performance and Diagnostic Metrics',
        ...head,
        `Scale DTLR: ${pdm.scaleDtlr}`,
        `Scale DTLS: ${pdm.scaleDtls}`,
        `PSN This Packet: ${pdm.psnThisPacket}`,
        `PSN Last Received: ${pdm.psnLastReceived}`,
        `Delta Time Last Received: ${pdm.deltaTimeLastReceived}`,
        `Delta Time Last Sent: ${pdm.deltaTimeLastSent}`,
      ];
    }
    case 0x1e:
      return ['Experimental', ...head, `Experimental Option: ${data}`];
    default:
      return ['Unknown IPv6 Option', ...head, `Unknown Option Payload: ${data}`];
  }
}

function upperLines(
  bytes: Uint8Array,
  start: number,
  end: number,
  chain: ExtensionChain,
  quoted: boolean,
): readonly string[] {
  const { upperLayer, upperLayerOffset: at } = chain;
  if (upperLayer === null || at === null) return [];
  // A checksum can be judged where all of what it covers is there.
  const whole = chain.fragment?.more !== true && start + 40 + readU16(bytes, start + 4) <= bytes.length;
  const verdict = (judged: boolean): string => {
    if (!judged || !whole) return '';
    const source = bytes.subarray(start + 8, start + 24);
    const destination = bytes.subarray(start + 24, start + 40);
    return checksumIsRight(source, destination, upperLayer, bytes, at, end - at) ? ' correct' : ' incorrect';
  };
  switch (upperLayer) {
    case 17: {
      const udp = must(parseUdpHeader(bytes, at, end));
      return [
        `User Datagram Protocol, Src Port: ${udp.sourcePort}, Dst Port: ${udp.destinationPort}`,
        `Source Port: ${udp.sourcePort}`,
        `Destination Port: ${udp.destinationPort}`,
        `Length: ${udp.length}`,
        `Checksum: ${udp.checksum}${verdict(true)}`,
        ...(end - at > 8 ? [`UDP payload (${end - at - 8} bytes)`] : []),
      ];
    }
    case 6:
      return tcpLines(bytes, at, end, verdict(true));
    case 58:
      // tshark does not judge an ICMPv6 message inside an error.
      return icmpLines(bytes, at, end, verdict(!quoted));
    default:
      return [];
  }
}

function tcpLines(bytes: Uint8Array, at: number, end: number, verdict: string): readonly string[] {
  const tcp = must(parseTcpHeader(bytes, at, end));
  const flag = (label: string, mask: number): string => `${label}: ${(tcp.flags & mask) === 0 ? 'Not set' : 'Set'}`;
  return [
    `Transmission Control Protocol, Src Port: ${tcp.sourcePort}, Dst Port: ${tcp.destinationPort}`,
    `Source Port: ${tcp.sourcePort}`,
    `Destination Port: ${tcp.destinationPort}`,
    `Sequence Number: ${tcp.sequence}`,
    `Acknowledgment Number: ${tcp.acknowledgement}`,
    `Header Length: ${tcp.dataOffset * 4}`,
    `Flags: ${tcp.flags}`,
    flag('Reserved', 0xe00),
    flag('Accurate ECN', 0x100),
    flag('Congestion Window Reduced', 0x80),
    flag('ECN-Echo', 0x40),
    flag('Urgent', 0x20),
    flag('Acknowledgment', 0x10),
    flag('Push', 0x08),
    flag('Reset', 0x04),
    flag('Syn', 0x02),
    flag('Fin', 0x01),
    `Window: ${tcp.window}`,
    `Checksum: ${tcp.checksum}${verdict}`,
    `Urgent Pointer: ${tcp.urgent}`,
  ];
}

function icmpLines(bytes: Uint8Array, at: number, end: number, verdict: string): readonly string[] {
  const message = must(parseIcmpv6(bytes, at, end));
  const lines = [
    'Internet Control Message Protocol v6',
    `Type: ${message.type}`,
    `Code: ${message.code}`,
    `Checksum: ${message.checksum}${verdict}`,
  ];
  switch (message.kind) {
    case 'echo':
      lines.push(`Identifier: ${message.identifier}`, `Sequence: ${message.sequence}`);
      break;
    case 'parameter-problem':
      lines.push(`Pointer: ${message.pointer}`);
      break;
    case 'packet-too-big':
      lines.push(`MTU: ${message.mtu}`);
      break;
    case 'other': {
      const length = message.rest >>> 24;
      const reserved = (length === 0 ? message.rest : message.rest & 0xffffff).toString(16);
      if (length > 0) lines.push(`Length of original datagram: ${length}`);
      lines.push(`Reserved: ${reserved.padStart(length === 0 ? 8 : 6, '0')}`);
    }
  }
  if (!isIcmpv6Error(message.type)) return lines;
  const error = must(parseIcmpv6Error(bytes, at, end));
  lines.push(...describeQuote(bytes, error));
  if (error.extensions !== null) lines.push(...extensionLines(bytes, error.quoteEnd, error.extensions));
  return lines;
}

function extensionLines(bytes: Uint8Array, at: number, extensions: IcmpExtensions): readonly string[] {
  const interfaces = [...extensions.interfaces];
  return [
    'ICMP Multi-Part Extensions',
    'Version: 2',
    'Reserved: 0',
    `Checksum: ${readU16(bytes, at + 2)}${extensions.checksumVerified ? ' correct' : ''}`,
    ...extensions.objects.flatMap((object) => {
      const head = [`Length: ${object.payload.length + 4}`, `Class: ${object.classNumber}`, `C-Type: ${object.cType}`];
      if (object.classNumber === 1) return ['MPLS Stack Entry', ...head, ...mplsLines(extensions)];
      if (object.classNumber === 2)
        return ['Interface Information Object', ...head, ...interfaceLines(object, interfaces.shift()!)];
      return ['Unknown object', ...head, `Data: ${toHex(object.payload)}`].filter((line) => !line.startsWith('Data'));
    }),
  ];
}

function mplsLines({ mpls }: IcmpExtensions): readonly string[] {
  return mpls.flatMap(({ label, trafficClass, bottomOfStack, ttl }) => [
    // The summary of an entry, then its fields.
    `Label: ${label}`,
    `Label: ${label}`,
    `Experimental: ${trafficClass}`,
    `Stack bit: ${bottomOfStack ? 'Set' : 'Not set'}`,
    `Time to live: ${ttl}`,
  ]);
}

function interfaceLines(
  { cType, payload }: ExtensionObject,
  one: IcmpExtensions['interfaces'][number],
): readonly string[] {
  const present = (value: unknown): string => (value === null ? 'Not Present' : 'Present');
  const nameOffset = (one.ifIndex === null ? 0 : 4) + (one.address === null ? 0 : one.address.includes(':') ? 20 : 8);
  return [
    `Interface Role: ${INTERFACE_ROLES.indexOf(one.role)}`,
    `Reserved: ${(cType >> 4) & 3}`,
    `ifIndex: ${one.ifIndex === null ? 'False' : 'True'}`,
    `IP Address: ${present(one.address)}`,
    `Interface Name: ${present(one.name)}`,
    `MTU: ${present(one.mtu)}`,
    ...(one.ifIndex === null ? [] : [`Interface Index: ${one.ifIndex}`]),
    ...(one.address === null
      ? []
      : [
          'IP Address Sub-Object',
          `Address Family Identifier: ${one.address.includes(':') ? 2 : 1}`,
          'Reserved: 0000',
          `Source: ${one.address}`,
        ]),
    ...(one.name === null
      ? []
      : ['Interface Name Sub-Object', `Name Length: ${payload[nameOffset]!}`, `Name: ${one.name}`]),
    ...(one.mtu === null ? [] : [`Maximum Transmission Unit: ${one.mtu}`]),
  ];
}
