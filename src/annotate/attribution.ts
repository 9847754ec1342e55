import type { Attribution, Membership, SilentStretch } from '../record/record.js';

/** What an address says about whose router has it. */
export interface Origins {
  /** Origin ASes of the longest prefix; empty where the address names no network. */
  readonly asns: readonly number[];
  /** Why it names none, or null. */
  readonly unnamed: 'an exchange LAN' | 'unmapped' | 'no place' | null;
}

/** What a finding of `dropped` and its path say of the interval (n, u] (METHOD: Networks). */
export interface IntervalInput {
  /** n: the hop limit after which packets with the option are lost; 0 where no hop saw one. */
  readonly after: number;
  /** u: the hop limit up to which they are; null for a target of which no distance is known. */
  readonly upTo: number | null;
  /** The smallest hop limit that the target answers; null where it is silent. */
  readonly distance: number | null;
  /** D. */
  readonly destination: Origins;
  /** Of our own address. */
  readonly source: Origins;
  /** Who answered at a hop limit as a router does, in any arm and on any flow; empty where nobody did. */
  readonly responders: (hop: number) => readonly Origins[];
  /** The highest hop limit that was asked. */
  readonly lastHop: number;
  /** The arms take different ways: a hop of the plain path need not be on that of the option. */
  readonly pathsDiverge: boolean;
  /** The address at hop n+1 names no place: it stands elsewhere as well, or two answered one probe there. */
  readonly isNextUncertain?: boolean;
}

/** The same for `rejected`, of which the refuser is known. */
export interface RefusalInput extends Pick<IntervalInput, 'distance' | 'destination' | 'responders' | 'lastHop'> {
  readonly refuser: Origins;
  /** Where the refuser stands; null where that is not known. */
  readonly hop: number | null;
}

/** The part of an attribution that is decided here. */
export type Named = Pick<Attribution, 'best' | 'worst' | 'candidates' | 'silent' | 'unknown' | 'rule'>;

/** `inDestinationNetwork`: hop n+1. */
export interface Judgement {
  readonly inDestinationNetwork: Membership;
  readonly attribution: Named;
}

/** The rows of METHOD's table "Networks", the reasons of its row "unknown" one by one, and those of `rejected`. */
export const ATTRIBUTION_RULES = {
  inside: 'D alone from n-1 on',
  entering: 'x, D',
  borderOfAnother: 'x, y, D',
  borderOfSame: 'x, x, D',
  outside: 'D not among them',
  atTheTarget: 'n+1 is the target',
  silent: 'n+1 silent',
  unmapped: 'n+1 unmapped',
  noPlace: 'n+1 names no place',
  exchange: 'n+1 in an exchange LAN',
  several: 'several candidates of different AS',
  uncertain: 'n+1 uncertain: the paths diverge',
  other: 'anything else',
  sourceSide: 'n = 0',
  refuser: 'the refuser and the next hop alike',
  refuserOrBefore: 'the refuser or the hop before',
  refuserOrNext: 'the refuser or the next hop',
  refuserOrBeside: 'the refuser, the hop before or the next hop',
} as const;

/** One hop of the interval. */
interface Reading {
  readonly hop: number;
  /** Of all its responders. */
  readonly asns: readonly number[];
  readonly silent: boolean;
  readonly unnamed: readonly Origins['unnamed'][];
  /** Responders whose origins differ. */
  readonly several: boolean;
}

/**
 * Whose network may have lost a packet in the interval (n, u], and is hop n+1 in the destination's (METHOD: Networks)? Origin
 * ASes of prefixes are compared, borders are not inferred: hop n may drop while it forwards, and an address may be numbered by
 * a neighbour. So every AS from hop n to hop u is a candidate, hops without answers and addresses without a network leave room
 * for others, and `best` and `worst` (RFC 7872 §B.2) are given only in the table's rows that have them. A prefix with several
 * origins is in none of them alone. A router at u may drop before it answers, and its address may be its provider's: then the
 * network of the next hop that answers is one of those up to u.
 */
export function attributeInterval(input: IntervalInput): Judgement {
  const { after: n, upTo, destination } = input;
  const upToU = range(n, Math.max(upTo ?? input.lastHop, n)).map((hop) => readHop(input, hop));
  const owner = ownerAtEnd(input, upToU.at(-1));
  const within = [...upToU, ...owner.hops];
  const left = leftovers(within);
  const unknown = left.unknown || owner.unknown || input.pathsDiverge || input.isNextUncertain === true;
  const candidates = union([...within, ...borderOf(input, upToU)].map(({ asns }) => asns));
  const says = (is: Membership, best: number | null, worst: number | null, rule: string): Judgement => ({
    inDestinationNetwork: is,
    attribution: { best, worst, candidates, ...open(left.silent, unknown), rule },
  });
  const reason = unknownNext(input, readHop(input, n + 1));
  if (reason !== null) return says('unknown', null, null, reason);

  const isInside = ({ asns, unnamed, silent }: Reading): boolean =>
    !silent && unnamed.length === 0 && asns.every((asn) => destination.asns.includes(asn));
  const [atN, next, ...beyond] = within;
  // Candidates that nobody can name, or a destination that nobody can: no row but the last fits.
  if (atN === undefined || next === undefined || unknown || left.silent.length > 0 || destination.asns.length === 0)
    return says('unknown', null, null, ATTRIBUTION_RULES.other);

  const D = only(destination.asns);
  const outer = only(atN.asns);
  if ([readHop(input, n - 1), ...within].every(isInside)) return says('yes', D, D, ATTRIBUTION_RULES.inside);
  if (isTarget(input, n + 1) && outer !== null) return says('likely', D, outer, ATTRIBUTION_RULES.atTheTarget);
  const meetsD = (reading: Reading): boolean => reading.asns.some((asn) => destination.asns.includes(asn));
  if (!within.some(meetsD)) return says('no', only(candidates), only(candidates), ATTRIBUTION_RULES.outside);
  if (outer === null || meetsD(atN)) return says('unknown', null, null, ATTRIBUTION_RULES.other);
  if ([next, ...beyond].every(isInside)) return says('likely', D, outer, ATTRIBUTION_RULES.entering);
  const border = only(next.asns);
  if (border !== null && !meetsD(next) && beyond.length > 0 && beyond.every(isInside)) {
    const rule = border === outer ? ATTRIBUTION_RULES.borderOfSame : ATTRIBUTION_RULES.borderOfAnother;
    return says('ambiguous', D, border, rule);
  }
  return says('unknown', null, null, ATTRIBUTION_RULES.other);
}

/**
 * Whose network refused: that of the refuser's address if the next hop that answers beyond it and the hop before have the same.
 * A customer's border is often numbered by its provider: then the next hop's is meant as well; and a border may be numbered from
 * behind, where the address is that of the next hop: then it may be of the network before.
 */
export function attributeRefusal(input: RefusalInput): Named {
  const { refuser, hop } = input;
  const itself = reading(hop ?? 0, [refuser]);
  const owner = hop === null ? { hops: [], unknown: true } : ownerBeyond(input, hop, itself);
  const before = hop === null || hop < 2 ? [] : networkBefore(input, hop, itself);
  if (owner === ALIKE && before.length === 0) {
    const one = only(refuser.asns);
    return { best: one, worst: one, candidates: [...refuser.asns], rule: ATTRIBUTION_RULES.refuser };
  }
  const both = [...before, itself, ...owner.hops];
  const left = leftovers(both);
  return {
    best: null,
    worst: null,
    candidates: union(both.map(({ asns }) => asns)),
    ...open(left.silent, left.unknown || owner.unknown),
    rule: ruleOfRefuser(owner !== ALIKE, before.length > 0),
  };
}

function ruleOfRefuser(mayBeNext: boolean, mayBeBefore: boolean): string {
  if (mayBeNext && mayBeBefore) return ATTRIBUTION_RULES.refuserOrBeside;
  return mayBeNext ? ATTRIBUTION_RULES.refuserOrNext : ATTRIBUTION_RULES.refuserOrBefore;
}

/** Whose a router may be besides the AS of its address. */
interface Owner {
  /** The hops up to the next one that answers. */
  readonly hops: readonly Reading[];
  /** Nothing answers beyond. */
  readonly unknown: boolean;
}

/** The next hop that answers is of the same network. */
const ALIKE: Owner = { hops: [], unknown: false };

/** Behind the hops that were asked there may be others before a target of which no distance is known. */
function ownerAtEnd(input: IntervalInput, last: Reading | undefined): Owner {
  const { upTo, destination } = input;
  if (upTo === null) return { hops: [reading(input.lastHop + 1, [destination])], unknown: true };
  return isTarget(input, upTo) ? ALIKE : ownerBeyond(input, upTo, last);
}

/** A customer's border router is often numbered by its provider: the next hop that answers shows the customer. */
function ownerBeyond(
  input: Pick<IntervalInput, 'distance' | 'destination' | 'responders' | 'lastHop'>,
  hop: number,
  router: Reading | undefined,
): Owner {
  const beyond = range(hop + 1, Math.max(input.lastHop, input.distance ?? 0)).map((one) => readHop(input, one));
  const answering = beyond.findIndex(({ silent }) => !silent);
  const next = beyond[answering];
  // What was never answered beyond is no stretch of silent hops: it may be behind the end of the way.
  if (router === undefined || next === undefined) return { hops: [], unknown: true };
  if (isOfNetwork(router, next) && router.unnamed.length === 0 && !router.silent) return ALIKE;
  return { hops: beyond.slice(0, answering + 1), unknown: false };
}

/** The hop before a refuser, where it is of another network, or nobody answers there. */
function networkBefore(input: RefusalInput, hop: number, refuser: Reading): Reading[] {
  const before = readHop(input, hop - 1);
  return isOfNetwork(refuser, before) ? [] : [before];
}

/** All that is known of the other reading lies in the network of the one. */
function isOfNetwork({ asns }: Reading, other: Reading): boolean {
  return !other.silent && other.unnamed.length === 0 && other.asns.every((asn) => asns.includes(asn));
}

/** Hop n−1 where hop n and the one behind it are of one network: a border router may be numbered from behind. */
function borderOf(input: IntervalInput, [atN, next]: readonly Reading[]): Reading[] {
  if (input.after < 2 || atN === undefined || next === undefined) return [];
  if (!next.asns.some((asn) => atN.asns.includes(asn))) return [];
  return [readHop(input, input.after - 1)];
}

/** Why hop n+1 decides nothing, or null. */
function unknownNext({ after, pathsDiverge, isNextUncertain }: IntervalInput, next: Reading): string | null {
  if (after === 0) return ATTRIBUTION_RULES.sourceSide;
  if (pathsDiverge) return ATTRIBUTION_RULES.uncertain;
  if (isNextUncertain === true) return ATTRIBUTION_RULES.noPlace;
  if (next.silent) return ATTRIBUTION_RULES.silent;
  if (next.unnamed.includes('an exchange LAN')) return ATTRIBUTION_RULES.exchange;
  if (next.unnamed.includes('no place')) return ATTRIBUTION_RULES.noPlace;
  if (next.unnamed.includes('unmapped')) return ATTRIBUTION_RULES.unmapped;
  return next.several ? ATTRIBUTION_RULES.several : null;
}

/** Hop 0 is the source. From its distance on the target answers; routers of longer ways may do so there as well. */
function readHop(
  input: Pick<IntervalInput, 'distance' | 'destination' | 'responders'> & { readonly source?: Origins },
  hop: number,
): Reading {
  const { source, destination, responders } = input;
  if (hop <= 0) return reading(hop, source === undefined ? [] : [source]);
  return reading(hop, isTarget(input, hop) ? [destination, ...responders(hop)] : responders(hop));
}

function isTarget({ distance }: Pick<IntervalInput, 'distance'>, hop: number): boolean {
  return distance !== null && hop >= distance;
}

function reading(hop: number, responders: readonly Origins[]): Reading {
  const texts = new Set(responders.map(({ asns }) => [...asns].sort((a, b) => a - b).join(' ')));
  return {
    hop,
    asns: union(responders.map(({ asns }) => asns)),
    silent: responders.length === 0,
    unnamed: responders.map(({ unnamed }) => unnamed).filter((reason) => reason !== null),
    several: texts.size > 1,
  };
}

/** What no address names: silent stretches, and whether there is a responder that names no network. */
function leftovers(hops: readonly Reading[]): { readonly silent: SilentStretch[]; readonly unknown: boolean } {
  const silent: SilentStretch[] = [];
  for (const { hop } of hops.filter((one) => one.silent)) {
    const last = silent.at(-1);
    if (last?.to === hop - 1) last.to = hop;
    else silent.push({ from: hop, to: hop });
  }
  return { silent, unknown: hops.some(({ unnamed }) => unnamed.length > 0) };
}

function open(silent: SilentStretch[], unknown: boolean): Pick<Attribution, 'silent' | 'unknown'> {
  return { ...(silent.length === 0 ? {} : { silent }), ...(unknown ? { unknown: true } : {}) };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

function union(lists: readonly (readonly number[])[]): number[] {
  return [...new Set(lists.flat())];
}

/** The one there is; null where there are several or none. */
function only(asns: readonly number[]): number | null {
  return asns.length === 1 ? (asns[0] ?? null) : null;
}
