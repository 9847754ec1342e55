import { refusesInTargetName } from '../../record/refusals.js';
import type { IcmpCount, ResponderRecord, TraceRecord } from '../../record/record.js';
import { icmpErrorText } from '../words/icmp-words.js';
import { markup, type Markup } from './markup.js';
import { pathColumns, stopOf, type ArmCell, type PathColumn, type Stop } from './path-columns.js';

/** Both arms side by side, a row for each hop; a rule says where packets with PDM are lost. */
export function hopLadder(record: TraceRecord): Markup {
  const columns = pathColumns(record);
  const stop = stopOf(record);
  return markup`<table class="ladder"><caption>Answers to packets of both kinds at each hop limit: who, how many, median round trip</caption><thead><tr><th scope="col" class="hop">hop</th>
<th scope="colgroup" colspan="3" class="plain">plain</th><th scope="colgroup" colspan="3" class="pdm">with PDM</th></tr></thead>
<tbody>${columns.flatMap((column, index) => [...ruleBefore(columns, index, stop), row(record, column)])}</tbody></table>`;
}

function ruleBefore(columns: readonly PathColumn[], index: number, stop: Stop | null): Markup[] {
  if (stop === null) return [];
  const before = index === 0 ? 0 : (columns[index - 1]?.hop ?? 0);
  const hop = columns[index]?.hop ?? Infinity;
  if (!(before <= stop.after && hop > stop.after)) return [];
  return [markup`<tr class="rule"><td colspan="7"><span>${ruleText(stop)}</span></td></tr>`];
}

function ruleText({ after, upTo, likelyUpTo, end, word }: Stop): string {
  const place = `between ${after === 0 ? 'the source' : `hop ${after}`} and ${end}`;
  return likelyUpTo < upTo ? `${word}: ${place}, most likely before hop ${likelyUpTo}` : `${word}: ${place}`;
}

function row(record: TraceRecord, column: PathColumn): Markup {
  const isLast = column.hop !== null && column.hop === record.summary.lastPdmHop?.hop && !column.isTarget;
  const name = column.isTarget ? (column.hop === null ? 'target' : `target · ${column.hop}`) : String(column.hop ?? '');
  const borrowed = column.pdm.responders.some((one) => refusesInTargetName(record, 'pdm', one));
  const same = !borrowed && sameResponders(column.plain, column.pdm);
  const kind = [isLast ? 'last' : '', column.isTarget ? 'target' : ''].join(' ').trim();
  const shared =
    column.sharedFrom === null
      ? null
      : markup` <span class="as" title="measured once for all targets behind it, by record ${column.sharedFrom}">shared</span>`;
  return markup`<tr class="${kind}"><th scope="row" class="hop">${name}${shared}</th>
${arm(record, column, column.plain, null)}${arm(record, column, column.pdm, same ? column.plain : null)}</tr>`;
}

function sameResponders(a: ArmCell, b: ArmCell): boolean {
  const addresses = (cell: ArmCell): string =>
    cell.responders
      .map((one) => one.address)
      .sort()
      .join(' ');
  return a.responders.length > 0 && addresses(a) === addresses(b);
}

/** `sameAs`: the other arm where it drew answers from the same addresses; what is said there is not said again. */
function arm(record: TraceRecord, column: PathColumn, cell: ArmCell, sameAs: ArmCell | null): Markup {
  if (cell.state === 'unsent') return markup`<td class="who none" colspan="3">not sent</td>`;
  // A hop that is silent in both arms says nothing about the option.
  const worse =
    cell === column.pdm && cell.state !== 'refused' && cell.answered < cell.sent && column.plain.answered > 0
      ? 'worse'
      : cell.state;
  const count = markup`<td class="count ${worse}">${`${cell.answered}/${cell.sent}`}</td>`;
  if (cell.responders.length === 0) return markup`<td class="who silent">no answer</td>${count}<td class="rtt"></td>`;
  const isBorrowed = (one: ResponderRecord): boolean => cell === column.pdm && refusesInTargetName(record, 'pdm', one);
  const said = new Set(sameAs?.responders.flatMap((one) => notes(column, one, false)));
  const marks = (one: ResponderRecord): Markup[] =>
    notes(column, one, isBorrowed(one)).flatMap((word) =>
      said.has(word) ? [] : [markup` <span class="note">${word}</span>`],
    );
  const who =
    sameAs === null
      ? markup`${cell.responders.map((one) => markup`<div>${responderName(one, isBorrowed(one))}${marks(one)}</div>`)}`
      : markup`<span class="same">same</span>${cell.responders.flatMap(marks)}`;
  return markup`<td class="who">${who}</td>${count}<td class="rtt">${cell.responders.map((one) => markup`<div>${rttText(one)}</div>`)}</td>`;
}

/** `isBorrowed`: somebody else uses this address, whose network it does not tell. */
function responderName(one: ResponderRecord, isBorrowed: boolean): Markup {
  const network =
    one.asn === null || isBorrowed ? null : markup` <span class="as" title="${one.asName ?? ''}">AS${one.asn}</span>`;
  if (one.name === null) return markup`<span class="address first">${one.address}</span>${network}`;
  return markup`<span class="name">${one.name}</span>${network}<br><span class="address">${one.address}</span>`;
}

/** What a reply says beyond Time Exceeded, and what its quote shows. The target's own port unreachable is an answer like any. */
function notes(column: PathColumn, one: ResponderRecord, isBorrowed: boolean): string[] {
  const isUsual = ({ type, code }: IcmpCount): boolean =>
    type >= 128 || type === 3 || (column.isTarget && !isBorrowed && type === 1 && code === 4);
  return [
    ...(isBorrowed ? ["in the target's name"] : []),
    ...one.icmp.filter((icmp) => !isUsual(icmp)).map((icmp) => icmpErrorText(icmp.type, icmp.code, icmp.pointer)),
    ...new Set(one.quotes.flatMap((quote) => quote.changes)),
    ...(one.mpls.length > 0 ? [`MPLS ${one.mpls.map((label) => label.label).join(', ')}`] : []),
  ];
}

function rttText({ rttMs }: ResponderRecord): string {
  return rttMs === null ? '' : `${rttMs.median < 10 ? rttMs.median.toFixed(2) : rttMs.median.toFixed(1)} ms`;
}
