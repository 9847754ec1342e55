/**
 * Routers that quote too little to name a probe (IPv6 header and a few octets). Such a quote places nothing; but of a packet
 * with the option it says that the option got as far as that router. That is in doubt only where the router may stand
 * beyond n: it stands where probes met it that it quoted enough of, or where, of those that it may have quoted, one is still
 * unanswered.
 */
import { formatAddress } from '../../address/address.js';
import { compareQuote } from './quote-comparison.js';
import type { ErrorReply } from './reply.js';
import { isExpired } from './words.js';
import { ARM_CODE, signatureOf } from '../state/trace-state.js';
import type { TraceState, WeakRouter } from '../state/trace-state.js';

/** A path has few; what names more is made up. */
const MOST_ROUTERS = 64;
const MOST_SIGHTINGS = 8;
const MOST_CANDIDATES = 64;

/** Takes in a router's Time Exceeded that shows our label and names no probe. Returns whether it leaves a doubt. */
export function noteWeakQuote(state: TraceState, reply: ErrorReply): boolean {
  const rows = candidatesOf(state, reply);
  // Of a packet without the option it says nothing that matters.
  const isTreated = rows.length === 0 || rows.some((row) => isTreatedArm(state, row));
  const address = formatAddress(reply.source);
  let router = state.weakQuotes.get(address);
  if (router === undefined) {
    if (state.weakQuotes.size >= MOST_ROUTERS) return isTreated;
    router = { quotes: 0, doubts: 0, sightings: [] };
    state.weakQuotes.set(address, router);
  }
  router.quotes += 1;
  if (rows.length > 0 && rows.length <= MOST_CANDIDATES && router.sightings.length < MOST_SIGHTINGS) {
    router.sightings.push(rows);
  }
  const upTo = highestIntact(state);
  if (!isTreated || standsWithin(state, router, upTo) || isMetWithin(state, address, upTo)) return false;
  router.doubts += 1;
  return true;
}

/** Takes back the doubts about routers that are known by now to stand at n or before. */
export function settleWeakQuotes(state: TraceState): void {
  const isDoubted = [...state.weakQuotes.values()].some(({ doubts }) => doubts > 0);
  if (!isDoubted) return;
  const upTo = highestIntact(state);
  for (const [address, router] of state.weakQuotes) {
    if (router.doubts === 0) continue;
    if (!standsWithin(state, router, upTo) && !isMetWithin(state, address, upTo)) continue;
    state.counters.ambiguous = Math.max(0, state.counters.ambiguous - router.doubts);
    router.doubts = 0;
  }
}

function candidatesOf(state: TraceState, { bytes, quote }: ErrorReply): number[] {
  const { probes } = state;
  const rows: number[] = [];
  for (let row = 0; row < probes.count && rows.length <= MOST_CANDIDATES; row += 1) {
    if (!probes.isSent(row) || probes.reply(row) !== null) continue;
    const flow = state.flows[probes.flow(row)];
    if (flow?.flowLabel !== quote.flowLabel && !state.rewrittenLabels.includes(quote.flowLabel)) continue;
    const { altered, changes } = compareQuote(state, row, bytes, quote);
    if (altered || changes.some((change) => UNLIKE.has(change))) continue;
    rows.push(row);
  }
  return rows;
}

/** A packet of another arm. */
const UNLIKE: ReadonlySet<string> = new Set(['payload-length-rewritten', 'next-header-rewritten', 'stripped']);

function isTreatedArm({ probes }: TraceState, row: number): boolean {
  const arm = probes.arm(row);
  return arm !== ARM_CODE.plain && arm !== ARM_CODE.long;
}

/** One place for all sightings, and it is not beyond `upTo`. Probes that others have answered since were not what it quoted. */
function standsWithin(state: TraceState, { sightings }: WeakRouter, upTo: number): boolean {
  const open = sightings.map((rows) =>
    rows.filter((row) => state.probes.reply(row) === null).map((row) => state.probes.hopLimit(row)),
  );
  const [first, ...rest] = open;
  const places = first?.filter((hopLimit) => rest.every((other) => other.includes(hopLimit))) ?? [];
  return places.length > 0 && places.every((hopLimit) => hopLimit <= upTo);
}

/** Probes that it quoted enough of met this router, and none of them beyond `upTo`. */
function isMetWithin(state: TraceState, address: string, upTo: number): boolean {
  const { probes } = state;
  let isMet = false;
  for (let row = 0; row < probes.count; row += 1) {
    const reply = signatureOf(state, row);
    if (reply === undefined || !isExpired(reply) || reply.responder !== address) continue;
    if (probes.hopLimit(row) > upTo) return false;
    isMet = true;
  }
  return isMet;
}

/** Up to this hop the option is known to have got: n, as far as replies go. */
function highestIntact(state: TraceState): number {
  const { probes } = state;
  let highest = 0;
  for (let row = 0; row < probes.count; row += 1) {
    if (probes.arm(row) !== ARM_CODE.pdm || probes.hopLimit(row) <= highest) continue;
    const reply = signatureOf(state, row);
    if (reply !== undefined && isExpired(reply) && reply.intact === true) highest = probes.hopLimit(row);
  }
  return highest;
}
