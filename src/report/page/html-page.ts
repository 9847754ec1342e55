import { createHash } from 'node:crypto';
import type { ChangeRow, OutcomeCount } from '../../results/store/trace-queries.js';
import { summariseRecord, type SummaryRow } from '../../record/summary-row.js';
import { ACCUSATIONS, type Outcome, type TraceRecord } from '../../record/record.js';
import { markup, type Markup } from './markup.js';
import { confidenceText } from '../words/record-words.js';
import { PAGE_STYLE } from './page-style.js';
import { cardId, outcomeBadge, recordCard } from './record-card.js';
import { NO_FAULTS, type FaultWords } from '../faults/run-faults.js';

/** All that a page shows. Rows and records are read while it is written. */
export interface HtmlPage {
  readonly title: string;
  /** Of the page, RFC 3339. */
  readonly generatedAt: string;
  /** Called for each section that reads records, so that they never have to be in memory together. */
  readonly records: () => Iterable<TraceRecord>;
  /** The summary table's rows where they are at hand without reading whole records. */
  readonly summaries?: Iterable<SummaryRow>;
  readonly counts: readonly OutcomeCount[];
  /** What targets of a run share: said above everything, and at each record. Default: nothing. */
  readonly faults?: FaultWords;
  /** Omitted: no such section. */
  readonly changes?: Iterable<ChangeRow>;
  /** Whether there is an earlier run that any record can be compared with; taken for granted where it is not given. */
  readonly compared?: boolean;
  /** Links to other pages, above the table and below the records. Omitted: the page stands alone. */
  readonly navigation?: Markup;
  /** Records that accuse somebody and have their hops unfolded; the first always has. Default 20. */
  readonly unfolded?: number;
}

/** What a page may load: its own style. For a `meta` element; a server can add `frame-ancestors` to it in a header. */
export function pagePolicy(): string {
  const hash = createHash('sha256').update(PAGE_STYLE).digest('base64');
  return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
}

/** Everything before the first heading. */
export function pageHead(title: string): Markup {
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${pagePolicy()}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>${title}</title><style>${{ markup: PAGE_STYLE }}</style></head><body><main>`;
}

/**
 * One page that needs nothing else: no script, no request, and a policy that forbids both. Every value is escaped
 * (`markup`). Piece by piece; its memory does not grow with the number of records.
 */
export function* htmlPage(page: HtmlPage): Iterable<string> {
  yield markup`${pageHead(page.title)}
<h1>${page.title}</h1><p class="under">Does a packet with the IPv6 PDM option (RFC 8250) arrive, and if not, where does it stop? Made <time>${page.generatedAt}</time>.</p>
${sharedSection(page)}${tiles(page.counts)}
${navigation(page)}
`.markup;
  yield* summarySection(page);
  if (page.changes !== undefined) yield* changeSection(page.changes, page.compared !== false);
  yield '<section aria-labelledby="records"><h2 id="records">Records</h2>\n';
  const sums: Sums = { records: 0, accusations: 0, expectedFalse: 0 };
  for (const record of page.records()) {
    const accuses = ACCUSATIONS.includes(record.verdict.outcome);
    sums.records += 1;
    if (accuses) sums.accusations += 1;
    if (losesPackets(record)) sums.expectedFalse += 1 - record.parameters.confidence;
    const isOpen = sums.records === 1 || (accuses && sums.accusations <= (page.unfolded ?? 20));
    yield recordCard(record, isOpen, page.faults?.sentenceOf(record) ?? null).markup;
  }
  yield '</section>\n';
  yield navigation(page)?.markup ?? '';
  yield footer(sums).markup;
}

interface Sums {
  records: number;
  accusations: number;
  /** Sum of 1 − P over the records that lose packets: each of them could have been accused by chance. */
  expectedFalse: number;
}

function losesPackets({ verdict, targetPairs }: TraceRecord): boolean {
  const pairs = targetPairs?.pairs;
  return verdict.outcome !== 'delivered' || (pairs !== undefined && pairs.plainOnly + pairs.neither > 0);
}

/** What a reader has to know who sees such a page for the first time, and what the operator of an accused network will ask. */
function footer({ accusations, expectedFalse }: Sums): Markup {
  return markup`<section class="panel reading" aria-labelledby="reading"><h2 id="reading">How to read this page</h2>
<p>Packets go out in pairs: one with the <abbr title="Performance and Diagnostic Metrics">PDM</abbr> destination option of
RFC 8250, one that differs in nothing else, in random order. Loss, rate limits and load balancers meet both alike;
what meets one alone is counted pair by pair, and held against pairs of two equal packets. An outcome that claims a loss, a refusal or a change needs the confidence of its bar.${
    accusations === 0
      ? null
      : markup` ${accusations === 1 ? 'One record on this page claims' : `${accusations} records on this page claim`} such a thing; ${expectedText(expectedFalse)} or fewer are expected to be false.`
  }</p>
<p>In the drawings a filled dot answered every probe, an open one some of them, a small grey ring none, a small red one was refused by a hop before. The shaded band is where packets with
the option are lost, its darker part where they most likely are. A hop's own silence proves nothing: many routers never report packets with extension headers.</p>
<p>“After hop n” means that hop n's own error message quotes the option intact. A filter in the forwarding path of hop n acts after that, so hop n is among the suspects.
Networks are the origin ASes of the addresses that answered, not a map of borders: a border router may carry its neighbour's address, and so both readings are given where they differ.</p>
<p>“Inconclusive” says that the evidence stays below the bar. It is no weaker form of an accusation.</p></section>
<footer>Made by pdm-trace.</footer></main></body></html>
`;
}

function expectedText(expected: number): string {
  return expected >= 1 ? String(Math.ceil(expected)) : `${Number(expected.toPrecision(2))}`;
}

function navigation({ navigation: links }: HtmlPage): Markup | null {
  return links === undefined ? null : markup`<nav class="under">${links}</nav>`;
}

/** One fault that many share must not read as many accusations. */
function sharedSection({ faults = NO_FAULTS }: HtmlPage): Markup | null {
  if (faults.lines.length === 0) return null;
  return markup`<section class="panel shared" aria-labelledby="shared"><h2 id="shared">Said first</h2>${faults.lines.map((line) => markup`<p>${line}</p>`)}</section>`;
}

function tiles(counts: readonly OutcomeCount[]): Markup {
  const sums = new Map<OutcomeCount['outcome'], number>();
  for (const { outcome, count } of counts) sums.set(outcome, (sums.get(outcome) ?? 0) + count);
  const sorted = [...sums].sort(([, a], [, b]) => b - a);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  return markup`<ul class="tiles"><li><b>${total}</b> records</li>${sorted.map(
    ([outcome, count]) => markup`<li><b>${count}</b> ${outcomeBadge(outcome)}</li>`,
  )}</ul>`;
}

function* summarySection(page: HtmlPage): Iterable<string> {
  yield `<section aria-labelledby="summary"><h2 id="summary">Summary</h2><div class="panel wide" tabindex="0" role="group" aria-labelledby="summary"><table><thead><tr><th scope="col">company</th>
<th scope="col">destination</th><th scope="col">outcome</th><th scope="col">PDM last seen</th><th scope="col">next hop</th><th scope="col">plain last seen</th>
<th scope="col">next hop in its network</th><th scope="col" class="number">confidence</th></tr></thead><tbody>
`;
  const { faults = NO_FAULTS } = page;
  // Whether a record shares a fault, its hops say.
  if (page.summaries !== undefined && faults.lines.length === 0)
    for (const row of page.summaries) yield summaryRow(row, false).markup;
  else
    for (const record of page.records())
      yield summaryRow(summariseRecord(record), faults.sentenceOf(record) !== null).markup;
  yield '</tbody></table></div></section>\n';
}

function summaryRow(row: SummaryRow, isShared: boolean): Markup {
  const confidence = row.confidence === null ? '' : confidenceText(row.confidence);
  return markup`<tr><td><span class="cut">${row.company}</span></td><td><a class="cut" href="#${cardId(row)}" title="${row.destinationInput}">${row.destinationInput}</a><span class="sub full">${row.protocol} · ${row.destinationAddress ?? 'no IPv6 address'} · <span>${minuteText(row.startedAtMs)}</span></span></td>
<td class="tight">${isShared ? sharedBadge(row.outcome) : outcomeBadge(row.outcome)}</td>
<td>${hopCell(row.lastPdmHop, row.lastPdmName ?? row.lastPdmAddress, row.lastPdmAsn)}</td><td>${hopCell(row.nextHop, row.nextHopName ?? row.nextHopAddress, row.nextHopAsn)}</td>
<td>${hopCell(row.lastPlainHop, row.lastPlainName ?? row.lastPlainAddress, row.lastPlainAsn)}</td>
<td>${row.nextHopInDestinationNetwork}</td><td class="number" title="${row.confidence}">${confidence}</td></tr>
`;
}

/** Not the colour of an accusation of its own. */
function sharedBadge(outcome: Outcome): Markup {
  const words = outcome === 'inconclusive' ? 'see what is said first' : 'one shared fault';
  return markup`<span class="badge calm">${outcome}</span><a class="sub full" href="#shared">${words}</a>`;
}

/** To the minute, UTC, for people. */
export function minuteText(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 16).replace('T', ' ');
}

function hopCell(hop: number | null, name: string | null, asn: number | null): Markup | null {
  if (hop === null) return null;
  const network = asn === null ? null : markup` <span class="as">AS${asn}</span>`;
  return markup`${hop}${network}<span class="sub" title="${name ?? ''}">${name ?? 'silent'}</span>`;
}

function* changeSection(changes: Iterable<ChangeRow>, compared: boolean): Iterable<string> {
  yield `<section aria-labelledby="changes"><h2 id="changes">Changed since the last run</h2><div class="panel wide" tabindex="0" role="group" aria-labelledby="changes"><table><thead><tr>
<th scope="col">destination</th><th scope="col">protocol</th><th scope="col">was</th><th scope="col">is</th><th scope="col">PDM last seen: was</th><th scope="col">is</th>
<th scope="col">next hop</th><th scope="col">compared with (UTC)</th></tr></thead><tbody>
`;
  let none = true;
  for (const { now, previous } of changes) {
    none = false;
    yield markup`<tr><td><a class="cut" href="#${cardId(now)}" title="${now.destinationInput}">${now.destinationInput}</a></td><td>${now.protocol}</td><td class="tight">${outcomeBadge(previous.outcome)}</td>
<td class="tight">${outcomeBadge(now.outcome)}</td><td>${previous.lastPdmHop}</td><td>${hopCell(now.lastPdmHop, now.lastPdmName ?? now.lastPdmAddress, now.lastPdmAsn)}</td>
<td>${hopCell(now.nextHop, now.nextHopName ?? now.nextHopAddress, now.nextHopAsn)}</td><td class="tight">${minuteText(previous.startedAtMs)}</td></tr>
`.markup;
  }
  const why = compared ? 'Nothing changed.' : 'There is no earlier run to compare with.';
  if (none) yield markup`<tr><td colspan="8">${why}</td></tr>\n`.markup;
  yield '</tbody></table></div></section>\n';
}
