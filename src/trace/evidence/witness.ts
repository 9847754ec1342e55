/**
 * METHOD: dropped, the way back: who bears witness where the target answers datagrams by errors alone, which quote the option. First
 * echo requests, then SYNs: of another trace to the target, or of this one's own.
 */
import type { Case } from '../case.js';
import {
  LOST_SYNS,
  SIBLING_POLL_NS,
  SILENT_SYN_PAIRS,
  SILENT_WITNESS_PAIRS,
  WITNESS_PAIR_CAP,
  WITNESS_PORTS,
} from '../numbers.js';
import type { Reason } from '../reason.js';
import { canSynsStandFor } from '../probe/probe-packet.js';
import { PURPOSE } from '../state/trace-state.js';
import type { WitnessProtocol } from '../state/trace-state.js';
import { earlier, leadingInTurn, RANK, wishAtTarget } from '../wish.js';
import type { Sibling } from '../sibling.js';
import type { PairWish } from '../wish.js';
import type { Counts } from './counts.js';
import type { Ledger } from './ledger.js';
import { restOf } from './pair.js';
import { answersUnquoted } from './target-pairs.js';

/** Where pairs stand whose answers quote nothing (METHOD: dropped, the way back). `answered`: one with the option was. */
export type WitnessStanding =
  /** Its packets with the option are lost as well: it is not the errors that are. */
  | { readonly is: 'loses'; readonly by: WitnessProtocol; readonly areSynsBeside?: true }
  | { readonly is: 'answered' | 'unknown'; readonly reason: Reason }
  | {
      readonly is: 'open';
      readonly by: WitnessProtocol;
      /** SYNs beside echo requests lose the option: answers to such segments are to be seen here as well. */
      readonly areSynsBeside?: true;
      readonly has: string;
      readonly wants: readonly PairWish[];
      readonly untilNs: number | null;
    };

/** `isPartial`: some packets with the option arrived, and so may some of the witness. */
export function standOfWitness(trace: Case, isPartial: boolean): WitnessStanding {
  const byEcho = standOf(trace, 'icmp6', isPartial, ASKED_BY_ECHO);
  if (byEcho.is === 'answered') return byEcho;
  if (byEcho.is === 'unknown') {
    const bySyns = standOf(trace, 'tcp', isPartial, ASKED_BY_SYNS);
    return bySyns.is === 'unknown' ? unknown(`${byEcho.why}, ${bySyns.why}`) : bySyns;
  }
  // SYNs carry no data: of longer packets, and of fragments, they say nothing.
  if (!canSynsStandFor(trace.state)) return byEcho;
  if (byEcho.is === 'open' && !isEchoLosing(trace)) return byEcho;
  const bySyns = standOf(
    trace,
    'tcp',
    isPartial,
    isPartial || !areFewEnough(trace) ? ASKED_MANY_BESIDES : ASKED_BESIDES,
  );
  if (bySyns.is === 'answered') return bySyns;
  if (bySyns.is === 'unknown') return ofIcmpv6Alone(bySyns.why);
  if (bySyns.is === 'loses') return { ...byEcho, areSynsBeside: true };
  if (byEcho.is === 'loses') return { ...bySyns, by: byEcho.by };
  const untilNs = earlier(byEcho.untilNs, bySyns.untilNs);
  return { ...byEcho, wants: [...byEcho.wants, ...bySyns.wants], untilNs };
}

/** Where no SYN is missing but with the option, a few lost pairs are no chance. */
function areFewEnough({ witness }: Case): boolean {
  const { plainArrived, neither, pdmOnly } = witness.tcp.looks;
  return plainArrived === 0 || (neither === 0 && pdmOnly === 0);
}

/** Before its loss is shown: what SYNs say of it is asked meanwhile. */
function isEchoLosing({ context, witness }: Case): boolean {
  const sibling = context.sibling('icmp6');
  if (sibling !== null) return sibling.pdmArrivals === 0 && sibling.plainArrivals >= LOST_SYNS;
  return witness.icmp6.looks.plainOnly >= LOST_SYNS;
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

/** What looks into ICMPv6 alone takes echo requests with options and errors that quote them, and lets datagrams by. `why`: SYNs do not deny it. */
export function ofIcmpv6Alone(why: string): { readonly is: 'unknown'; readonly reason: Reason } {
  return {
    is: 'unknown',
    reason: {
      says: `Echo requests with the option are lost as datagrams with it are, but ${why}: what filters ICMPv6 alone takes these echo requests and the errors about datagrams, and a limit on packets with the option lets some by.`,
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

/** How much is asked of a witness. `few`: it only stands by another one, so that a few lost pairs will do. */
interface Asked {
  readonly few: number | null;
  /** Beside echo requests that lose the option. */
  readonly isBesides: boolean;
  /** Pairs in which not even `plain` was answered before no more are sent, at each port. */
  readonly silentPairs: number;
}
const ASKED_BY_ECHO: Asked = { few: null, isBesides: false, silentPairs: SILENT_WITNESS_PAIRS };
const ASKED_BY_SYNS: Asked = { few: null, isBesides: false, silentPairs: SILENT_SYN_PAIRS };
const ASKED_BESIDES: Asked = { few: LOST_SYNS, isBesides: true, silentPairs: SILENT_SYN_PAIRS };
const ASKED_MANY_BESIDES: Asked = { ...ASKED_BESIDES, few: null };

function standOf(trace: Case, by: WitnessProtocol, isPartial: boolean, asked: Asked): Standing {
  const sibling = trace.context.sibling(by);
  const words = WORDS[by];
  if (sibling === null) return standOfOwn(trace, by, isPartial, asked);
  if (sibling.pdmArrivals > 0 && !isPartial) return answered(by);
  if (sibling.lossShown) {
    const why = whyNone(trace, by, sibling);
    if (why === null) return { is: 'loses', by };
    // Another port may be closed.
    return why === ACKNOWLEDGED ? standOfOwn(trace, by, isPartial, asked) : { is: 'unknown', why };
  }
  // Where the other trace says nothing, or takes its time, a few more SYNs are asked.
  if (by === 'tcp' && (asked.isBesides || sibling.settled)) return standOfOwn(trace, by, isPartial, asked);
  if (!sibling.settled) {
    const untilNs = trace.nowNs + SIBLING_POLL_NS;
    return { is: 'open', by, has: `waiting for the ${words.pairs}`, wants: [], untilNs };
  }
  return { is: 'unknown', why: showsNothing(by, sibling.plainArrivals > 0) };
}

function standOfOwn(trace: Case, by: WitnessProtocol, isPartial: boolean, asked: Asked): Standing {
  const { state } = trace;
  const own = trace.witness[by];
  const { arrived, otherwise } = trace.witnessAnswers[by];
  const { counted, looks } = own;
  if (arrived > 0 && !isPartial) return answered(by);
  // Of a trace of its own it is known at which hop limit SYNs are answered; of these nothing but from how far.
  if (by === 'tcp' && !asked.isBesides && trace.counts.comesFrom === null) {
    return { is: 'unknown', why: 'from how far answers to SYNs come is not seen here' };
  }
  const isShownBy = (ledger: Ledger): boolean =>
    asked.few !== null
      ? ledger.plainOnly >= asked.few
      : ledger.showsLoss('pdm', state.limits.confidence, arrived === 0, state.countIndex);
  const why = whyNone(trace, by, { comesFrom: own.comesFrom, otherwise, besidesResets: own.plainBesidesResets });
  if (why !== null && why !== ACKNOWLEDGED && (asked.isBesides || isShownBy(counted))) return { is: 'unknown', why };
  if (why === null && isShownBy(counted)) {
    return answersUnquoted(own)
      ? { is: 'loses', by }
      : { is: 'unknown', why: `the target answers ${WORDS[by].packets} by errors only` };
  }
  const port = portToAsk(trace, by, asked);
  if (port === null && why === ACKNOWLEDGED) return { is: 'unknown', why };
  if (port === null || (own.pairs >= WITNESS_PAIR_CAP && own.pending === 0)) {
    return { is: 'unknown', why: showsNothing(by, looks.plainArrived > 0) };
  }
  const open = { is: 'open', by, has: `${looks.plainOnly} ${WORDS[by].pairs}`, untilNs: own.nextNs } as const;
  // What is on its way at this port may be all that is needed.
  const awaited = own.pairs - looks.pairs - looks.placebos;
  const isOut = isShownBy(looks) || (asked.few !== null && looks.plainOnly + awaited >= asked.few);
  if ((isOut && port === own.port) || own.pairs >= WITNESS_PAIR_CAP) return { ...open, wants: [] };
  const isWatched = trace.context.watches(by);
  if (isWatched === false) return { is: 'unknown', why: `answers to ${WORDS[by].packets} cannot be received here` };
  if (isWatched === null) return { ...open, wants: [], untilNs: trace.nowNs + SIBLING_POLL_NS };
  return { ...open, wants: [wishFor(trace, by, own, port, asked)] };
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

/** Null where nothing that may bear witness answers at any. Who answers datagrams at a closed port does so of segments there. */
function portToAsk({ state, witness }: Case, by: WitnessProtocol, { silentPairs }: Asked): number | null {
  const own = witness[by];
  const ports = by === 'tcp' ? [...new Set([state.identity.destinationPort, ...WITNESS_PORTS])] : [0];
  const at = Math.max(0, ports.indexOf(own.port));
  const { looks } = own;
  const isSilent = looks.plainArrived === 0 && looks.pairs >= silentPairs;
  const isUseless = isSilent || isAcknowledged(by, own.plainBesidesResets);
  return ports[isUseless ? at + 1 : at] ?? null;
}

function wishFor({ state }: Case, by: WitnessProtocol, own: Counts, port: number, { few }: Asked): PairWish {
  return {
    ...wishAtTarget(state, by === 'tcp' ? PURPOSE.syn : PURPOSE.echo, by, RANK.witness),
    port,
    notBeforeNs: own.lastSentNs + state.limits.hopIntervalMs * 1e6,
    restNs: by === 'tcp' ? restOf(state, by) : null,
    withoutPlacebos: few !== null,
    // As often either way: what takes the first packet, or the second, takes those without the option as well.
    leading: few === null ? null : leadingInTurn(own.pairs),
  };
}

function answered(by: WitnessProtocol): Answered {
  return {
    is: 'answered',
    reason: {
      says: `${WORDS[by].capital} with the option were answered by the target: errors that quote the option may be lost on the way back, the filter may be protocol-specific, or a limit or one of several ways lets some packets by.`,
      settledBy: 'tcp',
    },
  };
}

function showsNothing(by: WitnessProtocol, answers: boolean): string {
  const { packets } = WORDS[by];
  return answers ? `${packets} show no such loss for certain` : `the target answers no ${packets}`;
}
