import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readFileSync } from 'node:fs';
import { daemonFileSchema, loadDaemonSettings, type DaemonSettings } from '../../src/config/daemon-settings.js';
import { SettingsError } from '../../src/config/settings-error.js';

const directory = mkdtempSync(join(tmpdir(), 'pdm-daemon-settings-'));
const file = join(directory, 'daemon.yaml');
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function load(text: string, env: Record<string, string> = {}): DaemonSettings {
  writeFileSync(file, text);
  return loadDaemonSettings({ file, env });
}

/** One job in flow style with the given further keys. */
function job(more = ''): string {
  return `jobs: [{ name: a, targets: a.csv, cron: "15 4 * * *"${more === '' ? '' : `, ${more}`} }]`;
}

function refusal(text: string): SettingsError {
  try {
    load(text);
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('the settings of a daemon', () => {
  it('have a job take what the file says for all jobs, and its own value where it has one', () => {
    const { settings, jobs } = load(`
rate: 200
maxHops: 20
vantage: PDM-Toronto
jobs:
  - { name: a, targets: a.csv, cron: "15 4 * * *" }
  - { name: b, targets: b.csv, cron: "0 */2 * * *", timezone: America/Toronto, rate: 50, maxHops: 12, protocol: [tcp],
      vantage: Elsewhere, company: Example, jitterSeconds: 60, missed: skip, enabled: false }
`);
    expect(settings.rate).toBe(200);
    expect(jobs[0]).toMatchObject({ timezone: 'UTC', missed: 'run', jitterSeconds: 0, enabled: true, rate: null });
    expect(jobs[0]!.settings).toMatchObject({ maxHops: 20, vantage: 'PDM-Toronto', confidence: 0.9999, rate: 200 });
    expect(jobs[1]).toMatchObject({ rate: 50, missed: 'skip', jitterSeconds: 60, enabled: false });
    expect(jobs[1]!.settings).toMatchObject({ maxHops: 12, protocol: ['tcp'], vantage: 'Elsewhere', rate: 50 });
    expect(jobs[1]!.settings.company).toBe('Example');
  });

  it('have HTTP on loopback unless they say null, and keep everything unless they say how long', () => {
    expect(load(job()).http).toMatchObject({ listen: '127.0.0.1', port: 8250 });
    expect(load(`${job()}\nhttp: null`).http).toBeNull();
    expect(load(job()).retention).toEqual({ maxAgeDays: null, maxSizeMiB: null });
    expect(load(`${job()}\nretention: { maxAgeDays: 30 }`).retention).toEqual({ maxAgeDays: 30, maxSizeMiB: null });
  });

  it('take the environment for what all jobs share, and not over what a job says itself', () => {
    const { jobs, settings } = load(job('maxHops: 12'), { PDM_TRACE_MAX_HOPS: '25', PDM_TRACE_RATE: '7' });
    expect(settings).toMatchObject({ maxHops: 25, rate: 7 });
    expect(jobs[0]!.settings).toMatchObject({ maxHops: 12, rate: 7 });
  });

  it('follow a schedule in its time zone over both changes of the clocks', () => {
    const { schedule } = load(job('timezone: America/Toronto')).jobs[0]!;
    const next = (iso: string): string => new Date(schedule.next(Date.parse(iso))!).toISOString();
    expect(next('2026-03-07T12:00:00Z')).toBe('2026-03-08T08:15:00.000Z');
    expect(next('2026-10-31T12:00:00Z')).toBe('2026-11-01T09:15:00.000Z');
  });

  it.each([
    [
      'a schedule',
      job().replace('15 4 * * *', '61 4 * * *'),
      'jobs[0].cron',
      /"61 4 \* \* \*" is not possible.*cron schedule/,
    ],
    ['too few fields', job().replace('15 4 * * *', '15 4 *'), 'jobs[0].cron', /cron schedule of five fields/],
    ['a schedule that depends on when it is read', job().replace('15 4', '? 4'), 'jobs[0].cron', /cron schedule/],
    ['a time zone', job('timezone: America/Torronto'), 'jobs[0].timezone', /time zone by its IANA name/],
    ['a setting out of range', job('maxHops: 64'), 'jobs[0].maxHops', /"64" is not possible; it must be .* 1 to 63/],
    ['a protocol', job('protocol: [sctp]'), 'jobs[0].protocol', /udp, icmp6, tcp/],
    ['a key with a typo', job('maxHop: 20'), 'jobs[0]', /"maxHop"; did you mean maxHops\?/],
    ['what all jobs share', job('transport: native'), 'jobs[0].transport', /set transport at the top of the file/],
    ['a rate above the shared one', `rate: 50\n${job('rate: 100')}`, 'jobs[0].rate', /more than rate: 50/],
    ['settings that do not fit together', job('size: 100, protocol: [tcp]'), 'jobs[0]', /SYNs carry no data/],
    ['a missing key', 'jobs: [{ name: a, cron: "0 0 * * *" }]', 'jobs[0].targets', /is missing; add it/],
    [
      'a name twice',
      `${job().slice(0, -1)}, { name: a, targets: b, cron: "@daily" }]`,
      'jobs[1].name',
      /of jobs\[0\] already/,
    ],
    ['a name of other characters', job().replace('name: a', 'name: "a/b"'), 'jobs[0].name', /letters, digits/],
    ['jobs that are no list', 'jobs: { name: a }', 'jobs', /write a list/],
    ['a job that is no map', 'jobs: [daily]', 'jobs[0]', /one "key: value" a line/],
    ['retention', `${job()}\nretention: { maxAgeDays: 0 }`, 'retention.maxAgeDays', /whole number from 1/],
    ['a key of retention', `${job()}\nretention: { days: 3 }`, 'retention', /there is no key "days"/],
    ['a key of HTTP', `${job()}\nhttp: { prot: 80 }`, 'http', /"prot"; did you mean port\?/],
    ['a port', `${job()}\nhttp: { port: 70000 }`, 'http.port', /http\.port/],
    [
      'half of probing.txt',
      `${job()}\nhttp: { probing: { contact: ["mailto:a@b.c"] } }`,
      'http.probing.description',
      /is missing/,
    ],
    ['HTTP for everybody without a token', `${job()}\nhttp: { listen: "::" }`, 'http.tokenFile', /is needed to listen/],
    ['what means nothing to a daemon', `json: true\n${job()}`, 'json', /means nothing to a daemon; remove it/],
    ['a section with a typo', 'job: []', 'job', /did you mean jobs\?/],
  ])('refuse %s, with the key, the value and the remedy in one line', (_what, text, path, message) => {
    const error = refusal(text);
    expect(error.message).toContain(path);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
    expect(error.exitCode).toBe(64);
  });
});

describe('config/daemon.example.yaml', () => {
  const example = fileURLToPath(new URL('../../config/daemon.example.yaml', import.meta.url));

  it('loads, and its schema accepts it', () => {
    const { jobs } = loadDaemonSettings({ file: example, env: {} });
    expect(jobs.map(({ name }) => name)).toEqual(['customers', 'resolvers every hour']);
    expect(daemonFileSchema().safeParse(parse(readFileSync(example, 'utf8'))).error).toBeUndefined();
  });
});
