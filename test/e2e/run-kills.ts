/** A list that is measured by processes which are killed with -9, until one lives to its end; and what must hold at each death. */
import { pause, type ListBench, type RunningCommand } from './list-bench.js';
import { runsIn, StoreAudit } from './stored-records.js';

export interface KillsResult {
  readonly kills: number;
  /** Records that were on disk after each kill. */
  readonly storedAfter: readonly number[];
  /** Traces that one kill has cost at most: begun, and not on disk. */
  readonly mostLost: number;
  /** What did not hold; empty when all is well. */
  readonly violations: readonly string[];
}

export interface KillsOptions {
  /** At most. */
  readonly kills: number;
  readonly rate: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Kills a run at random moments, going on with it each time, and lets the last process end. Where the list is done before so
 * many kills, there were fewer.
 */
export async function killAndResume(bench: ListBench, options: KillsOptions): Promise<KillsResult> {
  const { kills, rate, random } = options;
  const flags = ['--store', bench.store, '--json'];
  const pace = ['--rate', String(rate)];
  const audit = new Audit(bench);
  let done = 0;
  let command = bench.start(['run', '--targets', bench.list, ...bench.flags, ...flags, ...pace]);
  // Of the first it must be left what to go on with; the others die wherever they are, while starting too.
  await command.says('targets at');
  for (;;) {
    const left = 2 * bench.targets.length - audit.stored.size;
    // Half of them soon, while starting or with all in flight, half when so many more records are on disk.
    const isEarly = random() < 0.5;
    if (!isEarly) await command.prints(Math.floor((1.4 * random() * left) / (kills - done)));
    await Promise.race([pause(random() * (isEarly ? 1200 : 200)), command.ended]);
    command.kill('SIGKILL');
    const { signal } = await command.ended;
    if (signal === 'SIGKILL') done += 1;
    await audit.look(command, signal === 'SIGKILL' ? null : 0);
    if (isFinished(bench.store) || done >= kills) break;
    command = bench.start(['run', '--resume', ...flags, ...pace]);
  }
  if (!isFinished(bench.store)) {
    const last = bench.start(['run', '--resume', ...flags, '--rate', '20000']);
    await last.ended;
    await audit.look(last, 0);
  }
  audit.close();
  const { storedAfter, mostLost, violations } = audit;
  return { kills: done, storedAfter, mostLost, violations };
}

/** What is true after each process. */
class Audit extends StoreAudit {
  readonly storedAfter: number[] = [];
  mostLost = 0;
  readonly #bench: ListBench;

  constructor(bench: ListBench) {
    super(bench.store, ({ key }) => key);
    this.#bench = bench;
  }

  async look(command: RunningCommand, expectedCode: number | null): Promise<void> {
    const { code } = await command.ended;
    if (code !== expectedCode) this.violations.push(`a process ended with ${String(code)}: ${command.stderr}`);
    const before = this.stored;
    const probed = new Set<string>();
    for (const key of (await this.#bench.network.packets()).keys()) {
      const [address = '', protocol = ''] = key.split(' ');
      // A UDP trace that loses packets sends echo requests of its own.
      const isOfUdp = protocol === 'icmp6' && !before.has(`${address} udp`);
      if (before.has(key) && !isOfUdp) this.violations.push(`${key} was stored and is probed again`);
      if (!isOfUdp) probed.add(key);
    }
    this.lookAtStore();
    const lost = [...probed].filter((key) => !this.stored.has(key)).length;
    this.mostLost = Math.max(this.mostLost, lost);
    const ids = new Set([...this.stored.values()].map(({ id }) => id));
    for (const line of command.stdout.split('\n').slice(0, -1)) {
      const { id } = JSON.parse(line) as { id: string };
      if (!ids.has(id))
        this.violations.push(`${id} was printed, which is said of stored ones alone, and is not stored`);
    }
    this.storedAfter.push(this.stored.size);
  }

  /** Every target and protocol has one record, the right one. */
  close(): void {
    const { targets } = this.#bench;
    for (const { address, outcome } of targets) {
      for (const protocol of ['udp', 'icmp6']) {
        const record = this.stored.get(`${address} ${protocol}`);
        // Traces that begin right after a kill may end before any packet with the option was answered from outside.
        const mayHoldBack = outcome === 'dropped' && record?.outcome === 'inconclusive';
        if (record?.outcome !== outcome && !mayHoldBack)
          this.violations.push(`${address} ${protocol} is ${record?.outcome ?? 'missing'}, not ${outcome}`);
      }
    }
    if (this.stored.size !== 2 * targets.length) this.violations.push(`${this.stored.size} records`);
  }
}

function isFinished(path: string): boolean {
  return runsIn(path, 'finished').length > 0;
}
