#!/usr/bin/env node
import { endProcess, processTerminal } from './terminal/terminal.js';
import { toolVersion } from './version.js';

/** Nothing but the version is loaded to show the version. */
async function main(argv: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  if (argv.length === 1 && argv[0] === '--version') {
    terminal.stdout.write(`${toolVersion()}\n`);
    return 0;
  }
  const { runCommandLine } = await import('./command-line.js');
  return runCommandLine(argv, terminal, {
    openMeasuring: async () => (await import('../process/compose.js')).openMeasuring,
    storePorts: async () => (await import('../process/compose.js')).storePorts,
    daemonProcess: async () => (await import('../process/compose.js')).daemonProcess,
    doctorPorts: async () => (await import('../process/compose.js')).doctorPorts(),
    toolVersion: toolVersion(),
  });
}

/** Pipes are written behind the scenes: what was printed goes out before the process ends, whatever else still waits. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.on('error', () => {
      resolve();
    });
    stream.write('', () => {
      resolve();
    });
  });
}

/** What nobody caught is a defect: one line, its own exit code, and the terminal left as it was found. */
function crash(error: unknown): void {
  void import('./cli-error.js').then(({ errorText }) => {
    if (process.stdout.isTTY) process.stdout.write('\u001b[?25h');
    process.stderr.write(errorText(error, process.argv.includes('--debug')), () => process.exit(70));
  });
}

process.on('uncaughtException', crash);
// Whoever writes listens for itself; without these a closed pipe would be a crash.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const exitCode = await main(process.argv.slice(2));
await written(process.stdout);
await written(process.stderr);
endProcess(exitCode);
