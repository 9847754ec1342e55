import { CliError } from './cli-error.js';
import { errorCode } from '../text/error-code.js';
import { EXIT } from './exit-codes.js';
import type { OutputStream } from './terminal/terminal.js';

/** Standard output. A reader that went away (EPIPE) is quiet; anything else that cannot be written is an error of code 73. */
export interface ResultOutput {
  write(text: string): void;
  /** The reader closed the pipe: nothing written any more is read. */
  readonly closed: boolean;
  onClosed(listener: () => void): void;
  /** Resolves when all is written; rejects with a `CliError` of exit code 73 when it cannot be. */
  flushed(): Promise<void>;
}

/** Listens to the stream's errors for good: one that nobody listens to would end the process. */
export function createResultOutput(stream: OutputStream): ResultOutput {
  let closed = false;
  let failure: Error | null = null;
  const listeners: (() => void)[] = [];
  const fail = (error: Error): void => {
    if (closed || failure !== null) return;
    // A terminal that has gone answers with EIO.
    const code = errorCode(error);
    if (code === 'EPIPE' || (code === 'EIO' && stream.isTTY === true)) closed = true;
    else failure = error;
    for (const listener of listeners) listener();
  };
  stream.on('error', fail);
  return {
    write: (text) => {
      if (!closed && failure === null) stream.write(text);
    },
    get closed() {
      return closed;
    },
    onClosed: (listener) => {
      listeners.push(listener);
    },
    flushed: async () => {
      if (!closed && failure === null) {
        await new Promise<void>((resolve) => {
          stream.write('', (error) => {
            if (error) fail(error);
            resolve();
          });
        });
        // The error event of an earlier write may still be on its way.
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (failure !== null) throw cannotWrite(failure);
    },
  };
}

function cannotWrite(cause: Error): CliError {
  const code = errorCode(cause) ?? cause.message;
  return new CliError(
    'EOUTPUT',
    EXIT.cannotCreate,
    `standard output cannot be written: ${code}; make room or write to another place`,
    { cause },
  );
}
