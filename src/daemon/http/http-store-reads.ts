/** Everything that HTTP reads from the store, as plain data that can go from one thread to another. */
import { htmlPage } from '../../report/page/html-page.js';
import { markup } from '../../report/page/markup.js';
import { findFaults, type FaultWords } from '../../report/faults/run-faults.js';
import { openSqliteStore, type SqliteStore } from '../../results/store/sqlite-store.js';
import type { SummaryRow } from '../../record/summary-row.js';
import type { ListedTarget, TargetProgress } from '../../results/store/target-table.js';
import type { OutcomeCount } from '../../results/store/trace-queries.js';
import type { TraceFilter } from '../../results/store/trace-filter.js';
import type { RunState, StoredRun } from '../../results/store/run-table.js';

/** A run as lists show it. Times are milliseconds since 1970. */
export interface RunRow {
  readonly id: string;
  readonly name: string | null;
  readonly vantage: string | null;
  readonly toolVersion: string;
  readonly state: RunState;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
}

/** A run with what its targets and records add up to. */
export interface RunDetail extends RunRow {
  readonly targets: TargetProgress;
  readonly outcomes: readonly OutcomeCount[];
  /** Sentences about faults that targets share, as they stand on top of the run's page. */
  readonly sharedFaults: readonly string[];
}

/** One page of rows; `next` names the last of them when there are more. Null: the row to go on behind is not there. */
export interface RowsPage<Row, Key = string> {
  readonly rows: readonly Row[];
  readonly next: Key | null;
}

/** Records on one page of a run's report. */
const RECORDS_OF_A_PAGE = 25;
const CHANGES_OF_A_PAGE = 200;
/** Of a run, compared for faults that its targets share: some hundred milliseconds. */
const RECORDS_COMPARED = 2000;

/** Reads over a connection of its own. Throws OutputError. */
export class StoreReads {
  readonly #store: SqliteStore;
  /** Of the run that was asked for last, until something is stored. */
  #faults: { readonly runId: string; readonly lastKey: number; readonly words: FaultWords } | null = null;

  /** @throws OutputError where there is no store at `path` */
  constructor(path: string) {
    this.#store = openSqliteStore(path, { readOnly: true });
  }

  runs(limit: number, after: string | null): RowsPage<RunRow> | null {
    const { runs } = this.#store;
    if (after !== null && runs.get(after) === null) return null;
    return pageOf(runs.list(limit + 1, after).map(runRow), limit, (row) => row.id);
  }

  run(runId: string): RunDetail | null {
    const run = this.#store.runs.get(runId);
    if (run === null) return null;
    const targets = this.#store.targets.progress(runId);
    const outcomes = this.#store.queries.outcomeCounts({ runId });
    return { ...runRow(run), targets, outcomes, sharedFaults: this.#faultsOf(runId).lines };
  }

  outcomesOf(runIds: readonly string[]): (readonly OutcomeCount[])[] {
    return runIds.map((runId) => this.#store.queries.outcomeCounts({ runId }));
  }

  targets(runId: string, limit: number, after: number | null): RowsPage<ListedTarget, number> | null {
    if (this.#store.runs.get(runId) === null) return null;
    const rows = this.#store.targets.list(runId, limit + 1, after ?? undefined);
    return pageOf(rows, limit, (row) => row.targetKey);
  }

  traces(filter: TraceFilter, limit: number, after: string | null): RowsPage<SummaryRow> | null {
    const { queries } = this.#store;
    if (after !== null && !queries.has(after)) return null;
    const page = { newestFirst: true, limit: limit + 1, ...(after === null ? {} : { after }) };
    return pageOf([...queries.summaries(filter, page)], limit, (row) => row.id);
  }

  /** The record as it was stored, as JSON text. */
  traceText(traceId: string): string | null {
    const record = this.#store.traces.record(traceId);
    return record === null ? null : JSON.stringify(record);
  }

  /** A page of a run's records, newest first, as HTML. */
  reportPage(runId: string, after: string | null, generatedAt: string): string | null {
    const run = this.#store.runs.get(runId);
    if (run === null) return null;
    const page = this.traces({ runId }, RECORDS_OF_A_PAGE, after);
    if (page === null) return null;
    const records = page.rows.map((row) => this.#store.traces.record(row.id)).filter((record) => record !== null);
    const first = markup`<a href="/runs/${encodeURIComponent(run.id)}">newest records</a>`;
    const more = markup`<a href="/runs/${encodeURIComponent(run.id)}?after=${page.next ?? ''}">older records</a>`;
    const links = [after === null ? null : first, page.next === null ? null : more].filter((link) => link !== null);
    return [
      ...htmlPage({
        title: run.name ?? `Run ${run.id}`,
        generatedAt,
        records: () => records,
        summaries: page.rows,
        counts: this.#store.queries.outcomeCounts({ runId }),
        faults: this.#faultsOf(runId),
        ...(after === null
          ? {
              changes: this.#store.queries.changes({ runId }, { newestFirst: true, limit: CHANGES_OF_A_PAGE }),
              compared: this.#store.queries.any({ runId, compared: true }),
            }
          : {}),
        navigation: markup`<a href="/">pdm-trace</a>${links.map((link) => markup` · ${link}`)}`,
      }),
    ].join('');
  }

  #faultsOf(runId: string): FaultWords {
    const { queries } = this.#store;
    const lastKey = queries.lastKey();
    if (this.#faults?.runId !== runId || this.#faults.lastKey !== lastKey)
      this.#faults = { runId, lastKey, words: findFaults(queries, { runId }, RECORDS_COMPARED) };
    return this.#faults.words;
  }

  /** Octets in use. */
  usedOctets(): number {
    return this.#store.usedOctets();
  }

  close(): void {
    this.#store.close();
  }
}

function runRow({ id, name, vantage, toolVersion, state, startedAtMs, endedAtMs }: StoredRun): RunRow {
  return { id, name, vantage, toolVersion, state, startedAtMs, endedAtMs };
}

/** `rows` has one more than the page, where there are more. */
function pageOf<Row, Key>(rows: readonly Row[], limit: number, keyOf: (row: Row) => Key): RowsPage<Row, Key> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > limit && last !== undefined ? keyOf(last) : null };
}
