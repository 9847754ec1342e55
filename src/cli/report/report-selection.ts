import { closestName } from '../../config/closest-name.js';
import { timeText } from '../../report/table/table.js';
import type { StoredRun } from '../../results/store/run-table.js';
import type { SqliteStore } from '../../results/store/sqlite-store.js';
import type { Page } from '../../results/store/trace-queries.js';
import type { TraceFilter } from '../../results/store/trace-filter.js';
import { usageError } from '../cli-error.js';
import type { ReportRequest } from './report-request.js';
import { figures } from '../../text/counted.js';
import { sanitizeForTerminal, shown } from '../../text/terminal-text.js';

/** Which records a report shows. */
export interface Selection {
  readonly filter: TraceFilter;
  readonly page: Page;
  /** For the table of changes of a page: the same, of the last run of each list where no run or time was asked for. */
  readonly changesFilter: TraceFilter;
  readonly isEmpty: boolean;
  /** What was chosen without being asked for, or null. */
  readonly note: string | null;
}

/**
 * Everything in a report is as of one moment: what a run stores while it is written stays out.
 * @throws CliError 64 for a run that the store does not have.
 */
export function selectRecords(store: SqliteStore, request: ReportRequest): Selection {
  const run = request.run === null ? null : findRun(store, request.run);
  const base: TraceFilter = {
    ...request.filter,
    ...(run === null ? {} : { runId: run.id }),
    upToKey: store.queries.lastKey(),
  };
  const isBounded = run !== null || base.fromMs !== undefined || base.toMs !== undefined;
  const newest = isBounded ? null : store.runs.newestOfEachName();
  const changesFilter = { ...base, ...(newest === null ? {} : { runIds: newest.map(({ id }) => id) }), changed: true };
  const isChanges = request.view === 'changes';
  const filter = isChanges ? changesFilter : base;
  const page = request.limit === null ? {} : { limit: request.limit, newestFirst: true };
  return {
    filter,
    page,
    changesFilter,
    isEmpty: !store.queries.any(filter),
    note: isChanges && newest !== null && newest.length > 0 ? newestText(newest) : null,
  };
}

function newestText(newest: readonly StoredRun[]): string {
  const [first] = newest;
  if (newest.length !== 1 || first === undefined)
    return `changes of the last run of each of ${figures(newest.length)} lists; --run, --since or --until choose others`;
  return `changes of the last run, ${first.id}, begun ${timeText(first.startedAtMs)}; --run, --since or --until choose others`;
}

/** An id is a UUID: 8 characters of it are enough for most stores, 4 are the least that is taken. */
const LEAST_PREFIX = 4;

function findRun(store: SqliteStore, given: string): StoredRun {
  const newest = store.runs.list(1)[0];
  if (newest === undefined) throw usageError(`--run ${shown(given)}: ${store.path} has no runs yet`);
  if (given === 'last') return newest;
  const exact = store.runs.get(given.toLowerCase());
  if (exact !== null) return exact;
  const ofNames = store.runs.newestOfEachName();
  const named = ofNames.find((run) => run.name === given);
  if (named !== undefined) return named;
  const begun = given.length < LEAST_PREFIX ? [] : store.runs.withPrefix(given.toLowerCase());
  const [only, another] = begun;
  if (only !== undefined && another === undefined) return only;
  if (only !== undefined && another !== undefined)
    throw usageError(
      `--run: several runs begin with "${shown(given)}", for example ${only.id} and ${another.id}; give more of the id`,
    );
  const names = ofNames.flatMap((run) => (run.name === null ? [] : [run.name]));
  const near = closestName(given, ['last', ...names, ...store.runs.list().map((run) => run.id)]);
  const remedy = near === null ? `the last one is ${newest.id}` : `did you mean ${sanitizeForTerminal(near)}?`;
  throw usageError(
    `--run: there is no run "${shown(given)}" in ${store.path}; ${remedy} (pdm-trace report --runs lists them)`,
  );
}

/** Why a selection is empty, in one line: the condition that alone leaves nothing, and the name it may have been meant for. */
export function explainNothing(store: SqliteStore, request: ReportRequest, { filter }: Selection): string {
  const { queries } = store;
  const all = queries.count();
  if (all === 0) return `${store.path} has no records yet`;
  const what = request.view === 'changes' ? 'no change matches' : 'no record matches';
  const has = `${store.path} has ${figures(all)} records (pdm-trace report --counts, --runs)`;
  const conditions = conditionsOf(request);
  const barren = conditions.filter(({ alone }) => !queries.any(alone));
  const near = barren.map(({ hint }) => hint?.(store) ?? null).find((hint) => hint !== null) ?? null;
  if (near !== null) return `${what}: ${near}; ${has}`;
  const named = (barren.length > 0 ? barren : conditions).map(({ text }) => text);
  if (
    request.view === 'changes' &&
    (named.length === 0 || barren.length === 0) &&
    queries.any({ ...filter, changed: false })
  )
    return queries.any({ ...filter, compared: true })
      ? `nothing changed: ${has}`
      : `no earlier run to compare with: ${has}`;
  return named.length === 0 ? `${what}; ${has}` : `${what} ${named.join(' and ')}; ${has}`;
}

interface Condition {
  /** As on the command line. */
  readonly text: string;
  readonly alone: TraceFilter;
  readonly hint?: (store: SqliteStore) => string | null;
}

function conditionsOf({ run, filter }: ReportRequest): Condition[] {
  const { company, tag, outcomes, protocols, destination, asn, fromMs, toMs } = filter;
  const conditions: (Condition | null)[] = [
    run === null ? null : { text: `--run ${shown(run)}`, alone: {} },
    company === undefined
      ? null
      : {
          text: `--company "${shown(company)}"`,
          alone: { company },
          hint: (store) => nearName('company', company, store.queries.companies()),
        },
    tag === undefined
      ? null
      : { text: `--tag "${shown(tag)}"`, alone: { tag }, hint: (store) => nearName('tag', tag, store.queries.tags()) },
    outcomes === undefined ? null : { text: `--outcome ${outcomes.join(',')}`, alone: { outcomes } },
    protocols === undefined ? null : { text: `--protocol ${protocols.join(',')}`, alone: { protocols } },
    destination === undefined ? null : { text: `--target "${shown(destination)}"`, alone: { destination } },
    asn === undefined ? null : { text: `--as ${asn}`, alone: { asn } },
    fromMs === undefined ? null : { text: `--since ${timeText(fromMs)}`, alone: { fromMs } },
    toMs === undefined ? null : { text: `--until ${timeText(toMs)}`, alone: { toMs } },
  ];
  return conditions.filter((condition) => condition !== null);
}

function nearName(what: string, given: string, known: readonly string[]): string | null {
  const near = closestName(given, known);
  const start = `there is no ${what} "${shown(given)}"`;
  return near === null ? start : `${start}, did you mean "${sanitizeForTerminal(near)}"?`;
}
