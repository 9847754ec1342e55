import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteStore, type SqliteStore } from '../../src/results/store/sqlite-store.js';
import { prepareRecord } from '../../src/results/store/trace-table.js';
import { buildRecord, RUN_ID, START_MS } from '../results/record-builder.js';

const MAIN = join(import.meta.dirname, '../../dist/cli/main.js');
const READ_ATLAS = join(import.meta.dirname, '../report/formats/data/read-atlas-result.py');
const RECORDS = 4000;

let folder: string;
let path: string;
/** Open for writing all the while, as a run has it. */
let writer: SqliteStore;

function put(from: number, to: number): void {
  const batch = Array.from({ length: to - from }, (_, index) => {
    const record = buildRecord({ number: from + index, outcome: (from + index) % 3 === 0 ? 'dropped' : 'delivered' });
    return prepareRecord({ record, targetKey: null, completesTarget: false });
  });
  writer.traces.put(batch);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pdm-report-e2e-'));
  path = join(folder, 'store.db');
  writer = openSqliteStore(path);
  writer.runs.create({ id: RUN_ID, name: 'l', vantage: null, toolVersion: '0', options: {}, startedAtMs: START_MS });
  for (let from = 0; from < RECORDS; from += 1000) put(from, from + 1000);
});
afterAll(() => {
  writer.close();
  rmSync(folder, { recursive: true });
});

/** The built command, its memory for objects bounded: a store's worth of records is several times as large. */
function report(...argv: string[]) {
  const node = [`--max-old-space-size=40`, MAIN, 'report', '--store', path, ...argv];
  return spawnSync(process.execPath, node, { encoding: 'utf8', maxBuffer: 1e9 });
}

describe('pdm-trace report, as built', () => {
  it('gives 70 MB of records in 40 MB of memory, while the store is open for writing', () => {
    const file = join(folder, 'records.jsonl');
    const { status, stderr } = report('--output', file);
    expect([status, stderr]).toEqual([0, '']);
    const text = readFileSync(file, 'utf8');
    expect(text.length).toBeGreaterThan(7e7);
    expect(text.split('\n')).toHaveLength(RECORDS + 1);
  });

  it('has every record once in the CSV, in the order in which they were stored', () => {
    const { status, stdout } = report('--format', 'csv');
    expect(status).toBe(0);
    const rows: Record<string, string>[] = parse(stdout, { columns: true });
    expect(rows.map((row) => row.destination_name)).toEqual(
      Array.from({ length: RECORDS }, (_, number) => `www${number}.customer.example`),
    );
  });

  it('makes a page for a browser, and RIPE Atlas results that Debian’s blaeu-traceroute shows', () => {
    const page = join(folder, 'page.html');
    expect(report('--limit', '5', '--outcome', 'dropped', '--output', page)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(page, 'utf8').match(/<article /g)).toHaveLength(5);
    const { stdout } = report('--format', 'atlas', '--target', 'www3.customer.example');
    const file = join(folder, 'atlas.jsonl');
    writeFileSync(file, stdout.trimEnd());
    const shown = execFileSync('/usr/bin/python3', [READ_ATLAS, file], { encoding: 'utf8' });
    expect(shown.replace(/[ \t]+/g, ' ')).toContain('1 2001:db8:1:3::1 [3.1, 3.514, 5.002]');
  });

  it('ends quietly when its reader has read enough', () => {
    const command = `"$0" "$@" | head -n 1`;
    const argv = ['-o', 'pipefail', '-c', command, process.execPath, MAIN, 'report', '--store', path, '--json'];
    const { status, stdout, stderr } = spawnSync('bash', argv, { encoding: 'utf8', maxBuffer: 1e8 });
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ target: { input: 'www0.customer.example' } });
  });

  it('leaves no file behind when it is interrupted', async () => {
    const child = spawn(process.execPath, [MAIN, 'report', '--store', path, '--output', join(folder, 'cut.html')]);
    let errors = '';
    child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
    const isWriting = (): boolean => readdirSync(folder).some((name) => name.startsWith('.cut.html'));
    while (!isWriting() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect([code, errors]).toEqual([130, expect.stringContaining('interrupted')]);
    expect(readdirSync(folder).filter((name) => name.includes('cut.html'))).toEqual([]);
  });

  it('sees what was stored since, and ends with the exit codes that it promises', () => {
    put(RECORDS, RECORDS + 1);
    expect(report('--counts').stdout).toMatch(/dropped +1334 /);
    expect(report('--outcome', 'lost').status).toBe(64);
    expect(report('--store', join(folder, 'none.db')).status).toBe(66);
    expect(report('--output', join(folder, 'page.html')).status).toBe(73);
    expect(report('--outcome', 'stripped').status).toBe(0);
  });
});
