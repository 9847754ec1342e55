// @ts-check
/** `pdm-trace run` over a list of simulated targets behind one TUN interface, as a whole command. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { openTunNetwork, targetAddress } from '../test/e2e/tun-network.mjs';

/** Of eight targets six answer, one is behind a filter, one is silent. @type {readonly ('answers' | 'filtered' | 'silent')[]} */
const KINDS = ['answers', 'answers', 'answers', 'filtered', 'answers', 'answers', 'answers', 'silent'];
const OUTCOMES = { answers: 'delivered', filtered: 'dropped', silent: 'no-difference' };

/**
 * @param {number} targets @param {number} timeoutMs ended by Ctrl-C then, and what was measured counts
 * @returns {Promise<{ seconds: number, records: number, right: number, probesPerRecord: number, cpuSeconds: number, rssMb: number, done: boolean }>}
 */
export async function measureListRun(targets, timeoutMs) {
  const main = path.resolve(import.meta.dirname, '../dist/cli/main.js');
  const directory = mkdtempSync(path.join(tmpdir(), 'pdm-bench-list-'));
  const network = await openTunNetwork();
  try {
    const kindOf = new Map(
      Array.from({ length: targets }, (_, i) => {
        const kind = KINDS[i % KINDS.length] ?? 'answers';
        return [targetAddress(i, kind), OUTCOMES[kind]];
      }),
    );
    const list = path.join(directory, 'list.txt');
    writeFileSync(list, [...kindOf.keys()].join('\n'));
    const flags = [
      '--rate',
      '20000',
      '--no-dns',
      '--allow-special',
      '--json',
      '--store',
      path.join(directory, 'store.db'),
    ];
    const usage = `if (require('node:worker_threads').isMainThread) process.on('exit', () => require('node:fs').writeFileSync(3, JSON.stringify(process.resourceUsage())))`;
    const hook = path.join(directory, 'usage.cjs');
    writeFileSync(hook, usage);
    const [command = '', ...argv] = network.command([
      process.execPath,
      '-r',
      hook,
      main,
      'run',
      '--targets',
      list,
      ...flags,
    ]);
    const startedAtMs = performance.now();
    const child = spawn(command, argv, { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] });
    let out = '';
    let used = '';
    child.stdout?.on('data', (/** @type {Buffer} */ text) => (out += text.toString()));
    child.stdio[3]?.on('data', (/** @type {Buffer} */ text) => (used += text.toString()));
    const timer = setTimeout(() => child.kill('SIGINT'), timeoutMs);
    const code = await new Promise((resolve) => child.once('close', resolve));
    clearTimeout(timer);
    const seconds = (performance.now() - startedAtMs) / 1000;
    const records = out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    const { maxRSS, userCPUTime, systemCPUTime } = JSON.parse(used);
    return {
      seconds,
      records: records.length,
      right: records.filter(({ target, verdict }) => kindOf.get(target.input) === verdict.outcome).length,
      probesPerRecord: records.reduce((sum, { counters }) => sum + counters.sent, 0) / records.length,
      cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
      rssMb: maxRSS / 1024,
      done: code === 0,
    };
  } finally {
    network.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
