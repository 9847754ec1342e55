import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  loadSettings,
  withTargetRow,
  type LoadedSettings,
  type SettingsInput,
} from '../../src/config/load-settings.js';
import { SettingsError } from '../../src/config/settings-error.js';
import {
  SETTING_KEYS,
  destinationPort,
  flagOf,
  settingOf,
  variableOf,
  type SettingKey,
  type Settings,
} from '../../src/config/settings.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'settings-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function yaml(text: string): string {
  const path = join(directory, 'pdm-trace.yaml');
  writeFileSync(path, text);
  return path;
}

function load(more: Partial<SettingsInput> = {}): LoadedSettings {
  return loadSettings({ command: 'trace', env: {}, flags: {}, ...more });
}

function refusal(attempt: () => unknown): SettingsError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('layers of settings', () => {
  it('are the documented defaults where nothing is given', () => {
    const { settings, sources, file } = load();
    expect(settings).toEqual({
      protocol: ['udp', 'icmp6'],
      dport: null,
      maxHops: 30,
      confidence: 0.999,
      rate: 100,
      hopInterval: 100,
      timeout: 2000,
      gapLimit: 8,
      explain: true,
      reference: null,
      source: null,
      interface: null,
      flowLabel: null,
      probeUri: null,
      size: null,
      fragment: false,
      transport: 'auto',
      seed: null,
      addresses: 'first',
      dns: true,
      resolver: null,
      asnDb: null,
      ixpPrefixes: null,
      doNotProbe: null,
      allowSpecial: false,
      company: null,
      vantage: hostname(),
      targets: null,
      store: null,
      resume: false,
      dryRun: false,
      json: false,
      pcap: null,
      force: false,
      debug: false,
      config: null,
    } satisfies Settings);
    expect(new Set(Object.values(sources))).toEqual(new Set(['default']));
    expect(file).toBeNull();
  });

  it('give lists a higher bar than single traces', () => {
    expect(load({ command: 'run' }).settings.confidence).toBe(0.9999);
    expect(load({ command: 'run', flags: { confidence: '0.99' } }).settings.confidence).toBe(0.99);
  });

  it('win in the order file, environment, flags, target row', () => {
    const file = yaml('maxHops: 11\nrate: 11\nhopInterval: 11\ndport: 11\n');
    const env = { PDM_TRACE_RATE: '22', PDM_TRACE_HOP_INTERVAL: '22', PDM_TRACE_DPORT: '22' };
    const { settings, sources } = load({ file, env, flags: { hopInterval: '33', dport: 33, maxHops: undefined } });
    expect(settings).toMatchObject({ maxHops: 11, rate: 22, hopInterval: 33, dport: 33, timeout: 2000 });
    expect(sources).toMatchObject({ maxHops: 'file', rate: 'environment', hopInterval: 'flag', timeout: 'default' });
    expect(withTargetRow(settings, { dport: '44', company: '', protocol: null }, 'line 7').dport).toBe(44);
  });

  it('take the file from --config before PDM_TRACE_CONFIG', () => {
    const one = yaml('maxHops: 5\n');
    const other = join(directory, 'other.yaml');
    writeFileSync(other, 'maxHops: 6\n');
    expect(load({ env: { PDM_TRACE_CONFIG: one } })).toMatchObject({ settings: { maxHops: 5 }, file: one });
    expect(load({ env: { PDM_TRACE_CONFIG: one }, flags: { config: other } }).settings.maxHops).toBe(6);
  });

  it('do not let an empty variable change anything', () => {
    expect(load({ env: { PDM_TRACE_RATE: '', PATH: '/bin', PDM_TRACER: 'x' } }).settings.rate).toBe(100);
  });

  it('check the file even where a flag overrides it', () => {
    expect(refusal(() => load({ file: yaml('rate: many'), flags: { rate: '5' } })).key).toBe('rate');
  });

  it('change only what may differ per target in a target row', () => {
    const { settings } = load();
    expect(withTargetRow(settings, { protocol: 'icmp6', dport: '53', company: 'Example Corp' }, 'line 2')).toEqual({
      ...settings,
      protocol: ['icmp6'],
      dport: 53,
      company: 'Example Corp',
    });
    expect(refusal(() => withTargetRow(settings, { rate: '5' }, 'line 9')).message).toBe(
      'line 9: rate cannot be set per target; set it for the whole list',
    );
    expect(refusal(() => withTargetRow(settings, { dport: 'http' }, 'line 9')).message).toBe(
      'dport in line 9: "http" is not possible; it must be a whole number from 1 to 65,535, for example 33434',
    );
  });

  it('hand back sections that the command knows, unread, and refuse others', () => {
    const file = yaml('jobs: [{list: a.csv}]\nrate: 5\n');
    expect(load({ file, sections: ['jobs'] }).sections).toEqual({ jobs: [{ list: 'a.csv' }] });
    expect(refusal(() => load({ file })).code).toBe('unknown-setting');
  });
});

describe('values', () => {
  const accepted: [SettingKey, unknown, unknown][] = [
    ['protocol', 'udp', ['udp']],
    ['protocol', 'icmp6, udp', ['icmp6', 'udp']],
    ['protocol', ['udp', 'icmp6'], ['udp', 'icmp6']],
    ['dport', '1', 1],
    ['dport', 65535, 65535],
    ['maxHops', '1', 1],
    ['maxHops', '63', 63],
    ['confidence', '0.51', 0.51],
    ['confidence', '0.999999', 0.999999],
    ['rate', '1', 1],
    ['rate', '1000000', 1_000_000],
    ['hopInterval', '0', 0],
    ['hopInterval', '60000', 60_000],
    ['timeout', '100', 100],
    ['timeout', '60000', 60_000],
    ['gapLimit', '1', 1],
    ['gapLimit', '64', 64],
    ['explain', false, false],
    ['explain', 'no', false],
    ['dns', 'off', false],
    ['json', '1', true],
    ['flowLabel', '0x12345', 0x12345],
    ['flowLabel', '0xFFFFF', 0xfffff],
    ['flowLabel', '1', 1],
    ['source', '2001:db8::1', '2001:db8::1'],
    ['source', 'fe80::1%eth0', 'fe80::1%eth0'],
    ['interface', 'eth0.100', 'eth0.100'],
    ['resolver', '2001:db8::53', '2001:db8::53'],
    ['resolver', '192.0.2.53:5353', '192.0.2.53:5353'],
    ['resolver', '[2001:db8::53]:53', '[2001:db8::53]:53'],
    ['resolver', '[2001:db8::53]', '[2001:db8::53]'],
    ['transport', 'raw-socket', 'raw-socket'],
    ['addresses', 'all', 'all'],
    ['seed', '0', 0],
    ['seed', '4294967295', 0xffffffff],
    ['company', 'T\u00e9l\u00e9com & S\u00f6hne', 'T\u00e9l\u00e9com & S\u00f6hne'],
    ['company', '123', '123'],
    ['probeUri', 'https://example.com/probing.txt', 'https://example.com/probing.txt'],
    ['probeUri', 'mailto:noc@example.com', 'mailto:noc@example.com'],
  ];
  it.each(accepted)('%s accepts %j', (key, raw, value) => {
    expect(load({ flags: { [key]: raw } }).settings[key]).toEqual(value);
    if (typeof raw === 'string') expect(load({ env: { [variableOf(key)]: raw } }).settings[key]).toEqual(value);
  });

  const refused: [SettingKey, unknown][] = [
    ['protocol', 'sctp'],
    ['protocol', 'udp,udp'],
    ['protocol', ''],
    ['dport', '0'],
    ['dport', '65536'],
    ['maxHops', '0'],
    // The hop limit of pairs at the target: a router there would be taken for part of these.
    ['maxHops', '64'],
    ['maxHops', '3.5'],
    ['maxHops', 'abc'],
    ['maxHops', Number.NaN],
    ['maxHops', '12abc'],
    ['maxHops', ['1', '2']],
    ['confidence', '0.5'],
    ['confidence', '1'],
    ['confidence', 'high'],
    ['rate', '0'],
    ['rate', '1000001'],
    ['rate', '-5'],
    ['rate', 'Infinity'],
    ['hopInterval', '-1'],
    ['hopInterval', '60001'],
    ['timeout', '99'],
    ['timeout', '60001'],
    ['gapLimit', '0'],
    ['gapLimit', '65'],
    ['explain', 'perhaps'],
    ['flowLabel', '0'],
    ['flowLabel', '0x100000'],
    ['source', '192.0.2.1'],
    ['source', 'localhost'],
    ['interface', 'a-name-that-is-too-long'],
    ['interface', '../x'],
    ['resolver', 'dns.example'],
    ['resolver', '[::1]:99999'],
    ['resolver', '192.0.2.1:'],
    ['transport', 'magic'],
    ['addresses', 'some'],
    ['seed', '-1'],
    ['company', 'a\nb'],
    ['company', 'x\u202ey'],
    ['company', 'x'.repeat(201)],
    ['asnDb', ''],
    ['probeUri', 'no-uri'],
    ['probeUri', `https://example.com/${'x'.repeat(30)}`],
  ];
  it.each(refused)('%s refuses %j, saying where it was given and what would do', (key, raw) => {
    const error = refusal(() => load({ flags: { [key]: raw } }));
    expect(error).toMatchObject({ code: 'bad-setting', key, exitCode: 64 });
    expect(error.message.startsWith(`${flagOf(key)}: "`)).toBe(true);
    expect(error.message).toMatch(/ is not possible; it must be .+, for example --[a-z-]+/);
    expect(error.message).not.toMatch(/\p{C}/u);
  });

  it('are refused in the words of the place they were given in', () => {
    expect(refusal(() => load({ flags: { hopInterval: 'abc' } })).message).toBe(
      '--hop-interval: "abc" is not possible; it must be a whole number from 0 to 60,000, for example --hop-interval 100',
    );
    expect(refusal(() => load({ env: { PDM_TRACE_MAX_HOPS: '99' } })).message).toBe(
      'PDM_TRACE_MAX_HOPS: "99" is not possible; it must be a whole number from 1 to 63, for example PDM_TRACE_MAX_HOPS=30',
    );
    const file = yaml('transport: fast\n');
    expect(refusal(() => load({ file })).message).toBe(
      `transport in "${file}": "fast" is not possible; it must be auto, native or raw-socket, for example transport: auto`,
    );
  });

  it('keep their type in the file: a boolean is no number and a list no text', () => {
    for (const text of ['rate: true', 'explain: 1', 'company: [a]', 'maxHops: {a: 1}', 'maxHops: null', 'dport: .nan'])
      expect(refusal(() => load({ file: yaml(text) })).code).toBe('bad-setting');
    expect(
      load({ file: yaml('flowLabel: 0x12345\nprotocol: [udp]\nexplain: no\nseed: null\n') }).settings,
    ).toMatchObject({
      flowLabel: 0x12345,
      protocol: ['udp'],
      explain: false,
      seed: null,
    });
  });
});

describe('the size of probes', () => {
  const refused = (flags: Record<string, unknown>): string => refusal(() => load({ flags })).message;

  it('has bounds that depend on fragments and the description URI, and an error names value and range', () => {
    const probeUri = 'https://example.com/probes';
    for (const [flags, smallest, largest] of [
      [{}, 62, 65_500],
      [{ probeUri }, 90, 65_500],
      [{ fragment: true }, 80, 4900],
      [{ fragment: true, probeUri }, 112, 4900],
    ] as const) {
      expect(load({ flags: { ...flags, size: smallest } }).settings.size).toBe(smallest);
      expect(load({ flags: { ...flags, size: largest } }).settings.size).toBe(largest);
      expect(refused({ ...flags, size: smallest - 1 })).toMatch(/--size/);
      expect(refused({ ...flags, size: largest + 1 })).toMatch(/--size/);
    }
    expect(refused({ fragment: true, size: 5000 })).toBe(
      '--size 5000: probes with --fragment have 80 to 4900 octets; give a value in that range',
    );
  });

  it('does not go with SYNs, which carry no data', () => {
    expect(refused({ size: 100, protocol: 'udp,tcp' })).toMatch(/^--size 100: SYNs carry no data.*leave tcp out/);
    expect(refused({ fragment: true, protocol: 'tcp' })).toMatch(/^--fragment: SYNs carry no data/);
  });
});

describe('unknown keys', () => {
  it.each([
    ['maxhops: 3', 'there is no setting "maxhops"; did you mean maxHops?'],
    ['max-hops: 3', 'there is no setting "max-hops"; did you mean maxHops?'],
    ['tiemout: 3', 'there is no setting "tiemout"; did you mean timeout?'],
    ['protocols: udp', 'there is no setting "protocols"; did you mean protocol?'],
    ['config: x.yaml', 'there is no setting "config"; remove it; config/default.yaml lists all settings'],
    ['zebra: 3', 'there is no setting "zebra"; remove it; config/default.yaml lists all settings'],
    ['__proto__: 3', 'there is no setting "__proto__"; remove it; config/default.yaml lists all settings'],
    ['constructor: 3', 'there is no setting "constructor"; remove it; config/default.yaml lists all settings'],
  ])('in the file: %s', (text, message) => {
    const file = yaml(text);
    const error = refusal(() => load({ file }));
    expect(error).toMatchObject({
      code: 'unknown-setting',
      exitCode: 64,
      message: `settings file "${file}": ${message}`,
    });
  });

  it('in the environment are refused with the nearest one', () => {
    expect(refusal(() => load({ env: { PDM_TRACE_MAXHOPS: '3' } })).message).toBe(
      'environment: there is no PDM_TRACE_MAXHOPS; did you mean PDM_TRACE_MAX_HOPS?',
    );
    expect(refusal(() => load({ env: { PDM_TRACE_ZEBRA: '3' } })).message).toMatch(
      /there is no PDM_TRACE_ZEBRA; unset it/,
    );
  });
});

describe('a settings file that cannot be used', () => {
  it.each([
    ['a: [1', /line 1: .+; correct the YAML$/],
    ['rate: 1\nrate: 2\n', /line 2: .*unique.*; correct the YAML$/i],
    ['- udp\n', /is not a map of settings; write one "key: value" a line, as in config\/default\.yaml$/],
    ['hello', /is not a map of settings/],
    [
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
      /write values out instead of aliases$/,
    ],
  ])('is refused: %j', (text, message) => {
    expect(refusal(() => load({ file: yaml(text) }))).toMatchObject({
      code: 'settings-file-malformed',
      exitCode: 64,
      message: expect.stringMatching(message) as unknown,
    });
  });

  it('is refused where it cannot be read', () => {
    const file = join(directory, 'missing.yaml');
    expect(refusal(() => load({ file }))).toMatchObject({
      code: 'settings-file-unreadable',
      exitCode: 66,
      message: `settings file "${file}" cannot be read (ENOENT); give a readable file with --config`,
    });
  });

  it('may be empty', () => {
    expect(load({ file: yaml('# nothing\n') }).settings.rate).toBe(100);
  });
});

describe('names', () => {
  it('of flags and variables follow from the key', () => {
    expect([flagOf('maxHops'), flagOf('explain'), flagOf('asnDb'), flagOf('dns')]).toEqual([
      '--max-hops',
      '--no-explain',
      '--asn-db',
      '--no-dns',
    ]);
    expect(variableOf('ixpPrefixes')).toBe('PDM_TRACE_IXP_PREFIXES');
  });

  it('are distinct, and every setting has a possible example', () => {
    expect(new Set(SETTING_KEYS.map(variableOf)).size).toBe(SETTING_KEYS.length);
    for (const key of SETTING_KEYS)
      expect(() =>
        load({ env: { [variableOf(key)]: key === 'config' ? yaml('') : settingOf(key).example } }),
      ).not.toThrow();
  });
});

describe('the destination port', () => {
  it('is the one set, else the one of the protocol, and none for echo requests', () => {
    expect(destinationPort({ dport: null }, 'udp')).toBe(33434);
    expect(destinationPort({ dport: null }, 'tcp')).toBe(443);
    expect(destinationPort({ dport: 53 }, 'udp')).toBe(53);
    expect(destinationPort({ dport: 53 }, 'icmp6')).toBeNull();
  });
});
