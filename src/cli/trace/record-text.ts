import type { Outcome, TraceRecord } from '../../record/record.js';
import { hopTerms } from '../../report/words/place-words.js';
import { addressAndName, asText, confidenceText, nameOrAddress } from '../../report/words/record-words.js';
import type { Paint, Style } from '../terminal/style.js';
import { padEnd, sanitizeForTerminal, wrap } from '../../text/terminal-text.js';
import { renderTraceTable } from './trace-table.js';
import { verdictWords } from '../../report/words/verdict-words.js';

/** How wide a record's text may be, in characters, and how it is drawn. */
export interface TextOptions {
  /** Width of the terminal, or null where the text goes to a file or pipe. */
  readonly columns: number | null;
  readonly style: Style;
}

/** Prose in files is broken where a person still reads it well. */
const PROSE_COLUMNS = 100;

/** A whole record for people: title, table of hops, verdict, summary. Ends without a line break. */
export function recordText(record: TraceRecord, options: TextOptions): string {
  const lines = wrap(titleText(record), options.columns ?? Infinity).map(options.style.bold);
  if (record.hops.length > 0 || record.targetPairs !== null)
    lines.push('', ...renderTraceTable(record, { ...options, running: false }));
  lines.push('', ...verdictLines(record, options), '', ...summaryLines(record, options));
  return lines.join('\n');
}

/** `www.example.com (2001:db8::1), AS64501 Example Corp: udp to port 33434`. */
export function titleText(record: TraceRecord): string {
  const input = sanitizeForTerminal(record.target.input);
  const address = record.target.address;
  const place = address === null || address === input ? input : `${input} (${sanitizeForTerminal(address)})`;
  const as = asText(record.target);
  const port = record.flow.destinationPort;
  return `${place}${as === null ? '' : `, ${as}`}: ${record.protocol}${port === null ? '' : ` to port ${port}`}`;
}

function verdictLines(record: TraceRecord, options: TextOptions): string[] {
  const words = verdictWords(record);
  const columns = options.columns ?? PROSE_COLUMNS;
  const paint = outcomePaint(record.verdict.outcome, options.style);
  const lines = wrap(words.headline, columns).map(paint);
  if (words.details.length > 0) lines.push(...wrap(words.details.join(' '), columns));
  for (const reason of words.reasons) lines.push(...wrap(reason, columns, '    ', '  - '));
  return lines;
}

/** Green where PDM arrives, red where somebody's network loses or changes it, yellow where nothing is claimed. */
export function outcomePaint(outcome: Outcome, style: Style): Paint {
  switch (outcome) {
    case 'delivered':
      return style.green;
    case 'dropped':
    case 'rejected':
    case 'stripped':
    case 'altered':
    case 'impaired':
    case 'bypassed':
      return style.red;
    default:
      return style.yellow;
  }
}

const LABEL_COLUMNS = 24;

/** What a table of many targets would have as one row: the company, both ends, n, the last plain hop, n+1. */
function summaryLines(record: TraceRecord, options: TextOptions): string[] {
  const { lastPdmHop, lastPlainHop, nextHop, inDestinationNetwork } = record.summary;
  const { last, next } = hopTerms(record);
  const rows: (readonly [string, string])[] = [
    ['Company', record.company === null ? '-' : sanitizeForTerminal(record.company)],
    ['Start', addressAndName(record.source) ?? '-'],
    ['Destination', destinationText(record)],
    [`Last hop with PDM${last === null ? '' : ` (${last})`}`, hopLine(lastPdmHop)],
    ['Last hop without PDM', hopLine(lastPlainHop)],
    [`Next hop (${next})`, hopLine(nextHop)],
  ];
  for (const candidate of nextHop?.candidates ?? []) {
    const text = addressAndName(candidate);
    if (text !== null && candidate.address !== nextHop?.address) rows.push(['  or', text]);
  }
  rows.push(['In destination network', inDestinationNetwork ?? '-']);
  const { outcome, confidence } = record.verdict;
  rows.push(['Outcome', confidence === null ? outcome : `${outcome} (confidence ${confidenceText(confidence)})`]);
  const columns = options.columns ?? Infinity;
  const indent = ' '.repeat(LABEL_COLUMNS);
  return rows.flatMap(([label, value]) => wrap(value, columns, indent, padEnd(label, LABEL_COLUMNS)));
}

function destinationText(record: TraceRecord): string {
  const { input, address, name } = record.target;
  const known = addressAndName({ address, name });
  if (known === null) return sanitizeForTerminal(input);
  return name === null && address !== input ? `${known} (${sanitizeForTerminal(input)})` : known;
}

function hopLine(hop: { hop: number; address: string | null; name: string | null } | null): string {
  if (hop === null) return '-';
  return `${hop.hop}  ${addressAndName(hop) ?? nameOrAddress(hop) ?? 'silent'}`;
}
