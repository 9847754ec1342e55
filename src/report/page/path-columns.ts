import { distanceOf, isAtTarget } from '../../annotate/path-places.js';
import { isEnd, onlyRefuses } from '../../record/refusals.js';
import type { Arm, ArmRecord, Outcome, PlaceRecord, ResponderRecord, TraceRecord } from '../../record/record.js';
import { targetArrivals } from '../words/record-words.js';

/** What an arm drew at one place. `refused`: only refusals from elsewhere, so the packets did not get here. */
type ArmState = 'answered' | 'partly' | 'refused' | 'silent' | 'unsent';

/** What one arm drew at one place. `sent` and `answered`: packets. */
export interface ArmCell {
  readonly state: ArmState;
  readonly sent: number;
  readonly answered: number;
  /** Most answers first. */
  readonly responders: readonly ResponderRecord[];
}

/** One place on the path: a hop, or the target, which comes last and once. */
export interface PathColumn {
  /** Null for the target where its distance is not known. */
  readonly hop: number | null;
  readonly isTarget: boolean;
  /** The record that measured this hop for all targets behind it; null: this one did. */
  readonly sharedFrom: string | null;
  readonly plain: ArmCell;
  readonly pdm: ArmCell;
  /** The AS of whoever answered there, the plain arm first. */
  readonly asn: number | null;
  readonly asName: string | null;
}

/**
 * The path for drawing and for the ladder: hops up to the one at which the target answers, where the pairs sent to the target
 * itself tell more than those with a hop limit and take their place.
 */
export function pathColumns(record: TraceRecord): PathColumn[] {
  const columns: PathColumn[] = [];
  const { targetPairs } = record;
  for (const hop of record.hops) {
    const isTarget = showsTarget(hop, record);
    columns.push(column(record, isTarget ? (targetPairs ?? hop) : hop, hop.hop, isTarget));
    if (isTarget) return columns;
  }
  if (targetPairs !== null) {
    columns.push(column(record, targetPairs, distanceOf(record), true));
  }
  return columns;
}

function showsTarget(place: PlaceRecord, record: TraceRecord): boolean {
  return (['plain', 'pdm'] as const).some((arm) =>
    place.arms[arm].responders.some((one) => isEnd(record, one.address) && !onlyRefuses(record, arm, one)),
  );
}

function column(record: TraceRecord, place: PlaceRecord, hop: number | null, isTarget: boolean): PathColumn {
  const isOfPairs = isTarget && place === record.targetPairs;
  const plain = isOfPairs ? targetCell(record, place, 'plain') : armCell(record, place.arms.plain, 'plain');
  const pdm = isOfPairs ? targetCell(record, place, 'pdm') : armCell(record, place.arms.pdm, 'pdm');
  const seen = plain.responders[0] ?? pdm.responders[0];
  const sharedFrom = 'sharedFrom' in place && typeof place.sharedFrom === 'string' ? place.sharedFrom : null;
  return { hop, isTarget, sharedFrom, plain, pdm, asn: seen?.asn ?? null, asName: seen?.asName ?? null };
}

/** Of the target arrivals are what counts, and of the pairs that the verdict rests on. */
function targetCell(record: TraceRecord, place: PlaceRecord, arm: 'plain' | 'pdm'): ArmCell {
  const cell = armCell(record, place.arms[arm], arm);
  const arrivals = targetArrivals(record);
  if (arrivals === null || cell.state === 'unsent') return cell;
  const answered = arrivals[arm];
  const silence = cell.responders.length > 0 ? 'refused' : 'silent';
  const state = answered === 0 ? silence : answered < arrivals.pairs ? 'partly' : 'answered';
  return { ...cell, state, sent: arrivals.pairs, answered };
}

function armCell(record: TraceRecord, { sent, answered, responders: all }: ArmRecord, arm: Arm): ArmCell {
  const responders = [...all].sort((a, b) => b.answered - a.answered);
  const reached = responders.some((one) => !onlyRefuses(record, arm, one));
  const state =
    sent === 0 ? 'unsent' : answered === 0 ? 'silent' : !reached ? 'refused' : answered < sent ? 'partly' : 'answered';
  return { state, sent, answered, responders };
}

/** What happens to the option, and where in hop limits, as the drawing marks it. */
export interface Stop {
  /** PDM was last seen at this hop (0: the source), and is lost after it … */
  readonly after: number;
  /** … before this one; `likely` is nearer where there is reason to think so. */
  readonly upTo: number;
  readonly likelyUpTo: number;
  /** `upTo` in words. */
  readonly end: string;
  readonly word: string;
}

/** Where the drawing marks that something happens to the option, or null where nothing does or it is not known where. */
export function stopOf(record: TraceRecord): Stop | null {
  const { outcome, interval, refusal } = record.verdict;
  const what = STOP_WORDS[outcome];
  if (what === undefined) return null;
  // One link is marked: where the words leave more than that, the picture must not say less.
  const isCertain = interval === null || interval.upTo - interval.after <= 1;
  const word = `${what}${isCertain ? ' here' : ', most likely here'}`;
  if (interval !== null) {
    // Quotes can be changed on their way back: what routers quote is no more than that.
    const byQuotes = record.verdict.evidence.basis === 'routers' && (outcome === 'stripped' || outcome === 'altered');
    const end = isAtTarget(record, interval.upTo) ? 'the target' : `hop ${interval.upTo}`;
    return { ...interval, end, word: byQuotes ? `${word}, as routers quote it` : word };
  }
  const hop = refusal?.hop ?? null;
  return hop === null ? null : { after: Math.max(0, hop - 1), upTo: hop, likelyUpTo: hop, end: `hop ${hop}`, word };
}

const STOP_WORDS: Readonly<Partial<Record<Outcome, string>>> = {
  dropped: 'PDM stops',
  rejected: 'PDM refused',
  stripped: 'option removed',
  altered: 'option changed',
};

/** True where packets with PDM are known to have reached this place. */
export function pdmReaches(record: TraceRecord, place: PathColumn): boolean {
  const arrived = place.pdm.state === 'answered' || place.pdm.state === 'partly';
  if (place.isTarget) return arrived;
  const { optionSeenUpTo } = record.verdict;
  const seen = optionSeenUpTo === 'target' ? Infinity : (optionSeenUpTo ?? record.summary.lastPdmHop?.hop ?? 0);
  return place.hop !== null && (place.hop <= seen || arrived);
}
