/** A pair that the evidence still lacks. Nothing here sends: the engine grants one wish after the other. */
import { packetsPerProbe } from './probe/probe-packet.js';
import type { Arm, Protocol } from '../record/record.js';
import { PAIRS_TO_EXPECT, THIN_AFTER, THIN_SPACING_MS } from './numbers.js';
import type { Place } from './evidence/place.js';
import { PURPOSE, TARGET_HOP_LIMIT } from './state/trace-state.js';
import type { TraceState, Purpose } from './state/trace-state.js';

/**
 * One pair that a claim or exploring wants. `notBeforeNs` is on the engine's clock; what the wish costs is charged when it
 * is granted.
 */
export interface PairWish {
  readonly purpose: Purpose;
  readonly hopLimit: number;
  readonly flow: number | 'fresh';
  readonly protocol: Protocol;
  /** `plain` for two plain packets. At the target placebos are drawn when the pair is made, so that no wait knows of them. */
  readonly treatment: Arm;
  /** Lower goes first. */
  readonly rank: number;
  readonly notBeforeNs: number;
  /** Spacing that the responder is owed, and whose budget it is; null while nobody is known to answer there. */
  readonly spacingMs: number;
  readonly responder: string | null;
  /** Where the pair runs out of hop limit: the errors that it is likely to draw. Null where it is for the target, or asks a router itself. */
  readonly draws: Draws | null;
  /** Null: both packets at once. Else the second leaves so long after the first was answered or given up. */
  readonly restNs: number | null;
  /** The second packet leaves only where the first is not answered soon. */
  readonly isSpare?: boolean;
  /** A few pairs that stand by others, beside which there are placebos. */
  readonly withoutPlacebos?: boolean;
  /** Which packet leaves first, where that is not drawn. */
  readonly leading?: 'plain' | 'treated' | null;
  /** By its hop limit it may be the target that answers: what it draws is charged to the target's pace. */
  readonly reachesTarget?: boolean;
  /** Where the trace's own is not meant. */
  readonly port?: number;
  /** 16 octets, where it is not the target that is asked. */
  readonly destination?: Uint8Array;
}

/** What exploring still lacks, worked out once for a case. */
export interface Exploration {
  readonly wishes: readonly PairWish[];
  readonly firstRoundIsOver: boolean;
  readonly isOver: boolean;
}

/** Errors that a router is likely to send about each packet of a pair. */
export interface Draws {
  readonly plain: number;
  readonly treated: number;
  /** One router alone has answered there. */
  readonly isSure: boolean;
}

/** Here it is known how many pairs are needed: the router's budget alone says when. Else how one ends may make others needless. */
const BUDGET_ALONE: readonly Purpose[] = [PURPOSE.beyond, PURPOSE.repeat, PURPOSE.explain];

/** Ranks: what a verdict waits for goes first; exploring in rounds behind it. */
export const RANK = {
  alone: -2,
  target: 0,
  witness: 1,
  reference: 1,
  where: 2,
  explain: 4,
  nextStep: -1,
  explore: 1000,
} as const;

/** A wish for a hop, spaced from the last pair there. */
export function wishAtHop(
  state: TraceState,
  place: Place | undefined,
  purpose: Purpose,
  hopLimit: number,
  flow: number | 'fresh',
  rank: number,
): PairWish {
  const { protocol } = state.identity;
  // A router reports each fragment by itself.
  const reports = packetsPerProbe(state, protocol);
  const isThin = place !== undefined && place.plainAnswered > 0 && place.plainSilentRow >= THIN_AFTER;
  const shortestMs = isThin ? Math.max(THIN_SPACING_MS, state.limits.hopIntervalMs) : state.limits.hopIntervalMs;
  const spacingMs = shortestMs * reports;
  const responder = place?.plainResponders[0] ?? null;
  const isExpected = place === undefined || place.treatedPassed > 0 || place.pairs - place.pending < PAIRS_TO_EXPECT;
  const isSpaced = isThin || responder === null || !BUDGET_ALONE.includes(purpose);
  return {
    purpose,
    hopLimit,
    flow,
    protocol,
    treatment: 'pdm',
    rank,
    notBeforeNs: isSpaced
      ? (place?.lastSentNs ?? Number.NEGATIVE_INFINITY) + spacingMs * 1e6
      : Number.NEGATIVE_INFINITY,
    spacingMs,
    responder,
    draws: {
      plain: reports,
      treated: isExpected ? reports : 0,
      isSure: (place?.plainResponderOnAnyFlow.length ?? 0) === 1,
    },
    restNs: protocol === 'tcp' ? 0 : null,
  };
}

/** A wish for the target itself, or for whoever is asked in its place, on a fresh flow; when it may leave is the asker's to say. */
export function wishAtTarget(state: TraceState, purpose: Purpose, protocol: Protocol, rank: number): PairWish {
  return {
    purpose,
    hopLimit: TARGET_HOP_LIMIT,
    flow: 'fresh',
    protocol,
    treatment: 'pdm',
    rank,
    notBeforeNs: Number.NEGATIVE_INFINITY,
    spacingMs: state.limits.hopIntervalMs,
    responder: targetBudget(state, protocol),
    draws: null,
    restNs: null,
  };
}

/** Whose answers the budget of the target's pairs counts. Echo replies are no errors: they have one of their own. */
export function targetBudget(state: TraceState, protocol: Protocol): string {
  const { targetText } = state.identity;
  return protocol === 'udp' ? targetText : `${targetText} ${protocol}`;
}

/** What leaves first in a pair of which so many like it were sent, where either packet is to do so as often as the other. */
export function leadingInTurn(pairs: number): 'plain' | 'treated' {
  return pairs % 2 === 0 ? 'treated' : 'plain';
}

/** Of two times, null being never. */
export function earlier(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}
