/**
 * Packet Too Big (RFC 4443 §3.2): the packet was too long for a link, which says nothing of the option but that it makes
 * packets longer.
 */
import { ICMPV6 } from '../../wire/icmpv6.js';
import { DO16_HEADER_LENGTH } from '../../wire/destination-options.js';
import { replyTo } from '../evidence/pair.js';
import { LEAST_STRAYS, STRAYS_PER_LOST } from '../numbers.js';
import { IPV6_MINIMUM_MTU } from '../probe/probe-fragments.js';
import { probeLength } from '../probe/probe-packet.js';
import type { Reason } from '../reason.js';
import { ARM_CODE, PURPOSE } from '../state/trace-state.js';
import type { ReplySignature, TraceState } from '../state/trace-state.js';

interface TooBig {
  readonly address: string;
  readonly mtu: number;
  readonly plain: number;
  readonly pdm: number;
}

/** By sender and MTU, in the order of their first word. Counts probes. */
function findTooBig(state: TraceState): TooBig[] {
  if (!state.signatures.some(isTooBig)) return [];
  const found = new Map<string, { address: string; mtu: number; plain: number; pdm: number }>();
  for (let row = 0; row < state.probes.count; row += 1) {
    const reply = replyTo(state, row);
    const arm = state.probes.arm(row);
    if (reply === null || !isTooBig(reply) || state.probes.purpose(row) === PURPOSE.explain) continue;
    const { responder: address, mtu } = reply;
    const key = `${address} ${mtu ?? 0}`;
    const entry = found.get(key) ?? { address, mtu: mtu ?? 0, plain: 0, pdm: 0 };
    if (arm === ARM_CODE.plain) entry.plain += 1;
    else if (arm === ARM_CODE.pdm) entry.pdm += 1;
    found.set(key, entry);
  }
  return [...found.values()];
}

function isTooBig({ type }: ReplySignature): boolean {
  return type === ICMPV6.packetTooBig;
}

/**
 * Some packets with the option were too long, on some ways at least: that the others are lost may be for their length too. One
 * word of an MTU that no such link may have is anybody's; who says it of many is believed.
 */
export function isTooBigWithOption(state: TraceState, lost: number): boolean {
  const longest = longestProbe(state);
  return findTooBig(state).some(({ mtu, pdm }) => {
    const isPossible = mtu >= IPV6_MINIMUM_MTU && mtu < longest;
    return pdm > 0 && (isPossible || (pdm >= LEAST_STRAYS && pdm >= lost * STRAYS_PER_LOST));
  });
}

function longestProbe(state: TraceState): number {
  return probeLength(state, ARM_CODE.plain, state.identity.protocol) + DO16_HEADER_LENGTH;
}

/** Packets without the option are too long as well. */
export function isTooBigForAll(state: TraceState): boolean {
  return findTooBig(state).some(({ plain }) => plain > 0);
}

/** Whether shorter probes would pass a link of this MTU. No link may be smaller than IPv6 allows: whoever says so is not to be followed. */
function wouldFit(state: TraceState, mtu: number): boolean {
  return !state.identity.fragmented && mtu >= IPV6_MINIMUM_MTU && mtu < longestProbe(state);
}

/** A sentence for each router that said so, with what to do about it. */
export function describeTooBig(state: TraceState): string[] {
  return findTooBig(state).map(({ address, mtu, plain, pdm }) => {
    const said = `Packet Too Big from ${address} (MTU ${mtu}) for ${plain} packets without the option and ${pdm} with it.`;
    return wouldFit(state, mtu) ? `${said} Give --size ${mtu - DO16_HEADER_LENGTH} or less, or --fragment.` : said;
  });
}

/** The same as a reason; null where nobody said so. */
export function tooBigReason(state: TraceState): Reason | null {
  const says = describeTooBig(state).join(' ');
  if (says === '') return null;
  const fits = findTooBig(state).some(({ mtu }) => wouldFit(state, mtu));
  return fits ? { says, settledBy: 'smaller-probes' } : { says, settledBy: 'other-way' };
}
