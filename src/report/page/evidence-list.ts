import { isAtTarget } from '../../annotate/path-places.js';
import {
  OUTCOMES,
  type NamedAddress,
  type Outcome,
  type TraceRecord,
  type VerdictEvidence,
} from '../../record/record.js';
import { otherNetworks, ruleText } from '../words/attribution-words.js';
import { icmpErrorText } from '../words/icmp-words.js';
import { hopTerms } from '../words/place-words.js';
import { markup, type Markup } from './markup.js';
import {
  asLabel,
  asText,
  atMostText,
  confidenceText,
  restsOnRouters,
  routerArrivals,
  shareText,
  sourceText,
  targetArrivals,
} from '../words/record-words.js';

type Entry = readonly [string, string | null];

/** What a verdict rests on, value by value, for a reader who does not take the sentence for it. */
export function evidenceLists(record: TraceRecord): Markup {
  const isOpen = NEEDS_PROOF.has(record.verdict.outcome);
  const lists = markup`<div class="lists">${list('Evidence', evidence(record))}${list(record.summary.attribution === null ? 'Hops n and n+1' : 'Whose network', network(record))}</div>`;
  const proof = isOpen ? lists : fold('Evidence', lists);
  return markup`${proof}${fold('How it was measured', markup`<div class="lists">${list('Measurement', measurement(record))}${list('Packets', packets(record))}</div>`)}`;
}

/** Everything but a delivery and what never began. */
const NEEDS_PROOF: ReadonlySet<Outcome> = new Set(
  OUTCOMES.filter((outcome) => outcome !== 'delivered' && outcome !== 'not-measured'),
);

function fold(title: string, inside: Markup): Markup {
  return markup`<details><summary>${title}</summary>${inside}</details>`;
}

function list(title: string, entries: readonly Entry[]): Markup | null {
  const known = entries.filter(([, value]) => value !== null && value !== '');
  if (known.length === 0) return null;
  return markup`<section><h4>${title}</h4><dl>${known.map(([term, value]) => markup`<dt>${term}</dt><dd>${value}</dd>`)}</dl></section>`;
}

function evidence(record: TraceRecord): Entry[] {
  const { verdict, parameters, targetPairs, summary } = record;
  const { interval, outcome, refusal, evidence: counted } = verdict;
  const pairs = targetPairs?.pairs;
  const bar = confidenceText(parameters.confidence);
  return [
    [
      'Pairs at the target',
      pairs === undefined
        ? null
        : `${pairs.both} both answered, ${pairs.plainOnly} plain alone, ${pairs.pdmOnly} PDM alone, ${pairs.neither} neither` +
          (pairs.void > 0 ? `; ${pairs.void} void` : '') +
          countedText(record, pairs.both + pairs.plainOnly + pairs.pdmOnly + pairs.neither),
    ],
    ['Plain answered', rateText(record, 'plain')],
    ['PDM answered', rateText(record, 'pdm')],
    [
      'PDM that may still pass',
      counted.passRateUpper === null ? null : `at most ${atMostText(counted.passRateUpper)} (${bar})`,
    ],
    ['Placebo pairs', placeboText(counted.placebo)],
    ['Neighbours', neighboursText(counted.neighbours)],
    ['Confidence', verdict.confidence === null ? null : `${confidenceText(verdict.confidence)}, bar ${bar}`],
    ['Rests on', basisText(record)],
    [
      'Way back',
      counted.returnPath === null ? null : `that a filter on what answers quote takes them is ${counted.returnPath}`,
    ],
    [
      outcome === 'altered' || outcome === 'stripped' ? 'Changed' : outcome === 'rejected' ? 'Refused' : 'Lost',
      interval === null
        ? null
        : `after ${interval.after === 0 ? 'the source' : `hop ${interval.after}`}, ` +
          `at ${isAtTarget(record, interval.upTo) ? 'the target' : `hop ${interval.upTo}`} at the latest` +
          (interval.likelyUpTo < interval.upTo ? `, most likely before hop ${interval.likelyUpTo}` : ''),
    ],
    [
      'Refused by',
      refusal === null
        ? null
        : `${refusal.inTargetName === true ? "something in the target's name, " : ''}${refusal.address}${refusal.hop === null ? '' : ` at hop ${refusal.hop}`}: ${icmpErrorText(refusal.type, refusal.code, refusal.pointer)}`,
    ],
    ['Cause', verdict.cause === null ? null : CAUSES[verdict.cause]],
    [
      'Option seen intact',
      verdict.optionSeenUpTo === null
        ? 'nowhere'
        : verdict.optionSeenUpTo === 'target'
          ? 'at the target'
          : `up to hop ${verdict.optionSeenUpTo}`,
    ],
    ['Paths differ', verdict.pathsDiverge === null ? null : `from hop ${verdict.pathsDiverge} on`],
    ['Plain seen', summary.lastPlainHop === null ? null : `up to hop ${summary.lastPlainHop.hop}`],
  ];
}

/** Where a count was begun again, at another pace, the pairs before it are in no rate. */
function countedText(record: TraceRecord, sent: number): string {
  const counted = restsOnRouters(record) ? null : (targetArrivals(record)?.pairs ?? null);
  return counted === null || counted === sent ? '' : `; ${counted} of them count`;
}

/** `8 of 27 (30 %)`, of the pairs that count; a loss counted at a router has the router's. */
function rateText(record: TraceRecord, arm: 'plain' | 'pdm'): string | null {
  const isOfRouter = restsOnRouters(record);
  // Who refuses is counted by what is refused, and nobody's answers are.
  if (isOfRouter && record.verdict.outcome === 'rejected') return null;
  const arrivals = isOfRouter ? routerArrivals(record) : targetArrivals(record);
  if (arrivals === null) return null;
  const rate = `${arrivals[arm]} of ${arrivals.pairs} (${shareText(arrivals[arm] / arrivals.pairs)})`;
  return isOfRouter ? `${rate} at the router` : rate;
}

/** Two packets of one arm: what else than the option keeps a pair from arriving whole. */
function placeboText(placebo: VerdictEvidence['placebo']): string | null {
  if (placebo === undefined || placebo.pairs === 0) return null;
  return `${placebo.both} of ${placebo.pairs} with two packets of one kind arrived whole`;
}

function neighboursText(neighbours: VerdictEvidence['neighbours']): string | null {
  if (neighbours === undefined || neighbours === null) return null;
  const { asked, same, differ } = neighbours;
  return `of ${asked} addresses beside the target ${same} lose the option as well, ${differ} do not`;
}

const CAUSES = {
  option: 'the PDM option; another of its size passes',
  size: 'a header of 16 octets, whatever is in it',
  'destination-options': 'any destination options header',
  length: "the packet's length",
} as const;

function basisText(record: TraceRecord): string | null {
  const { verdict } = record;
  switch (verdict.evidence.basis) {
    case 'target':
      return "the target's own answers";
    case 'routers':
      if (!restsOnRouters(record)) return 'what routers on the way quote';
      return verdict.outcome === 'rejected'
        ? 'refusals, and hops behind the refuser that answer plain packets'
        : `${verdict.evidence.pairs} pairs at a router that has reported such packets in this run`;
    case null:
      return null;
  }
}

function network(record: TraceRecord): Entry[] {
  const { lastPdmHop, nextHop, inDestinationNetwork, attribution } = record.summary;
  const { last, next } = hopTerms(record);
  const entries: Entry[] = [
    [
      lastPdmHop === null ? 'Hop n' : `Hop ${lastPdmHop.hop} (${last ?? 'last with PDM'})`,
      lastPdmHop === null ? null : place(lastPdmHop),
    ],
    [
      nextHop === null ? 'Hop n+1' : `Hop ${nextHop.hop} (${next})`,
      nextHop === null ? null : `${place(nextHop) || 'silent'}${nextHop.uncertain ? ' (of the plain path)' : ''}`,
    ],
    ['Or one of', nextHop === null ? null : nextHop.candidates.map(place).join('; ')],
    ["Destination's network", asText(record.target)],
    ['Next hop in it', inDestinationNetwork],
  ];
  if (attribution === null) return entries;
  const { best, worst, candidates, rule, source, date } = attribution;
  // A refuser has no two readings: it is one network or the next.
  const differ = best !== null && worst !== null && best !== worst && record.verdict.outcome !== 'rejected';
  const isAll = differ && candidates.every((asn) => asn === best || asn === worst);
  return [
    ...entries,
    ['Kindest to transit', differ ? asLabel(record, best) : null],
    ['Harshest to transit', differ ? asLabel(record, worst) : null],
    ['Attribution', isAll ? null : oneOf([...new Set(candidates)].map((asn) => asLabel(record, asn)))],
    ['Or', otherNetworks(attribution).join(', or ')],
    ['Why these', ruleText(rule)],
    ['Method', 'origin AS of the addresses that answered'],
    ['AS data', source === null ? null : `${sourceText(source)}${date === null ? '' : `, ${date}`}`],
  ];
}

function oneOf(labels: readonly string[]): string {
  return `${labels.length > 1 ? 'one of ' : ''}${labels.join(', ')}`;
}

function measurement(record: TraceRecord): Entry[] {
  const { parameters, tool } = record;
  return [
    ['Began', record.startedAt],
    ['Ended', record.endedAt],
    ['From', [record.vantage, place(record.source)].filter((part) => part !== null && part !== '').join(', ')],
    ['To', place(record.target)],
    ['By way of names', record.target.aliases.join(' → ')],
    ['Bar', confidenceText(parameters.confidence)],
    ['Order of probes', `seed ${parameters.seed}`],
    [
      'Limits',
      `${parameters.maxHops} hops, ${parameters.timeoutMs} ms for an answer, a pair per hop in ${parameters.hopIntervalMs} ms`,
    ],
    [
      'Tool',
      `pdm-trace ${tool.version}${tool.method === undefined ? '' : `, method ${tool.method}`}${tool.transport === null ? '' : `, ${tool.transport}`}${tool.clock === null ? '' : `, ${tool.clock} clock`}`,
    ],
    ['Record', record.id],
    ['Run', record.runId],
  ];
}

function packets({ protocol, flow, counters, pdm }: TraceRecord): Entry[] {
  const { sent, answered, ...others } = counters;
  const odd = Object.entries(others).filter(([, count]) => count !== null && count > 0);
  return [
    ['Protocol', `${protocol}${flow.destinationPort === null ? '' : ` to port ${flow.destinationPort}`}`],
    ['Source port', flow.sourcePort === null ? null : String(flow.sourcePort)],
    ['Echo identifier', flow.echoId === null ? null : String(flow.echoId)],
    ['Flow label', flow.flowLabel === null ? null : `0x${flow.flowLabel.toString(16).padStart(5, '0')}`],
    ['Plain probe', flow.size === null ? null : `${flow.size} octets`],
    ['Sent, answered', `${sent}, ${answered}`],
    ['Set aside', odd.map(([reason, count]) => `${count} ${COUNTERS[reason] ?? reason}`).join(', ')],
    ['Delay in the server', pdm.serverDelayMs === null ? null : `${pdm.serverDelayMs} ms`],
    ['Round trip by PDM', pdm.roundTripMs === null ? null : `${pdm.roundTripMs} ms`],
  ];
}

const COUNTERS: Readonly<Record<string, string>> = { sendErrors: 'not sent', kernelDrops: 'dropped by the kernel' };

/** `name (address), AS1 Name`; empty where nothing is known. */
function place(one: NamedAddress): string {
  const who = one.name === null ? one.address : one.address === null ? one.name : `${one.name} (${one.address})`;
  return [who, asText(one)].filter((part) => part !== null).join(', ');
}
