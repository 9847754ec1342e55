/**
 * From a reply to the one probe that drew it. Everything on the path can send us anything, so a reply counts only when
 * each identifying octet it holds is ours; all else gets a reason and changes no finding (METHOD: Flow and identity).
 */
import { formatAddress, sameAddress } from '../../address/address.js';
import { readU16, readU8 } from '../../wire/big-endian.js';
import { ICMPV6, TIME_EXCEEDED } from '../../wire/icmpv6.js';
import { NEXT_HEADER } from '../../wire/ipv6.js';
import { foldSum, onesComplementSum } from '../../wire/checksum.js';
import { findOption, OPTION_TYPE, OPTIONS_OFFSET } from '../../wire/destination-options.js';
import { isExtensionHeader } from '../../wire/extension-chain.js';
import type { QuotedPacket } from '../../wire/quoted-packet.js';
import { matchDirect } from './match-direct.js';
import type { Match, MatchResult, MismatchReason } from './match.js';
import { compareQuote, readNonce, readPayloadNumber } from './quote-comparison.js';
import {
  numberOfChecksum,
  numberOfEchoSequence,
  numberOfFragmentId,
  numberOfTcpSequence,
} from '../probe/probe-number.js';
import { nonceOffset } from '../probe/probe-packet.js';
import type { Protocol } from '../../record/record.js';
import type { ErrorReply, Reply } from './reply.js';
import { ARM_CODE } from '../state/trace-state.js';
import type { TraceState } from '../state/trace-state.js';
import { noteWeakQuote } from './weak-quotes.js';

export type { Match, MatchResult, MismatchReason } from './match.js';

/**
 * The probe of this trace that a reply is about (METHOD: Flow and identity), or why there is none. Whether another trace
 * would match it too is the router's to ask.
 */
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
    const { upperOffset: upper, end } = quote;
    if (quote.upperAvailable >= 8 && !mayBePadding(bytes, upper + 7, upper + 8, end)) {
      const match = matchByHeader(state, protocol, reply, quote.upperOffset);
      if (typeof match !== 'string') return match;
      // A zero-padded quote of the option alone has no upper layer; PSNTP below may still tell.
      if (quote.pdmOffset === null) {
        // Its label is ours, and its number nobody's: it was rewritten where a longer quote would still hold our nonce.
        if (quote.experimentOffset !== null && knowsLabel(state, reply)) state.unmatchedExplanations += 1;
        if (match !== 'foreign') return match;
        return belongsToFlow(state, protocol, bytes, quote.upperOffset) ? 'forged' : 'foreign';
      }
    } else if (quote.pdmOffset === null && quote.experimentOffset === null) {
      return partialHeader(state, protocol, reply);
    }
  }
  if (quote.pdmOffset !== null && quote.pdmOffset + 6 <= quote.end) {
    const match = matchByPsn(state, reply);
    // The PDM may be somebody else's, put in in front of ours.
    if (typeof match !== 'string' || quote.experimentOffset === null) return match;
  }
  if (quote.experimentOffset !== null) return matchByLabel(state, reply);
  return tooShort(state, reply);
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
  if (quote.pdmOffset !== null && quote.pdmOffset + 6 <= quote.end) return matchByPsn(state, reply);
  return 'foreign';
}

/**
 * A short quote of an explaining arm holds no number. Each of their pairs has a flow of its own, so the flow label and
 * the option's length name one probe where the label survived.
 */
function matchByLabel(state: TraceState, reply: ErrorReply): MatchResult {
  const { bytes, quote } = reply;
  let found: Match | null = null;
  for (let row = 0; row < state.probes.count; row += 1) {
    const arm = state.probes.arm(row);
    if ((arm !== ARM_CODE.do8 && arm !== ARM_CODE.do16) || !state.probes.isSent(row)) continue;
    if (state.flows[state.probes.flow(row)]?.flowLabel !== quote.flowLabel) continue;
    const findings = compareQuote(state, row, bytes, quote);
    if (!findings.identityHeld || findings.intact !== true) continue;
    if (found !== null) {
      found = null;
      break;
    }
    found = { row, findings };
  }
  if (found !== null) return found;
  state.unmatchedExplanations += 1;
  return 'foreign';
}

/** The number in the first 8 octets of the upper layer; `foreign` where they hold none that fits. */
function matchByHeader(state: TraceState, protocol: Protocol, reply: ErrorReply, upperOffset: number): MatchResult {
  const { bytes } = reply;
  let found: MatchResult = 'foreign';
  for (const number of numbersInHeader(state, protocol, reply, upperOffset)) {
    if (!isSentWith(state, number, protocol)) continue;
    const match = accept(state, number, bytes, reply);
    if (typeof match === 'string') {
      if (match === 'ambiguous' && typeof found === 'string') found = match;
    } else if (typeof found === 'string') found = match;
    else if (found.row !== match.row) return doubt(state, reply);
  }
  // Whoever rewrites addresses may have made a checksum of which no number can be read any more.
  if (typeof found === 'string' && protocol === 'udp' && addressesDiffer(state, reply)) {
    const match = onlyCandidate(state, protocol, reply);
    if (match !== null) return match;
  }
  return found;
}

/** With address translation a UDP checksum is as it was sent, or has been corrected by what the addresses differ. */
function numbersInHeader(state: TraceState, protocol: Protocol, reply: ErrorReply, upperOffset: number): number[] {
  const { bytes, quote } = reply;
  const numbers = [numberInHeader(state, protocol, bytes, upperOffset)];
  if (protocol === 'udp' && addressesDiffer(state, reply)) {
    const { source, target } = state.identity;
    const sent = onesComplementSum(target, 0, 16, onesComplementSum(source, 0, 16));
    const quoted = foldSum(onesComplementSum(bytes, quote.sourceOffset, 32));
    const checksum = readU16(bytes, upperOffset + 6);
    numbers.push(numberOfChecksum(state, foldSum((checksum ^ 0xffff) + sent + (quoted ^ 0xffff)) ^ 0xffff));
  }
  return [...new Set(numbers.filter((number) => number !== null))];
}

/** RFC 4884 pads with zeros: the end of a number that is zero, with nothing but zeros behind it, may never have been quoted. */
function mayBePadding(bytes: Uint8Array, from: number, to: number, end: number): boolean {
  if (end <= to) return false;
  for (let at = from; at < end; at += 1) if (bytes[at] !== 0) return false;
  return true;
}

function addressesDiffer({ identity }: TraceState, { bytes, quote }: ErrorReply): boolean {
  return (
    !sameAddress(identity.source, bytes, 0, quote.sourceOffset) ||
    !sameAddress(identity.target, bytes, 0, quote.destinationOffset)
  );
}

/**
 * Our source, flow label and ports without a number name a probe where one alone of that shape is still unanswered; not where the
 * same router has answered one elsewhere, for this may be a copy of that answer.
 */
function onlyCandidate(state: TraceState, protocol: Protocol, reply: ErrorReply): Match | null {
  const { bytes, quote } = reply;
  if (!sameAddress(state.identity.source, bytes, 0, quote.sourceOffset)) return null;
  const responder = formatAddress(reply.source);
  const isStripping = state.signatures.some(({ stripped }) => stripped);
  let found: Match | null = null;
  const answeredAt = new Set<number>();
  for (let row = 0; row < state.probes.count; row += 1) {
    const flow = state.flows[state.probes.flow(row)];
    if (flow?.protocol !== protocol || flow.flowLabel !== quote.flowLabel || !state.probes.isSent(row)) continue;
    const answer = state.probes.reply(row);
    if (answer !== null && state.signatures[answer]?.responder !== responder) continue;
    const findings = compareQuote(state, row, bytes, quote);
    if (!findings.flowHeld || findings.altered) continue;
    // Where the option is taken out of packets, one that lost it on the way looks as this one would.
    if (findings.stripped && isStripping && answer === null) return null;
    if (findings.stripped) continue;
    if (findings.changes.some((change) => change === 'payload-length-rewritten' || change === 'next-header-rewritten'))
      continue;
    if (answer !== null) {
      answeredAt.add(state.probes.hopLimit(row));
      continue;
    }
    if (found !== null) return null;
    found = { row, findings };
  }
  // As far as it is quoted, the number must fit.
  if (found?.findings?.identityHeld !== true) return null;
  const hopLimit = state.probes.hopLimit(found.row);
  return [...answeredAt].every((other) => other === hopLimit) ? found : null;
}

/**
 * It may be ours, and names no one probe. Whoever does not know a flow label of ours has not seen our packets; under
 * another destination it must at least show our source.
 */
function doubt(state: TraceState, reply: ErrorReply): MismatchReason {
  const { bytes, quote } = reply;
  const { source, target } = state.identity;
  const hasAddress =
    sameAddress(target, bytes, 0, quote.destinationOffset) || sameAddress(source, bytes, 0, quote.sourceOffset);
  return hasAddress && knowsLabel(state, reply) ? 'ambiguous' : 'forged';
}

/** Too little is quoted. Of a router's Time Exceeded that is the router's way: no answer of the target is hidden in it. */
function tooShort(state: TraceState, reply: ErrorReply): MismatchReason {
  const reason = doubt(state, reply);
  const { type, code } = reply.error;
  const isFromTarget = sameAddress(state.identity.target, reply.source);
  if (reason !== 'ambiguous' || isFromTarget) return reason;
  if (type !== ICMPV6.timeExceeded || code !== TIME_EXCEEDED.hopLimit) return reason;
  return noteWeakQuote(state, reply) ? 'ambiguous' : 'weak';
}

function knowsLabel(state: TraceState, { quote: { flowLabel } }: ErrorReply): boolean {
  return state.flows.some((flow) => flow.flowLabel === flowLabel) || state.rewrittenLabels.includes(flowLabel);
}

/** Fewer than 8 octets of the upper layer and no option: enough to be ours, rarely enough to name one probe. */
function partialHeader(state: TraceState, protocol: Protocol, reply: ErrorReply): MatchResult {
  const { quote, bytes } = reply;
  if (quote.upperOffset === null || quote.upperAvailable < 4) return tooShort(state, reply);
  if (mayBePadding(bytes, quote.upperOffset, quote.upperOffset + 4, quote.end)) return tooShort(state, reply);
  return (
    onlyCandidate(state, protocol, reply) ??
    (portsAreOurs(state, protocol, bytes, quote) ? tooShort(state, reply) : 'foreign')
  );
}

/** As far as they are quoted. */
function portsAreOurs(state: TraceState, protocol: Protocol, bytes: Uint8Array, quote: QuotedPacket): boolean {
  if (protocol === 'icmp6' && quote.upperAvailable < 6) return true;
  return quote.upperOffset !== null && belongsToFlow(state, protocol, bytes, quote.upperOffset);
}

/** PSNTP of every PDM option in the quote that is quoted so far, with the protocol behind its header; null where unknown. */
function quotedNumbers(
  bytes: Uint8Array,
  quote: QuotedPacket,
): { psn: number; protocol: Protocol | null | undefined }[] {
  const numbers: { psn: number; protocol: Protocol | null | undefined }[] = [];
  for (const { kind, offset, length } of quote.headers) {
    if (kind !== NEXT_HEADER.destinationOptions) continue;
    const limit = length < 0 ? quote.end : Math.min(quote.end, offset + length);
    const at = findOption(bytes, offset + OPTIONS_OFFSET.options, limit, OPTION_TYPE.pdm);
    if (at < 0 || at + 6 > quote.end || mayBePadding(bytes, at + 5, at + 6, quote.end)) continue;
    // Behind the option of a fragment is its Fragment header, which may not be quoted; the same goes for other headers.
    const next = readU8(bytes, offset);
    const behind = isExtensionHeader(next) ? (quote.upperProtocol ?? quote.fragment?.nextHeader) : next;
    numbers.push({ psn: readU16(bytes, at + 4), protocol: behind === undefined ? undefined : protocolOf(behind) });
  }
  return numbers;
}

function matchByPsn(state: TraceState, reply: ErrorReply): MatchResult {
  const { bytes, quote } = reply;
  const numbers = quotedNumbers(bytes, quote);
  // The option's first octets and nothing but zeros behind them: the quote may end there.
  if (numbers.length === 0) return tooShort(state, reply);
  let found: Match | null = null;
  let several = false;
  for (let row = 0; row < state.probes.count; row += 1) {
    if (state.probes.arm(row) !== ARM_CODE.pdm || !state.probes.isSent(row)) continue;
    const psn = state.probes.psn(row);
    const protocol = state.flows[state.probes.flow(row)]?.protocol;
    const isNamed = (one: (typeof numbers)[number]): boolean =>
      one.psn === psn && (one.protocol === undefined || one.protocol === protocol);
    if (!numbers.some(isNamed)) continue;
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
  if (found === null) return doubt(state, reply);
  if (several) return doubt(state, reply);
  // Sixteen bits can be guessed; together with a label that only our packets show they cannot.
  return knowsLabel(state, reply) ? found : 'forged';
}

function accept(state: TraceState, row: number, bytes: Uint8Array, reply: ErrorReply): MatchResult {
  if (!state.probes.isSent(row)) return 'forged';
  const findings = compareQuote(state, row, bytes, reply.quote);
  if (!findings.identityHeld) return 'forged';
  if (!findings.nonceHeld) {
    if (findings.identityOctets < 8) return doubt(state, reply);
    const { changes, flowLabelMatches } = findings;
    // Under another destination: number, its own flow label and our source. A translator that changed an address may have
    // changed the checksum with it, and so the number in it.
    const isMoved = changes.includes('destination-rewritten');
    const isUdp = state.flows[state.probes.flow(row)]?.protocol === 'udp';
    if (isUdp && changes.includes('source-rewritten') && reply.quote.pdmOffset === null) return doubt(state, reply);
    if (isMoved && !flowLabelMatches) return doubt(state, reply);
    if (isMoved && changes.includes('source-rewritten')) return doubt(state, reply);
  }
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
