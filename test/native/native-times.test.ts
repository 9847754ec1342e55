import { describe, expect, it } from 'vitest';
import { NativeBatchReader } from '../../src/transport/native/batch.js';
import { NativeClock } from '../../src/transport/native/clock.js';
import { udpPacket } from '../transport/contract-packets.js';

describe('the engine’s clock and the addon’s', () => {
  it('differ by a constant that is found to a microsecond although readings take time', () => {
    let now = 5_000_000;
    const native = (): number => (now += 100);
    const clock = new NativeClock({ nowNs: () => native() + 7e9 }, native);
    expect(Math.abs(clock.differenceNs - 7e9)).toBeLessThanOrEqual(1000);
  });

  it('are compared again when time has passed, and a real difference is taken over, an error of measurement is not', () => {
    let now = 0;
    let engineAhead = 1e9;
    const clock = new NativeClock({ nowNs: () => now + engineAhead }, () => now);
    expect(clock.differenceNs).toBe(1e9);
    engineAhead += 500;
    now += 2e9;
    expect(clock.differenceNs).toBe(1e9);
    engineAhead += 1e6;
    expect(clock.differenceNs).toBe(1e9);
    now += 2e9;
    expect(clock.differenceNs).toBe(1e9 + 500 + 1e6);
  });
});

describe('a batch of the addon', () => {
  const ends = { source: new Uint8Array(16).fill(0x21), destination: new Uint8Array(16).fill(0x22) };
  const probe = udpPacket(ends, { sourcePort: 50_000, destinationPort: 33_434, payload: Buffer.alloc(0) });

  function memoryWith(
    packets: readonly { readonly bytes: Uint8Array; readonly flags: number; readonly time: number }[],
  ) {
    const memory = {
      times: new Float64Array(8),
      offsets: new Uint32Array(8),
      lengths: new Uint32Array(8),
      flags: new Uint32Array(8),
      octets: new Uint8Array(2048).fill(0xee),
    };
    packets.forEach(({ bytes, flags, time }, index) => {
      memory.octets.set(bytes, index * 256);
      memory.offsets[index] = index * 256;
      memory.lengths[index] = bytes.length;
      memory.flags[index] = flags;
      memory.times[index] = time;
    });
    return memory;
  }

  it('becomes packets with direction, source, whole octets and the engine’s time', () => {
    const reader = new NativeBatchReader(
      memoryWith([
        { bytes: probe, flags: 1, time: 5 },
        { bytes: probe, flags: 0, time: 6 },
      ]),
    );
    const common = { layer: 'ipv6', source: ends.source, bytes: new Uint8Array(probe), hopLimit: null };
    expect(reader.read(2, 100)).toEqual([
      { ...common, direction: 'out', timeNs: 105 },
      { ...common, direction: 'in', timeNs: 106 },
    ]);
  });

  it('ends each packet where its header says, without a short frame’s padding', () => {
    const padded = Buffer.concat([probe, Buffer.alloc(6)]);
    const reader = new NativeBatchReader(memoryWith([{ bytes: padded, flags: 0, time: 0 }]));
    expect(reader.read(1, 0)[0]?.bytes).toEqual(new Uint8Array(probe));
  });

  it('keeps what is shorter than its header says', () => {
    const reader = new NativeBatchReader(memoryWith([{ bytes: probe.subarray(0, 44), flags: 4, time: 0 }]));
    expect(reader.read(1, 0)[0]?.bytes).toEqual(new Uint8Array(probe.subarray(0, 44)));
  });

  it('leaves out what is shorter than an IPv6 header', () => {
    const reader = new NativeBatchReader(memoryWith([{ bytes: probe.subarray(0, 39), flags: 0, time: 0 }]));
    expect(reader.read(1, 0)).toEqual([]);
  });

  it('has the checksum that the sender left to hardware', () => {
    const pending = Buffer.from(probe);
    pending.writeUInt16BE(1, 46);
    const reader = new NativeBatchReader(memoryWith([{ bytes: pending, flags: 2, time: 0 }]));
    expect(reader.read(1, 0)[0]?.bytes).toEqual(new Uint8Array(probe));
  });

  it('gives the same views again for packets of the same length, so that nothing is kept per packet', () => {
    const memory = memoryWith([{ bytes: probe, flags: 0, time: 0 }]);
    const reader = new NativeBatchReader(memory);
    const first = reader.read(1, 0)[0];
    expect(reader.read(1, 0)[0]?.bytes).toBe(first?.bytes);
    memory.lengths[0] = 44;
    expect(reader.read(1, 0)[0]?.bytes).toHaveLength(44);
  });
});
