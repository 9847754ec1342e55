/** What a trace tells others: those of other protocols to the same target, and all of its run. */
import { makeCase } from './case.js';
import type { Case } from './case.js';
import { causeForOthers } from './claims/cause.js';
import { doubtsOf } from './claims/doubt.js';
import { sharesPrefix } from './reply/place-name.js';
import { othersAreAnswered } from './evidence/own-pdm.js';
import { answersUnquoted, findTooNear, isLossShown, isTargetSilent } from './evidence/target-pairs.js';
import { answeredReference } from './evidence/reference.js';
import { isPortUnreachable } from './reply/words.js';
import type { TraceState } from './state/trace-state.js';
import type { At, TraceContext } from './trace-context.js';
import type { Sibling } from './sibling.js';

/** What a trace tells those of other protocols to the same target (METHOD: dropped, cause); null when it ended without a measured pair. */
export function tellSiblings(state: TraceState, context: TraceContext, nowNs: number, ended = false): Sibling | null {
  const trace = makeCase(state, context, nowNs);
  return ended && trace.counts.counted.pairs === 0 ? null : tell(trace, ended);
}

/** The same, of a case that is there: made in each step. */
export function tell(trace: Case, ended = false): Sibling {
  const { state } = trace;
  const { counted } = trace.counts;
  const isLosing = isLossShown(trace);
  // Answers that quote the option would show nothing of the way there, nor those of something before the target.
  const lossShown =
    isLosing &&
    answersUnquoted(trace.counts) &&
    doubtsOf(trace, counted.plainOnly).length === 0 &&
    findTooNear(trace) === null;
  return {
    plainArrivals: trace.plainArrivals,
    pdmArrivals: trace.pdmArrivals,
    lossShown,
    isLosing,
    settled: ended || lossShown || counted.showsNoLoss('pdm') || isTargetSilent(trace),
    isWhole: counted.showsNoLoss('pdm'),
    refusedAsClosed: trace.refusers.reduce(
      (sum, { inTargetName, reply, refusals }) => sum + (inTargetName && isPortUnreachable(reply) ? refusals : 0),
      0,
    ),
    besidesResets: trace.counts.plainBesidesResets,
    comesFrom: trace.counts.comesFrom,
    otherwise: trace.pdmRefusals + trace.oddAnswers,
    answeredAt: answeredReference(trace),
    othersAnswered: othersAreAnswered(trace),
    cause: state.identity.protocol === 'icmp6' ? causeForOthers(trace, ended) : null,
  };
}

/** What this trace shows of one place's habit of reporting packets with the option that surely passed it. */
export interface ReportingHabit {
  readonly hop: number;
  readonly address: string;
  readonly reported: number;
  readonly missed: number;
  /** When the packets with the option left that it quoted first and last. */
  readonly firstNs: number;
  readonly lastNs: number;
}

/** Of hops before n, and of n where the target answered: packets with the option got beyond. */
export function reportingHabits({ hops, lastPdmHop, pdmArrivals, nameless }: Case): ReportingHabit[] {
  const habits: ReportingHabit[] = [];
  const last = pdmArrivals > 0 ? lastPdmHop : lastPdmHop - 1;
  for (let hop = 1; hop <= last; hop += 1) {
    const place = hops[hop];
    const [address, ...others] = place?.plainResponderOnAnyFlow ?? [];
    if (place === undefined || address === undefined || others.length > 0 || nameless.has(address)) continue;
    habits.push({
      hop,
      address,
      reported: place.pdmIntact,
      missed: place.lost,
      firstNs: place.firstIntactNs,
      lastNs: place.lastIntactNs,
    });
  }
  return habits;
}

/**
 * METHOD: dropped, the source's own firewall. Places that packets with the option passed before the target answered them as well
 * as others, by what quotes nothing, hop 0 for the way in; none where it did not, or lies in the source's network: of answers that
 * a firewall takes most of, a few come in.
 */
export function placesAnsweredBeyond({ state, counts, hops, lastPdmHop, nameless }: Case): At[] {
  if (!counts.counted.showsNoLoss('pdm') || !answersUnquoted(counts)) return [];
  if (sharesPrefix(state.identity.targetText, state)) return [];
  const places = [{ hop: 0, address: '' }];
  for (let hop = 1; hop <= lastPdmHop; hop += 1) {
    for (const address of hops[hop]?.pdmResponders ?? []) if (!nameless.has(address)) places.push({ hop, address });
  }
  return places;
}
