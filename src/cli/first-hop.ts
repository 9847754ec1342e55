/** Whether the first router answers about packets with the PDM option as it does about plain ones (`doctor`). */
import { formatAddress, sameAddress } from '../address/address.js';
import type { EngineTime } from '../engine/trace-engine.js';
import type { ObservedPacket, ProbeTransport } from '../transport/probe-transport.js';
import { readU16 } from '../wire/big-endian.js';
import { upperLayerChecksum } from '../wire/checksum.js';
import { PDM_HEADER_LENGTH, emitPdmDestinationOptions } from '../wire/destination-options.js';
import { parseIcmpv6Error } from '../wire/icmpv6.js';
import { IPV6_HEADER_LENGTH, NEXT_HEADER, emitIpv6Header, parseIpv6Header } from '../wire/ipv6.js';
import { parseQuotedPacket } from '../wire/quoted-packet.js';
import { UDP_HEADER_LENGTH, UDP_OFFSET, emitUdpHeader, udpChecksumField } from '../wire/udp.js';

export interface FirstHopAnswers {
  /** Of `pairs` probes of each arm. */
  readonly plain: number;
  readonly pdm: number;
  readonly pairs: number;
  /** Who answered, RFC 5952 text. */
  readonly responders: readonly string[];
  /** Code of the first send that failed, or null. */
  readonly sendError: string | null;
}

const PAIRS = 3;
/** A router that allows a burst of 6 and one a second after it answers all of them. */
const PAIR_INTERVAL_NS = 250e6;
const WAIT_NS = 1500e6;
const DESTINATION_PORT = 33434;
const PAYLOAD = new TextEncoder().encode('pdm-trace doctor');
const FIRST_PORT = 49152;

export interface FirstHopProbe {
  readonly transport: ProbeTransport;
  readonly time: EngineTime;
  readonly randomBytes: (length: number) => Uint8Array;
  /** 16 octets. */
  readonly target: Uint8Array;
  readonly source: Uint8Array;
}

/** Sends three pairs with hop limit 1, so that none gets past the first router. Rejects only if the transport does. */
export async function probeFirstHop(probe: FirstHopProbe): Promise<FirstHopAnswers> {
  const { transport, time, target } = probe;
  const random = probe.randomBytes(8);
  const basePort = FIRST_PORT + (readU16(random, 0) & 0x3fff & ~(2 * PAIRS - 1));
  const flowLabel = 1 + ((readU16(random, 2) * 16) % 0xffffe);
  const answered = new Set<number>();
  const responders = new Set<string>();
  let onAnswer = (): void => undefined;
  await transport.watch([{ protocol: 'udp', from: basePort, to: basePort + 2 * PAIRS - 1 }]);
  transport.onPackets((batch) => {
    for (const packet of batch) {
      const port = quotedPort(packet, target);
      if (port === null || port < basePort || port >= basePort + 2 * PAIRS) continue;
      answered.add(port - basePort);
      responders.add(formatAddress(packet.source));
    }
    onAnswer();
  });

  let sendError: string | null = null;
  for (let pair = 0; pair < PAIRS; pair += 1) {
    if (pair > 0) await pause(time, PAIR_INTERVAL_NS);
    const pdmFirst = ((random[4] ?? 0) >> pair) & 1;
    for (const pdm of pdmFirst === 1 ? [true, false] : [false, true]) {
      const bytes = buildProbe(probe, basePort + 2 * pair + (pdm ? 1 : 0), flowLabel, pdm);
      const [outcome] = await transport.send(bytes, Uint32Array.of(0), Uint32Array.of(bytes.length));
      if (outcome?.ok === false) sendError ??= outcome.code;
    }
  }
  await new Promise<void>((resolve) => {
    const cancel = time.at(time.nowNs() + WAIT_NS, resolve);
    onAnswer = () => {
      if (answered.size < 2 * PAIRS) return;
      cancel();
      resolve();
    };
    onAnswer();
  });
  const odd = [...answered].filter((number) => number % 2 === 1).length;
  return { plain: answered.size - odd, pdm: odd, pairs: PAIRS, responders: [...responders], sendError };
}

function buildProbe(probe: FirstHopProbe, sourcePort: number, flowLabel: number, pdm: boolean): Uint8Array {
  const { source, target } = probe;
  const udpLength = UDP_HEADER_LENGTH + PAYLOAD.length;
  const extension = pdm ? PDM_HEADER_LENGTH : 0;
  const bytes = new Uint8Array(IPV6_HEADER_LENGTH + extension + udpLength);
  const udpAt = IPV6_HEADER_LENGTH + extension;
  const nextHeader = pdm ? NEXT_HEADER.destinationOptions : NEXT_HEADER.udp;
  emitIpv6Header(
    {
      trafficClass: 0,
      flowLabel,
      payloadLength: extension + udpLength,
      nextHeader,
      hopLimit: 1,
      source,
      destination: target,
    },
    bytes,
    0,
  );
  if (pdm) {
    const psnThisPacket = readU16(probe.randomBytes(2), 0);
    const option = { ...EMPTY_PDM, psnThisPacket };
    emitPdmDestinationOptions(NEXT_HEADER.udp, option, bytes, IPV6_HEADER_LENGTH);
  }
  const header = { sourcePort, destinationPort: DESTINATION_PORT, length: udpLength, checksum: 0 };
  emitUdpHeader(header, bytes, udpAt);
  bytes.set(PAYLOAD, udpAt + UDP_HEADER_LENGTH);
  const checksum = udpChecksumField(upperLayerChecksum(source, target, NEXT_HEADER.udp, bytes, udpAt, udpLength));
  emitUdpHeader({ ...header, checksum }, bytes, udpAt);
  return bytes;
}

const EMPTY_PDM = {
  scaleDtlr: 0,
  scaleDtls: 0,
  psnThisPacket: 0,
  psnLastReceived: 0,
  deltaTimeLastReceived: 0,
  deltaTimeLastSent: 0,
};

/** The UDP source port in the quote of an ICMPv6 error about a packet to `target`, or null. */
function quotedPort(packet: ObservedPacket, target: Uint8Array): number | null {
  const { bytes } = packet;
  if (packet.direction !== 'in') return null;
  let offset = 0;
  if (packet.layer === 'ipv6') {
    const header = parseIpv6Header(bytes);
    if (!header.ok || header.value.nextHeader !== NEXT_HEADER.icmp6) return null;
    offset = IPV6_HEADER_LENGTH;
  } else if (packet.layer !== 'icmpv6') return null;
  const error = parseIcmpv6Error(bytes, offset);
  if (!error.ok) return null;
  const quote = parseQuotedPacket(bytes, error.value.quoteOffset, error.value.quoteEnd);
  if (!quote.ok) return null;
  const { upperOffset, upperProtocol, upperAvailable, destinationOffset } = quote.value;
  if (upperProtocol !== NEXT_HEADER.udp || upperOffset === null || upperAvailable < UDP_OFFSET.length) return null;
  if (!sameAddress(bytes, target, destinationOffset)) return null;
  if (readU16(bytes, upperOffset + UDP_OFFSET.destinationPort) !== DESTINATION_PORT) return null;
  return readU16(bytes, upperOffset + UDP_OFFSET.sourcePort);
}

function pause(time: EngineTime, durationNs: number): Promise<void> {
  return new Promise((resolve) => {
    time.at(time.nowNs() + durationNs, resolve);
  });
}
