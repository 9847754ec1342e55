import { describe, expect, it } from 'vitest';
import {
  checksumOfNumber,
  drawChecksumSecrets,
  echoSequence,
  fragmentId,
  isFarFromFlips,
  numberOfChecksum,
  numberOfEchoSequence,
  numberOfFragmentId,
  numberOfTcpAcknowledgement,
  numberOfTcpSequence,
  tcpSequence,
} from '../../../src/trace/probe/probe-number.js';
import { ACCUSATION_PROBE_CAP } from '../../../src/trace/numbers.js';
import type { TraceState } from '../../../src/trace/state/trace-state.js';
import { makeState, packetOf, sendPair } from '../trace-fixture.js';

const read16 = (bytes: Uint8Array, at: number): number => bytes[at]! * 256 + bytes[at + 1]!;
const upperOf = (packet: Uint8Array): number => (packet[6] === 60 ? 40 + 8 * (packet[41]! + 1) : 40);

/** A trace that has sent all that one may send. */
function longTrace(
  protocol: 'udp' | 'icmp6' | 'tcp',
  secrets: { checksumBase: number; checksumStep: number },
): TraceState {
  const state = makeState(protocol);
  Object.assign(state.identity.secrets, secrets);
  while (state.probes.count < ACCUSATION_PROBE_CAP) sendPair(state);
  return state;
}

/** 0 to bound − 1, the same sequence each time. */
function drawing(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

describe('the number of a probe', () => {
  it('is in the UDP checksum, which is never zero, or in the echo sequence number', () => {
    const udp = makeState('udp');
    const echo = makeState('icmp6');
    for (let pair = 0; pair < 200; pair += 1) {
      for (const row of Object.values(sendPair(udp))) {
        const packet = packetOf(udp, row);
        const checksum = read16(packet, upperOf(packet) + 6);
        expect(checksum).toBeGreaterThan(0);
        expect(numberOfChecksum(udp, checksum)).toBe(row);
      }
      for (const row of Object.values(sendPair(echo))) {
        const packet = packetOf(echo, row);
        expect(numberOfEchoSequence(echo, read16(packet, upperOf(packet) + 6))).toBe(row);
      }
    }
  });

  it('is in the sequence number of a SYN, which an acknowledgement of it or of the next two names', () => {
    const tcp = makeState('tcp');
    for (let pair = 0; pair < 200; pair += 1) {
      for (const row of Object.values(sendPair(tcp))) {
        expect(numberOfTcpSequence(tcp, tcpSequence(tcp, row))).toBe(row);
        for (const more of [0, 1, 2])
          expect(numberOfTcpAcknowledgement(tcp, (tcpSequence(tcp, row) + more) >>> 0)).toBe(row);
        expect(numberOfTcpAcknowledgement(tcp, (tcpSequence(tcp, row) + 3) >>> 0)).toBeNull();
      }
    }
  });

  it('becomes no number of another probe by a flipped bit, wherever it stands and starts', () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const secrets = drawChecksumSecrets(drawing(seed));
      const state = longTrace(seed % 2 === 0 ? 'udp' : 'icmp6', secrets);
      Object.assign(state.identity.secrets, { sequenceBase: 65_535 - 13_000 * seed });
      const others: (number | null)[] = [];
      for (let number = 0; number < ACCUSATION_PROBE_CAP; number += 1) {
        for (let bit = 0; bit < 32; bit += 1) {
          const flip = (value: number): number => (value ^ (1 << bit)) >>> 0;
          others.push(
            numberOfTcpSequence(state, flip(tcpSequence(state, number))),
            numberOfFragmentId(state, flip(fragmentId(state, number))),
          );
          const acknowledged = numberOfTcpAcknowledgement(state, flip(tcpSequence(state, number) + 1));
          if (acknowledged !== number) others.push(acknowledged);
          if (bit >= 16) continue;
          others.push(
            numberOfChecksum(state, flip(checksumOfNumber(state, number))),
            numberOfEchoSequence(state, flip(echoSequence(state, number))),
          );
        }
      }
      expect(others.filter((number) => number !== null)).toEqual([]);
    }
  });

  it('is no such number by every step of checksums: those are not drawn', () => {
    // Half of 65,522: what 2 is multiplied by to give 1, so that the second bit is one probe away.
    expect(isFarFromFlips(2)).toBe(false);
    expect(isFarFromFlips(32_761)).toBe(false);
    for (let seed = 10; seed < 200; seed += 1)
      expect(isFarFromFlips(drawChecksumSecrets(drawing(seed)).checksumStep)).toBe(true);
  });
});
