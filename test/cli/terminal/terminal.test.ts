import { afterEach, describe, expect, it, vi } from 'vitest';
import { createResultOutput } from '../../../src/cli/result-output.js';
import { endProcess, processTerminal } from '../../../src/cli/terminal/terminal.js';
import { fakeTerminal } from '../fake-terminal.js';

const { isTTY } = process.stdin;
afterEach(() => {
  process.stdin.isTTY = isTTY;
  vi.restoreAllMocks();
});

/** Signals that the process gets, and how often who listens is told. */
function toldOf(signals: readonly NodeJS.Signals[], hasTerminal = true): number {
  process.stdin.isTTY = hasTerminal;
  let told = 0;
  const stop = processTerminal().onInterrupt(() => (told += 1));
  for (const signal of signals) process.emit(signal, signal);
  stop();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) expect(process.listenerCount(signal)).toBe(0);
  return told;
}

describe('signals', () => {
  it('that ask for an end are told each, and a terminal that goes but once and as the first', () => {
    expect(toldOf(['SIGINT', 'SIGTERM'])).toBe(2);
    expect(toldOf(['SIGHUP', 'SIGHUP', 'SIGHUP'])).toBe(1);
    expect(toldOf(['SIGINT', 'SIGHUP'])).toBe(1);
    expect(toldOf(['SIGHUP', 'SIGTERM'])).toBe(2);
  });

  it('of a terminal that goes say nothing to a process that has none, as with nohup', () => {
    expect(toldOf(['SIGHUP'], false)).toBe(0);
    expect(toldOf(['SIGTERM'], false)).toBe(1);
  });

  it('of Ctrl-Z stop the process once who draws has cleared the screen', () => {
    const order: string[] = [];
    vi.spyOn(process, 'kill').mockImplementation((_pid, signal) => {
      order.push(String(signal));
      return true;
    });
    const stop = processTerminal().beforeStop(() => order.push('cleared'));
    process.emit('SIGTSTP', 'SIGTSTP');
    stop();
    expect(order).toEqual(['cleared', 'SIGSTOP']);
    expect(process.listenerCount('SIGTSTP')).toBe(0);
  });
});

describe('an end after the terminal has gone', () => {
  it('is by what its signal does: Node cannot put that terminal back', () => {
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    toldOf(['SIGHUP']);
    endProcess(130);
    expect(kill).toHaveBeenCalledWith(process.pid, 'SIGHUP');
  });
});

describe('standard output', () => {
  const failing = async (isTTY: boolean, code: string): Promise<ReturnType<typeof createResultOutput>> => {
    const output = createResultOutput(fakeTerminal({ isTTY, failing: { code, fromWrite: 1 } }).stdout);
    output.write('a record');
    await new Promise((resolve) => setImmediate(resolve));
    return output;
  };

  it('is closed, and no error, where its reader or its terminal has gone', async () => {
    for (const output of [await failing(false, 'EPIPE'), await failing(true, 'EIO')]) {
      expect(output.closed).toBe(true);
      await output.flushed();
    }
  });

  it('is an error where a file cannot be written', async () => {
    for (const code of ['EIO', 'ENOSPC'])
      await expect((await failing(false, code)).flushed()).rejects.toThrow(
        `standard output cannot be written: ${code}`,
      );
  });
});
