/**
 * A probe as octets, and its number in three carriers (METHOD §4): the payload, the first 8 octets of the upper layer,
 * and, with PDM, PSNTP. Any probe of a trace can be encoded again at any time, which is how quotes are compared.
 */
import { writeU16, readU16 } from '../wire/big-endian.js';
import { foldSum, onesComplementSum, pseudoHeaderSum, finishChecksum } from '../wire/checksum.js';
import {
  DO8_HEADER_LENGTH,
  DO16_HEADER_LENGTH,
  PDM_HEADER_LENGTH,
  emitDo8,
  emitDo16,
  emitPdmDestinationOptions,
} from '../wire/destination-options.js';
import { ICMPV6 } from '../wire/icmpv6.js';
import { IPV6_HEADER_LENGTH, NEXT_HEADER, emitIpv6Header } from '../wire/ipv6.js';
import type { PdmOption } from '../wire/pdm.js';
import { TCP_FLAG, TCP_HEADER_LENGTH, emitTcpHeader } from '../wire/tcp.js';
import { emitUdpHeader } from '../wire/udp.js';
import type { Flow, TraceState } from './trace-state.js';
import { ARM_CODE } from './trace-state.js';
import type { Protocol } from './record.js';

/*
 * Payload of a UDP or echo probe, after the optional probe description URI:
 *
 *  +--------+--------+--------+--------+--------+--------+--------+--------+
 *  |                     nonce of the trace (8 octets)                     |
 *  +--------+--------+--------+--------+--------+--------+--------+--------+
 *  | probe's number  |  its complement | steers checksum |  (+ 16, `long`)
 *  +--------+--------+--------+--------+--------+--------+
 */
export const NONCE_LENGTH = 8;
export const PAYLOAD_OFFSET = { nonce: 0, number: 8, complement: 10, steer: 12 } as const;
const PAYLOAD_LENGTH = 14;
const LONG_EXTRA = 16;
const TCP_NO_OPERATION = 1;
/** Room that any probe fits in: METHOD §2 keeps packets within 128 octets. */
export const MAX_PROBE_LENGTH = 128;

/** Checksums that carry a number run from 1 to this prime: never 0x0000, and a flipped bit rarely names another probe. */
const CHECKSUM_MODULUS = 65_521;

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

export const UPPER_PROTOCOL: Readonly<Record<Protocol, number>> = {
  udp: NEXT_HEADER.udp,
  icmp6: NEXT_HEADER.icmp6,
  tcp: NEXT_HEADER.tcp,
};

export function checksumOfNumber(state: TraceState, number: number): number {
  const { checksumBase, checksumStep } = state.identity.secrets;
  return 1 + ((checksumBase + number * checksumStep) % CHECKSUM_MODULUS);
}

/** The probe whose UDP checksum this is, or null. */
export function numberOfChecksum(state: TraceState, checksum: number): number | null {
  if (checksum === 0 || checksum > CHECKSUM_MODULUS) return null;
  const { checksumBase, checksumStep } = state.identity.secrets;
  let difference = (checksum - 1 - checksumBase) % CHECKSUM_MODULUS;
  if (difference < 0) difference += CHECKSUM_MODULUS;
  const number = (difference * inverse(checksumStep)) % CHECKSUM_MODULUS;
  return number < state.probes.count ? number : null;
}

let lastStep = 1;
let lastInverse = 1;

/** Multiplicative inverse modulo the prime; consecutive replies mostly ask for the same one. */
function inverse(step: number): number {
  if (step === lastStep) return lastInverse;
  let result = 1;
  let base = step % CHECKSUM_MODULUS;
  for (let exponent = CHECKSUM_MODULUS - 2; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) === 1) result = (result * base) % CHECKSUM_MODULUS;
    base = (base * base) % CHECKSUM_MODULUS;
  }
  lastStep = step;
  lastInverse = result;
  return result;
}

export function echoSequence(state: TraceState, number: number): number {
  return (state.identity.secrets.sequenceBase + number) & 0xffff;
}

export function numberOfEchoSequence(state: TraceState, sequence: number): number | null {
  const number = (sequence - state.identity.secrets.sequenceBase) & 0xffff;
  return number < state.probes.count ? number : null;
}

export function tcpSequence(state: TraceState, number: number): number {
  return (readTcpBase(state) + number) >>> 0;
}

export function numberOfTcpSequence(state: TraceState, sequence: number): number | null {
  const number = (sequence - readTcpBase(state)) >>> 0;
  return number < state.probes.count ? number : null;
}

function readTcpBase(state: TraceState): number {
  const { nonce } = state.identity.secrets;
  return readU16(nonce, 0) * 0x1_0000 + readU16(nonce, 2);
}

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

export function upperLayerLength(state: TraceState, arm: number, protocol: Protocol): number {
  // SYNs carry no data (METHOD §4): the longer one has no-operation options instead (RFC 9293 §3.2).
  if (protocol === 'tcp') return TCP_HEADER_LENGTH + (arm === ARM_CODE.long ? LONG_EXTRA : 0);
  return 8 + state.identity.prefix.length + PAYLOAD_LENGTH + (arm === ARM_CODE.long ? LONG_EXTRA : 0);
}

export function probeLength(state: TraceState, arm: number, protocol: Protocol): number {
  return IPV6_HEADER_LENGTH + extensionLength(arm) + upperLayerLength(state, arm, protocol);
}

/** Offset of the nonce from the start of the upper layer; null for protocols whose probes carry no data. */
export function nonceOffset(state: TraceState, protocol: Protocol): number | null {
  return protocol === 'tcp' ? null : 8 + state.identity.prefix.length + PAYLOAD_OFFSET.nonce;
}

/** Writes probe `row` as sent, checksum included, and returns its length. Writes every octet. */
export function encodeProbe(state: TraceState, row: number, into: Uint8Array, offset: number): number {
  const { identity, probes } = state;
  const flow = state.flows[probes.flow(row)];
  if (flow === undefined) throw new RangeError(`probe ${row} names flow ${probes.flow(row)}, which does not exist`);
  const arm = probes.arm(row);
  const protocol = UPPER_PROTOCOL[flow.protocol];
  const extension = extensionLength(arm);
  const upperLength = upperLayerLength(state, arm, flow.protocol);
  emitIpv6Header(
    {
      trafficClass: 0,
      flowLabel: flow.flowLabel,
      payloadLength: extension + upperLength,
      nextHeader: extension === 0 ? protocol : NEXT_HEADER.destinationOptions,
      hopLimit: probes.hopLimit(row),
      source: identity.source,
      destination: identity.target,
    },
    into,
    offset,
  );
  const extensionAt = offset + IPV6_HEADER_LENGTH;
  if (arm === ARM_CODE.pdm) {
    const pdm = state.pdmSent?.get(row) ?? { ...NO_PDM, psnThisPacket: probes.psn(row) };
    emitPdmDestinationOptions(protocol, pdm, into, extensionAt);
  } else if (arm === ARM_CODE.do8) {
    emitDo8(protocol, into, extensionAt);
  } else if (arm === ARM_CODE.do16) {
    emitDo16(protocol, DO16_DATA, into, extensionAt);
  }
  emitUpperLayer(state, row, flow, arm, into, extensionAt + extension, upperLength);
  return IPV6_HEADER_LENGTH + extension + upperLength;
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
  const { source, target } = state.identity;
  const pseudo = pseudoHeaderSum(source, target, length, UPPER_PROTOCOL[flow.protocol]);
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
  into.set(state.identity.prefix, at + 8);
  const payload = at + 8 + state.identity.prefix.length;
  into.set(state.identity.secrets.nonce, payload + PAYLOAD_OFFSET.nonce);
  writeU16(row, into, payload + PAYLOAD_OFFSET.number);
  writeU16(row ^ 0xffff, into, payload + PAYLOAD_OFFSET.complement);
  writeU16(0, into, payload + PAYLOAD_OFFSET.steer);
  if (arm === ARM_CODE.long) into.fill(0x5a, payload + PAYLOAD_LENGTH, payload + PAYLOAD_LENGTH + LONG_EXTRA);
  // The checksum field already holds what it must be; these two octets make it true.
  const sum = foldSum(onesComplementSum(into, at, length, pseudo));
  writeU16(sum ^ 0xffff, into, payload + PAYLOAD_OFFSET.steer);
}
