/** The verdict's part of the record, made from the finding and from nothing else. */
import type { Case } from './case.js';
import type { Finding } from './claims/claim.js';
import type { Standings } from './claims/claims.js';
import { divergenceOf, meetsRouterInPlaceOfTarget } from './evidence/divergence.js';
import { passRateUpperBound } from './evidence/e-values.js';
import { forEachPair, replyTo } from './evidence/pair.js';
import { emptyPlace } from './evidence/place.js';
import { answersUnquoted, findTooNear, probeCap, ratesText } from './evidence/target-pairs.js';
import { standOfWitness } from './evidence/witness.js';
import { FELL_SILENT, hasFallenSilent } from './evidence/silence.js';
import type { Reason } from './reason.js';
import { describeFragments } from './reply/reassembly.js';
import type { SettledBy, VerdictEvidence, VerdictRecord } from '../record/record.js';
import { MEANING } from './reply/meaning.js';
import { describeTooBig } from './reply/too-big.js';
import { ARM_CODE } from './state/trace-state.js';

/** The proven finding, or `inconclusive` with what would settle it, as of any interrupted trace; remarks go beside each outcome. */
export function writeVerdict(trace: Case, standings: Standings): VerdictRecord {
  const { state } = trace;
  const pathsDiverge = divergenceOf(trace);
  const finding = state.interrupted ? INTERRUPTED : (standings.verdict ?? inconclusive(trace, standings));
  const isLoss = finding.outcome === 'dropped' || finding.outcome === 'rejected';
  // A link that takes the smaller packet alone, and tells nobody, looks like a filter on the option.
  const doubtOfLength =
    isLoss && (finding.cause ?? null) === null && state.identity.padding > 0
      ? ['Packets with the option are 16 octets longer than those without: their length alone may be what is refused.']
      : [];
  const orAnswered = meetsRouterInPlaceOfTarget(trace)
    ? ', or something there answers those without it for the target'
    : '';
  const orOneRouter = pathsDiverge === trace.lastPdmHop ? ', or the router there has two names' : '';
  const diverged =
    pathsDiverge === null
      ? []
      : [
          `Packets with and without the option take different ways from hop ${pathsDiverge} on${orAnswered}${orOneRouter}.`,
        ];
  return {
    outcome: finding.outcome,
    confidence: finding.confidence ?? null,
    interval: finding.interval ?? null,
    cause: finding.cause ?? null,
    refusal: finding.refusal ?? null,
    pathsDiverge,
    optionSeenUpTo: optionSeenUpTo(trace),
    evidence: writeEvidence(trace, finding, isLoss),
    settledBy: finding.settledBy ?? null,
    reasons: [...finding.reasons, ...diverged, ...doubtOfLength, ...remarks(trace)],
  };
}

const INTERRUPTED: Finding = {
  outcome: 'inconclusive',
  settledBy: 'whole-trace',
  reasons: ['The trace was interrupted; this is what had been measured.'],
};

function writeEvidence(trace: Case, finding: Finding, isLoss: boolean): VerdictEvidence {
  const { counted } = trace.counts;
  const { restsOn } = finding;
  const counts = finding.targetUnseen === true ? emptyPlace() : (restsOn ?? counted);
  const pairs = counts.both + counts.plainOnly + counts.pdmOnly + counts.neither;
  return {
    basis: finding.basis ?? null,
    returnPath: finding.returnPath ?? null,
    witness: finding.returnPath === 'excluded' ? witnessOf(trace, finding) : null,
    pairs,
    plainOnly: restsOn?.lost ?? counts.plainOnly,
    pdmOnly: counts.pdmOnly,
    rates: {
      plain: pairs === 0 ? null : (counts.both + counts.plainOnly) / pairs,
      pdm: pairs === 0 ? null : (counts.both + counts.pdmOnly) / pairs,
    },
    passRateUpper:
      isLoss && finding.boundedBy !== undefined
        ? passRateUpperBound(trace.state.limits.confidence, finding.boundedBy)
        : null,
    placebo: { pairs: counted.placebos, both: counted.placebosBoth },
    neighbours: null,
  };
}

/** METHOD: dropped. Only where the answers of a UDP trace quote the option was another protocol asked instead. */
function witnessOf(trace: Case, { outcome }: Finding): NonNullable<VerdictEvidence['witness']> | null {
  if (trace.state.identity.protocol !== 'udp' || answersUnquoted(trace.counts)) return 'answers';
  const standing = standOfWitness(trace, outcome === 'impaired');
  return standing.is === 'loses' ? WITNESSES[standing.by] : null;
}

const WITNESSES = { icmp6: 'echo', tcp: 'tcp' } as const;

/** What came nearest, in the order of the claims: why it was refuted, or how far it came. */
function inconclusive(trace: Case, { stands }: Standings): Finding {
  const reasons: Reason[] = stands.flatMap(({ standing }) =>
    standing.is === 'refuted' && standing.by !== null ? [{ says: standing.by, settledBy: standing.settledBy }] : [],
  );
  if (hasFallenSilent(trace) && !reasons.some(({ says }) => says === FELL_SILENT.says)) reasons.unshift(FELL_SILENT);
  const cap = probeCap(trace);
  if (trace.state.probes.count + 2 > cap)
    reasons.push({ says: `The cap of ${cap} probes was reached: ${ratesText(trace)}.`, settledBy: 'retrace' });
  for (const { claim, standing } of stands) {
    if (standing.is === 'open' && standing.has !== '')
      reasons.push({ says: `Still open: ${claim.name} (${standing.has}).`, settledBy: 'retrace' });
  }
  if (reasons.length === 0)
    reasons.push({ says: `No claim reached its bar: ${ratesText(trace)}.`, settledBy: 'retrace' });
  return {
    outcome: 'inconclusive',
    settledBy: settledOf(trace, reasons),
    reasons: [...new Set(reasons.map(({ says }) => says))],
    ...(findTooNear(trace, false) === null ? {} : { targetUnseen: true }),
  };
}

/** By the first reason that anybody can do something about. A trace by TCP is no news where SYNs have been asked already. */
function settledOf(trace: Case, reasons: readonly Reason[]): SettledBy | null {
  const settledBy = reasons.find((reason) => reason.settledBy !== null)?.settledBy ?? null;
  return settledBy === 'tcp' && hasAskedSyns(trace) ? 'capture-at-target' : settledBy;
}

/** By this trace, by itself or as a witness, or by another one to the same target. */
function hasAskedSyns({ state, context, witness }: Case): boolean {
  return state.identity.protocol === 'tcp' || witness.tcp.pairs > 0 || context.sibling('tcp') !== null;
}

/**
 * METHOD: delivered. Where quotes in the target's name disagree, or what it is sent draws answers without a quote as well, some may be
 * those of a box on one of several ways.
 */
function optionSeenUpTo(trace: Case): number | 'target' | null {
  const { state, meanings, lastPdmHop } = trace;
  let atTarget = false as boolean;
  let isDenied = false as boolean;
  const isUnquoted = (meaning: number, row: number): boolean =>
    meaning === MEANING.arrived && replyTo(state, row)?.quoted === false;
  forEachPair(state, meanings, state.attemptStart, (pair) => {
    const flow = state.flows[pair.flow];
    // Witnesses answer otherwise, and routers that are asked themselves.
    if (flow?.protocol !== state.identity.protocol || flow.destination !== undefined) return;
    isDenied ||= isUnquoted(pair.plain, pair.plainRow) || isUnquoted(pair.treated, pair.treatedRow);
    if (pair.arm !== ARM_CODE.pdm || pair.treated !== MEANING.arrived) return;
    const reply = replyTo(state, pair.treatedRow);
    if (reply?.intactWhole === true) atTarget = true;
    if (reply !== null && (reply.stripped || reply.altered)) isDenied = true;
  });
  return atTarget && !isDenied ? 'target' : lastPdmHop === 0 ? null : lastPdmHop;
}

/** Nobody sees the path itself: what is known of it are answers. */
const ANSWERS_CHANGED =
  'The answers changed at the last hop that the option was seen at, so the measurement was started again once: the path may have changed.';

/** Things worth saying that decide nothing. */
function remarks(trace: Case): string[] {
  const { state, pdmArrivals } = trace;
  const said: string[] = [];
  if (state.restarts > 0) said.push(ANSWERS_CHANGED);
  // Where nothing arrived it is the finding itself.
  if (pdmArrivals > 0) said.push(...describeTooBig(state));
  said.push(...describeFragments(trace));
  if (state.pdm.implausible > 0) {
    said.push(
      `${state.pdm.implausible} answers with PDM claim a server delay longer than the whole round trip; it is not recorded.`,
    );
  }
  if (state.pdm.draftVersion) said.push('The target sends an option of the PDMv2 draft, not of RFC 8250.');
  return said;
}
