/** A daemon whose processes are killed with -9 at random moments, and what must hold of its runs at each death and in the end. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause, type ListBench } from './list-bench.js';
import { processesOf, RunningDaemon } from './running-daemon.js';
import { runsIn, StoreAudit } from './stored-records.js';

export interface DaemonKillsOptions {
  readonly kills: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface DaemonKillsResult {
  /** Runs that were finished, in all. */
  readonly finished: number;
  /** How often each process was killed. */
  readonly killed: Readonly<Record<Victim, number>>;
  /** What did not hold; empty when all is well. */
  readonly violations: readonly string[];
}

type Victim = 'daemon' | 'starter' | 'measuring';
/** The measuring process is started again later after each death, until the daemon is a new one. */
const VICTIMS: readonly Victim[] = ['daemon', 'measuring', 'daemon', 'starter', 'measuring'];

/** One job measures the list again and again, a run as soon as the one before has ended. */
export async function killDaemon(bench: ListBench, { kills, random }: DaemonKillsOptions): Promise<DaemonKillsResult> {
  const config = join(bench.directory, 'daemon.yaml');
  writeFileSync(
    config,
    `
store: ${bench.store}
vantage: soak
rate: 1600
hopInterval: 0
dns: false
doNotProbe: ${bench.doNotProbe}
jobs:
  - { name: list, targets: ${bench.list}, cron: "* * * * * *", protocol: [udp, icmp6], missed: skip }
`,
  );
  const audit = new Audit(bench);
  const killed: Record<Victim, number> = { daemon: 0, starter: 0, measuring: 0 };
  let daemon = new RunningDaemon(bench.startDaemon(config));
  for (let done = 0; done < kills;) {
    const { pid } = await daemon.says('daemon-started');
    await daemon.says('run-started');
    // Half of them soon after the last, half when much is on disk.
    await pause(random() * (random() < 0.5 ? 300 : 2500));
    const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] ?? 'measuring';
    const target = pidOf(victim, pid as number);
    // Dead already, and not started again yet.
    if (target === null) continue;
    process.kill(target, 'SIGKILL');
    killed[victim] += 1;
    done += 1;
    if (victim === 'measuring') continue;
    const code = await daemon.ended;
    if (victim === 'starter' && code !== 69) audit.violations.push(`without its starter it ended with ${String(code)}`);
    audit.look();
    daemon = new RunningDaemon(bench.startDaemon(config));
  }
  // The last run that was broken off is finished, and another one begun.
  const { pid } = await daemon.says('daemon-started');
  await daemon.says('run-ended', ({ state }) => state === 'finished');
  process.kill(pid as number, 'SIGTERM');
  const code = await daemon.ended;
  if (code !== 0) audit.violations.push(`the end of the last daemon is ${String(code)}: ${daemon.other}`);
  audit.look();
  return { finished: audit.close(), killed, violations: audit.violations };
}

function pidOf(victim: Victim, daemon: number): number | null {
  try {
    return victim === 'daemon' ? daemon : processesOf(daemon)[victim];
  } catch {
    return null;
  }
}

/** What is true after each process: of many runs, each has its own record of a target. */
class Audit extends StoreAudit {
  readonly #bench: ListBench;

  constructor(bench: ListBench) {
    super(bench.store, ({ run, key }) => `${run} ${key}`);
    this.#bench = bench;
  }

  /** Nothing that was stored is gone or there twice, and nothing is written off. */
  look(): void {
    const before = this.stored;
    this.lookAtStore();
    for (const [key, { outcome, reasons }] of this.stored)
      if (!before.has(key) && outcome === 'inconclusive' && /process ended|defect/.test(reasons))
        this.violations.push(`${key} is written off: ${reasons}`);
  }

  /** Every target and protocol has one record in every finished run. Returns how many runs are. */
  close(): number {
    const wanted = this.#bench.targets.flatMap(({ address }) => ['udp', 'icmp6'].map((by) => `${address} ${by}`));
    const { store } = this.#bench;
    const finished = runsIn(store, 'finished');
    for (const run of finished) {
      for (const key of wanted)
        if (!this.stored.has(`${run} ${key}`)) this.violations.push(`${key} is missing in ${run}, which is finished`);
    }
    const unfinished = runsIn(store, 'ready').length + runsIn(store, 'loading').length;
    if (unfinished > 1) this.violations.push(`${unfinished} runs of one job are unfinished`);
    return finished.length;
  }
}
