import type { ArmRecord, PlaceRecord, ResponderRecord, TraceRecord } from '../trace/record.js';

/** What an arm drew at one place. `refused`: only refusals from elsewhere, so the packets did not get here. */
type ArmState = 'answered' | 'partly' | 'refused' | 'silent' | 'unsent';

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
    const isTarget = isAtTarget(hop, record.target.address);
    columns.push(column(isTarget ? (targetPairs ?? hop) : hop, hop.hop, isTarget, record.target.address));
    if (isTarget) return columns;
  }
  if (targetPairs !== null) {
    const { plain, pdm } = targetPairs.distance;
    columns.push(column(targetPairs, plain ?? pdm, true, record.target.address));
  }
  return columns;
}

function isAtTarget(place: PlaceRecord, target: string | null): boolean {
  return [place.arms.plain, place.arms.pdm].some((arm) => arm.responders.some((one) => one.address === target));
}

function column(place: PlaceRecord, hop: number | null, isTarget: boolean, targetAddress: string | null): PathColumn {
  const plain = armCell(place.arms.plain, targetAddress);
  const pdm = armCell(place.arms.pdm, targetAddress);
  const seen = plain.responders[0] ?? pdm.responders[0];
  const sharedFrom = 'sharedFrom' in place && typeof place.sharedFrom === 'string' ? place.sharedFrom : null;
  return { hop, isTarget, sharedFrom, plain, pdm, asn: seen?.asn ?? null, asName: seen?.asName ?? null };
}

function armCell(arm: ArmRecord, targetAddress: string | null): ArmCell {
  const { sent, answered } = arm;
  const responders = [...arm.responders].sort((a, b) => b.answered - a.answered);
  const reached = responders.some((one) => one.address === targetAddress || !isRefusal(one));
  const state =
    sent === 0 ? 'unsent' : answered === 0 ? 'silent' : !reached ? 'refused' : answered < sent ? 'partly' : 'answered';
  return { state, sent, answered, responders };
}

/** Only errors other than Time Exceeded: whoever sent them need not be at this hop. */
function isRefusal({ icmp }: ResponderRecord): boolean {
  return icmp.length > 0 && icmp.every(({ type }) => type !== 3 && type < 128);
}

export interface Stop {
  /** PDM was last seen at this hop (0: the source), and is lost after it … */
  readonly after: number;
  /** … before this one; `likely` is nearer where there is reason to think so. */
  readonly upTo: number;
  readonly likelyUpTo: number;
  readonly word: string;
}

/** Where the drawing marks that something happens to the option, or null where nothing does or it is not known where. */
export function stopOf(record: TraceRecord): Stop | null {
  const { verdict, summary } = record;
  const after = summary.lastPdmHop?.hop ?? 0;
  const beyond = { after, upTo: after + 1, likelyUpTo: after + 1 };
  switch (verdict.outcome) {
    case 'dropped':
      if (verdict.interval === null) return null;
      return { ...verdict.interval, word: 'PDM stops here' };
    case 'rejected': {
      if (verdict.interval !== null) return { ...verdict.interval, word: 'PDM refused here' };
      const hop = verdict.refusal?.hop ?? after + 1;
      return { after: Math.max(0, hop - 1), upTo: hop, likelyUpTo: hop, word: 'PDM refused here' };
    }
    case 'stripped':
      return { ...(verdict.interval ?? beyond), word: 'option removed here' };
    case 'altered':
      return { ...(verdict.interval ?? beyond), word: 'option changed here' };
    default:
      return null;
  }
}

/** True where packets with PDM are known to have reached this place. */
export function pdmReaches(record: TraceRecord, place: PathColumn): boolean {
  const arrived = place.pdm.state === 'answered' || place.pdm.state === 'partly';
  if (place.isTarget) return arrived;
  const { optionSeenUpTo } = record.verdict;
  const seen = optionSeenUpTo === 'target' ? Infinity : (optionSeenUpTo ?? record.summary.lastPdmHop?.hop ?? 0);
  return place.hop !== null && (place.hop <= seen || arrived);
}
