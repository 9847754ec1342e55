/** What it is about the packet that is refused (METHOD §6.12). Null where the evidence is short or fits no row. */
import type { Evidence, PlaceEvidence } from './evidence.js';
import {
  LOCATING_PAIRS,
  LOST_AT_THE_END,
  LOST_AT_THE_END_ALIKE,
  PASSES_FOR_SIZE,
  PASSES_TO_BELIEVE,
} from './procedure.js';
import type { Cause } from './record.js';
import { requiredDiscordantPairs } from './statistics.js';
import { ARM_CODE } from './trace-state.js';
import type { TraceState } from './trace-state.js';

/** Of a pair with `long` a target that limits its errors may answer one packet: that it is the other one shows nothing. */
const ARMS_WITH_OPTIONS = [ARM_CODE.do8, ARM_CODE.do16];

type Fate = 'passes' | 'refused' | 'unknown';

export function explainLoss(state: TraceState, evidence: Evidence): Cause | null {
  // The other arms passed only after the loss had ended? Then they tell nothing of it.
  const pdm = evidence.explain.get(ARM_CODE.pdm);
  if (pdm === undefined || pdm.treatedPassed > 0 || pdm.lost < lostAtTheEnd(evidence)) return null;
  const long = fateOf(state, evidence, ARM_CODE.long);
  const do8 = fateOf(state, evidence, ARM_CODE.do8);
  const do16 = fateOf(state, evidence, ARM_CODE.do16);
  if (long === 'refused') return do16 === 'refused' ? 'length' : null;
  if (long !== 'passes' || do8 === 'unknown' || do16 === 'unknown') return null;
  if (do8 === 'passes') {
    if (do16 === 'passes') return 'option';
    return (evidence.explain.get(ARM_CODE.do8)?.treatedPassed ?? 0) >= PASSES_FOR_SIZE ? 'size' : null;
  }
  return do16 === 'refused' ? 'destination-options' : null;
}

/** Pairs with PDM that must be lost after the others. */
export function lostAtTheEnd({ explain }: Evidence): number {
  const onePassed = ARMS_WITH_OPTIONS.some((code) => (explain.get(code)?.treatedPassed ?? 0) > 0);
  return onePassed ? LOST_AT_THE_END : LOST_AT_THE_END_ALIKE;
}

/**
 * Lost pairs from which on an arm counts as refused: METHOD's seven. Where another arm loses one packet and passes with
 * others, all seven may be lost by the same chance: then the whole bar. Where it loses more, something takes some of all
 * packets with options, and whatever takes the rest cannot be told from it: null.
 */
export function lossesToBelieve(state: TraceState, { explain }: Evidence): number | null {
  let most = 0;
  for (const code of ARMS_WITH_OPTIONS) {
    const arm = explain.get(code);
    if (arm !== undefined && arm.treatedPassed > 0) most = Math.max(most, arm.lost);
  }
  if (most > 1) return null;
  return most === 0 ? LOCATING_PAIRS : Math.max(LOCATING_PAIRS, requiredDiscordantPairs(state.limits.confidence));
}

/** Packets of an arm that must pass. That `do8` does where `do16` is lost tells them apart only when it is no chance. */
export function passesNeeded(state: TraceState, evidence: Evidence, arm: number): number {
  const isTellingApart = arm === ARM_CODE.do8 && isLost(state, evidence, evidence.explain.get(ARM_CODE.do16));
  return isTellingApart ? PASSES_FOR_SIZE : PASSES_TO_BELIEVE;
}

/** Packets that pass prove that the arm is not refused; silence needs the pairs of a location. */
function fateOf(state: TraceState, evidence: Evidence, arm: number): Fate {
  const place = evidence.explain.get(arm);
  if (place === undefined) return 'unknown';
  if (place.treatedPassed >= PASSES_TO_BELIEVE && place.lost <= place.treatedPassed) return 'passes';
  return isLost(state, evidence, place) && state.unmatchedExplanations === 0 ? 'refused' : 'unknown';
}

function isLost(state: TraceState, evidence: Evidence, arm: PlaceEvidence | undefined): boolean {
  if (arm === undefined || arm.treatedPassed > 0) return false;
  const enough = lossesToBelieve(state, evidence);
  return enough !== null && arm.lost >= enough;
}
