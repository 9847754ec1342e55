import { existsSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { DEFAULT_STORE, type Settings } from '../../config/settings.js';
import { escapeMarkdown, formatTable, type TableFormat } from '../../report/table/format-table.js';
import { renderRecords, renderTable, reportTable, type ReportTable } from '../../report/render-report.js';
import { findFaults, NO_FAULTS, type FaultWords } from '../../report/faults/run-faults.js';
import { runOverviewTable, runTable, type RunOverview, type Table } from '../../report/table/table.js';
import type { SqliteStore } from '../../results/store/sqlite-store.js';
import { writeWholeFile } from '../../results/files/write-whole-file.js';
import { CliError, usageError } from '../cli-error.js';
import { EXIT } from '../exit-codes.js';
import type { ReportFormat } from '../arguments/report-flags.js';
import { reportRequest, type ReportRequest } from './report-request.js';
import { screenTable, type ScreenTableOptions } from './report-screen.js';
import { explainNothing, selectRecords, type Selection } from './report-selection.js';
import { openReportStore, storeUnreadable } from './report-store.js';
import { createResultOutput } from '../result-output.js';
import { figures } from '../../text/counted.js';
import { createStyle, wantsColour, wantsUnicode } from '../terminal/style.js';
import { columnsOf, type Terminal } from '../terminal/terminal.js';
import { sanitizeForTerminal } from '../../text/terminal-text.js';

const DEFAULT_TITLE = 'PDM report';
/** A page of more records than this is slow to open in a browser, and nobody reads it. */
const PAGE_RECORDS = 2000;
/** Text that goes to standard output at a time. */
const CHUNK = 64 * 1024;

/**
 * Shows what a store holds, without changing it. Resolves with exit code 0, also where nothing matches (then it says so).
 * @throws CliError 64 for a bad filter, 66 for a store that cannot be read; OutputError 73 for an output file.
 */
export async function runReport(
  flags: Readonly<Record<string, unknown>>,
  settings: Settings,
  terminal: Terminal,
): Promise<number> {
  const request = reportRequest(flags);
  const path = settings.store ?? DEFAULT_STORE;
  if (request.output !== null) protectStore(path, request.output);
  const store = openReportStore(path);
  const job = new ReportJob(store, request, settings, terminal);
  try {
    return await job.run();
  } catch (error) {
    throw storeUnreadable(error, path);
  } finally {
    store.close();
  }
}

/** `--output pdm-trace.db --force` would be the end of all records. */
function protectStore(path: string, output: string): void {
  const real = (file: string): string => (existsSync(file) ? realpathSync(file) : resolve(file));
  if ([path, `${path}-wal`, `${path}-shm`].some((file) => real(file) === real(output)))
    throw usageError(`--output "${output}" is the store itself; name another file`);
}

class ReportJob {
  readonly #store: SqliteStore;
  readonly #request: ReportRequest;
  readonly #settings: Settings;
  readonly #terminal: Terminal;
  #interrupted = false;

  constructor(store: SqliteStore, request: ReportRequest, settings: Settings, terminal: Terminal) {
    this.#store = store;
    this.#request = request;
    this.#settings = settings;
    this.#terminal = terminal;
  }

  async run(): Promise<number> {
    const stopListening = this.#terminal.onInterrupt(() => {
      if (this.#interrupted) this.#terminal.exitNow(EXIT.killed);
      this.#interrupted = true;
    });
    try {
      await this.#write(this.#parts());
    } finally {
      stopListening();
    }
    return EXIT.ok;
  }

  #parts(): Iterable<string> {
    const { view, format } = this.#request;
    if (view === 'runs') {
      const runs = this.#runs();
      if (runs.length === 0) this.#say(`${this.#store.path} has no runs yet`);
      return this.#tableParts(runTable(runs), format, runOverviewTable(runs));
    }
    const selection = selectRecords(this.#store, this.#request);
    if (selection.note !== null) this.#say(selection.note);
    if (selection.isEmpty) this.#say(explainNothing(this.#store, this.#request, selection));
    // A heading without rows helps a program that reads on, and nobody at a terminal.
    if (selection.isEmpty && format === 'table') return [];
    // Changes are compared with another run, not with each other.
    const faults = view === 'changes' ? NO_FAULTS : findFaults(this.#store.queries, selection.filter);
    const isForPeople = format === 'table' || format === 'markdown';
    if (!isForPeople && format !== 'html') for (const line of faults.lines) this.#say(line);
    const parts = this.#selectionParts(selection, TABLE_OF[view], format, faults);
    return isForPeople ? withLines(faults.lines, parts, format) : parts;
  }

  #selectionParts(
    { filter, page, changesFilter }: Selection,
    table: ReportTable,
    format: ReportFormat,
    faults: FaultWords,
  ): Iterable<string> {
    const { queries } = this.#store;
    const { view, title } = this.#request;
    if (format === 'html' || format === 'atlas' || format === 'scamper' || (format === 'json' && view === 'records')) {
      if (format === 'html') this.#warnOfLargePage(queries.count(filter));
      return renderRecords(queries, {
        format: format === 'json' ? 'jsonl' : format,
        filter,
        page,
        changesFilter,
        title: title ?? DEFAULT_TITLE,
        hostname: hostname(),
        nowMs: Date.now(),
        faults,
      });
    }
    if (format === 'csv') return renderTable(queries, { table, format, filter, page, faults });
    return this.#tableParts(reportTable(queries, { table, filter, page, faults }), format);
  }

  /** `forPeople`: the same where fewer columns read better. */
  #tableParts(table: Table, format: ReportFormat, forPeople = table): Iterable<string> {
    if (format === 'table') return screenTable(forPeople, this.#screen());
    if (format === 'markdown') return formatTable(forPeople, format);
    return formatTable(table, TABLE_FORMAT[format] ?? 'csv');
  }

  #screen(): ScreenTableOptions {
    const { stdout, environment } = this.#terminal;
    const toTerminal = this.#request.output === null && stdout.isTTY === true;
    const coloured = this.#request.output === null && wantsColour(environment, toTerminal);
    return {
      columns: toTerminal ? columnsOf(stdout) : null,
      style: createStyle(coloured, !toTerminal || wantsUnicode(environment)),
      onLeftOut: (names) => {
        this.#say(`left out for want of width: ${names.join(', ')}; a wider terminal or --format csv has them`);
      },
    };
  }

  #runs(): RunOverview[] {
    const counts = this.#store.queries.runCounts();
    return this.#store.runs.list(this.#request.limit ?? Number.MAX_SAFE_INTEGER).map((run) => ({
      ...run,
      claimed: run.state !== 'finished' && this.#store.isClaimed(run.id),
      targets: this.#store.targets.progress(run.id).total,
      outcomes: counts.get(run.id) ?? new Map(),
    }));
  }

  #warnOfLargePage(records: number): void {
    const shown = Math.min(records, this.#request.limit ?? Infinity);
    if (shown > PAGE_RECORDS)
      this.#say(`the page will hold ${figures(shown)} records; --run, --outcome or --limit make it one to read`);
  }

  async #write(parts: Iterable<string>): Promise<void> {
    const { output } = this.#request;
    if (output !== null) {
      await writeWholeFile(output, this.#interruptible(parts), { force: this.#settings.force });
      return;
    }
    const out = createResultOutput(this.#terminal.stdout);
    let waiting = '';
    for (const part of this.#interruptible(parts)) {
      waiting += part;
      if (waiting.length < CHUNK) continue;
      out.write(waiting);
      waiting = '';
      // Waits for a slow reader, so that nothing piles up in memory.
      await out.flushed();
      // Nobody reads any more: `report | head`.
      if (out.closed) return;
    }
    out.write(waiting);
    await out.flushed();
  }

  *#interruptible(parts: Iterable<string>): Iterable<string> {
    for (const part of parts) {
      if (this.#interrupted)
        throw new CliError(
          'EINTERRUPTED',
          EXIT.killed,
          'interrupted; a file that was being written is not left behind',
        );
      yield part;
    }
  }

  #say(message: string): void {
    this.#terminal.stderr.write(`pdm-trace: ${sanitizeForTerminal(message)}\n`);
  }
}

/** What many records share is said once, above them. */
function* withLines(lines: readonly string[], parts: Iterable<string>, format: ReportFormat): Iterable<string> {
  for (const line of lines)
    yield format === 'markdown' ? `${escapeMarkdown(line)}\n\n` : `${sanitizeForTerminal(line)}\n`;
  if (lines.length > 0 && format === 'table') yield '\n';
  yield* parts;
}

const TABLE_OF: Readonly<Record<Exclude<ReportRequest['view'], 'runs'>, ReportTable>> = {
  records: 'summary',
  counts: 'outcomes',
  changes: 'changes',
};

/** A JSON object a line, so that a table of any length can be read as it comes. */
const TABLE_FORMAT: Readonly<Partial<Record<ReportFormat, TableFormat>>> = { csv: 'csv', json: 'jsonl' };
