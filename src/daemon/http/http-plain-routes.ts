import { z } from 'zod';
import type { HttpSettings } from '../../config/http-settings.js';
import type { DaemonView } from '../daemon-view.js';
import type { EventLoopLag } from './event-loop-lag.js';
import { runParameters } from './http-api-schemas.js';
import type { Metrics } from './http-metrics.js';
import { HttpProblem } from './http-problem.js';
import { HTML_TYPE, JSON_TYPE, route, TEXT_TYPE, type Route } from './http-route.js';
import { startPage } from './http-start-page.js';
import type { StoreReader } from './http-store-reader.js';
import { probingTxt } from './probing-txt.js';

/** What the routes outside the API answer from. `nowMs`: milliseconds since 1970. */
export interface PlainParts {
  readonly settings: HttpSettings;
  readonly view: DaemonView;
  readonly reader: StoreReader;
  readonly lag: EventLoopLag;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
}

/** Runs on the start page. */
const LAST_RUNS = 20;

/** Health, metrics, the probe description and the pages. */
export function plainRoutes({ settings, view, reader, lag, metrics, nowMs }: PlainParts): Route[] {
  const { probing } = settings;
  return [
    route({
      method: 'GET',
      path: '/healthz',
      name: 'health',
      summary: 'The process is alive.',
      access: 'health',
      unlimited: true,
      answers: { 200: { description: 'Alive.', type: JSON_TYPE, schema: 'Health' } },
      handle: () => ({
        body: { status: 'ok', uptimeSeconds: Math.round(process.uptime()), eventLoopLagMs: lag.now() },
      }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      name: 'readiness',
      summary: 'Whether the daemon can measure and store, and why not.',
      access: 'health',
      unlimited: true,
      answers: {
        200: { description: 'Ready.', type: JSON_TYPE, schema: 'Readiness' },
        503: { description: 'Not ready.', type: JSON_TYPE, schema: 'Readiness' },
      },
      handle: ({ mayRead }) => {
        const reasons = view.notReady();
        const ready = reasons.length === 0;
        return {
          status: ready ? 200 : 503,
          body: { status: ready ? 'ready' : 'not-ready', reasons: mayRead ? reasons : [] },
        };
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      name: 'metrics',
      summary: 'Metrics for Prometheus.',
      access: 'read',
      answers: { 200: { description: 'Text format 0.0.4.', type: metrics.contentType } },
      handle: async () => ({ body: await metrics.text() }),
    }),
    route({
      method: 'GET',
      path: '/.well-known/probing.txt',
      name: 'probeDescription',
      summary: 'What the probes from here are, and whom to ask (RFC 9511).',
      access: 'open',
      answers: { 200: { description: 'Fields as in RFC 9116.', type: TEXT_TYPE } },
      handle: () => {
        if (probing === null) throw new HttpProblem('not-found', 'no probe description is configured (http.probing)');
        return { body: probingTxt(probing, nowMs()) };
      },
    }),
    route({
      method: 'GET',
      path: '/',
      name: 'startPage',
      summary: 'Jobs and the last runs, for people.',
      access: 'read',
      answers: { 200: { description: 'A page.', type: HTML_TYPE } },
      handle: async () => {
        const runs = (await reader.read('runs', LAST_RUNS, null))?.rows ?? [];
        const outcomes = await reader.read(
          'outcomesOf',
          runs.map((run) => run.id),
        );
        const listed = runs.map((run, index) => ({ run, outcomes: outcomes[index] ?? [] }));
        return { body: startPage({ view, runs: listed, nowMs: nowMs() }) };
      },
    }),
    route({
      method: 'GET',
      path: '/runs/{runId}',
      name: 'runPage',
      summary: 'The records of a run, newest first, for people.',
      access: 'read',
      parameters: runParameters,
      query: z.strictObject({ after: z.string().min(1).max(64).optional().describe('records before this one') }),
      answers: { 200: { description: 'A page.', type: HTML_TYPE } },
      handle: async ({ parameters: { runId }, query: { after } }) => {
        const generatedAt = new Date(nowMs()).toISOString().replace(/\.\d+/, '');
        const page = await reader.read('reportPage', runId, after ?? null, generatedAt);
        if (page === null) throw new HttpProblem('not-found', 'there is no such run, or no such record in it');
        return { body: page };
      },
    }),
  ];
}
