/**
 * From a reply to the one probe that drew it. Everything on the path can send us anything, so a reply counts only when
 * each identifying octet it holds is ours; all else gets a reason and changes no finding (METHOD §4).
 */
import { readU16, readU8 } from '../wire/big-endian.js';
import { NEXT_HEADER } from '../wire/ipv6.js';
import { TCP_FLAG } from '../wire/tcp.js';
import { compareQuote, readNonce } from './quote-comparison.js';
import type { QuoteFindings } from './quote-comparison.js';
import {
  NONCE_LENGTH,
  PAYLOAD_OFFSET,
  nonceOffset,
  numberOfChecksum,
  numberOfEchoSequence,
  numberOfFragmentId,
  numberOfTcpSequence,
} from './probe-packet.js';
import type { Protocol } from './record.js';
import type { DirectReply, ErrorReply, Reply } from './reply.js';
import { ARM_CODE, REPLY_KIND } from './trace-state.js';
import type { TraceState } from './trace-state.js';

const DO8_OPTION_LENGTH = 4;

export type MismatchReason = 'foreign' | 'forged' | 'ambiguous' | 'malformed';

export interface Match {
  readonly row: number;
  /** Null for replies that quote nothing. */
  readonly findings: QuoteFindings | null;
}

export type MatchResult = Match | MismatchReason;

export function matchReply(state: TraceState, reply: Reply): MatchResult {
  return reply.kind === 'error' ? matchQuote(state, reply) : matchDirect(state, reply);
}

function matchQuote(state: TraceState, reply: ErrorReply): MatchResult {
  const { bytes, quote } = reply;
  const { fragment } = quote;
  const protocol = protocolOf(quote.upperProtocol ?? fragment?.nextHeader ?? quote.optionsNextHeader);
  if (protocol !== null && !state.flows.some((flow) => flow.protocol === protocol)) return 'foreign';
  if (fragment !== null && fragment.fragmentOffset > 0 && state.identity.fragmented) {
    return matchLaterFragment(state, reply, fragment);
  }
  if (quote.upperOffset !== null && protocol !== null && quote.upperAvailable > 0) {
    const nonceAt = nonceOffset(state, protocol);
    if (nonceAt !== null) {
      const at = quote.upperOffset + nonceAt;
      const nonce = readNonce(state, bytes, at, quote.end);
      if (nonce === 'other') return belongsToFlow(state, protocol, bytes, quote.upperOffset) ? 'forged' : 'foreign';
      if (nonce === 'ours') {
        const number = readPayloadNumber(state, bytes, at, quote.end);
        if (number !== null) return accept(state, number, bytes, reply);
      }
    }
    if (quote.upperAvailable >= 8) {
      const number = numberInHeader(state, protocol, bytes, quote.upperOffset);
      if (number !== null && isSentWith(state, number, protocol)) {
        const match = accept(state, number, bytes, reply);
        if (typeof match !== 'string') return match;
      }
      // A zero-padded quote of the option alone has no upper layer; PSNTP below may still tell.
      if (quote.pdmOffset === null) {
        return belongsToFlow(state, protocol, bytes, quote.upperOffset) ? 'forged' : 'foreign';
      }
    } else if (quote.pdmOffset === null) {
      return partialHeader(state, protocol, reply);
    }
  }
  if (quote.pdmOffset !== null && quote.pdmOffset + 6 <= quote.end) return matchByPsn(state, reply, quote.pdmOffset);
  if (quote.experimentOffset !== null) return matchByLabel(state, reply, quote.experimentOffset);
  return headerAlone(state, reply);
}

/** Later fragments begin with nonce and number; a shorter quote names its probe by the Fragment header alone. */
function matchLaterFragment(
  state: TraceState,
  reply: ErrorReply,
  { identification, dataOffset }: NonNullable<ErrorReply['quote']['fragment']>,
): MatchResult {
  const { bytes, quote } = reply;
  const byId = numberOfFragmentId(state, identification);
  const nonce = readNonce(state, bytes, dataOffset, quote.end);
  if (nonce === 'other') return byId === null ? 'foreign' : 'forged';
  const number = nonce === 'ours' ? readPayloadNumber(state, bytes, dataOffset, quote.end) : null;
  if (number !== null) return accept(state, number, bytes, reply);
  if (byId !== null) return accept(state, byId, bytes, reply);
  // Whoever puts fragments together and cuts them anew gives them another identification; the option tells its probe.
  if (quote.pdmOffset !== null && quote.pdmOffset + 6 <= quote.end) return matchByPsn(state, reply, quote.pdmOffset);
  return 'foreign';
}

/**
 * A short quote of an explaining arm holds no number. Each of their pairs has a flow of its own, so the flow label and
 * the option's length name one probe where the label survived.
 */
function matchByLabel(state: TraceState, reply: ErrorReply, optionAt: number): MatchResult {
  const { bytes, quote } = reply;
  const arm = bytes[optionAt + 1] === DO8_OPTION_LENGTH ? ARM_CODE.do8 : ARM_CODE.do16;
  let found: Match | null = null;
  for (let row = 0; row < state.probes.count && optionAt + 2 <= quote.end; row += 1) {
    if (state.probes.arm(row) !== arm || !state.probes.isSent(row)) continue;
    if (state.flows[state.probes.flow(row)]?.flowLabel !== quote.flowLabel) continue;
    const findings = compareQuote(state, row, bytes, quote);
    if (!findings.identityHeld || findings.altered) continue;
    if (found !== null) return 'foreign';
    found = { row, findings };
  }
  if (found !== null) return found;
  state.unmatchedExplanations += 1;
  return 'foreign';
}

/** Nothing but the IPv6 header tells it apart; whoever does not know a flow label of ours has not seen our packets. */
function headerAlone(state: TraceState, reply: ErrorReply): MismatchReason {
  return knowsLabel(state, reply) ? 'ambiguous' : 'forged';
}

function knowsLabel(state: TraceState, { quote: { flowLabel } }: ErrorReply): boolean {
  return state.flows.some((flow) => flow.flowLabel === flowLabel) || state.rewrittenLabels.includes(flowLabel);
}

/** Fewer than 8 octets of the upper layer and no option: enough to be ours, never enough to name one probe. */
function partialHeader(state: TraceState, protocol: Protocol, reply: ErrorReply): MismatchReason {
  const { quote, bytes } = reply;
  if (quote.upperOffset === null || quote.upperAvailable < 4) return headerAlone(state, reply);
  return belongsToFlow(state, protocol, bytes, quote.upperOffset) ? 'ambiguous' : 'foreign';
}

function matchByPsn(state: TraceState, reply: ErrorReply, pdmOffset: number): MatchResult {
  const { bytes, quote } = reply;
  const psn = readU16(bytes, pdmOffset + 4);
  // Behind the option of a fragment is its Fragment header, which may not be quoted.
  const behind =
    quote.optionsNextHeader === NEXT_HEADER.fragment ? quote.fragment?.nextHeader : quote.optionsNextHeader;
  const protocol = behind === undefined ? null : protocolOf(behind);
  let found: Match | null = null;
  let several = false;
  for (let row = 0; row < state.probes.count; row += 1) {
    if (state.probes.arm(row) !== ARM_CODE.pdm || state.probes.psn(row) !== psn || !state.probes.isSent(row)) continue;
    const flow = state.flows[state.probes.flow(row)];
    if (behind !== undefined && flow?.protocol !== protocol) continue;
    const match = accept(state, row, bytes, reply);
    if (typeof match === 'string') continue;
    if (found !== null) {
      // PSNTP starts are random per 5-tuple and may meet; the flow label still tells them apart where it survived.
      const before = found.findings?.flowLabelMatches ?? false;
      const now = match.findings?.flowLabelMatches ?? false;
      several = before === now;
      if (now && !before) found = match;
    } else {
      found = match;
    }
  }
  // Who knows one of our flow labels has seen our packets: a PSNTP that is none of ours may be a changed option.
  if (found === null) return headerAlone(state, reply);
  if (several) return 'ambiguous';
  // Sixteen bits can be guessed; together with a label that only our packets show they cannot.
  return knowsLabel(state, reply) ? found : 'forged';
}

function accept(state: TraceState, row: number, bytes: Uint8Array, reply: ErrorReply): MatchResult {
  if (!state.probes.isSent(row)) return 'forged';
  const findings = compareQuote(state, row, bytes, reply.quote);
  if (!findings.identityHeld) return 'forged';
  if (!findings.nonceHeld && findings.identityOctets < 8) return 'ambiguous';
  // A translator that changed the source changed the checksum with it, and so the number in it.
  if (
    !findings.nonceHeld &&
    state.flows[state.probes.flow(row)]?.protocol === 'udp' &&
    findings.changes.includes('source-rewritten') &&
    reply.quote.pdmOffset === null
  )
    return 'ambiguous';
  // Without the nonce, ports and checksum can be guessed; together with a label that only our packets show they cannot.
  // A TCP sequence number cannot be guessed, nor can PSNTP together with ports and checksum, or with a fragment's identification.
  const isTcp = state.flows[state.probes.flow(row)]?.protocol === 'tcp';
  const isSure =
    findings.nonceHeld ||
    (isTcp && findings.upperHeld >= 8) ||
    (findings.intact === true && (findings.upperHeld >= 8 || findings.fragmentIdHeld));
  if (!isSure && !knowsLabel(state, reply)) {
    if (findings.intact === true) state.relabelledQuotes += 1;
    return 'forged';
  }
  return { row, findings };
}

function matchDirect(state: TraceState, reply: DirectReply): MatchResult {
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
  // A port that answers with errors has no service behind it: an answer from there is a guess at our ports.
  const isClosed = state.signatures.some(({ kind, quoted }) => kind === REPLY_KIND.arrived && quoted);
  return isClosed ? 'forged' : onlyOutstanding(state, flowIndex, reply);
}

/** A service's answer names no probe. PSNLR does where the reply has PDM; else one outstanding probe must be alone. */
function onlyOutstanding(state: TraceState, flowIndex: number, reply: DirectReply): MatchResult {
  const psnLastReceived = reply.pdm?.version === 'rfc8250' ? reply.pdm.pdm.psnLastReceived : null;
  let found = -1;
  let count = 0;
  for (let row = 0; row < state.probes.count; row += 1) {
    if (state.probes.flow(row) !== flowIndex || !state.probes.isSent(row)) continue;
    if (
      psnLastReceived !== null &&
      state.probes.arm(row) === ARM_CODE.pdm &&
      state.probes.psn(row) === psnLastReceived
    ) {
      return { row, findings: null };
    }
    if (state.probes.reply(row) !== null) continue;
    found = row;
    count += 1;
  }
  if (count === 1) return { row: found, findings: null };
  return 'ambiguous';
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
  const number = numberOfTcpSequence(state, (acknowledgement - 1) >>> 0);
  if (number === null || !state.probes.isSent(number) || state.probes.flow(number) !== flowIndex) return 'forged';
  return { row: number, findings: null };
}

function numberInHeader(state: TraceState, protocol: Protocol, bytes: Uint8Array, at: number): number | null {
  switch (protocol) {
    case 'udp':
      return numberOfChecksum(state, readU16(bytes, at + 6));
    case 'icmp6':
      return numberOfEchoSequence(state, readU16(bytes, at + 6));
    case 'tcp':
      return numberOfTcpSequence(state, readU16(bytes, at + 4) * 0x1_0000 + readU16(bytes, at + 6));
  }
}

/** The number after a nonce that is ours; null when it is cut off or does not agree with its complement. */
function readPayloadNumber(state: TraceState, bytes: Uint8Array, nonceAt: number, end: number): number | null {
  const at = nonceAt + PAYLOAD_OFFSET.number - PAYLOAD_OFFSET.nonce;
  if (at + 4 > end || at < nonceAt + NONCE_LENGTH) return null;
  const number = readU16(bytes, at);
  if ((number ^ 0xffff) !== readU16(bytes, at + 2)) return null;
  return number < state.probes.count ? number : null;
}

function isSentWith(state: TraceState, row: number, protocol: Protocol): boolean {
  return state.probes.isSent(row) && state.flows[state.probes.flow(row)]?.protocol === protocol;
}

/** Ports or identifier are those of one of our flows: somebody knows of us, even if the rest does not fit. */
function belongsToFlow(state: TraceState, protocol: Protocol, bytes: Uint8Array, at: number): boolean {
  const first = readU16(bytes, at);
  return protocol === 'icmp6'
    ? state.flows.some((flow) => flow.protocol === 'icmp6' && flow.localId === readU16(bytes, at + 4))
    : state.flows.some((flow) => flow.protocol === protocol && flow.localId === first);
}

function protocolOf(nextHeader: number | null): Protocol | null {
  switch (nextHeader) {
    case NEXT_HEADER.udp:
      return 'udp';
    case NEXT_HEADER.icmp6:
      return 'icmp6';
    case NEXT_HEADER.tcp:
      return 'tcp';
    default:
      return null;
  }
}
