import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { TraceRecord } from '../../src/record/record.js';
import type { Lab } from './lab-types.js';

/** How a run begins, how far it is, and how to go on. */
const SAID_BESIDES = /, seed \d+|in flight|: so far: |: done; /;
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Records of `pdm-trace` to the lab's target, with these flags besides. */
export function traceRecords(lab: Lab, ...flags: readonly string[]): Promise<readonly TraceRecord[]> {
  return recordsOf(lab, lab.targetAddress, flags);
}

/** … to any address. */
export async function recordsOf(lab: Lab, address: string, flags: readonly string[]): Promise<readonly TraceRecord[]> {
  const { records } = await traceOf(lab, address, flags);
  return records;
}

interface Traced {
  readonly records: readonly TraceRecord[];
  readonly code: number | null;
}

/** … and the exit code. */
export async function traceOf(lab: Lab, address: string, flags: readonly string[]): Promise<Traced> {
  const argv = [MAIN, '--json', '--no-dns', ...flags, address];
  const { stdout, stderr, code } = await lab.exec('source', [process.execPath, ...argv], { timeoutMs: 280_000 });
  return { records: recordsIn(stdout, stderr), code };
}

function recordsIn(stdout: string, stderr: string): readonly TraceRecord[] {
  expect(stdout, stderr).not.toBe('');
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TraceRecord);
}

interface Run {
  readonly records: readonly TraceRecord[];
  /** What it says itself in the end, beginning with what its targets share. */
  readonly said: readonly string[];
  /** … and what a report of its store begins with. */
  readonly reported: readonly string[];
}

/** One `pdm-trace run` over these addresses, and the report of its store. */
export async function runOver(lab: Lab, targets: readonly { readonly address: string }[]): Promise<Run> {
  const [list, store] = [join(lab.directory, 'list.txt'), join(lab.directory, 'store.db')];
  writeFileSync(list, targets.map(({ address }) => `${address}\n`).join(''));
  const argv = ['run', '--targets', list, '--store', store, '--json', '--no-dns', '--asn-db', lab.asnFile];
  const run = await lab.exec('source', [process.execPath, MAIN, ...argv, '--rate', '1000'], { timeoutMs: 280_000 });
  const report = await lab.exec('source', [process.execPath, MAIN, 'report', '--store', store]);
  return {
    records: recordsIn(run.stdout, run.stderr),
    said: run.stderr.split('\n').filter((line) => !SAID_BESIDES.test(line)),
    reported: report.stdout.split('\n'),
  };
}
