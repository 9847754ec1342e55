/** The addon as tests use it: sending a list of packets, and remembering what was received. */
import * as shim from 'pdm-native-shim';
import { octets } from './contract-network.js';
import { wholePacket } from '../transport/contract-packets.js';

const RETURN = 6;
export const ACCEPT_ALL = Uint32Array.of(RETURN, 0, 0, 0x40000);
export const ETHER_TYPE_IPV6 = 0x86dd;
export const ETHER_TYPE_ALL = 3;

/** With "no next header", so that no host answers, and its number in the payload. */
export function numbered(destination: string, number: number, length = 48, source = '2001:db8:1::1'): Buffer {
  const payload = Buffer.alloc(length - 40);
  if (payload.length >= 4) payload.writeUInt32BE(number, payload.length - 4);
  return wholePacket({ source: octets(source), destination: octets(destination) }, {}, 59, payload);
}

export interface Batch {
  readonly arena: Uint8Array;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  readonly errors: Int32Array;
  readonly times: Float64Array;
}

export function batchOf(packets: readonly Uint8Array[]): Batch {
  const lengths = Uint32Array.from(packets, ({ length }) => length);
  const offsets = new Uint32Array(packets.length);
  let end = 0;
  for (const [i, length] of lengths.entries()) {
    offsets[i] = end;
    end += length;
  }
  return {
    arena: new Uint8Array(Buffer.concat(packets)),
    offsets,
    lengths,
    errors: new Int32Array(packets.length).fill(-1),
    times: new Float64Array(packets.length),
  };
}

export function sendBatch(sender: shim.Sender, batch: Batch, scopes: Uint32Array | null = null): Promise<void> {
  return sender.send(batch.arena, batch.offsets, batch.lengths, scopes, batch.errors, batch.times);
}

/** Resolves to the errno of each. */
export async function sendPackets(sender: shim.Sender, packets: readonly Uint8Array[]): Promise<number[]> {
  const batch = batchOf(packets);
  await sendBatch(sender, batch);
  return [...batch.errors];
}

export interface Captured {
  readonly bytes: Buffer;
  readonly outgoing: boolean;
  readonly flags: number;
  readonly interfaceIndex: number;
  readonly timeNs: number;
}

/** A receiver that copies everything out. */
export class Capture {
  readonly all: Captured[] = [];
  readonly receiver: shim.Receiver;
  #changed: () => void = () => undefined;

  constructor(options: Partial<shim.ReceiverOptions> = {}) {
    const whole = { etherType: ETHER_TYPE_ALL, filter: ACCEPT_ALL, ringBytes: 1 << 20, ...options };
    this.receiver = new shim.Receiver(
      whole,
      (count) => {
        const { octets: memory, offsets, lengths, flags, interfaces, times } = this.receiver;
        for (let i = 0; i < count; i += 1) {
          this.all.push({
            bytes: Buffer.from(memory.subarray(offsets[i], offsets[i]! + lengths[i]!)),
            outgoing: (flags[i]! & 1) === 1,
            flags: flags[i]!,
            interfaceIndex: interfaces[i]!,
            timeNs: times[i]!,
          });
        }
        this.#changed();
      },
      (error) => {
        throw error;
      },
    );
  }

  /** Waits until at least `count` of the packets match, and gives all that do. */
  async until(count: number, matches: (packet: Captured) => boolean): Promise<Captured[]> {
    for (;;) {
      const found = this.all.filter(matches);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  close(): void {
    this.receiver.close();
  }
}

/** Of packets made by `numbered`. */
export function numberOf({ bytes }: Captured): number {
  return bytes.readUInt32BE(bytes.length - 4);
}

export function isNumbered({ bytes }: Captured): boolean {
  return bytes[6] === 59;
}
