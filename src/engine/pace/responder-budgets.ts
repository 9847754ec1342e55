/**
 * One budget of ICMPv6 errors per router, shared by all traces (METHOD: Pairs, Rhythm at a router): routers limit their errors, and the
 * limit does not care which of our traces drew them. The rate is learnt from what comes back to `plain` alone: what is done to
 * options says nothing of a limit. It grows while that is answered and somebody waits, and falls to what was delivered where
 * less than half of it is.
 */
import type { ErrorAbout } from '../../trace/probe/one-probe.js';
import { hasTokens, tokensAtNs } from './tokens.js';

const SWEEP_ABOVE = 4096;
/** Who was not asked for so long is forgotten, once there are many. */
const FORGOTTEN_NS = 10e9;

/** Answers at once, until a limit is met, and from then on. */
const BURST = 6;
const LIMITED_BURST = 2;
/** What a rate owes for a late timer. */
const CATCH_UP_SECONDS = 0.02;
const LEAST_RATE = 1;
const GROWTH = 2;
const GROWTH_ONCE_LIMITED = 1.25;
/** Answered `plain` packets before the rate grows: so many, or those of an eighth of a second. */
const HITS_TO_GROW = 6;
const GROWTH_SECONDS = 1 / 8;
/** Share of the `plain` packets that must be answered for that, and below which a limit is met. */
const GOOD_SHARE = 0.7;
const GOOD_SHARE_ONCE_LIMITED = 0.9;
const LIMITED_SHARE = 0.5;
/** Missed ones before a limit is believed: so many, or those of a twentieth of a second. */
const MISSES_TO_CUT = 4;
const CUT_SECONDS = 1 / 20;
/** Where it is not known that this router is the one that was asked, twice as many. */
const UNSURE_MISSES = 2;
/** One cut goes no deeper than to this share. */
const DEEPEST_CUT = 0.25;
/** A `plain` packet is missed without an answer in so long, or in so many of the router's round trips. */
const FIRST_WAIT_NS = 500e6;
const LEAST_WAIT_NS = 150e6;
const ROUND_TRIPS = 4;
const ROUND_TRIP_WEIGHT = 1 / 8;
const TRIM_AFTER = 64;

/** A packet that may draw an error, until it is answered or missed. */
export interface Ask {
  readonly budget: RouterBudget | null;
  readonly isPlain: boolean;
  /** It is this router that answers there on that way; else another one may be there, which answers nothing. */
  readonly isSure: boolean;
  /** Answers taken from the budget for it when it left. */
  readonly cost: number;
  readonly round: number;
  readonly sentAtNs: number;
  state: 'open' | 'missed' | 'done';
}

/** What one router has been asked and how it answered. Times are nanoseconds of the engine's clock. */
export interface RouterBudget {
  /** Answers a second. */
  rate: number;
  readonly startRate: number;
  tokens: number;
  atNs: number;
  isLimited: boolean;
  /** Somebody had to wait since the rate last changed. */
  isWanted: boolean;
  /** The rate at which a limit was met answered so many a second. */
  knownGood: number;
  /** Since the rate was last changed or found right. */
  round: number;
  roundFromNs: number;
  hits: number;
  misses: number;
  sureMisses: number;
  answers: number;
  rttNs: number;
  /** `plain` packets in the order sent; those before `openFrom` are done with. */
  readonly open: Ask[];
  openFrom: number;
}

/** Rates are answers a second, times nanoseconds. Once there are many, who was not asked for ten seconds is forgotten. */
export class ResponderBudgets {
  readonly #budgets = new Map<string, RouterBudget>();
  readonly #mostRate: number;
  #sweepAbove = SWEEP_ABOVE;

  /** `mostRate`: packets per second over all traces; no router is asked for more. */
  constructor(mostRate: number) {
    this.#mostRate = mostRate;
  }

  /** `intervalMs`: between two answers until something is learnt; 0 for no limit at all. */
  of(router: string, intervalMs: number, nowNs: number): RouterBudget {
    let budget = this.#budgets.get(router);
    if (budget === undefined) {
      const rate = intervalMs <= 0 ? Number.POSITIVE_INFINITY : Math.min(this.#mostRate, 1000 / intervalMs);
      budget = newBudget(rate, nowNs);
      this.#budgets.set(router, budget);
      if (this.#budgets.size > this.#sweepAbove) this.#sweep(nowNs);
    }
    return budget;
  }

  /** When this router may be asked for so many answers. */
  readyAtNs(budget: RouterBudget, answers: number, nowNs: number): number {
    if (budget.rate === Number.POSITIVE_INFINITY) return nowNs;
    giveUp(budget, nowNs);
    refill(budget, nowNs);
    // More than the bucket holds is taken on credit, once it is full.
    const wanted = Math.min(answers, depth(budget));
    budget.isWanted ||= !hasTokens(budget.tokens, wanted);
    return tokensAtNs(budget.tokens, wanted, ((wanted - budget.tokens) / budget.rate) * 1e9, nowNs);
  }

  /** A packet leaves that is likely to draw so many answers. `budget` is null where nobody is known to answer. */
  ask(
    budget: RouterBudget | null,
    { isPlain, isSure, cost }: Pick<Ask, 'isPlain' | 'isSure' | 'cost'>,
    nowNs: number,
  ): Ask {
    const round = budget?.round ?? 0;
    const ask: Ask = { budget, isPlain, isSure, cost, round, sentAtNs: nowNs, state: 'open' };
    if (budget === null) return ask;
    refill(budget, nowNs);
    budget.tokens -= cost;
    // Without a limit there is none to learn.
    if (isPlain && budget.rate !== Number.POSITIVE_INFINITY) budget.open.push(ask);
    return ask;
  }

  /** It never left, or something that is no router answered: nothing was asked of this one. */
  giveBack(ask: Ask): void {
    if (ask.state === 'done') return;
    const { budget } = ask;
    if (budget !== null) {
      if (ask.state === 'missed' && ask.round === budget.round) forgive(ask, budget);
      budget.tokens = Math.min(depth(budget), budget.tokens + ask.cost);
    }
    ask.state = 'done';
  }

  /** An error came, whoever was expected to send it: the one that did pays. */
  answered(ask: Ask, by: RouterBudget, { rttNs, reports }: Pick<ErrorAbout, 'rttNs' | 'reports'>, nowNs: number): void {
    if (ask.state === 'done') return;
    const { budget, isPlain } = ask;
    const isItsOwn = budget === by;
    if (!isItsOwn) this.giveBack(ask);
    refill(by, nowNs);
    if (!isItsOwn || ask.cost === 0) by.tokens = Math.max(-depth(by), by.tokens - reports);
    by.rttNs = by.rttNs === 0 ? rttNs : by.rttNs + (rttNs - by.rttNs) * ROUND_TRIP_WEIGHT;
    if (isItsOwn && ask.round !== by.round) {
      ask.state = 'done';
      return;
    }
    if (isItsOwn && ask.state === 'missed') forgive(ask, by);
    ask.state = 'done';
    by.answers += 1;
    if (!isPlain) return;
    by.hits += 1;
    this.#grow(by, nowNs);
  }

  #grow(budget: RouterBudget, nowNs: number): void {
    const { hits, misses, rate, isLimited, isWanted, knownGood } = budget;
    if (hits < Math.max(HITS_TO_GROW, rate * GROWTH_SECONDS)) return;
    const share = hits / (hits + misses);
    if (share < LIMITED_SHARE) return;
    if (isWanted && share >= (isLimited ? GOOD_SHARE_ONCE_LIMITED : GOOD_SHARE)) {
      const isBelowKnown = !isLimited || rate * GROWTH <= knownGood;
      budget.rate = Math.min(this.#mostRate, rate * (isBelowKnown ? GROWTH : GROWTH_ONCE_LIMITED));
    }
    beginRound(budget, nowNs);
  }

  /** They have learnt nothing that is worth keeping for so long. */
  #sweep(nowNs: number): void {
    for (const [router, { atNs }] of this.#budgets) if (nowNs - atNs > FORGOTTEN_NS) this.#budgets.delete(router);
    this.#sweepAbove = Math.max(SWEEP_ABOVE, 2 * this.#budgets.size);
  }
}

function newBudget(rate: number, nowNs: number): RouterBudget {
  return {
    rate,
    startRate: rate,
    tokens: BURST,
    atNs: nowNs,
    isLimited: false,
    isWanted: false,
    knownGood: 0,
    round: 0,
    roundFromNs: nowNs,
    hits: 0,
    misses: 0,
    sureMisses: 0,
    answers: 0,
    rttNs: 0,
    open: [],
    openFrom: 0,
  };
}

function depth({ isLimited, rate }: RouterBudget): number {
  return Math.max(isLimited ? LIMITED_BURST : BURST, rate * CATCH_UP_SECONDS);
}

function refill(budget: RouterBudget, nowNs: number): void {
  const passedSeconds = Math.max(0, nowNs - budget.atNs) / 1e9;
  if (budget.rate !== Number.POSITIVE_INFINITY) {
    budget.tokens = Math.min(depth(budget), budget.tokens + passedSeconds * budget.rate);
  }
  budget.atNs = Math.max(budget.atNs, nowNs);
}

/** `plain` packets that were not answered in the router's usual time. */
function giveUp(budget: RouterBudget, nowNs: number): void {
  const waitNs = budget.rttNs === 0 ? FIRST_WAIT_NS : Math.max(LEAST_WAIT_NS, ROUND_TRIPS * budget.rttNs);
  const { open } = budget;
  for (; budget.openFrom < open.length; budget.openFrom += 1) {
    const ask = open[budget.openFrom];
    if (ask === undefined || (ask.state === 'open' && ask.sentAtNs + waitNs > nowNs)) break;
    if (ask.state === 'done') continue;
    ask.state = 'missed';
    if (ask.round !== budget.round) continue;
    budget.misses += 1;
    if (ask.isSure) budget.sureMisses += 1;
    cutWhereLimited(budget, nowNs);
  }
  if (budget.openFrom > TRIM_AFTER) {
    open.splice(0, budget.openFrom);
    budget.openFrom = 0;
  }
}

/** A limit is met: what came back is what it gives. Guesses alone push nobody below where everybody starts. */
function cutWhereLimited(budget: RouterBudget, nowNs: number): void {
  const { hits, misses, sureMisses, rate } = budget;
  const enough = Math.max(MISSES_TO_CUT, rate * CUT_SECONDS);
  if (sureMisses < enough && misses < UNSURE_MISSES * enough) return;
  if (hits / (hits + misses) > LIMITED_SHARE) return;
  // Until now, for answers were counted until now.
  const spanSeconds = Math.max(nowNs - budget.roundFromNs, 1e9 / rate) / 1e9;
  const delivered = Math.max(budget.answers / spanSeconds, rate * DEEPEST_CUT);
  // Who is to be asked less often than once a second from the start is not asked more often now.
  const least = Math.min(rate, sureMisses < enough ? budget.startRate : LEAST_RATE);
  budget.rate = Math.max(least, Math.min(rate / 2, delivered));
  budget.knownGood = delivered;
  budget.isLimited = true;
  budget.tokens = Math.min(budget.tokens, 0);
  budget.round += 1;
  beginRound(budget, nowNs);
}

/** It was late, not missed. */
function forgive(ask: Ask, budget: RouterBudget): void {
  budget.misses = Math.max(0, budget.misses - 1);
  if (ask.isSure) budget.sureMisses = Math.max(0, budget.sureMisses - 1);
}

function beginRound(budget: RouterBudget, nowNs: number): void {
  budget.roundFromNs = nowNs;
  budget.hits = 0;
  budget.misses = 0;
  budget.sureMisses = 0;
  budget.answers = 0;
  budget.isWanted = false;
}
