/** METHOD: Claims. The ordered list: the first that is proven, with none open before it, is the verdict. */
import type { Case } from '../case.js';
import { altered } from './altered.js';
import { bypassed } from './bypassed.js';
import type { Claim, Finding, Standing } from './claim.js';
import { delivered } from './delivered.js';
import { dropped } from './dropped.js';
import { impaired } from './impaired.js';
import { noDifference } from './no-difference.js';
import { rejected } from './rejected.js';
import { stripped } from './stripped.js';
import { unreachable } from './unreachable.js';

/** In the order of METHOD: Claims. The first says more of the same evidence than those after it. */
export const CLAIMS: readonly Claim[] = [
  unreachable,
  rejected,
  dropped,
  bypassed,
  impaired,
  stripped,
  altered,
  delivered,
  noDifference,
];

/** A claim, and whether it is refuted, open or proven. */
export interface Stand {
  readonly claim: Claim;
  readonly standing: Standing;
}

/** `stands`: of all claims up to the first that is proven with none open before it. */
export interface Standings {
  readonly stands: readonly Stand[];
  /** Null while a claim before it is open, or none is proven. */
  readonly verdict: Finding | null;
}

/** Walks the list once. */
export function weigh(trace: Case): Standings {
  const stands: Stand[] = [];
  let verdict: Finding | null = null;
  let isOpenBefore = false;
  for (const claim of CLAIMS) {
    const standing = claim.stand(trace);
    stands.push({ claim, standing });
    if (standing.is === 'open') isOpenBefore = true;
    if (standing.is === 'proven' && !isOpenBefore) {
      verdict = standing.finding;
      break;
    }
  }
  return { stands, verdict };
}
