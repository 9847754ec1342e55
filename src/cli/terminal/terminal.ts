/** What the commands need of the process, so that tests can stand in for it. */

/** What is used of a stream of the process. `columns` and `rows` are those of a terminal, in characters. */
export interface OutputStream {
  write(text: string, done?: (error?: Error | null) => void): boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'resize', listener: () => void): unknown;
}

/** The process as commands see it: where they write, its environment, and the signals that reach it. */
export interface Terminal {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * Calls `listener` on SIGINT and SIGTERM instead of ending the process, and on a SIGHUP that is the first of all: a terminal that
   * goes sends more than one. Returns a function that stops it.
   */
  onInterrupt(listener: () => void): () => void;
  /** Calls `listener` on Ctrl-Z, before the process is stopped. Returns a function that stops calling. */
  beforeStop(listener: () => void): () => void;
  /** Ends the process at once. */
  exitNow(code: number): void;
}

const DEFAULT_COLUMNS = 80;

/** How wide a stream is that people read. A terminal that nobody told its size says 0. */
export function columnsOf({ columns }: OutputStream): number {
  return columns === undefined || columns === 0 ? DEFAULT_COLUMNS : columns;
}

/** The terminal has gone. */
let hasHungUp = false;

/** Ends at once. Node 20 crashes where it cannot put a terminal back that has gone: then by what that signal does by itself. */
export function endProcess(code: number): void {
  if (!hasHungUp) process.exit(code);
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

/** This process's own streams, environment and signals. */
export function processTerminal(): Terminal {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    onInterrupt: (listener) => {
      let isTold = false;
      const interrupt = (): void => {
        isTold = true;
        listener();
      };
      const hangUp = (): void => {
        // Node forgets that nohup asked to be left alone: whoever has no terminal loses nothing when one goes.
        if (!hasTerminal()) return;
        hasHungUp = true;
        if (!isTold) interrupt();
      };
      return listening([
        ['SIGINT', interrupt],
        ['SIGTERM', interrupt],
        ['SIGHUP', hangUp],
      ]);
    },
    beforeStop: (listener) =>
      listening([
        [
          'SIGTSTP',
          () => {
            listener();
            process.kill(process.pid, 'SIGSTOP');
          },
        ],
      ]),
    exitNow: endProcess,
  };
}

/** Any of the three; one that has just gone is still one. */
function hasTerminal(): boolean {
  return [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
}

function listening(signals: readonly (readonly [NodeJS.Signals, () => void])[]): () => void {
  for (const [signal, listener] of signals) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of signals) process.off(signal, listener);
  };
}
