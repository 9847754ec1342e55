import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { TraceRecord } from '../../src/trace/record.js';
import type { Lab } from './lab-types.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Records of `pdm-trace` to the lab's target, with these flags besides. */
export function traceRecords(lab: Lab, ...flags: readonly string[]): Promise<readonly TraceRecord[]> {
  return recordsOf(lab, lab.targetAddress, flags);
}

/** … to any address. */
export async function recordsOf(lab: Lab, address: string, flags: readonly string[]): Promise<readonly TraceRecord[]> {
  const argv = [MAIN, '--json', '--no-dns', ...flags, address];
  const { stdout, stderr } = await lab.exec('source', [process.execPath, ...argv], { timeoutMs: 280_000 });
  expect(stdout, stderr).not.toBe('');
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TraceRecord);
}
