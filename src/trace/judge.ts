/**
 * The verdict (METHOD §6 and §7). Reads evidence, sends nothing. A wrong accusation is worse than no answer: every branch
 * that accuses names the bar it passed, and everything else falls through to `inconclusive` with what was seen.
 */
import { ICMPV6 } from '../wire/icmpv6.js';
import { emptyPlace, replyOf } from './evidence.js';
import type { Evidence, PlaceEvidence } from './evidence.js';
import { answersDiffer, areDisjoint, isReporterHop, isSilent, wantsRepeat, lossOutlivesN } from './plan.js';
import type { SiblingEcho, TraceContext } from './plan.js';
import {
  CLEAN_PAIRS,
  LOCATING_PAIRS,
  LOOKS,
  LOSSY_HOP_P,
  MIXED_HOPS_MARGIN,
  MIXED_HOPS_P,
  PASSES_TO_BELIEVE,
  RELABELLED_DOUBT,
  LOST_SINCE_SEEN,
  SILENT_REPEATS,
  SILENT_TARGET_PAIRS,
} from './procedure.js';
import type { Outcome, Refusal, VerdictEvidence, VerdictRecord } from './record.js';
import { explainLoss } from './explain.js';
import { findRefusal } from './refusal.js';
import { countUnassembled, describeFragments } from './reassembly.js';
import { describeTooBig, isTooBigWithOption } from './too-big.js';
import { findTooNear } from './too-near.js';
import { findTampering } from './tampering.js';
import { lookPValueBar, retestBar } from './significance.js';
import { mcnemarPValue, median, passRateUpperBound, requiredDiscordantPairs } from './statistics.js';
import { ARM_CODE, PROBE_CAP, PURPOSE, REPLY_KIND, TARGET_HOP_LIMIT } from './trace-state.js';
import type { TraceState } from './trace-state.js';

/** No measurement is certain: a confidence stays below 1 in a double. */
const MOST_BITS = 40;
/** How much later packets with the option come back from hop n before a router is taken to handle them slowly. */
const SLOW_PATH_NS = 1e6;

interface Finding {
  readonly outcome: Outcome;
  readonly reasons: readonly string[];
  readonly confidence?: number | null;
  readonly interval?: VerdictRecord['interval'];
  readonly refusal?: Refusal | null;
  readonly basis?: VerdictEvidence['basis'];
  readonly returnPath?: VerdictEvidence['returnPath'];
  readonly plainOnly?: number;
  /** Whose pairs the verdict rests on, where it is not the target. */
  readonly restsOn?: PlaceEvidence;
  /** What answered in the target's name was not the target: its pairs are not counted. */
  readonly targetUnseen?: true;
}

export function judge(state: TraceState, evidence: Evidence, context: TraceContext): VerdictRecord {
  const pathsDiverge = findDivergence(evidence);
  const finding = decide(state, evidence, context, pathsDiverge);
  const place = finding.restsOn ?? (finding.targetUnseen === true ? emptyPlace() : evidence.target);
  const pairs = place.both + place.plainOnly + place.pdmOnly + place.neither;
  const accusesLoss = finding.outcome === 'dropped' || finding.outcome === 'rejected';
  const cause = accusesLoss ? explainLoss(state, evidence) : null;
  // A link that takes the smaller packet alone, and tells nobody, looks like a filter on the option.
  const doubtOfLength =
    accusesLoss && cause === null && state.identity.padding > 0
      ? ['Packets with the option are 16 octets longer than those without: their length alone may be what is refused.']
      : [];
  const diverged =
    pathsDiverge === null
      ? []
      : [`Packets with and without the option take different ways from hop ${pathsDiverge} on.`];
  return {
    outcome: finding.outcome,
    confidence: finding.confidence ?? null,
    interval: finding.interval ?? null,
    cause,
    refusal: finding.refusal ?? null,
    pathsDiverge,
    optionSeenUpTo: optionSeenUpTo(state, evidence),
    evidence: {
      basis: finding.basis ?? null,
      returnPath: finding.returnPath ?? null,
      pairs,
      plainOnly: finding.plainOnly ?? place.plainOnly,
      pdmOnly: place.pdmOnly,
      rates: {
        plain: pairs === 0 ? null : (place.both + place.plainOnly) / pairs,
        pdm: pairs === 0 ? null : (place.both + place.pdmOnly) / pairs,
      },
      passRateUpper: accusesLoss
        ? passRateUpperBound(state.limits.confidence, finding.plainOnly ?? place.plainOnly)
        : null,
    },
    reasons: [...finding.reasons, ...diverged, ...doubtOfLength, ...remarks(state, evidence)],
  };
}

function decide(state: TraceState, evidence: Evidence, context: TraceContext, pathsDiverge: number | null): Finding {
  if (state.interrupted) return inconclusive('The trace was interrupted; this is what had been measured.');
  if (state.counters.sent === 0) {
    return { outcome: 'unreachable', reasons: [`No probe could be sent: ${state.sendError ?? 'unknown error'}.`] };
  }
  if (evidence.plainAnswers === 0 && evidence.pdmArrivals === 0) {
    return { outcome: 'unreachable', reasons: ['Nothing answered a packet without the option, at any hop limit.'] };
  }
  const tooNear = findTooNear(state, evidence, context);
  if (tooNear !== null) {
    return {
      ...inconclusive(
        `Something answers SYNs in the target's name from hop ${tooNear.answeredAt}, but a router on the way was met at hop ${tooNear.routerAt}: too near to be the target, so its answers are not counted.`,
      ),
      targetUnseen: true,
    };
  }
  const tampering = findTampering(state, evidence);
  if (evidence.pdmArrivals > 0) {
    return decideArrived(state, evidence, context, pathsDiverge, tampering);
  }
  const tooBig = describeTooBig(state);
  if (tooBig.length > 0 && (evidence.plainArrivals === 0 || isTooBigWithOption(state))) {
    return inconclusive(tooBig.join(' '));
  }
  if (tampering !== null && evidence.plainArrivals === 0) return withDoubt(state, evidence, tampering);
  const rejected = decideRejected(state, evidence, pathsDiverge);
  if (rejected !== null) return withDoubt(state, evidence, rejected);
  if (evidence.plainArrivals > 0) return decideLost(state, evidence, context, pathsDiverge);
  return decideSilentTarget(state, evidence, context, pathsDiverge);
}

// ---- The target answered packets with the option ------------------------------------------------------------------

function decideArrived(
  state: TraceState,
  evidence: Evidence,
  context: TraceContext,
  pathsDiverge: number | null,
  tampering: Finding | null,
): Finding {
  const { target } = evidence;
  const impaired = findImpairment(state, evidence, context, pathsDiverge);
  if (impaired !== null) return withDoubt(state, evidence, impaired);
  if (tampering !== null) return tampering;
  const counted = target.both + target.plainOnly + target.pdmOnly + target.neither;
  const p = mcnemarPValue(target.plainOnly, target.pdmOnly);
  const arrived = target.both + target.pdmOnly;
  // Each look has a share of 1 − P; between that and the whole the difference is too large to call it none.
  if (p < 1 - state.limits.confidence && counted >= CLEAN_PAIRS) {
    return inconclusive(
      `Packets with the option arrived (${arrived} of ${counted}), but fewer than without (${target.both + target.plainOnly} of ${counted}); the difference stays below the bar (p = ${p.toPrecision(2)}).`,
    );
  }
  if (evidence.pdmRefusals.length > 1) {
    return inconclusive(
      `Packets with the option arrived, but ${evidence.pdmRefusals.length} of them were refused on the way; too few for a claim.`,
    );
  }
  return {
    outcome: 'delivered',
    basis: 'target',
    reasons: [`The target answered ${evidence.pdmArrivals} packets with the option.`],
  };
}

/** METHOD §6.4 and §6.10: judged on target pairs alone. */
function findImpairment(
  state: TraceState,
  evidence: Evidence,
  context: TraceContext,
  pathsDiverge: number | null,
): Finding | null {
  const { target } = evidence;
  const { confidence } = state.limits;
  const counted = target.both + target.plainOnly + target.pdmOnly + target.neither;
  const lossyFlows = [...evidence.byFlow].filter(([, place]) => place.plainOnly > 0).length;
  const race = looksLikeRace(evidence, context);
  // With diverging paths one bad way is not the option's fault unless it shows on several flow labels.
  if ((pathsDiverge === null || lossyFlows >= 3) && !race) {
    const p = mcnemarPValue(target.plainOnly, target.pdmOnly);
    if (counted >= LOOKS[0] && p <= lookPValueBar(confidence)) {
      return {
        outcome: 'impaired',
        basis: 'target',
        confidence: 1 - Math.min(1, p * LOOKS.length),
        reasons: [
          `${target.plainOnly} of ${counted} pairs lost only the packet with the option, ${target.pdmOnly} only the one without.`,
        ],
      };
    }
  }
  for (const [flow, place] of race ? [] : evidence.retest) {
    if (place.plainOnly >= retestBar(confidence) && place.both + place.pdmOnly === 0) {
      const label = state.flows[flow]?.flowLabel ?? 0;
      return {
        outcome: 'impaired',
        basis: 'target',
        confidence: 1 - 2 ** -place.plainOnly * 2,
        reasons: [
          `Some paths: with flow label 0x${label.toString(16)} ${place.plainOnly} of ${place.plainOnly} packets without the option arrived and none with it, while other flow labels carried both.`,
        ],
      };
    }
  }
  if (target.refused >= requiredDiscordantPairs(confidence) && evidence.plainRefusals.length === 0) {
    return {
      outcome: 'impaired',
      basis: 'target',
      confidence: 1 - 2 ** -target.refused,
      reasons: [`Some packets with the option arrived, but ${target.refused} of ${counted} were refused on the way.`],
    };
  }
  return null;
}

/**
 * A target that limits its errors answers one packet of a pair, and where the arms' ways differ in delay it is always
 * the same one, whatever the order in which they left. Then few pairs are answered twice, or echo, which is not limited
 * so, shows no loss.
 */
function looksLikeRace(evidence: Evidence, context: TraceContext): boolean {
  const { target } = evidence;
  if (target.both <= target.pdmOnly + target.neither) return true;
  const echo = context.siblingEcho();
  return echo !== null && echo.plainOnly === 0 && echo.pdmArrivals >= CLEAN_PAIRS;
}

// ---- None arrived ---------------------------------------------------------------------------------------------------

function decideRejected(state: TraceState, evidence: Evidence, pathsDiverge: number | null): Finding | null {
  const found = findRefusal(state, evidence, pathsDiverge);
  if (found === null) return null;
  const { refusal, firstHopLimit, pairsBeyond, refusals } = found;
  for (let hop = firstHopLimit; hop <= evidence.highestHop; hop += 1) {
    if ((evidence.hops[hop]?.treatedPassed ?? 0) > 0) return null;
  }
  if (evidence.plainRefusals.length > 0 || refusals < 2 || evidence.lastPdmHop >= firstHopLimit) return null;
  const required = Math.max(LOCATING_PAIRS, requiredDiscordantPairs(state.limits.confidence));
  if (pairsBeyond < required) return null;
  return {
    outcome: 'rejected',
    basis: evidence.plainArrivals > 0 ? 'target' : 'routers',
    confidence: 1 - 2 ** -Math.min(pairsBeyond, MOST_BITS),
    // A reset has no type and code; its sender's address may be borrowed as well.
    refusal: refusal.type < 0 ? null : refusal,
    interval: { after: evidence.lastPdmHop, upTo: firstHopLimit, likelyUpTo: firstHopLimit },
    reasons: [
      `${refusal.address} refused ${refusal.type < 0 ? 'by RST ' : ''}${refusals} packets with the option and none without, while ${pairsBeyond} of their partners were answered from beyond it.`,
    ],
  };
}

function decideLost(
  state: TraceState,
  evidence: Evidence,
  context: TraceContext,
  pathsDiverge: number | null,
): Finding {
  const { target } = evidence;
  const { confidence } = state.limits;
  const required = requiredDiscordantPairs(confidence);
  const lost = target.lost;
  const refused = describeRefusals(state, evidence);
  if (lost < required) {
    return inconclusive(
      `No packet with the option arrived, but only ${lost} of the ${required} pairs needed were answered without it.`,
    );
  }
  if (pathIsUnstable(state, evidence)) return inconclusive('The path changed while it was measured, twice.');
  const seenAt = evidence.hops[evidence.lastPdmHop];
  if (evidence.lastPdmHop > 0 && target.lostSinceSeen < LOST_SINCE_SEEN) {
    return inconclusive(
      `Packets with the option were seen at hop ${evidence.lastPdmHop} only after nearly all of the pairs lost at the target.`,
    );
  }
  if (seenAt !== undefined && mcnemarPValue(seenAt.lost, seenAt.pdmOnly) < LOSSY_HOP_P) {
    return inconclusive(
      `No packet with the option arrived, but hop ${evidence.lastPdmHop} answered some of them and not others (${seenAt.lost} lost): where they are lost is unclear.`,
    );
  }
  const returnPath = judgeReturnPath(state, evidence, context);
  if (returnPath === 'answered') {
    return inconclusive(
      'Echo requests with the option were answered by the target: the return path drops errors that quote the option, or the filter is protocol-specific.',
    );
  }
  const mayRace = pathsDiverge !== null ? !answersBothOfAPair(evidence) : answersOneOfASlowPair(state, evidence);
  if (returnPath === 'not excluded' && mayRace) {
    return inconclusive(
      'The target answers no echo and limits its errors, and packets with the option may reach it later: it may have answered their partners only.',
    );
  }
  return withDoubt(state, evidence, {
    outcome: 'dropped',
    basis: 'target',
    confidence: 1 - 2 ** -lost,
    returnPath,
    interval: locate(state, evidence, context, pathsDiverge),
    plainOnly: lost,
    reasons: [
      `The target answered ${lost} packets without the option and none of their ${lost} partners with it.`,
      ...refused,
    ],
  });
}

/** Pairs of two packets without the option, answered twice: the target's limit on errors does not choose between arms. */
function answersBothOfAPair(evidence: Evidence): boolean {
  return (evidence.explain.get(ARM_CODE.long)?.both ?? 0) >= PASSES_TO_BELIEVE;
}

/**
 * Of two packets without the option now one and now the other is answered, never both: the target's limit chooses. Those
 * with the option lose if they come later, as they may where routers handle them slowly; that they got as far as the
 * target's door, or were slow at n, makes it possible.
 */
function answersOneOfASlowPair(state: TraceState, evidence: Evidence): boolean {
  const long = evidence.explain.get(ARM_CODE.long);
  if (long === undefined || long.both > 0 || long.pdmOnly === 0) return false;
  const n = evidence.lastPdmHop;
  return n + 1 >= (evidence.distance.plain ?? Number.POSITIVE_INFINITY) || isSlowerAt(state, n);
}

function isSlowerAt(state: TraceState, hop: number): boolean {
  const { probes } = state;
  const rttsNs: [plain: number[], pdm: number[]] = [[], []];
  for (let row = state.attemptStart; row < probes.count; row += 1) {
    const arm = probes.arm(row);
    if (probes.hopLimit(row) !== hop || replyOf(state, row)?.kind !== REPLY_KIND.timeExceeded) continue;
    if (arm === ARM_CODE.plain) rttsNs[0].push(probes.rttNs(row));
    else if (arm === ARM_CODE.pdm) rttsNs[1].push(probes.rttNs(row));
  }
  const [plain, pdm] = [median(rttsNs[0]), median(rttsNs[1])];
  return plain !== null && pdm !== null && pdm - plain > SLOW_PATH_NS;
}

/** Refusals that do not add up to `rejected` are still worth showing. */
function describeRefusals(state: TraceState, evidence: Evidence): string[] {
  const { length } = evidence.pdmRefusals;
  if (length === 0) return [];
  const sources = new Set(evidence.pdmRefusals.map((row) => replyOf(state, row)?.responder ?? '?'));
  return [
    `Packets with the option were refused ${length} times (by ${[...sources].sort().join(', ')}): too little or too mixed to name a refuser.`,
  ];
}

function decideSilentTarget(
  state: TraceState,
  evidence: Evidence,
  context: TraceContext,
  pathsDiverge: number | null,
): Finding {
  const n = evidence.lastPdmHop;
  const silentPairs = evidence.target.neither;
  const silence = `The target answered none of ${silentPairs} pairs`;
  const bothRefused = evidence.pdmRefusals.length > 0 && evidence.plainRefusals.length > 0;
  if (n >= evidence.lastPlainHop && (evidence.pdmRefusals.length === 0 || bothRefused)) {
    if (silentPairs < SILENT_TARGET_PAIRS) return inconclusive(`${silence}: too few to call it silent.`);
    return {
      outcome: 'no-difference',
      basis: 'routers',
      reasons: [`${silence}, and packets with the option were seen as far as those without (hop ${n}).`],
    };
  }
  const required = requiredDiscordantPairs(state.limits.confidence);
  for (let hop = n + 1; hop <= evidence.highestHop && pathsDiverge === null; hop += 1) {
    const place = evidence.hops[hop];
    if (place === undefined || place.lost < required || !isReporterHop(place, context)) continue;
    // A hop that answered a packet with the option, whatever it quoted, was reached by it.
    if (place.treatedPassed > 0) continue;
    if (evidence.pdmRefusals.length > 0 || pathIsUnstable(state, evidence)) break;
    const returnPath = judgeReturnPath(state, evidence, context);
    if (returnPath === 'answered') {
      return inconclusive(
        'Echo requests with the option were answered by the target; only errors about it are missing.',
      );
    }
    return withDoubt(state, evidence, {
      outcome: 'dropped',
      basis: 'routers',
      confidence: 1 - 2 ** -place.lost,
      returnPath: 'not excluded',
      interval: { after: n, upTo: hop, likelyUpTo: likelyUpTo(evidence, n, hop) },
      plainOnly: place.lost,
      restsOn: place,
      reasons: [
        `${silence}. Hop ${hop}, which reports packets with extension headers elsewhere, answered ${place.lost} packets without the option and none of their partners.`,
      ],
    });
  }
  return inconclusive(
    `${silence}. Without the option hop ${evidence.lastPlainHop} still answered, with it none beyond hop ${n}: it may be lost there, or the hops may not report such packets.`,
  );
}

/** METHOD §6.8. An echo reply or SYN-ACK quotes nothing, so no filter on quoted options can hide it. */
function judgeReturnPath(
  state: TraceState,
  evidence: Evidence,
  context: TraceContext,
): 'excluded' | 'not excluded' | 'answered' {
  const { probes } = state;
  for (let row = state.attemptStart; row < probes.count; row += 1) {
    const reply = replyOf(state, row);
    const isPlainArrival = probes.arm(row) === ARM_CODE.plain && reply?.kind === REPLY_KIND.arrived;
    if (isPlainArrival && probes.purpose(row) === PURPOSE.target && !reply.quoted) return 'excluded';
  }
  if (state.identity.protocol !== 'udp') return 'not excluded';
  const echo = context.siblingEcho() ?? ownEcho(evidence.echo);
  if (echo.pdmArrivals > 0) return 'answered';
  return echo.plainOnly >= LOCATING_PAIRS ? 'excluded' : 'not excluded';
}

function ownEcho(echo: PlaceEvidence): SiblingEcho {
  return {
    plainOnly: echo.plainOnlyUnquoted,
    plainArrivals: echo.both + echo.plainOnly,
    pdmArrivals: echo.both + echo.pdmOnly,
    settled: true,
  };
}

/** METHOD §6.6: where packets with the option may be lost, in hop limits (after, upTo]. */
function locate(
  state: TraceState,
  evidence: Evidence,
  context: TraceContext,
  pathsDiverge: number | null,
): NonNullable<VerdictRecord['interval']> {
  const n = evidence.lastPdmHop;
  const firstRefusal = Math.min(...evidence.pdmRefusals.map((row) => state.probes.hopLimit(row)));
  // Nothing shows that packets with the option still got to n when most pairs were lost.
  const after = lossOutlivesN(state, evidence) ? 0 : Math.min(dependableUpTo(evidence), firstRefusal - 1);
  const distance = evidence.distance.plain ?? TARGET_HOP_LIMIT;
  // On a way of its own, the option's distance to the target is not the other arm's.
  let upTo = pathsDiverge === null && distance > n ? distance : TARGET_HOP_LIMIT;
  // §6.6 says seven pairs; this bound is stated as certain, so it gets the whole bar.
  const required = Math.max(LOCATING_PAIRS, requiredDiscordantPairs(state.limits.confidence));
  if (pathsDiverge === null) {
    for (let hop = n + 1; hop < upTo; hop += 1) {
      const place = evidence.hops[hop];
      if (place === undefined || place.lost < required || place.treatedPassed > 0) continue;
      if (isReporterHop(place, context)) upTo = hop;
    }
  }
  return { after, upTo, likelyUpTo: likelyUpTo(evidence, n, upTo) };
}

/**
 * The last hop that packets with the option reach dependably. Where hops up to n answer some of them and lose others
 * more often than chance allows, the loss may begin there, and one lucky packet at n must not hide it.
 */
function dependableUpTo(evidence: Evidence): number {
  const n = evidence.lastPdmHop;
  let lost = 0;
  let pdmOnly = 0;
  let firstMixed = n + 1;
  for (let hop = n; hop >= 1; hop -= 1) {
    const place = evidence.hops[hop];
    if (place === undefined || place.onlyPlainEver === 0) continue;
    const repeated = hop === n ? evidence.repeat : null;
    if (place.pdmIntact + (repeated?.pdmIntact ?? 0) === 0) continue;
    lost += place.onlyPlainEver + (repeated?.onlyPlainEver ?? 0);
    pdmOnly += place.onlyPdmEver + (repeated?.onlyPdmEver ?? 0);
    firstMixed = hop;
  }
  if (mcnemarPValue(lost, pdmOnly) >= MIXED_HOPS_P) return n;
  // Hops just before may have lost all of their few packets; those that answer nothing show nothing of it.
  let after = firstMixed - 1;
  while (after > 0 && (losesSome(evidence.hops[after]) || isSilent(evidence.hops[after]))) after -= 1;
  for (let margin = 0; after > 0 && margin < MIXED_HOPS_MARGIN; after -= 1) {
    if (!isSilent(evidence.hops[after])) margin += 1;
  }
  return after;
}

function losesSome(place: PlaceEvidence | undefined): boolean {
  return (place?.onlyPlainEver ?? 0) > 0;
}

function likelyUpTo(evidence: Evidence, n: number, upTo: number): number {
  for (let hop = n + 1; hop < upTo; hop += 1) {
    const place = evidence.hops[hop];
    if (place !== undefined && place.lost >= LOCATING_PAIRS && place.treatedPassed === 0) return hop;
  }
  return upTo;
}

// ---- Shared ---------------------------------------------------------------------------------------------------------

/** METHOD §6.13: evidence that silence may not be silence. */
function withDoubt(state: TraceState, evidence: Evidence, finding: Finding): Finding {
  const doubts: string[] = [];
  if (state.counters.ambiguous > 0 && (evidence.pdmArrivals === 0 || finding.outcome === 'impaired')) {
    doubts.push(`${state.counters.ambiguous} replies belong to this trace but fit no one probe.`);
  }
  if (state.relabelledQuotes >= RELABELLED_DOUBT && evidence.pdmArrivals === 0) {
    doubts.push(`${state.relabelledQuotes} replies would fit but for their flow label.`);
  }
  const { pdm: unassembled } = countUnassembled(state);
  if (unassembled > 0 && evidence.pdmArrivals === 0) {
    doubts.push(
      `Of ${unassembled} packets with the option some fragments reached the target and others did not (Time Exceeded 3/1).`,
    );
  }
  if (finding.outcome === 'impaired' && isTooBigWithOption(state)) {
    doubts.push(
      'Packets with the option are longer than those without, and were too long for a link on some of the ways.',
    );
  }
  if (state.droppedByKernel) doubts.push('The kernel dropped received packets while a probe with the option was out.');
  if (state.probes.count + 2 > PROBE_CAP) doubts.push(`The cap of ${PROBE_CAP} probes was reached.`);
  if (doubts.length === 0) return finding;
  return { outcome: 'inconclusive', reasons: [`It looks ${finding.outcome}, but:`, ...doubts] };
}

/** METHOD §6.7, after the one restart: hop n fell silent again, or other routers answer there now. */
export function pathIsUnstable(state: TraceState, evidence: Evidence): boolean {
  const { repeat } = evidence;
  if (evidence.lastPdmHop === 0) return false;
  if (repeat.lost >= SILENT_REPEATS && repeat.pdmIntact === 0) return true;
  if (wantsRepeat(state, evidence) || repeat.pending > 0) return false;
  return answersDiffer(evidence);
}

/** The first hop at or before n where the arms' responders differ, or where one arm has arrived and the other has not. */
export function findDivergence(evidence: Evidence): number | null {
  for (let hop = 1; hop <= evidence.lastPdmHop; hop += 1) {
    const place = evidence.hops[hop];
    if (place !== undefined && areDisjoint(place.plainResponders, place.pdmResponders)) return hop;
  }
  const { plain, pdm } = evidence.distance;
  // Only a router's own answer beyond the other arm's distance shows a longer way; silence may be loss.
  if (plain !== null && evidence.lastPdmHop >= plain) return plain;
  if (pdm !== null && evidence.lastPlainHop >= pdm) return pdm;
  return null;
}

function optionSeenUpTo(state: TraceState, evidence: Evidence): number | 'target' | null {
  const { probes } = state;
  for (let row = state.attemptStart; row < probes.count; row += 1) {
    const reply = replyOf(state, row);
    if (probes.arm(row) === ARM_CODE.pdm && reply?.kind === REPLY_KIND.arrived && reply.intactWhole) return 'target';
  }
  return evidence.lastPdmHop === 0 ? null : evidence.lastPdmHop;
}

/** Things worth saying that decide nothing. */
function remarks(state: TraceState, evidence: Evidence): string[] {
  const said: string[] = [];
  if (state.restarts > 0) said.push('The path changed during the measurement, which was started again once.');
  // Where nothing arrived it is the finding itself.
  if (evidence.pdmArrivals > 0) said.push(...describeTooBig(state));
  said.push(...describeFragments(state, evidence));
  if (state.pdm.implausible > 0) {
    said.push(
      `${state.pdm.implausible} answers with PDM claim a server delay longer than the whole round trip; it is not recorded.`,
    );
  }
  if (state.pdm.draftVersion) said.push('The target sends an option of the PDMv2 draft, not of RFC 8250.');
  const refusedByTarget = state.signatures.find(
    (reply) => reply.kind === REPLY_KIND.arrived && reply.type === ICMPV6.parameterProblem,
  );
  if (refusedByTarget !== undefined && evidence.pdmArrivals > 0) {
    said.push(
      `The target itself answered with Parameter Problem code ${refusedByTarget.code}: the packet arrived and was refused there.`,
    );
  }
  return said;
}

function inconclusive(reason: string): Finding {
  return { outcome: 'inconclusive', reasons: [reason] };
}
