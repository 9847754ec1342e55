import { extname } from 'node:path';
import { canonicalText } from '../../address/address.js';
import { closestName } from '../../config/closest-name.js';
import type { TraceFilter } from '../../results/store/trace-filter.js';
import { ACCUSATIONS, OUTCOMES, PROTOCOLS, type Outcome } from '../../record/record.js';
import { usageError } from '../cli-error.js';
import { REPORT_FORMATS, type ReportFormat } from '../arguments/report-flags.js';
import { shown } from '../../text/terminal-text.js';

/** Tables of `report`: `records` where none of the switches `--counts`, `--changes` and `--runs` is given. */
export const REPORT_VIEWS = ['records', 'counts', 'changes', 'runs'] as const;
/** One of `REPORT_VIEWS`. */
export type ReportView = (typeof REPORT_VIEWS)[number];

/** What the command line asks of the store, checked as far as that goes without it. */
export interface ReportRequest {
  readonly view: ReportView;
  readonly format: ReportFormat;
  /** As given: id, beginning of one, name, or `last`. */
  readonly run: string | null;
  /** All conditions but the run's. */
  readonly filter: TraceFilter;
  readonly limit: number | null;
  readonly output: string | null;
  readonly title: string | null;
}

type Flags = Readonly<Record<string, unknown>>;

/** @throws CliError 64, with the nearest name where one is near. */
export function reportRequest(flags: Flags): ReportRequest {
  const view = viewOf(flags);
  const output = text(flags, 'output');
  const format = formatOf(flags, output);
  rejectMismatch(view, format);
  const run = text(flags, 'run');
  const filter = filterOf(flags);
  if (view === 'runs' && (run !== null || Object.keys(filter).length > 0))
    throw usageError('--runs lists all runs; leave the other filters out');
  const limit = limitOf(flags);
  if (view === 'counts' && limit !== null) throw usageError('--counts counts all that match; leave --limit out');
  return { view, format, run, filter, limit, output, title: text(flags, 'title') };
}

function viewOf(flags: Flags): ReportView {
  const given = REPORT_VIEWS.filter((view) => flags[view] === true);
  if (given.length > 1)
    throw usageError(`--${given.join(' and --')} are different tables; ask for one, and then for the other`);
  return given[0] ?? 'records';
}

const BY_EXTENSION: Readonly<Record<string, ReportFormat>> = {
  '.csv': 'csv',
  '.json': 'json',
  '.jsonl': 'json',
  '.ndjson': 'json',
  '.md': 'markdown',
  '.html': 'html',
  '.htm': 'html',
};

function formatOf(flags: Flags, output: string | null): ReportFormat {
  const given = text(flags, 'format');
  if (given !== null && flags.json === true && given !== 'json')
    throw usageError(`--json and --format ${shown(given)} are different formats; leave one out`);
  if (flags.json === true) return 'json';
  if (given === null) return (output === null ? undefined : BY_EXTENSION[extname(output).toLowerCase()]) ?? 'table';
  return oneOf('--format', given, REPORT_FORMATS);
}

/** Which views are no whole records, and so cannot be in a format of whole records. */
function rejectMismatch(view: ReportView, format: ReportFormat): void {
  const recordsOnly = format === 'atlas' || format === 'scamper';
  const pageless = format === 'html' && (view === 'runs' || view === 'counts');
  if (view === 'records' || !(recordsOnly || pageless)) return;
  throw usageError(
    `--${view} has no ${format} form; use --format table, csv, json${view === 'changes' ? ', html' : ''} or markdown`,
  );
}

function filterOf(flags: Flags): TraceFilter {
  const company = text(flags, 'company');
  const outcome = text(flags, 'outcome');
  const protocol = text(flags, 'protocol');
  const target = text(flags, 'target');
  const asn = text(flags, 'as');
  const tag = text(flags, 'tag');
  const since = text(flags, 'since');
  const until = text(flags, 'until');
  const fromMs = since === null ? null : timeOf('--since', since, 0);
  const toMs = until === null ? null : timeOf('--until', until, DAY_MS);
  if (fromMs !== null && toMs !== null && fromMs >= toMs)
    throw usageError(`--since ${shown(since ?? '')} is not before --until ${shown(until ?? '')}; swap them`);
  return {
    ...(company === null ? {} : { company }),
    ...(outcome === null ? {} : { outcomes: outcomesOf(outcome) }),
    ...(protocol === null ? {} : { protocols: listOf('--protocol', protocol, PROTOCOLS) }),
    ...(target === null ? {} : { destination: canonicalText(target) }),
    ...(asn === null ? {} : { asn: asnOf(asn) }),
    ...(tag === null ? {} : { tag }),
    ...(fromMs === null ? {} : { fromMs }),
    ...(toMs === null ? {} : { toMs }),
  };
}

function outcomesOf(given: string): Outcome[] {
  const names = listOf('--outcome', given, [...OUTCOMES, 'accusations'] as const);
  return [...new Set(names.flatMap((name) => (name === 'accusations' ? ACCUSATIONS : [name])))];
}

function asnOf(given: string): number {
  const digits = /^(?:as)?(\d{1,10})$/i.exec(given)?.[1];
  const asn = digits === undefined ? NaN : Number(digits);
  if (asn <= 0xffffffff) return asn;
  throw usageError(`--as: "${shown(given)}" is no AS number; give one from 0 to 4294967295, for example --as AS64500`);
}

function limitOf(flags: Flags): number | null {
  const given = text(flags, 'limit');
  if (given === null) return null;
  if (/^\d{1,9}$/.test(given) && Number(given) > 0) return Number(given);
  throw usageError(
    `--limit: "${shown(given)}" is not possible; it must be a whole number from 1, for example --limit 20`,
  );
}

const DAY_MS = 86_400_000;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const RFC_3339 = /^(\d{4}-\d{2}-\d{2})[t ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

/** Milliseconds since 1970. A date alone is its first moment (UTC) and `wholeDayMs`. */
function timeOf(flag: string, given: string, wholeDayMs: number): number {
  const day = DATE.test(given) ? given : RFC_3339.exec(given)?.[1];
  const dayMs = day === undefined ? NaN : Date.parse(`${day}T00:00:00Z`);
  // Date.parse takes 30 February for 2 March.
  const exists = !Number.isNaN(dayMs) && new Date(dayMs).toISOString().slice(0, 10) === day;
  if (exists && day === given) return dayMs + wholeDayMs;
  const atMs = exists ? Date.parse(given.replace(' ', 'T').toUpperCase()) : NaN;
  if (!Number.isNaN(atMs)) return atMs;
  throw usageError(
    `${flag}: "${shown(given)}" is no time; give a date or RFC 3339 with its zone, for example ${flag} 2026-11-24 or ${flag} 2026-11-24T08:00:00Z`,
  );
}

function listOf<Name extends string>(flag: string, given: string, known: readonly Name[]): Name[] {
  const names = given
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) throw usageError(`${flag} needs a value; give it one of ${known.join(', ')}`);
  return [...new Set(names.map((name) => oneOf(flag, name, known)))];
}

function oneOf<Name extends string>(flag: string, given: string, known: readonly Name[]): Name {
  const found = known.find((name) => name === given.toLowerCase());
  if (found !== undefined) return found;
  const near = closestName(given, known);
  const remedy = near === null ? `it must be one of ${known.join(', ')}` : `did you mean ${near}?`;
  throw usageError(`${flag}: there is no "${shown(given)}"; ${remedy}`);
}

function text(flags: Flags, name: string): string | null {
  const value = flags[name];
  return typeof value === 'string' ? value : null;
}
