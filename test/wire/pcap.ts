/** Just enough of the pcap format: what tcpdump and this folder's tests write, and no more. */

const MAGIC = 0xa1b2c3d4;
const LINK_TYPE = { ethernet: 1, ipv6: 229 } as const;
const ETHERNET_HEADER_LENGTH = 14;

/** A little-endian pcap file of whole IPv6 packets. */
export function writePcap(packets: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(0x40000, 16);
  header.writeUInt32LE(LINK_TYPE.ipv6, 20);
  const records = packets.flatMap((packet, index) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_700_000_000 + index, 0);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    return [record, packet];
  });
  return Buffer.concat([header, ...records]);
}

/** The IPv6 packets of a little-endian pcap file, link-layer headers removed. */
export function readPcap(file: Buffer): readonly Uint8Array[] {
  if (file.readUInt32LE(0) !== MAGIC) throw new Error('not a little-endian pcap file');
  const linkType = file.readUInt32LE(20);
  if (linkType !== LINK_TYPE.ethernet && linkType !== LINK_TYPE.ipv6) throw new Error(`link type ${linkType}`);
  const skip = linkType === LINK_TYPE.ethernet ? ETHERNET_HEADER_LENGTH : 0;
  const packets: Uint8Array[] = [];
  for (let at = 24; at < file.length;) {
    const length = file.readUInt32LE(at + 8);
    packets.push(Uint8Array.from(file.subarray(at + 16 + skip, at + 16 + length)));
    at += 16 + length;
  }
  return packets;
}
