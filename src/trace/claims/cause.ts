/** METHOD: cause. What it is about the packet that is refused. */
import type { Case } from '../case.js';
import { emptyPlace } from '../evidence/place.js';
import type { Place } from '../evidence/place.js';
import { restOf } from '../evidence/pair.js';
import { lostWithoutAWord } from '../evidence/refusals.js';
import { answersUnquoted, looksLost } from '../evidence/target-pairs.js';
import {
  EXPLAINING_ARMS,
  EXPLAINING_PAIR_CAP,
  EXPLAINING_SHARE,
  LEADING_LOSSES,
  LOST_AT_THE_END,
  LOST_AT_THE_END_ALIKE,
  OWN_ARM_AT_ONCE,
  OWN_ARM_LOSSES,
  OWN_ARM_PAIR_CAP,
  PASSES_FOR_SIZE,
  PASSES_TO_BELIEVE,
  REFUSED_PAIRS,
  SIBLING_POLL_NS,
} from '../numbers.js';
import type { Arm, Cause, Protocol } from '../../record/record.js';
import { canSynsStandFor } from '../probe/probe-packet.js';
import { ARM_CODE, PURPOSE, TARGET_HOP_LIMIT } from '../state/trace-state.js';
import { leadingInTurn, RANK, wishAtHop, wishAtTarget } from '../wish.js';
import type { EchoCause } from '../sibling.js';
import type { PairWish } from '../wish.js';

/** What is known of the cause (METHOD: cause), and the pairs that would tell more. Null: none, or not yet. */
export interface CauseStanding {
  readonly cause: Cause | null;
  readonly wants: readonly PairWish[];
  /** No arm is missing, and none is awaited. */
  readonly settled: boolean;
  /** When to look again at what another trace finds out. */
  readonly untilNs?: number;
  /** How it was found, and what own packets say against it. */
  readonly reasons?: readonly string[];
}

/** Pairs with explaining arms, of one protocol: those of whom the cause is asked, or own ones beside them. */
interface Asked {
  readonly trace: Case;
  readonly arms: ReadonlyMap<number, Place>;
  readonly protocol: Protocol;
}

/** Of a pair with `long` a target that limits its errors may answer one packet: that it is the other one shows nothing. */
const ARMS_WITH_OPTIONS = [ARM_CODE.do8, ARM_CODE.do16];

const NO_ARMS: ReadonlyMap<number, Place> = new Map();

type Fate = 'passes' | 'refused' | 'unknown';

/** `hopLimit`: of the target, or of u where the target is silent. */
export function standOfCause(trace: Case, hopLimit: number): CauseStanding {
  if (!trace.state.limits.explain) return { cause: null, wants: [], settled: true };
  const own = askedBy(trace, trace.state.identity.protocol);
  if (hopLimit !== TARGET_HOP_LIMIT) return standOf(own, hopLimit);
  const ofEcho = standOfEcho(trace);
  if (ofEcho !== null) return withOwn(own, ofEcho);
  const protocol = askingProtocol(trace);
  return protocol === own.protocol ? standOf(own, hopLimit) : withOwn(own, standOf(askedBy(trace, protocol), hopLimit));
}

function askedBy(trace: Case, protocol: Protocol): Asked {
  return { trace, arms: trace.explain[protocol] ?? NO_ARMS, protocol };
}

function standOf(asked: Asked, hopLimit: number): CauseStanding {
  const wants = causeWishes(asked, hopLimit);
  const isOut = [...asked.arms.values()].some((place) => place.pending > 0);
  return { cause: causeOf(asked), wants: wants ?? [], settled: wants === null && !isOut };
}

/** METHOD: cause. A target's cause is asked once, by its echo trace, as long as both traces lose the option after the same hop. */
function standOfEcho({ context, state, explain, lastPdmHop, nowNs }: Case): CauseStanding | null {
  const echo = context.sibling('icmp6')?.cause ?? null;
  const isAskedBefore = state.identity.protocol !== 'icmp6' && explain.icmp6 !== undefined;
  if (echo === null || echo.after !== lastPdmHop || isAskedBefore) return null;
  if (echo.isOpen) return { cause: null, wants: [], settled: false, untilNs: nowNs + SIBLING_POLL_NS };
  return { cause: echo.cause, wants: [], settled: true };
}

const ASKED_BY_ECHO = 'The cause was asked with echo requests to the same target.';
const OWN_DISAGREE =
  'Echo requests to the same target show another cause than packets of this protocol do, or than these could show: none is named.';

/** What a cause says of an arm. */
type Expected = 'passes' | 'lost';
/** What own packets say of it, after as many as are sent at most. */
type OwnFate = Expected | 'unknown';

const DISAGREED: CauseStanding = { cause: null, wants: [], settled: true, reasons: [OWN_DISAGREE] };

/** The arms that tell causes apart; each of them implies what is not listed. */
const EXPECTED: Readonly<Record<Cause, readonly (readonly [Arm, Expected])[]>> = {
  option: [['do16', 'passes']],
  size: [
    ['long', 'passes'],
    ['do8', 'passes'],
    ['do16', 'lost'],
  ],
  'destination-options': [
    ['long', 'passes'],
    ['do8', 'lost'],
  ],
  length: [
    ['do16', 'lost'],
    ['long', 'lost'],
  ],
};

/**
 * METHOD: cause. A filter of one protocol may stand before what loses the others: a cause that another protocol's packets
 * show is this one's only where own packets fare as it says. Few do: that the option is lost is proven by pairs of its own.
 */
function withOwn(own: Asked, standing: CauseStanding): CauseStanding {
  const { cause } = standing;
  if (cause === null) {
    if (standing.settled) return standing;
    // Side by side: which cause it will be shows in this arm first.
    const { wants } = askOwn(askersBeside(own, 'lost') ?? [], 'do8', OWN_ARM_AT_ONCE);
    return { ...standing, wants: [...standing.wants, ...wants] };
  }
  const wants = [...standing.wants];
  let isOpen = !standing.settled;
  for (const [arm, expected] of EXPECTED[cause]) {
    const askers = askersBeside(own, expected);
    if (askers === null) return DISAGREED;
    const asked = askOwn(askers, arm, expected === 'lost' ? OWN_ARM_LOSSES : OWN_ARM_AT_ONCE);
    if (asked.fates.some((fate) => fate !== null && fate !== expected)) return DISAGREED;
    isOpen ||= asked.fates.includes(null);
    wants.push(...asked.wants);
  }
  if (isOpen) return { ...standing, cause: null, wants, settled: false };
  return { cause, wants: [], settled: true, reasons: [ASKED_BY_ECHO] };
}

/** What own packets of an arm say to each who asks, null while that is open; and the pairs that would tell. */
function askOwn(
  askers: readonly Asked[],
  arm: Arm,
  atOnce: number,
): { readonly fates: readonly (OwnFate | null)[]; readonly wants: readonly PairWish[] } {
  const fates: (OwnFate | null)[] = [];
  const wants: PairWish[] = [];
  for (const asked of askers) {
    const place = asked.arms.get(ARM_CODE[arm]) ?? emptyPlace();
    const fate = ownFateOf(asked, arm, place);
    fates.push(fate);
    // One was lost, so that the others are likely to be: these need not wait for one another.
    const more = (place.lost > 0 ? OWN_ARM_LOSSES : atOnce) - place.lost - place.pending;
    const isSpent = place.pairs >= OWN_ARM_PAIR_CAP;
    // Before the first SYN somebody must listen for its answer.
    const isHeard =
      asked.protocol === asked.trace.state.identity.protocol || asked.trace.context.watches('tcp') === true;
    const isWished = fate === null && isHeard && !isSpent && (more > 0 || place.pending === 0);
    if (!isWished) continue;
    // Of two SYNs the second waits for what becomes of the first: the one that will be answered leaves first in most pairs.
    const leading = leadingInTurn(place.pairs + 1);
    wants.push({ ...causeWish(asked, TARGET_HOP_LIMIT, arm, place), leading });
  }
  return { fates, wants };
}

/**
 * Own packets, and SYNs beside datagrams that draw errors: where these are lost, the errors about them may be what is lost.
 * Null where nothing but such errors could tell.
 */
function askersBeside(own: Asked, expected: Expected): readonly Asked[] | null {
  const { trace, protocol } = own;
  if (expected === 'passes' || protocol !== 'udp' || answersUnquoted(trace.counts)) return [own];
  const isToldBySyns = canSynsStandFor(trace.state) && trace.witness.tcp.plainBesidesResets === 0;
  return isToldBySyns && trace.context.watches('tcp') !== false ? [own, askedBy(trace, 'tcp')] : null;
}

/** Where the target's SYNs were answered; the datagrams' port where nobody asked. */
function synPort({ witness, state }: Case): number {
  return witness.tcp.port === 0 ? state.identity.destinationPort : witness.tcp.port;
}

/**
 * Null while more pairs may tell. What takes most packets with options lets one by now and then, and none without: of these
 * arms it takes two that are answered.
 */
function ownFateOf({ trace, protocol }: Asked, arm: Arm, place: Place): OwnFate | null {
  const { treatedPassed, lost, lostLeading, refused } = place;
  if (treatedPassed > 0 && refused > 0) return 'unknown';
  const enough = ARMS_WITH_OPTIONS.some((code) => code === ARM_CODE[arm]) ? PASSES_TO_BELIEVE : 1;
  if (treatedPassed >= enough && lost <= treatedPassed) return 'passes';
  const isHidden =
    (trace.pdmRefusals > 0 && refused === 0) || (protocol !== 'tcp' && trace.state.unmatchedExplanations > 0);
  if (!isHidden && treatedPassed === 0 && lost >= OWN_ARM_LOSSES && lostLeading > 0) return 'lost';
  return place.pending === 0 && place.pairs >= OWN_ARM_PAIR_CAP ? 'unknown' : null;
}

/**
 * Errors quote the options of the other arms as they quote ours: where a filter on the way back takes such errors, all arms
 * look lost. So echo requests ask in place of datagrams that draw errors, where the target answers them.
 */
function askingProtocol(trace: Case): Protocol {
  const { protocol } = trace.state.identity;
  if (protocol !== 'udp' || answersUnquoted(trace.counts)) return protocol;
  const echoes = trace.context.sibling('icmp6')?.plainArrivals ?? trace.witness.icmp6.looks.plainArrived;
  return echoes > 0 ? 'icmp6' : protocol;
}

/** What an echo trace tells the others of its cause; null where it loses nothing, or asks nobody why. */
export function causeForOthers(trace: Case, hasEnded: boolean): EchoCause | null {
  const { state, pdmArrivals, pdmRefusals } = trace;
  // Of what arrives now and then nobody asks why: others that waited for it would wait for ever.
  if (!state.limits.explain || pdmArrivals > 0 || (!looksLost(trace) && pdmRefusals === 0)) return null;
  const { cause, settled } = standOfCause(trace, TARGET_HOP_LIMIT);
  // Who ended before all was asked has nothing to say.
  return hasEnded && !settled ? null : { after: trace.lastPdmHop, isOpen: !settled, cause };
}

function causeOf(asked: Asked): Cause | null {
  const { arms } = asked;
  // The other arms passed only after the loss had ended? Then they tell nothing of it.
  const pdm = arms.get(ARM_CODE.pdm);
  if (pdm === undefined || pdm.treatedPassed > 0 || pdm.lost < lostAtTheEnd(asked)) return null;
  const long = fateOf(asked, ARM_CODE.long);
  const do8 = fateOf(asked, ARM_CODE.do8);
  const do16 = fateOf(asked, ARM_CODE.do16);
  if (long === 'refused') return do16 === 'refused' ? 'length' : null;
  if (long !== 'passes' || do8 === 'unknown' || do16 === 'unknown') return null;
  if (do8 === 'passes') {
    // Something else may lose the rest of PDM alone, as a target's answers with it: the refuser need spare no option by more than chance.
    if (asked.trace.pdmRefusals > 0 && lostWithoutAWord(asked.trace) > 0) return null;
    if (do16 === 'passes') return 'option';
    return (arms.get(ARM_CODE.do8)?.treatedPassed ?? 0) >= PASSES_FOR_SIZE ? 'size' : null;
  }
  return do16 === 'refused' ? 'destination-options' : null;
}

/** Pairs with PDM that must be lost after the others. */
function lostAtTheEnd({ arms }: Asked): number {
  const onePassed = ARMS_WITH_OPTIONS.some((code) => (arms.get(code)?.treatedPassed ?? 0) > 0);
  return onePassed ? LOST_AT_THE_END : LOST_AT_THE_END_ALIKE;
}

/**
 * Lost pairs from which on an arm counts as refused: seven. Where another arm loses one packet and passes with others, all
 * seven may be lost by the same chance: then the whole bar. Where it loses more, something takes some of all packets with
 * options, and whatever takes the rest cannot be told from it: null.
 */
function lossesToBelieve({ arms, trace }: Asked): number | null {
  let most = 0;
  for (const code of ARMS_WITH_OPTIONS) {
    const arm = arms.get(code);
    if (arm !== undefined && arm.treatedPassed > 0) most = Math.max(most, arm.lost);
  }
  if (most > 1) return null;
  return most === 0 ? REFUSED_PAIRS : Math.max(REFUSED_PAIRS, Math.ceil(-Math.log2(1 - trace.state.limits.confidence)));
}

/** Packets of an arm that must pass. That `do8` does where `do16` is lost tells them apart only when it is no chance. */
function passesNeeded(asked: Asked, arm: number): number {
  const isTellingApart = arm === ARM_CODE.do8 && isLost(asked, asked.arms.get(ARM_CODE.do16));
  return isTellingApart ? PASSES_FOR_SIZE : PASSES_TO_BELIEVE;
}

/** Packets that pass prove that the arm is not refused; silence needs the pairs of a location. */
function fateOf(asked: Asked, arm: number): Fate {
  const place = asked.arms.get(arm);
  if (place === undefined) return 'unknown';
  // Some are refused in words: what spares others of this arm need not be what spares none with PDM.
  if (place.treatedPassed > 0 && place.refused > 0) return 'unknown';
  if (place.treatedPassed >= PASSES_TO_BELIEVE && place.lost <= place.treatedPassed) return 'passes';
  if (!isLost(asked, place) || asked.trace.state.unmatchedExplanations > 0) return 'unknown';
  return isHiddenByErrors(asked, arm, place) ? 'unknown' : 'refused';
}

/** No others are to be had where datagrams ask: a filter of errors that quote options hides what passes. `long` has none. */
function isHiddenByErrors({ trace, protocol }: Asked, arm: number, { refused }: Place): boolean {
  const asksByErrors = protocol === 'udp' && !answersUnquoted(trace.counts);
  return asksByErrors && ARMS_WITH_OPTIONS.includes(arm) && refused === 0 && trace.plainArrivals > 0;
}

function isLost(asked: Asked, arm: Place | undefined): boolean {
  if (arm === undefined || arm.treatedPassed > 0) return false;
  // Where PDM is refused in words, silence about the others is something else: their answers may be what is lost.
  if (asked.trace.pdmRefusals > 0 && arm.refused === 0) return false;
  const enough = lossesToBelieve(asked);
  return enough !== null && arm.lost >= enough && arm.lostLeading >= LEADING_LOSSES;
}

/** Each arm until enough of its packets pass, or enough are lost; null where nothing is left to ask. */
function causeWishes(asked: Asked, hopLimit: number): PairWish[] | null {
  const { arms } = asked;
  const wishes: PairWish[] = [];
  let isOpen = false;
  const enoughLost = lossesToBelieve(asked) ?? REFUSED_PAIRS;
  for (const treatment of EXPLAINING_ARMS) {
    const arm = arms.get(ARM_CODE[treatment]) ?? emptyPlace();
    const isArmLost =
      arm.treatedPassed === 0 &&
      arm.lost + arm.pending >= enoughLost &&
      arm.lostLeading + arm.pending >= LEADING_LOSSES;
    const passes = passesNeeded(asked, ARM_CODE[treatment]);
    if (isArmLost || arm.treatedPassed >= passes || arm.pairs >= EXPLAINING_PAIR_CAP) continue;
    isOpen = true;
    // What is on its way may be all that is needed.
    if (arm.treatedPassed + arm.pending < passes) wishes.push(causeWish(asked, hopLimit, treatment, arm));
  }
  // Last, the option itself again: had the loss ended meanwhile, that the others pass would tell nothing.
  const pdm = arms.get(ARM_CODE.pdm) ?? emptyPlace();
  const lostEnough = pdm.lost + pdm.pending >= lostAtTheEnd(asked);
  if (!isOpen && pdm.treatedPassed === 0 && !lostEnough && pdm.pairs < EXPLAINING_PAIR_CAP) {
    isOpen = true;
    wishes.push(causeWish(asked, hopLimit, 'pdm', pdm));
  }
  return isOpen ? wishes : null;
}

function causeWish({ trace, arms, protocol }: Asked, hopLimit: number, treatment: Arm, arm: Place): PairWish {
  const { state, hops } = trace;
  const rank = RANK.explain + arm.pairs;
  if (hopLimit !== TARGET_HOP_LIMIT) {
    const wish = wishAtHop(state, hops[hopLimit], PURPOSE.explain, hopLimit, 'fresh', rank);
    return { ...wish, treatment, leading: leadingInTurn(arm.pairs) };
  }
  let lastNs = Number.NEGATIVE_INFINITY;
  for (const { lastSentNs } of arms.values()) lastNs = Math.max(lastNs, lastSentNs);
  return {
    ...wishAtTarget(state, PURPOSE.explain, protocol, rank),
    treatment,
    ...(protocol === 'tcp' && state.identity.protocol !== 'tcp' ? { port: synPort(trace) } : {}),
    // In turn: by chance the lost packet may hardly ever leave first, in as many pairs as there may be.
    leading: leadingInTurn(arm.pairs),
    notBeforeNs:
      protocol === state.identity.protocol
        ? state.pace.readyAtNs(protocol === 'udp' ? 1 : EXPLAINING_SHARE)
        : lastNs + state.limits.hopIntervalMs * 1e6 * EXPLAINING_SHARE,
    spacingMs: state.limits.hopIntervalMs * EXPLAINING_SHARE,
    restNs: restOf(state, protocol),
  };
}
