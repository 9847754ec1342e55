/**
 * Runs a test file inside the transport network and shows each of its tests as one here: a process cannot move into another
 * network namespace, so a second vitest runs there and this one reads its report.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTransportNetwork, type OpenedNetwork } from './transport-network.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIMIT_MS = 100_000;

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

/** `insideFile`: relative to this folder, named `*.inside.ts`. `titles`: of all its tests. */
export function describeInNamespaces(name: string, insideFile: string, titles: readonly string[]): void {
  describe(name, () => {
    let network: OpenedNetwork | null = null;
    let results: ReadonlyMap<string, { readonly status: string; readonly failure: string }> = new Map();

    beforeAll(async () => {
      network = await openTransportNetwork();
      const { report, output } = await runInside(network, insideFile);
      if (report === null) throw new Error(`The tests inside the namespace did not run:\n${output}`);
      results = new Map(
        report.testResults.flatMap(({ assertionResults }) =>
          assertionResults.map(({ title, status, failureMessages }) => [
            title,
            { status, failure: (failureMessages ?? []).join('\n') },
          ]),
        ),
      );
      if (results.size === 0) throw new Error(`No test ran inside the namespace:\n${output}`);
    }, LIMIT_MS + 20_000);

    afterAll(async () => {
      await network?.close();
    });

    for (const title of titles) {
      it(title, () => {
        const result = results.get(title);
        if (result?.status === 'failed') throw new Error(result.failure);
        expect(result?.status).toBe('passed');
      });
    }

    it('ran these tests inside the namespace and no others', () => {
      expect([...results.keys()].sort()).toEqual([...titles].sort());
    });
  });
}

async function runInside(
  { enter }: OpenedNetwork,
  insideFile: string,
): Promise<{ readonly report: Report | null; readonly output: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pdm-trace-inside-'));
  const reportFile = path.join(folder, 'report.json');
  try {
    const [program = '', ...args] = [
      ...enter,
      ...[process.execPath, path.join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run'],
      ...['--config', path.join(ROOT, 'test/transport/vitest.inside.config.ts')],
      ...['--reporter', 'json', '--outputFile', reportFile, `test/transport/${insideFile}`],
    ];
    let output = '';
    await new Promise<void>((resolve, reject) => {
      // The second vitest must not take itself for a worker of the first.
      const environment = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST$|NODE_OPTIONS$)/.test(name));
      const child = spawn(program, args, {
        cwd: ROOT,
        env: Object.fromEntries(environment),
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: LIMIT_MS,
        killSignal: 'SIGKILL',
      });
      const collect = (chunk: Buffer): void => {
        output = (output + chunk.toString()).slice(-20_000);
      };
      child.stdout.on('data', collect);
      child.stderr.on('data', collect);
      child.once('error', reject);
      child.once('close', () => {
        resolve();
      });
    });
    return { report: await readReport(reportFile), output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readReport(file: string): Promise<Report | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Report;
  } catch {
    return null;
  }
}
