/**
 * A private storage of images and containers in a folder of its own: nothing that the user of this machine has is seen or
 * touched. Folders are named `pdmctr-<pid>-<start time of pid>-…`, so that the next run takes away what a killed one left.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const PREFIX = 'pdmctr';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end, whatever its exit code. */
export function run([command = '', ...args]: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
      ...options.env,
    };
    const child = spawn(command, args, { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const stderr = Buffer.concat(err).toString() + (signal === null ? '' : `\n${command} was ended by ${signal}`);
      resolve({ code: code ?? 1, stdout: Buffer.concat(out).toString(), stderr });
    });
  });
}

/** What it printed, without the last newline. Rejects with all it said when it fails. */
export async function mustRun(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options);
  if (code === 0) return stdout.trimEnd();
  throw new Error(`${argv.join(' ')} ended with ${code}:\n${`${stdout}\n${stderr}`.slice(-6000)}`);
}

export class Storage {
  readonly directory: string;
  readonly #remove = (): void => {
    removeStorage(this.directory);
  };

  constructor() {
    removeLeftovers();
    this.directory = mkdtempSync(path.join(tmpdir(), `${PREFIX}-${process.pid}-${startTime('self') ?? ''}-`));
    mkdirSync(path.join(this.directory, 'tmp'));
    process.once('exit', this.#remove);
  }

  /** A file or folder of this storage. */
  path(...names: readonly string[]): string {
    return path.join(this.directory, ...names);
  }

  buildah(...args: readonly string[]): Promise<string> {
    const own = ['--root', this.path('images'), '--runroot', this.path('run')];
    return mustRun(['buildah', ...own, ...args], { env: { TMPDIR: this.path('tmp') } });
  }

  destroy(): void {
    process.off('exit', this.#remove);
    this.#remove();
  }
}

/** Synchronous, so that it also works while the process ends. */
function removeStorage(directory: string): void {
  const runc = ['--root', path.join(directory, 'runc')];
  for (const id of list(path.join(directory, 'runc'))) spawnSync('runc', [...runc, 'delete', '--force', id]);
  // The newest mount first: one may lie in another.
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
    const mountPoint = line.split(' ')[4];
    if (mountPoint?.startsWith(`${directory}/`) === true) spawnSync('umount', ['--lazy', mountPoint]);
  }
  rmSync(directory, { recursive: true, force: true });
}

function removeLeftovers(): void {
  for (const name of list(tmpdir())) {
    const owner = new RegExp(`^${PREFIX}-(\\d+)-(\\d+)-`).exec(name);
    if (owner !== null && startTime(owner[1]!) !== owner[2]) removeStorage(path.join(tmpdir(), name));
  }
}

/** In clock ticks since boot, so that a pid used again is told apart (proc_pid_stat(5), field 22). */
function startTime(pid: string): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
