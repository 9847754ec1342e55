import { SOURCE_ADDRESS, TARGET_ADDRESS } from './network-parts.js';
import { checksumField, checksum, PROTOCOL, setWord } from './packet.js';

export interface HandWritten {
  readonly protocol?: 'udp' | 'icmp6';
  readonly hopLimit: number;
  readonly header?: 'none' | 'pdm' | 'do8' | 'do16';
  readonly flowLabel?: number;
  readonly port?: number;
  readonly payload?: number;
  readonly sequence?: number;
}

const HEADERS: Readonly<Record<'none' | 'pdm' | 'do8' | 'do16', readonly number[]>> = {
  none: [],
  pdm: [0, 1, 0x0f, 10, 0, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 0, 1, 0],
  do8: [0, 0, 0x1e, 4, 0, 0, 0, 0],
  do16: [0, 1, 0x1e, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
};

/** A probe written octet by octet, for tests of the simulator that need no engine. */
export function handWrittenProbe(wanted: HandWritten): Uint8Array {
  const {
    protocol = 'udp',
    hopLimit,
    header = 'none',
    flowLabel = 0x12345,
    port = 50000,
    payload = 24,
    sequence = 7,
  } = wanted;
  const extension = HEADERS[header];
  const upper = protocol === 'udp' ? PROTOCOL.udp : PROTOCOL.icmp6;
  const at = 40 + extension.length;
  const octets = new Uint8Array(at + 8 + payload);
  octets[0] = 0x60;
  octets[1] = flowLabel >>> 16;
  setWord(octets, 2, flowLabel & 0xffff);
  setWord(octets, 4, octets.length - 40);
  octets[6] = extension.length > 0 ? PROTOCOL.destination : upper;
  octets[7] = hopLimit;
  octets.set(SOURCE_ADDRESS, 8);
  octets.set(TARGET_ADDRESS, 24);
  octets.set(extension, 40);
  if (extension.length > 0) octets[40] = upper;
  if (header === 'pdm') setWord(octets, 46, 0x1000 + sequence);
  if (protocol === 'udp') {
    setWord(octets, at, port);
    setWord(octets, at + 2, 33434);
    setWord(octets, at + 4, 8 + payload);
  } else {
    octets[at] = 128;
    setWord(octets, at + 4, port);
    setWord(octets, at + 6, sequence);
  }
  octets.fill(0x5a, at + 8);
  const field = at + checksumField(upper);
  setWord(octets, field, checksum(octets, at, octets.length, upper, SOURCE_ADDRESS, TARGET_ADDRESS));
  return octets;
}
