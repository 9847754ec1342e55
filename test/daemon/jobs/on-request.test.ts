import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareRecord } from '../../../src/results/store/trace-table.js';
import { buildRecord, uuid } from '../../results/record-builder.js';
import { jobSettings, SimulatedDaemon } from '../simulated-daemon.js';

const START = Date.UTC(2026, 10, 24, 12, 0, 0);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

let directory: string;
let daemon: SimulatedDaemon;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-requests-'));
  const targets = join(directory, 'list.txt');
  writeFileSync(targets, 'a.example\n');
  const jobs = [jobSettings({ name: 'daily', targets, cron: '30 12 * * *' })];
  daemon = new SimulatedDaemon({ startMs: START, seed: 1, traceMs: () => 20_000, jobs });
});

afterEach(() => {
  daemon.close();
  rmSync(directory, { recursive: true });
});

describe('a trace on request', () => {
  it('is in the store when it is accepted, and its records follow', async () => {
    await daemon.start();
    const request = { host: 'www.example.com', protocol: 'tcp', dport: 8443, maxHops: 12, tags: ['ticket-7'] } as const;
    const { runId } = await daemon.daemon.traceNow(request);
    expect(daemon.store.runs.get(runId)).toMatchObject({ state: 'ready', options: { maxHops: 12, dport: 8443 } });
    const [target] = [...daemon.store.targets.waiting(runId)];
    expect(target).toMatchObject({ host: 'www.example.com', protocols: ['tcp'], dport: 8443, tags: ['ticket-7'] });
    await daemon.clock.runUntil(START + 2 * MINUTE);
    expect(daemon.store.runs.get(runId)?.state).toBe('finished');
    expect([...daemon.store.queries.records({ runId })].map(({ protocol }) => protocol)).toEqual(['tcp']);
    expect(daemon.daemon.counts().outcomes.get('delivered')).toBe(1);
  });

  it.each(['::1', '[::1]', 'fe80::1%eth0', 'fd00::1', '2001:db8::1', '64:ff9b:1::1', '4000::1'])(
    'is refused at once for %s, which only means something here',
    async (host) => {
      await daemon.start();
      await expect(daemon.daemon.traceNow({ host })).rejects.toMatchObject({ code: 'EFORBIDDENTARGET' });
      expect(daemon.store.runs.list()).toEqual([]);
    },
  );

  it('is refused when as many wait as may, also when they all come at once', async () => {
    await daemon.start();
    const answers = await Promise.allSettled(
      Array.from({ length: 5 }, (_, number) => daemon.daemon.traceNow({ host: `h${number}.example` })),
    );
    const refusals = answers.filter(({ status }) => status === 'rejected');
    expect(refusals).toHaveLength(2);
    for (const refusal of refusals) expect(refusal).toMatchObject({ reason: { code: 'EQUEUEFULL' } });
    await daemon.clock.runUntil(START + 2 * MINUTE);
    expect(daemon.daemon.counts().queueLength).toBe(0);
    await expect(daemon.daemon.traceNow({ host: 'again.example' })).resolves.toHaveProperty('runId');
  });

  it('is refused while nothing can be measured', async () => {
    await daemon.start();
    daemon.child.die('SIGKILL');
    await daemon.clock.runUntil(START + 2500);
    daemon.world.cannotStart = { code: 'EPERM', exitCode: 77 };
    daemon.child.die('SIGKILL');
    await daemon.clock.runUntil(START + 3500);
    await expect(daemon.daemon.traceNow({ host: 'a.example' })).rejects.toMatchObject({ code: 'ENOTREADY' });
  });

  it('is gone on with by the next process when this one is killed', async () => {
    await daemon.start();
    const { runId } = await daemon.daemon.traceNow({ host: 'www.example.com' });
    await daemon.clock.runUntil(START + 3000);
    daemon.kill();
    await daemon.start();
    await daemon.clock.runUntil(START + 2 * MINUTE);
    expect(daemon.store.runs.get(runId)?.state).toBe('finished');
    expect([...daemon.store.queries.records({ runId })]).toHaveLength(2);
  });

  it('keeps to public addresses when the next process goes on with it', async () => {
    await daemon.start();
    await daemon.daemon.traceNow({ host: 'rebinding.example' });
    daemon.kill();
    const before = daemon.world.asked.length;
    await daemon.start();
    await daemon.clock.runUntil(START + 2 * MINUTE);
    const asked = daemon.world.asked.slice(before).filter(({ host }) => host === 'rebinding.example');
    expect(asked.map(({ publicOnly }) => publicOnly)).toEqual([true]);
  });
});

describe('the start of a daemon', () => {
  it('fails with the exit code of what is missing, and leaves no child', async () => {
    daemon.world.cannotStart = { code: 'EPERM', exitCode: 77 };
    await expect(daemon.start()).rejects.toMatchObject({ exitCode: 77, code: 'EPERM' });
    await daemon.clock.runUntil(START + 5 * MINUTE);
    expect(daemon.world.alive.size).toBe(0);
    expect(daemon.world.mostAlive).toBe(1);
  });
});

describe('retention', () => {
  it('deletes what is too old, and the runs that have nothing left', async () => {
    const old = { id: uuid(90_001), name: 'daily', vantage: null, toolVersion: '0', options: {} };
    daemon.store.runs.create({ ...old, startedAtMs: START - 400 * DAY });
    const record = buildRecord({ number: 90_002, runId: old.id, startedAtMs: START - 400 * DAY });
    daemon.store.traces.put([prepareRecord({ record, targetKey: null, completesTarget: false })]);
    daemon.store.runs.setState(old.id, 'finished', START - 400 * DAY);
    await daemon.start();
    await daemon.clock.runUntil(START + 31 * MINUTE);
    expect(daemon.store.runs.get(old.id)).toBeNull();
    expect(daemon.log.find(({ event }) => event === 'records-deleted')).toMatchObject({ deleted: 1 });
    // That run was made by hand: the job was not missed on 400 days.
    expect(daemon.events('run-skipped')).toEqual([]);
    expect(daemon.events('run-started')).toHaveLength(1);
  });

  it('waits when the clock has jumped, since a wrong one would delete everything', async () => {
    const run = { id: uuid(90_001), name: 'by hand', vantage: null, toolVersion: '0', options: {} };
    daemon.store.runs.create({ ...run, startedAtMs: START - DAY });
    const record = buildRecord({ number: 90_002, runId: run.id, startedAtMs: START - DAY });
    daemon.store.traces.put([prepareRecord({ record, targetKey: null, completesTarget: false })]);
    daemon.store.runs.setState(run.id, 'finished', START - DAY);
    await daemon.start();
    await daemon.clock.runUntil(START + 2 * MINUTE);
    daemon.clock.sleep(400 * DAY);
    await daemon.clock.runUntil(START + 400 * DAY + 90 * MINUTE);
    expect(daemon.store.traces.record(record.id)).not.toBeNull();
    expect(daemon.events('retention-postponed')).toHaveLength(1);
    // Nobody has put it right: then it is.
    await daemon.clock.runUntil(START + 400 * DAY + 150 * MINUTE);
    expect(daemon.store.traces.record(record.id)).toBeNull();
  });
});
