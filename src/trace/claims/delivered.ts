/** METHOD: delivered */
import {
  findTooNear,
  isLossShown,
  isUndecidable,
  ratesText,
  targetWishes,
  undecided,
} from '../evidence/target-pairs.js';
import { isExplored } from '../explore.js';
import {
  HOPS_DOUBT_P,
  LEAST_ANSWERED_SHARE,
  LOST_BEFORE_P,
  NEARER_DOUBT_P,
  NO_LOSS_E,
  NO_LOSS_E_IN_DOUBT,
  SUGGESTIVE_P,
} from '../numbers.js';
import { findRefusalsOnly, nextLookNs, REFUSED_AS_CLOSED, standOfErrors } from '../evidence/closed-port.js';
import { fisherPValue, mcnemarPValue } from '../evidence/e-values.js';
import type { Case } from '../case.js';
import type { Ledger } from '../evidence/ledger.js';
import type { Reason } from '../reason.js';
import { open, proven, refuted } from './claim.js';
import type { Claim } from './claim.js';
import { findOddAnswers } from './doubt.js';

/** Packets with the option arrive, and no loss of them that matters is left. */
export const delivered: Claim = {
  name: 'delivered',
  stand(trace) {
    const { counts, pdmArrivals, plainArrivals } = trace;
    if (pdmArrivals === 0 || plainArrivals === 0) return refuted();
    if (isLossShown(trace) || isLossShown(trace, 'plain')) return refuted();
    // Echo requests may be balanced onto a longer way than UDP's: that accuses nobody here.
    const tooNear = trace.state.identity.protocol === 'udp' ? null : findTooNear(trace, false);
    if (tooNear !== null) return refuted(tooNear);
    const { counted, looks, hoped } = counts;
    const nearer = answersFromNearer(trace);
    const mayBeNearer = nearest(nearer, LOST_BEFORE_P) === null && nearest(nearer, NEARER_DOUBT_P) !== null;
    const isInDoubt = mayBeNearer || hopsSuggestLoss(trace) || trace.context.sibling('icmp6')?.lossShown === true;
    const bar = isInDoubt ? NO_LOSS_E_IN_DOUBT : NO_LOSS_E;
    if (!counted.isWhole(bar)) {
      if (isUndecidable(trace)) return refuted(undecided(trace));
      const wishes = hoped.isWhole(bar) ? [] : targetWishes(trace);
      return open(`${looks.both} of ${looks.pairs} pairs whole`, wishes, counts.nextNs);
    }
    if (!isExplored(trace)) return open('exploring', []);
    if (isTakenWithBoth(trace)) return refuted({ says: `${ratesText(trace)}: ${TAKEN_WITH_BOTH}`, settledBy: 'later' });
    if (lostBefore(trace))
      return refuted({ says: `${ratesText(trace)}; but ${MORE_LOST_BEFORE}`, settledBy: 'retrace' });
    const isNearer = nearest(nearer, mayBeNearer ? SUGGESTIVE_P : LOST_BEFORE_P);
    const resetsOnly = trace.state.identity.protocol === 'tcp' ? findRefusalsOnly(trace) : null;
    const odd = findOddAnswers(trace) ?? resetsOnly ?? isNearer;
    if (odd !== null) return refuted(odd);
    const echo = standOfErrors(trace);
    if (echo === 'refused') return refuted(REFUSED_AS_CLOSED);
    if (echo === 'waits') return open('waiting for the echo requests', [], nextLookNs(trace));
    return proven({
      outcome: 'delivered',
      basis: 'target',
      reasons: [
        `The target answers packets with the option ${howWell(trace)}: ${ratesText(trace)}.`,
        ...someLost(counts.counted),
      ],
    });
  },
};

function howWell({ counts }: Case): string {
  const { pdmArrived, plainArrived } = counts.counted;
  if (pdmArrived >= plainArrived) return 'as well as those without';
  return 'and no more than three in ten of them are lost on top of those without';
}

/** More than chance has it go missing with the option alone, though fewer than would be called a loss. */
function someLost({ pairs, plainOnly, pdmOnly }: Ledger): string[] {
  if (mcnemarPValue(plainOnly, pdmOnly) >= SUGGESTIVE_P) return [];
  const without = pdmOnly === 0 ? '' : `, in ${pdmOnly} the one without`;
  return [
    `But in ${plainOnly} of ${pairs} pairs the packet with the option alone was not answered${without}: some of several ways may lose it, or a limit.`,
  ];
}

const TAKEN_WITH_BOTH =
  'so few of either kind are answered that a firewall may shun this source on some of the ways since it sent the option.';

/** Echo replies and segments are seldom limited: where most of both kinds are missing, the option may be why. */
function isTakenWithBoth({ state, counts }: Case): boolean {
  const { pairs, plainArrived } = counts.counted;
  return state.identity.protocol !== 'udp' && plainArrived < LEAST_ANSWERED_SHARE * pairs;
}

/** What says that answers to the option come from nearer, and how often chance has it say so. */
interface FromNearer {
  says(): string;
  readonly p: number;
}

/**
 * Answers to packets with the option come from nearer than those to others: perhaps a box answers for the target on the one
 * way that they take. By each hop limit that may part the two, `p` allowing for there being several; and from pair to pair, for
 * ways of several lengths before such a box blur that: both packets of a pair may take the same of them.
 */
function answersFromNearer({ cameFrom }: Case): readonly FromNearer[] {
  const { plain, pdm } = cameFrom.nearer;
  const farthest = highest(cameFrom.plain);
  const limits = [...cameFrom.pdm.keys()].filter((from) => from < farthest);
  if (limits.length === 0 && pdm === 0) return FROM_AS_FAR;
  const within = (limit: number): Record<'plain' | 'pdm', number> => ({
    plain: countWithin(cameFrom.plain, limit),
    pdm: countWithin(cameFrom.pdm, limit),
  });
  const all = within(Infinity);
  const byLimit = limits.map((limit) => {
    const near = within(limit);
    return {
      says: () =>
        `Of ${all.pdm} answers to packets with the option ${near.pdm} came back by no more than ${limit} routers, of ${all.plain} to those without ${near.plain}`,
      p: limits.length * fisherPValue(near.plain, all.plain, near.pdm, all.pdm),
    };
  });
  const byPair = {
    says: () =>
      `In ${pdm} pairs the packet with the option was answered from nearer than the other one, in ${plain} it was the other way round`,
    p: mcnemarPValue(pdm, plain),
  };
  return [...byLimit, byPair];
}

const FROM_AS_FAR: readonly FromNearer[] = [];

function highest(answers: ReadonlyMap<number, number>): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (const from of answers.keys()) if (from > highest) highest = from;
  return highest;
}

function countWithin(answers: ReadonlyMap<number, number>, limit: number): number {
  let sum = 0;
  for (const [from, count] of answers) if (from <= limit) sum += count;
  return sum;
}

/** The first of them that is more than chance at this bar. */
function nearest(answers: readonly FromNearer[], bar: number): Reason | null {
  const found = answers.find(({ p }) => p <= bar);
  if (found === undefined) return null;
  return { says: `${found.says()}: something nearer may answer for the target.`, settledBy: 'other-protocol' };
}

const MORE_LOST_BEFORE =
  'before these pairs, when they were sent closer together or before the path changed, more packets with the option were lost than without: it may be a limit on them.';

/**
 * In counts that were given up because two packets at once were too many, a limit on answers loses either as often; and where
 * hop n fell silent, so that the trace was started again, it may have been a limit on options that silenced it.
 */
function lostBefore({ givenUp }: Case): boolean {
  return mcnemarPValue(givenUp.plainOnly, givenUp.pdmOnly) < LOST_BEFORE_P;
}

/**
 * Hops that answer some packets with the option lose others more often than chance has it. That claims nothing, since a
 * router may report such packets now and then only; but a few clean pairs at the target are not the end of it.
 */
function hopsSuggestLoss({ hops }: Case): boolean {
  let lost = 0;
  let pdmOnly = 0;
  for (const place of hops) {
    if (place === undefined || place.treatedPassed === 0) continue;
    lost += place.lost;
    pdmOnly += place.pdmOnly;
  }
  return mcnemarPValue(lost, pdmOnly) < HOPS_DOUBT_P;
}
