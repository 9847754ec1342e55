/** Pairs at the target, and of those who bear witness for it, in the order sent. Counts only; what they show is the claims' business. */
import { LATELY_GRACES, LATELY_INTERVALS, LATELY_NS, PAIRS_TO_LOOK_LOST } from '../numbers.js';
import { MEANING } from '../reply/meaning.js';
import { comesFrom } from '../reply/words.js';
import type { Meanings } from '../reply/meaning.js';
import { PURPOSE, witnessOf } from '../state/trace-state.js';
import type { ReplySignature, TraceState, WitnessProtocol } from '../state/trace-state.js';
import { Ledger } from './ledger.js';
import {
  classify,
  forEachPair,
  graceNs,
  isAwaited,
  lookOf,
  looksLostNs,
  PAIR_CLASS,
  partedNs,
  replyTo,
} from './pair.js';
import type { HasArrived, Pair } from './pair.js';

/**
 * Pairs as they are counted: `counted` rests on the grace, `looks` counts those in grace as they look, and `hoped` those of the
 * target on their way as they are expected to end. The latter two show no loss, nor that none matters; METHOD: Pairs says what
 * they decide.
 */
export interface Counts {
  readonly counted: Ledger;
  readonly looks: Ledger;
  readonly hoped: Ledger;
  /** Treated pairs on their way, of which it is not known how they look. */
  awaited: number;
  /** When the look of the next pair on its way is known; null where none is. */
  looksNs: number | null;
  /** When the next pair leaves its grace; null where none waits. */
  nextNs: number | null;
  /** A pair waits for its grace, and all after it wait for it. */
  isWaiting: boolean;
  /** Of the lost pairs counted, those sent after n was first seen, and after the last packet with the option seen there. */
  lostSinceSeen: number;
  lostAfterSeen: number;
  /** … and those sent lately, by METHOD: dropped. */
  lostLately: number;
  /** When the lost packet left from which on those with the option look lost, as the pairs look; ∞ before. */
  lossSinceNs: number;
  /** When the last treated packet left whose answer quotes nothing. */
  lastUnquotedNs: number;
  lastSentNs: number;
  pairs: number;
  pending: number;
  /** Pairs in a row, the last ones, in which nothing was answered. */
  silentRow: number;
  /** Answered `plain` probes whose answer quotes nothing. */
  plainUnquoted: number;
  /** … and is no reset: of SYNs, that they are acknowledged. */
  plainBesidesResets: number;
  /** Answered `pdm` probes of treated pairs whose answer quotes nothing. */
  pdmUnquoted: number;
  /** … and is no reset. */
  pdmBesidesResets: number;
  /** Routers that answers to `plain` came back by, at least, as their hop limits tell; null where none does. */
  comesFrom: number | null;
  /** Port of the flows; 0 where they have none. */
  port: number;
}

/** Of the target's own pairs, and of those of other protocols that bear witness for a UDP trace. */
export interface AllCounts {
  readonly target: Counts;
  readonly witness: Readonly<Record<WitnessProtocol, Counts>>;
  readonly cameFrom: CameFrom;
}

/** Answers that the target's treated pairs drew, by how many routers they came back by at least: to `plain`, and to `pdm`. */
export interface CameFrom {
  readonly plain: ReadonlyMap<number, number>;
  readonly pdm: ReadonlyMap<number, number>;
  /** Pairs of which the answer to this arm came from nearer than that to the other. */
  readonly nearer: Readonly<Record<'plain' | 'pdm', number>>;
}

/** What packets with the option drew that bear witness, of the whole trace: such facts outlive counts and paths. */
export interface WitnessAnswers {
  /** As `plain` is answered. */
  arrived: number;
  /** In other words, or from another distance: whoever says that treats the two kinds otherwise. */
  otherwise: number;
}

/** What the target's pairs are held against. */
interface Seen {
  /** When a packet with the option was first seen at n, and when the last such left. */
  readonly firstNs: number;
  readonly lastNs: number;
  readonly hasArrived: HasArrived;
}

function emptyCounts(port = 0): Counts {
  return {
    counted: new Ledger(),
    looks: new Ledger(),
    hoped: new Ledger(),
    awaited: 0,
    looksNs: null,
    nextNs: null,
    isWaiting: false,
    lostSinceSeen: 0,
    lostAfterSeen: 0,
    lostLately: 0,
    lossSinceNs: Number.POSITIVE_INFINITY,
    lastUnquotedNs: Number.NEGATIVE_INFINITY,
    lastSentNs: Number.NEGATIVE_INFINITY,
    pairs: 0,
    pending: 0,
    silentRow: 0,
    plainUnquoted: 0,
    plainBesidesResets: 0,
    pdmUnquoted: 0,
    pdmBesidesResets: 0,
    comesFrom: null,
    port,
  };
}

/** Of pairs that were never sent: most traces need no witness. */
const NO_WITNESS: Counts = Object.freeze(emptyCounts());

/** A pair waits for those before it. Moves the pace at the target, which reads the same pairs. */
export function countPairs(state: TraceState, meanings: Meanings, nowNs: number, seen: Seen): AllCounts {
  const target = emptyCounts();
  const witness: Record<WitnessProtocol, Counts> = { icmp6: NO_WITNESS, tcp: NO_WITNESS };
  const cameFrom: Distances = { plain: new Map(), pdm: new Map(), nearer: { plain: 0, pdm: 0 } };
  const grace = graceNs(state);
  const looksAfter = looksLostNs(state);
  const from = Math.max(state.attemptStart, state.countStart);
  const latelyNs =
    nowNs -
    Math.max(
      LATELY_NS,
      LATELY_GRACES * grace,
      LATELY_INTERVALS * state.pace.intervalNs,
      grace + LATELY_INTERVALS * partedNs(state),
    );
  state.pace.begin();
  forEachPair(state, meanings, from, (pair) => {
    const by = witnessOf(pair.purpose);
    if (by === null && pair.purpose !== PURPOSE.target) return;
    const port = state.flows[pair.flow]?.destinationPort ?? 0;
    // Where nothing answered at one port, another is asked: what was silent there says nothing here.
    if (by !== null && (witness[by] === NO_WITNESS || (by === 'tcp' && witness.tcp.port !== port)))
      witness[by] = emptyCounts(port);
    const into = by === null ? target : witness[by];
    into.pairs += 1;
    into.lastSentNs = Math.max(into.lastSentNs, pair.lastSentNs);
    const pairClass = classify(pair);
    if (pairClass === PAIR_CLASS.void) return;
    if (by === null) {
      const look = lookOf(pair, pairClass, seen.hasArrived, nowNs, looksAfter);
      state.pace.observe(pair.first, pair.lastSentNs, look, nowNs);
    }
    const isWhole = pairClass === PAIR_CLASS.both;
    const isSettled = isWhole || (!pair.isLeaving && pair.lastSentNs + grace <= nowNs);
    if (!isWhole && !isSettled) {
      into.pending += 1;
      into.isWaiting = true;
      if (!pair.isLeaving) into.nextNs ??= pair.lastSentNs + grace;
    }
    const waits = into.isWaiting;
    if (!isSettled && isAwaited(pair, nowNs, looksAfter)) {
      if (by !== null) return;
      if (!pair.isPlacebo) into.awaited += 1;
      if (!pair.isLeaving) into.looksNs ??= pair.lastSentNs + looksAfter;
      addToLedger(into.hoped, pair, state.expectsLoss && !pair.isPlacebo ? PAIR_CLASS.plainOnly : PAIR_CLASS.both);
      return;
    }
    if (by === null) addToLedger(into.hoped, pair, pairClass);
    into.silentRow = pair.plain === MEANING.none && pair.treated === MEANING.none ? into.silentRow + 1 : 0;
    addToLedger(into.looks, pair, pairClass);
    if (!pair.isPlacebo && pairClass === PAIR_CLASS.plainOnly && into.looks.plainOnly === PAIRS_TO_LOOK_LOST)
      into.lossSinceNs = state.probes.sentAtNs(pair.treatedRow);
    if (!pair.isPlacebo) noteAnswers(into, by === null ? cameFrom : null, state, pair);
    if (waits) return;
    addToLedger(into.counted, pair, pairClass);
    if (pair.isPlacebo || pairClass !== PAIR_CLASS.plainOnly) return;
    const sentNs = state.probes.sentAtNs(pair.treatedRow);
    if (sentNs > seen.firstNs) into.lostSinceSeen += 1;
    if (sentNs > seen.lastNs) into.lostAfterSeen += 1;
    if (sentNs >= latelyNs) into.lostLately += 1;
  });
  return { target, witness, cameFrom };
}

/**
 * Counts one answered packet with the option that a witness was sent (METHOD: dropped, the way back). Other errors than
 * refusals say nothing of who answers, and count nowhere.
 */
export function noteWitnessAnswer(into: WitnessAnswers, meaning: number, { quoted }: ReplySignature): void {
  if (meaning === MEANING.arrived) into.arrived += 1;
  // An error that is no refusal says nothing of who answers.
  else if (meaning === MEANING.refused || (meaning === MEANING.other && !quoted)) into.otherwise += 1;
}

/** `cameFrom`: where the target's own are noted. */
function noteAnswers(into: Counts, cameFrom: Distances | null, state: TraceState, pair: Pair): void {
  if (isUnquoted(state, pair.plain, pair.plainRow)) {
    into.plainUnquoted += 1;
    if (replyTo(state, pair.plainRow)?.isReset === false) into.plainBesidesResets += 1;
  }
  if (isUnquoted(state, pair.treated, pair.treatedRow)) {
    into.pdmUnquoted += 1;
    into.lastUnquotedNs = Math.max(into.lastUnquotedNs, state.probes.sentAtNs(pair.treatedRow));
    if (replyTo(state, pair.treatedRow)?.isReset === false) into.pdmBesidesResets += 1;
  }
  const plain = distanceBack(state, pair.plain, pair.plainRow);
  if (plain !== null) into.comesFrom = Math.min(into.comesFrom ?? plain, plain);
  if (cameFrom === null) return;
  const pdm = distanceBack(state, pair.treated, pair.treatedRow);
  addOne(cameFrom.plain, plain);
  addOne(cameFrom.pdm, pdm);
  if (plain !== null && pdm !== null && plain !== pdm) cameFrom.nearer[plain < pdm ? 'plain' : 'pdm'] += 1;
}

type Distances = Readonly<Record<'plain' | 'pdm', Map<number, number>>> & {
  readonly nearer: Record<'plain' | 'pdm', number>;
};

function addOne(answers: Map<number, number>, from: number | null): void {
  if (from !== null) answers.set(from, (answers.get(from) ?? 0) + 1);
}

function distanceBack(state: TraceState, meaning: number, row: number): number | null {
  const answer = meaning === MEANING.arrived ? replyTo(state, row) : null;
  return answer === null ? null : comesFrom(answer);
}

/** It arrived, and what says so is no error. */
function isUnquoted(state: TraceState, meaning: number, row: number): boolean {
  return meaning === MEANING.arrived && replyTo(state, row)?.quoted === false;
}

function addToLedger(ledger: Ledger, pair: Pair, pairClass: (typeof PAIR_CLASS)[keyof typeof PAIR_CLASS]): void {
  if (pair.isPlacebo) ledger.addPlacebo(pairClass === PAIR_CLASS.both);
  else ledger.addTreated(pairClass);
}
