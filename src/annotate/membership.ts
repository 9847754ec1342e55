import type { Attribution, Membership } from '../trace/record.js';

/** Origin ASes of one responder; empty where the data has none for its address. */
export interface Origins {
  readonly asns: readonly number[];
  /** The address is in an exchange LAN (`--ixp-prefixes`), whose origin says nothing about the router. */
  readonly exchange: boolean;
}

export interface MembershipInput {
  /** Hop number n; 0 where no hop quoted the option. */
  readonly lastPdmHop: number;
  /** Origins of the destination's address, D. */
  readonly destination: Origins;
  /** Origins of our own address. */
  readonly source: Origins;
  /** Hop n; null where it is not known. */
  readonly last: Origins | null;
  /** Responders of hop n+1 on the path of `plain`, the candidates included; empty where silent. */
  readonly next: readonly Origins[];
  /** The arms' paths diverge: hop n+1 may not be on the path of `pdm`. */
  readonly nextUncertain: boolean;
  /** Responders of hop n+2; empty where silent. */
  readonly afterNext: readonly Origins[];
  /** Responders of the first answering hop beyond n+1, for the candidates where n+1 is silent. */
  readonly nextAnswering: readonly Origins[];
}

export interface MembershipJudgement {
  readonly inDestinationNetwork: Membership;
  readonly attribution: Pick<Attribution, 'best' | 'worst' | 'candidates' | 'rule'>;
}

/** The rows of METHOD §8, and the reasons of its row "unknown" one by one. */
export const MEMBERSHIP_RULES = {
  inside: 'D, D, any',
  entering: 'x, D, any',
  borderOfAnother: 'x, y, D',
  borderOfSame: 'x, x, D',
  outside: 'x, x, x ≠ D',
  between: 'x, y, y ≠ D',
  silent: 'n+1 silent',
  unmapped: 'n+1 unmapped',
  exchange: 'n+1 in an exchange LAN',
  several: 'several candidates of different AS',
  uncertain: 'n+1 uncertain: the paths diverge',
  other: 'anything else',
  sourceSide: 'n = 0',
} as const;

/**
 * Does hop n+1 belong to the destination's network, and whose router may have lost the packet (METHOD §8)? Origin ASes of
 * prefixes are compared, borders are not inferred: a router's address may be numbered by its neighbour, hence `best` and
 * `worst` (RFC 7872 §B.2). Prefixes with several origins count as the same network when they share one.
 */
export function judgeMembership(input: MembershipInput): MembershipJudgement {
  const destination = mapped(input.destination);
  const last = input.last === null ? null : mapped(input.last);
  const next = common(input.next);
  const afterNext = common(input.afterNext);
  const pair = union([last ?? [], ...input.next.map(mapped)]);

  if (input.lastPdmHop === 0) {
    const own = mapped(input.source);
    const asn = own[0] ?? null;
    return judgement('no', asn, asn, own, MEMBERSHIP_RULES.sourceSide);
  }
  const beyond = input.next.length === 0 ? input.nextAnswering : input.afterNext;
  const bracketing = union([pair, ...beyond.map(mapped)]);
  const unknown = (rule: string): MembershipJudgement => judgement('unknown', null, null, bracketing, rule);

  if (input.next.length === 0) return unknown(MEMBERSHIP_RULES.silent);
  if (input.nextUncertain) return unknown(MEMBERSHIP_RULES.uncertain);
  if (input.next.some((origins) => origins.exchange)) return unknown(MEMBERSHIP_RULES.exchange);
  if (input.next.some((origins) => origins.asns.length === 0)) return unknown(MEMBERSHIP_RULES.unmapped);
  if (next === null) return unknown(MEMBERSHIP_RULES.several);
  if (last === null || last.length === 0 || destination.length === 0) return unknown(MEMBERSHIP_RULES.other);

  const lastInside = meet(last, destination);
  const nextInside = meet(next, destination);
  if (nextInside !== null) {
    if (lastInside !== null)
      return judgement('yes', nextInside, lastInside, union([[nextInside], pair]), MEMBERSHIP_RULES.inside);
    return judgement('likely', nextInside, first(last), union([[nextInside], pair]), MEMBERSHIP_RULES.entering);
  }
  // Out of D again, or nothing to compare with beyond.
  if (lastInside !== null || afterNext === null || afterNext.length === 0) return unknown(MEMBERSHIP_RULES.other);

  const lastAndNext = meet(last, next);
  const afterInside = meet(afterNext, destination);
  if (afterInside !== null) {
    const candidates = union([[afterInside], next, last]);
    if (lastAndNext !== null)
      return judgement('ambiguous', afterInside, lastAndNext, candidates, MEMBERSHIP_RULES.borderOfSame);
    return judgement('ambiguous', afterInside, first(next), candidates, MEMBERSHIP_RULES.borderOfAnother);
  }
  const nextAndAfter = meet(next, afterNext);
  if (nextAndAfter === null) return unknown(MEMBERSHIP_RULES.other);
  if (lastAndNext !== null) {
    // Three hops with one origin in common are one network; two pairs with different ones are not.
    const all = meet(intersection(last, next), afterNext);
    return all === null
      ? unknown(MEMBERSHIP_RULES.other)
      : judgement('no', all, all, union([[all], pair]), MEMBERSHIP_RULES.outside);
  }
  return judgement('no', nextAndAfter, first(last), union([[nextAndAfter], next, last]), MEMBERSHIP_RULES.between);
}

function judgement(
  inDestinationNetwork: Membership,
  best: number | null,
  worst: number | null,
  candidates: readonly number[],
  rule: string,
): MembershipJudgement {
  return { inDestinationNetwork, attribution: { best, worst, candidates: [...candidates], rule } };
}

/** Addresses of exchange LANs are never attributed. */
function mapped(origins: Origins): readonly number[] {
  return origins.exchange ? [] : origins.asns;
}

/** Origins that all responders of a hop share; null where they share none; empty where the hop is silent or unmapped. */
function common(responders: readonly Origins[]): readonly number[] | null {
  const [one, ...others] = responders.map(mapped);
  if (one === undefined) return [];
  const shared = others.reduce(intersection, one);
  const unmapped = responders.some((origins) => mapped(origins).length === 0);
  return shared.length === 0 && !unmapped ? null : shared;
}

function intersection(one: readonly number[], other: readonly number[]): readonly number[] {
  return one.filter((asn) => other.includes(asn));
}

function meet(one: readonly number[], other: readonly number[]): number | null {
  return one.find((asn) => other.includes(asn)) ?? null;
}

function union(lists: readonly (readonly number[])[]): number[] {
  return [...new Set(lists.flat())];
}

function first(asns: readonly number[]): number | null {
  return asns[0] ?? null;
}
