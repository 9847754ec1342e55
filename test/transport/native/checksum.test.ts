import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeChecksum } from '../../../src/transport/native/checksum.js';
import { icmpPacket, udpPacket, upperLayerChecksum, wholePacket } from '../contract-packets.js';

const ENDS = { source: new Uint8Array(16).fill(0x21), destination: new Uint8Array(16).fill(0x22) };

describe('completing a checksum that was left to hardware', () => {
  it('gives UDP the checksum that the sender would have computed', () => {
    const right = udpPacket(ENDS, { sourcePort: 7, destinationPort: 50_000 });
    const pending = Buffer.from(right);
    pending.writeUInt16BE(0x1234, 46);
    completeChecksum(pending);
    expect(pending.toString('hex')).toBe(right.toString('hex'));
  });

  it('finds the upper layer behind extension headers', () => {
    const right = udpPacket(ENDS, { sourcePort: 7, destinationPort: 50_000, withPdm: true });
    const pending = Buffer.from(right);
    pending.writeUInt16BE(0x1234, 62);
    completeChecksum(pending);
    expect(pending.toString('hex')).toBe(right.toString('hex'));
  });

  it('gives TCP and ICMPv6 theirs', () => {
    const tcp = wholePacket(ENDS, {}, 6, Buffer.from(`01bbc350${'00'.repeat(8)}5012ffff12340000`, 'hex'));
    completeChecksum(tcp);
    expect(upperLayerChecksum(ENDS, 6, tcp.subarray(40))).toBe(0);
    const icmp = icmpPacket(ENDS, {}, 129, 0, Buffer.from('12340001', 'hex'));
    const pending = Buffer.from(icmp);
    pending.writeUInt16BE(0, 42);
    completeChecksum(pending);
    expect(pending.toString('hex')).toBe(icmp.toString('hex'));
  });

  it('writes a UDP checksum of zero as all ones (RFC 8200 §8.1)', () => {
    const udp = Buffer.from('0007c350000a00000000', 'hex');
    udp.writeUInt16BE(upperLayerChecksum(ENDS, 17, udp), 8);
    const pending = wholePacket(ENDS, {}, 17, udp);
    completeChecksum(pending);
    expect(pending.readUInt16BE(46)).toBe(0xffff);
  });

  it('leaves fragments, other protocols and cut packets alone', () => {
    const fragment = wholePacket(ENDS, {}, 44, Buffer.from(`11000001${'00'.repeat(4)}0007c35000080000`, 'hex'));
    const other = wholePacket(ENDS, {}, 59, Buffer.alloc(20));
    const cut = udpPacket(ENDS, { sourcePort: 7, destinationPort: 50_000 }).subarray(0, 47);
    for (const packet of [fragment, other, cut]) {
      const before = Buffer.from(packet);
      completeChecksum(packet);
      expect(packet.toString('hex')).toBe(before.toString('hex'));
    }
  });

  it('never throws, whatever the octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        const before = bytes.length;
        completeChecksum(bytes);
        expect(bytes).toHaveLength(before);
      }),
    );
  });
});
