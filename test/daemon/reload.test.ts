/** SIGHUP at moments that nobody planned for. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobSettings, SimulatedDaemon } from './simulated-daemon.js';

const START = Date.UTC(2026, 10, 24, 12, 0, 0);
const MINUTE = 60_000;

let directory: string;
let daemon: SimulatedDaemon;
let jobs: ReturnType<typeof jobSettings>[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-reload-'));
  const targets = join(directory, 'list.txt');
  writeFileSync(targets, 'a.example\n');
  jobs = [jobSettings({ name: 'hourly', targets, cron: '1 * * * *' })];
  daemon = new SimulatedDaemon({ startMs: START, seed: 1, traceMs: () => 20 * MINUTE, jobs });
});

afterEach(() => {
  daemon.close();
  rmSync(directory, { recursive: true });
});

const reload = (): Promise<void> => daemon.clock.run(daemon.daemon.reload(), MINUTE);
const events = (name: string): unknown[] => daemon.events(name);

describe('a reload', () => {
  it('leaves one job of a name, however often it comes while the removed one still ends', async () => {
    await daemon.start();
    await daemon.clock.runUntil(START + 2 * MINUTE);
    const without = { ...daemon.settings, jobs: [] };
    const withJob = daemon.settings;
    for (const settings of [without, withJob, withJob, without, withJob, withJob]) {
      daemon.settings = settings;
      await reload();
    }
    expect(daemon.daemon.jobs()).toEqual([]);
    await daemon.clock.runUntil(START + 50 * MINUTE);
    expect(daemon.daemon.jobs().map(({ name }) => name)).toEqual(['hourly']);
    await daemon.clock.runUntil(START + 62 * MINUTE);
    expect(events('run-started').filter((line) => (line as { atMs: number }).atMs > START + 60 * MINUTE)).toHaveLength(
      1,
    );
  });

  it('begins nothing when the daemon was told to end meanwhile', async () => {
    await daemon.start();
    let goOn = (): void => undefined;
    daemon.readFiles = () =>
      new Promise(
        (resolve) =>
          (goOn = () => {
            resolve(null);
          }),
      );
    const [job] = jobs;
    daemon.settings = { ...daemon.settings, jobs: [...jobs, { ...job!, name: 'another' }] };
    const reloaded = daemon.daemon.reload();
    await daemon.clock.run(Promise.resolve(), MINUTE);
    await daemon.clock.run(daemon.daemon.stop(), MINUTE);
    goOn();
    await daemon.clock.run(reloaded, MINUTE);
    expect(events('job-added')).toEqual([]);
    expect(daemon.httpOpen).toBe(0);
  });

  it('is done once more, not once for each signal, after signals that come while one is under way', async () => {
    await daemon.start();
    let reads = 0;
    let goOn = (): void => undefined;
    daemon.readFiles = () => {
      reads += 1;
      return reads > 1
        ? Promise.resolve(null)
        : new Promise(
            (resolve) =>
              (goOn = () => {
                resolve(null);
              }),
          );
    };
    const first = daemon.daemon.reload();
    await daemon.clock.run(Promise.resolve(), MINUTE);
    const others = Array.from({ length: 50 }, () => daemon.daemon.reload());
    goOn();
    await daemon.clock.run(Promise.all([first, ...others]), MINUTE);
    expect(reads).toBe(2);
    expect(events('reloaded')).toHaveLength(2);
    await reload();
    expect(reads).toBe(3);
  });

  it('keeps the HTTP server that there is while token or certificate cannot be used', async () => {
    await daemon.start();
    expect(daemon.httpOpen).toBe(1);
    daemon.brokenHttp = Object.assign(new Error('others can read the token file'), { code: 'EHTTPTOKENMODE' });
    await reload();
    expect(daemon.httpOpen).toBe(1);
    expect(events('reload-failed')).toMatchObject([{ code: 'EHTTPTOKENMODE' }]);
    daemon.brokenHttp = null;
    await reload();
    expect(events('reloaded')).toHaveLength(1);
    expect(daemon.httpOpen).toBe(1);
  });
});
