/** From a reply that quotes nothing, an echo reply, UDP data or a TCP segment, to the one probe that drew it. */
import { sameAddress } from '../../address/address.js';
import { readU16, readU8 } from '../../wire/big-endian.js';
import { TCP_FLAG } from '../../wire/tcp.js';
import { waitNs } from '../evidence/pair.js';
import type { MatchResult } from './match.js';
import { numberOfEchoSequence, numberOfTcpAcknowledgement } from '../probe/probe-number.js';
import { nonceOffset } from '../probe/probe-packet.js';
import { readNonce, readPayloadNumber } from './quote-comparison.js';
import type { DirectReply } from './reply.js';
import { ARM_CODE } from '../state/trace-state.js';
import type { TraceState } from '../state/trace-state.js';

/**
 * The probe that a reply of the target's own protocol answers (METHOD: Flow and identity), or why there is none. Its
 * findings are null: nothing is quoted.
 */
export function matchDirect(state: TraceState, reply: DirectReply): MatchResult {
  switch (reply.kind) {
    case 'echo':
      return matchEcho(state, reply);
    case 'udp':
      return matchDatagram(state, reply);
    case 'tcp':
      return matchSegment(state, reply);
  }
}

/** RFC 4443 §4.2: identifier, sequence number and data come back as they were sent. */
function matchEcho(state: TraceState, reply: DirectReply): MatchResult {
  const { bytes, offset, end } = reply;
  const identifier = readU16(bytes, offset + 4);
  if (!state.flows.some((flow) => flow.protocol === 'icmp6' && flow.localId === identifier)) return 'foreign';
  const at = offset + (nonceOffset(state, 'icmp6') ?? 0);
  if (readNonce(state, bytes, at, end) !== 'ours') return 'forged';
  const number = readPayloadNumber(state, bytes, at, end);
  if (number === null || number !== numberOfEchoSequence(state, readU16(bytes, offset + 6))) return 'forged';
  const flow = state.flows[state.probes.flow(number)];
  if (flow?.protocol !== 'icmp6' || flow.localId !== identifier || !state.probes.isSent(number)) return 'forged';
  return { row: number, findings: null };
}

function matchDatagram(state: TraceState, reply: DirectReply): MatchResult {
  const { bytes, offset, end } = reply;
  const remotePort = readU16(bytes, offset);
  const localPort = readU16(bytes, offset + 2);
  const flowIndex = state.flows.findIndex(
    (flow) => flow.protocol === 'udp' && flow.localId === localPort && flow.destinationPort === remotePort,
  );
  if (flowIndex < 0) return 'foreign';
  const at = offset + (nonceOffset(state, 'udp') ?? 0);
  const nonce = readNonce(state, bytes, at, end);
  if (nonce === 'ours') {
    const number = readPayloadNumber(state, bytes, at, end);
    if (number !== null && state.probes.isSent(number) && state.probes.flow(number) === flowIndex) {
      return { row: number, findings: null };
    }
  }
  if (!sameAddress(state.identity.target, reply.source)) return 'foreign';
  // A port that answers with errors has no service behind it: an answer from there is a guess at our ports.
  const isClosed = state.signatures.some(
    ({ quoted, type, code, responder }) =>
      quoted && type === 1 && code === 4 && responder === state.identity.targetText,
  );
  if (isClosed) return 'forged';
  state.serviceAnswers = true;
  return onlyOutstanding(state, flowIndex, reply);
}

/** A service's answer names no probe. PSNLR does where the reply has PDM; else one outstanding probe must be alone. */
function onlyOutstanding(state: TraceState, flowIndex: number, reply: DirectReply): MatchResult {
  const psnLastReceived = reply.pdm?.version === 'rfc8250' ? reply.pdm.pdm.psnLastReceived : null;
  const graceNs = waitNs(state);
  const unanswered: number[] = [];
  let lastSent: number | null = null;
  for (let row = 0; row < state.probes.count; row += 1) {
    if (state.probes.flow(row) !== flowIndex || !state.probes.isSent(row)) continue;
    if (
      psnLastReceived !== null &&
      state.probes.arm(row) === ARM_CODE.pdm &&
      state.probes.psn(row) === psnLastReceived
    ) {
      return { row, findings: null };
    }
    if (state.probes.reply(row) === null) unanswered.push(row);
    if (lastSent === null || state.probes.sentAtNs(row) > state.probes.sentAtNs(lastSent)) lastSent = row;
  }
  // One that was given up is out no more, unless there is none besides, nor was one sent later: then the answer is late.
  const awaited = unanswered.filter((row) => state.probes.sentAtNs(row) + graceNs > reply.timeNs);
  const isLate = unanswered.length === 1 && unanswered[0] === lastSent;
  const [row, ...others] = isLate ? unanswered : awaited;
  return row === undefined || others.length > 0 ? 'service' : { row, findings: null };
}

function matchSegment(state: TraceState, reply: DirectReply): MatchResult {
  const { bytes, offset } = reply;
  const remotePort = readU16(bytes, offset);
  const localPort = readU16(bytes, offset + 2);
  const flowIndex = state.flows.findIndex(
    (flow) => flow.protocol === 'tcp' && flow.localId === localPort && flow.destinationPort === remotePort,
  );
  if (flowIndex < 0) return 'foreign';
  const acknowledgement = readU16(bytes, offset + 8) * 0x1_0000 + readU16(bytes, offset + 10);
  // Anything but an answer to a SYN, say the ACK of a half-open connection, tells nothing of the probe.
  const flags = readU8(bytes, offset + 13);
  const answersSyn = (flags & TCP_FLAG.ack) !== 0 && (flags & (TCP_FLAG.syn | TCP_FLAG.rst)) !== 0;
  if (!answersSyn) return 'foreign';
  const number = numberOfTcpAcknowledgement(state, acknowledgement);
  if (number === null || !state.probes.isSent(number) || state.probes.flow(number) !== flowIndex) return 'forged';
  return { row: number, findings: null };
}
