import type { LiveTrace } from '../../measure/trace-jobs.js';
import type { TraceRecord } from '../../record/record.js';
import { outcomePaint, titleText } from './record-text.js';
import type { Style } from '../terminal/style.js';
import { sanitizeForTerminal, truncate } from '../../text/terminal-text.js';
import { renderTraceTable } from './trace-table.js';

/** What there is room for, in characters, and how it is drawn. */
export interface FrameOptions {
  readonly columns: number;
  /** Lines that the terminal shows. */
  readonly rows: number;
  readonly style: Style;
  /** Last line: what is going on overall. */
  readonly status: string;
}

/** The least that a block needs: title, header, `above`, one hop. */
const LEAST_BLOCK = 4;
/** Lines of a block that leave room for its open claims. */
const LEAST_BLOCK_WITH_CLAIMS = 8;
/** Claims that a block shows, the first of which is what the trace would say first. */
const MOST_CLAIMS = 3;
/** A claim and how far it is, as a snapshot has them: `dropped: 7 of 11 pairs`. Its other reasons are sentences. */
const OPEN_CLAIM = /^[a-z-]+: /;

/**
 * The running traces as at most `rows` − 1 lines: whole tables where they fit, else the newest hops of each, else a
 * line for each, else as many lines as there is room and a count of the rest.
 */
export function liveFrame(traces: readonly LiveTrace[], options: FrameOptions): string[] {
  const { style, columns } = options;
  const status = style.dim(truncate(options.status, columns, style.ellipsis));
  // The last row stays free: the cursor rests there, and a full screen would scroll.
  const budget = Math.max(1, options.rows - 1) - 1;
  if (budget < 1) return [status];
  const share = Math.floor(budget / Math.max(1, traces.length));
  if (share < LEAST_BLOCK) return [...statusLines(traces, budget, options), status];
  const hasRoom = share >= LEAST_BLOCK_WITH_CLAIMS;
  const blocks = traces.map((trace) => block(trace, options, hasRoom));
  const total = blocks.reduce((sum, lines) => sum + lines.length, 0);
  const shown = total <= budget ? blocks : blocks.map((lines) => clip(lines, share, options));
  return [...shown.flat(), status];
}

function block(trace: LiveTrace, options: FrameOptions, withClaims: boolean): string[] {
  const { style, columns } = options;
  const record = trace.record();
  if (record === null) {
    const text = `${sanitizeForTerminal(trace.input)}: looking up its address`;
    return [style.bold(truncate(text, columns, style.ellipsis)), ''];
  }
  const title = style.bold(truncate(titleText(record), columns, style.ellipsis));
  const table = renderTraceTable(record, { columns, style, running: trace.state !== 'done' });
  const claims = withClaims ? openClaims(trace, record).slice(0, MOST_CLAIMS) : [];
  const lines = claims.map((claim) => style.dim(truncate(`     ${claim}`, columns, style.ellipsis)));
  return [title, ...table, ...lines, ''];
}

/** What the trace may still say, and what each lacks. */
function openClaims(trace: LiveTrace, record: TraceRecord): string[] {
  if (trace.state !== 'running') return [];
  return record.verdict.reasons.filter((reason) => OPEN_CLAIM.test(reason)).map(sanitizeForTerminal);
}

function clip(lines: readonly string[], room: number, options: FrameOptions): string[] {
  if (lines.length <= room) return [...lines];
  const kept = room - 3;
  // The blank line at the end is given up first.
  const tail = lines.slice(0, -1).slice(-kept);
  const hidden = lines.length - 1 - 2 - tail.length;
  if (hidden <= 0) return lines.slice(0, room);
  const { style, columns } = options;
  return [...lines.slice(0, 2), style.dim(truncate(`     ${hidden} more above`, columns, style.ellipsis)), ...tail];
}

function statusLines(traces: readonly LiveTrace[], budget: number, options: FrameOptions): string[] {
  const { style, columns } = options;
  const room = traces.length <= budget ? traces.length : budget - 1;
  const lines = traces.slice(0, room).map((trace) => statusLine(trace, style, columns));
  if (room < traces.length)
    lines.push(style.dim(truncate(`and ${traces.length - room} more`, columns, style.ellipsis)));
  return lines;
}

function statusLine(trace: LiveTrace, style: Style, columns: number): string {
  const input = sanitizeForTerminal(trace.input);
  const record = trace.record();
  if (record === null) return truncate(`${input}: looking up its address`, columns, style.ellipsis);
  if (trace.state === 'done') {
    const text = truncate(`${input} ${record.protocol}: ${record.verdict.outcome}`, columns, style.ellipsis);
    return outcomePaint(record.verdict.outcome, style)(text);
  }
  const { lastPdmHop, lastPlainHop } = record.summary;
  const reach = `PDM up to hop ${lastPdmHop?.hop ?? '-'}, plain up to hop ${lastPlainHop?.hop ?? '-'}`;
  const [claim] = openClaims(trace, record);
  const text = `${input} ${record.protocol}: ${reach}${claim === undefined ? '' : `; ${claim}`}`;
  return truncate(text, columns, style.ellipsis);
}
