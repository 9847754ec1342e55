/** What it is about the packet that is refused (METHOD §6.12). Null where the evidence is short or fits no row. */
import type { Evidence } from './evidence.js';
import { LOCATING_PAIRS, LOST_AT_THE_END, PASSES_TO_BELIEVE } from './procedure.js';
import type { Cause } from './record.js';
import { ARM_CODE } from './trace-state.js';
import type { TraceState } from './trace-state.js';

type Fate = 'passes' | 'refused' | 'unknown';

export function explainLoss(state: TraceState, evidence: Evidence): Cause | null {
  // The other arms passed only after the loss had ended? Then they tell nothing of it.
  const pdm = evidence.explain.get(ARM_CODE.pdm);
  if (pdm === undefined || pdm.treatedPassed > 0 || pdm.lost < LOST_AT_THE_END) return null;
  const long = fateOf(state, evidence, ARM_CODE.long);
  const do8 = fateOf(state, evidence, ARM_CODE.do8);
  const do16 = fateOf(state, evidence, ARM_CODE.do16);
  if (long === 'refused') return do16 === 'refused' ? 'length' : null;
  if (long !== 'passes' || do8 === 'unknown' || do16 === 'unknown') return null;
  if (do8 === 'passes') return do16 === 'passes' ? 'option' : 'size';
  return do16 === 'refused' ? 'destination-options' : null;
}

/** Packets that pass prove that the arm is not refused; silence needs the pairs of a location. */
function fateOf(state: TraceState, evidence: Evidence, arm: number): Fate {
  const place = evidence.explain.get(arm);
  if (place === undefined) return 'unknown';
  if (place.treatedPassed >= PASSES_TO_BELIEVE && place.lost <= place.treatedPassed) return 'passes';
  if (place.treatedPassed > 0) return 'unknown';
  return place.lost >= LOCATING_PAIRS && state.unmatchedExplanations === 0 ? 'refused' : 'unknown';
}
