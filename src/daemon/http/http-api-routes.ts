import { canonicalText, formatAddress, parseAddress } from '../../address/address.js';
import { refuseNonPublic } from '../../annotate/target-policy.js';
import type { SummaryRow } from '../../record/summary-row.js';
import type { TraceFilter } from '../../results/store/trace-filter.js';
import { parseHost } from '../../targets/parse-host.js';
import { TRACE_REFUSALS, type DaemonView, type JobView, type TraceRequest } from '../daemon-view.js';
import {
  pageQuery,
  runParameters,
  targetsQuery,
  traceParameters,
  traceRequest,
  tracesQuery,
  type TracesQuery,
} from './http-api-schemas.js';
import { HttpProblem, tooMany } from './http-problem.js';
import { RefillingBucket } from './http-rate-limit.js';
import { JSON_TYPE, route, type Answer, type Route, type RouteReply } from './http-route.js';
import type { StoreReader } from './http-store-reader.js';
import type { RunRow } from './http-store-reads.js';

/** What the routes of the API answer from. */
export interface ApiParts {
  readonly view: DaemonView;
  readonly reader: StoreReader;
  readonly tracesPerMinute: number;
  /** Milliseconds of a monotonic clock. */
  readonly monotonicMs: () => number;
}

/** A short queue is empty again soon; a client that asks again then is not turned away for long. */
const QUEUE_RETRY_S = 10;

/** Where all paths of the API begin; another number would be another, incompatible API. */
export const API = '/api/v1';

/**
 * `tracesPerMinute`: traces on request over all clients; ten seconds' worth, one at least, may come at once, and more are
 * refused with 429.
 */
export function apiRoutes({ view, reader, tracesPerMinute, monotonicMs }: ApiParts): Route[] {
  const traceRate = new RefillingBucket(tracesPerMinute / 60, Math.max(1, tracesPerMinute / 6));
  return [
    route({
      method: 'GET',
      path: `${API}/runs`,
      name: 'listRuns',
      summary: 'Runs, newest first.',
      access: 'read',
      query: pageQuery,
      answers: { 200: json('A page of runs.', 'Runs') },
      handle: async ({ query: { limit, after } }) => {
        const page = await reader.read('runs', limit, after ?? null);
        if (page === null) throw goneCursor(after);
        const body = { items: page.rows.map(runItem), next: page.next };
        return { body, ...nextLink(`${API}/runs`, { limit }, page.next) };
      },
    }),
    route({
      method: 'GET',
      path: `${API}/runs/{runId}`,
      name: 'getRun',
      summary: 'One run: how far it is, and how its records ended.',
      access: 'read',
      parameters: runParameters,
      answers: { 200: json('The run.', 'Run') },
      handle: async ({ parameters: { runId } }) => {
        const run = await reader.read('run', runId);
        if (run === null) throw notFound('run', runId);
        const records = run.outcomes.reduce((sum, { count }) => sum + count, 0);
        return {
          body: {
            ...runItem(run),
            targets: run.targets,
            records,
            outcomes: run.outcomes,
            sharedFaults: run.sharedFaults,
          },
        };
      },
    }),
    route({
      method: 'GET',
      path: `${API}/runs/{runId}/targets`,
      name: 'listTargets',
      summary: 'Targets of a run in the order of its list, and the records that each has.',
      access: 'read',
      parameters: runParameters,
      query: targetsQuery,
      answers: { 200: json('A page of targets.', 'Targets') },
      handle: async ({ parameters: { runId }, query: { limit, after } }) => {
        const page = await reader.read('targets', runId, limit, after ?? null);
        if (page === null) throw notFound('run', runId);
        const items = page.rows.map(({ targetKey: _key, ...target }) => target);
        const next = page.next === null ? null : String(page.next);
        const path = `${API}/runs/${encodeURIComponent(runId)}/targets`;
        return { body: { items, next }, ...nextLink(path, { limit }, next) };
      },
    }),
    route({
      method: 'GET',
      path: `${API}/traces`,
      name: 'listTraces',
      summary: 'Records as rows of the summary table, newest first. All given conditions must hold.',
      access: 'read',
      query: tracesQuery,
      answers: { 200: json('A page of records.', 'Traces') },
      handle: async ({ query }) => {
        const page = await reader.read('traces', filterOf(query), query.limit, query.after ?? null);
        if (page === null) throw goneCursor(query.after);
        const body = { items: page.rows.map(traceItem), next: page.next };
        return { body, ...nextLink(`${API}/traces`, linkQuery(query), page.next) };
      },
    }),
    route({
      method: 'GET',
      path: `${API}/traces/{traceId}`,
      name: 'getTrace',
      summary: 'One record, whole (pdm-trace/1).',
      access: 'read',
      parameters: traceParameters,
      answers: { 200: json('The record.', 'Trace') },
      handle: async ({ parameters: { traceId } }) => {
        const text = await reader.read('traceText', traceId);
        if (text === null) throw notFound('record', traceId);
        return { body: text };
      },
    }),
    route({
      method: 'GET',
      path: `${API}/jobs`,
      name: 'listJobs',
      summary: 'Scheduled jobs.',
      access: 'read',
      answers: { 200: json('All jobs.', 'Jobs') },
      handle: () => ({ body: { items: view.jobs().map(jobItem) } }),
    }),
    route({
      method: 'POST',
      path: `${API}/traces`,
      name: 'traceNow',
      summary: 'Traces a host now. The records follow in the run that the answer names.',
      access: 'write',
      body: { name: 'TraceRequest', schema: traceRequest },
      answers: { 202: json('Accepted and stored; Location is the run.', 'TraceAccepted') },
      handle: async ({ body }) => {
        const request = { ...body, host: requestedHost(body.host) };
        const waitMs = traceRate.waitMs(monotonicMs());
        if (waitMs > 0) throw tooMany('traces', waitMs);
        traceRate.take();
        return accepted(await traceNow(view, request));
      },
    }),
  ];
}

/** Literals are refused at once; what a name leads to is checked where it is resolved. */
function requestedHost(text: string): string {
  const parsed = parseHost(text, 0);
  const host = 'reason' in parsed ? text : parsed.host;
  const address = parseAddress(host);
  if (address === null) {
    if (/^[\d.]+$/.test(host))
      throw forbidden(`${host} is an IPv4 address, and PDM is an IPv6 option; give an IPv6 address or a name`);
    return host;
  }
  const reason = refuseNonPublic(address.octets);
  if (reason !== null) throw forbidden(reason);
  if (address.zone !== null) throw forbidden(`${formatAddress(address.octets)} needs no zone; leave it out`);
  return formatAddress(address.octets);
}

async function traceNow(view: DaemonView, request: TraceRequest): Promise<string> {
  try {
    return (await view.traceNow(request)).runId;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    const headers = { 'retry-after': String(QUEUE_RETRY_S) };
    if (code === TRACE_REFUSALS.queueFull)
      throw new HttpProblem('queue-full', `too many traces wait; try again in ${QUEUE_RETRY_S} s`, { headers });
    if (code === TRACE_REFUSALS.notReady)
      throw new HttpProblem('not-ready', 'the daemon cannot trace now; see /readyz', { headers });
    if (code === TRACE_REFUSALS.forbiddenTarget && error instanceof Error) throw forbidden(error.message);
    throw error;
  }
}

function accepted(runId: string): RouteReply {
  const id = encodeURIComponent(runId);
  const run = `${API}/runs/${id}`;
  return { status: 202, headers: { location: run }, body: { runId, run, traces: `${API}/traces?run=${id}` } };
}

function forbidden(detail: string): HttpProblem {
  return new HttpProblem('forbidden-target', detail);
}

function notFound(what: string, id: string): HttpProblem {
  return new HttpProblem('not-found', `there is no ${what} ${JSON.stringify(id)}`);
}

function goneCursor(after: string | undefined): HttpProblem {
  const errors = [{ path: 'after', message: `${JSON.stringify(after)} is not there, or not any more` }];
  return new HttpProblem('bad-request', 'the page cannot be found; begin again without "after"', { errors });
}

function json(description: string, schema: NonNullable<Answer['schema']>): Answer {
  return { description, type: JSON_TYPE, schema };
}

function filterOf(query: TracesQuery): TraceFilter {
  const { run, company, protocol, tag, outcome, host, since, until } = query;
  return {
    ...(run === undefined ? {} : { runId: run }),
    ...(company === undefined ? {} : { company }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(tag === undefined ? {} : { tag }),
    ...(outcome === undefined ? {} : { outcomes: outcome }),
    ...(host === undefined ? {} : { host: canonicalText(host) }),
    ...(since === undefined ? {} : { fromMs: since }),
    ...(until === undefined ? {} : { toMs: until }),
  };
}

function linkQuery({ since, until, after: _after, ...query }: TracesQuery): Record<string, string | number> {
  const given: Record<string, string | number> = {};
  for (const [key, value] of Object.entries(query))
    if (value !== undefined) given[key] = Array.isArray(value) ? value.join(',') : value;
  if (since !== undefined) given.since = iso(since);
  if (until !== undefined) given.until = iso(until);
  return given;
}

/** RFC 8288: where the next page is. */
function nextLink(
  path: string,
  query: Readonly<Record<string, string | number>>,
  next: string | null,
): Partial<RouteReply> {
  if (next === null) return {};
  const parameters = new URLSearchParams({
    ...Object.fromEntries(Object.entries(query).map(([key, value]) => [key, String(value)])),
    after: next,
  });
  return { headers: { link: `<${path}?${parameters.toString()}>; rel="next"` } };
}

function runItem({ id, name, vantage, toolVersion, state, startedAtMs, endedAtMs }: RunRow): object {
  const endedAt = endedAtMs === null ? null : iso(endedAtMs);
  return { id, name, vantage, toolVersion, state, startedAt: iso(startedAtMs), endedAt };
}

function traceItem({ startedAtMs, endedAtMs, ...row }: SummaryRow): object {
  return { ...row, startedAt: iso(startedAtMs), endedAt: iso(endedAtMs) };
}

function jobItem(job: JobView): object {
  const { name, targets, cron, timezone, protocols, nextRunAtMs, running, lastEnd, skipped } = job;
  return {
    ...{ name, targets, cron, timezone, protocols, skipped },
    nextRunAt: nextRunAtMs === null ? null : iso(nextRunAtMs),
    running:
      running === null
        ? null
        : {
            runId: running.runId,
            startedAt: iso(running.startedAtMs),
            targets: running.targets,
            done: running.done,
          },
    lastEnd:
      lastEnd === null
        ? null
        : {
            runId: lastEnd.runId,
            endedAt: iso(lastEnd.endedAtMs),
            state: lastEnd.state,
            error: lastEnd.error,
          },
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
