/** A list, a network in which its targets are, and processes of the program in it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll } from 'vitest';
import { openTunNetwork, targetAddress, type TunNetwork } from './tun-network.mjs';

const IN_TERMINAL = fileURLToPath(new URL('in-terminal.py', import.meta.url));
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Fails all tests of the file where the program is not built. */
export function needBuild(): void {
  beforeAll(() => {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: run "npm run build" before these tests`);
  });
}

/** To be called once in a file: what it returns opens a bench of so many targets, which is closed after the test. */
export function benches(): (targets: number) => Promise<ListBench> {
  needBuild();
  let bench: ListBench | null = null;
  afterEach(() => {
    bench?.close();
    bench = null;
  });
  return async (targets) => (bench = await ListBench.open(targets));
}

/** Some take long, most are near and done soon, and some must not be probed: their records come at once. */
const KINDS = ['near', 'forbidden', 'near', 'near', 'forbidden', 'near', 'near', 'near', 'answers'] as const;
const EVERY_SO_MANY_IS_FILTERED = 30;
const OUTCOMES = { near: 'delivered', answers: 'delivered', filtered: 'dropped', forbidden: 'not-measured' } as const;
const FORBIDDEN = '2001:db8:ffff::/48';

export interface ListedTarget {
  readonly address: string;
  readonly outcome: string;
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

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
