/** A run of the daemon whose targets all stop at one place of its own network. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nearFault } from '../report/faults/near-fault.js';
import { jobSettings, SimulatedDaemon } from './simulated-daemon.js';

const START = Date.UTC(2026, 10, 24, 12, 0, 0);
const HOSTS = Array.from({ length: 8 }, (_, index) => `h${index + 1}.example`);

let directory: string;
let daemon: SimulatedDaemon;
const said = (): readonly unknown[] => daemon.events('run-shares-fault');

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-shared-'));
  const targets = join(directory, 'list.txt');
  writeFileSync(targets, `${HOSTS.join('\n')}\n`);
  const jobs = [jobSettings({ name: 'hourly', targets, cron: '5 * * * *' })];
  daemon = new SimulatedDaemon({ startMs: START, seed: 1, traceMs: () => 1000, jobs });
});
afterEach(() => {
  daemon.close();
  rmSync(directory, { recursive: true });
});

describe('a fault that targets of a job share', () => {
  it('is said once in the log, before the run ends', async () => {
    daemon.world.recordOf = ({ runId, vantage, protocol, target }) =>
      nearFault(1 + HOSTS.indexOf(target.input), { runId, vantage, protocol, input: target.input });
    await daemon.start();
    await daemon.clock.runUntil(START + 30 * 60_000);
    expect(said()).toEqual([
      expect.objectContaining({
        level: 'warn',
        job: 'hourly',
        sharedFaults: [
          expect.stringMatching(/^8 of 8 targets lose .* between hop 1 .*: one fault near this vantage point/),
        ],
      }),
    ]);
    const events = daemon.log.map(({ event }) => event);
    expect(events.indexOf('run-shares-fault')).toBeLessThan(events.indexOf('run-ended'));
  });

  it('is not said where nothing is shared', async () => {
    await daemon.start();
    await daemon.clock.runUntil(START + 30 * 60_000);
    expect(daemon.log.some(({ event }) => event === 'run-ended')).toBe(true);
    expect(said()).toEqual([]);
  });
});
