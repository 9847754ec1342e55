/**
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little endian: one section, one interface, packets with a comment.
 * All lengths are padded to 4 octets, and every block says its length at both ends.
 */

/** Whole IP packets without a link layer. */
const LINKTYPE_RAW = 101;
const NANOSECONDS = 9;

const BLOCK = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION = {
  comment: 1,
  userApplication: 4,
  interfaceDescription: 3,
  timestampResolution: 9,
  packetFlags: 2,
  received: 4,
  dropped: 5,
} as const;
const DIRECTION = { in: 1, out: 2 } as const;
/** An option's length is 16 bits; the header's fields before and after the data are 28 and 4 octets. */
const LONGEST_OPTION = 0xfffc;
const PACKET_HEADER_LENGTH = 28;

/** What becomes an Enhanced Packet Block. */
export interface CapturedPacket {
  readonly direction: 'in' | 'out';
  /** A whole IPv6 packet. */
  readonly bytes: Uint8Array;
  /** Nanoseconds since 1970. */
  readonly epochNs: bigint;
  readonly comment: string;
}

/** What a file begins with: the section header and the description of the one interface. */
export function emitFileHeader(application: string, description: string): Buffer {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  section.writeUInt16LE(1, 4);
  section.writeUInt16LE(0, 6);
  // The section's length is not known while it is written.
  section.writeBigInt64LE(-1n, 8);
  const link = Buffer.alloc(8);
  link.writeUInt16LE(LINKTYPE_RAW, 0);
  return Buffer.concat([
    emitBlock(BLOCK.section, [section, emitOptions([[OPTION.userApplication, Buffer.from(application)]])]),
    emitBlock(BLOCK.interface, [
      link,
      emitOptions([
        [OPTION.interfaceDescription, Buffer.from(description)],
        [OPTION.timestampResolution, Uint8Array.of(NANOSECONDS)],
      ]),
    ]),
  ]);
}

/** An Enhanced Packet Block with its direction and a comment. */
export function emitPacket({ direction, bytes, epochNs, comment }: CapturedPacket): Buffer {
  const header = Buffer.alloc(PACKET_HEADER_LENGTH - 8);
  emitTimestamp(header, 4, epochNs);
  header.writeUInt32LE(bytes.length, 12);
  header.writeUInt32LE(bytes.length, 16);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(DIRECTION[direction], 0);
  return emitBlock(BLOCK.packet, [
    header,
    padded(bytes),
    emitOptions([
      [OPTION.comment, Buffer.from(comment)],
      [OPTION.packetFlags, flags],
    ]),
  ]);
}

/** Last in a complete file: how many packets there were, and how many of them are not in it. */
export function emitStatistics(epochNs: bigint, received: number, dropped: number): Buffer {
  const header = Buffer.alloc(12);
  emitTimestamp(header, 4, epochNs);
  return emitBlock(BLOCK.statistics, [
    header,
    emitOptions([
      [OPTION.received, counter(received)],
      [OPTION.dropped, counter(dropped)],
    ]),
  ]);
}

/** Upper half first, each half little endian. */
function emitTimestamp(into: Buffer, offset: number, epochNs: bigint): void {
  into.writeUInt32LE(Number(epochNs >> 32n), offset);
  into.writeUInt32LE(Number(epochNs & 0xffffffffn), offset + 4);
}

function counter(value: number): Buffer {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64LE(BigInt(value));
  return octets;
}

function emitOptions(options: readonly (readonly [code: number, value: Uint8Array])[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [code, value] of options) {
    const kept = value.subarray(0, LONGEST_OPTION);
    const header = Buffer.alloc(4);
    header.writeUInt16LE(code, 0);
    header.writeUInt16LE(kept.length, 2);
    parts.push(header, padded(kept));
  }
  parts.push(Buffer.alloc(4));
  return Buffer.concat(parts);
}

function padded(octets: Uint8Array): Uint8Array {
  const rest = octets.length % 4;
  return rest === 0 ? octets : Buffer.concat([octets, Buffer.alloc(4 - rest)]);
}

function emitBlock(type: number, parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 12);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  return Buffer.concat([head, ...parts, head.subarray(4, 8)]);
}
