/** The image of the Dockerfile, built here and run by an OCI runtime inside the lab's networks. */
import { chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTCOME_EXIT_CODES, type TraceRecord } from '../../src/record/record.js';
import { createLab } from '../lab/lab.mjs';
import type { Lab } from '../lab/lab-types.js';
import { buildImage, type BuiltImage } from './build-image.js';
import { serviceOptions } from './compose-service.js';
import { HEALTH_CHECK, storedRecords, writeSettings } from './daemon.js';
import { Container, type ContainerOptions } from './run-container.js';
import { unitSeccomp } from './seccomp.js';
import { mustRun, run, type CommandResult } from './storage.js';
import { unitValue, unitValues } from './unit-file.js';

const NO_PRIVILEGE = 77;
const PATIENCE = { timeout: 60_000, interval: 200 };
const [UID, GID] = [10001, 10001];
const NODE_WITH_CAPABILITY = 'opt/pdm-trace/bin/node';

let image: BuiltImage;
let lab: Lab;

beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error('a base image can be made by root alone: run these tests as root');
  image = await buildImage();
  lab = await createLab('drop-at-4');
}, 1_800_000);

afterAll(async () => {
  // Neither is there when the image could not be built.
  await (lab as Lab | undefined)?.destroy();
  (image as BuiltImage | undefined)?.storage.destroy();
});

function inImage(...names: readonly string[]): string {
  return path.join(image.rootDirectory, ...names);
}

let volumes = 0;
/** An empty folder that the image's user may write to. */
function newVolume(): string {
  const volume = image.storage.path('volumes', String((volumes += 1)));
  mkdirSync(volume, { recursive: true });
  chownSync(volume, UID, GID);
  return volume;
}

/** As the compose file starts it, with changes. */
function container(changes: Partial<ContainerOptions>): Container {
  const hosts = { [path.join(lab.directory, 'hosts')]: '/etc/hosts' };
  return new Container(image, { ...serviceOptions(lab.sourceNamespace, newVolume()), binds: hosts, ...changes });
}

function start(changes: Partial<ContainerOptions>): Promise<CommandResult> {
  return container(changes).start();
}

/** As a shell in a container that is otherwise the same. */
function shell(script: string, changes: Partial<ContainerOptions> = {}): Promise<CommandResult> {
  return start({ entrypoint: ['sh', '-c', script], command: [], ...changes });
}

/** Statuses of the threads of all but tini, by the host's pid. */
async function nodeProcesses(running: Container): Promise<ReadonlyMap<number, readonly string[]>> {
  return new Map([...(await running.threadStatuses())].filter(([, threads]) => threads.length > 1));
}

function recordsOf(stdout: string): readonly TraceRecord[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TraceRecord);
}

/** The lab's truth: hop 4 drops what has the option. */
function expectTruth({ code, stdout, stderr }: CommandResult): void {
  const records = recordsOf(stdout);
  expect(records.map(({ protocol }) => protocol).sort(), stderr).toEqual(['icmp6', 'udp']);
  for (const { verdict, summary, tool, target } of records) {
    expect(verdict.outcome, verdict.reasons.join(' ')).toBe('dropped');
    expect(summary.lastPdmHop?.address).toBe(lab.hopAddress(4));
    expect(target.address).toBe(lab.targetAddress);
    expect(tool.transport).toBe('native');
  }
  expect(code).toBe(OUTCOME_EXIT_CODES.dropped);
}

describe('the image', () => {
  it('is at most 250 MB beyond its base', () => {
    expect(image.addedBytes).toBeLessThanOrEqual(250e6);
    // More than the copy of node that it must hold: else the wrong thing was measured.
    expect(image.addedBytes).toBeGreaterThan(statSync(inImage(NODE_WITH_CAPABILITY)).size);
    process.stderr.write(`the image is ${(image.addedBytes / 1e6).toFixed(0)} MB beyond its base\n`);
  });

  it('starts the daemon as an ordinary user, below an init, with one volume', () => {
    const { config } = image;
    expect(config.User).toBe(`${UID}:${GID}`);
    expect([...config.Entrypoint, ...config.Cmd].join(' ')).toBe(
      'tini -s -- pdm-trace daemon --config /etc/pdm-trace/daemon.yaml',
    );
    expect(Object.keys(config.Volumes)).toEqual(['/var/lib/pdm-trace']);
    expect(config.WorkingDir).toBe('/var/lib/pdm-trace');
    expect(config.Healthcheck.Test).toEqual(['CMD', ...HEALTH_CHECK]);
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'pdm-trace',
      'org.opencontainers.image.licenses': 'MIT AND CC-BY-4.0',
    });
  });

  it('has one file with a capability, a node that root and the user of the image may run', async () => {
    const found = await mustRun(['getcap', '-r', image.rootDirectory]);
    expect(found).toBe(`${inImage(NODE_WITH_CAPABILITY)} cap_net_raw=ep`);
    const { mode, uid, gid } = statSync(inImage(NODE_WITH_CAPABILITY));
    expect({ mode: mode & 0o7777, uid, gid }).toEqual({ mode: 0o750, uid: 0, gid: GID });
  });

  it('belongs to root but for its volume, and nobody else may write to its program', async () => {
    const others = await mustRun([
      'find',
      inImage('opt'),
      '-not',
      '-user',
      'root',
      '-o',
      '-perm',
      '/022',
      '-not',
      '-type',
      'l',
    ]);
    expect(others).toBe('');
    expect(statSync(inImage('var/lib/pdm-trace'))).toMatchObject({ uid: UID, gid: GID });
  });

  it('has what runs and not what it was made with', async () => {
    const modules = readdirSync(inImage('opt/pdm-trace/node_modules'));
    expect(modules).toEqual(expect.arrayContaining(['better-sqlite3', 'pdm-native-shim', 'raw-socket', 'fastify']));
    for (const name of ['typescript', 'vitest', 'eslint', 'nan']) expect(modules).not.toContain(name);
    const data = readdirSync(inImage('opt/pdm-trace/node_modules/@ip-location-db/asn'));
    expect(data.filter((name) => name.endsWith('.csv'))).toEqual(['asn-ipv6.csv']);
    expect(data.filter((name) => name.includes('LICENSE')).length).toBeGreaterThan(0);
    const left = await mustRun(['find', inImage('opt'), '-name', '*.cc', '-o', '-name', '*.c', '-o', '-name', '*.o']);
    expect(left).toBe('');
    expect(readdirSync(inImage('usr/bin'))).not.toContain('g++');
  });

  it('keeps nothing of the npm settings it was built with', async () => {
    expect(image.inspection).not.toContain(image.secret);
    const places = ['etc', 'home', 'opt', 'root', 'run', 'tmp', 'usr/local', 'var'].map((name) => inImage(name));
    const { stdout } = await run([
      'grep',
      '--recursive',
      '--files-with-matches',
      '--binary-files=text',
      image.secret,
      ...places,
    ]);
    expect(stdout).toBe('');
    expect(readdirSync(inImage('root'))).not.toContain('.npmrc');
  });
});

describe('a container of it', () => {
  it('finds what the lab did: read-only, no root, CAP_NET_RAW alone, the usual system call filter', async () => {
    expectTruth(await start({ command: ['--json', 'target.lab.example'] }));
  });

  it('has no capability left in any thread once the sockets are open, and is never root', async () => {
    const running = container({ command: ['--json', 'target.lab.example'] });
    const state = { ended: false };
    const ended = running.start().finally(() => (state.ended = true));
    const bareThreads: number[] = [];
    const users = new Set<string>();
    while (!state.ended) {
      for (const threads of (await running.threadStatuses()).values()) {
        // The runtime itself is inside for a moment, before it becomes our first process.
        if (threads.some((status) => status.startsWith('Name:\trunc'))) continue;
        for (const status of threads) users.add(/^Uid:\t(.*)$/m.exec(status)?.[1] ?? '');
        const isBare = threads.every((status) => /^CapPrm:\t0+$/m.test(status) && /^CapEff:\t0+$/m.test(status));
        if (isBare) bareThreads.push(threads.length);
      }
    }
    expect((await ended).code).toBe(OUTCOME_EXIT_CODES.dropped);
    expect([...users]).toEqual([[UID, UID, UID, UID].join('\t')]);
    // tini has one thread; node has eleven and more, and was seen without any capability again and again.
    expect(bareThreads.filter((threads) => threads > 5).length).toBeGreaterThan(3);
  });

  it('measures a list into its volume, and nothing else can be written', async () => {
    const volume = newVolume();
    writeFileSync(path.join(volume, 'list.txt'), 'target.lab.example\n');
    const { code, stderr } = await start({ command: ['run', '--targets', 'list.txt', '--protocol', 'udp'], volume });
    expect(code, stderr).toBe(0);
    expect(readdirSync(volume)).toContain('pdm-trace.db');
    const attempt = await shell(
      'for place in / /opt/pdm-trace /etc/pdm-trace /root /usr; do touch $place/x && echo $place; done; id -u',
    );
    expect(attempt.stdout).toBe(`${UID}\n`);
  });

  it('says how to get the capability where the container has none, and does all but measure', async () => {
    const denied = await start({ command: ['target.lab.example'], capabilities: [] });
    expect(denied.code, denied.stderr).toBe(NO_PRIVILEGE);
    expect(denied.stderr).toMatch(/--cap-add NET_RAW/);
    const version = await start({ command: ['--version'], capabilities: [] });
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string });
  });

  it('says what no-new-privileges takes away', async () => {
    const { code, stderr } = await start({ command: ['target.lab.example'], noNewPrivileges: true });
    expect(code, stderr).toBe(NO_PRIVILEGE);
    expect(stderr).toMatch(/no_new_privs/);
  });

  it('lets users other than its own do all but measure', async () => {
    const { code, stderr } = await start({ command: ['target.lab.example'], user: '4711:4711' });
    expect(code, stderr).toBe(NO_PRIVILEGE);
    expect(await start({ command: ['--version'], user: '4711:4711' })).toMatchObject({ code: 0 });
  });

  it('is not called unhealthy where it runs no daemon', async () => {
    const command = ['/bin/sh', '-c', HEALTH_CHECK.join(' ')];
    expect(await start({ entrypoint: ['tini', '-s', '--'], command })).toMatchObject({ code: 0, stdout: '' });
  });
});

/** As systemd starts it: the unit's command and its limits, with the image's files. */
async function unitChanges(): Promise<Partial<ContainerOptions>> {
  return {
    entrypoint: ['/usr/bin/env', ...unitValue('ExecStart').split(' ')],
    command: [],
    capabilities: unitValue('AmbientCapabilities')
      .split(' ')
      .map((name) => name.replace('CAP_', '')),
    ambient: true,
    noNewPrivileges: unitValue('NoNewPrivileges') === 'yes',
    seccomp: await unitSeccomp(unitValues('SystemCallFilter'), unitValue('RestrictAddressFamilies').split(' ')),
  };
}

describe('the daemon works through its list, is healthy while it answers and not while it hangs, and ends cleanly', () => {
  for (const { where, changes } of [
    { where: 'in the container of the compose file', changes: () => Promise.resolve({}) },
    { where: 'with the system calls, address families and capability of the systemd unit', changes: unitChanges },
  ]) {
    it(where, async () => {
      const settings = newVolume();
      writeSettings(settings, lab.targetAddress);
      const daemon = container({ binds: { [settings]: '/etc/pdm-trace' }, ...(await changes()) });
      const ended = daemon.start();
      const health = async (): Promise<number> => (await daemon.exec(...HEALTH_CHECK)).code;
      await expect.poll(health, PATIENCE).toBe(0);
      await expect.poll(async () => (await storedRecords(daemon)).length, PATIENCE).toBeGreaterThan(0);
      for (const { verdict, tool } of await storedRecords(daemon)) {
        expect(verdict.outcome).toBe('dropped');
        expect(tool.transport).toBe('native');
      }

      // The first serves HTTP and has the store; another starts those that measure.
      const processes = await nodeProcesses(daemon);
      const first = Math.min(...processes.keys());
      expect(processes.size).toBeGreaterThan(1);
      for (const status of processes.get(first)!) expect(status).toMatch(/^CapPrm:\t0+$/m);

      process.kill(first, 'SIGSTOP');
      expect(await health()).toBe(1);
      process.kill(first, 'SIGCONT');
      await expect.poll(health, PATIENCE).toBe(0);

      await daemon.signal('TERM');
      const { code, stderr } = await ended;
      expect(code, stderr).toBe(0);
    });
  }
});
