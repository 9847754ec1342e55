/**
 * What the probes of the current attempt add up to: one pass over the table, no interpretation. Planning and judging
 * both read this, so that what was asked for and what is claimed rest on the same counts.
 */
import { ARM_CODE, PURPOSE, REPLY_KIND, TARGET_HOP_LIMIT } from './trace-state.js';
import type { ReplySignature, TraceState } from './trace-state.js';

/** METHOD §4: the shortest wait, and how many of the largest round trip make one once the path is known. */
const SHORTEST_WAIT_NS = 300e6;
const ROUND_TRIPS_PER_WAIT = 4;

/** Pairs of one place (a hop limit, or the target), counted by what came back. */
export interface PlaceEvidence {
  /** Pairs sent or given up, whatever came back. */
  pairs: number;
  /** Pairs that may still be answered in time. */
  pending: number;
  both: number;
  plainOnly: number;
  pdmOnly: number;
  neither: number;
  void: number;
  /** Pairs in which `plain` was answered (a Time Exceeded, or from the target) and `pdm` was silent or refused. */
  lost: number;
  /** Of `lost`, those sent after packets with the option had been seen at hop n. */
  lostSinceSeen: number;
  /** Of `lost`, those sent after the last packet with the option that hop n quoted. */
  lostAfterSeen: number;
  /** Pairs in which only `plain`, or only `pdm`, was ever answered, however late. Void pairs count here. */
  onlyPlainEver: number;
  onlyPdmEver: number;
  /** Of `plainOnly`, those that `plain` drew an answer in that quotes nothing. */
  plainOnlyUnquoted: number;
  /** Of `lost`, those in which `pdm` was refused. */
  refused: number;
  /** Probes of `plain`, resolved, since the place last answered one; and whether it ever did. */
  plainAnswered: number;
  plainSilentRecently: number;
  lastSentNs: number;
  /** Of base-flow probes, sources of Time Exceeded. */
  plainResponders: string[];
  pdmResponders: string[];
  /** Sources of Time Exceeded to `plain`, any flow. */
  plainResponderOnAnyFlow: string[];
  pdmIntact: number;
  /** Packets of the treatment arm that arrived, or ran out of hop limit further on. */
  treatedPassed: number;
}

/** Pairs that only a treatment arm other than `pdm` belongs to are kept apart: they explain, they do not decide. */
export interface Evidence {
  /** Index is the hop limit; [0] is unused. */
  readonly hops: readonly (PlaceEvidence | undefined)[];
  readonly target: PlaceEvidence;
  /** Echo pairs that a UDP trace sends to look at the return path. */
  readonly echo: PlaceEvidence;
  /** Target pairs by flow index. */
  readonly byFlow: ReadonlyMap<number, PlaceEvidence>;
  /** Retests of flows that looked lost while others got through, by flow index. */
  readonly retest: ReadonlyMap<number, PlaceEvidence>;
  /** Repeats at hop n (METHOD §6.7); they are in no hop's own counts. */
  readonly repeat: PlaceEvidence;
  readonly explain: ReadonlyMap<number, PlaceEvidence>;
  /** n: the highest hop whose Time Exceeded quotes the option intact; 0 when none. */
  readonly lastPdmHop: number;
  /** When the last packet with the option that hop n quoted was sent. */
  readonly lastSeenAtNNs: number;
  readonly lastPlainHop: number;
  readonly highestHop: number;
  /** Smallest hop limit that the target answered on the base flow. */
  readonly distance: { readonly plain: number | null; readonly pdm: number | null };
  /** From the hop limit that the target's own quote shows. Plans only, claims nothing. */
  readonly distanceHint: number | null;
  /** `pdm` arrivals at the target at any time, earlier attempts and late ones included. */
  readonly pdmArrivals: number;
  readonly plainArrivals: number;
  readonly plainAnswers: number;
  /** Rows of `pdm` probes that were refused, and of `plain` ones. */
  readonly pdmRefusals: readonly number[];
  readonly plainRefusals: readonly number[];
  /** When the last pending probe is given up; null when none is pending. */
  readonly nextDeadlineNs: number | null;
  readonly pendingProbes: number;
}

export function emptyPlace(): PlaceEvidence {
  return {
    pairs: 0,
    pending: 0,
    both: 0,
    plainOnly: 0,
    pdmOnly: 0,
    neither: 0,
    void: 0,
    lost: 0,
    lostSinceSeen: 0,
    lostAfterSeen: 0,
    onlyPlainEver: 0,
    onlyPdmEver: 0,
    refused: 0,
    plainOnlyUnquoted: 0,
    plainAnswered: 0,
    plainSilentRecently: 0,
    lastSentNs: Number.NEGATIVE_INFINITY,
    plainResponders: [],
    pdmResponders: [],
    plainResponderOnAnyFlow: [],
    pdmIntact: 0,
    treatedPassed: 0,
  };
}

/** How long a probe is waited for: the whole timeout until the target has answered, then by the path's own pace. */
export function waitNs(state: TraceState): number {
  const timeout = state.limits.timeoutMs * 1e6;
  if (!state.pathKnown) return timeout;
  return Math.min(timeout, Math.max(SHORTEST_WAIT_NS, ROUND_TRIPS_PER_WAIT * state.largestRttNs));
}

export function replyOf(state: TraceState, row: number): ReplySignature | null {
  const index = state.probes.reply(row);
  const reply = index === null ? null : (state.signatures[index] ?? null);
  if (reply?.isReset === true && state.probes.arm(row) !== ARM_CODE.plain && refusesByReset(state)) {
    return { ...reply, kind: REPLY_KIND.refused };
  }
  return reply;
}

/** METHOD §5: RST where the other arm draws SYN-ACK is a refusal; where the port is closed, or both come, it is an arrival. */
function refusesByReset({ plainSyn }: TraceState): boolean {
  return plainSyn.accepted && !plainSyn.reset;
}

export function gatherEvidence(state: TraceState, nowNs: number): Evidence {
  const { probes } = state;
  const wait = waitNs(state);
  const hops: (PlaceEvidence | undefined)[] = [];
  const target = emptyPlace();
  const echo = emptyPlace();
  const repeat = emptyPlace();
  const byFlow = new Map<number, PlaceEvidence>();
  const retest = new Map<number, PlaceEvidence>();
  const explain = new Map<number, PlaceEvidence>();
  const pdmRefusals: number[] = [];
  const plainRefusals: number[] = [];
  let lastPdmHop = 0;
  let lastPdmHopSeenNs = Number.NEGATIVE_INFINITY;
  let lastSeenAtNNs = Number.NEGATIVE_INFINITY;
  let lastPlainHop = 0;
  let highestHop = 0;
  let plainDistance: number | null = null;
  let pdmDistance: number | null = null;
  let distanceHint: number | null = null;
  let pdmArrivals = 0;
  let plainArrivals = 0;
  let plainAnswers = 0;
  let nextDeadlineNs: number | null = null;
  let pendingProbes = 0;

  for (let row = 0; row < probes.count; row += 1) {
    const reply = replyOf(state, row);
    const arm = probes.arm(row);
    if (arm === ARM_CODE.pdm && reply?.kind === REPLY_KIND.arrived && probes.purpose(row) !== PURPOSE.echo)
      pdmArrivals += 1;
    if (row < state.attemptStart) continue;
    if (reply === null) {
      if (probes.isSent(row)) {
        const deadline = probes.sentAtNs(row) + wait;
        if (deadline > nowNs) {
          pendingProbes += 1;
          nextDeadlineNs = nextDeadlineNs === null ? deadline : Math.min(nextDeadlineNs, deadline);
        }
      } else if (!probes.isFailed(row)) {
        pendingProbes += 1;
      }
      continue;
    }
    const purpose = probes.purpose(row);
    if (purpose === PURPOSE.echo || purpose === PURPOSE.explain) continue;
    const isTarget = purpose === PURPOSE.target || purpose === PURPOSE.retest;
    const hop = probes.hopLimit(row);
    const baseFlow = probes.flow(row) === 0;
    if (arm === ARM_CODE.plain) {
      plainAnswers += 1;
      if (reply.kind === REPLY_KIND.arrived) {
        plainArrivals += 1;
        if (!isTarget && baseFlow && (plainDistance === null || hop < plainDistance)) plainDistance = hop;
        if (isTarget && reply.quotedHopLimit !== null && reply.quotedHopLimit <= hop) {
          const hint = hop - reply.quotedHopLimit + 1;
          distanceHint = distanceHint === null ? hint : Math.min(distanceHint, hint);
        }
      } else if (reply.kind === REPLY_KIND.timeExceeded) {
        if (!isTarget && !reply.partial && hop > lastPlainHop) lastPlainHop = hop;
      } else if (reply.kind === REPLY_KIND.refused) plainRefusals.push(row);
    } else if (arm === ARM_CODE.pdm) {
      if (reply.kind === REPLY_KIND.arrived) {
        if (!isTarget && baseFlow && (pdmDistance === null || hop < pdmDistance)) pdmDistance = hop;
      } else if (reply.kind === REPLY_KIND.timeExceeded && !isTarget && reply.intact === true && !reply.partial) {
        if (hop > lastPdmHop) {
          lastPdmHopSeenNs = Number.POSITIVE_INFINITY;
          lastSeenAtNNs = Number.NEGATIVE_INFINITY;
        }
        if (hop >= lastPdmHop) lastSeenAtNNs = Math.max(lastSeenAtNNs, probes.sentAtNs(row));
        if (hop >= lastPdmHop) {
          lastPdmHop = hop;
          lastPdmHopSeenNs = Math.min(lastPdmHopSeenNs, probes.sentAtNs(row) + probes.rttNs(row));
        }
      } else if (reply.kind === REPLY_KIND.refused) pdmRefusals.push(row);
    }
  }

  for (let row = state.attemptStart; row + 1 < probes.count; row += 2) {
    const purpose = probes.purpose(row);
    const hop = probes.hopLimit(row);
    const plainRow = probes.arm(row) === ARM_CODE.plain ? row : row + 1;
    const treatedRow = plainRow === row ? row + 1 : row;
    if (purpose === PURPOSE.explain) {
      const arm = probes.arm(treatedRow);
      // Only pairs with PDM that went out after all of the others show that the loss was still there.
      if (arm !== ARM_CODE.pdm) explain.delete(ARM_CODE.pdm);
      addPair(state, placeIn(explain, arm), plainRow, treatedRow, nowNs, wait, hop === TARGET_HOP_LIMIT);
      touch(target, probes.sentAtNs(row));
      continue;
    }
    if (purpose === PURPOSE.echo) {
      addPair(state, echo, plainRow, treatedRow, nowNs, wait, true);
      continue;
    }
    if (purpose === PURPOSE.target) {
      addPair(state, placeIn(byFlow, probes.flow(row)), plainRow, treatedRow, nowNs, wait, true);
      const lostBefore = target.lost;
      addPair(state, target, plainRow, treatedRow, nowNs, wait, true);
      if (target.lost > lostBefore && probes.sentAtNs(treatedRow) > lastPdmHopSeenNs) target.lostSinceSeen += 1;
      if (target.lost > lostBefore && probes.sentAtNs(treatedRow) > lastSeenAtNNs) target.lostAfterSeen += 1;
      continue;
    }
    if (purpose === PURPOSE.retest) {
      // A flow is retested because of what it did: these pairs have their own bar and would bias the plain count.
      addPair(state, placeIn(retest, probes.flow(row)), plainRow, treatedRow, nowNs, wait, true);
      touch(target, probes.sentAtNs(row));
      continue;
    }
    if (purpose === PURPOSE.repeat) {
      if (hop === lastPdmHop) addPair(state, repeat, plainRow, treatedRow, nowNs, wait, false);
      continue;
    }
    if (hop > highestHop) highestHop = hop;
    addPair(state, (hops[hop] ??= emptyPlace()), plainRow, treatedRow, nowNs, wait, false);
  }

  return {
    hops,
    target,
    echo,
    byFlow,
    retest,
    repeat,
    explain,
    lastPdmHop,
    lastSeenAtNNs,
    lastPlainHop,
    highestHop,
    distance: { plain: plainDistance, pdm: pdmDistance },
    distanceHint,
    pdmArrivals,
    plainArrivals,
    plainAnswers,
    pdmRefusals,
    plainRefusals,
    nextDeadlineNs,
    pendingProbes,
  };
}

function placeIn(places: Map<number, PlaceEvidence>, key: number): PlaceEvidence {
  let place = places.get(key);
  if (place === undefined) {
    place = emptyPlace();
    places.set(key, place);
  }
  return place;
}

function touch(place: PlaceEvidence, sentAtNs: number): void {
  if (sentAtNs > place.lastSentNs) place.lastSentNs = sentAtNs;
}

function addPair(
  state: TraceState,
  place: PlaceEvidence,
  plainRow: number,
  treatedRow: number,
  nowNs: number,
  wait: number,
  atTarget: boolean,
): void {
  const { probes } = state;
  place.pairs += 1;
  touch(place, Math.max(probes.sentAtNs(plainRow), probes.sentAtNs(treatedRow)));
  const plain = replyOf(state, plainRow);
  const treated = replyOf(state, treatedRow);
  const baseFlow = probes.flow(plainRow) === 0;
  if (plain?.kind === REPLY_KIND.timeExceeded) {
    if (baseFlow) addOnce(place.plainResponders, plain.responder);
    addOnce(place.plainResponderOnAnyFlow, plain.responder);
  }
  if (treated?.kind === REPLY_KIND.timeExceeded) {
    if (baseFlow) addOnce(place.pdmResponders, treated.responder);
    if (treated.intact === true && !treated.partial) place.pdmIntact += 1;
  }
  if (treated?.kind === REPLY_KIND.arrived || treated?.kind === REPLY_KIND.timeExceeded) place.treatedPassed += 1;
  const plainOpen = isOpen(state, plainRow, nowNs, wait);
  if (!plainOpen && !probes.isFailed(plainRow)) {
    if (plain !== null) {
      place.plainAnswered += 1;
      place.plainSilentRecently = 0;
    } else place.plainSilentRecently += 1;
  }
  if (!plainOpen && !isOpen(state, treatedRow, nowNs, wait)) {
    if (plain !== null && (treated === null || treated.kind === REPLY_KIND.refused)) place.onlyPlainEver += 1;
    if (plain === null && treated !== null) place.onlyPdmEver += 1;
  }
  if (
    probes.isFailed(plainRow) ||
    probes.isFailed(treatedRow) ||
    probes.isLate(plainRow) ||
    probes.isLate(treatedRow)
  ) {
    place.void += 1;
    return;
  }
  if (plainOpen || isOpen(state, treatedRow, nowNs, wait)) {
    place.pending += 1;
    return;
  }
  // At the target only an answer from the target counts; at a hop, any answer shows that the packet got there.
  const plainAnswered = atTarget ? plain?.kind === REPLY_KIND.arrived : plain !== null;
  const treatedAnswered = atTarget ? treated?.kind === REPLY_KIND.arrived : treated !== null;
  if (plainAnswered) {
    if (treatedAnswered) place.both += 1;
    else {
      place.plainOnly += 1;
      if (plain?.quoted === false) place.plainOnlyUnquoted += 1;
    }
  } else if (treatedAnswered) place.pdmOnly += 1;
  else place.neither += 1;
  const plainPassed = plain?.kind === REPLY_KIND.arrived || (!atTarget && plain?.kind === REPLY_KIND.timeExceeded);
  if (plainPassed && (treated === null || treated.kind === REPLY_KIND.refused)) {
    place.lost += 1;
    if (treated !== null) place.refused += 1;
  }
}

/** An answer may still come in time. */
export function isOpen(state: TraceState, row: number, nowNs: number, wait: number): boolean {
  const { probes } = state;
  if (probes.reply(row) !== null || probes.isFailed(row)) return false;
  return !probes.isSent(row) || probes.sentAtNs(row) + wait > nowNs;
}

function addOnce(list: string[], value: string): void {
  if (!list.includes(value)) list.push(value);
}
