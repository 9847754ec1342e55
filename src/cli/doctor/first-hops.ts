/** Whether packets with the PDM option get past the first two hops as plain ones do (`doctor`). */
import { formatAddress, sameAddress } from '../../address/address.js';
import type { EngineTime } from '../../engine/trace-engine.js';
import type { ObservedPacket, ProbeTransport } from '../../transport/probe-transport.js';
import { readU16 } from '../../wire/big-endian.js';
import { upperLayerChecksum } from '../../wire/checksum.js';
import { OPTIONS_OFFSET, PDM_HEADER_LENGTH, emitPdmDestinationOptions } from '../../wire/destination-options.js';
import { parseIcmpv6Error } from '../../wire/icmpv6.js';
import { IPV6_HEADER_LENGTH, NEXT_HEADER, emitIpv6Header, parseIpv6Header } from '../../wire/ipv6.js';
import { PDM_OFFSET, PDM_OPTION_TOTAL_LENGTH } from '../../wire/pdm-option.js';
import { parseQuotedPacket, type QuotedPacket } from '../../wire/quoted-packet.js';
import { UDP_HEADER_LENGTH, UDP_OFFSET, emitUdpHeader, udpChecksumField } from '../../wire/udp.js';

/** What answered a packet at a hop limit, and how. */
export interface HopAnswer {
  /** RFC 5952 text. */
  readonly source: string;
  readonly type: number;
  readonly code: number;
  readonly pointer: number | null;
  /** It came in the target's own name. */
  readonly fromTarget: boolean;
  /** It is this host's own word: the packet never left it. */
  readonly fromSelf: boolean;
  /** The error quotes the option as it was sent; false for packets without it. */
  readonly quotesOption: boolean;
}

/** One hop limit. Both lists have at most `pairs` entries, one for each packet that was answered. */
export interface HopAnswers {
  readonly hop: number;
  /** Pairs that were sent. */
  readonly pairs: number;
  readonly plain: readonly HopAnswer[];
  readonly pdm: readonly HopAnswer[];
}

/** What the first hops answered, the nearest first. */
export interface FirstHopsAnswers {
  readonly hops: readonly HopAnswers[];
  /** Code of the first send that failed, or null. */
  readonly sendError: string | null;
}

/** Hop limits that are probed: what a hop forwards is seen at the next one alone, so the third shows it of the second. */
const HOPS = 3;
/** Five lost in one arm and none in the other of ten: by chance in 1 of 252 cases, whatever the limits are. */
export const PAIRS = 5;
/** A hop at which nothing answered these gets no more: it is silent. */
const PAIRS_OF_THE_SILENT = 3;
const INTERVAL_NS = 200e6;
/** After a packet without an answer they go alone: a router that allows one error a second answers each of them. */
const PATIENT_INTERVAL_NS = 1100e6;
const WAIT_NS = 1500e6;
const DESTINATION_PORT = 33434;
const PAYLOAD = new TextEncoder().encode('pdm-trace doctor');
const FIRST_PORT = 49152;
/** Of a quoted option: type, length, both scales and PSNTP. */
const LEAST_OPTION = PDM_OFFSET.psnThisPacket + 2;
const PORTS = 2 * HOPS * PAIRS;
/** Room for `PORTS` from any multiple of it below 2¹⁴. */
const PORT_STEP = 32;

/** What the probing of the first hops takes: the way out, chance, and both addresses. */
export interface FirstHopsProbe {
  readonly transport: ProbeTransport;
  readonly time: EngineTime;
  readonly randomBytes: (length: number) => Uint8Array;
  /** 16 octets. */
  readonly target: Uint8Array;
  readonly source: Uint8Array;
}

/** Of one probe. Its source port says which one it is, even in a quote without the option. */
interface Sent {
  readonly hop: number;
  readonly pdm: boolean;
  readonly psn: number;
  readonly flowLabel: number;
  readonly bytes: Uint8Array;
  answer: HopAnswer | null;
}

/**
 * Sends up to five pairs with each hop limit from 1 to 3, so that none gets past the third router, a packet at a time for each: what limits errors meets both arms alike. Rejects only if the transport does.
 */
export async function probeFirstHops(probe: FirstHopsProbe): Promise<FirstHopsAnswers> {
  const { transport, time } = probe;
  const random = probe.randomBytes(7);
  const firstPsn = readU16(random, 5);
  const basePort = FIRST_PORT + (readU16(random, 0) & 0x3fff & ~(PORT_STEP - 1));
  const flowLabel = 1 + ((readU16(random, 2) * 16) % 0xffffe);
  const sent = new Map<number, Sent>();
  let onAnswer = (): void => undefined;
  await transport.watch([{ protocol: 'udp', from: basePort, to: basePort + PORTS - 1 }]);
  transport.onPackets((batch) => {
    for (const packet of batch) takeAnswer(packet, probe, sent);
    onAnswer();
  });

  let sendError: string | null = null;
  let sending = Promise.resolve();
  const send = async (port: number, one: Sent): Promise<void> => {
    sent.set(port, one);
    // One at a time: the hops share the transport.
    sending = sending.then(async () => {
      const [outcome] = await transport.send(one.bytes, Uint32Array.of(0), Uint32Array.of(one.bytes.length));
      if (outcome?.ok === false) sendError ??= outcome.code;
    });
    await sending;
  };
  const probeHop = async (hop: number): Promise<void> => {
    let wait = 0;
    for (let pair = 0; pair < PAIRS && sendError === null; pair += 1) {
      if (pair === PAIRS_OF_THE_SILENT && countAnswers(sent, hop) === 0) return;
      const pdmFirst = ((random[4] ?? 0) >> ((pair + hop) % 8)) & 1;
      for (const pdm of pdmFirst === 1 ? [true, false] : [false, true]) {
        if (wait > 0) await pause(time, wait);
        // Any packet that is still without an answer: from then on each has a second of its own.
        const missed = [...sent.values()].some((one) => one.hop === hop && one.answer === null);
        if (missed && wait === INTERVAL_NS) await pause(time, PATIENT_INTERVAL_NS - INTERVAL_NS);
        wait = missed ? PATIENT_INTERVAL_NS : INTERVAL_NS;
        const port = basePort + 2 * (PAIRS * (hop - 1) + pair) + (pdm ? 1 : 0);
        const shape = { hop, pdm, psn: (firstPsn + port) & 0xffff, flowLabel };
        await send(port, { ...shape, bytes: buildProbe(probe, port, shape), answer: null });
      }
    }
  };
  const hopLimits = Array.from({ length: HOPS }, (_, index) => index + 1);
  await Promise.all(hopLimits.map(probeHop));
  await new Promise<void>((resolve) => {
    const cancel = time.at(time.nowNs() + WAIT_NS, resolve);
    onAnswer = () => {
      if ([...sent.values()].some(({ answer }) => answer === null)) return;
      cancel();
      resolve();
    };
    onAnswer();
  });
  return { hops: hopLimits.map((hop) => answersOf(sent, hop)), sendError };
}

function countAnswers(sent: ReadonlyMap<number, Sent>, hop: number): number {
  return [...sent.values()].filter((one) => one.hop === hop && one.answer !== null).length;
}

function answersOf(sent: ReadonlyMap<number, Sent>, hop: number): HopAnswers {
  const here = [...sent.values()].filter((one) => one.hop === hop);
  const answers = (pdm: boolean): HopAnswer[] =>
    here.flatMap((one) => (one.pdm === pdm && one.answer !== null ? [one.answer] : []));
  return { hop, pairs: here.length / 2, plain: answers(false), pdm: answers(true) };
}

function buildProbe(
  probe: FirstHopsProbe,
  sourcePort: number,
  { hop, pdm, psn, flowLabel }: Pick<Sent, 'hop' | 'pdm' | 'psn' | 'flowLabel'>,
): Uint8Array {
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
      hopLimit: hop,
      source,
      destination: target,
    },
    bytes,
    0,
  );
  if (pdm) {
    const option = { ...EMPTY_PDM, psnThisPacket: psn };
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

/** Notes an ICMPv6 error about one of the probes; the first one about each counts. */
function takeAnswer(
  packet: ObservedPacket,
  { target, source }: Pick<FirstHopsProbe, 'target' | 'source'>,
  sent: ReadonlyMap<number, Sent>,
): void {
  const { bytes } = packet;
  if (packet.direction !== 'in') return;
  let offset = 0;
  if (packet.layer === 'ipv6') {
    const header = parseIpv6Header(bytes);
    if (!header.ok || header.value.nextHeader !== NEXT_HEADER.icmp6) return;
    offset = IPV6_HEADER_LENGTH;
  } else if (packet.layer !== 'icmpv6') return;
  const error = parseIcmpv6Error(bytes, offset);
  if (!error.ok) return;
  const { type, code, pointer, quoteOffset, quoteEnd } = error.value;
  const quote = parseQuotedPacket(bytes, quoteOffset, quoteEnd);
  if (!quote.ok) return;
  if (!sameAddress(bytes, target, quote.value.destinationOffset)) return;
  const one = probeQuoted(bytes, quote.value, sent);
  if (one === undefined || one.answer !== null) return;
  one.answer = {
    source: formatAddress(packet.source),
    type,
    code,
    pointer,
    fromTarget: sameAddress(packet.source, target),
    fromSelf: sameAddress(packet.source, source) && !sameAddress(source, target),
    quotesOption: one.pdm && isOptionIntact(bytes, quote.value, one.bytes),
  };
}

/** By its port; a quote that ends before the ports has the sequence number of the option, and the flow label. */
function probeQuoted(bytes: Uint8Array, quote: QuotedPacket, sent: ReadonlyMap<number, Sent>): Sent | undefined {
  const { upperOffset, upperProtocol, upperAvailable, pdmOffset } = quote;
  if (upperOffset !== null && upperAvailable >= UDP_OFFSET.length) {
    if (upperProtocol !== NEXT_HEADER.udp) return undefined;
    if (readU16(bytes, upperOffset + UDP_OFFSET.destinationPort) !== DESTINATION_PORT) return undefined;
    return sent.get(readU16(bytes, upperOffset + UDP_OFFSET.sourcePort));
  }
  if (pdmOffset === null || pdmOffset + LEAST_OPTION > quote.end) return undefined;
  const psn = readU16(bytes, pdmOffset + PDM_OFFSET.psnThisPacket);
  return [...sent.values()].find((one) => one.pdm && one.psn === psn && one.flowLabel === quote.flowLabel);
}

/** Whether the option is quoted where the chain says, each quoted octet as it was sent (METHOD: Replies). */
function isOptionIntact(bytes: Uint8Array, { pdmOffset, end }: QuotedPacket, sent: Uint8Array): boolean {
  if (pdmOffset === null || pdmOffset + LEAST_OPTION > end) return false;
  const sentAt = IPV6_HEADER_LENGTH + OPTIONS_OFFSET.options;
  const quoted = Math.min(PDM_OPTION_TOTAL_LENGTH, end - pdmOffset);
  for (let i = 0; i < quoted; i += 1) if (bytes[pdmOffset + i] !== sent[sentAt + i]) return false;
  return true;
}

function pause(time: EngineTime, durationNs: number): Promise<void> {
  return new Promise((resolve) => {
    time.at(time.nowNs() + durationNs, resolve);
  });
}
