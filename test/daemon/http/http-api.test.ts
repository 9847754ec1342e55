import type { FastifyInstance, RouteOptions } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { composeHttp } from '../../../src/daemon/http/http-server.js';
import { OutputError } from '../../../src/results/output-error.js';
import { OUTCOMES } from '../../../src/record/record.js';
import { nearFault } from '../../report/faults/near-fault.js';
import { buildRecord } from '../../results/record-builder.js';
import { HttpFixture, JOB, NOW_MS, POST, RUN_ID, SECOND_RUN } from './http-fixture.js';
import { OpenApiChecker, type OpenApi } from './open-api-checker.js';

// For busy machines: nothing here takes more than two seconds on an idle one.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let http: HttpFixture;
let app: FastifyInstance;

function begin(): void {
  http = new HttpFixture();
  http.fill();
  app = http.app({ probing: { contact: ['mailto:probes@example.net'], description: 'We trace.' } });
}
beforeAll(begin);
beforeEach(() => {
  http.view.reset();
  http.view.jobList = [JOB, { ...JOB, name: 'idle', nextRunAtMs: null, running: null, lastEnd: null }];
});
afterAll(() => http.remove());

/** For tests that change what is stored. */
async function beginAgain(): Promise<void> {
  await http.remove();
  begin();
}

interface Listing {
  readonly items: readonly Record<string, unknown>[];
  readonly next: string | null;
}

async function get(url: string): Promise<Listing> {
  const reply = await app.inject(url);
  expect(reply.statusCode, reply.body).toBe(200);
  return reply.json();
}

async function ids(url: string): Promise<unknown[]> {
  return (await get(url)).items.map((item) => item.id);
}

const id = (number: number): string => buildRecord({ number }).id;

describe('runs', () => {
  it('are listed newest first, and one of them with its targets and outcomes', async () => {
    expect(await ids('/api/v1/runs')).toEqual([SECOND_RUN, RUN_ID]);
    const run = await app.inject(`/api/v1/runs/${SECOND_RUN}`);
    expect(run.json()).toMatchObject({
      name: null,
      state: 'loading',
      endedAt: null,
      targets: { total: 3, waiting: 2, inFlight: 0, done: 1 },
      records: 2,
      sharedFaults: [],
    });
  });

  it('say what their targets share, as the page does', async () => {
    for (let index = 11; index <= 20; index += 1) http.put(nearFault(index));
    const run = await app.inject(`/api/v1/runs/${RUN_ID}`);
    const { sharedFaults } = run.json<{ sharedFaults: string[] }>();
    expect(sharedFaults[0]).toMatch(/^10 of \d+ targets lose .* one fault near this vantage point/);
    const page = await app.inject(`/runs/${RUN_ID}`);
    expect(page.body).toContain(sharedFaults[0]!.slice(0, sharedFaults[0]!.indexOf(',')));
    await beginAgain();
  });

  it('have their targets in the order of the list, with the records that each has', async () => {
    const first = await get(`/api/v1/runs/${SECOND_RUN}/targets?limit=2`);
    expect(first.items).toMatchObject([
      { line: 2, host: 'a.example', company: 'Acme', tags: ['web'], state: 'done', records: [{ id: id(7) }] },
      { line: 3, host: 'b.example', state: 'waiting', records: [] },
    ]);
    const second = await get(`/api/v1/runs/${SECOND_RUN}/targets?limit=2&after=${first.next ?? ''}`);
    expect(second).toMatchObject({ items: [{ host: '2001:db8::9' }], next: null });
  });

  it.each(['/api/v1/runs/none', '/api/v1/runs/none/targets', '/api/v1/traces/none'])('%s is 404', async (url) => {
    expect((await app.inject(url)).json()).toMatchObject({ status: 404, code: 'not-found' });
  });
});

describe('records', () => {
  it('come whole, as they were stored', async () => {
    const reply = await app.inject(`/api/v1/traces/${id(3)}`);
    expect(reply.json()).toEqual(buildRecord({ number: 3, outcome: 'rejected' }));
  });

  it('are found by run, company, outcomes, host and time, and by all of them together', async () => {
    expect(await ids('/api/v1/traces')).toEqual([7, 6, 5, 4, 3, 2, 1].map(id));
    expect(await ids(`/api/v1/traces?run=${SECOND_RUN}`)).toEqual([id(7), id(6)]);
    expect(await ids('/api/v1/traces?company=Company%203')).toEqual([id(3)]);
    expect(await ids('/api/v1/traces?protocol=icmp6')).toEqual([]);
    expect(await ids('/api/v1/traces?tag=web&protocol=udp')).toEqual([id(7)]);
    expect(await ids('/api/v1/traces?outcome=delivered,rejected')).toEqual([id(6), id(3), id(2)]);
    expect(await ids('/api/v1/traces?host=WWW1.customer.example')).toEqual([id(6), id(1)]);
    expect(await ids('/api/v1/traces?host=2001:DB8:1004:0::1')).toEqual([id(4)]);
    expect(await ids('/api/v1/traces?host=www1.customer')).toEqual([]);
    const at = (number: number): string => encodeURIComponent(buildRecord({ number }).startedAt);
    expect(await ids(`/api/v1/traces?since=${at(3)}&until=${at(5)}`)).toEqual([id(4), id(3)]);
    expect(await ids('/api/v1/traces?since=2026-11-24T09:00:05%2B01:00')).toEqual([id(7), id(6), id(5)]);
    expect(await ids(`/api/v1/traces?run=${RUN_ID}&outcome=delivered&host=www2.customer.example`)).toEqual([id(2)]);
    expect(await ids("/api/v1/traces?company=' OR 1=1 --".replaceAll(' ', '%20'))).toEqual([]);
  });

  it('are read page by page to the end, each once, whatever is stored meanwhile', async () => {
    const seen: unknown[] = [];
    let url: string | null = '/api/v1/traces?limit=2&outcome=dropped,delivered,rejected';
    while (url !== null) {
      const reply = await app.inject(url);
      seen.push(...reply.json<Listing>().items.map((item) => item.id));
      const link = /^<([^>]+)>; rel="next"$/.exec(String(reply.headers.link ?? ''));
      expect(link === null).toBe(reply.json<Listing>().next === null);
      url = link?.[1] ?? null;
      http.put(buildRecord({ number: 100 + seen.length, outcome: 'delivered' }));
    }
    expect(seen).toEqual([7, 6, 3, 2, 1].map(id));
    await beginAgain();
  });

  it('cannot be paged from a record that is not there', async () => {
    const reply = await app.inject('/api/v1/traces?after=gone');
    expect(reply.json()).toMatchObject({ status: 400, errors: [{ path: 'after' }] });
  });

  it.each([
    'limit=0',
    'limit=501',
    'limit=1.5',
    'limit=x',
    'limit=1&limit=2',
    'outcome=lost',
    'outcome=',
    'since=yesterday',
    'until=2026-13-01T00:00:00Z',
    'host=',
    'company=%00',
    'unknown=1',
    '__proto__=1',
    'constructor=1',
    `run=${'a'.repeat(65)}`,
  ])('with %s are refused, and told why', async (query) => {
    const reply = await app.inject(`/api/v1/traces?${query}`);
    expect(reply.statusCode, reply.body).toBe(400);
    expect(reply.json<{ errors: unknown[] }>().errors).not.toEqual([]);
  });
});

describe('a trace that is asked for', () => {
  it('goes to the daemon with what was said and no more, and is answered with its run', async () => {
    const body = { host: '[2001:4860:0::1]', protocol: 'tcp', dport: 443, maxHops: 20, tags: ['a'] };
    const reply = await app.inject({ ...POST, payload: body });
    expect(reply.statusCode).toBe(202);
    expect(reply.headers.location).toBe(`/api/v1/runs/${RUN_ID}`);
    const { run, traces } = reply.json<{ run: string; traces: string }>();
    expect((await app.inject(run)).statusCode).toBe(200);
    expect(await ids(traces)).toHaveLength(5);
    await app.inject({ ...POST, payload: { host: 'www.example.com' } });
    expect(http.view.asked).toEqual([{ ...body, host: '2001:4860::1' }, { host: 'www.example.com' }]);
  });

  it.each([
    ['no host', {}],
    ['an unknown key', { host: 'a.example', rate: 1_000_000 }],
    ['the confidence', { host: 'a.example', confidence: 0.5 }],
    ['several hosts', { host: ['a.example', 'b.example'] }],
    ['a URL', { host: 'https://a.example/' }],
    ['a prefix', { host: '2001:db8::/32' }],
    ['a host with a port', { host: 'a.example:80' }],
    ['an empty host', { host: '' }],
    ['a host that is too long', { host: 'a'.repeat(301) }],
    ['a line break', { host: 'a.example\nb.example' }],
    ['an unknown protocol', { host: 'a.example', protocol: 'sctp' }],
    ['a list of protocols', { host: 'a.example', protocol: ['udp'] }],
    ['port 0', { host: 'a.example', dport: 0 }],
    ['a port as text', { host: 'a.example', dport: '80' }],
    ['a port for icmp6', { host: 'a.example', protocol: 'icmp6', dport: 80 }],
    ['64 hops', { host: 'a.example', maxHops: 64 }],
    ['21 tags', { host: 'a.example', tags: Array.from({ length: 21 }, String) }],
    ['a tag with a control character', { host: 'a.example', tags: ['\u001b[2J'] }],
    ['null', null],
    ['a list', []],
    ['text', '"a.example"'],
  ])('with %s is refused', async (_, body) => {
    const reply = await app.inject({ ...POST, payload: JSON.stringify(body) });
    expect(reply.statusCode, reply.body).toBe(400);
    expect(http.view.asked).toEqual([]);
  });

  it.each([
    '::1',
    '[::1]',
    'fe80::1',
    'fe80::1%eth0',
    'fd00::1',
    '::',
    'ff02::1',
    '::ffff:10.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    '::ffff:0:127.0.0.1',
    '2001:0:4136:e378:8000:63bf:f5ff:fffe',
    '100::1',
    '2001:db8::1',
    '3fff::1',
    '5f00::1',
    '2001:20::1',
    '4000::1',
    '127.0.0.1',
    '192.0.2.1',
  ])('for %s is refused as a target', async (host) => {
    const reply = await app.inject({ ...POST, payload: { host } });
    expect(reply.json()).toMatchObject({ status: 422, code: 'forbidden-target' });
    expect(http.view.asked).toEqual([]);
  });

  it.each([
    ['EQUEUEFULL', 429, 'queue-full'],
    ['ENOTREADY', 503, 'not-ready'],
    ['EFORBIDDENTARGET', 422, 'forbidden-target'],
  ])('that the daemon refuses with %s is %i', async (code, status, problem) => {
    http.view.answer = () => Promise.reject(Object.assign(new Error('2001:db8::1 is in the list.'), { code }));
    const reply = await app.inject({ ...POST, payload: { host: '2001:4860::1' } });
    expect(reply.json()).toMatchObject({ status, code: problem });
    expect(reply.headers['retry-after'] !== undefined).toBe(status !== 422);
  });

  it('too often is refused with the time to wait', async () => {
    const slow = http.app({ tracesPerMinute: 6 });
    const statuses = [];
    for (let index = 0; index < 3; index += 1)
      statuses.push(await slow.inject({ ...POST, payload: { host: 'a.example' } }));
    expect(statuses.map((reply) => reply.statusCode)).toEqual([202, 429, 429]);
    expect(statuses[1]?.headers['retry-after']).toMatch(/^([1-9]|10)$/);
    // What is refused for other reasons costs nothing.
    expect(http.view.asked).toHaveLength(1);
  });
});

describe('defects and failures', () => {
  it('of ours tell a client nothing, and the log everything', async () => {
    http.view.answer = () => Promise.reject(new Error('secret path /var/lib'));
    const reply = await app.inject({ ...POST, payload: { host: 'a.example' } });
    expect(reply.json()).toMatchObject({ status: 500, code: 'internal' });
    expect(reply.body).not.toMatch(/secret|\/var|at .*:\d+/);
    expect(JSON.stringify(http.log)).toContain('secret path');
  });

  it('of the store are 503, without its path', async () => {
    http.view.answer = () => Promise.reject(new OutputError('EOUTPUTFULL', http.path, 'no space left', 'make room'));
    const reply = await app.inject({ ...POST, payload: { host: 'a.example' } });
    expect(reply.json()).toMatchObject({ status: 503, code: 'store-unavailable' });
    expect(reply.body).not.toContain(http.directory);
    expect(reply.headers['retry-after']).toBeDefined();
  });
});

describe('jobs', () => {
  it('are listed with their schedule, their last end and what is under way', async () => {
    const { items } = await get('/api/v1/jobs');
    expect(items).toMatchObject([
      {
        name: 'customers',
        nextRunAt: new Date(NOW_MS + 1000).toISOString(),
        running: { runId: SECOND_RUN, targets: 10, done: 4 },
        lastEnd: { state: 'failed', error: 'no space left' },
        skipped: 2,
      },
      { name: 'idle', nextRunAt: null, running: null, lastEnd: null },
    ]);
  });
});

describe('the OpenAPI document', () => {
  it('has every route that exists, and no other', async () => {
    const routes: string[] = [];
    const composed = composeHttp(http.input(), (instance) => {
      instance.addHook('onRoute', ({ method, url, config }: RouteOptions) => {
        if (config?.allow !== undefined) return;
        for (const one of [method].flat()) if (one !== 'HEAD') routes.push(`${one} ${url.replace(/:(\w+)/g, '{$1}')}`);
      });
    });
    const document = (await composed.app.inject('/api/v1/openapi.json')).json<OpenApi>();
    await composed.close();
    const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.length).toBeGreaterThan(10);
    expect(documented.sort()).toEqual(routes.sort());
  });

  it('describes what every route really answers', async () => {
    const checker = new OpenApiChecker((await app.inject('/api/v1/openapi.json')).json());
    const check = async (url: string, options: object = {}): Promise<void> => {
      const reply = await app.inject({ url, method: 'GET', ...options });
      expect(checker.problemOf('method' in options ? 'POST' : 'GET', url, reply)).toBeNull();
    };
    await beginAgain();
    http.view.jobList = [JOB];
    for (const [index, outcome] of OUTCOMES.entries())
      http.put(buildRecord({ number: 50 + index, outcome, silentHops: [], company: null }));
    await check('/api/v1/openapi.json');
    await check('/healthz');
    await check('/readyz');
    http.view.reasons = ['The measuring process is not there.'];
    await check('/readyz');
    await check('/metrics');
    await check('/.well-known/probing.txt');
    await check('/');
    await check(`/runs/${RUN_ID}`);
    await check('/runs/none');
    await check('/api/v1/runs');
    await check('/api/v1/runs?limit=1');
    await check('/api/v1/runs?limit=none');
    await check(`/api/v1/runs/${RUN_ID}`);
    await check('/api/v1/runs/none');
    await check(`/api/v1/runs/${SECOND_RUN}/targets`);
    await check(`/api/v1/runs/${SECOND_RUN}/targets?after=x`);
    await check('/api/v1/traces?limit=500');
    await check('/api/v1/traces?limit=501');
    for (let index = 0; index < OUTCOMES.length; index += 1) await check(`/api/v1/traces/${id(50 + index)}`);
    await check('/api/v1/traces/none');
    await check('/api/v1/jobs');
    await check('/api/v1/traces', { ...POST, payload: { host: 'a.example' } });
    await check('/api/v1/traces', { ...POST, payload: { host: '::1' } });
    await check('/api/v1/traces', { ...POST, payload: 'no JSON' });
    await check('/api/v1/traces', { method: 'POST', payload: {} });
    expect(checker.unseen()).toEqual([]);
  });

  it('says which requests need the token', async () => {
    const security = async (over: Record<string, unknown>): Promise<Record<string, boolean | 'from elsewhere'>> => {
      const document = (
        await http.app(over).inject({ url: '/api/v1/openapi.json', headers: POST.headers })
      ).json<OpenApi>();
      const all = Object.values(document.paths).flatMap((operations) => Object.values(operations));
      return Object.fromEntries(
        all.map(({ operationId, security: one }) => {
          const mayBeLeftOut = one.some((scheme) => Object.keys(scheme).length === 0);
          return [operationId, mayBeLeftOut ? 'from elsewhere' : one.length > 0];
        }),
      );
    };
    const here = await security({});
    expect(Object.entries(here).filter(([, needed]) => needed !== false)).toEqual([['traceNow', true]]);
    const elsewhere = await security({ listen: '::', insecureHttp: true });
    const open = Object.entries(elsewhere).filter(([, needed]) => needed !== true);
    expect(open).toEqual([
      ['health', 'from elsewhere'],
      ['readiness', 'from elsewhere'],
      ['probeDescription', false],
    ]);
  });

  it('names every parameter, and which are needed', async () => {
    const { paths } = (await app.inject('/api/v1/openapi.json')).json<OpenApi>();
    const names = (path: string): string[] =>
      (paths[path]?.get?.parameters ?? []).map(
        ({ name, in: where, required }) => `${where} ${name} ${String(required)}`,
      );
    expect(names('/api/v1/runs/{runId}/targets')).toEqual([
      'path runId true',
      'query limit false',
      'query after false',
    ]);
    expect(names('/api/v1/traces').map((name) => name.split(' ')[1])).toEqual([
      ...['run', 'company', 'protocol', 'tag', 'outcome', 'host', 'since', 'until', 'limit', 'after'],
    ]);
  });
});
