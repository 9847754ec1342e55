/** What only a real socket shows: TLS, limits of Node's server, requests that are none, and ends. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { HttpFixture, POST, TOKEN } from './http-fixture.js';

// For busy machines: nothing here takes more than two seconds on an idle one.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let http: HttpFixture;
let address: URL;

beforeAll(async () => {
  http = new HttpFixture();
  http.fill();
  address = new URL((await http.listen({}, { requestMs: 600 })).address);
});
beforeEach(() => {
  http.view.reset();
});
afterAll(() => http.remove());

interface Answer {
  readonly status: number;
  readonly body: string;
}

function fetchFrom(
  url: URL,
  path: string,
  options: RequestOptions & { readonly ca?: Buffer } = {},
  body = '',
): Promise<Answer> {
  const ask = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = ask(new URL(path, url), options, (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: text });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends octets as they are, and returns all that came until the other side closed. */
function exchange(text: string, { hostname, port }: URL = address): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    let answer = '';
    socket.on('data', (part) => (answer += part.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(answer);
    });
    socket.write(text);
  });
}

const HEAD = `Host: localhost\r\nConnection: close\r\n`;

describe('requests that are none', () => {
  it.each([
    ['no Host', 'GET /api/v1/runs HTTP/1.1\r\nConnection: close\r\n\r\n', 421],
    ['an empty Host', 'GET /api/v1/runs HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n', 421],
    ['another Host before ours', `GET / HTTP/1.1\r\nHost: evil.example\r\n${HEAD}\r\n`, 421],
    ['HTTP/1.0 without Host', 'GET /api/v1/runs HTTP/1.0\r\n\r\n', 421],
    ['another site in the request line', `GET http://evil.example/healthz HTTP/1.1\r\n${HEAD}\r\n`, 421],
    ['a path above the root', `GET /../../../../etc/passwd HTTP/1.1\r\n${HEAD}\r\n`, 404],
    ['a path above a page', `GET /runs/%2e%2e HTTP/1.1\r\n${HEAD}\r\n`, 404],
    ['a path of 7,000 octets', `GET /runs/${'a'.repeat(7000)} HTTP/1.1\r\n${HEAD}\r\n`, 404],
    ['headers of 9,000 octets', `GET /healthz HTTP/1.1\r\n${HEAD}X: ${'a'.repeat(9000)}\r\n\r\n`, 431],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['a method that does not exist', `BREW / HTTP/1.1\r\n${HEAD}\r\n`, 400],
    [
      'two lengths, to hide a second request',
      `POST /api/v1/traces HTTP/1.1\r\n${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n`,
      400,
    ],
    ['a bare line feed in a header', 'GET /healthz HTTP/1.1\nHost: localhost\nX: y\n\n', 400],
    ['a line break in the token', `GET / HTTP/1.1\r\n${HEAD}Authorization: Bearer a\r\n\tb\r\n\r\n`, 400],
  ])('because of %s are answered as a problem, once', async (_, text, status) => {
    const answer = await exchange(text);
    expect(answer.split('\r\n')[0]).toContain(`HTTP/1.1 ${status} `);
    expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json/i);
    expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  });

  it('to tunnel or to change the protocol get nothing', async () => {
    expect(await exchange(`CONNECT evil.example:443 HTTP/1.1\r\n${HEAD}\r\n`)).not.toContain(' 200 ');
    const upgrade = `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`;
    expect(await exchange(upgrade)).not.toContain(' 101 ');
  });
});

describe('slow clients', () => {
  it('that never end their headers are cut off', async () => {
    expect(await exchange('GET /healthz HTTP/1.1\r\nHost: localhost\r\n')).toContain(' 408 Request Timeout');
  });

  it('that never end their body are cut off, and nothing is traced', async () => {
    const headers = Object.entries(POST.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const answer = await exchange(
      `POST /api/v1/traces HTTP/1.1\r\nHost: localhost\r\n${headers.join('')}Content-Length: 100\r\n\r\n{"host":`,
    );
    expect(answer).toContain(' 408 Request Timeout');
    expect(http.view.asked).toEqual([]);
  });

  it('by the dozen do not keep others from being answered', async () => {
    const hanging = Array.from({ length: 100 }, () => exchange('GET / HTTP/1.1\r\nHost: loc'));
    expect((await fetchFrom(address, '/healthz')).status).toBe(200);
    for (const answer of await Promise.all(hanging)) expect(answer).toContain(' 408 ');
  });
});

describe('huge bodies', () => {
  it('are refused by their length, before they are read', async () => {
    const headers = { ...POST.headers, 'content-length': 10_000_000_000 };
    const request = fetchFrom(address, '/api/v1/traces', { method: 'POST', headers });
    await expect(request).resolves.toMatchObject({ status: 413 });
  });

  it('without a length are refused as soon as they are too large', async () => {
    const headers = { ...POST.headers, 'transfer-encoding': 'chunked' };
    const answer = fetchFrom(address, '/api/v1/traces', { method: 'POST', headers }, ' '.repeat(100_000));
    // The rest of the body may meet a closed connection first.
    const isReset = (error: unknown): boolean => error instanceof Error && /ECONNRESET|EPIPE/.test(error.message);
    expect(await answer.then(({ status }) => status === 413, isReset)).toBe(true);
    expect(http.view.asked).toEqual([]);
  });

  it('without the token are not read at all', async () => {
    const answer = await exchange(
      `POST /api/v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16000\r\n\r\n{"host"`,
    );
    expect(answer).toContain(' 401 ');
    expect(answer.toLowerCase()).toContain('connection: close');
  });
});

describe('many requests', () => {
  it('a thousand at once are all answered, each with its own', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 50 });
    const urls = ['/', '/metrics', '/api/v1/runs', '/api/v1/traces?limit=3', '/readyz'];
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => fetchFrom(address, urls[index % urls.length] ?? '/', { agent })),
    );
    agent.destroy();
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const ofUrl = (index: number): Set<string> =>
      new Set(answers.filter((_, at) => at % urls.length === index).map(({ body }) => body));
    for (const index of [0, 2, 3, 4]) expect(ofUrl(index).size).toBe(1);
  });

  it('a thousand at once above the rate are each answered or told when to come back', async () => {
    const limited = new URL((await http.listen({ requestsPerSecond: 10 })).address);
    const agent = new Agent({ keepAlive: true, maxSockets: 50 });
    const answers = await Promise.all(
      Array.from({ length: 1000 }, () => fetchFrom(limited, '/api/v1/jobs', { agent })),
    );
    agent.destroy();
    const count = (status: number): number => answers.filter((answer) => answer.status === status).length;
    expect(count(200)).toBeGreaterThanOrEqual(50);
    expect(count(200) + count(429)).toBe(1000);
  });

  it('of one client on too many connections leave room for others', async () => {
    const running = await http.listen({ listen: '::', insecureHttp: true, connections: 8 });
    const port = Number(new URL(running.address).port);
    const sockets = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'));
    const closed = sockets.map(
      (socket) => new Promise((resolve) => socket.on('error', () => undefined).once('close', resolve)),
    );
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    await Promise.all(closed.slice(4));
    expect(sockets.slice(0, 4).map((socket) => socket.destroyed)).toEqual([false, false, false, false]);
    expect(await fetchFrom(new URL(`http://[::1]:${port}`), '/healthz')).toMatchObject({ status: 200 });
    for (const socket of sockets) socket.destroy();
  });
});

describe('by whatever address the client connects', () => {
  it('that address is a name of ours', async () => {
    const port = new URL((await http.listen({ listen: '::', insecureHttp: true })).address).port;
    for (const host of ['127.0.0.1', '[::1]']) {
      const url = new URL(`http://${host}:${port}`);
      expect(await fetchFrom(url, '/healthz')).toMatchObject({ status: 200 });
      expect(await fetchFrom(url, '/healthz', { headers: { host: 'evil.example' } })).toMatchObject({ status: 421 });
      expect(await fetchFrom(url, '/healthz', { headers: { host: '192.0.2.7' } })).toMatchObject({ status: 421 });
    }
    expect(http.log).toContainEqual(expect.objectContaining({ level: 'warn', event: 'http-insecure' }));
  });
});

describe('TLS', () => {
  let tls: { certificate: string; key: string };
  let secure: URL;

  beforeAll(async () => {
    const make = (name: string): { certificate: string; key: string } => {
      const [certificate, key] = [join(http.directory, `${name}.pem`), join(http.directory, `${name}.key`)];
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
      const files = ['-keyout', key, '-out', certificate];
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
      execFileSync('openssl', ['req', '-x509', ...curve, '-nodes', '-days', '2', ...subject, ...files], {
        stdio: 'ignore',
      });
      return { certificate, key };
    };
    tls = make('one');
    const other = make('other');
    secure = new URL((await http.listen({ listen: '0.0.0.0', tls })).address.replace('0.0.0.0', '127.0.0.1'));
    await expect(http.listen({ tls: { certificate: tls.certificate, key: other.key } })).rejects.toMatchObject({
      code: 'EHTTPTLS',
      exitCode: 66,
      message: expect.stringContaining('do not work together') as string,
    });
    await expect(http.listen({ tls: { certificate: '/none.pem', key: tls.key } })).rejects.toThrow(
      /cannot read the certificate "\/none\.pem" \(ENOENT\); name a readable PEM file/,
    );
  });

  it('serves what plain HTTP does, with the token', async () => {
    const options = { ca: readFileSync(tls.certificate), headers: { authorization: `Bearer ${TOKEN}` } };
    expect(secure.protocol).toBe('https:');
    expect(await fetchFrom(secure, '/api/v1/runs', options)).toMatchObject({ status: 200 });
    expect(await fetchFrom(secure, '/api/v1/runs', { ca: options.ca })).toMatchObject({ status: 401 });
    const post = { ...options, method: 'POST', headers: POST.headers };
    expect(await fetchFrom(secure, '/api/v1/traces', post, '{"host":"a.example"}')).toMatchObject({ status: 202 });
  });

  it('is not spoken in versions that are broken, and not left out', async () => {
    const old = new Promise((resolve, reject) => {
      const socket = tlsConnect(
        {
          port: Number(secure.port),
          host: '127.0.0.1',
          rejectUnauthorized: false,
          minVersion: 'TLSv1',
          maxVersion: 'TLSv1.1',
        },
        () => {
          resolve(socket.getProtocol());
        },
      );
      socket.on('error', reject);
    });
    await expect(old).rejects.toThrow();
    expect(await exchange(`GET /healthz HTTP/1.1\r\n${HEAD}\r\n`, secure)).not.toContain('200 OK');
  });
});

describe('beginning and ending', () => {
  it('says which port is taken, and what to do', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    await expect(http.listen({ port })).rejects.toMatchObject({
      code: 'EHTTPLISTEN',
      exitCode: 69,
      message: `cannot listen on 127.0.0.1 port ${port} (EADDRINUSE); end the other program, or set another http.port`,
    });
    taken.close();
  });

  it('ends although clients keep connections open and a request hangs', async () => {
    const running = await http.listen();
    const url = new URL(running.address);
    const agent = new Agent({ keepAlive: true });
    await fetchFrom(url, '/healthz', { agent });
    http.view.answer = () => new Promise(() => undefined);
    const hanging = fetchFrom(url, '/api/v1/traces', { ...POST }, '{"host":"a.example"}');
    const failed = expect(hanging).rejects.toThrow();
    await expect.poll(() => http.view.asked.length).toBe(1);
    await running.close();
    await failed;
    await expect(fetchFrom(url, '/healthz')).rejects.toThrow();
    agent.destroy();
  });
});
