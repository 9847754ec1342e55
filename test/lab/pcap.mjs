// @ts-check
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** Octets before the IPv6 header by link type: Ethernet, raw IP (two numbers), Linux cooked v1 and v2. @type {Record<number, number>} */
const LINK_HEADER = { 1: 14, 12: 0, 101: 0, 113: 16, 276: 20 };

/**
 * IPv6 packets of a classic pcap file written by tcpdump on this machine (little endian). A cut last record is left out.
 * @param {import('node:buffer').Buffer} pcap @returns {Uint8Array[]}
 */
export function packetsOfPcap(pcap) {
  /** @type {Uint8Array[]} */
  const packets = [];
  if (pcap.length < FILE_HEADER) return packets;
  const skip = LINK_HEADER[pcap.readUInt32LE(20)] ?? 0;
  for (let at = FILE_HEADER; at + RECORD_HEADER <= pcap.length;) {
    const length = pcap.readUInt32LE(at + 8);
    const start = at + RECORD_HEADER;
    if (start + length > pcap.length) break;
    packets.push(new Uint8Array(pcap.subarray(start + skip, start + length)));
    at = start + length;
  }
  return packets;
}
