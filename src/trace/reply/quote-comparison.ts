/**
 * A quote held against the probe that it claims to quote, field by field (METHOD: Replies). Differences that the way may
 * make are findings; only identity decides whether the quote is ours.
 */
import { readU16, readU32, readU8 } from '../../wire/big-endian.js';
import { FRAGMENT_HEADER_LENGTH } from '../../wire/fragment.js';
import { IPV6_HEADER_LENGTH, IPV6_OFFSET, NEXT_HEADER } from '../../wire/ipv6.js';
import type { QuotedPacket } from '../../wire/quoted-packet.js';
import { locateOwnHeader } from './own-header.js';
import {
  UPPER_PROTOCOL,
  cutOf,
  encodeFragment,
  encodeWholeProbe,
  extensionLength,
  MAX_PROBE_LENGTH,
  NONCE_LENGTH,
  nonceOffset,
  PAYLOAD_OFFSET,
  probeLength,
} from '../probe/probe-packet.js';
import type { Protocol } from '../../record/record.js';
import { ARM_CODE } from '../state/trace-state.js';
import type { TraceState } from '../state/trace-state.js';

/** METHOD: Replies. `intact` is null where no option was sent, or the quote ends before it can be told. */
export interface QuoteFindings {
  /** The nonce, with the probe's number behind it, is in the quote and is ours. */
  readonly nonceHeld: boolean;
  /** Every identifying octet that the quote holds is ours. */
  readonly identityHeld: boolean;
  /** Ports or identifier are quoted and ours, and nothing that is quoted is somebody else's, the checksum apart. */
  readonly flowHeld: boolean;
  /** The quoted source or destination is not what was sent: whoever changed it may have changed the checksum with it. */
  readonly addressRewritten: boolean;
  /** How many octets of identity the quote holds besides the addresses. */
  readonly identityOctets: number;
  /** How many octets of the upper layer the quote holds. */
  readonly upperHeld: number;
  readonly intact: boolean | null;
  /** Intact, and all of the option header's octets are quoted. */
  readonly intactWhole: boolean;
  readonly stripped: boolean;
  readonly altered: boolean;
  /** Kinds of extension headers that the way put in, in their order: 'hop-by-hop', 'routing', 'ah', 'destination-options' … */
  readonly inserted: readonly string[];
  readonly quotedHopLimit: number;
  readonly flowLabelMatches: boolean;
  /** Which fragment of the probe is quoted, 0 for the first; null where the probe, or what is quoted of it, is no fragment. */
  readonly fragment: number | null;
  /** The Fragment header's identification is quoted and is this probe's. */
  readonly fragmentIdHeld: boolean;
  readonly changes: readonly string[];
}

/** First octets of the option header without which a quote does not show it: up to PSNTP for PDM, else up to its length. */
function decisiveOctets(arm: number): number {
  return arm === ARM_CODE.pdm ? 8 : 4;
}

/** Of which part of the header an octet is, up to the option's length; what follows is its data, and padding in PDM's. */
const PARTS = ['header', 'header', 'type', 'length'] as const;

/** The nonce, the number and its complement: together they name one probe, in parts they may be pieced together. */
const IDENTITY_LENGTH = NONCE_LENGTH + 4;

/** Of the identification, in a Fragment header. */
const FRAGMENT_ID_OFFSET = 4;

const NO_CHANGES: readonly string[] = [];
let expected = new Uint8Array(MAX_PROBE_LENGTH);

/** The identity of a later fragment: next header, offset and identification name it as 8 octets of an upper layer do. */
const FRAGMENT_IDENTITY = 8;

/**
 * Which packet of the probe is quoted. A target that put the fragments together quotes a packet without Fragment header.
 * Null for the whole probe.
 */
function quotedFragment(
  state: TraceState,
  row: number,
  protocol: Protocol,
  bytes: Uint8Array,
  quote: QuotedPacket,
): number | null {
  const arm = state.probes.arm(row);
  const cut = cutOf(state, arm, protocol);
  if (cut === null) return null;
  if (quote.fragment !== null) return Math.min(cut.count - 1, Math.floor(quote.fragment.fragmentOffset / cut.piece));
  const whole = quote.payloadLength === probeLength(state, arm, protocol) - IPV6_HEADER_LENGTH;
  const options = quote.headers.findLast(({ kind }) => kind === NEXT_HEADER.destinationOptions);
  const behind = options === undefined ? quote.nextHeader : readU8(bytes, options.offset);
  if (whole || (behind !== NEXT_HEADER.fragment && behind !== NEXT_HEADER.destinationOptions)) return null;
  // Cut off before the offset: the last one differs in length from the others.
  const last = quote.payloadLength === extensionLength(arm) + FRAGMENT_HEADER_LENGTH + cut.last;
  return last ? cut.count - 1 : 0;
}

function encodeExpected(state: TraceState, row: number, protocol: Protocol, fragment: number | null): number {
  const room = probeLength(state, state.probes.arm(row), protocol) + FRAGMENT_HEADER_LENGTH;
  if (expected.length < room) expected = new Uint8Array(room);
  return fragment === null
    ? encodeWholeProbe(state, row, expected, 0)
    : encodeFragment(state, row, fragment, expected, 0);
}

/** The whole packet that was encoded last, and nothing of it changed but the hop limit: so are nearly all quotes. */
function isQuotedAsSent(bytes: Uint8Array, { start, end }: QuotedPacket, length: number): boolean {
  if (end - start !== length) return false;
  for (let i = 0; i < length; i += 1) {
    if (bytes[start + i] !== expected[i] && i !== IPV6_OFFSET.hopLimit) return false;
  }
  return true;
}

/** What `compareQuote` finds by looking closer where there is nothing to find. */
function asSent(
  state: TraceState,
  arm: number,
  protocol: Protocol,
  length: number,
  quote: QuotedPacket,
): QuoteFindings {
  const extension = extensionLength(arm);
  const upperHeld = length - IPV6_HEADER_LENGTH - extension;
  const nonceAt = nonceOffset(state, protocol);
  return {
    nonceHeld: nonceAt !== null && upperHeld >= nonceAt + IDENTITY_LENGTH,
    identityHeld: true,
    flowHeld: true,
    addressRewritten: false,
    upperHeld,
    identityOctets: 8 + (extension > 0 ? decisiveOctets(arm) : 0),
    intact: extension > 0 ? true : null,
    intactWhole: extension > 0,
    stripped: false,
    altered: false,
    inserted: NO_CHANGES,
    quotedHopLimit: quote.hopLimit,
    flowLabelMatches: true,
    fragment: null,
    fragmentIdHeld: false,
    changes: NO_CHANGES,
  };
}

/**
 * Holds a quote against probe `row`, encoded again as it was sent. No quote makes it throw: a cut or padded one leaves findings open
 * (`intact` null) and makes none. `bytes` holds the packet that `quote` was parsed from.
 */
export function compareQuote(state: TraceState, row: number, bytes: Uint8Array, quote: QuotedPacket): QuoteFindings {
  const arm = state.probes.arm(row);
  const flow = state.flows[state.probes.flow(row)];
  const protocol = flow?.protocol ?? 'udp';
  const fragment = quotedFragment(state, row, protocol, bytes, quote);
  const length = encodeExpected(state, row, protocol, fragment);
  if (fragment === null && isQuotedAsSent(bytes, quote, length)) return asSent(state, arm, protocol, length, quote);
  const behindOptions = fragment === null ? UPPER_PROTOCOL[protocol] : NEXT_HEADER.fragment;
  const extension = extensionLength(arm);
  const start = quote.start;
  const expectedPayload = length - IPV6_HEADER_LENGTH;
  const changes: string[] = [];

  const flowLabelMatches = quote.flowLabel === (flow?.flowLabel ?? 0);
  if (!flowLabelMatches) changes.push('flow-label-rewritten');
  if (quote.trafficClass !== 0) changes.push('traffic-class-rewritten');
  for (let i = 0; i < 16; i += 1) {
    if (bytes[start + IPV6_OFFSET.source + i] !== expected[IPV6_OFFSET.source + i]) {
      changes.push('source-rewritten');
      break;
    }
  }
  for (let i = 0; i < 16; i += 1) {
    if (bytes[start + IPV6_OFFSET.destination + i] !== expected[IPV6_OFFSET.destination + i]) {
      changes.push('destination-rewritten');
      break;
    }
  }

  // RFC 4884 pads quotes with zeros: from here on nothing is known.
  let knownEnd = quote.end;
  const begin = start + IPV6_HEADER_LENGTH;
  while (knownEnd > begin && bytes[knownEnd - 1] === 0) knownEnd -= 1;

  const sent = {
    octets: expected,
    length: extension,
    nextHeader: behindOptions,
    payloadLength: expectedPayload,
    fragmented: fragment !== null,
  };
  const places = locateOwnHeader(bytes, quote, sent, knownEnd);
  const { stripped, inserted } = places;
  const nextHeaderDiffers = inserted.length === 0 && quote.nextHeader !== readU8(expected, IPV6_OFFSET.nextHeader);
  for (const kind of new Set(inserted)) changes.push(`inserted-${kind}`);
  if (stripped) changes.push('stripped');
  else {
    if (!places.lengthFits) changes.push('payload-length-rewritten');
    if (nextHeaderDiffers) changes.push('next-header-rewritten');
  }

  // The extension header.
  const extensionStart = places.own;
  let extensionHeld = 0;
  const parts = new Set<string>();
  let psnDiffers = false;
  if (extension > 0 && extensionStart !== null) {
    for (let i = 0; i < extension; i += 1) {
      const at = extensionStart + i;
      if (at >= quote.end) break;
      if (bytes[at] !== expected[IPV6_HEADER_LENGTH + i] && !(i === 0 && places.insertedBehind)) {
        if (at >= knownEnd) break;
        parts.add(PARTS[i] ?? 'data');
        if (arm === ARM_CODE.pdm && (i === 6 || i === 7)) psnDiffers = true;
      }
      extensionHeld += 1;
    }
  }
  const altered = extension > 0 && !stripped && (parts.size > 0 || (nextHeaderDiffers && extensionHeld > 0));
  if (altered) changes.push('option-altered', ...[...parts].map((part) => `option-${part}-altered`));
  const decisive = decisiveOctets(arm);
  const intact = extension === 0 ? null : stripped || altered ? false : extensionHeld >= decisive ? true : null;

  const fragmentHeader = fragment === null ? 0 : FRAGMENT_HEADER_LENGTH;
  const fragmentIdHeld =
    fragment !== null &&
    quote.fragment?.identification === readU32(expected, IPV6_HEADER_LENGTH + extension + FRAGMENT_ID_OFFSET);
  const fragmentIdDiffers = fragment !== null && quote.fragment !== null && !fragmentIdHeld;
  if (fragmentIdDiffers) changes.push('fragment-header-rewritten');

  // The upper layer, where the quote's own chain puts it, else where it was sent. A later fragment has a piece of it.
  const isLater = fragment !== null && fragment > 0;
  const upperStart = quote.upperOffset ?? quote.fragment?.dataOffset ?? places.behind + fragmentHeader;
  const expectedUpper = IPV6_HEADER_LENGTH + extension + fragmentHeader;
  const upperLength = length - expectedUpper;
  const nonceAt = isLater ? 0 : nonceOffset(state, protocol);
  let upperHeld = 0;
  let headerDiffers = false;
  let checksumDiffers = false;
  let nonceDiffers = false;
  let payloadDiffers = false;
  for (let i = 0; i < upperLength; i += 1) {
    const at = upperStart + i;
    if (at >= quote.end) break;
    if (bytes[at] !== expected[expectedUpper + i]) {
      if (at >= knownEnd) break;
      if (nonceAt !== null && i >= nonceAt && i < nonceAt + IDENTITY_LENGTH) nonceDiffers = true;
      else if (!isLater && isChecksumOctet(protocol, i)) checksumDiffers = true;
      else if (!isLater && i < 8) headerDiffers = true;
      else payloadDiffers = true;
    }
    upperHeld += 1;
  }
  const nonceHeld = nonceAt !== null && !nonceDiffers && upperHeld >= nonceAt + IDENTITY_LENGTH;
  if (nonceHeld) {
    if (headerDiffers) changes.push('upper-layer-header-rewritten');
    if (checksumDiffers) changes.push('checksum-rewritten');
    if (payloadDiffers) changes.push('payload-altered');
  }
  const addressRewritten = changes.includes('source-rewritten') || changes.includes('destination-rewritten');
  const checksumSpeaks = checksumDiffers && !addressRewritten;
  const optionIdentity = extension > 0 && !stripped ? Math.min(extensionHeld, decisive) : 0;
  return {
    nonceHeld,
    identityHeld:
      !nonceDiffers &&
      (nonceHeld ||
        !(headerDiffers || checksumSpeaks || psnDiffers || fragmentIdDiffers || (altered && upperHeld < 8))),
    flowHeld: !isLater && !headerDiffers && !nonceDiffers && upperHeld >= (protocol === 'icmp6' ? 6 : 4),
    addressRewritten,
    upperHeld: isLater ? 0 : upperHeld,
    identityOctets: (isLater ? (fragmentIdHeld ? FRAGMENT_IDENTITY : 0) : Math.min(upperHeld, 8)) + optionIdentity,
    intact,
    intactWhole: intact === true && extensionHeld >= extension,
    stripped,
    altered,
    inserted,
    quotedHopLimit: quote.hopLimit,
    flowLabelMatches,
    fragment,
    fragmentIdHeld,
    changes: changes.length === 0 ? NO_CHANGES : changes,
  };
}

/** Address translators rewrite the checksum together with the address. TCP's lies beyond the first 8 octets. */
function isChecksumOctet(protocol: string, index: number): boolean {
  if (protocol === 'udp') return index === 6 || index === 7;
  if (protocol === 'tcp') return index === 16 || index === 17;
  return index === 2 || index === 3;
}

/**
 * The nonce as the quote or payload holds it at `at`: ours, somebody else's, or absent. Octets of a nonce are never zero,
 * so zeros there are RFC 4884 padding, and a quote that ends within the nonce holds a part of it.
 */
export function readNonce(state: TraceState, bytes: Uint8Array, at: number, end: number): 'ours' | 'other' | 'absent' {
  const { nonce } = state.identity.secrets;
  let same = 0;
  for (let i = 0; i < NONCE_LENGTH && at + i < end; i += 1) {
    const octet = bytes[at + i] ?? 0;
    if (octet === nonce[i]) same += 1;
    else if (octet !== 0) return 'other';
  }
  return same === NONCE_LENGTH ? 'ours' : 'absent';
}

/** The number after a nonce that is ours; null when it is cut off or does not agree with its complement. */
export function readPayloadNumber(state: TraceState, bytes: Uint8Array, nonceAt: number, end: number): number | null {
  const at = nonceAt + PAYLOAD_OFFSET.number - PAYLOAD_OFFSET.nonce;
  if (at + 4 > end || at < nonceAt + NONCE_LENGTH) return null;
  const number = readU16(bytes, at);
  if ((number ^ 0xffff) !== readU16(bytes, at + 2)) return null;
  return number < state.probes.count ? number : null;
}
