/**
 * Which ways the traces of a run have seen, hop by hop, so that not every trace has to probe the near ones again
 * (METHOD: Exploring). A node is a responder at a hop limit; it remembers who answered one hop before it, in the same traces.
 *
 * A way is passed on only where every step of it was seen by many traces, on as many flows, and never otherwise: of two
 * equal-cost members AGREEING_TRACES traces in a row meet the same one once in 2^15 times, and each contradiction doubles
 * what is asked for. What nobody has seen again for a while is not passed on either.
 */
import { mcnemarPValue } from '../../trace/evidence/e-values.js';
import { responderOf } from '../../trace/evidence/place.js';
import type { Place } from '../../trace/evidence/place.js';
import type { NearHop, SeenHops } from '../../trace/trace-context.js';
import { LOSSY_HOP_P, PAIRS_PER_HOP } from '../../trace/numbers.js';
import type { HopRecord } from '../../record/record.js';
import { TARGET_HOP_LIMIT } from '../../trace/state/trace-state.js';
import { HeardResponders } from './heard-responders.js';

/** Traces in a row that must have met the same responder one hop before. */
const AGREEING_TRACES = 16;
const MOST_DOUBLINGS = 10;
/**
 * Steps that nobody has seen again for this long may have changed. Scouts see the common ones more often; of those that a
 * part of the targets has in common, traces that join beyond them see none, and scouts few.
 */
const STEP_FRESH_NS = 60e9;
/** So may what a record says of a hop besides its address. */
const RECORD_FRESH_NS = 300e9;
/** A record of a hop is replaced by a younger one after this long. */
const RENEW_NS = 10e9;
/** Pairs of a hop, answered in both arms, that its record must hold; of three one may be lost. */
const ANSWERED_PAIRS = 2;
/** Traces that meet a responder before its record is kept: most far ones are met by one. */
const KEPT_AFTER = 4;
/** Responders kept; those that were of no use longest go first. */
const MOST_NODES = 2048;
/** Losses are forgotten by halves beyond this many discordant pairs. */
const MOST_DISCORDANT = 200;

/** Traces that look at every hop, at the beginning … */
const FIRST_SCOUTS = AGREEING_TRACES + 4;
/** … and later on: one when so many others have begun since the last one, or when it was so long ago. */
const TRACES_PER_SCOUT = 40;
const SCOUT_EVERY_NS = 25e9;

/** A responder counts for the whole run's at its hop limit from this lead over all others on; see `vote`. */
const COMMON_LEAD = AGREEING_TRACES;
const MOST_LEAD = 2 * AGREEING_TRACES;

/** Several responders at one hop in one trace, or something that is no Time Exceeded. */
const MIXED = '*';
const SOURCE = 'source';

interface Node {
  readonly hop: number;
  readonly responder: string;
  /** Who answered one hop before, and how many traces in a row saw that. */
  before: string | null;
  agreeing: number;
  contradictions: number;
  agreedAtNs: number;
  met: number;
  /** Pairs, over all traces, that lost only the packet with the option, or only the one without. */
  lost: number;
  pdmOnly: number;
  reports: boolean;
  losesOption: boolean;
  record: HopRecord | null;
  recordAtNs: number;
  usedAtNs: number;
}

interface Candidate {
  responder: string;
  lead: number;
  /** Lead of traces that met a responder, whichever, to whom a way was known. */
  known: number;
}

const TOLD_HEARD = 1;
const TOLD_PAIRS = 2;
const TOLD_STEP = 4;
const TOLD_ALL = TOLD_HEARD | TOLD_PAIRS | TOLD_STEP;

/** What one trace has told of each hop limit, so that it counts once. */
export class Told {
  readonly hops = new Uint8Array(TARGET_HOP_LIMIT + 1);
  readonly attemptStart: number;

  /** The first probe of the attempt that it is about. */
  constructor(attemptStart = 0) {
    this.attemptStart = attemptStart;
  }
}

/** One run's, of one source and kind of probe. Times are nanoseconds on the engine's clock, and hops count from 1. */
export class NearHopTable {
  readonly #number: number;
  /** By hop limit, and by responder: asked for in each step of each trace. */
  readonly #nodes: (Map<string, Node> | undefined)[] = [];
  #size = 0;
  readonly #candidates: (Candidate | undefined)[] = [];
  readonly #heard: (HeardResponders | undefined)[] = [];
  #begun = 0;
  #sinceScout = 0;
  #scoutAtNs = Number.NEGATIVE_INFINITY;
  #scouting = 0;
  #scouted = 0;

  /** `number` tells it from other tables. */
  constructor(number: number) {
    this.#number = number;
  }

  get size(): number {
    return this.#size;
  }

  /** Whether a trace that begins now looks at every hop. */
  begin(nowNs: number): boolean {
    this.#begun += 1;
    this.#sinceScout += 1;
    const isFirst = this.#begun <= FIRST_SCOUTS;
    if (!isFirst && this.#sinceScout < TRACES_PER_SCOUT && nowNs - this.#scoutAtNs < SCOUT_EVERY_NS) return false;
    this.#sinceScout = 0;
    this.#scoutAtNs = nowNs;
    this.#scouting += 1;
    return true;
  }

  endScout(): void {
    this.#scouting -= 1;
    this.#scouted += 1;
  }

  /** The first scouts are out, and no way is known yet. */
  isBeingScouted(nowNs: number): boolean {
    return this.#scouting > 0 && this.#scouted < AGREEING_TRACES && this.startAt(nowNs) === 1;
  }

  /** The farthest hop limit where most traces met a responder to whom one way is known; 1 when there is none. */
  startAt(nowNs: number): number {
    for (let hop = this.#candidates.length - 1; hop > 1; hop -= 1) {
      const candidate = this.#candidates[hop];
      if (candidate === undefined) continue;
      if (candidate.known >= COMMON_LEAD) return hop;
      if (candidate.responder === '' || candidate.lead < COMMON_LEAD) continue;
      if (this.wayTo(candidate.responder, hop, nowNs) !== null) return hop;
    }
    return 1;
  }

  /**
   * Whose budget a packet with this hop limit will probably cost, whatever the target; null when that is open. Until
   * somebody has answered there, or has not, the hop itself stands for whoever it is. `share`: see `HeardResponders`.
   */
  likelyAt(hop: number, share: number): string | null {
    const heard = this.#heard[hop];
    return heard === undefined ? `hop ${hop} of table ${this.#number}` : heard.likely(share);
  }

  /** Hops 1 to `hop` − 1 of the only way known to this responder. */
  wayTo(responder: string, hop: number, nowNs: number): readonly NearHop[] | null {
    const way = new Array<NearHop>(hop - 1);
    let node = this.#nodes[hop]?.get(responder);
    for (let at = hop; ; at -= 1) {
      if (node === undefined || node.losesOption) return null;
      if (!isAgreed(node, nowNs)) return null;
      node.usedAtNs = nowNs;
      if (at === 1) return way;
      node = this.#nodes[at - 1]?.get(node.before ?? MIXED);
      if (node?.record == null || nowNs - node.recordAtNs > RECORD_FRESH_NS) return null;
      way[at - 2] = { responder: node.responder, record: node.record };
    }
  }

  /**
   * Takes in what a trace knows by now. Hops beyond n are left out: there packets with the option may have been lost for
   * this target alone. `recordOf` gives a hop as it stands in the trace's record.
   */
  learn(trace: SeenHops, told: Told, recordOf: (hop: number) => HopRecord, nowNs: number): void {
    const { hops } = trace;
    for (let hop = 1; hop <= trace.highestHop; hop += 1) {
      const place = hops[hop];
      const before = told.hops[hop] ?? 0;
      if (place === undefined || before === TOLD_ALL) continue;
      let now = before;
      const responder = responderOf(place);
      if ((now & TOLD_HEARD) === 0 && (responder !== '' || place.pairs > place.pending)) {
        now |= TOLD_HEARD;
        // The target, or several routers: open for the next trace, as where nobody answers.
        this.#vote(hop, responder ?? '', nowNs);
      }
      if (hop <= trace.lastPdmHop && showsResponder(place)) {
        const previous = hop === 1 ? SOURCE : responderBefore(hops[hop - 1]);
        if ((now & TOLD_STEP) === 0 && previous !== null) {
          now |= TOLD_STEP;
          const node = this.#nodeAt(hop, responder ?? MIXED, nowNs);
          node.met += 1;
          step(node, previous, nowNs);
        }
        if ((now & TOLD_PAIRS) === 0 && isSettled(place)) {
          now |= TOLD_PAIRS;
          this.#take(this.#nodeAt(hop, responder ?? MIXED, nowNs), place, recordOf, nowNs);
        }
      }
      told.hops[hop] = now;
    }
  }

  /** A majority that follows changes: with two thirds of the votes a responder stays in the lead. */
  #vote(hop: number, responder: string, nowNs: number): void {
    (this.#heard[hop] ??= new HeardResponders()).hear(responder);
    const candidate = (this.#candidates[hop] ??= { responder, lead: 0, known: 0 });
    const isKnown = responder !== '' && this.wayTo(responder, hop, nowNs) !== null;
    candidate.known = isKnown ? Math.min(MOST_LEAD, candidate.known + 1) : Math.max(0, candidate.known - 2);
    if (candidate.responder === responder) candidate.lead = Math.min(MOST_LEAD, candidate.lead + 1);
    else if (candidate.lead >= 2) candidate.lead -= 2;
    else {
      candidate.responder = responder;
      candidate.lead = 1;
    }
  }

  /** What its pairs show of a hop. */
  #take(node: Node, place: Place, recordOf: (hop: number) => HopRecord, nowNs: number): void {
    node.lost += place.lost;
    node.pdmOnly += place.pdmOnly;
    if (place.treatedPassed > 0) node.reports = true;
    if (node.lost + node.pdmOnly > MOST_DISCORDANT) {
      node.lost >>= 1;
      node.pdmOnly >>= 1;
    }
    // Routers that never report packets with the option show nothing of their fate.
    node.losesOption = node.reports && mcnemarPValue(node.lost, node.pdmOnly) < LOSSY_HOP_P;
    if (node.met < KEPT_AFTER || !isWorthShowing(node, place)) return;
    if (node.record !== null && nowNs - node.recordAtNs < RENEW_NS) return;
    node.record = recordOf(node.hop);
    node.recordAtNs = nowNs;
  }

  #nodeAt(hop: number, responder: string, nowNs: number): Node {
    const atHop = (this.#nodes[hop] ??= new Map<string, Node>());
    let node = atHop.get(responder);
    if (node === undefined) {
      if (this.#size >= MOST_NODES) this.#forget();
      node = {
        hop,
        responder,
        before: null,
        agreeing: 0,
        contradictions: 0,
        agreedAtNs: nowNs,
        met: 0,
        lost: 0,
        pdmOnly: 0,
        reports: false,
        losesOption: false,
        record: null,
        recordAtNs: nowNs,
        usedAtNs: nowNs,
      };
      atHop.set(responder, node);
      this.#size += 1;
    }
    node.usedAtNs = nowNs;
    return node;
  }

  /** The half that was used least lately. */
  #forget(): void {
    const byUse = this.#nodes.flatMap((atHop) => [...(atHop?.values() ?? [])]).sort((a, b) => a.usedAtNs - b.usedAtNs);
    for (const { hop, responder } of byUse.slice(0, MOST_NODES / 2)) {
      this.#nodes[hop]?.delete(responder);
      this.#size -= 1;
    }
  }
}

function isSettled(place: Place): boolean {
  return place.pending === 0 && place.pairs - place.void >= PAIRS_PER_HOP;
}

/** One pair that both arms crossed shows who is there; all of them, that nobody answers. */
function showsResponder(place: Place): boolean {
  return isSettled(place) || (place.pending === 0 && place.both > 0);
}

/** Who answered there; null while that is open. */
function responderBefore(place: Place | undefined): string | null {
  return place !== undefined && showsResponder(place) ? (responderOf(place) ?? MIXED) : null;
}

function isAgreed(node: Node, nowNs: number): boolean {
  if (node.responder === MIXED || node.before === null || node.before === MIXED) return false;
  const asked = AGREEING_TRACES * 2 ** Math.min(node.contradictions, MOST_DOUBLINGS);
  return node.agreeing >= asked && nowNs - node.agreedAtNs <= STEP_FRESH_NS;
}

function step(node: Node, before: string, nowNs: number): void {
  if (node.before === before) {
    node.agreeing += 1;
  } else {
    if (node.before !== null) node.contradictions += 1;
    node.before = before;
    node.agreeing = 1;
  }
  node.agreedAtNs = nowNs;
}

/** Enough pairs in both arms; where nobody answers, or only without the option, in all traces alike. */
function isWorthShowing(node: Node, place: Place): boolean {
  if (node.responder === MIXED) return false;
  if (node.responder === '') return place.neither >= PAIRS_PER_HOP;
  return node.reports ? place.both >= ANSWERED_PAIRS : place.plainOnly >= ANSWERED_PAIRS;
}
