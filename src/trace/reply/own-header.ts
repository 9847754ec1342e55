/**
 * Where in a quote our option header is, and which headers the way put in beside it (METHOD: PDM on the wire). Routers
 * put headers in front of ours (Hop-by-Hop, a routing header, AH, another Destination Options header); ours is where the
 * chain says, and what was put in is told by the length of the packet: it has grown by as much.
 */
import { findOption, OPTIONS_OFFSET, OPTION_TYPE } from '../../wire/destination-options.js';
import { EXTENSION_HEADER_NAMES } from '../../wire/extension-chain.js';
import { IPV6_HEADER_LENGTH, NEXT_HEADER } from '../../wire/ipv6.js';
import type { QuotedHeader, QuotedPacket } from '../../wire/quoted-packet.js';

/** What was sent, as far as it matters here. */
export interface SentHeader {
  /** The packet as sent. */
  readonly octets: Uint8Array;
  /** Octets of our option header in it, right behind the IPv6 header; 0 where the arm has none. */
  readonly length: number;
  /** What it announces as the next header; without it, what the IPv6 header does. */
  readonly nextHeader: number;
  /** Of the packet as sent. */
  readonly payloadLength: number;
  /** A Fragment header is ours. */
  readonly fragmented: boolean;
}

/** Where, in a quote, our extension header is and what stands before it. */
export interface HeaderPlaces {
  /** Where our option header begins, or should begin, in the parsed buffer; null where the quote ends before that is known. */
  readonly own: number | null;
  /** Our header is gone and the packet is shorter by it. */
  readonly stripped: boolean;
  /** Kinds of the headers that are not ours, in order. */
  readonly inserted: readonly string[];
  /** One of them stands right behind ours, whose next-header octet therefore names it. */
  readonly insertedBehind: boolean;
  /** The payload length is that of our packet with these headers. */
  readonly lengthFits: boolean;
  /** Where the upper layer (or our Fragment header) begins where the chain does not say so. */
  readonly behind: number;
}

const NOTHING: readonly string[] = [];
/** A header of which all that is quoted is ours beats any that has an octet of another value. */
const ALL_OURS = 100;

/** `knownEnd`: zeros from there on may be padding. */
export function locateOwnHeader(
  bytes: Uint8Array,
  quote: QuotedPacket,
  sent: SentHeader,
  knownEnd: number,
): HeaderPlaces {
  const begin = quote.start + IPV6_HEADER_LENGTH;
  // Of most packets without an option: nothing was put in.
  if (sent.length === 0 && quote.headers.length === 0) {
    const lengthFits = isSame(quote, sent);
    return { own: null, stripped: false, inserted: NOTHING, insertedBehind: false, lengthFits, behind: begin };
  }
  const fragmentAt = sent.fragmented ? quote.headers.findIndex(({ kind }) => kind === NEXT_HEADER.fragment) : -1;
  const others = quote.headers.filter((_, index) => index !== fragmentAt);
  if (sent.length > 0) {
    const own = ownOptions(bytes, quote, sent, others, knownEnd);
    if (own !== null) return withOwn(quote, sent, others, own);
  }
  return withoutOwn(bytes, quote, sent, fragmentAt, others, begin, knownEnd);
}

function withOwn(
  quote: QuotedPacket,
  sent: SentHeader,
  others: readonly QuotedHeader[],
  own: QuotedHeader,
): HeaderPlaces {
  const at = others.indexOf(own);
  const front = others.slice(0, at);
  let back = others.slice(at + 1);
  const room = quote.payloadLength - sent.payloadLength - lengthOf(front);
  // What follows a changed next-header octet is no header at all: the packet has not grown.
  if (lengthOf(back) > room) back = [];
  return {
    own: own.offset,
    stripped: false,
    inserted: namesOf([...front, ...back]),
    insertedBehind: back[0]?.offset === own.offset + sent.length,
    lengthFits: fits(quote, sent.payloadLength, [...front, ...back]),
    behind: own.offset + sent.length,
  };
}

function withoutOwn(
  bytes: Uint8Array,
  quote: QuotedPacket,
  sent: SentHeader,
  fragmentAt: number,
  others: readonly QuotedHeader[],
  begin: number,
  knownEnd: number,
): HeaderPlaces {
  // Up to our Fragment header, or to the end of what is quoted of the chain.
  const front = fragmentAt < 0 ? others : quote.headers.slice(0, fragmentAt);
  const last = front.at(-1);
  const isWhole = last === undefined || (last.length > 0 && last.offset + last.length <= quote.end);
  const behind = last === undefined ? begin : last.offset + Math.max(last.length, 0);
  const leadsTo = last === undefined ? quote.nextHeader : (bytes[last.offset] ?? 0);
  const shorter = sent.payloadLength - sent.length;
  const common = { inserted: namesOf(others), insertedBehind: false, behind };
  const grown = lengthOf(others);
  if (sent.length === 0) {
    // With no room for them they are none: the next-header octet was changed, and led astray.
    if (quote.payloadLength < sent.payloadLength + grown && others.length > 0) {
      return {
        ...common,
        own: null,
        stripped: false,
        inserted: NOTHING,
        lengthFits: isSame(quote, sent),
        behind: begin,
      };
    }
    return { ...common, own: null, stripped: false, lengthFits: fits(quote, sent.payloadLength, others) };
  }
  const first = others[0];
  // Our octets under another header's name: nothing was put in, the next-header octet was changed.
  if (first !== undefined && isSame(quote, sent) && likeness(bytes, quote, sent, first, knownEnd) > 0) {
    const ownEnd = begin + sent.length;
    return { own: begin, stripped: false, inserted: NOTHING, insertedBehind: false, lengthFits: true, behind: ownEnd };
  }
  if (isWhole && leadsTo === sent.nextHeader && quote.payloadLength === shorter + grown) {
    return { ...common, own: null, stripped: true, lengthFits: true };
  }
  const lengthFits = fits(quote, sent.payloadLength, others);
  if (!isWhole && quote.payloadLength >= shorter + grown) return { ...common, own: null, stripped: false, lengthFits };
  if (isWhole && leadsTo === NEXT_HEADER.destinationOptions) {
    return { ...common, own: behind, stripped: false, lengthFits, behind: behind + sent.length };
  }
  // Our header was sent and is not announced: its place tells what became of it.
  const own = quote.payloadLength >= sent.payloadLength + grown ? behind : begin;
  return {
    ...common,
    own,
    stripped: false,
    inserted: own === begin ? NOTHING : common.inserted,
    lengthFits: own === begin ? isSame(quote, sent) : lengthFits,
    behind: own + sent.length,
  };
}

/** Of several Destination Options headers the one that has our option, or else the one that there is room for. */
function ownOptions(
  bytes: Uint8Array,
  quote: QuotedPacket,
  sent: SentHeader,
  others: readonly QuotedHeader[],
  knownEnd: number,
): QuotedHeader | null {
  let best: QuotedHeader | null = null;
  let bestScore = 0;
  let last: QuotedHeader | null = null;
  for (const header of others) {
    if (header.kind !== NEXT_HEADER.destinationOptions) continue;
    last = header;
    const score = likeness(bytes, quote, sent, header, knownEnd);
    if (score <= bestScore) continue;
    best = header;
    bestScore = score;
  }
  if (best !== null || last === null) return best;
  // None has our option. Where all of them are new, ours is gone; else one of them is what became of ours.
  const total = lengthOf(others);
  const isReplaced = last.length === sent.length && quote.payloadLength === sent.payloadLength + total - last.length;
  if (!isReplaced && quote.payloadLength === sent.payloadLength - sent.length + total) return null;
  return last;
}

/** How much of the header is our option: 0 where nothing is. */
function likeness(
  bytes: Uint8Array,
  quote: QuotedPacket,
  { octets, length }: SentHeader,
  header: QuotedHeader,
  knownEnd: number,
): number {
  let equal = 0;
  let differs = false;
  for (let i = 1; i < length && header.offset + i < quote.end; i += 1) {
    if (bytes[header.offset + i] === octets[IPV6_HEADER_LENGTH + i]) equal += 1;
    else if (header.offset + i >= knownEnd) break;
    else differs = true;
  }
  if (!differs) return ALL_OURS + equal;
  const limit = header.length < 0 ? quote.end : Math.min(quote.end, header.offset + header.length);
  const type = octets[IPV6_HEADER_LENGTH + OPTIONS_OFFSET.options] ?? OPTION_TYPE.pdm;
  return findOption(bytes, header.offset + OPTIONS_OFFSET.options, limit, type) < 0 ? 0 : 1 + equal;
}

function isSame(quote: QuotedPacket, sent: SentHeader): boolean {
  return quote.payloadLength === sent.payloadLength;
}

/** A chain of which the end is not quoted may go on with further headers that are not ours. */
function fits(quote: QuotedPacket, expected: number, inserted: readonly QuotedHeader[]): boolean {
  const grown = expected + lengthOf(inserted);
  if (quote.payloadLength === grown) return true;
  return inserted.length > 0 && quote.upperOffset === null && quote.payloadLength > grown;
}

function lengthOf(headers: readonly QuotedHeader[]): number {
  let sum = 0;
  for (const { length } of headers) sum += Math.max(length, 0);
  return sum;
}

function namesOf(headers: readonly QuotedHeader[]): readonly string[] {
  return headers.length === 0 ? NOTHING : headers.map(({ kind }) => EXTENSION_HEADER_NAMES[kind] ?? `header-${kind}`);
}
