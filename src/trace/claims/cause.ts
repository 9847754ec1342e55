/** METHOD: cause. What it is about the packet that is refused. */
import type { Case } from '../case.js';
import { emptyPlace } from '../evidence/place.js';
import type { Place } from '../evidence/place.js';
import { restOf } from '../evidence/pair.js';
import { answersUnquoted, looksLost } from '../evidence/target-pairs.js';
import {
  EXPLAINING_ARMS,
  EXPLAINING_PAIR_CAP,
  EXPLAINING_SHARE,
  LEADING_LOSSES,
  LOST_AT_THE_END,
  LOST_AT_THE_END_ALIKE,
  PASSES_FOR_SIZE,
  PASSES_TO_BELIEVE,
  REFUSED_PAIRS,
  SIBLING_POLL_NS,
} from '../numbers.js';
import type { Arm, Cause, Protocol } from '../record.js';
import { ARM_CODE, PURPOSE, TARGET_HOP_LIMIT } from '../state/trace-state.js';
import { leadingInTurn, RANK, wishAtHop, wishAtTarget } from '../wish.js';
import type { EchoCause } from '../trace-context.js';
import type { PairWish } from '../wish.js';

export interface CauseStanding {
  readonly cause: Cause | null;
  readonly wants: readonly PairWish[];
  /** No arm is missing, and none is awaited. */
  readonly settled: boolean;
  /** When to look again at what another trace finds out. */
  readonly untilNs?: number;
  /** The echo trace to the same target has asked. */
  readonly isOfEcho?: boolean;
}

/** Of a pair with `long` a target that limits its errors may answer one packet: that it is the other one shows nothing. */
const ARMS_WITH_OPTIONS = [ARM_CODE.do8, ARM_CODE.do16];

type Fate = 'passes' | 'refused' | 'unknown';

/** `hopLimit`: of the target, or of u where the target is silent. */
export function standOfCause(trace: Case, hopLimit: number): CauseStanding {
  if (!trace.state.limits.explain) return { cause: null, wants: [], settled: true };
  const ofEcho = hopLimit === TARGET_HOP_LIMIT ? standOfEcho(trace) : null;
  if (ofEcho !== null) return ofEcho;
  const wants = causeWishes(trace, hopLimit);
  const isAwaited = [...trace.explain.values()].some((place) => place.pending > 0);
  return { cause: causeOf(trace), wants: wants ?? [], settled: wants === null && !isAwaited };
}

/** METHOD: cause. A target's cause is asked once, by its echo trace, as long as both traces lose the option after the same hop. */
function standOfEcho({ context, explain, lastPdmHop, nowNs }: Case): CauseStanding | null {
  const echo = context.sibling('icmp6')?.cause ?? null;
  if (echo === null || echo.after !== lastPdmHop || explain.size > 0) return null;
  if (echo.isOpen) return { cause: null, wants: [], settled: false, untilNs: nowNs + SIBLING_POLL_NS };
  return { cause: echo.cause, wants: [], settled: true, isOfEcho: echo.cause !== null };
}

/**
 * Errors quote the options of the other arms as they quote ours: where a filter on the way back takes such errors, all arms
 * look lost. So echo requests ask in place of datagrams that draw errors, where the target answers them.
 */
function askingProtocol(trace: Case): Protocol {
  const { protocol } = trace.state.identity;
  if (protocol !== 'udp' || answersUnquoted(trace.counts)) return protocol;
  const echoes = trace.context.sibling('icmp6')?.plainArrivals ?? trace.witness.icmp6.looks.plainArrived;
  return echoes > 0 ? 'icmp6' : protocol;
}

/** What an echo trace tells the others of its cause; null where it loses nothing, or asks nobody why. */
export function causeForOthers(trace: Case, hasEnded: boolean): EchoCause | null {
  const { state, pdmArrivals, pdmRefusals } = trace;
  // Of what arrives now and then nobody asks why: others that waited for it would wait for ever.
  if (!state.limits.explain || pdmArrivals > 0 || (!looksLost(trace) && pdmRefusals === 0)) return null;
  const { cause, settled } = standOfCause(trace, TARGET_HOP_LIMIT);
  // Who ended before all was asked has nothing to say.
  return hasEnded && !settled ? null : { after: trace.lastPdmHop, isOpen: !settled, cause };
}

function causeOf(trace: Case): Cause | null {
  const { explain } = trace;
  // The other arms passed only after the loss had ended? Then they tell nothing of it.
  const pdm = explain.get(ARM_CODE.pdm);
  if (pdm === undefined || pdm.treatedPassed > 0 || pdm.lost < lostAtTheEnd(trace)) return null;
  const long = fateOf(trace, ARM_CODE.long);
  const do8 = fateOf(trace, ARM_CODE.do8);
  const do16 = fateOf(trace, ARM_CODE.do16);
  if (long === 'refused') return do16 === 'refused' ? 'length' : null;
  if (long !== 'passes' || do8 === 'unknown' || do16 === 'unknown') return null;
  if (do8 === 'passes') {
    if (do16 === 'passes') return 'option';
    return (explain.get(ARM_CODE.do8)?.treatedPassed ?? 0) >= PASSES_FOR_SIZE ? 'size' : null;
  }
  return do16 === 'refused' ? 'destination-options' : null;
}

/** Pairs with PDM that must be lost after the others. */
function lostAtTheEnd({ explain }: Case): number {
  const onePassed = ARMS_WITH_OPTIONS.some((code) => (explain.get(code)?.treatedPassed ?? 0) > 0);
  return onePassed ? LOST_AT_THE_END : LOST_AT_THE_END_ALIKE;
}

/**
 * Lost pairs from which on an arm counts as refused: seven. Where another arm loses one packet and passes with others, all
 * seven may be lost by the same chance: then the whole bar. Where it loses more, something takes some of all packets with
 * options, and whatever takes the rest cannot be told from it: null.
 */
function lossesToBelieve({ explain, state }: Case): number | null {
  let most = 0;
  for (const code of ARMS_WITH_OPTIONS) {
    const arm = explain.get(code);
    if (arm !== undefined && arm.treatedPassed > 0) most = Math.max(most, arm.lost);
  }
  if (most > 1) return null;
  return most === 0 ? REFUSED_PAIRS : Math.max(REFUSED_PAIRS, Math.ceil(-Math.log2(1 - state.limits.confidence)));
}

/** Packets of an arm that must pass. That `do8` does where `do16` is lost tells them apart only when it is no chance. */
function passesNeeded(trace: Case, arm: number): number {
  const isTellingApart = arm === ARM_CODE.do8 && isLost(trace, trace.explain.get(ARM_CODE.do16));
  return isTellingApart ? PASSES_FOR_SIZE : PASSES_TO_BELIEVE;
}

/** Packets that pass prove that the arm is not refused; silence needs the pairs of a location. */
function fateOf(trace: Case, arm: number): Fate {
  const place = trace.explain.get(arm);
  if (place === undefined) return 'unknown';
  if (place.treatedPassed >= PASSES_TO_BELIEVE && place.lost <= place.treatedPassed) return 'passes';
  if (!isLost(trace, place) || trace.state.unmatchedExplanations > 0) return 'unknown';
  return isHiddenByErrors(trace, arm, place) ? 'unknown' : 'refused';
}

/** No others are to be had where datagrams ask: a filter of errors that quote options hides what passes. `long` has none. */
function isHiddenByErrors(trace: Case, arm: number, { refused }: Place): boolean {
  const asksByErrors = askingProtocol(trace) === 'udp' && !answersUnquoted(trace.counts);
  return asksByErrors && ARMS_WITH_OPTIONS.includes(arm) && refused === 0 && trace.plainArrivals > 0;
}

function isLost(trace: Case, arm: Place | undefined): boolean {
  if (arm === undefined || arm.treatedPassed > 0) return false;
  // Where PDM is refused in words, silence about the others is something else: their answers may be what is lost.
  if (trace.pdmRefusals > 0 && arm.refused === 0) return false;
  const enough = lossesToBelieve(trace);
  return enough !== null && arm.lost >= enough && arm.lostLeading >= LEADING_LOSSES;
}

/** Each arm until enough of its packets pass, or enough are lost; null where nothing is left to ask. */
function causeWishes(trace: Case, hopLimit: number): PairWish[] | null {
  const { explain } = trace;
  const wishes: PairWish[] = [];
  let isOpen = false;
  const enoughLost = lossesToBelieve(trace) ?? REFUSED_PAIRS;
  for (const treatment of EXPLAINING_ARMS) {
    const arm = explain.get(ARM_CODE[treatment]) ?? emptyPlace();
    const isArmLost =
      arm.treatedPassed === 0 &&
      arm.lost + arm.pending >= enoughLost &&
      arm.lostLeading + arm.pending >= LEADING_LOSSES;
    const passes = passesNeeded(trace, ARM_CODE[treatment]);
    if (isArmLost || arm.treatedPassed >= passes || arm.pairs >= EXPLAINING_PAIR_CAP) continue;
    isOpen = true;
    // What is on its way may be all that is needed.
    if (arm.treatedPassed + arm.pending < passes) wishes.push(causeWish(trace, hopLimit, treatment, arm));
  }
  // Last, the option itself again: had the loss ended meanwhile, that the others pass would tell nothing.
  const pdm = explain.get(ARM_CODE.pdm) ?? emptyPlace();
  const lostEnough = pdm.lost + pdm.pending >= lostAtTheEnd(trace);
  if (!isOpen && pdm.treatedPassed === 0 && !lostEnough && pdm.pairs < EXPLAINING_PAIR_CAP) {
    isOpen = true;
    wishes.push(causeWish(trace, hopLimit, 'pdm', pdm));
  }
  return isOpen ? wishes : null;
}

function causeWish(trace: Case, hopLimit: number, treatment: Arm, arm: Place): PairWish {
  const { state, hops, explain } = trace;
  const rank = RANK.explain + arm.pairs;
  if (hopLimit !== TARGET_HOP_LIMIT) {
    return { ...wishAtHop(state, hops[hopLimit], PURPOSE.explain, hopLimit, 'fresh', rank), treatment };
  }
  const protocol = askingProtocol(trace);
  const lastNs = Math.max(...[...explain.values()].map(({ lastSentNs }) => lastSentNs));
  return {
    ...wishAtTarget(state, PURPOSE.explain, protocol, rank),
    treatment,
    // In turn: by chance the lost packet may hardly ever leave first, in as many pairs as there may be.
    leading: leadingInTurn(arm.pairs),
    notBeforeNs:
      protocol === state.identity.protocol
        ? state.pace.readyAtNs(protocol === 'udp' ? 1 : EXPLAINING_SHARE)
        : lastNs + state.limits.hopIntervalMs * 1e6 * EXPLAINING_SHARE,
    spacingMs: state.limits.hopIntervalMs * EXPLAINING_SHARE,
    restNs: restOf(state, protocol),
  };
}
