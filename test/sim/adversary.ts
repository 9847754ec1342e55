/**
 * People who are not on the path, and the network's own noise. An off-path attacker here knows our address, the target, the
 * destination port and every router's address; nonces, source ports, echo identifiers, flow labels and numbers are guessed.
 */
import type { Network } from './network.js';
import * as packet from './packet.js';
import { PROTOCOL } from './packet.js';
import type { Random } from './random.js';

/** Where forged errors claim to come from when not from a real router. No simulated router has such an address. */
export const BOGUS_PREFIX = [0x20, 0x01, 0x0d, 0xb8, 0x0b, 0xad] as const;

function bogusAddress(random: Random): Uint8Array {
  const address = random.octets(16);
  address.set(BOGUS_PREFIX);
  return address;
}

function guessedProbe(network: Network, destinationPort: number, random: Random): Uint8Array {
  const withOption = random.chance(0.5);
  const udp = random.chance(0.6);
  const upperLength = udp ? 8 + random.pick([16, 24, 32]) : 8 + random.pick([16, 24, 32]);
  const octets = new Uint8Array(40 + (withOption ? 16 : 0) + upperLength);
  octets[0] = 0x60;
  const label = random.chance(0.2) ? 0 : random.word() & 0xfffff;
  octets[1] = label >>> 16;
  packet.setWord(octets, 2, label & 0xffff);
  packet.setWord(octets, 4, octets.length - 40);
  const upper = udp ? PROTOCOL.udp : PROTOCOL.icmp6;
  octets[6] = withOption ? PROTOCOL.destination : upper;
  octets[7] = random.integer(0, 2);
  octets.set(network.source, 8);
  octets.set(network.target.addresses[0]!, 24);
  let at = 40;
  if (withOption) {
    octets.set([upper, 1, 0x0f, 10, 0, 0], at);
    octets.set(random.octets(2), at + 6);
    octets[at + 14] = 1;
    at += 16;
  }
  octets.set(random.octets(upperLength), at);
  if (udp) {
    packet.setWord(octets, at + 2, destinationPort);
    packet.setWord(octets, at + 4, upperLength);
  } else {
    octets[at] = 128;
    octets[at + 1] = 0;
    packet.setWord(octets, at + 6, random.integer(0, 300));
  }
  const nonce = random.integer(0, 2);
  if (nonce === 0) octets.fill(0, at + 8);
  return octets;
}

/** One forged packet, whole, with a valid checksum. */
export function forge(network: Network, destinationPort: number, random: Random): Uint8Array {
  const destination = network.source;
  const target = network.target.addresses[0]!;
  const way = random.unit();
  if (way < 0.12) {
    const message = random.octets(8 + 24);
    message.set([129, 0]);
    packet.setWord(message, 6, random.integer(0, 300));
    return packet.packetOf({ source: target, destination, hopLimit: 55, protocol: PROTOCOL.icmp6 }, message);
  }
  if (way < 0.2) {
    const message = random.octets(8 + 24);
    packet.setWord(message, 0, destinationPort);
    packet.setWord(message, 4, message.length);
    return packet.packetOf({ source: target, destination, hopLimit: 55, protocol: PROTOCOL.udp }, message);
  }
  const routers = network.epochs[0]!.segments.flatMap((segment) => segment.members.flat());
  const from = random.unit();
  const source =
    from < 0.6 || routers.length === 0
      ? bogusAddress(random)
      : from < 0.8
        ? target
        : random.pick(routers).addresses[0]!;
  const [type, code] = random.pick([
    [3, 0],
    [3, 0],
    [3, 0],
    [1, 1],
    [1, 4],
    [1, 3],
    [4, 2],
    [4, 1],
    [2, 0],
  ] as const);
  const probe = guessedProbe(network, destinationPort, random);
  const cut = random.pick([0, 4, 8, 8, 8, 16, 24, 1232]);
  const quote = probe.subarray(0, Math.min(probe.length, 40 + cut));
  const objects = random.chance(0.1) ? [packet.mplsObject([1234])] : [];
  const message = packet.errorMessage(
    { type, code, pointer: type === 4 ? 42 : 0, objects, legacy: random.chance(0.5) },
    quote,
  );
  return packet.packetOf({ source, destination, hopLimit: random.integer(40, 250), protocol: PROTOCOL.icmp6 }, message);
}

/** Who sends the forged quotes of `forgedQuotes`. */
export const FORGER = Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, 0x0b, 0xad, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x31]);

/** An error that quotes 4 to 7 octets of a probe's upper layer: ports are there, a number is not. */
export function forgeQuote(network: Network, probe: Uint8Array, knowsLabel: boolean, random: Random): Uint8Array {
  const decoded = packet.decode(probe);
  const upperOffset = decoded?.upperOffset ?? 40;
  const quote = probe.slice(0, upperOffset + random.integer(4, 7));
  quote[7] = 1;
  if (!knowsLabel) {
    const label = random.word() & 0xfffff;
    quote[1] = (quote[1]! & 0xf0) | (label >>> 16);
    packet.setWord(quote, 2, label & 0xffff);
  }
  // Nor does it know a number of ours.
  if (decoded !== null && decoded.pdmOffset >= 0) packet.setWord(quote, decoded.pdmOffset + 4, random.word() & 0xffff);
  const [type, code] = random.pick([
    [3, 0],
    [3, 0],
    [1, 1],
    [1, 4],
  ] as const);
  const message = packet.errorMessage({ type, code, pointer: 0, objects: [], legacy: false }, quote);
  const destination = network.source;
  return packet.packetOf({ source: FORGER, destination, hopLimit: 55, protocol: PROTOCOL.icmp6 }, message);
}

/** Octets that may look like anything, from anywhere. */
export function garbage(network: Network, random: Random): Uint8Array {
  const message = random.octets(random.integer(0, 200));
  if (message.length > 0 && random.chance(0.7)) message[0] = random.pick([1, 2, 3, 4, 128, 129]);
  const octets = new Uint8Array(40 + message.length);
  octets.set(random.octets(40));
  octets[0] = 0x60;
  octets[6] = random.pick([PROTOCOL.icmp6, PROTOCOL.icmp6, PROTOCOL.udp, PROTOCOL.destination, PROTOCOL.fragment]);
  packet.setWord(octets, 4, random.chance(0.8) ? message.length : random.word() & 0xffff);
  octets.set(network.source, 24);
  octets.set(message, 40);
  if (random.chance(0.8)) packet.fillChecksum(octets);
  return octets;
}

/** A reply of an earlier trace, sent again to us now. */
export function replay(network: Network, pool: readonly Uint8Array[], random: Random): Uint8Array {
  const octets = random.pick(pool).slice();
  octets.set(network.source, 24);
  // The attacker rewrites what the quote says of addresses, so that it looks like ours.
  if (octets[6] === PROTOCOL.icmp6 && octets[40]! < 128 && octets.length >= 88) {
    octets.set(network.source, 48 + 8);
    octets.set(network.target.addresses[0]!, 48 + 24);
  } else {
    octets.set(network.target.addresses[0]!, 8);
  }
  packet.fillChecksum(octets);
  return octets;
}

/** Bits flipped on the way; the checksum no longer fits unless the flips cancel. */
export function corrupt(octets: Uint8Array, random: Random): Uint8Array {
  const out = octets.slice();
  for (let flips = random.integer(1, 3); flips > 0; flips--) {
    const at = random.integer(40, out.length - 1);
    out[at] = out[at]! ^ (1 << random.integer(0, 7));
  }
  return out;
}

/** One flipped bit in the quote, under a checksum that was computed after the flip. */
export function corruptQuote(octets: Uint8Array, random: Random): Uint8Array {
  if (octets[6] !== PROTOCOL.icmp6 || octets[40]! >= 128 || octets.length <= 88) return octets;
  const out = octets.slice();
  const at = random.integer(48, out.length - 1);
  out[at] = out[at]! ^ (1 << random.integer(0, 7));
  packet.fillChecksum(out);
  return out;
}
