import type { OutputStream, Terminal } from '../../src/cli/terminal/terminal.js';

export interface FakeStreamOptions {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Errno name that writes fail with, from the given write on. */
  readonly failing?: { readonly code: string; readonly fromWrite: number };
}

/** Keeps what was written; fails as a pipe or file does: by an error event, later. */
export class FakeStream implements OutputStream {
  readonly isTTY: boolean;
  columns: number;
  rows: number;
  readonly writes: string[] = [];
  readonly #failing: FakeStreamOptions['failing'];
  readonly #onError: ((error: Error) => void)[] = [];
  readonly #onResize: (() => void)[] = [];
  #count = 0;

  constructor(options: FakeStreamOptions = {}) {
    this.isTTY = options.isTTY ?? false;
    this.columns = options.columns ?? 80;
    this.rows = options.rows ?? 24;
    this.#failing = options.failing;
  }

  get text(): string {
    return this.writes.join('');
  }

  write(text: string, done?: (error?: Error | null) => void): boolean {
    this.#count += 1;
    if (this.#failing !== undefined && this.#count >= this.#failing.fromWrite) {
      const error = Object.assign(new Error(`write ${this.#failing.code}`), { code: this.#failing.code });
      queueMicrotask(() => {
        for (const listener of this.#onError) listener(error);
        done?.(error);
      });
      return false;
    }
    if (text !== '') this.writes.push(text);
    if (done !== undefined) queueMicrotask(done);
    return true;
  }

  on(event: 'error' | 'resize', listener: ((error: Error) => void) & (() => void)): this {
    if (event === 'error') this.#onError.push(listener);
    else this.#onResize.push(listener);
    return this;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    for (const listener of this.#onResize) listener();
  }
}

export interface FakeTerminal extends Terminal {
  readonly stdout: FakeStream;
  readonly stderr: FakeStream;
  /** As Ctrl-C would. */
  interrupt(): void;
  /** As Ctrl-Z would. */
  stop(): void;
  readonly exits: number[];
}

export function fakeTerminal(
  stdout: FakeStreamOptions = {},
  stderr: FakeStreamOptions = {},
  environment: Readonly<Record<string, string>> = {},
): FakeTerminal {
  const listeners = new Set<() => void>();
  const stopListeners = new Set<() => void>();
  const exits: number[] = [];
  return {
    stdout: new FakeStream(stdout),
    stderr: new FakeStream(stderr),
    environment,
    onInterrupt: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    beforeStop: (listener) => {
      stopListeners.add(listener);
      return () => stopListeners.delete(listener);
    },
    stop: () => {
      for (const listener of [...stopListeners]) listener();
    },
    exitNow: (code) => {
      exits.push(code);
    },
    interrupt: () => {
      for (const listener of [...listeners]) listener();
    },
    exits,
  };
}
