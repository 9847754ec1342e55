import { createHash } from 'node:crypto';
import type { ChangeRow, OutcomeCount } from '../results/trace-queries.js';
import { summariseRecord, type SummaryRow } from '../results/summary-row.js';
import type { TraceRecord } from '../trace/record.js';
import { markup, type Markup } from './markup.js';
import { PAGE_STYLE } from './page-style.js';
import { cardId, outcomeBadge, recordCard } from './record-card.js';

export interface HtmlPage {
  readonly title: string;
  /** Of the page, RFC 3339. */
  readonly generatedAt: string;
  /** Called for each section that reads records, so that they never have to be in memory together. */
  readonly records: () => Iterable<TraceRecord>;
  /** The summary table's rows where they are at hand without reading whole records. */
  readonly summaries?: Iterable<SummaryRow>;
  readonly counts: readonly OutcomeCount[];
  /** Omitted: no such section. */
  readonly changes?: Iterable<ChangeRow>;
  /** Links to other pages, above the table and below the records. Omitted: the page stands alone. */
  readonly navigation?: Markup;
  /** Records whose hops are unfolded. Default 3. */
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
<h1>${page.title}</h1><p class="under">Does a packet with the IPv6 PDM option (RFC 8250) arrive, and if not, where does it stop? ${page.generatedAt}</p>
${tiles(page.counts)}
${navigation(page)}
`.markup;
  yield* summarySection(page);
  if (page.changes !== undefined) yield* changeSection(page.changes);
  yield '<h2>Records</h2>\n';
  let number = 0;
  for (const record of page.records()) {
    number += 1;
    yield recordCard(record, number <= (page.unfolded ?? 3)).markup;
  }
  yield navigation(page)?.markup ?? '';
  yield FOOTER.markup;
}

const FOOTER = markup`<footer>A filled dot answered every probe, an open one some of them, a small grey ring none. The shaded band is where packets with
the option are lost, its darker part where they most likely are. A hop's own silence proves nothing; what is certain, and how certain, is in the words.
Networks are origin ASes of the addresses that answered: a border router may carry its neighbour's address.</footer></main></body></html>
`;

function navigation({ navigation: links }: HtmlPage): Markup | null {
  return links === undefined ? null : markup`<nav class="under">${links}</nav>`;
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
  yield `<h2>Summary</h2><div class="panel wide"><table><thead><tr><th>company</th><th>destination</th><th>outcome</th>
<th>PDM last seen</th><th>next hop</th><th>plain last seen</th><th>in its network</th><th class="number">confidence</th></tr></thead><tbody>
`;
  if (page.summaries !== undefined) for (const row of page.summaries) yield summaryRow(row).markup;
  else for (const record of page.records()) yield summaryRow(summariseRecord(record)).markup;
  yield '</tbody></table></div>\n';
}

function summaryRow(row: SummaryRow): Markup {
  return markup`<tr><td><span class="cut">${row.company}</span></td><td><a class="cut" href="#${cardId(row)}" title="${row.destinationInput}">${row.destinationInput}</a><span class="sub full">${row.protocol} · ${row.destinationAddress ?? 'no IPv6 address'}</span></td>
<td class="tight">${outcomeBadge(row.outcome)}</td>
<td>${hopCell(row.lastPdmHop, row.lastPdmName ?? row.lastPdmAddress)}</td><td>${hopCell(row.nextHop, row.nextHopName ?? row.nextHopAddress)}</td>
<td>${hopCell(row.lastPlainHop, row.lastPlainName ?? row.lastPlainAddress)}</td>
<td>${row.nextHopInDestinationNetwork}</td><td class="number">${row.confidence}</td></tr>
`;
}

function hopCell(hop: number | null, name: string | null): Markup | null {
  if (hop === null) return null;
  return markup`${hop}<span class="sub" title="${name ?? ''}">${name ?? 'silent'}</span>`;
}

function* changeSection(changes: Iterable<ChangeRow>): Iterable<string> {
  yield `<h2>Changed since the last run</h2><div class="panel wide"><table><thead><tr><th>destination</th><th>protocol</th><th>was</th><th>is</th>
<th>PDM last seen: was</th><th>is</th><th>compared with</th></tr></thead><tbody>
`;
  let none = true;
  for (const { now, previous } of changes) {
    none = false;
    yield markup`<tr><td>${now.destinationInput}</td><td>${now.protocol}</td><td class="tight">${outcomeBadge(previous.outcome)}</td>
<td class="tight">${outcomeBadge(now.outcome)}</td><td>${previous.lastPdmHop}</td><td>${hopCell(now.lastPdmHop, now.lastPdmName ?? now.lastPdmAddress)}</td>
<td class="tight">${new Date(previous.startedAtMs).toISOString().slice(0, 16).replace('T', ' ')}</td></tr>
`.markup;
  }
  if (none) yield '<tr><td colspan="7">Nothing changed.</td></tr>\n';
  yield '</tbody></table></div>\n';
}
