/** Runs classic BPF as the kernel does (Documentation/networking/filter.rst), as far as our filters use it. */

export interface BpfPacket {
  readonly bytes: Uint8Array;
  readonly etherType: number;
  readonly packetType: number;
}

const ANCILLARY = 0xfffff000;

/** What the filter returns: octets to keep, 0 to drop. Throws for a program that the kernel would refuse. */
export function runFilter(program: Uint32Array, packet: BpfPacket): number {
  const { bytes } = packet;
  const memory = new Uint32Array(16);
  let a = 0;
  let x = 0;
  const load = (at: number, size: number): number | null => {
    if (at + size > bytes.length) return null;
    let value = 0;
    for (let i = 0; i < size; i += 1) value = value * 256 + bytes[at + i]!;
    return value;
  };
  for (let pc = 0; ; pc += 1) {
    const code = program[pc * 4];
    const jt = program[pc * 4 + 1];
    const jf = program[pc * 4 + 2];
    const k = program[pc * 4 + 3];
    if (code === undefined || jt === undefined || jf === undefined || k === undefined)
      throw new Error(`ran off the end at ${pc}`);
    let loaded: number | null = a;
    switch (code) {
      case 0x20:
        if (k === ANCILLARY) loaded = packet.etherType;
        else if (k === ANCILLARY + 4) loaded = packet.packetType;
        else loaded = load(k, 4);
        break;
      case 0x28:
        loaded = load(k, 2);
        break;
      case 0x30:
        loaded = load(k, 1);
        break;
      case 0x48:
        loaded = load(x + k, 2);
        break;
      case 0x50:
        loaded = load(x + k, 1);
        break;
      case 0x80:
        loaded = bytes.length;
        break;
      case 0x60:
        loaded = memory[k]!;
        break;
      case 0x01:
        x = k;
        break;
      case 0x02:
        memory[k] = a;
        break;
      case 0x07:
        x = a;
        break;
      case 0x04:
        loaded = (a + k) >>> 0;
        break;
      case 0x54:
        loaded = (a & k) >>> 0;
        break;
      case 0x64:
        loaded = (a << k) >>> 0;
        break;
      case 0x05:
        pc += k;
        break;
      case 0x15:
        pc += a === k ? jt : jf;
        break;
      case 0x25:
        pc += a > k ? jt : jf;
        break;
      case 0x35:
        pc += a >= k ? jt : jf;
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`unknown instruction ${code.toString(16)} at ${pc}`);
    }
    if (loaded === null) return 0; // beyond the packet: dropped
    a = loaded;
  }
}
