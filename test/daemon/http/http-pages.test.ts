import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { probingTxt } from '../../../src/daemon/http/probing-txt.js';
import type { TraceRecord } from '../../../src/record/record.js';
import { buildRecord } from '../../results/record-builder.js';
import { HttpFixture, JOB, NOW_MS, RUN_ID, SECOND_RUN } from './http-fixture.js';

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
});
afterAll(() => http.remove());

async function page(url: string): Promise<string> {
  const reply = await app.inject(url);
  expect(reply.statusCode, reply.body).toBe(200);
  expect(reply.headers['content-type']).toBe('text/html; charset=utf-8');
  return reply.body;
}

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(1)>'\u202eevil\u0000`;

describe('the start page', () => {
  it('shows jobs, how they ended, and the last runs with their outcomes', async () => {
    http.view.jobList = [JOB];
    const html = await page('/');
    for (const text of ['customers', '15 4 * * *', 'America/Toronto', '4 of 10 targets', 'failed', 'no space left'])
      expect(html).toContain(text);
    expect(html).toContain('>ready<');
    for (const run of [RUN_ID, SECOND_RUN]) expect(html).toContain(`href="/runs/${run}"`);
    for (const outcome of ['dropped', 'delivered', 'rejected']) expect(html).toContain(`</span> ${outcome}</span> 1`);
  });

  it('says why the daemon is not ready, and that there is nothing yet', async () => {
    http.view.reasons = ['The store cannot be written.'];
    const html = await page('/');
    expect(html).toContain('not ready');
    expect(html).toContain('The store cannot be written.');
    expect(html).toContain('No jobs are configured.');
  });

  it('has no script and one style, which its policy names', async () => {
    const reply = await app.inject('/');
    const style = /<style>([^]*)<\/style>/.exec(reply.body)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(reply.headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(reply.body).not.toMatch(/<script|<link|<img|<iframe|<form|\s(?:style|on\w+)=/i);
  });
});

describe('the page of a run', () => {
  it('has its records in words, and leads back and on', async () => {
    const html = await page(`/runs/${RUN_ID}`);
    expect(html).toContain('<h1>customers</h1>');
    expect(html).toContain('href="/"');
    expect(html).not.toContain('older records');
    for (const number of [1, 2, 3, 4, 5]) expect(html).toContain(`www${number}.customer.example`);
    expect(html).not.toContain('www6.customer.example');
    expect(html).toContain('PDM stops');
  });

  it('of many records is read page by page, each record once', async () => {
    const own = new HttpFixture();
    for (let number = 1; number <= 60; number += 1) own.put(buildRecord({ number, distance: 3, lastPdmHop: 1 }));
    app = own.app();
    const seen: string[] = [];
    let url: string | undefined = `/runs/${RUN_ID}`;
    while (url !== undefined) {
      const html = await page(url);
      seen.push(...[...html.matchAll(/<article class="card" id="([^"]+)"/g)].map(([, id = '']) => id));
      url = /href="([^"]+)">older records/.exec(html)?.[1];
    }
    expect(seen).toHaveLength(60);
    expect(new Set(seen).size).toBe(60);
    expect((await app.inject(`/runs/${RUN_ID}?after=gone`)).statusCode).toBe(404);
    expect((await app.inject(`/runs/${RUN_ID}?before=x`)).statusCode).toBe(400);
    app = http.app();
    await own.remove();
  });
});

describe('hostile text', () => {
  it('in names, reasons, companies and jobs stays text', async () => {
    const record = buildRecord({ number: 77, input: HOSTILE, company: HOSTILE, runId: SECOND_RUN });
    const hostile = JSON.parse(
      JSON.stringify(record, (key, value: unknown) =>
        key === 'name' || key === 'asName' || key === 'rule' ? HOSTILE : value,
      ),
    ) as TraceRecord;
    hostile.verdict.reasons = [HOSTILE];
    http.put(hostile);
    http.store.runs.create({
      id: '"><script>alert(2)</script>',
      name: HOSTILE,
      vantage: HOSTILE,
      toolVersion: HOSTILE,
      options: {},
      startedAtMs: NOW_MS,
    });
    http.view.reasons = [HOSTILE];
    http.view.jobList = [
      { ...JOB, name: HOSTILE, targets: HOSTILE, cron: HOSTILE, timezone: HOSTILE },
      { ...JOB, lastEnd: { runId: HOSTILE, endedAtMs: NOW_MS, state: 'failed', error: HOSTILE } },
    ];
    for (const url of ['/', `/runs/${SECOND_RUN}`, `/runs/${encodeURIComponent('"><script>alert(2)</script>')}`]) {
      const html = await page(url);
      expect(html).not.toMatch(/<script|<img/i);
      expect(html).not.toMatch(/[\p{Cf}\p{Co}]/u);
      expect(html).not.toContain('\0');
    }
    expect(await page('/')).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    // In JSON it is text anyhow, and no browser may take it for anything else.
    const listed = await app.inject('/api/v1/traces?limit=1');
    expect(listed.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
  });
});

describe('the probe description', () => {
  const probing = {
    contact: ['mailto:probes@example.net', 'https://example.net/probes'],
    description: 'We look where IPv6 packets with the PDM option (RFC 8250) stop.',
    canonical: 'https://probe.example.net/.well-known/probing.txt',
    languages: ['en', 'fr'],
  };

  it('has the fields of RFC 9511 §3, lines that end as in RFC 9116 §4, and an end within a year', () => {
    expect(probingTxt(probing, Date.UTC(2026, 10, 24, 12))).toBe(
      [
        'Canonical: https://probe.example.net/.well-known/probing.txt',
        'Contact: mailto:probes@example.net',
        'Contact: https://example.net/probes',
        'Expires: 2027-02-23T00:00:00Z',
        'Preferred-Languages: en, fr',
        'Description: We look where IPv6 packets with the PDM option (RFC 8250) stop.',
        '',
      ].join('\r\n'),
    );
  });

  it('is served where RFC 9511 §2.1 wants it, and only if it is configured', async () => {
    const reply = await http.app({ probing }).inject('/.well-known/probing.txt');
    expect(reply.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(reply.body).toBe(probingTxt(probing, NOW_MS));
    expect((await app.inject('/.well-known/probing.txt')).json()).toMatchObject({ status: 404 });
  });
});

describe('health', () => {
  it('is said as long as anything answers; readiness says why not', async () => {
    http.view.reasons = ['The measuring process is not there.', 'The store cannot be written.'];
    const health = await app.inject('/healthz');
    expect(health.json()).toMatchObject({ status: 'ok' });
    const ready = await app.inject('/readyz');
    expect([ready.statusCode, ready.json()]).toEqual([503, { status: 'not-ready', reasons: http.view.reasons }]);
    http.view.reasons = [];
    expect((await app.inject('/readyz')).json()).toEqual({ status: 'ready', reasons: [] });
  });
});
