/** `pdm-trace daemon` as a process, what it says, and the processes that it has. */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** A line of its log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

/** A daemon and what it says. */
export class RunningDaemon {
  readonly lines: LogLine[] = [];
  readonly ended: Promise<number | null>;
  other = '';
  #over = false;
  #waiting: (() => void)[] = [];

  constructor(child: ChildProcess) {
    createInterface({ input: child.stderr! }).on('line', (text) => {
      if (text.startsWith('{')) this.lines.push(JSON.parse(text) as LogLine);
      else this.other += `${text}\n`;
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      child.once('close', (code) => {
        this.#over = true;
        this.#wake();
        resolve(code);
      });
    });
  }

  /** The first line from `from` on that `matches`. */
  async says(event: string, matches: (line: LogLine) => boolean = () => true, from = 0): Promise<LogLine> {
    for (;;) {
      const found = this.lines.slice(from).find((line) => line.event === event && matches(line));
      if (found !== undefined) return found;
      if (this.#over)
        throw new Error(`it ended without ${event}: ${this.other}${JSON.stringify(this.lines.slice(-5))}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
}

/** Null for a process that is gone, or as good as. */
export function parentOf(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return fields[0] === 'Z' ? null : Number(fields[1]);
  } catch {
    return null;
  }
}

/** The starter and the measuring process. */
export function processesOf(daemonPid: number): { starter: number; measuring: number } {
  const [starter] = childrenOf(daemonPid);
  const [measuring] = starter === undefined ? [] : childrenOf(starter);
  if (starter === undefined || measuring === undefined) throw new Error(`${daemonPid} has no measuring process`);
  return { starter, measuring };
}
