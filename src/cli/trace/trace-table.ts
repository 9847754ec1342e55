import { distanceOf } from '../../annotate/path-places.js';
import type { ArmRecord, HopRecord, PlaceRecord, ResponderRecord, TraceRecord } from '../../record/record.js';
import { isEnd, refusesInTargetName } from '../../record/refusals.js';
import { isLastPdmHopN } from '../../report/words/place-words.js';
import { repeatOf, type Repeat } from '../../report/words/repeated-hops.js';
import { addressAndName, asText, nameOrAddress, targetArrivals } from '../../report/words/record-words.js';
import { ICMPV6 } from '../../wire/icmpv6.js';
import type { Style } from '../terminal/style.js';
import { displayWidth, padEnd, padStart, truncate } from '../../text/terminal-text.js';

/**
 * The hops of a record as a table, both arms side by side:
 *
 *     hop  plain           AS       loss  rtt ms | PDM             AS       loss  rtt ms
 *       1  r1.example.net  AS64500    0%     0.4 | r1.example.net  AS64500    0%     0.4
 */
export interface TableOptions {
  /** Width of the terminal, or null for as wide as the text needs. */
  readonly columns: number | null;
  readonly style: Style;
  /** The trace is still running: a place without an answer waits rather than is silent. */
  readonly running: boolean;
}

const HOP_WIDTH = 3;
const MIDDLE = ' | ';
const GAP = 1;
const LEAST_RESPONDER_WIDTH = 12;
/** Runs of at least so many hops that are silent in both arms, or refused by the same address, become one row. */
const LEAST_RUN = 3;
/** Destination Unreachable by its code, as traceroute marks it; other codes by their number. */
const MARKS: readonly (string | null)[] = ['!N', '!X', '!S', '!H'];
/** Marks that one cell shows at the most. */
const MOST_MARKS = 3;

interface Cell {
  readonly full: string;
  readonly short: string;
  readonly asFull: string;
  readonly asShort: string;
  readonly loss: string;
  readonly rtt: string;
  /** No answer of this arm at all. */
  readonly silent: boolean;
}

interface Row {
  readonly label: string;
  readonly plain: Cell;
  readonly pdm: Cell;
  /** Answered in the plain arm only: where PDM is missing. */
  readonly missing: boolean;
  /** In place of the cells. */
  readonly words?: string;
}

/** Lines without a final line break, none wider than `columns`. */
export function renderTraceTable(record: TraceRecord, options: TableOptions): string[] {
  const rows = tableRows(record, options.running);
  const layout = chooseLayout(rows, options.columns);
  const { style } = options;
  const head = headerCell(layout);
  const line = (label: string, plain: string, pdm: string): string =>
    `${padStart(label, HOP_WIDTH)}  ${plain}${MIDDLE}${pdm}`.trimEnd();
  const lines = [style.bold(cut(line('hop', head('plain'), head('PDM')), options))];
  const seenUpTo = options.running ? null : (record.verdict.interval?.after ?? null);
  for (const row of rows) {
    if (row.words !== undefined) {
      lines.push(style.dim(cut(`${padStart(row.label, HOP_WIDTH)}  ${row.words}`, options)));
    } else {
      const plain = armText(row.plain, layout, style);
      const pdm = armText(row.pdm, layout, style);
      const text = line(row.label, plain, pdm);
      if (options.columns !== null && displayWidth(text) > options.columns) lines.push(cut(text, options));
      else {
        const paintPdm = row.missing && !options.running ? style.red : row.pdm.silent ? style.dim : same;
        const paintPlain = row.plain.silent ? style.dim : same;
        lines.push(
          `${padStart(row.label, HOP_WIDTH)}  ${paintPlain(plain)}${MIDDLE}${paintPdm(pdm.trimEnd())}`.trimEnd(),
        );
      }
    }
    if (seenUpTo !== null && row.label === String(seenUpTo)) lines.push(ruler(record, lines, options));
  }
  return lines;
}

function ruler(record: TraceRecord, lines: readonly string[], options: TableOptions): string {
  const width = displayWidth(lines[0] ?? '') - (options.style.coloured ? displayWidth(options.style.bold('x')) - 1 : 0);
  // Where a few go farther, it is not the last place that they were seen at.
  const text = isLastPdmHopN(record) ? ' PDM seen up to here ' : ' PDM is lost from here on ';
  const ahead = Math.max(2, width - text.length - 6);
  return options.style.red(cut(`${'-'.repeat(ahead)}${text}------`, options));
}

const SILENT_CELL: Cell = { full: '', short: '', asFull: '', asShort: '', loss: '', rtt: '', silent: true };

function tableRows(record: TraceRecord, running: boolean): Row[] {
  const rows: Row[] = [];
  const end = endOf(record);
  const hops = record.hops.filter((hop) => !isBeyondTarget(hop, record, end));
  const loop = running ? null : repeatOf(hops);
  for (let i = 0; i < hops.length; i += 1) {
    const again = loop === null ? undefined : hops[i];
    if (loop !== null && again?.hop === loop.from + loop.period) {
      const last = hops.findIndex(({ hop }) => hop === loop.to);
      rows.push(runRow(again, hops[last], loopWords(loop)));
      i = last;
      continue;
    }
    let end = i;
    while (!running && end < hops.length && isSilent(hops[end])) end += 1;
    const first = hops[i];
    if (end - i >= LEAST_RUN && first !== undefined) {
      rows.push(runRow(first, hops[end - 1], 'no answer to either'));
      i = end - 1;
    } else if (first !== undefined) {
      rows.push(...placeRows(String(first.hop), first, record, running));
      let same = i + 1;
      while (!running && isSameRefusal(first, hops[same])) same += 1;
      const second = hops[i + 1];
      if (same - i > LEAST_RUN && second !== undefined) {
        rows.push(runRow(second, hops[same - 1], 'the same'));
        i = same - 1;
      }
    }
  }
  if (record.targetPairs !== null) rows.push(...placeRows('dst', record.targetPairs, record, running));
  return rows;
}

function loopWords({ from, period }: Repeat): string {
  return period === 1 ? `the same as hop ${from}` : `a loop: hops ${from}-${from + period - 1} again and again`;
}

function runRow(first: HopRecord, last: HopRecord | undefined, words: string): Row {
  const label = `${first.hop}-${last?.hop ?? first.hop}`;
  return { label, plain: SILENT_CELL, pdm: SILENT_CELL, missing: false, words };
}

/** Beyond the place where the way ends, say for want of a route, each hop limit draws the same refusal. */
function isSameRefusal(first: HopRecord, next: HopRecord | undefined): boolean {
  const refusal = refusalOf(first);
  return refusal !== null && next !== undefined && refusalOf(next) === refusal;
}

function refusalOf({ arms }: PlaceRecord): string | null {
  const parts = [arms.plain, arms.pdm].map(({ responders }) => {
    const [one, ...others] = responders;
    if (one === undefined) return '*';
    const marks = marksOf(one, null);
    const isRefusal = marks.length > 0 && one.icmp.every(({ type }) => type === 1 || type === 4);
    return !isRefusal || others.length > 0 ? null : `${one.address} ${marks.join(' ')}`;
  });
  return parts.includes(null) || parts.every((part) => part === '*') ? null : parts.join(' | ');
}

/** What this address said besides that the hop limit ran out: `!N`, `!F-1400`. That its port is closed is how a target answers. */
function marksOf({ icmp, address }: ResponderRecord, target: string | null): string[] {
  const marks = new Set<string>();
  for (const { type, code, mtu } of icmp) {
    if (type === 1 && !(code === PORT_UNREACHABLE && address === target)) marks.add(MARKS[code] ?? `!${code}`);
    else if (type === 2) marks.add(`!F-${mtu ?? '?'}`);
    else if (type === 4) marks.add('!P');
  }
  return [...marks].slice(0, MOST_MARKS);
}

const PORT_UNREACHABLE = 4;

/** Larger hop limits than the target's distance, which only the target answered: they say what its own row says. */
function isBeyondTarget(hop: HopRecord, record: TraceRecord, end: number | null): boolean {
  return end !== null && hop.hop > end && respondersOf(hop).every(({ address }) => address === record.target.address);
}

/** The target's distance; where none of its answers counts for one, the first hop that nobody answers but in its name, as an end does. */
function endOf(record: TraceRecord): number | null {
  const isEndHop = (hop: HopRecord): boolean =>
    respondersOf(hop).length > 0 &&
    respondersOf(hop).every(
      ({ address, icmp }) =>
        address === record.target.address && icmp.every(({ type }) => type !== ICMPV6.timeExceeded),
    );
  return distanceOf(record) ?? record.hops.find(isEndHop)?.hop ?? null;
}

function respondersOf({ arms }: PlaceRecord): ResponderRecord[] {
  return [...arms.plain.responders, ...arms.pdm.responders];
}

function isSilent(place: PlaceRecord | undefined): boolean {
  return place !== undefined && place.arms.plain.answered === 0 && place.arms.pdm.answered === 0;
}

/** One row, and one more for each further responder that an arm has. */
function placeRows(label: string, place: PlaceRecord, record: TraceRecord, running: boolean): Row[] {
  // Of the target's pairs the verdict's rate is the one that is said everywhere; a refusal is no arrival.
  const arrivals = running || place !== record.targetPairs ? null : targetArrivals(record);
  const rate = (arm: 'plain' | 'pdm'): string | null =>
    arrivals === null ? null : lossText({ sent: arrivals.pairs, answered: arrivals[arm] });
  const cellsOf = (arm: 'plain' | 'pdm'): Cell[] =>
    armCells(record, arm, place.arms[arm], running, {
      rate: rate(arm),
      isOdd: arrivals !== null && arrivals[arm] === 0,
    });
  const plain = cellsOf('plain');
  const pdm = cellsOf('pdm');
  const missing = place.arms.plain.answered > 0 && place.arms.pdm.answered === 0 && place.arms.pdm.sent > 0;
  const rows: Row[] = [];
  for (let i = 0; i < Math.max(plain.length, pdm.length); i += 1) {
    rows.push({
      label: i === 0 ? label : '',
      plain: plain[i] ?? BLANK,
      pdm: pdm[i] ?? BLANK,
      missing: i === 0 && missing,
    });
  }
  return rows;
}

const BLANK: Cell = { ...SILENT_CELL };

function armCells(
  record: TraceRecord,
  name: 'plain' | 'pdm',
  arm: ArmRecord,
  running: boolean,
  { rate, isOdd }: { readonly rate: string | null; readonly isOdd: boolean },
): Cell[] {
  const loss = rate === null || arm.sent === 0 ? lossText(arm) : rate;
  if (arm.responders.length === 0) {
    const mark = arm.sent === 0 ? '' : running ? '.' : '*';
    return [{ ...SILENT_CELL, full: mark, short: mark, loss: running ? '' : loss }];
  }
  const byAnswers = [...arm.responders].sort((a, b) => b.answered - a.answered);
  return byAnswers.map((responder, i) =>
    responderCell(
      record,
      responder,
      refusesInTargetName(record, name, responder),
      i === 0 ? loss : '',
      isOdd ? [ODD_MARK] : [],
    ),
  );
}

/** What came back beside the target's pairs of which none arrived is no answer such as the target gives. */
const ODD_MARK = '!?';

/** Quotes the packet without the option, or with other octets in it. */
const CHANGED_MARK = '!C';

function quotesChanged({ quotes }: ResponderRecord): boolean {
  return quotes.some(({ changes }) => changes.some((one) => one === 'stripped' || one.startsWith('option-')));
}

/** `isBorrowed`: somebody else answers in the target's name, whose network the address does not tell. */
function responderCell(
  record: TraceRecord,
  responder: ResponderRecord,
  isBorrowed: boolean,
  loss: string,
  otherwise: readonly string[],
): Cell {
  const said = marksOf(responder, !isBorrowed && isEnd(record, responder.address) ? responder.address : null);
  const marks = [...(said.length > 0 ? said : otherwise), ...(quotesChanged(responder) ? [CHANGED_MARK] : [])];
  const marked = (text: string | null): string => [text ?? '', ...marks].join(' ');
  return {
    full: marked(addressAndName(responder)),
    short: marked(nameOrAddress(responder)),
    asFull: isBorrowed ? '' : (asText(responder) ?? ''),
    asShort: isBorrowed || responder.asn === null ? '' : `AS${responder.asn}`,
    loss,
    rtt: responder.rttMs === null ? '' : rttText(responder.rttMs.median),
    silent: false,
  };
}

function lossText(arm: Pick<ArmRecord, 'sent' | 'answered'>): string {
  if (arm.sent === 0) return '';
  const lost = Math.max(0, arm.sent - arm.answered) / arm.sent;
  return `${Math.round(lost * 100)}%`;
}

/** Milliseconds: three significant digits at most after the point, so that 0.04 ms in a lab is not 0. */
function rttText(rttMs: number): string {
  if (rttMs >= 1000) return rttMs.toFixed(0);
  if (rttMs >= 1) return rttMs.toFixed(1);
  return rttMs.toFixed(2);
}

interface Layout {
  readonly responder: number;
  readonly as: number;
  readonly rtt: boolean;
  readonly name: 'full' | 'short';
  readonly asName: boolean;
}

const LOSS_WIDTH = 4;
const RTT_WIDTH = 6;

function armWidth(layout: Layout): number {
  const as = layout.as === 0 ? 0 : GAP + layout.as;
  return layout.responder + as + GAP + LOSS_WIDTH + (layout.rtt ? GAP + RTT_WIDTH : 0);
}

function tableWidth(layout: Layout): number {
  return HOP_WIDTH + 2 + MIDDLE.length + 2 * armWidth(layout);
}

/** The richest layout that fits: names and AS names are given up first, then AS numbers, then times. */
function chooseLayout(rows: readonly Row[], columns: number | null): Layout {
  const cells = rows.flatMap((row) => [row.plain, row.pdm]);
  const widest = (of: (cell: Cell) => string, least: number): number =>
    cells.reduce((width, cell) => Math.max(width, displayWidth(of(cell))), least);
  const full = widest((cell) => cell.full, LEAST_RESPONDER_WIDTH);
  const short = widest((cell) => cell.short, LEAST_RESPONDER_WIDTH);
  const asFull = widest((cell) => cell.asFull, 2);
  const asShort = widest((cell) => cell.asShort, 2);
  const rich: Layout = { responder: full, as: asFull, rtt: true, name: 'full', asName: true };
  if (columns === null) return rich;
  const wishes: Layout[] = [
    rich,
    { ...rich, as: asShort, asName: false },
    { ...rich, responder: short, name: 'short', as: asShort, asName: false },
  ];
  const fitting = wishes.find((layout) => tableWidth(layout) <= columns);
  if (fitting !== undefined) return fitting;
  const squeezed: Layout[] = [
    { responder: 0, as: asShort, rtt: true, name: 'short', asName: false },
    { responder: 0, as: 0, rtt: true, name: 'short', asName: false },
    { responder: 0, as: 0, rtt: false, name: 'short', asName: false },
  ];
  const last: Layout = { responder: 4, as: 0, rtt: false, name: 'short', asName: false };
  for (const layout of squeezed) {
    const responder = Math.floor((columns - tableWidth(layout)) / 2);
    if (responder >= LEAST_RESPONDER_WIDTH || (!layout.rtt && responder >= last.responder))
      return { ...layout, responder: Math.min(responder, short) };
  }
  return last;
}

function headerCell(layout: Layout): (name: string) => string {
  return (name) => {
    const parts = [padEnd(name, layout.responder)];
    if (layout.as > 0) parts.push(padEnd('AS', layout.as));
    parts.push(padStart('loss', LOSS_WIDTH));
    if (layout.rtt) parts.push(padStart('rtt ms', RTT_WIDTH));
    return parts.join(' '.repeat(GAP));
  };
}

function armText(cell: Cell, layout: Layout, style: Style): string {
  const responder = layout.name === 'full' ? cell.full : cell.short;
  const as = layout.asName ? cell.asFull : cell.asShort;
  const parts = [padEnd(truncate(responder, layout.responder, style.ellipsis), layout.responder)];
  if (layout.as > 0) parts.push(padEnd(truncate(as, layout.as, style.ellipsis), layout.as));
  parts.push(padStart(cell.loss, LOSS_WIDTH));
  if (layout.rtt) parts.push(padStart(cell.rtt, RTT_WIDTH));
  return parts.join(' '.repeat(GAP));
}

function cut(text: string, options: TableOptions): string {
  return options.columns === null ? text : truncate(text, options.columns, options.style.ellipsis);
}

function same(text: string): string {
  return text;
}
