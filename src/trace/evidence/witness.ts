/**
 * METHOD: dropped, the way back: who bears witness where the target answers datagrams by errors alone, which quote the option. First
 * echo requests, then SYNs: of another trace to the target, or of this one's own.
 */
import type { Case } from '../case.js';
import { DENYING_PAIRS, MOST_DENYING_PAIRS, SIBLING_POLL_NS, WITNESS_PAIR_CAP, WITNESS_PORTS } from '../numbers.js';
import type { Reason } from '../reason.js';
import { PURPOSE } from '../state/trace-state.js';
import type { WitnessProtocol } from '../state/trace-state.js';
import { earlier, RANK, wishAtTarget } from '../wish.js';
import type { Sibling } from '../trace-context.js';
import type { PairWish } from '../wish.js';
import { isWitnessSilent } from './counts.js';
import type { Counts } from './counts.js';
import { restOf } from './pair.js';
import { answersUnquoted } from './target-pairs.js';

export type WitnessStanding =
  /** Its packets with the option are lost as well: it is not the errors that are. */
  | { readonly is: 'loses'; readonly by: WitnessProtocol }
  | { readonly is: 'answered' | 'unknown'; readonly reason: Reason }
  | {
      readonly is: 'open';
      readonly by: WitnessProtocol;
      readonly has: string;
      readonly wants: readonly PairWish[];
      readonly untilNs: number | null;
    };

/** `isPartial`: some packets with the option arrived, and so may some of the witness. */
export function standOfWitness(trace: Case, isPartial: boolean): WitnessStanding {
  const byEcho = standOf(trace, 'icmp6', isPartial);
  if (byEcho.is === 'unknown') {
    const bySyns = standOf(trace, 'tcp', isPartial);
    return bySyns.is === 'unknown' ? unknown(`${byEcho.why}, ${bySyns.why}`) : bySyns;
  }
  if (isPartial || byEcho.is === 'answered') return byEcho;
  if (byEcho.is === 'open' && !isEchoLosing(trace)) return byEcho;
  const denial = standOfDenial(trace);
  if (denial.is === 'unknown') return unknown(denial.why);
  if (denial.is !== 'open') return denial.is === 'answered' ? denial : byEcho;
  if (byEcho.is === 'loses') return denial;
  return { ...byEcho, wants: [...byEcho.wants, ...denial.wants], untilNs: earlier(byEcho.untilNs, denial.untilNs) };
}

/** Before its loss is shown: what SYNs say of it is asked meanwhile. */
function isEchoLosing({ context, witness }: Case): boolean {
  const sibling = context.sibling('icmp6');
  if (sibling !== null) return sibling.pdmArrivals === 0 && sibling.plainArrivals >= DENYING_PAIRS;
  return witness.icmp6.looks.plainOnly >= DENYING_PAIRS;
}

/**
 * What looks into ICMPv6 alone takes echo requests with options and errors that quote them, and lets datagrams by: it lets segments
 * by as well. Few are asked, for one answer denies the echo requests' word.
 */
function standOfDenial(trace: Case): Exclude<Standing, { readonly is: 'loses' }> | { readonly is: 'none' } {
  const none = { is: 'none' } as const;
  const open = { is: 'open', by: 'tcp', has: 'asking by SYNs as well', wants: [], untilNs: null } as const;
  const sibling = trace.context.sibling('tcp');
  if (sibling !== null) {
    if (sibling.pdmArrivals > 0) return answered('tcp');
    return sibling.lossShown || sibling.settled ? none : { ...open, untilNs: trace.nowNs + SIBLING_POLL_NS };
  }
  const own = trace.witness.tcp;
  const { arrived, otherwise } = trace.witnessAnswers.tcp;
  if (arrived > 0) return answered('tcp');
  if (drawsOthers(trace, otherwise)) return { is: 'unknown', why: othersDrawn('tcp') };
  if (own.counted.plainOnly >= DENYING_PAIRS) return none;
  // Nothing may answer there: then there is nobody to deny it.
  const isOver = own.looks.plainOnly + own.pending >= DENYING_PAIRS || own.pairs >= MOST_DENYING_PAIRS;
  const isNobody = own.pairs >= DENYING_PAIRS && own.looks.plainArrived === 0;
  if (isOver || isNobody) return own.pending > 0 ? { ...open, untilNs: own.nextNs } : none;
  const isWatched = trace.context.watches('tcp');
  if (isWatched === false) return none;
  if (isWatched === null) return { ...open, untilNs: trace.nowNs + SIBLING_POLL_NS };
  return { ...open, wants: [wishFor(trace, 'tcp', own, WITNESS_PORTS[0])], untilNs: own.nextNs };
}

/** The way back cannot be told from the way there. */
export function unknown(why: string): { readonly is: 'unknown'; readonly reason: Reason } {
  return {
    is: 'unknown',
    reason: {
      says: `Packets with the option are lost on the way there, or the errors about them on the way back: ${why}, and errors quote the option.`,
      settledBy: 'tcp',
    },
  };
}

interface Answered {
  readonly is: 'answered';
  readonly reason: Reason;
}
type Standing =
  | Extract<WitnessStanding, { readonly by: WitnessProtocol }>
  | Answered
  | { readonly is: 'unknown'; readonly why: string };

const WORDS = {
  icmp6: { packets: 'echo requests', capital: 'Echo requests', pairs: 'echo pairs' },
  tcp: { packets: 'SYNs', capital: 'SYNs', pairs: 'pairs of SYNs' },
} as const;

function standOf(trace: Case, by: WitnessProtocol, isPartial: boolean): Standing {
  const sibling = trace.context.sibling(by);
  const words = WORDS[by];
  if (sibling !== null) {
    if (sibling.pdmArrivals > 0 && !isPartial) return answered(by);
    if (sibling.lossShown) {
      const why = whyNone(trace, by, sibling);
      return why === null ? { is: 'loses', by } : { is: 'unknown', why };
    }
    if (!sibling.settled) {
      const untilNs = trace.nowNs + SIBLING_POLL_NS;
      return { is: 'open', by, has: `waiting for the ${words.pairs}`, wants: [], untilNs };
    }
    return { is: 'unknown', why: showsNothing(by, sibling.plainArrivals > 0) };
  }
  return standOfOwn(trace, by, isPartial);
}

function standOfOwn(trace: Case, by: WitnessProtocol, isPartial: boolean): Standing {
  const { state } = trace;
  const own = trace.witness[by];
  const { arrived, otherwise } = trace.witnessAnswers[by];
  const { counted, looks } = own;
  if (arrived > 0 && !isPartial) return answered(by);
  // Of a trace of its own it is known at which hop limit SYNs are answered; of these nothing but from how far.
  if (by === 'tcp' && trace.counts.comesFrom === null) {
    return { is: 'unknown', why: 'from how far answers to SYNs come is not seen here' };
  }
  const noneArrived = arrived === 0;
  const { confidence } = state.limits;
  const { countIndex } = state;
  if (counted.showsLoss('pdm', confidence, noneArrived, countIndex)) {
    if (!answersUnquoted(own)) return { is: 'unknown', why: `the target answers ${WORDS[by].packets} by errors only` };
    const why = whyNone(trace, by, { comesFrom: own.comesFrom, otherwise, besidesResets: own.plainBesidesResets });
    return why === null ? { is: 'loses', by } : { is: 'unknown', why };
  }
  const port = portToAsk(own, by);
  if (port === null && isAcknowledged(by, own.plainBesidesResets)) return { is: 'unknown', why: ACKNOWLEDGED };
  if (port === null || (own.pairs >= WITNESS_PAIR_CAP && own.pending === 0)) {
    return { is: 'unknown', why: showsNothing(by, looks.plainArrived > 0) };
  }
  const open = { is: 'open', by, has: `${looks.plainOnly} ${WORDS[by].pairs}`, untilNs: own.nextNs } as const;
  if (looks.showsLoss('pdm', confidence, noneArrived, countIndex) || own.pairs >= WITNESS_PAIR_CAP)
    return { ...open, wants: [] };
  const isWatched = trace.context.watches(by);
  if (isWatched === false) return { is: 'unknown', why: `answers to ${WORDS[by].packets} cannot be received here` };
  if (isWatched === null) return { ...open, wants: [], untilNs: trace.nowNs + SIBLING_POLL_NS };
  return { ...open, wants: [wishFor(trace, by, own, port)] };
}

/** Who answers need not be the target: a proxy takes what it knows and lets the rest by. Null where nothing shows one. */
function whyNone(
  trace: Case,
  by: WitnessProtocol,
  { comesFrom, otherwise, besidesResets }: Pick<Sibling, 'comesFrom' | 'otherwise' | 'besidesResets'>,
): string | null {
  const { counts } = trace;
  const { packets } = WORDS[by];
  if (isAcknowledged(by, besidesResets ?? 0)) return ACKNOWLEDGED;
  if (drawsOthers(trace, otherwise ?? 0)) return othersDrawn(by);
  if (typeof comesFrom !== 'number' || counts.comesFrom === null) return null;
  if (comesFrom < counts.comesFrom) return `something nearer than the target answers ${packets}`;
  // Balancers hand segments on to hosts behind the one that answers all else.
  const isFarther = by === 'tcp' && comesFrom > counts.comesFrom;
  return isFarther ? `something farther than what answers datagrams answers ${packets}` : null;
}

/** Many take connections in for others, and hand on what they do not know; few close ports for others. */
function isAcknowledged(by: WitnessProtocol, besidesResets: number): boolean {
  return by === 'tcp' && besidesResets > 0;
}

const ACKNOWLEDGED = 'who acknowledges SYNs may do so for the target';

/** A firewall that refuses datagrams as well treats them as it does these. */
function drawsOthers({ pdmRefusals }: Case, otherwise: number): boolean {
  return otherwise > 0 && pdmRefusals === 0;
}

function othersDrawn(by: WitnessProtocol): string {
  return `${WORDS[by].packets} with the option draw other answers than those without`;
}

/** Null where nothing that may bear witness answers at any. */
function portToAsk(own: Counts, by: WitnessProtocol): number | null {
  const ports: readonly number[] = by === 'tcp' ? WITNESS_PORTS : [0];
  const at = Math.max(0, ports.indexOf(own.port));
  const isUseless = isWitnessSilent(own) || isAcknowledged(by, own.plainBesidesResets);
  return ports[isUseless ? at + 1 : at] ?? null;
}

function wishFor({ state }: Case, by: WitnessProtocol, own: Counts, port: number): PairWish {
  return {
    ...wishAtTarget(state, by === 'tcp' ? PURPOSE.syn : PURPOSE.echo, by, RANK.witness),
    port,
    notBeforeNs: own.lastSentNs + state.limits.hopIntervalMs * 1e6,
    restNs: by === 'tcp' ? restOf(state, by) : null,
  };
}

function answered(by: WitnessProtocol): Answered {
  return {
    is: 'answered',
    reason: {
      says: `${WORDS[by].capital} with the option were answered by the target: the return path drops errors that quote the option, or the filter is protocol-specific.`,
      settledBy: 'tcp',
    },
  };
}

function showsNothing(by: WitnessProtocol, answers: boolean): string {
  const { packets } = WORDS[by];
  return answers ? `${packets} show no such loss for certain` : `the target answers no ${packets}`;
}
