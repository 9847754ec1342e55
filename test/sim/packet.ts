/**
 * The simulator's own idea of packets, written from the RFCs and apart from `src/wire` on purpose: where the two differ,
 * one of them is wrong and a simulation shows it.
 */

export const PROTOCOL = {
  hopByHop: 0,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  authentication: 51,
  icmp6: 58,
  destination: 60,
} as const;

export interface Decoded {
  readonly payloadLength: number;
  readonly hopLimit: number;
  readonly flowLabel: number;
  /** Upper-layer protocol, or null where the chain is broken. */
  readonly upper: number | null;
  readonly upperOffset: number;
  /** Where the field is whose value names the Destination Options header; -1 without one. */
  readonly nextHeaderField: number;
  readonly destinationOptions: { readonly offset: number; readonly length: number } | null;
  readonly optionTypes: readonly number[];
  /** Offset of the PDM option's type octet, or -1. */
  readonly pdmOffset: number;
  /** All extension header octets. */
  readonly headerOctets: number;
}

export function word(octets: Uint8Array, offset: number): number {
  return (octets[offset]! << 8) | octets[offset + 1]!;
}

export function setWord(octets: Uint8Array, offset: number, value: number): void {
  octets[offset] = (value >>> 8) & 0xff;
  octets[offset + 1] = value & 0xff;
}

/** Reads a whole packet as a router's parser would. Returns null for what is no IPv6 packet or lies about its length. */
export function decode(octets: Uint8Array): Decoded | null {
  if (octets.length < 40 || octets[0]! >> 4 !== 6) return null;
  const payloadLength = word(octets, 4);
  if (payloadLength + 40 !== octets.length) return null;
  let next = octets[6]!;
  let field = 6;
  let offset = 40;
  let nextHeaderField = -1;
  let destinationOptions: Decoded['destinationOptions'] = null;
  const optionTypes: number[] = [];
  let pdmOffset = -1;
  let upper: number | null = null;
  for (let headers = 0; headers <= 8; headers++) {
    if (
      next !== PROTOCOL.hopByHop &&
      next !== PROTOCOL.routing &&
      next !== PROTOCOL.fragment &&
      next !== PROTOCOL.destination
    ) {
      upper = next;
      break;
    }
    if (offset + 8 > octets.length) break;
    const length = next === PROTOCOL.fragment ? 8 : 8 * (octets[offset + 1]! + 1);
    if (offset + length > octets.length) break;
    if (next === PROTOCOL.destination) {
      destinationOptions ??= { offset, length };
      if (nextHeaderField < 0) nextHeaderField = field;
      for (let at = offset + 2; at < offset + length;) {
        const type = octets[at]!;
        if (type === 0) {
          at++;
          continue;
        }
        if (type !== 1) optionTypes.push(type);
        if (type === 0x0f && pdmOffset < 0) pdmOffset = at;
        at += 2 + (octets[at + 1] ?? 0);
      }
    }
    next = octets[offset]!;
    field = offset;
    offset += length;
  }
  return {
    payloadLength,
    hopLimit: octets[7]!,
    flowLabel: ((octets[1]! & 0x0f) << 16) | word(octets, 2),
    upper,
    upperOffset: offset,
    nextHeaderField,
    destinationOptions,
    optionTypes,
    pdmOffset,
    headerOctets: offset - 40,
  };
}

/** Offset of the checksum in an upper-layer header, or -1 where the protocol is not known. */
export function checksumField(upper: number | null): number {
  if (upper === PROTOCOL.udp) return 6;
  if (upper === PROTOCOL.icmp6) return 2;
  if (upper === PROTOCOL.tcp) return 16;
  return -1;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}

export function sumOf(octets: Uint8Array, from: number, to: number): number {
  let sum = 0;
  let at = from;
  for (; at + 1 < to; at += 2) sum += word(octets, at);
  if (at < to) sum += octets[at]! << 8;
  return sum;
}

/** RFC 8200 §8.1 over `octets[from..to)`, whose checksum field counts as it stands. 0 means it verifies. */
export function checksum(
  octets: Uint8Array,
  from: number,
  to: number,
  protocol: number,
  source: Uint8Array,
  destination: Uint8Array,
): number {
  const pseudo = sumOf(source, 0, 16) + sumOf(destination, 0, 16) + (to - from) + protocol;
  return ~fold(pseudo + sumOf(octets, from, to)) & 0xffff;
}

/** RFC 1624: the checksum after the summed data changed from `before` to `after` (both plain sums). */
export function adjusted(old: number, before: number, after: number): number {
  return ~fold(fold((~old & 0xffff) + fold(after)) + (~fold(before) & 0xffff)) & 0xffff;
}

/** Takes the first Destination Options header out, as a stripping middlebox does. */
export function stripped(octets: Uint8Array, decoded: Decoded): Uint8Array {
  const header = decoded.destinationOptions;
  if (header === null) return octets;
  const out = new Uint8Array(octets.length - header.length);
  out.set(octets.subarray(0, header.offset));
  out.set(octets.subarray(header.offset + header.length), header.offset);
  out[decoded.nextHeaderField] = octets[header.offset]!;
  setWord(out, 4, decoded.payloadLength - header.length);
  return out;
}

/** The packet with another extension header (whole, but for its first octet) in front of all others. */
export function inserted(octets: Uint8Array, protocol: number, header: readonly number[]): Uint8Array {
  const out = new Uint8Array(octets.length + header.length);
  out.set(octets.subarray(0, 40));
  out.set(header, 40);
  out.set(octets.subarray(40), 40 + header.length);
  out[40] = octets[6]!;
  out[6] = protocol;
  setWord(out, 4, word(octets, 4) + header.length);
  return out;
}

/** A Destination Options header with PDM (RFC 8250 §3): 16 octets, the first of which is to be filled in. */
export function pdmHeader(sequence: number, lastReceived: number, sinceReceivedNs: number): number[] {
  const attoseconds = BigInt(Math.round(sinceReceivedNs)) * 1_000_000_000n;
  const scale = Math.max(0, attoseconds.toString(2).length - 16);
  const delta = Number(attoseconds >> BigInt(scale));
  const pair = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
  return [0, 1, 0x0f, 10, scale, 0, ...pair(sequence), ...pair(lastReceived), ...pair(delta), 0, 0, 1, 0];
}

/** Upper-layer protocol of a reply and where it starts; replies here have at most one header, of destination options. */
export function upperOf(octets: Uint8Array): { protocol: number; at: number } {
  if (octets[6] !== PROTOCOL.destination || octets.length < 48) return { protocol: octets[6]!, at: 40 };
  return { protocol: octets[40]!, at: 48 + 8 * octets[41]! };
}

export interface ReplyHeader {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly hopLimit: number;
  readonly protocol: number;
}

/** A whole packet around `message`, whose checksum is filled in. */
export function packetOf(header: ReplyHeader, message: Uint8Array): Uint8Array {
  const octets = new Uint8Array(40 + message.length);
  octets[0] = 0x60;
  setWord(octets, 4, message.length);
  octets[6] = header.protocol;
  octets[7] = header.hopLimit;
  octets.set(header.source, 8);
  octets.set(header.destination, 24);
  octets.set(message, 40);
  fillChecksum(octets);
  return octets;
}

/** RFC 9293 §3.10.7.1: what a closed port sends to a SYN. */
export function resetFor(syn: Uint8Array): Uint8Array {
  return segmentFor(syn, TCP_RESET | TCP_ACKNOWLEDGES);
}

/** … and an open one. */
export function synAckFor(syn: Uint8Array): Uint8Array {
  return segmentFor(syn, TCP_SYNCHRONIZES | TCP_ACKNOWLEDGES);
}

function segmentFor(syn: Uint8Array, flags: number): Uint8Array {
  const segment = new Uint8Array(20);
  segment.set(syn.subarray(2, 4), 0);
  segment.set(syn.subarray(0, 2), 2);
  const view = new DataView(segment.buffer);
  view.setUint32(8, new DataView(syn.buffer, syn.byteOffset).getUint32(4) + 1);
  segment[12] = 5 << 4;
  segment[13] = flags;
  return segment;
}

const TCP_SYNCHRONIZES = 0x02;
const TCP_RESET = 0x04;
const TCP_ACKNOWLEDGES = 0x10;

/** Recomputes the upper-layer checksum of a packet without extension headers. */
export function fillChecksum(octets: Uint8Array): void {
  const protocol = octets[6]!;
  const field = checksumField(protocol);
  if (field < 0 || octets.length < 40 + field + 2) return;
  setWord(octets, 40 + field, 0);
  const value = checksum(octets, 40, octets.length, protocol, octets.subarray(8, 24), octets.subarray(24, 40));
  setWord(octets, 40 + field, value === 0 && protocol === PROTOCOL.udp ? 0xffff : value);
}

/** RFC 4884 §7: version 2, checksum, then objects (each already with its own header). */
export function extensionStructure(objects: readonly Uint8Array[]): Uint8Array {
  const length = 4 + objects.reduce((sum, object) => sum + object.length, 0);
  const out = new Uint8Array(length);
  out[0] = 0x20;
  let at = 4;
  for (const object of objects) {
    out.set(object, at);
    at += object.length;
  }
  setWord(out, 2, ~fold(sumOf(out, 0, length)) & 0xffff);
  return out;
}

function extensionObject(classNumber: number, cType: number, data: readonly number[]): Uint8Array {
  const out = new Uint8Array(4 + data.length);
  setWord(out, 0, out.length);
  out[2] = classNumber;
  out[3] = cType;
  out.set(data, 4);
  return out;
}

/** RFC 4950: incoming label stack, class 1, C-Type 1. */
export function mplsObject(labels: readonly number[]): Uint8Array {
  const data = labels.flatMap((label, index) => [
    (label >> 12) & 0xff,
    (label >> 4) & 0xff,
    ((label & 0x0f) << 4) | (index === labels.length - 1 ? 1 : 0),
    255 - index,
  ]);
  return extensionObject(1, 1, data);
}

/** RFC 5837: incoming interface (role 0) with ifIndex and name, class 2. */
export function interfaceObject(index: number, name: string): Uint8Array {
  const text = Array.from({ length: name.length }, (_, at) => name.charCodeAt(at));
  const length = 4 * Math.ceil((1 + text.length) / 4);
  const field = [length, ...text, ...new Array<number>(length - 1 - text.length).fill(0)];
  return extensionObject(2, 0b0000_1010, [0, 0, (index >> 8) & 0xff, index & 0xff, ...field]);
}

/** RFC 8883 §4: pointer for Destination Unreachable code 8, class 4, C-Type 1. */
export function pointerObject(pointer: number): Uint8Array {
  return extensionObject(4, 1, [0, 0, (pointer >> 8) & 0xff, pointer & 0xff]);
}

/** An object that says which node this is (class 5, as drafts have it). */
export function nodeIdObject(id: number): Uint8Array {
  return extensionObject(5, 1, [0, 0, (id >> 8) & 0xff, id & 0xff]);
}

/** A class that nobody has assigned. */
export function unknownObject(): Uint8Array {
  return extensionObject(200, 7, [0xde, 0xad, 0xbe, 0xef]);
}

export interface ErrorShape {
  readonly type: number;
  readonly code: number;
  /** Octets 4–7 of a Parameter Problem; 0 otherwise. */
  readonly pointer: number;
  readonly objects: readonly Uint8Array[];
  /** Where the extension structure starts: with a length field, or at 128 octets without one (before RFC 4884). */
  readonly legacy: boolean;
  /** What the length field counts instead of units of 8 octets: those of the padded quote, or of the quote itself. */
  readonly counts?: 'padded octets' | 'quoted octets';
}

/** An ICMPv6 error that quotes `quote` (already cut to what this node quotes). */
export function errorMessage(shape: ErrorShape, quote: Uint8Array): Uint8Array {
  if (shape.objects.length === 0) {
    const out = new Uint8Array(8 + quote.length);
    out[0] = shape.type;
    out[1] = shape.code;
    setWord(out, 6, shape.pointer);
    out.set(quote, 8);
    return out;
  }
  const padded = shape.legacy ? 128 : Math.max(128, 8 * Math.ceil(quote.length / 8));
  const extension = extensionStructure(shape.objects);
  const out = new Uint8Array(8 + padded + extension.length);
  out[0] = shape.type;
  out[1] = shape.code;
  if (shape.legacy) out[4] = 0;
  else if (shape.counts === 'padded octets') out[4] = padded;
  else if (shape.counts === 'quoted octets') out[4] = quote.length;
  else out[4] = padded / 8;
  out.set(quote.subarray(0, padded), 8);
  out.set(extension, 8 + padded);
  return out;
}
