/** `pdm-trace daemon` as its users have it: processes, signals, a store and a network, and what happens when they die. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/results/store/sqlite-store.js';
import { createLab } from '../lab/lab.mjs';
import type { Lab } from '../lab/lab-types.js';
import { MAIN, needBuild } from './list-bench.js';
import { parentOf, processesOf, RunningDaemon, type LogLine } from './running-daemon.js';

needBuild();

/** Every set of every thread. */
function capabilities(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((id) =>
    [...readFileSync(`/proc/${pid}/task/${id}/status`, 'utf8').matchAll(/^Cap(?:Inh|Prm|Eff|Amb):\s*(\w+)$/gm)].map(
      (match) => match[1]!,
    ),
  );
}

const ASK_READY = `fetch('http://127.0.0.1:8250/readyz').then((answer) => answer.text()).then(console.log)`;
const NONE = '0'.repeat(16);

let lab: Lab;
let directory: string;
let config: string;

beforeEach(async () => {
  lab = await createLab('delivered-8');
  directory = mkdtempSync(join(tmpdir(), 'pdm-daemon-'));
  config = join(directory, 'daemon.yaml');
  writeFileSync(join(directory, 'one.txt'), 'target.lab.example\n');
  const hops = Array.from({ length: 8 }, (_, index) => lab.hopAddress(index + 1));
  writeFileSync(join(directory, 'many.txt'), `${[...hops, lab.targetAddress].join('\n')}\n`);
});

afterEach(async () => {
  await lab.destroy();
  rmSync(directory, { recursive: true, force: true });
});

function configure(vantage: string, rest = ''): void {
  writeFileSync(
    config,
    `
store: ${directory}/store.db
vantage: ${vantage}
rate: 2000
hopInterval: 20
dns: false
http: { port: 8250 }
${rest}
jobs:
  - { name: often, targets: ${directory}/one.txt, cron: "*/4 * * * * *", protocol: [udp] }
  - { name: long, targets: ${directory}/many.txt, cron: "*/2 * * * * *", protocol: [udp, icmp6], rate: 300 }
`,
  );
}

function start(wrapper: readonly string[] = []): RunningDaemon {
  const argv = [...wrapper, process.execPath, MAIN, 'daemon', '--config', config];
  return new RunningDaemon(lab.spawn('source', argv, { stdio: 'pipe' }));
}

const isFinished = ({ state }: LogLine): boolean => state === 'finished';

describe('a daemon', () => {
  it('measures by schedule without a capability, takes new settings, and survives the death of each of its processes', async () => {
    configure('Before');
    const first = start();
    const started = await first.says('daemon-started');
    const pid = started.pid as number;
    const before = processesOf(pid);
    expect(new Set(capabilities(pid))).toEqual(new Set([NONE]));
    expect(new Set(capabilities(before.measuring))).toEqual(new Set([NONE]));
    const ready = await lab.exec('source', [process.execPath, '-e', ASK_READY]);
    expect(JSON.parse(ready.stdout)).toEqual({ status: 'ready', reasons: [] });
    await first.says('run-ended', (line) => line.job === 'often' && isFinished(line));

    // SIGHUP: broken settings are refused, good ones taken.
    writeFileSync(config, 'jobs: [{ name: a }]\n');
    process.kill(pid, 'SIGHUP');
    const refused = await first.says('reload-failed');
    expect(refused.error).toMatch(/jobs\[0\]\.cron|jobs\[0\]\.targets/);
    configure('After');
    process.kill(pid, 'SIGHUP');
    await first.says('reloaded');
    const afterReload = first.lines.length;

    // kill -9 of the measuring process while it traces.
    await first.says('run-started', ({ job }) => job === 'long', afterReload);
    await new Promise((resolve) => setTimeout(resolve, 700));
    process.kill(before.measuring, 'SIGKILL');
    const died = await first.says('child-ended');
    expect(died.reason).toBe('SIGKILL');
    await first.says('measuring', ({ restarts }) => restarts === 1);
    await first.says('run-ended', (line) => line.job === 'long' && isFinished(line), afterReload);
    await first.says('run-skipped', ({ job, reason }) => job === 'long' && reason === 'overlap');

    // kill -9 of the daemon while it measures: its processes end with it, and another one goes on.
    const { runId } = await first.says('run-started', ({ job }) => job === 'long', first.lines.length);
    const left = processesOf(pid);
    await new Promise((resolve) => setTimeout(resolve, 700));
    process.kill(pid, 'SIGKILL');
    await first.ended;
    const second = start();
    await second.says('run-resumed', ({ runs }) => (runs as string[]).includes(runId as string));
    expect([parentOf(left.starter), parentOf(left.measuring)]).toEqual([null, null]);
    await second.says('run-ended', (line) => line.runId === runId && isFinished(line));

    // SIGTERM while it measures.
    const again = await second.says('daemon-started');
    await second.says('run-started', ({ job }) => job === 'long', second.lines.length);
    process.kill(again.pid as number, 'SIGTERM');
    expect(await second.ended).toBe(0);
    expect(second.lines.at(-1)!.event).toBe('stopped');
    expect(second.other).toBe('');
    checkStore(join(directory, 'store.db'));
  });

  it('ends at once with 77 and the remedy where it may not open sockets', async () => {
    configure('Nobody');
    const daemon = start(['setpriv', '--bounding-set=-all', '--inh-caps=-all']);
    expect(await daemon.ended).toBe(77);
    expect(daemon.other.trimEnd().split('\n')).toHaveLength(1);
    expect(daemon.other).toMatch(/CAP_NET_RAW/);
  });

  it('--check says when the jobs run next, or what is wrong, and starts nothing', async () => {
    configure('Nobody');
    const check = (): ReturnType<Lab['exec']> =>
      lab.exec('source', [process.execPath, MAIN, 'daemon', '--config', config, '--check']);
    const good = await check();
    expect(good.code, good.stderr).toBe(0);
    expect(good.stdout.match(/^ {2}next: .*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT/gm)).toHaveLength(6);
    expect(good.stdout).toContain('many.txt: 9 targets');
    expect(existsSync(join(directory, 'store.db'))).toBe(false);
    configure('Nobody', 'maxHop: 3');
    const bad = await check();
    expect(bad.code).toBe(64);
    expect(bad.stderr).toMatch(/^pdm-trace: settings file .*"maxHop"; did you mean maxHops\?\n$/);
  });
});

/** Each finished run has each record once; what was broken off gave way to what took its place. */
function checkStore(path: string): void {
  const store = openSqliteStore(path, { readOnly: true });
  try {
    const finished = store.runs.list().filter(({ state }) => state === 'finished');
    expect(finished.length).toBeGreaterThan(3);
    for (const { id, name } of finished) {
      const records = [...store.queries.records({ runId: id })];
      const keys = records.map(({ target, protocol }) => `${target.input} ${protocol}`);
      expect(new Set(keys).size, id).toBe(keys.length);
      expect(keys.length, id).toBe(name === 'long' ? 18 : 1);
      for (const { verdict, target } of records)
        expect(verdict.outcome, `${target.input}: ${verdict.reasons.join(' ')}`).toBe('delivered');
    }
    const vantages = new Set(store.runs.list().map(({ vantage }) => vantage));
    expect(vantages).toEqual(new Set(['Before', 'After']));
  } finally {
    store.close();
  }
}
