/** A list that is measured by processes which are killed with -9, until one lives to its end; and what must hold at each death. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { openTunNetwork, targetAddress, type TunNetwork } from './tun-network.mjs';

const IN_TERMINAL = fileURLToPath(new URL('in-terminal.py', import.meta.url));
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Some take long, most are near and done soon, and some must not be probed: their records come at once. */
const KINDS = ['near', 'forbidden', 'near', 'near', 'forbidden', 'near', 'near', 'near', 'answers'] as const;
const EVERY_SO_MANY_IS_FILTERED = 30;
const OUTCOMES = { near: 'delivered', answers: 'delivered', filtered: 'dropped', forbidden: 'not-measured' } as const;
const FORBIDDEN = '2001:db8:ffff::/48';

export interface ListedTarget {
  readonly address: string;
  readonly outcome: string;
}

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

/** A directory, a list in it, and a network in which its targets are. */
export class ListBench {
  readonly directory = mkdtempSync(join(tmpdir(), 'pdm-run-'));
  store = join(this.directory, 'store.db');
  readonly list = join(this.directory, 'list.txt');
  readonly doNotProbe = join(this.directory, 'do-not-probe.txt');
  readonly targets: readonly ListedTarget[];
  readonly network: TunNetwork;
  readonly #children = new Set<ChildProcess>();
  #stores = 0;

  private constructor(network: TunNetwork, count: number) {
    this.network = network;
    this.targets = Array.from({ length: count }, (_, index) => {
      const kind = (index + 1) % EVERY_SO_MANY_IS_FILTERED === 0 ? 'filtered' : (KINDS[index % KINDS.length] ?? 'near');
      const address = kind === 'forbidden' ? `2001:db8:ffff::${(index + 1).toString(16)}` : targetAddress(index, kind);
      return { address, outcome: OUTCOMES[kind] };
    });
    writeFileSync(this.doNotProbe, `${FORBIDDEN}\n`);
    writeFileSync(this.list, `${this.targets.map(({ address }) => address).join('\n')}\n`);
  }

  static async open(targets: number): Promise<ListBench> {
    return new ListBench(await openTunNetwork(), targets);
  }

  /** For lists in this network. */
  get flags(): string[] {
    return ['--hop-interval', '0', '--no-dns', '--do-not-probe', this.doNotProbe];
  }

  /** From now on, as if nothing had been measured. */
  useNewStore(): void {
    this.#stores += 1;
    this.store = join(this.directory, `store-${this.#stores}.db`);
  }

  /** `pdm-trace <argv>` inside the network. */
  start(argv: readonly string[]): RunningCommand {
    return this.#spawn(this.network.command([process.execPath, MAIN, ...argv]));
  }

  /** A daemon inside the network, which says what it does on standard error. */
  startDaemon(config: string): ChildProcess {
    const [command = '', ...argv] = this.network.command([process.execPath, MAIN, 'daemon', '--config', config]);
    const env = { ...process.env, PDM_TRACE_ALLOW_SPECIAL: '1' };
    const child = spawn(command, argv, { stdio: ['ignore', 'ignore', 'pipe'], cwd: this.directory, env });
    this.#children.add(child);
    return child;
  }

  /** The same on a terminal, by `in-terminal.py`, which says what it takes and gives. */
  startInTerminal(argv: readonly string[]): RunningCommand {
    const command = this.network.command([process.execPath, MAIN, ...argv]);
    return this.#spawn(['python3', IN_TERMINAL, JSON.stringify(command)]);
  }

  #spawn([command = '', ...argv]: readonly string[]): RunningCommand {
    // The targets have documentation addresses.
    const env = { ...process.env, PDM_TRACE_ALLOW_SPECIAL: '1', TERM: 'xterm' };
    const child = spawn(command, argv, { stdio: ['pipe', 'pipe', 'pipe'], cwd: this.directory, env });
    this.#children.add(child);
    return new RunningCommand(child);
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    this.network.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export class RunningCommand {
  readonly #child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  stdout = '';
  stderr = '';
  isOver = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (text: Buffer) => (this.stdout += text.toString()));
    child.stderr?.on('data', (text: Buffer) => (this.stderr += text.toString()));
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.isOver = true;
        resolve({ code, signal });
      });
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** A line of standard input. */
  order(text: string): void {
    this.#child.stdin?.write(`${text}\n`);
  }

  /** Resolves when standard output has so many lines, or the process is over. */
  async prints(lines: number): Promise<void> {
    while (this.stdout.split('\n').length <= lines && !this.isOver) await pause(5);
  }

  /** Resolves when standard error has the text, or the process is over. */
  async says(text: string): Promise<void> {
    while (!this.stderr.includes(text) && !this.isOver) await pause(5);
  }
}

/** What is on disk, by `<address> <protocol>`. Every read checks the file too. */
export function storedRecords(path: string): Map<string, { readonly id: string; readonly outcome: string }> {
  const database = new Database(path, { readonly: true });
  try {
    const health = database.pragma('quick_check', { simple: true });
    if (health !== 'ok') throw new Error(`the store is damaged: ${String(health)}`);
    const rows = database
      .prepare(
        `SELECT t.destination_input AS input, t.protocol, t.id, t.outcome, json_extract(r.json, '$.id') AS json_id
         FROM trace AS t JOIN record AS r USING (trace_key) WHERE t.provisional = 0`,
      )
      .all() as { input: string; protocol: string; id: string; outcome: string; json_id: string }[];
    const records = new Map<string, { id: string; outcome: string }>();
    for (const { input, protocol, id, outcome, json_id: jsonId } of rows) {
      const key = `${input} ${protocol}`;
      if (records.has(key)) throw new Error(`${key} is stored twice`);
      if (jsonId !== id) throw new Error(`${key}: the record is another one`);
      records.set(key, { id, outcome });
    }
    return records;
  } finally {
    database.close();
  }
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
class Audit {
  readonly violations: string[] = [];
  readonly storedAfter: number[] = [];
  stored = new Map<string, { readonly id: string; readonly outcome: string }>();
  mostLost = 0;
  readonly #bench: ListBench;

  constructor(bench: ListBench) {
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
    const now = storedRecords(this.#bench.store);
    const lost = [...probed].filter((key) => !now.has(key)).length;
    this.mostLost = Math.max(this.mostLost, lost);
    for (const [key, { id }] of before)
      if (now.get(key)?.id !== id) this.violations.push(`${key} was stored as ${id} and is not any more`);
    const ids = new Set([...now.values()].map(({ id }) => id));
    for (const line of command.stdout.split('\n').slice(0, -1)) {
      const { id } = JSON.parse(line) as { id: string };
      if (!ids.has(id))
        this.violations.push(`${id} was printed, which is said of stored ones alone, and is not stored`);
    }
    this.stored = now;
    this.storedAfter.push(now.size);
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
  const database = new Database(path, { readonly: true });
  const state: unknown = database.prepare('SELECT state FROM run').pluck().get();
  database.close();
  return state === 'finished';
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
