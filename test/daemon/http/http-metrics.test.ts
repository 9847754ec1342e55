import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FastifyInstance } from 'fastify';
import { OUTCOMES } from '../../../src/record/record.js';
import { HttpFixture, JOB, NOW_MS } from './http-fixture.js';

// For busy machines: nothing here takes more than two seconds on an idle one.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let http: HttpFixture;
let app: FastifyInstance;

beforeAll(() => {
  http = new HttpFixture();
  http.fill();
  app = http.app();
});
beforeEach(() => {
  http.view.reset();
  http.view.jobList = [
    JOB,
    { ...JOB, name: 'idle "x"\n', nextRunAtMs: null, running: null, lastEnd: null, skipped: 0 },
  ];
});
afterAll(() => http.remove());

interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Readonly<Record<string, number>>;
}

/** The text format 0.0.4, as its specification has it; throws for what is none. */
function parse(text: string): Family[] {
  const families: { name: string; type: string; help: string; samples: Record<string, number> }[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const help = /^# HELP (\S+) (.+)$/.exec(line);
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/.exec(line);
    const sample = /^([a-z_:][a-z0-9_:]*)((?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (\S+)$/i.exec(line);
    const last = families.at(-1);
    if (help?.[1] !== undefined) families.push({ name: help[1], type: '', help: help[2] ?? '', samples: {} });
    else if (type !== null && last !== undefined && last.name === type[1]) last.type = type[2] ?? '';
    else if (sample !== null && last !== undefined && last.name === sample[1])
      last.samples[sample[2] ?? ''] = Number(sample[3]);
    else throw new Error(`no line of the text format: ${line}`);
  }
  return families;
}

async function scrape(): Promise<Map<string, Family>> {
  const reply = await app.inject('/metrics');
  expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  return new Map(parse(reply.body).map((family) => [family.name, family]));
}

describe('metrics', () => {
  it('keep the rules of promtool: units, endings, help', async () => {
    const families = [...(await scrape()).values()];
    expect(families.length).toBeGreaterThan(25);
    for (const { name, type, help, samples } of families) {
      expect(name).toMatch(/^(?:pdm_trace|process)_[a-z0-9]+(?:_[a-z0-9]+)*$/);
      expect(['counter', 'gauge'], name).toContain(type);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      // Base units, written out; endings and labels that other types have.
      expect(name).not.toMatch(
        /_(?:ms|milliseconds|minutes|hours|days|kb|kilobytes|megabytes|octets|percent|sec|secs)(?:_|$)/,
      );
      expect(name).not.toMatch(/_(?:count|sum|bucket|counter|gauge)$/);
      expect(name).not.toMatch(/_seconds_(?!total$)|_bytes_(?!total$)/);
      expect(help, name).toMatch(/^\S.*\.$/);
      for (const [labels, value] of Object.entries(samples)) {
        expect(labels).not.toMatch(/\b(?:le|quantile)=/);
        expect(Number.isFinite(value), `${name}${labels}`).toBe(true);
      }
    }
  });

  it('say what the daemon says', async () => {
    const metrics = await scrape();
    const of = (name: string, labels = ''): number | undefined => metrics.get(`pdm_trace_${name}`)?.samples[labels];
    expect(of('build_info', '{version="0.1.0"}')).toBe(1);
    expect(of('ready')).toBe(1);
    expect(of('probes_sent_total')).toBe(1234);
    expect(of('probe_send_errors_total')).toBe(1);
    expect(metrics.get('pdm_trace_replies_total')?.samples).toEqual({
      '{kind="matched"}': 1000,
      '{kind="foreign"}': 7,
      '{kind="malformed"}': 2,
    });
    expect(of('kernel_drops_total')).toBe(5);
    expect(of('traces_in_flight')).toBe(3);
    expect(of('queued_traces')).toBe(2);
    expect(of('records_held')).toBe(6);
    expect(of('measuring_process_up')).toBe(1);
    expect(of('measuring_process_restarts_total')).toBe(1);
    expect(of('records_total', '{outcome="dropped"}')).toBe(4);
    expect(Object.keys(metrics.get('pdm_trace_records_total')?.samples ?? {})).toHaveLength(OUTCOMES.length);
    expect(of('store_size_bytes')).toBe(http.store.usedOctets());
    const job = '{job="customers"}';
    expect(of('job_running', job)).toBe(1);
    expect(of('job_targets', job)).toBe(10);
    expect(of('job_targets_done', job)).toBe(4);
    expect(of('job_next_run_timestamp_seconds', job)).toBe(NOW_MS / 1000 + 1);
    expect(of('job_last_end_timestamp_seconds', job)).toBe(NOW_MS / 1000 - 5);
    expect(of('job_last_finished', job)).toBe(0);
    expect(of('job_skipped_total', job)).toBe(2);
    expect(of('job_running', '{job="idle \\"x\\"\\n"}')).toBe(0);
    for (const name of ['mean', 'p99', 'max']) expect(of(`event_loop_lag_${name}_seconds`)).toBeGreaterThanOrEqual(0);
    expect(metrics.get('process_resident_memory_bytes')?.samples['']).toBeGreaterThan(1e7);
  });

  it('leave out what is not known, rather than say 0', async () => {
    http.view.stats = null;
    http.view.reasons = ['The measuring process is not there.'];
    http.view.jobList = [{ ...JOB, running: null, nextRunAtMs: null, lastEnd: null }];
    const metrics = await scrape();
    expect(metrics.get('pdm_trace_ready')?.samples).toEqual({ '': 0 });
    expect(metrics.get('pdm_trace_measuring_process_up')?.samples).toEqual({ '': 0 });
    for (const name of [
      'job_targets',
      'job_next_run_timestamp_seconds',
      'job_last_end_timestamp_seconds',
      'job_last_finished',
    ])
      expect(metrics.get(`pdm_trace_${name}`)?.samples, name).toEqual({});
    http.view.stats = {
      tracesInFlight: 0,
      probesSent: 9,
      repliesMatched: 0,
      foreign: 0,
      malformed: 0,
      sendErrors: 0,
      kernelDrops: null,
    };
    const later = await scrape();
    expect(later.get('pdm_trace_kernel_drops_total')?.samples).toEqual({});
    expect(later.get('pdm_trace_probes_sent_total')?.samples).toEqual({ '': 9 });
  });

  it('forget jobs that are not in the configuration any more', async () => {
    await scrape();
    http.view.jobList = [];
    expect((await scrape()).get('pdm_trace_job_running')?.samples).toEqual({});
  });

  it('count requests by route, never by what strangers write into a path', async () => {
    for (let index = 0; index < 20; index += 1) await app.inject(`/stranger/${index}`);
    await app.inject('/api/v1/runs/one');
    await app.inject('/api/v1/runs/two');
    const requests = (await scrape()).get('pdm_trace_http_requests_total')?.samples ?? {};
    expect(requests['{route="none",status="404"}']).toBe(20);
    expect(requests['{route="/api/v1/runs/:runId",status="404"}']).toBe(2);
    expect(Object.keys(requests).join()).not.toContain('stranger');
  });

  it('are whole when several ask at once', async () => {
    const texts = await Promise.all(Array.from({ length: 20 }, () => app.inject('/metrics')));
    for (const { body } of texts) {
      const family = parse(body).find(({ name }) => name === 'pdm_trace_records_total');
      expect(family?.samples['{outcome="dropped"}']).toBe(4);
    }
  });

  it('are all in docs/http.md, and it has no others', async () => {
    const documented = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8').matchAll(
      /^\| `((?:pdm_trace|process)_[a-z0-9_]+)(?:\{[^`]*\})?` /gm,
    );
    expect([...documented].map(([, name]) => name).sort()).toEqual([...(await scrape()).keys()].sort());
  });
});
