/**
 * A probe as octets, and its number in three carriers (METHOD: Flow and identity): the payload, the first 8 octets of the upper layer,
 * and, with PDM, PSNTP. Any probe of a trace can be encoded again at any time, which is how quotes are compared.
 */
import { writeU16 } from '../../wire/big-endian.js';
import { foldSum, onesComplementSum, pseudoHeaderSum, finishChecksum } from '../../wire/checksum.js';
import {
  DO8_HEADER_LENGTH,
  DO16_HEADER_LENGTH,
  PDM_HEADER_LENGTH,
  emitDo8,
  emitDo16,
  emitPdmDestinationOptions,
} from '../../wire/destination-options.js';
import { FRAGMENT_HEADER_LENGTH, emitFragmentHeader } from '../../wire/fragment.js';
import { ICMPV6 } from '../../wire/icmpv6.js';
import { IPV6_HEADER_LENGTH, NEXT_HEADER, emitIpv6Header } from '../../wire/ipv6.js';
import type { PdmOption } from '../../wire/pdm.js';
import { LONGEST_TCP_HEADER, SEGMENT_SIZE_OPTION, TCP_FLAG, TCP_HEADER_LENGTH, emitTcpHeader } from '../../wire/tcp.js';
import { emitUdpHeader } from '../../wire/udp.js';
import { LONG_EXTRA, cutUpperLayer } from './probe-fragments.js';
import type { Cut } from './probe-fragments.js';
import { checksumOfNumber, echoSequence, fragmentId, tcpSequence } from './probe-number.js';
import { PAYLOAD_LENGTH, UPPER_HEADER_LENGTH } from './probe-size.js';
import type { Flow, TraceState } from '../state/trace-state.js';
import { ARM_CODE } from '../state/trace-state.js';
import type { Protocol } from '../../record/record.js';

export { MAX_PROBE_LENGTH } from '../numbers.js';

/*
 * Payload of a UDP or echo probe, after the optional probe description URI:
 *
 *  +--------+--------+--------+--------+--------+--------+--------+--------+
 *  |                     nonce of the trace (8 octets)                     |
 *  +--------+--------+--------+--------+--------+--------+--------+--------+
 *  | probe's number  |  its complement | steers checksum |  (+ padding up to the size asked for; + 16, `long`)
 *  +--------+--------+--------+--------+--------+--------+
 *
 * Where the probe is fragmented, each later fragment begins with nonce, number and complement too.
 */
/** Octets: 64 bits, which nobody guesses within a trace. */
export const NONCE_LENGTH = 8;
/** Octets behind the probe description URI, or the upper layer's header where there is none. */
export const PAYLOAD_OFFSET = { nonce: 0, number: 8, complement: 10, steer: 12 } as const;
const TCP_NO_OPERATION = 1;
const FILLING = 0x5a;

const NO_PDM: PdmOption = {
  scaleDtlr: 0,
  scaleDtls: 0,
  psnThisPacket: 0,
  psnLastReceived: 0,
  deltaTimeLastReceived: 0,
  deltaTimeLastSent: 0,
};
/** The ten octets in `do16`: not zero, so that they are not taken for padding. */
const DO16_DATA = Uint8Array.from([0x50, 0x44, 0x4d, 0x2d, 0x74, 0x72, 0x61, 0x63, 0x65, 0x31]);

/** Next Header values (IANA protocol numbers) of the upper layers. */
export const UPPER_PROTOCOL: Readonly<Record<Protocol, number>> = {
  udp: NEXT_HEADER.udp,
  icmp6: NEXT_HEADER.icmp6,
  tcp: NEXT_HEADER.tcp,
};

/** Octets between the IPv6 header and the upper layer. */
export function extensionLength(arm: number): number {
  switch (arm) {
    case ARM_CODE.pdm:
      return PDM_HEADER_LENGTH;
    case ARM_CODE.do8:
      return DO8_HEADER_LENGTH;
    case ARM_CODE.do16:
      return DO16_HEADER_LENGTH;
    default:
      return 0;
  }
}

function isFragmented(state: TraceState, protocol: Protocol): boolean {
  return state.identity.fragmented && protocol !== 'tcp';
}

function plainUpperLayerLength(state: TraceState, protocol: Protocol): number {
  const { identity } = state;
  if (protocol === 'tcp') return identity.protocol === 'tcp' ? TCP_HEADER_LENGTH : witnessSegmentLength(state);
  return UPPER_HEADER_LENGTH + identity.prefix.length + PAYLOAD_LENGTH + identity.padding;
}

/** A SYN that bears witness for datagrams is as long as they are, or the next longer one there is, with options. */
function witnessSegmentLength(state: TraceState): number {
  const words = Math.ceil(plainUpperLayerLength(state, state.identity.protocol) / 4);
  return Math.min(LONGEST_TCP_HEADER, Math.max(TCP_HEADER_LENGTH, 4 * words));
}

/** What is lost for its length or for being cut is lost of SYNs as well: they are no shorter, and no fragments. */
export function canSynsStandFor(state: TraceState): boolean {
  const { protocol } = state.identity;
  return !isFragmented(state, protocol) && plainUpperLayerLength(state, protocol) <= LONGEST_TCP_HEADER;
}

/** How the probes of an arm are cut, or null where they go out whole. */
export function cutOf(state: TraceState, arm: number, protocol: Protocol): Cut | null {
  if (!isFragmented(state, protocol)) return null;
  return cutUpperLayer(plainUpperLayerLength(state, protocol), arm === ARM_CODE.long);
}

/** Packets that one probe consists of: its fragments, or itself. */
export function packetsPerProbe(state: TraceState, protocol: Protocol): number {
  return cutOf(state, ARM_CODE.plain, protocol)?.count ?? 1;
}

function upperLayerLength(state: TraceState, arm: number, protocol: Protocol): number {
  // SYNs carry no data (METHOD: Flow and identity): the longer one has no-operation options instead (RFC 9293 §3.2).
  const extra = arm === ARM_CODE.long ? LONG_EXTRA * packetsPerProbe(state, protocol) : 0;
  return plainUpperLayerLength(state, protocol) + extra;
}

/** Octets of the probe as one packet, IPv6 header included. */
export function probeLength(state: TraceState, arm: number, protocol: Protocol): number {
  return IPV6_HEADER_LENGTH + extensionLength(arm) + upperLayerLength(state, arm, protocol);
}

/** Octets of all packets of the probe. */
export function encodedLength(state: TraceState, arm: number, protocol: Protocol): number {
  const packets = packetsPerProbe(state, protocol);
  if (!isFragmented(state, protocol)) return probeLength(state, arm, protocol);
  const headers = IPV6_HEADER_LENGTH + extensionLength(arm) + FRAGMENT_HEADER_LENGTH;
  return packets * headers + upperLayerLength(state, arm, protocol);
}

/** Offset of the nonce from the start of the upper layer; null for protocols whose probes carry no data. */
export function nonceOffset(state: TraceState, protocol: Protocol): number | null {
  return protocol === 'tcp' ? null : 8 + state.identity.prefix.length + PAYLOAD_OFFSET.nonce;
}

/**
 * Writes probe `row` as sent, checksum included, and returns its length. Writes every octet. A fragmented probe is several
 * packets, one behind the other; their IPv6 headers say how long each is.
 */
export function encodeProbe(state: TraceState, row: number, into: Uint8Array, offset: number): number {
  const flow = flowOf(state, row);
  const cut = cutOf(state, state.probes.arm(row), flow.protocol);
  if (cut === null) return encodeWholeProbe(state, row, into, offset);
  const upper = encodeForCutting(state, row, flow);
  let at = offset;
  for (let index = 0; index < cut.count; index += 1) at += emitFragment(state, row, flow, cut, index, upper, into, at);
  return at - offset;
}

/** Writes one fragment of probe `row`, the first with index 0, and returns its length. */
export function encodeFragment(
  state: TraceState,
  row: number,
  index: number,
  into: Uint8Array,
  offset: number,
): number {
  const flow = flowOf(state, row);
  const cut = cutOf(state, state.probes.arm(row), flow.protocol);
  if (cut === null) throw new RangeError(`probe ${row} is not fragmented`);
  return emitFragment(state, row, flow, cut, index, encodeForCutting(state, row, flow), into, offset);
}

/** Writes probe `row` as one packet: as sent, or as a target sees it that put its fragments together. */
export function encodeWholeProbe(state: TraceState, row: number, into: Uint8Array, offset: number): number {
  const flow = flowOf(state, row);
  const arm = state.probes.arm(row);
  const upperLength = upperLayerLength(state, arm, flow.protocol);
  const at = offset + emitHeaders(state, row, flow, UPPER_PROTOCOL[flow.protocol], upperLength, into, offset);
  emitUpperLayer(state, row, flow, arm, into, at, upperLength);
  return at - offset + upperLength;
}

function flowOf({ flows, probes }: TraceState, row: number): Flow {
  const flow = flows[probes.flow(row)];
  if (flow === undefined) throw new RangeError(`probe ${row} names flow ${probes.flow(row)}, which does not exist`);
  return flow;
}

let cuttingBoard = new Uint8Array(0);

function encodeForCutting(state: TraceState, row: number, flow: Flow): Uint8Array {
  const arm = state.probes.arm(row);
  const length = upperLayerLength(state, arm, flow.protocol);
  if (cuttingBoard.length < length) cuttingBoard = new Uint8Array(length);
  emitUpperLayer(state, row, flow, arm, cuttingBoard, 0, length);
  return cuttingBoard;
}

function emitFragment(
  state: TraceState,
  row: number,
  flow: Flow,
  cut: Cut,
  index: number,
  upper: Uint8Array,
  into: Uint8Array,
  offset: number,
): number {
  const more = index < cut.count - 1;
  const length = more ? cut.piece : cut.last;
  const start = index * cut.piece;
  let at = offset;
  at += emitHeaders(state, row, flow, NEXT_HEADER.fragment, FRAGMENT_HEADER_LENGTH + length, into, at);
  const nextHeader = UPPER_PROTOCOL[flow.protocol];
  const header = { nextHeader, fragmentOffset: start, more, identification: fragmentId(state, row) };
  at += emitFragmentHeader(header, into, at);
  into.set(upper.subarray(start, start + length), at);
  return at + length - offset;
}

/** The IPv6 header and the arm's option header, behind which `behind` octets of `nextHeader` follow. Returns their length. */
function emitHeaders(
  state: TraceState,
  row: number,
  flow: Flow,
  nextHeader: number,
  behind: number,
  into: Uint8Array,
  offset: number,
): number {
  const { identity, probes } = state;
  const arm = probes.arm(row);
  const extension = extensionLength(arm);
  emitIpv6Header(
    {
      trafficClass: 0,
      flowLabel: flow.flowLabel,
      payloadLength: extension + behind,
      nextHeader: extension === 0 ? nextHeader : NEXT_HEADER.destinationOptions,
      hopLimit: probes.hopLimit(row),
      source: identity.source,
      destination: flow.destination ?? identity.target,
    },
    into,
    offset,
  );
  const extensionAt = offset + IPV6_HEADER_LENGTH;
  if (arm === ARM_CODE.pdm) {
    const pdm = state.pdmSent?.get(row) ?? { ...NO_PDM, psnThisPacket: probes.psn(row) };
    emitPdmDestinationOptions(nextHeader, pdm, into, extensionAt);
  } else if (arm === ARM_CODE.do8) {
    emitDo8(nextHeader, into, extensionAt);
  } else if (arm === ARM_CODE.do16) {
    emitDo16(nextHeader, DO16_DATA, into, extensionAt);
  }
  return IPV6_HEADER_LENGTH + extension;
}

function emitUpperLayer(
  state: TraceState,
  row: number,
  flow: Flow,
  arm: number,
  into: Uint8Array,
  at: number,
  length: number,
): void {
  const { source, target, prefix } = state.identity;
  const pseudo = pseudoHeaderSum(source, flow.destination ?? target, length, UPPER_PROTOCOL[flow.protocol]);
  if (flow.protocol === 'tcp') {
    const header = {
      sourcePort: flow.localId,
      destinationPort: flow.destinationPort,
      sequence: tcpSequence(state, row),
      acknowledgement: 0,
      dataOffset: length / 4,
      flags: TCP_FLAG.syn,
      window: 0xffff,
      checksum: 0,
      urgent: 0,
    };
    emitTcpHeader(header, into, at);
    into.fill(TCP_NO_OPERATION, at + TCP_HEADER_LENGTH, at + length);
    // As most SYNs have it; of a TCP trace's own, which have no options, `long` is the only one that is longer.
    if (state.identity.protocol !== 'tcp') into.set(SEGMENT_SIZE_OPTION, at + TCP_HEADER_LENGTH);
    writeU16(finishChecksum(onesComplementSum(into, at, length, pseudo)), into, at + 16);
    return;
  }
  const checksum = flow.protocol === 'udp' ? checksumOfNumber(state, row) : flow.echoChecksum;
  if (flow.protocol === 'udp') {
    emitUdpHeader({ sourcePort: flow.localId, destinationPort: flow.destinationPort, length, checksum }, into, at);
  } else {
    into[at] = ICMPV6.echoRequest;
    into[at + 1] = 0;
    writeU16(checksum, into, at + 2);
    writeU16(flow.localId, into, at + 4);
    writeU16(echoSequence(state, row), into, at + 6);
  }
  // Most probes have neither prefix nor filling, and calls that write nothing take their time all the same.
  if (prefix.length > 0) into.set(prefix, at + 8);
  const payload = at + 8 + prefix.length;
  emitIdentity(state, row, into, payload);
  writeU16(0, into, payload + PAYLOAD_OFFSET.steer);
  if (payload + PAYLOAD_LENGTH < at + length) into.fill(FILLING, payload + PAYLOAD_LENGTH, at + length);
  const cut = cutOf(state, arm, flow.protocol);
  for (let i = 1; i < (cut?.count ?? 1); i += 1) emitIdentity(state, row, into, at + i * (cut?.piece ?? 0));
  // The checksum field already holds what it must be; these two octets make it true.
  writeU16(foldSum(onesComplementSum(into, at, length, pseudo)) ^ 0xffff, into, payload + PAYLOAD_OFFSET.steer);
}

function emitIdentity(state: TraceState, row: number, into: Uint8Array, at: number): void {
  into.set(state.identity.secrets.nonce, at + PAYLOAD_OFFSET.nonce);
  writeU16(row, into, at + PAYLOAD_OFFSET.number);
  writeU16(row ^ 0xffff, into, at + PAYLOAD_OFFSET.complement);
}
