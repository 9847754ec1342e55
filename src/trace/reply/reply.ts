/** Received octets as a reply: what kind it is and where its parts are. Nothing is copied; nothing is trusted yet. */
import { ADDRESS_LENGTH, sameAddress } from '../../address/address.js';
import { upperLayerChecksum } from '../../wire/checksum.js';
import { walkExtensionChain } from '../../wire/extension-chain.js';
import { ICMPV6, isIcmpv6Error, parseIcmpv6Error } from '../../wire/icmpv6.js';
import type { Icmpv6Error } from '../../wire/icmpv6.js';
import { IPV6_HEADER_LENGTH, IPV6_OFFSET, NEXT_HEADER } from '../../wire/ipv6.js';
import { findPdm } from '../../wire/pdm.js';
import type { FoundPdm } from '../../wire/pdm.js';
import { parseQuotedPacket } from '../../wire/quoted-packet.js';
import type { QuotedPacket } from '../../wire/quoted-packet.js';
import { readU16, readU8 } from '../../wire/big-endian.js';
import { failed, parsed } from '../../wire/result.js';
import type { ParseResult } from '../../wire/result.js';

/** A packet as the transport saw it; see `ObservedPacket` of the port, of which this is the part that matters here. */
export interface ReceivedPacket {
  readonly layer: 'ipv6' | 'icmpv6' | 'udp' | 'tcp';
  readonly source: Uint8Array;
  readonly bytes: Uint8Array;
  readonly hopLimit: number | null;
  readonly timeNs: number;
}

interface ReplyCommon {
  readonly source: Uint8Array;
  readonly bytes: Uint8Array;
  readonly hopLimit: number | null;
  readonly timeNs: number;
  /** The reply's own PDM option, where the transport shows extension headers. */
  readonly pdm: FoundPdm | null;
}

/** An ICMPv6 error and the packet that it quotes; both point into `bytes`. */
export interface ErrorReply extends ReplyCommon {
  readonly kind: 'error';
  readonly error: Icmpv6Error;
  readonly quote: QuotedPacket;
}

/** What an upper layer answers: an echo reply, a datagram, a TCP segment. `end`: behind its last octet. */
export interface DirectReply extends ReplyCommon {
  readonly kind: 'echo' | 'udp' | 'tcp';
  /** The upper-layer message in `bytes`. */
  readonly offset: number;
  readonly end: number;
}

/** Whatever may answer a probe: an ICMPv6 error (RFC 4443 §3), or an answer that quotes nothing. */
export type Reply = ErrorReply | DirectReply;

const UPPER_LAYERS = { icmpv6: NEXT_HEADER.icmp6, udp: NEXT_HEADER.udp, tcp: NEXT_HEADER.tcp } as const;

/** `not-a-reply` is for packets that are none of our business; every other reason means malformed. */
export function parseReply(packet: ReceivedPacket): ParseResult<Reply> {
  const { bytes } = packet;
  if (packet.layer !== 'ipv6') {
    const { source, layer, hopLimit } = packet;
    return parseUpperLayer(packet, source, UPPER_LAYERS[layer], 0, bytes.length, hopLimit, null);
  }
  if (bytes.length < IPV6_HEADER_LENGTH || readU8(bytes, 0) >> 4 !== 6) return failed('not-ipv6', 0);
  const end = IPV6_HEADER_LENGTH + readU16(bytes, IPV6_OFFSET.payloadLength);
  if (end > bytes.length) return failed('truncated', bytes.length);
  const nextHeader = readU8(bytes, IPV6_OFFSET.nextHeader);
  let protocol: number = nextHeader;
  let offset = IPV6_HEADER_LENGTH;
  let pdm: FoundPdm | null = null;
  let more = false;
  if (nextHeader !== NEXT_HEADER.icmp6 && nextHeader !== NEXT_HEADER.udp && nextHeader !== NEXT_HEADER.tcp) {
    const chain = walkExtensionChain(bytes, nextHeader, IPV6_HEADER_LENGTH, end);
    if (chain.upperLayer === null || chain.upperLayerOffset === null) return failed('not-a-reply', IPV6_HEADER_LENGTH);
    protocol = chain.upperLayer;
    offset = chain.upperLayerOffset;
    pdm = findPdm(bytes, IPV6_HEADER_LENGTH, end, nextHeader);
    more = chain.fragment?.more ?? false;
  }
  // The first fragment of an answer holds what names its probe, and not all that the checksum covers. Errors are short.
  if (more && protocol !== NEXT_HEADER.udp && !isEchoReply(bytes, protocol, offset))
    return failed('not-a-reply', offset);
  const { source, destination } = IPV6_OFFSET;
  if (!more && upperLayerChecksum(bytes, bytes, protocol, bytes, offset, end - offset, source, destination) !== 0) {
    return failed('bad-checksum', offset);
  }
  return parseUpperLayer(packet, sourceOf(packet), protocol, offset, end, readU8(bytes, IPV6_OFFSET.hopLimit), pdm);
}

/** What the header says, in the transport's own view of it where it has one: making another costs more than comparing. */
function sourceOf({ source, bytes }: ReceivedPacket): Uint8Array {
  const isSame = source.length === ADDRESS_LENGTH && sameAddress(source, bytes, 0, IPV6_OFFSET.source);
  return isSame ? source : bytes.subarray(IPV6_OFFSET.source, IPV6_OFFSET.destination);
}

function isEchoReply(bytes: Uint8Array, protocol: number, offset: number): boolean {
  return protocol === NEXT_HEADER.icmp6 && offset < bytes.length && readU8(bytes, offset) === ICMPV6.echoReply;
}

function parseUpperLayer(
  packet: ReceivedPacket,
  source: Uint8Array,
  protocol: number,
  offset: number,
  end: number,
  hopLimit: number | null,
  pdm: FoundPdm | null,
): ParseResult<Reply> {
  const { bytes, timeNs } = packet;
  if (end - offset < 8) return failed('truncated', end);
  if (protocol === NEXT_HEADER.udp) return parsed({ kind: 'udp', source, bytes, hopLimit, timeNs, pdm, offset, end });
  if (protocol === NEXT_HEADER.tcp) {
    if (end - offset < 20) return failed('truncated', end);
    return parsed({ kind: 'tcp', source, bytes, hopLimit, timeNs, pdm, offset, end });
  }
  if (protocol !== NEXT_HEADER.icmp6) return failed('not-a-reply', offset);
  const type = readU8(bytes, offset);
  if (type === ICMPV6.echoReply) {
    return parsed({ kind: 'echo', source, bytes, hopLimit, timeNs, pdm, offset, end });
  }
  if (!isIcmpv6Error(type)) return failed('not-a-reply', offset);
  const error = parseIcmpv6Error(bytes, offset, end);
  if (!error.ok) return error;
  const quote = parseQuotedPacket(bytes, error.value.quoteOffset, error.value.quoteEnd);
  if (!quote.ok) return quote;
  return parsed({ kind: 'error', source, bytes, hopLimit, timeNs, pdm, error: error.value, quote: quote.value });
}
