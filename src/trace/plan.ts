/** Which pairs the evidence still lacks (METHOD §6, steps 1 and 3 to 8). Nothing here sends or decides. */
import { emptyPlace } from './evidence.js';
import type { Evidence, PlaceEvidence } from './evidence.js';
import { lossesToBelieve, lostAtTheEnd, passesNeeded } from './explain.js';
import { packetsPerProbe } from './probe-packet.js';
import {
  CLEAN_PAIRS,
  DIFFERING_REPEATS,
  ECHO_PAIRS,
  EXPLAINING_ARMS,
  EXPLAINING_PAIR_CAP,
  FRESH_FLOWS_BEYOND,
  LOCATING_PAIRS,
  LOCATING_PAIR_CAP,
  LOOKS,
  LOST_SINCE_SEEN,
  PAIRS_PER_HOP,
  REPEATS,
  REPEAT_CAP,
  REPORTER_PAIR_CAP,
  RETESTED_FLOWS,
  SILENT_REPEATS,
  SUGGESTIVE_P,
  SILENT_TARGET_PAIRS,
  SYN_SPACING_MS,
  HOPS_BEYOND_TARGET,
  TARGET_PAIRS_ON_BASE_FLOW,
  TARGET_PAIR_CAP,
  THIN_AFTER,
  THIN_SPACING_MS,
  WINDOW,
} from './procedure.js';
import { nearHopsAreSettled, owesPairs, pairsOwed } from './near-hops.js';
import type { NearHops } from './near-hops.js';
import type { Arm, Protocol } from './record.js';
import { lookPValueBar, retestBar } from './significance.js';
import { mcnemarPValue, requiredDiscordantPairs } from './statistics.js';
import { isTooBigForAll, tooBigForOneArm } from './too-big.js';
import { ARM_CODE, PROBE_CAP, PURPOSE, TARGET_HOP_LIMIT, hopRank } from './trace-state.js';
import type { Purpose, TraceState } from './trace-state.js';

/** What the trace is told of others in the same invocation. */
export interface TraceContext {
  /**
   * An address that, anywhere in this run, quoted packets with an extension header (METHOD §5), and did so dependably:
   * a router that reports now and then would make its silence look like a loss.
   */
  isReporter(address: string): boolean;
  /** Target pairs of the icmp6 trace to the same target, for a UDP trace; null when there is none. */
  siblingEcho(): SiblingEcho | null;
  /** The highest hop limit at which other traces to the same target met a router; 0 when there are none. */
  routerSeenByOthers(): number;
  /** Near hops that other traces have measured; null where every hop is to be this trace's own. */
  readonly nearHops: NearHops | null;
}

export interface SiblingEcho {
  readonly plainOnly: number;
  readonly plainArrivals: number;
  readonly pdmArrivals: number;
  /** No more target pairs will be added. */
  readonly settled: boolean;
}

export interface PairWish {
  readonly purpose: Purpose;
  readonly hopLimit: number;
  readonly flow: number | 'fresh';
  readonly protocol: Protocol;
  readonly treatment: Arm;
  /** Lower goes first. */
  readonly rank: number;
  readonly notBeforeNs: number;
  /** Spacing that the responder is owed, and whose budget it is; null while nobody is known to answer there. */
  readonly spacingMs: number;
  readonly responder: string | null;
}

export function planPairs(state: TraceState, evidence: Evidence, context: TraceContext): PairWish[] {
  if (state.probes.count + 2 > PROBE_CAP) return [];
  const wishes: PairWish[] = [];
  if (lossIsPlain(state, evidence)) wishes.push(...planExplanation(state, evidence, TARGET_HOP_LIMIT));
  planTarget(state, evidence, wishes);
  planExploration(state, evidence, context, wishes);
  if (suspectsDrop(evidence) && firstRoundIsOver(state, evidence)) planConfirmation(state, evidence, context, wishes);
  wishes.sort((a, b) => a.rank - b.rank);
  return wishes;
}

// ---- Explaining -----------------------------------------------------------------------------------------------------

/** The target is about to have lost as many packets with the option as a claim needs: there is something to explain. */
function lossIsPlain(state: TraceState, evidence: Evidence): boolean {
  const { lost, pending } = evidence.target;
  if (evidence.pdmArrivals > 0 || lost < LOCATING_PAIRS) return false;
  return lost + pending >= requiredDiscordantPairs(state.limits.confidence) && firstRoundIsOver(state, evidence);
}

/** METHOD §6.12: each arm until one of its packets passes, or enough are lost, at the target or at hop u. */
export function planExplanation(state: TraceState, evidence: Evidence, hopLimit: number): PairWish[] {
  if (!state.limits.explain || state.probes.count + 2 > PROBE_CAP) return [];
  const atTarget = hopLimit === TARGET_HOP_LIMIT;
  const place = atTarget ? evidence.target : evidence.hops[hopLimit];
  const responder = atTarget ? targetBudget(state) : (place?.plainResponders[0] ?? null);
  const wishes: PairWish[] = [];
  const explainWith = (treatment: Arm, arm: PlaceEvidence): void => {
    const wish = wishAt(state, place, PURPOSE.explain, hopLimit, 'fresh', responder, 4 + arm.pairs);
    let notBeforeNs = (place?.lastSentNs ?? Number.NEGATIVE_INFINITY) + (wish.spacingMs / 2) * 1e6;
    for (const [code, other] of evidence.explain) {
      // A pair of which one packet is lost draws one error, half of what the spacing is meant for. Until one passes that is
      // what is to be expected of options.
      const draws = code !== ARM_CODE.long && other.treatedPassed === 0 ? 1 : 2;
      notBeforeNs = Math.max(notBeforeNs, other.lastSentNs + (wish.spacingMs / 2) * draws * 1e6);
    }
    wishes.push({ ...wish, treatment, spacingMs: wish.spacingMs / 2, notBeforeNs });
  };
  let isOpen = false;
  const enoughLost = lossesToBelieve(state, evidence) ?? LOCATING_PAIRS;
  for (const treatment of EXPLAINING_ARMS) {
    const arm = evidence.explain.get(ARM_CODE[treatment]) ?? emptyPlace();
    const isLost = arm.treatedPassed === 0 && arm.lost + arm.pending >= enoughLost;
    const passes = passesNeeded(state, evidence, ARM_CODE[treatment]);
    if (isLost || arm.treatedPassed >= passes || arm.pairs >= EXPLAINING_PAIR_CAP) continue;
    isOpen = true;
    // What is on its way may be all that is needed.
    if (arm.treatedPassed + arm.pending < passes) explainWith(treatment, arm);
  }
  // Last, the option itself again: had the loss ended meanwhile, that the others pass would tell nothing.
  const pdm = evidence.explain.get(ARM_CODE.pdm) ?? emptyPlace();
  const lostEnough = pdm.lost + pdm.pending >= lostAtTheEnd(evidence);
  if (!isOpen && pdm.treatedPassed === 0 && !lostEnough && pdm.pairs < EXPLAINING_PAIR_CAP) explainWith('pdm', pdm);
  return wishes;
}

/** Packets without the option get further than packets with it, and none of the latter arrived. */
export function suspectsDrop(evidence: Evidence): boolean {
  if (evidence.pdmArrivals > 0) return false;
  return evidence.plainArrivals > 0 || evidence.lastPlainHop > evidence.lastPdmHop;
}

// ---- The target -----------------------------------------------------------------------------------------------------

function planTarget(state: TraceState, evidence: Evidence, wishes: PairWish[]): void {
  const { target } = evidence;
  const flow = target.pairs < TARGET_PAIRS_ON_BASE_FLOW ? 0 : 'fresh';
  if (wantsTargetPair(state, evidence)) {
    wishes.push(wishAt(state, target, PURPOSE.target, TARGET_HOP_LIMIT, flow, targetBudget(state), 0));
    return;
  }
  for (const suspect of flowsToRetest(state, evidence)) {
    wishes.push(wishAt(state, target, PURPOSE.retest, TARGET_HOP_LIMIT, suspect, targetBudget(state), 1));
  }
}

/** Echo replies are not errors: they have a budget of their own at the target. */
function targetBudget(state: TraceState): string {
  const { protocol, targetText } = state.identity;
  return protocol === 'udp' ? targetText : `${targetText} ${protocol}`;
}

export function wantsTargetPair(state: TraceState, evidence: Evidence): boolean {
  const { target } = evidence;
  if (target.pairs >= TARGET_PAIR_CAP) return false;
  const counted = target.pairs - target.void;
  if (evidence.pdmArrivals === 0 && tooBigForOneArm(state) !== null) return target.pairs < SILENT_TARGET_PAIRS;
  if (evidence.pdmArrivals > 0) return wantsLook(state, evidence, counted);
  if (evidence.plainArrivals > 0 || target.plainOnly > 0) {
    const required = requiredDiscordantPairs(state.limits.confidence);
    if (target.lost + target.pending < required) return true;
    if (evidence.lastPdmHop > 0 && target.lostSinceSeen + target.pending < LOST_SINCE_SEEN) return true;
    // One refusal is not two: a limited router may need a while to send the second.
    return evidence.pdmRefusals.length === 1 && counted < required + 10;
  }
  return counted < SILENT_TARGET_PAIRS;
}

function wantsLook(state: TraceState, evidence: Evidence, counted: number): boolean {
  const { target } = evidence;
  if (counted < CLEAN_PAIRS) return true;
  if (counted === CLEAN_PAIRS) return target.pending === 0 && (target.both < CLEAN_PAIRS || hopsSuggestLoss(evidence));
  for (const look of LOOKS) {
    if (counted < look) return true;
    if (counted === look) return target.pending === 0 && look < LOOKS[2] && lookSaysGoOn(state, evidence);
  }
  return false;
}

/** At a look: neither significant nor plainly even. */
function lookSaysGoOn(state: TraceState, evidence: Evidence): boolean {
  const { target } = evidence;
  const p = mcnemarPValue(target.plainOnly, target.pdmOnly);
  if (p <= lookPValueBar(state.limits.confidence)) return false;
  return (
    p < 0.5 ||
    hopsSuggestLoss(evidence) ||
    (target.refused > 0 && target.refused < requiredDiscordantPairs(state.limits.confidence))
  );
}

/**
 * Hops that answer some packets with the option lose others more often than chance has it. That claims nothing, since a
 * router may report such packets now and then only; but a few clean pairs at the target are not the end of it.
 */
function hopsSuggestLoss({ hops }: Evidence): boolean {
  let lost = 0;
  let pdmOnly = 0;
  for (const place of hops) {
    if (place === undefined || place.treatedPassed === 0) continue;
    lost += place.lost;
    pdmOnly += place.pdmOnly;
  }
  return mcnemarPValue(lost, pdmOnly) < SUGGESTIVE_P;
}

/** Flows on which only `plain` came through while others carried both: is one of several paths dead? */
export function flowsToRetest(state: TraceState, evidence: Evidence): number[] {
  if (evidence.pdmArrivals === 0 || evidence.target.pending > 0) return [];
  const suspects: number[] = [];
  for (const [flow, place] of evidence.byFlow) {
    if (place.plainOnly > 0 && place.both === 0 && place.pdmOnly === 0) suspects.push(flow);
    if (suspects.length === RETESTED_FLOWS) break;
  }
  const bar = retestBar(state.limits.confidence);
  return suspects.filter((flow) => {
    const place = evidence.retest.get(flow);
    if (place === undefined) return true;
    return place.pending === 0 && place.both + place.pdmOnly === 0 && place.plainOnly < bar && place.pairs < 2 * bar;
  });
}

// ---- Exploring ------------------------------------------------------------------------------------------------------

/** The highest hop limit worth exploring as far as is known. */
export function explorationLimit(state: TraceState, evidence: Evidence): number {
  const { maxHops } = state.limits;
  const { plain, pdm } = evidence.distance;
  if (plain === null) {
    // Beyond a link that is too small for both arms there is nothing to see.
    if (isTooBigForAll(state)) return Math.min(maxHops, evidence.lastPlainHop + WINDOW);
    // Another trace met the target: with a silent one there is no need to look for it far beyond. One that answers is
    // looked for until it is found, since what the other trace was told of its distance may be wrong.
    const { distanceOfOthers } = state.near;
    if (distanceOfOthers === null || evidence.plainArrivals > 0) return maxHops;
    const farthest = Math.max(distanceOfOthers, evidence.lastPlainHop, evidence.lastPdmHop);
    return Math.min(maxHops, farthest + HOPS_BEYOND_TARGET);
  }
  // Packets with the option may take a longer way: follow them until they arrive or fall silent.
  if (evidence.lastPdmHop >= plain && pdm === null) return Math.min(maxHops, evidence.lastPdmHop + WINDOW);
  if (pdm !== null) return Math.min(maxHops, Math.max(plain, pdm));
  return Math.min(maxHops, plain);
}

/**
 * The last hop of the windows that are open. A window opens when each hop of the one before was heard or given up once, and
 * ends where the gap limit would be reached.
 */
function openUpTo(state: TraceState, evidence: Evidence): number {
  const { from, distanceHint } = state.near;
  const limit = Math.max(from, explorationLimit(state, evidence));
  // SYNs that may reach the target are dear: each hop is settled before the next one is tried.
  const window = state.identity.protocol === 'tcp' ? 1 : WINDOW;
  const { gapLimit } = state.limits;
  let lastHeard = from - 1;
  let hop = from;
  for (let end = from - 1 + window; ; end += window) {
    // The target's own quote says how far it is: look there before looking beyond.
    const hinted =
      distanceHint !== null && distanceHint >= from && distanceHint <= end && !isSettled(evidence.hops[distanceHint]);
    const bound = Math.min(limit, lastHeard + gapLimit, hinted ? distanceHint : end);
    for (; hop <= bound; hop += 1) {
      const place = evidence.hops[hop];
      if (place === undefined || !isHeardOrGivenUp(place)) return bound;
      if (!isSilent(place)) lastHeard = hop;
    }
    if (hinted || bound === limit || bound - lastHeard >= gapLimit) return bound;
  }
}

function isSettled(place: PlaceEvidence | undefined): boolean {
  return place !== undefined && place.pairs >= PAIRS_PER_HOP && place.pending === 0;
}

function isHeardOrGivenUp(place: PlaceEvidence): boolean {
  return place.pairs > place.pending || place.plainAnswered > 0 || place.pdmResponders.length > 0;
}

export function isSilent(place: PlaceEvidence | undefined): boolean {
  if (place === undefined) return true;
  return (
    place.both + place.plainOnly + place.pdmOnly === 0 && place.plainAnswered === 0 && place.pdmResponders.length === 0
  );
}

export function firstRoundIsOver(state: TraceState, evidence: Evidence): boolean {
  if (!nearHopsAreSettled(state)) return false;
  const end = openUpTo(state, evidence);
  for (let hop = state.near.from; hop <= end; hop += 1) {
    const place = evidence.hops[hop];
    if (place === undefined || !isHeardOrGivenUp(place)) return false;
  }
  return true;
}

function planExploration(state: TraceState, evidence: Evidence, context: TraceContext, wishes: PairWish[]): void {
  if (state.near.from === 0) return;
  const end = openUpTo(state, evidence);
  const owed = pairsOwed(state, evidence, context.nearHops, (address) => context.isReporter(address));
  for (let hop = state.near.from; hop <= end; hop += 1) {
    const place = evidence.hops[hop];
    const pairs = place === undefined ? 0 : place.pairs - place.void;
    if (place !== undefined && !owesPairs(place, owed(hop))) continue;
    const isNextStep = state.identity.protocol === 'tcp' && pairs === 0;
    const rank = isNextStep ? -1 : 1000 + pairs * TARGET_HOP_LIMIT + hopRank(state, hop);
    wishes.push(wishAt(state, place, PURPOSE.explore, hop, 0, place?.plainResponders[0] ?? null, rank));
  }
}

// ---- Confirming -----------------------------------------------------------------------------------------------------

function planConfirmation(state: TraceState, evidence: Evidence, context: TraceContext, wishes: PairWish[]): void {
  const n = evidence.lastPdmHop;
  if (n > 0 && wantsRepeat(state, evidence)) {
    const place = evidence.hops[n];
    const spaced = { lastSentNs: Math.max(place?.lastSentNs ?? 0, evidence.repeat.lastSentNs) };
    wishes.push(
      wishAt(state, { ...evidence.repeat, ...spaced }, PURPOSE.repeat, n, 0, place?.plainResponders[0] ?? null, 3),
    );
  }
  const targetIsSilent = evidence.plainArrivals === 0;
  const next = nextAnsweringHop(evidence, n);
  const required = requiredDiscordantPairs(state.limits.confidence);
  // With a silent target the pairs that show a refusal must come from the hops beyond it.
  const neededThere = targetIsSilent && evidence.pdmRefusals.length > 0 ? required : LOCATING_PAIRS;
  if (next !== null) planBeyond(state, evidence, next, neededThere, LOCATING_PAIR_CAP, wishes);
  const reporter = reporterBeyond(evidence, n, context);
  if (reporter !== null) {
    planBeyond(
      state,
      evidence,
      reporter,
      Math.max(required, LOCATING_PAIRS),
      targetIsSilent ? REPORTER_PAIR_CAP : LOCATING_PAIR_CAP,
      wishes,
    );
  }
  if (wantsEchoPair(state, evidence, context)) {
    const budget = `${state.identity.targetText} icmp6`;
    const wish = wishAt(state, evidence.echo, PURPOSE.echo, TARGET_HOP_LIMIT, 'fresh', budget, 2);
    wishes.push({ ...wish, protocol: 'icmp6' });
  }
}

/** Most pairs were lost after packets with the option were last seen at n: the loss may have moved nearer. */
export function lossOutlivesN(state: TraceState, evidence: Evidence): boolean {
  const { lost, lostAfterSeen } = evidence.target;
  return (
    evidence.lastPdmHop > 0 &&
    lost >= requiredDiscordantPairs(state.limits.confidence) &&
    lostAfterSeen > LOST_SINCE_SEEN
  );
}

export function wantsRepeat(state: TraceState, evidence: Evidence): boolean {
  const { repeat } = evidence;
  if (repeat.pairs >= REPEAT_CAP) return false;
  if (lossOutlivesN(state, evidence)) return repeat.pending === 0;
  if (repeat.pairs - repeat.void < REPEATS) return true;
  if (repeat.pending > 0) return false;
  if (repeat.pdmIntact === 0) return repeat.lost < SILENT_REPEATS;
  return answersDiffer(evidence) && repeat.pairs < DIFFERING_REPEATS;
}

/** Hop n's repeats were answered by nobody who had answered there before. */
export function answersDiffer({ hops, repeat, lastPdmHop }: Evidence): boolean {
  const before = hops[lastPdmHop];
  if (before === undefined) return false;
  return (
    areDisjoint(before.plainResponders, repeat.plainResponders) ||
    areDisjoint(before.pdmResponders, repeat.pdmResponders)
  );
}

export function areDisjoint(a: readonly string[], b: readonly string[]): boolean {
  return a.length > 0 && b.length > 0 && !a.some((address) => b.includes(address));
}

/** The smallest hop beyond n that answers `plain` itself. */
export function nextAnsweringHop(evidence: Evidence, n: number): number | null {
  for (let hop = n + 1; hop <= evidence.highestHop; hop += 1) {
    if ((evidence.hops[hop]?.plainResponderOnAnyFlow.length ?? 0) > 0) return hop;
  }
  return null;
}

export function reporterBeyond(evidence: Evidence, n: number, context: TraceContext): number | null {
  for (let hop = n + 1; hop <= evidence.highestHop; hop += 1) {
    if (isReporterHop(evidence.hops[hop], context)) return hop;
  }
  return null;
}

export function isReporterHop(place: PlaceEvidence | undefined, context: TraceContext): boolean {
  const responders = place?.plainResponderOnAnyFlow ?? [];
  return responders.length > 0 && responders.every((address) => context.isReporter(address));
}

function planBeyond(
  state: TraceState,
  evidence: Evidence,
  hop: number,
  needed: number,
  cap: number,
  wishes: PairWish[],
): void {
  const place = evidence.hops[hop];
  if (place === undefined || place.pairs >= cap) return;
  if (place.pairs < PAIRS_PER_HOP) return;
  const fresh = place.pairs - PAIRS_PER_HOP;
  if (fresh >= FRESH_FLOWS_BEYOND && place.lost + place.pending >= needed) return;
  wishes.push(wishAt(state, place, PURPOSE.beyond, hop, 'fresh', place.plainResponders[0] ?? null, 2));
}

export function wantsEchoPair(state: TraceState, evidence: Evidence, context: TraceContext): boolean {
  if (state.identity.protocol !== 'udp' || evidence.plainArrivals === 0 || evidence.pdmArrivals > 0) return false;
  if (context.siblingEcho() !== null) return false;
  if (evidence.echo.both + evidence.echo.pdmOnly > 0) return false;
  return evidence.echo.pairs < ECHO_PAIRS;
}

function wishAt(
  state: TraceState,
  place: PlaceEvidence | undefined,
  purpose: Purpose,
  hopLimit: number,
  flow: number | 'fresh',
  responder: string | null,
  rank: number,
): PairWish {
  const thin = place !== undefined && place.plainAnswered > 0 && place.plainSilentRecently >= THIN_AFTER;
  // A router reports each fragment by itself.
  const reports = hopLimit === TARGET_HOP_LIMIT ? 1 : packetsPerProbe(state, state.identity.protocol);
  const shortestMs = Math.max(
    state.limits.hopIntervalMs * reports,
    state.identity.protocol === 'tcp' && hopLimit === TARGET_HOP_LIMIT ? SYN_SPACING_MS : 0,
  );
  const spacingMs = thin ? Math.max(THIN_SPACING_MS * reports, shortestMs) : shortestMs;
  return {
    purpose,
    hopLimit,
    flow,
    protocol: state.identity.protocol,
    treatment: 'pdm',
    rank,
    notBeforeNs: (place?.lastSentNs ?? Number.NEGATIVE_INFINITY) + spacingMs * 1e6,
    spacingMs,
    responder,
  };
}
