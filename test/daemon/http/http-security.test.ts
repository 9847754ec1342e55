import fc from 'fast-check';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { HttpFixture, POST, RUN_ID, TOKEN } from './http-fixture.js';

// For busy machines: nothing here takes more than two seconds on an idle one.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let http: HttpFixture;
let here: FastifyInstance;
let elsewhere: FastifyInstance;

beforeAll(() => {
  http = new HttpFixture();
  http.fill();
  here = http.app({ allowedHosts: ['trace.example.net', '2001:db8::5'] });
  const probing = { contact: ['mailto:probes@example.net'], description: 'We trace.' };
  elsewhere = http.app({ listen: '::', insecureHttp: true, probing });
});
beforeEach(() => {
  http.view.reset();
});
afterAll(() => http.remove());

function post(
  headers: Readonly<Record<string, string | undefined>>,
  payload: unknown = { host: 'a.example' },
): InjectOptions {
  const merged: Record<string, string | undefined> = { ...POST.headers, ...headers };
  const all = Object.entries(merged).filter(([, value]) => value !== undefined);
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return { ...POST, headers: Object.fromEntries(all), payload: body };
}

const basic = (password: string): string => `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;

describe('a Host that is not ours', () => {
  it.each([
    'evil.example',
    'localhost.evil.example',
    'evil.example:8250',
    '127.0.0.1.evil.example',
    '192.0.2.1',
    '[::2]',
    'localhost@evil.example',
    'localhost:8250:1',
    'localhost/',
    'trace.example.net.evil.example',
    '[::1',
  ])('as %j is refused, also for POST', async (host) => {
    for (const request of [
      { url: '/api/v1/runs', headers: { host } },
      { url: '/healthz', headers: { host } },
      post({ host }),
    ])
      expect((await here.inject(request)).json()).toMatchObject({ status: 421, code: 'foreign-host' });
    expect(http.view.asked).toEqual([]);
  });

  it.each([
    'localhost',
    'LOCALHOST:8250',
    'localhost.',
    'trace.example.net',
    'Trace.Example.net:443',
    '[2001:DB8:0::5]:80',
  ])('is not %s', async (host) => {
    expect((await here.inject({ url: '/api/v1/runs', headers: { host } })).statusCode).toBe(200);
  });
});

describe('POST', () => {
  it.each(['https://evil.example', 'http://localhost:8250', 'null', ''])(
    'with Origin %j is refused, whoever sends it',
    async (origin) => {
      expect((await here.inject(post({ origin }))).json()).toMatchObject({ status: 403, code: 'foreign-origin' });
      expect(http.view.asked).toEqual([]);
    },
  );

  it.each([
    ['none', undefined],
    ['another', `Bearer ${'x'.repeat(39)}`],
    ['the beginning of it', `Bearer ${TOKEN.slice(0, -1)}`],
    ['more than it', `Bearer ${TOKEN}x`],
    ['no scheme', TOKEN],
    ['another scheme', `Token ${TOKEN}`],
    ['none behind the scheme', 'Bearer '],
    ['it twice', `Bearer ${TOKEN} ${TOKEN}`],
    ['it as a password, which browsers send by themselves', basic(TOKEN)],
  ])('with a token that is %s is refused', async (_, authorization) => {
    const reply = await here.inject(post({ authorization }));
    expect(reply.json()).toMatchObject({ status: 401, code: 'unauthorized' });
    expect(reply.headers['www-authenticate']).toBe('Bearer realm="pdm-trace"');
    expect(http.view.asked).toEqual([]);
  });

  it('is possible with the token, in any case of the scheme', async () => {
    expect((await here.inject(post({ authorization: `bearer ${TOKEN}` }))).statusCode).toBe(202);
  });

  it('is not possible where no token is configured, whatever is sent', async () => {
    const app = http.app({ tokenFile: null });
    for (const authorization of [undefined, 'Bearer ', 'Bearer null', `Bearer ${TOKEN}`])
      expect((await app.inject(post({ authorization }))).json()).toMatchObject({ status: 403, code: 'no-token' });
  });

  it.each([
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'application/json-seq',
    'application/problem+json',
    'application/json; charset=utf-16',
    'text/plain; application/json',
  ])('of type %s is refused', async (type) => {
    const reply = await here.inject(post({ 'content-type': type }));
    expect(reply.json()).toMatchObject({ status: 415, code: 'unsupported-media-type' });
    expect(http.view.asked).toEqual([]);
  });

  it.each(['application/json', 'Application/JSON;charset=UTF-8', 'application/json; charset="utf-8"'])(
    'of type %s is taken',
    async (type) => {
      expect((await here.inject(post({ 'content-type': type }))).statusCode).toBe(202);
    },
  );

  it.each([
    '{"host":"a.example","__proto__":{"polluted":true}}',
    '{"host":"a.example","tags":[{"__proto__":{"polluted":true}}]}',
    '{"host":"a.example","constructor":{"prototype":{"polluted":true}}}',
    '{"__proto__":{"host":"a.example"}}',
    '{"host":"a.example","toString":1}',
    '{"host":"a.example"}{"host":"b.example"}',
    '{"host":"a.example"',
    '',
    '\u0000',
    '[[[[',
    `{"host":${'['.repeat(8000)}`,
  ])('of %j is refused and leaves no trace', async (body) => {
    const reply = await here.inject(post({}, body));
    expect(reply.statusCode).toBe(400);
    expect(reply.headers['content-type']).toContain('application/problem+json');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(http.view.asked).toEqual([]);
  });

  it('of more than 16 KiB is refused', async () => {
    const body = (length: number): string => `{"host":"a.example"${' '.repeat(length - 20)}}`;
    expect((await here.inject(post({}, body(16_384)))).statusCode).toBe(202);
    const reply = await here.inject(post({}, body(16_385)));
    expect(reply.json()).toMatchObject({ status: 413, code: 'too-large' });
  });

  it('is answered with a problem, whatever it holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string(), fc.string({ unit: 'binary' })), async (body) => {
        const reply = await here.inject(post({}, body));
        expect([202, 400, 413, 422]).toContain(reply.statusCode);
        expect(reply.body).not.toMatch(/node_modules|\.ts:|\.js:/);
      }),
      { numRuns: 100 },
    );
    expect(http.log.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('other methods', () => {
  it.each(['PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const)(
    'as %s are 405, and allow no other site anything',
    async (method) => {
      const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
      const reply = await here.inject({ method, url: '/api/v1/traces', headers });
      expect(reply.json()).toMatchObject({ status: 405, code: 'method-not-allowed' });
      expect(reply.headers.allow).toBe('GET, POST, HEAD');
      expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    },
  );

  it('HEAD is GET without a body', async () => {
    const reply = await here.inject({ method: 'HEAD', url: '/api/v1/runs' });
    expect([reply.statusCode, reply.body]).toEqual([200, '']);
    expect((await elsewhere.inject({ method: 'HEAD', url: '/api/v1/runs' })).statusCode).toBe(401);
  });
});

describe('paths', () => {
  it.each([
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/runs/..%2f..%2f..%2fetc%2fpasswd',
    '/runs/%00',
    '//etc/passwd',
    '/runs//',
    '/api/v1/runs/../../../etc/passwd',
    '/api/v1/traces/..%5c..%5cwindows',
    '/.well-known/../metrics/',
    '/.env',
    '/static/app.js',
    `/runs/${'a'.repeat(500)}`,
    '/runs/%ff',
    '/%zz',
  ])('%s lead nowhere', async (url) => {
    const reply = await here.inject(url);
    expect([400, 404]).toContain(reply.statusCode);
    expect(reply.headers['content-type']).toContain('application/problem+json');
    expect(reply.body).not.toContain('root:');
  });
});

describe('on another address than loopback', () => {
  const reads = [
    '/',
    '/metrics',
    `/runs/${RUN_ID}`,
    '/api/v1/runs',
    '/api/v1/openapi.json',
    '/nothing',
    '/api/v1/traces',
  ];

  it.each(reads)('%s needs the token', async (url) => {
    for (const authorization of ['', 'Bearer x', basic('x'), `Basic ${TOKEN}`]) {
      const reply = await elsewhere.inject({ url, headers: { authorization } });
      expect(reply.json()).toMatchObject({ status: 401 });
      expect(reply.headers['www-authenticate']).toMatch(/Bearer.*Basic/);
    }
    for (const authorization of [`Bearer ${TOKEN}`, basic(TOKEN)])
      expect((await elsewhere.inject({ url, headers: { authorization } })).statusCode).toBe(
        url === '/nothing' ? 404 : 200,
      );
  });

  it('health checks on the same machine learn whether it is alive, and whether it is ready but not why', async () => {
    http.view.reasons = ['The store is full.'];
    const ready = async (headers: Record<string, string>): Promise<LightMyRequestResponse> =>
      elsewhere.inject({ url: '/readyz', headers });
    expect((await elsewhere.inject('/healthz')).statusCode).toBe(200);
    expect((await ready({})).json()).toEqual({ status: 'not-ready', reasons: [] });
    expect((await ready(POST.headers)).json()).toEqual({ status: 'not-ready', reasons: ['The store is full.'] });
  });

  it('strangers learn whom to ask about probes, and nothing of its health', async () => {
    for (const remoteAddress of ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1']) {
      const status = async (url: string, headers = {}): Promise<number> =>
        (await elsewhere.inject({ url, remoteAddress, headers })).statusCode;
      expect(await status('/.well-known/probing.txt')).toBe(200);
      expect([await status('/healthz'), await status('/readyz')]).toEqual([401, 401]);
      expect(await status('/healthz', POST.headers)).toBe(200);
    }
    for (const remoteAddress of ['::1', '127.0.0.1', '127.1.2.3', '::ffff:127.0.0.1'])
      expect((await elsewhere.inject({ url: '/healthz', remoteAddress })).statusCode).toBe(200);
  });

  it('POST needs the token as a Bearer', async () => {
    expect((await elsewhere.inject(post({ authorization: undefined }))).statusCode).toBe(401);
    expect((await elsewhere.inject(post({ authorization: basic(TOKEN) }))).statusCode).toBe(401);
    expect((await elsewhere.inject(post({}))).statusCode).toBe(202);
  });
});

describe('rates', () => {
  const statuses = async (
    app: FastifyInstance,
    count: number,
    remoteAddress: string,
    url = '/api/v1/jobs',
  ): Promise<number[]> => {
    const all = [];
    for (let index = 0; index < count; index += 1) all.push((await app.inject({ url, remoteAddress })).statusCode);
    return all;
  };

  it('are kept for each client, by /64 in IPv6, and strangers do not shut others out', async () => {
    const app = http.app({ requestsPerSecond: 0.2 });
    expect(await statuses(app, 2, '2001:db8::1')).toEqual([200, 429]);
    expect(await statuses(app, 1, '2001:db8::ffff')).toEqual([429]);
    expect(await statuses(app, 1, '2001:db8:0:1::1')).toEqual([200]);
    expect(await statuses(app, 2, '::ffff:192.0.2.1')).toEqual([200, 429]);
    expect(await statuses(app, 1, '192.0.2.1')).toEqual([429]);
    const reply = await app.inject({ url: '/api/v1/jobs', remoteAddress: '192.0.2.1' });
    expect(reply.json()).toMatchObject({ code: 'too-many-requests' });
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('are kept for all clients together, and health is answered all the same', async () => {
    const app = http.app({ requestsPerSecond: 0.2 });
    const seen: number[] = [];
    for (let client = 0; client < 50; client += 1) seen.push(...(await statuses(app, 1, `192.0.2.${client}`)));
    expect(seen.filter((status) => status === 200).length).toBeLessThan(30);
    expect(await statuses(app, 3, '192.0.2.1', '/healthz')).toEqual([200, 200, 200]);
    expect(await statuses(app, 3, '192.0.2.1', '/readyz')).toEqual([200, 200, 200]);
  });

  it('hold for those who guess tokens', async () => {
    const app = http.app({ requestsPerSecond: 1 });
    const all = [];
    for (let guess = 0; guess < 20; guess += 1)
      all.push((await app.inject(post({ authorization: `Bearer ${guess}` }))).statusCode);
    expect(all.slice(0, 3)).toEqual([401, 401, 401]);
    expect(all.at(-1)).toBe(429);
  });
});

describe('what is said', () => {
  it('has in every answer what keeps browsers from doing more than they are asked to', async () => {
    for (const url of ['/', '/healthz', '/nothing', '/api/v1/runs']) {
      const { headers } = await here.inject(url);
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
      });
      expect(headers['content-security-policy']).toMatch(/^default-src 'none';.*frame-ancestors 'none'$/);
    }
  });

  it('is nowhere the token, in no answer and no log, nor what was asked for in a query', async () => {
    http.log.length = 0;
    const replies = [
      await here.inject(post({})),
      await here.inject(post({ authorization: `Bearer ${TOKEN}x` })),
      await here.inject(post({}, `{"host":"${TOKEN}`)),
      await elsewhere.inject({ url: `/api/v1/traces?company=Secret&token=${TOKEN}`, headers: POST.headers }),
      await elsewhere.inject({ url: `/${TOKEN}` }),
      await here.inject('/metrics'),
    ];
    for (const reply of replies) expect(reply.body + JSON.stringify(reply.headers)).not.toContain(TOKEN);
    expect(http.log.length).toBeGreaterThan(5);
    expect(JSON.stringify(http.log)).not.toMatch(new RegExp(`${TOKEN}|Secret`));
  });
});
