import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../../src/cli/command-line.js';
import { openSqliteStore, type SqliteStore } from '../../../src/results/store/sqlite-store.js';
import { SUMMARY_CSV_COLUMNS } from '../../../src/results/summary-csv.js';
import { prepareRecord } from '../../../src/results/store/trace-table.js';
import type { TraceRecord } from '../../../src/record/record.js';
import { buildRecord, START_MS, type RecordOptions } from '../../results/record-builder.js';
import { fakeTerminal, type FakeStreamOptions } from '../fake-terminal.js';

const OLD_RUN = '0193a4b0-0000-7000-8000-0000000000a1';
const NEW_RUN = '0193a4b0-0000-7000-8000-0000000000b2';
const OTHER_RUN = '0193a4b9-0000-7000-8000-0000000000c3';
const DAY_MS = 86_400_000;
const HOSTILE = '=cmd|\u001b[2J<script>alert(1)</script>\u202e';

/** Three runs of two lists. Of the first list, one target changed; the second has names that mean harm, and tags. */
const RECORDS: readonly RecordOptions[] = [
  { number: 1, runId: OLD_RUN, outcome: 'delivered', company: 'Acme Ltd', input: 'a.example' },
  { number: 2, runId: OLD_RUN, outcome: 'dropped', company: 'Example Corp', input: 'b.example' },
  {
    number: 3,
    runId: NEW_RUN,
    outcome: 'dropped',
    company: 'Acme Ltd',
    input: 'a.example',
    startedAtMs: START_MS + DAY_MS,
  },
  {
    number: 4,
    runId: NEW_RUN,
    outcome: 'dropped',
    company: 'Example Corp',
    input: 'b.example',
    startedAtMs: START_MS + DAY_MS,
  },
  {
    number: 5,
    runId: OTHER_RUN,
    outcome: 'rejected',
    company: HOSTILE,
    input: 'c.example',
    protocol: 'icmp6',
    startedAtMs: START_MS + 2 * DAY_MS,
  },
];

let folder: string;
let path: string;
const records: TraceRecord[] = [];

function addRun(store: SqliteStore, id: string, name: string): void {
  store.runs.create({ id, name, vantage: null, toolVersion: '0', options: {}, startedAtMs: START_MS });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pdm-report-'));
  path = join(folder, 'store.db');
  const store = openSqliteStore(path);
  addRun(store, OLD_RUN, 'list.csv');
  addRun(store, NEW_RUN, 'list.csv');
  addRun(store, OTHER_RUN, 'other.csv');
  store.targets.add(OTHER_RUN, [
    {
      ...{ line: 1, host: 'c.example', hostKey: 'c.example', company: null, protocols: ['icmp6'], dport: null },
      ...{ tags: ['cdn'], spread: { wide: 0, narrow: 0 } },
    },
  ]);
  const [target] = [...store.targets.waiting(OTHER_RUN)];
  for (const options of RECORDS) {
    const record = buildRecord({ distance: 6, lastPdmHop: 3, silentHops: [], ...options });
    records.push(record);
    const targetKey = options.runId === OTHER_RUN ? (target?.targetKey ?? null) : null;
    store.traces.put([prepareRecord({ record, targetKey, completesTarget: targetKey !== null })]);
  }
  store.close();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function report(argv: readonly string[], stdout: FakeStreamOptions = {}, store = path) {
  const terminal = fakeTerminal(stdout);
  const refuse = (): Promise<never> => Promise.reject(new Error('report needs nothing but the store'));
  const code = await runCommandLine(['report', '--store', store, ...argv], terminal, {
    openMeasuring: refuse,
    storePorts: refuse,
    doctorPorts: refuse,
    daemonProcess: refuse,
    toolVersion: '0',
  });
  return { code, out: terminal.stdout.text, errors: terminal.stderr.text };
}

/** The numbers of the records that the given filters leave, by the hosts of whole records. */
async function matching(...argv: string[]): Promise<number[]> {
  const { code, out } = await report([...argv, '--json']);
  expect(code).toBe(0);
  const ids = out
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as TraceRecord).id);
  return ids.map((id) => records.findIndex((record) => record.id === id) + 1);
}

describe('filters of report', () => {
  it.each<[string[], number[]]>([
    [[], [1, 2, 3, 4, 5]],
    [
      ['--run', OLD_RUN],
      [1, 2],
    ],
    [
      ['--run', OLD_RUN.toUpperCase()],
      [1, 2],
    ],
    [['--run', '0193a4b9'], [5]],
    [['--run', 'last'], [5]],
    [
      ['--run', 'list.csv'],
      [3, 4],
    ],
    [
      ['--company', 'Acme Ltd'],
      [1, 3],
    ],
    [['--outcome', 'delivered'], [1]],
    [
      ['--outcome', 'delivered,rejected'],
      [1, 5],
    ],
    [
      ['--outcome', 'delivered', '--outcome', 'rejected'],
      [1, 5],
    ],
    [
      ['--outcome', 'accusations'],
      [2, 3, 4, 5],
    ],
    [['--protocol', 'icmp6'], [5]],
    [
      ['--protocol', 'udp,tcp'],
      [1, 2, 3, 4],
    ],
    [['--as', 'AS64503'], [2]],
    [['--as', '64503'], [2]],
    [
      ['--target', 'B.EXAMPLE'],
      [2, 4],
    ],
    [['--target', '2001:0db8:1005:0::1'], [5]],
    [['--tag', 'cdn'], [5]],
    [
      ['--since', '2026-11-25'],
      [3, 4, 5],
    ],
    [
      ['--until', '2026-11-24'],
      [1, 2],
    ],
    [
      ['--since', '2026-11-25T08:00:00Z', '--until', '2026-11-25T09:00:00.5+01:00'],
      [3, 4],
    ],
    [['--since', '2026-11-25T08:00:00.001Z'], [5]],
    [
      ['--since', '2026-11-25 09:00:00+01:00', '--until', '2026-11-25'],
      [3, 4],
    ],
    [
      ['--limit', '2'],
      [5, 4],
    ],
    [['--company', 'Acme Ltd', '--outcome', 'dropped', '--since', '2026-11-25'], [3]],
  ])('%j leaves the records %j', async (argv, numbers) => {
    expect(await matching(...argv)).toEqual(numbers);
  });
});

describe('formats of report', () => {
  it('has the summary CSV, in which no cell is a formula', async () => {
    const { out } = await report(['--format', 'csv']);
    const rows: string[][] = parse(out);
    expect(rows[0]).toEqual([...SUMMARY_CSV_COLUMNS]);
    expect(rows).toHaveLength(6);
    expect(rows.slice(1).map((row) => row[13])).toEqual(['delivered', 'dropped', 'dropped', 'dropped', 'rejected']);
    expect(rows[5]?.[0]).toBe(`'${HOSTILE}`);
  });

  it('has the table, cut to the terminal, coloured there alone, and never with a control character of a name', async () => {
    const wide = await report([], { isTTY: true, columns: 100 });
    expect(wide.out).toContain('\u001b[31mrejected');
    expect(wide.out).not.toContain('\u001b[2J');
    expect(wide.errors).toMatch(/^pdm-trace: left out for want of width: attribution_[a-z_, ]+, start_address, .*\n$/);
    const piped = await report([]);
    expect(piped.errors).toBe('');
    expect(piped.out).not.toContain('\u001b');
    expect(piped.out.split('\n')[0]?.split(/\s{2,}/)).toEqual([...SUMMARY_CSV_COLUMNS]);
    expect(piped.out).toContain('=cmd|?[2J<script>alert(1)</script>?');
  });

  it('has Markdown in which a name is no markup', async () => {
    const { out } = await report(['--format', 'markdown', '--protocol', 'icmp6']);
    expect(out.split('\n')).toHaveLength(4);
    expect(out).toContain('=cmd\\|?\\[2J\\<script\\>alert\\(1\\)\\</script\\>?');
  });

  it('has whole records as JSON Lines, exactly as they were stored', async () => {
    const { out } = await report(['--format', 'json']);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(records);
  });

  it('has a page in which a name is text', async () => {
    const { out } = await report(['--format', 'html', '--title', 'From <b>Toronto</b>']);
    expect(out).toMatch(/^<!doctype html>/);
    expect(out).toContain('<h1>From &lt;b&gt;Toronto&lt;/b&gt;</h1>');
    expect(out.match(/<article /g)).toHaveLength(5);
    expect(out).not.toContain('<script');
  });

  it('has RIPE Atlas and scamper JSON, one trace for each kind of packet', async () => {
    const types = async (format: string): Promise<unknown[]> => {
      const { out } = await report(['--format', format, '--run', 'list.csv']);
      return out
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { type: unknown }).type);
    };
    expect(await types('atlas')).toEqual(Array(4).fill('traceroute'));
    expect(await types('scamper')).toEqual(['cycle-start', ...Array<string>(4).fill('trace'), 'cycle-stop']);
  });

  it('has how many ended how, and the runs, in every format of tables', async () => {
    for (const format of ['table', 'csv', 'json', 'markdown']) {
      expect((await report(['--counts', '--format', format])).out).toMatch(/udp[^]*dropped/);
      expect((await report(['--runs', '--format', format])).out).toContain(NEW_RUN);
    }
    const rows = (await report(['--runs', '--json'])).out.trimEnd().split('\n');
    expect(rows.map((row) => JSON.parse(row) as unknown)).toMatchObject([
      { run_id: OTHER_RUN, name: 'other.csv', targets: 1, records: 1, rejected: 1 },
      { run_id: NEW_RUN, name: 'list.csv', records: 2, dropped: 2 },
      { run_id: OLD_RUN, records: 2, delivered: 1, dropped: 1 },
    ]);
  });
});

describe('changes since the last run', () => {
  it('are those of the last run of each list, and it says so', async () => {
    const { out, errors } = await report(['--changes', '--json']);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { destination: 'a.example', change: 'outcome', previous_outcome: 'delivered', outcome: 'dropped' },
    ]);
    expect(errors).toContain('changes of the last run of each of 2 lists');
  });

  it('are in every format that has tables', async () => {
    for (const format of ['table', 'csv', 'markdown']) {
      const { out } = await report(['--changes', '--format', format]);
      expect(out).toContain('a.example');
      expect(out).not.toContain('b.example');
    }
    const { out } = await report(['--changes', '--format', 'html']);
    expect(out.match(/<article /g)).toHaveLength(1);
  });

  it('are those of a run that is asked for', async () => {
    const { code, out, errors } = await report(['--changes', '--run', OLD_RUN]);
    expect([code, out]).toEqual([0, '']);
    // The first run has none before it.
    expect(errors).toContain('no earlier run to compare with');
  });
});

describe('report says what is wrong', () => {
  it.each([
    [['--outcome', 'droped'], '--outcome: there is no "droped"; did you mean dropped?'],
    [['--format', 'cvs'], '--format: there is no "cvs"; did you mean csv?'],
    [['--protocol', 'icmp'], '--protocol: there is no "icmp"; did you mean icmp6?'],
    [['--as', 'ASX'], '--as: "ASX" is no AS number; give one from 0 to 4294967295, for example --as AS64500'],
    [['--since', '2026-02-30'], '--since: "2026-02-30" is no time; give a date or RFC 3339 with its zone, for example'],
    [['--until', '2026-11-24T08:00:00'], '--until: "2026-11-24T08:00:00" is no time'],
    [['--since', '2026-11-25', '--until', '2026-11-24'], '--since 2026-11-25 is not before --until 2026-11-24'],
    [['--limit', '0'], '--limit: "0" is not possible'],
    [['--counts', '--limit', '2'], '--counts counts all that match; leave --limit out'],
    [['--run', 'lst'], 'did you mean last?'],
    [['--run', '0193a4b0'], `several runs begin with "0193a4b0", for example ${NEW_RUN} and ${OLD_RUN}`],
    [['--changes', '--runs'], '--changes and --runs are different tables'],
    [
      ['--changes', '--format', 'atlas'],
      '--changes has no atlas form; use --format table, csv, json, html or markdown',
    ],
    [['--runs', '--format', 'html'], '--runs has no html form'],
    [['--json', '--format', 'csv'], '--json and --format csv are different formats'],
    [['--compny', 'x'], 'there is no flag --compny; did you mean --company?'],
    [['--rate', '5'], '--rate is a flag of trace, not of report'],
    [['host'], 'report takes no "host"; name a host with --target'],
  ])('%j ends with 64', async (argv, message) => {
    const { code, out, errors } = await report(argv);
    expect(errors).toContain(message);
    expect([code, out, errors.split('\n').length]).toEqual([64, '', 2]);
  });

  it.each([
    [['--company', 'Acme Lt'], 'there is no company "Acme Lt", did you mean "Acme Ltd"?'],
    [['--tag', 'cdm'], 'there is no tag "cdm", did you mean "cdn"?'],
    [['--outcome', 'stripped', '--protocol', 'udp'], 'no record matches --outcome stripped; '],
    [['--outcome', 'rejected', '--protocol', 'udp'], 'no record matches --outcome rejected and --protocol udp; '],
    [['--since', '2027-01-01'], 'no record matches --since 2027-01-01T00:00:00Z; '],
    [['--target', 'nobody\u001b[2J.example'], 'no record matches --target "nobody?[2J.example"; '],
  ])('%j ends with 0 and says why nothing matches', async (argv, message) => {
    const { code, out, errors } = await report(argv);
    expect(errors).toContain(message);
    expect(errors).toContain('has 5 records');
    expect([code, out]).toEqual([0, '']);
  });

  it('keeps the heading of a CSV without rows', async () => {
    const { code, out } = await report(['--outcome', 'stripped', '--format', 'csv']);
    expect([code, out]).toEqual([0, `${SUMMARY_CSV_COLUMNS.join(',')}\r\n`]);
  });

  it('ends with 66 where the store is not there, is something else, or is damaged', async () => {
    const missing = await report([], {}, join(folder, 'none.db'));
    expect(missing.code).toBe(66);
    expect(missing.errors).toContain(`there is no store "${join(folder, 'none.db')}"; name one with --store FILE`);
    expect(existsSync(join(folder, 'none.db'))).toBe(false);
    const text = join(folder, 'text.db');
    writeFileSync(text, 'not a database at all, but long enough to have what would be a header '.repeat(20));
    expect(await report([], {}, text)).toMatchObject({
      code: 66,
      errors: expect.stringContaining('not an SQLite database') as string,
    });
    const damaged = join(folder, 'damaged.db');
    const octets = readFileSync(path);
    octets.fill(0xff, 8192, octets.length - 8192);
    writeFileSync(damaged, octets);
    expect(await report([], {}, damaged)).toMatchObject({
      code: 66,
      errors: expect.stringContaining('the store is damaged') as string,
    });
    expect(await report([], {}, folder)).toMatchObject({ code: 66 });
  });

  it('says that an empty store is empty', async () => {
    const empty = join(folder, 'empty.db');
    openSqliteStore(empty).close();
    expect(await report([], {}, empty)).toMatchObject({
      code: 0,
      out: '',
      errors: `pdm-trace: ${empty} has no records yet\n`,
    });
    expect(await report(['--runs'], {}, empty)).toMatchObject({
      code: 0,
      errors: `pdm-trace: ${empty} has no runs yet\n`,
    });
    expect(await report(['--run', 'last'], {}, empty)).toMatchObject({ code: 64 });
  });
});

describe('the output of report', () => {
  it('goes to a file, whose name says the format, and which is only replaced with --force', async () => {
    const file = join(folder, 'out.csv');
    expect(await report(['--output', file])).toMatchObject({ code: 0, out: '', errors: '' });
    expect(readFileSync(file, 'utf8')).toBe((await report(['--format', 'csv'])).out);
    writeFileSync(file, 'mine');
    const refused = await report(['--output', file]);
    expect(refused.code).toBe(73);
    expect(refused.errors).toContain('give --force to replace it');
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(await report(['--output', file, '--force'])).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toContain('destination_address');
    expect((await report(['--output', join(folder, 'none', 'out.csv')])).code).toBe(73);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('is never the store itself', async () => {
    const before = readFileSync(path);
    const { code, errors } = await report(['--output', path, '--force']);
    expect([code, errors.includes('is the store itself')]).toEqual([64, true]);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('ends quietly where nobody reads, and with 73 where it cannot be written', async () => {
    const closed = await report(['--format', 'json'], { failing: { code: 'EPIPE', fromWrite: 1 } });
    expect([closed.code, closed.errors]).toEqual([0, '']);
    const full = await report(['--format', 'json'], { failing: { code: 'ENOSPC', fromWrite: 1 } });
    expect([full.code, full.errors.includes('standard output cannot be written')]).toEqual([73, true]);
  });

  it('is there while another process writes into the store', async () => {
    const busy = join(folder, 'busy.db');
    const store = openSqliteStore(busy);
    addRun(store, OLD_RUN, 'list.csv');
    const put = (number: number): void => {
      const record = buildRecord({ number, runId: OLD_RUN, distance: 4 });
      store.traces.put([prepareRecord({ record, targetKey: null, completesTarget: false })]);
    };
    put(1);
    const first = await report(['--format', 'csv'], {}, busy);
    put(2);
    const second = await report(['--format', 'csv'], {}, busy);
    store.close();
    expect([first.out, second.out].map((out) => out.trimEnd().split('\n').length)).toEqual([2, 3]);
  });
});

describe('a fault that targets share', () => {
  const RUN = '0193a4b0-0000-7000-8000-0000000000d4';
  let shared: string;

  beforeAll(() => {
    shared = join(folder, 'shared.db');
    const store = openSqliteStore(shared);
    addRun(store, RUN, 'near.csv');
    for (let index = 1; index <= 8; index += 1) {
      // The same routers for all, and hop 2 reports packets with the option.
      const record = buildRecord({ number: 97 * index, runId: RUN, distance: 6, lastPdmHop: 1, silentHops: [] });
      const interval = { after: 1, upTo: 2, likelyUpTo: 2 };
      const whole = { ...record, verdict: { ...record.verdict, interval } };
      store.traces.put([prepareRecord({ record: whole, targetKey: null, completesTarget: false })]);
    }
    store.close();
  });

  it('is said before the table, and on stderr where programs read', async () => {
    const sentence =
      '8 of 8 targets lose packets with the option at one place, between hop 1 (2001:db8:1::1) and hop 2';
    const table = await report(['--run', 'last'], {}, shared);
    expect(table.out.startsWith(sentence)).toBe(true);
    expect(table.out.split('\n')[1]).toBe('');
    expect(table.errors).toBe('');
    const counts = await report(['--run', 'last', '--counts'], {}, shared);
    expect(counts.out.startsWith(sentence)).toBe(true);
    const markdown = await report(['--run', 'last', '--format', 'markdown'], {}, shared);
    expect(markdown.out.split('\n\n')[0]).toContain('\\(2001:db8:1::1\\)');
    for (const format of ['csv', 'json', 'atlas', 'scamper']) {
      const { out, errors } = await report(['--run', 'last', '--format', format], {}, shared);
      expect(errors).toContain(`pdm-trace: ${sentence}`);
      expect(out.startsWith(sentence)).toBe(false);
    }
    expect((await report(['--changes'], {}, shared)).errors).not.toContain(sentence);
  });

  it('leaves out its column first where a terminal is narrow', async () => {
    const { out, errors } = await report(['--run', 'last'], { isTTY: true, columns: 150 }, shared);
    expect(errors).toContain('left out for want of width: shared_fault');
    expect(out).toContain('8 of 8 targets');
  });
});
