/**
 * What every accusation asks besides its own bar (METHOD: where, same path, cause, doubt), side by side: an accusation is
 * proven when nothing of it is open, and refuted when one of it says no.
 */
import type { Case } from '../case.js';
import { firstRoundIsOver, isExplored } from '../explore.js';
import type { PairWish } from '../wish.js';
import { standOfCause } from './cause.js';
import type { CauseStanding } from './cause.js';
import { doubtOf } from './doubt.js';
import type { Reason } from '../reason.js';
import type { Cause } from '../../record/record.js';
import { CHANGED_TWICE, standOfPath } from './same-path.js';
import { locate } from './where.js';
import type { Where } from './where.js';

/**
 * `yes`: nothing speaks against it, and place and cause are as well known as they will be. `has`: what is asked, for people.
 */
export type Confirmation =
  | { readonly is: 'no'; readonly by: Reason }
  | { readonly is: 'open'; readonly has: string; readonly wants: readonly PairWish[]; readonly untilNs: number | null }
  | {
      readonly is: 'yes';
      readonly interval: Where['interval'];
      readonly cause: Cause | null;
      /** Sentences about how the cause was found. */
      readonly reasons: readonly string[];
    };

/**
 * `lost`: pairs that it rests on, which doubts are weighed by. `isPartial`: some packets of the arm that fares worse arrive.
 */
export interface Accusation {
  readonly name: string;
  readonly lost: number;
  /** Where the cause is asked for; null where none is. */
  readonly causeAt: number | null;
  readonly isPartial?: boolean;
}

/**
 * A doubt refutes at once, before anything is wished for; then the path, the place and the cause send their wishes together.
 * A `yes` carries what the finding says of where and why.
 */
export function confirm(trace: Case, { name, lost, causeAt, isPartial }: Accusation): Confirmation {
  const doubt = doubtOf(trace, name, lost, isPartial);
  if (doubt !== null) return { is: 'no', by: doubt };
  if (!firstRoundIsOver(trace)) return { is: 'open', has: 'exploring', wants: [], untilNs: null };
  const path = standOfPath(trace);
  if (path.is === 'changed') return { is: 'no', by: CHANGED_TWICE };
  const where = locate(trace);
  const cause: CauseStanding = causeAt === null ? NO_CAUSE : standOfCause(trace, causeAt);
  const wants = [...(path.is === 'open' ? path.wants : []), ...where.wants, ...cause.wants];
  const asked = [
    path.is === 'open' ? 'the path' : null,
    where.settled ? null : 'the place',
    cause.settled ? null : 'the cause',
    isExplored(trace) ? null : 'the hops',
  ].filter((part) => part !== null);
  if (asked.length > 0)
    return { is: 'open', has: `asking for ${asked.join(', ')}`, wants, untilNs: cause.untilNs ?? null };
  return { is: 'yes', interval: where.interval, cause: cause.cause, reasons: cause.reasons ?? [] };
}

const NO_CAUSE = { cause: null, wants: [], settled: true };
