/**
 * Real networks for tests, in namespaces without names: they vanish with the processes in them, however those end. Needs root and the
 * commands `cc`, `ip`, `nsenter`, `unshare`; fails, and does not skip, without.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

/** Moves this process into a new, empty network namespace, for the rest of its life. Loopback is up. */
export function enterNewNamespace(): void {
  if (!isMainThread)
    throw new Error('only the main thread passes its namespace on to child processes: use the pool "forks"');
  const addon = compile('enter-namespace.c', 'enter-namespace.node', '-shared', '-fPIC');
  const error = (require(addon) as () => number)();
  if (error !== 0) throw new Error(`unshare(CLONE_NEWNET) failed with errno ${error}: run the tests as root`);
  run('ip', 'link', 'set', 'lo', 'up');
}

function compile(source: string, name: string, ...flags: string[]): string {
  const cache = join(here, '../../node_modules/.cache/pdm-trace-test');
  const output = join(cache, name);
  mkdirSync(cache, { recursive: true });
  const mine = `${output}.${process.pid}`;
  execFileSync('cc', [...flags, '-O2', '-o', mine, join(here, source)]);
  renameSync(mine, output); // other test processes do the same at the same time
  return output;
}

/** A TUN interface of this process's namespace on which every packet is answered with a Time Exceeded. Call the result to end it. */
export async function openTunSink(name: string, ...options: 'silent'[]): Promise<() => void> {
  const sink = spawn(compile('tun-sink.c', 'tun-sink'), [name, ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
  await firstOutput(sink);
  run('ip', 'link', 'set', name, 'up');
  return () => {
    sink.kill('SIGKILL');
  };
}

export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Another namespace: another host. */
export class Host {
  readonly #keeper: ChildProcess;
  readonly #processes: ChildProcess[] = [];

  private constructor(keeper: ChildProcess) {
    this.#keeper = keeper;
  }

  static async create(): Promise<Host> {
    // `cat` ends with this process, whose end of the pipe closes.
    const keeper = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await firstOutput(keeper);
    return new Host(keeper);
  }

  get pid(): number {
    const { pid } = this.#keeper;
    if (pid === undefined) throw new Error('the host never started');
    return pid;
  }

  run(command: string, ...args: string[]): string {
    return run('nsenter', `--net=/proc/${this.pid}/ns/net`, command, ...args);
  }

  sysctl(...settings: string[]): void {
    this.run('sysctl', '-q', '-w', ...settings);
  }

  /** Starts a Node script that prints a line when it is ready, and ends with the host. */
  async script(source: string): Promise<ChildProcess> {
    const child = spawn('nsenter', [`--net=/proc/${this.pid}/ns/net`, process.execPath, '-e', source], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#processes.push(child);
    await firstOutput(child);
    return child;
  }

  close(): void {
    for (const child of this.#processes) child.kill('SIGKILL');
    this.#keeper.kill('SIGKILL');
  }
}

function firstOutput(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    // What it wrote last may still be on its way when it has ended.
    child.once('close', (code) => {
      reject(new Error(`the helper process ended with ${code}`));
    });
    child.stdout?.once('data', () => {
      resolve();
    });
  });
}

export interface Link {
  /** Interface names at both ends. */
  readonly near: string;
  readonly far: string;
  readonly nearAddress?: string;
  readonly farAddress?: string;
}

/** A virtual Ethernet cable between two hosts; null is this process. Addresses are in the form `2001:db8::1/64`. */
export function connect(near: Host | null, far: Host, link: Link): void {
  const nearRun = near === null ? run : near.run.bind(near);
  nearRun('ip', 'link', 'add', link.near, 'type', 'veth', 'peer', 'name', link.far, 'netns', String(far.pid));
  for (const [host, name, address] of [
    [nearRun, link.near, link.nearAddress],
    [far.run.bind(far), link.far, link.farAddress],
  ] as const) {
    if (address !== undefined) host('ip', 'address', 'add', address, 'dev', name, 'nodad');
    // Nobody else is on the cable; until an address has been checked for duplicates it answers nothing, which takes a second.
    host('sysctl', '-q', '-w', `net.ipv6.conf.${name}.accept_dad=0`);
    host('ip', 'link', 'set', name, 'up');
  }
}
