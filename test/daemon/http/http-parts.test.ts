import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { httpSettingsSchema, type HttpSettings } from '../../../src/config/http-settings.js';
import { checkHttpFiles } from '../../../src/daemon/http/http-files.js';
import { Guard } from '../../../src/daemon/http/http-guard.js';
import { clientOf, ClientRates, RefillingBucket } from '../../../src/daemon/http/http-rate-limit.js';
import { readToken, tokenDigest } from '../../../src/daemon/http/http-token.js';

// For busy machines: nothing here takes more than two seconds on an idle one.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const USER = process.geteuid?.() ?? null;
const TOKEN = 'x'.repeat(31) + 'y';
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-token-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function file(name: string, text: string, mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('a token', () => {
  it('matches itself and nothing else, whatever is offered', () => {
    const digest = tokenDigest(TOKEN);
    expect(digest.matches(TOKEN)).toBe(true);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant(`${TOKEN} `)), (offered) => {
        expect(digest.matches(offered)).toBe(offered === TOKEN);
      }),
    );
    expect(digest.matches('')).toBe(false);
    expect(digest.matches('x'.repeat(1_000_000))).toBe(false);
    expect(JSON.stringify(digest)).not.toContain(TOKEN);
  });

  it.each([
    [`${TOKEN}\n`, 0o600],
    [`${TOKEN}\r\n`, 0o600],
    [TOKEN, 0o400],
  ])('is read from %j of mode %i', (text, mode) => {
    expect(readToken(file(`good-${mode}-${text.length}`, text, mode), USER).matches(TOKEN)).toBe(true);
  });

  it.each([
    ['EHTTPTOKENMODE', TOKEN, 0o640, /mode 0640: others can read it; chmod 600 it/],
    ['EHTTPTOKENMODE', TOKEN, 0o604, /mode 0604/],
    ['EHTTPTOKENMODE', TOKEN, 0o620, /mode 0620/],
    ['EHTTPTOKENSHORT', 'x'.repeat(31), 0o600, /has 31 characters, 32 are needed; make one with: openssl rand -hex 32/],
    ['EHTTPTOKENSHORT', '', 0o600, /has 0 characters/],
    ['EHTTPTOKENSHORT', `${'x'.repeat(31)}\n`, 0o600, /has 31 characters/],
    ['EHTTPTOKENTEXT', 'x'.repeat(1025), 0o600, /at most 1024 visible ASCII characters/],
    ['EHTTPTOKENTEXT', `${TOKEN}\n${TOKEN}\n`, 0o600, /one line/],
    ['EHTTPTOKENTEXT', `${TOKEN} ${TOKEN}`, 0o600, /visible ASCII/],
    ['EHTTPTOKENTEXT', `${TOKEN}é`, 0o600, /visible ASCII/],
  ])(
    'is refused with %s for %j of mode %i, and the message says what to do but not the token',
    (code, text, mode, message) => {
      const path = file(`bad-${mode}-${text.length}-${code}`, text, mode);
      const read = (): unknown => readToken(path, USER);
      expect(read).toThrow(expect.objectContaining({ code, exitCode: 66 }) as Error);
      expect(read).toThrow(message);
      expect(read).not.toThrow(/xxxx/);
    },
  );

  it('is refused from another user, from no file, from a directory, and by a link to a file that others can read', () => {
    expect(() => readToken(file('mine', TOKEN), (USER ?? 0) + 1)).toThrow(
      /belongs to user \d+, this process is user \d+; chown/,
    );
    expect(() => readToken(join(directory, 'none'), USER)).toThrow(
      /cannot read the token file .* \(ENOENT\); make one with/,
    );
    mkdirSync(join(directory, 'folder'), { mode: 0o700 });
    expect(() => readToken(join(directory, 'folder'), USER)).toThrow(/no regular file/);
    symlinkSync(file('open', TOKEN, 0o644), join(directory, 'link'));
    expect(() => readToken(join(directory, 'link'), USER)).toThrow(/mode 0644/);
  });
});

describe('the files of HTTP', () => {
  const settingsWith = (more: object): HttpSettings => httpSettingsSchema.parse(more);

  it('are checked before the daemon needs them: a token that is missing or open to others is no surprise later', () => {
    const missing = join(directory, 'not-made-yet');
    expect(() => checkHttpFiles(settingsWith({ tokenFile: missing }), USER)).toThrow(/ENOENT.*openssl rand -hex 32/);
    const open = file('open', TOKEN, 0o644);
    expect(() => checkHttpFiles(settingsWith({ tokenFile: open }), USER)).toThrow(/mode 0644/);
    const tls = { certificate: missing, key: missing };
    expect(() => checkHttpFiles(settingsWith({ tls }), USER)).toThrow(/http\.tls: cannot read the certificate/);
    expect(checkHttpFiles(settingsWith({ tokenFile: file('checked', TOKEN) }), USER)).toEqual([]);
  });

  it('may belong to the user of the daemon when root checks them, and to nobody else when others do', () => {
    const tokenFile = file('of-somebody', TOKEN);
    expect(checkHttpFiles(settingsWith({ tokenFile }), 0)).toEqual([]);
    expect(() => checkHttpFiles(settingsWith({ tokenFile }), (USER ?? 0) + 1)).toThrow(/belongs to user/);
  });
});

describe('rates', () => {
  it('hold over any time: no more than the burst and what came in since', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        steps,
        (perSecond, burst, pauses) => {
          const bucket = new RefillingBucket(perSecond, burst);
          let nowMs = 0;
          let taken = 0;
          for (const pause of pauses) {
            nowMs += pause;
            const waitMs = bucket.waitMs(nowMs);
            if (waitMs === 0) {
              bucket.take();
              taken += 1;
            }
            expect(taken).toBeLessThanOrEqual(burst + (nowMs * perSecond) / 1000 + 1e-6);
          }
        },
      ),
    );
  });

  it('let pass what waited as long as it was told', () => {
    const bucket = new RefillingBucket(0.5, 1);
    bucket.waitMs(0);
    bucket.take();
    const waitMs = bucket.waitMs(500);
    expect(waitMs).toBeCloseTo(1500);
    expect(bucket.waitMs(500 + waitMs)).toBe(0);
  });

  it('are kept of a bounded number of clients: those not seen for long are forgotten', () => {
    const rates = new ClientRates(1000);
    for (let request = 0; request < 5000; request += 1) expect(rates.request('first', 0)).toBe(0);
    expect(rates.request('first', 0)).toBeGreaterThan(0);
    for (let client = 0; client < 4096; client += 1) rates.request(`client-${client}`, 0);
    expect(rates.request('first', 0)).toBe(0);
  });

  it.each([
    ['2001:db8:1:2:3::4', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['::1', '::1'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['192.0.2.7', '192.0.2.7'],
    [undefined, 'unknown'],
  ])('know the client at %s as %s', (address, client) => {
    expect(clientOf(address)).toBe(client);
  });
});

describe('the settings', () => {
  const problems = (given: object): string[] =>
    (httpSettingsSchema.safeParse(given).error?.issues ?? []).map(
      ({ path, message }) => `${path.join('.')}: ${message}`,
    );
  const tls = { certificate: 'c.pem', key: 'k.pem' };

  it('are on loopback by default, without a token', () => {
    expect(httpSettingsSchema.parse({})).toMatchObject({ listen: '127.0.0.1', port: 8250, tokenFile: null, tls: null });
  });

  it.each(['0.0.0.0', '::', '192.0.2.1', '2001:db8::1', '::ffff:127.0.0.1'])(
    'elsewhere (%s) need a token, and TLS or a word that plain HTTP is meant',
    (listen) => {
      expect(problems({ listen })).toEqual([
        expect.stringMatching(/^tokenFile: is needed to listen on/),
        expect.stringMatching(/^tls: is needed .* or write insecureHttp: true$/),
      ]);
      expect(problems({ listen, tls })).toEqual([expect.stringMatching(/^tokenFile/)]);
      expect(problems({ listen, insecureHttp: true })).toEqual([expect.stringMatching(/^tokenFile/)]);
      expect(problems({ listen, tokenFile: 't', tls })).toEqual([]);
      expect(problems({ listen, tokenFile: 't', insecureHttp: true })).toEqual([]);
    },
  );

  it.each(['127.0.0.1', '127.1.2.3', '::1', '0:0:0:0:0:0:0:1'])('on %s need none', (listen) => {
    expect(problems({ listen })).toEqual([]);
  });

  it.each([
    { listen: 'localhost' },
    { listen: 'fe80::1%eth0' },
    { port: 65536 },
    { tls: { certificate: 'c.pem' } },
    { token: 'secret' },
    { allowedHosts: ['a.example:80'] },
    { allowedHosts: ['*'] },
    { probing: { contact: [], description: 'x' } },
    { probing: { contact: ['probes@example.net'], description: 'x' } },
    { probing: { contact: ['mailto:a@b.example'], description: 'two\nlines' } },
    { probing: { contact: ['mailto:a@b.example\r\nContact: x'], description: 'x' } },
    { requestsPerSecond: 0 },
    { traceQueue: 0 },
  ])('%j are refused', (given) => {
    expect(problems(given)).not.toEqual([]);
  });
});

describe('a health check', () => {
  const guard = new Guard(
    httpSettingsSchema.parse({ listen: '2001:db8::1', tokenFile: 'token', insecureHttp: true }),
    tokenDigest(TOKEN),
    () => 0,
  );
  const healthFrom = (remoteAddress: string | undefined, localAddress: string | undefined): void => {
    const headers = { host: '[2001:db8::1]:8250' };
    guard.check({ target: '/healthz', access: 'health', unlimited: true, headers, remoteAddress, localAddress });
  };

  it('is from this machine where it comes from the very address that it goes to, as the container does', () => {
    expect(() => {
      healthFrom('2001:db8::1', '2001:db8::1');
    }).not.toThrow();
    for (const remote of ['2001:db8::2', '192.0.2.1', undefined])
      expect(() => {
        healthFrom(remote, '2001:db8::1');
      }).toThrow('token');
  });
});
