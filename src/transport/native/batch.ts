import type * as shim from 'pdm-native-shim';
import { readU16 } from '../../wire/big-endian.js';
import { IPV6_HEADER_LENGTH, IPV6_OFFSET } from '../../wire/ipv6.js';
import { completeChecksum } from './checksum.js';
import type { ObservedPacket } from '../probe-transport.js';

/** Flags of the addon. */
const OUTGOING = 1;
const CHECKSUM_PENDING = 2;

/** Packets begin at multiples of this. */
const SLOT = 256;

interface SlotViews {
  readonly source: Uint8Array;
  bytes: Uint8Array;
}

type Memory = Pick<shim.Receiver, 'times' | 'offsets' | 'lengths' | 'flags' | 'octets'>;

/**
 * Makes packets of the addon's arrays. Views into its memory are kept per slot and used again as long as the length is the same,
 * which it mostly is: creating two typed arrays a packet would cost more than everything else here.
 */
export class NativeBatchReader {
  readonly #memory: Memory;
  readonly #views: (SlotViews | undefined)[] = [];

  constructor(receiver: Memory) {
    this.#memory = receiver;
  }

  /** `differenceNs` is added to the addon's times. The octets are valid until the addon's next batch. */
  read(count: number, differenceNs: number): ObservedPacket[] {
    const { times, offsets, lengths, flags } = this.#memory;
    const batch: ObservedPacket[] = [];
    for (let index = 0; index < count; index += 1) {
      const received = lengths[index] ?? 0;
      if (received < IPV6_HEADER_LENGTH) continue; // the filter lets none through
      const views = this.#viewsAt(offsets[index] ?? 0, received);
      const flag = flags[index] ?? 0;
      if ((flag & CHECKSUM_PENDING) !== 0) completeChecksum(views.bytes);
      batch.push({
        direction: (flag & OUTGOING) === 0 ? 'in' : 'out',
        layer: 'ipv6',
        source: views.source,
        bytes: views.bytes,
        hopLimit: null,
        timeNs: (times[index] ?? 0) + differenceNs,
      });
    }
    return batch;
  }

  #viewsAt(offset: number, received: number): SlotViews {
    const { octets } = this.#memory;
    // Short frames are padded on Ethernet: the padding is not part of the packet.
    const announced = IPV6_HEADER_LENGTH + readU16(octets, offset + IPV6_OFFSET.payloadLength);
    const length = Math.min(received, announced);
    const slot = offset / SLOT;
    let views = this.#views[slot];
    if (views === undefined) {
      const source = octets.subarray(offset + IPV6_OFFSET.source, offset + IPV6_OFFSET.destination);
      views = { source, bytes: octets.subarray(offset, offset + length) };
      this.#views[slot] = views;
    } else if (views.bytes.length !== length) {
      views.bytes = octets.subarray(offset, offset + length);
    }
    return views;
  }
}
