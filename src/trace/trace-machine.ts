/**
 * The measurement of one target with one protocol, as a state machine that knows no clock, no socket and no randomness:
 *
 *   step(now)      → the pairs worth sending now, or until when to wait, or that all is known
 *   addPair(wish)  → two rows of probes, in random order (probe/sending.ts)
 *   markSent, markFailed; observe(reply) (reply/observe.ts)
 *   judgeTrace(now)
 *
 * A step observes, makes the case (case.ts), lets every claim say where it stands (claims/) and passes on what the open ones
 * want.
 */
import { makeCase } from './case.js';
import type { Case } from './case.js';
import { weigh } from './claims/claims.js';
import type { Standings } from './claims/claims.js';
import { standOfPath } from './claims/same-path.js';
import { looksLost, probeCap } from './evidence/target-pairs.js';
import { noteAsked } from './evidence/reference.js';
import { aloneWishes, explorationWishes, firstRoundIsOver, isAloneOver } from './explore.js';
import { nearHopsAreSettled, settleNearHops } from './near-hops.js';
import { ALONE_NS, PARTED_SHARE, PART_RESTS_NS, PATIENCE_NS, PLACEBOS_TO_PART, PROBE_CAP } from './numbers.js';
import type { Arm, VerdictRecord } from '../record/record.js';
import type { TraceState } from './state/trace-state.js';
import { tell } from './told-to-others.js';
import type { TraceContext } from './trace-context.js';
import type { PairWish } from './wish.js';
import { writeVerdict } from './write-verdict.js';

/** What the engine is to do with the trace next. Times are nanoseconds of the engine's clock. */
export type Step =
  /** `deadlineNs`: when the next pending probe is given up, which may change the wishes. */
  | {
      readonly kind: 'send';
      readonly wishes: readonly PairWish[];
      /** No more of them than this may be granted. */
      readonly mostPairs: number;
      readonly deadlineNs: number | null;
    }
  /** `untilNs` is null when only a reply or another trace can bring news. */
  | { readonly kind: 'wait'; readonly untilNs: number | null }
  | { readonly kind: 'done' };

/**
 * What to do next, from all that is known: called again after each answer and at each time that it names. It notes what it
 * learns in `state` (a changed path, counts begun again), so that its calls are no mere questions.
 */
export function step(state: TraceState, context: TraceContext, nowNs: number): Step {
  if (state.interrupted || state.sendError !== null) return { kind: 'done' };
  const trace = makeCase(state, context, nowNs);
  if (takeIn(trace)) return { kind: 'wait', untilNs: nowNs };
  state.told = tell(trace);
  noteAsked(trace);
  shareNearHops(trace);
  if (!isAloneOver(trace)) return aloneStep(trace);
  const standings = weigh(trace);
  noteExpectations(trace);
  const wishes = wishesOf(trace, standings);
  const deadlineNs = earliest(trace, standings);
  if (wishes.length > 0) return { kind: 'send', wishes, mostPairs: roomFor(trace), deadlineNs };
  if (standings.verdict !== null && trace.pendingProbes === 0) return { kind: 'done' };
  const isOpen = standings.verdict !== null || standings.stands.some(({ standing }) => standing.is === 'open');
  if (trace.pendingProbes > 0) return { kind: 'wait', untilNs: deadlineNs };
  if (!nearHopsAreSettled(state) && state.probes.count + 2 <= PROBE_CAP) return { kind: 'wait', untilNs: null };
  // Nothing is out, nothing is wanted, and no time is waited for: what is open stays so.
  if (!isOpen || deadlineNs === null || isOutOfPatience(trace)) return { kind: 'done' };
  return { kind: 'wait', untilNs: deadlineNs };
}

/** METHOD: Claims. Traces to one target that wait for each other would do so for ever. */
function isOutOfPatience({ state: { probes }, nowNs }: Case): boolean {
  return probes.count > 0 && nowNs > probes.sentAtNs(probes.count - 1) + PATIENCE_NS;
}

/**
 * Takes in what the case says of the way as a whole: that it is known, has changed, or must be asked otherwise. True where
 * that changes what counts: the case is to be made anew, in the next step.
 */
function takeIn(trace: Case): boolean {
  const { state } = trace;
  if (!state.pathKnown && (trace.plainArrivals > 0 || (trace.highestHop > 0 && firstRoundIsOver(trace)))) {
    state.pathKnown = true;
    return true;
  }
  // Hop n is asked again for accusations only.
  if (state.restarts === 0 && standOfPath(trace).is === 'changed') {
    // METHOD: same path. What was measured before the change says nothing about the path that is there now.
    state.attemptStart = state.probes.count;
    state.restarts = 1;
    state.routerSeenAt = 0;
    state.pace.forget(state.attemptStart);
    return true;
  }
  if (isPartingDue(trace)) {
    state.countIndex += 1;
    state.countStart = state.probes.count;
    state.pace.forget(state.countStart);
    return true;
  }
  return false;
}

/** What other traces know of the near hops, and are to know of these. */
function shareNearHops(trace: Case): void {
  const { state, context } = trace;
  state.near.distanceHint = trace.distanceHint;
  if (context.nearHops === null) return;
  context.nearHops.learn(state, trace);
  settleNearHops(trace, context.nearHops);
  trace.exploration = null;
}

/** METHOD: Pairs. Three quarters of the placebos lost a packet: two packets at once are too many for this responder. */
function isPartingDue({ state, counts }: Case): boolean {
  const { placebos, placebosBoth } = counts.counted;
  if (placebos < PLACEBOS_TO_PART || state.countIndex >= PART_RESTS_NS.length) return false;
  return placebos - placebosBoth >= PARTED_SHARE * placebos;
}

function aloneStep(trace: Case): Step {
  const wishes = aloneWishes(trace);
  const { state } = trace;
  if (wishes.length > 0) return { kind: 'send', wishes, mostPairs: 1, deadlineNs: null };
  return { kind: 'wait', untilNs: state.probes.sentAtNs(0) + ALONE_NS };
}

/** What pairs to come will draw, and which of them are placebos. */
function noteExpectations(trace: Case): void {
  const { state, counts, witness } = trace;
  state.expectsLoss = looksLost(trace);
  state.placeboArm = placeboArm(counts.looks);
  state.witnessPlaceboArm.icmp6 = placeboArm(witness.icmp6.looks);
  state.witnessPlaceboArm.tcp = placeboArm(witness.tcp.looks);
}

/** `plain` while the arms arrive equally often, else the one that arrives more. */
function placeboArm(looks: Case['counts']['looks']): Arm | null {
  if (!looks.started) return null;
  return looks.pdmArrived > looks.plainArrived ? 'pdm' : 'plain';
}

function wishesOf(trace: Case, { stands, verdict }: Standings): PairWish[] {
  if (roomFor(trace) === 0) return [];
  const wishes = [...aloneWishes(trace), ...explorationWishes(trace)];
  if (verdict === null) {
    for (const { standing } of stands) {
      if (standing.is !== 'open') continue;
      for (const wish of standing.wants) if (!wishes.some((other) => isSameWish(other, wish))) wishes.push(wish);
    }
  }
  return wishes.sort((a, b) => a.rank - b.rank);
}

/** Pairs that the cap on probes leaves. */
function roomFor(trace: Case): number {
  return Math.max(0, Math.floor((probeCap(trace) - trace.state.probes.count) / 2));
}

function isSameWish(a: PairWish, b: PairWish): boolean {
  return a.purpose === b.purpose && a.hopLimit === b.hopLimit && a.treatment === b.treatment && a.flow === b.flow;
}

/** When something that is awaited is given up, leaves its grace, or is to be looked at again. */
function earliest({ nextDeadlineNs, counts, witness, nowNs }: Case, { stands, verdict }: Standings): number | null {
  const times = [nextDeadlineNs];
  if (verdict === null) {
    times.push(counts.nextNs, counts.looksNs, witness.icmp6.nextNs, witness.tcp.nextNs);
    for (const { standing } of stands) if (standing.is === 'open') times.push(standing.untilNs ?? null);
  }
  const known = times.filter((time) => time !== null && time > nowNs) as number[];
  return known.length === 0 ? null : Math.min(...known);
}

/** `trace`: the case that the verdict was made from, for the record and for what other traces learn of it. */
export interface Judged {
  readonly verdict: VerdictRecord;
  readonly trace: Case;
  /** Claims that are still open, and how far each is. */
  readonly open: readonly { readonly claim: string; readonly has: string }[];
}

/**
 * The verdict as it stands now, and the case that it rests on; an interrupted trace gets one too. Made anew from all probes,
 * as in a step, which moves the pace.
 */
export function judgeTrace(state: TraceState, context: TraceContext, nowNs: number): Judged {
  const trace = makeCase(state, context, nowNs);
  const standings = weigh(trace);
  const open = standings.stands.flatMap(({ claim, standing }) =>
    standing.is === 'open' ? [{ claim: claim.name, has: standing.has }] : [],
  );
  return { verdict: writeVerdict(trace, standings), trace, open };
}
