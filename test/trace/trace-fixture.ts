/** A trace with known secrets, and routers' and targets' answers to its probes, made by hand. */
import { emitTcpHeader, parseTcpHeader, TCP_FLAG } from '../../src/wire/tcp.js';
import { emitIcmpv6Octets } from './icmpv6-octets.js';
import { parseAddress } from '../../src/address/address.js';
import { encodeProbe, MAX_PROBE_LENGTH } from '../../src/trace/probe/probe-packet.js';
import type { PairWish } from '../../src/trace/wish.js';
import type { Protocol } from '../../src/record/record.js';
import { parseReply, type ReceivedPacket, type Reply } from '../../src/trace/reply/reply.js';
import { addPair, markHandedOver } from '../../src/trace/probe/sending.js';
import { createTraceState, PURPOSE, type Flow, type TraceState } from '../../src/trace/state/trace-state.js';

export const octetsOf = (text: string): Uint8Array => parseAddress(text)!.octets;
export const SOURCE = octetsOf('2001:db8:0:1::2');
export const TARGET = octetsOf('2001:db8:10:9::1');
export const ROUTER = octetsOf('2001:db8:1:4::1');

let nextFlow = 0;

export function makeFlow(protocol: Protocol, values: Partial<Flow> = {}): Flow {
  nextFlow += 1;
  return {
    protocol,
    localId: 0xf000 + (nextFlow % 0x1000),
    destinationPort: protocol === 'icmp6' ? 0 : protocol === 'udp' ? 33434 : 443,
    flowLabel: 0x10000 + (nextFlow % 0x10000),
    echoChecksum: 0x1000 + (nextFlow % 0x1000),
    psnNext: (100 * nextFlow) % 0x10000,
    lastReceived: null,
    ...values,
  };
}

export function makeState(
  protocol: Protocol,
  values: {
    probeUri?: string;
    flow?: Partial<Flow>;
    seed?: number;
    nonce?: Uint8Array;
    confidence?: number;
    size?: number | null;
    fragment?: boolean;
    explain?: boolean;
  } = {},
): TraceState {
  return createTraceState({
    source: SOURCE,
    target: TARGET,
    targetText: '2001:db8:10:9::1',
    protocol,
    destinationPort: protocol === 'icmp6' ? 0 : protocol === 'udp' ? 33434 : 443,
    limits: {
      confidence: values.confidence ?? 0.999,
      maxHops: 30,
      timeoutMs: 2000,
      hopIntervalMs: 100,
      gapLimit: 8,
      explain: values.explain ?? true,
    },
    seed: values.seed ?? 1,
    secrets: {
      nonce: values.nonce ?? Uint8Array.of(0x71, 2, 3, 4, 5, 6, 7, 0x88),
      checksumBase: 65_500,
      checksumStep: 31_337,
      sequenceBase: 65_530,
    },
    probeUri: values.probeUri ?? null,
    size: values.size ?? null,
    fragment: values.fragment ?? false,
    firstFlow: makeFlow(protocol, values.flow),
  });
}

export function wishFor(state: TraceState, values: Partial<PairWish> = {}): PairWish {
  return {
    purpose: PURPOSE.explore,
    hopLimit: 4,
    flow: 0,
    protocol: state.identity.protocol,
    treatment: 'pdm',
    rank: 0,
    notBeforeNs: 0,
    spacingMs: 100,
    responder: null,
    draws: null,
    restNs: null,
    ...values,
  };
}

/** Rows of the plain and the treated probe of a pair that was sent at `nowNs`. */
export function sendPair(
  state: TraceState,
  values: Partial<PairWish> = {},
  nowNs = 0,
): { plain: number; treated: number } {
  const rows = addPair(
    state,
    wishFor(state, values),
    () => makeFlow(values.protocol ?? state.identity.protocol),
    nowNs,
  );
  for (const row of rows) markHandedOver(state, row, nowNs);
  const [first, second] = rows;
  return state.probes.arm(first) === 0 ? { plain: first, treated: second } : { plain: second, treated: first };
}

export function packetOf(state: TraceState, row: number): Uint8Array {
  const arena = new Uint8Array(MAX_PROBE_LENGTH);
  return arena.slice(0, encodeProbe(state, row, arena, 0));
}

/** An ICMPv6 error as raw-socket delivers it: without its IPv6 header. `quote` is what it quotes. */
export function errorAbout(
  quote: Uint8Array,
  type = 3,
  code = 0,
  from = ROUTER,
  timeNs = 1e6,
  pointer = 0,
): ReceivedPacket {
  return { layer: 'icmpv6', source: from, bytes: emitIcmpv6Octets(type, code, quote, pointer), hopLimit: null, timeNs };
}

export function replyFrom(packet: ReceivedPacket): Reply {
  const reply = parseReply(packet);
  if (!reply.ok) throw new Error(`not a reply: ${reply.reason} at ${reply.offset}`);
  return reply.value;
}

function optionsLength(packet: Uint8Array): number {
  return packet[6] === 60 ? 8 * (packet[41]! + 1) : 0;
}

/** What the target's kernel answers to an echo request: the same octets, another type. */
export function echoReplyTo(packet: Uint8Array, timeNs = 1e6): ReceivedPacket {
  const bytes = packet.slice(40 + optionsLength(packet));
  bytes[0] = 129;
  return { layer: 'icmpv6', source: packet.slice(24, 40), bytes, hopLimit: null, timeNs };
}

/** What a port that listens says to a SYN. */
export function synAckTo(packet: Uint8Array, timeNs = 1e6): ReceivedPacket {
  return segmentTo(packet, TCP_FLAG.syn | TCP_FLAG.ack, timeNs);
}

/** What a closed one says. */
export function resetTo(packet: Uint8Array, timeNs = 1e6): ReceivedPacket {
  return segmentTo(packet, TCP_FLAG.rst | TCP_FLAG.ack, timeNs);
}

function segmentTo(packet: Uint8Array, flags: number, timeNs: number): ReceivedPacket {
  const syn = parseTcpHeader(packet, 40 + optionsLength(packet));
  if (!syn.ok) throw new Error(syn.reason);
  const { sourcePort, destinationPort, sequence } = syn.value;
  const bytes = new Uint8Array(20);
  const answer = { sourcePort: destinationPort, destinationPort: sourcePort, acknowledgement: (sequence + 1) >>> 0 };
  emitTcpHeader({ ...syn.value, ...answer, sequence: 7, flags }, bytes, 0);
  return { layer: 'tcp', source: packet.slice(24, 40), bytes, hopLimit: null, timeNs };
}

/** What a UDP service that echoes sends back. */
export function serviceAnswerTo(packet: Uint8Array, timeNs = 1e6): ReceivedPacket {
  const bytes = packet.slice(40 + optionsLength(packet));
  bytes.set([...bytes.slice(2, 4), ...bytes.slice(0, 2)]);
  return { layer: 'udp', source: packet.slice(24, 40), bytes, hopLimit: null, timeNs };
}
