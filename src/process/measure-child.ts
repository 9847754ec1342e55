/**
 * The process that measures for the daemon: it opens the sockets, gives up every privilege, and from then on does what it is
 * told over the channel that it was started with. It ends when that channel does.
 */
import { readPrefixFile } from '../annotate/prefix-file.js';
import type { MeasureMessage, MeasureRequest } from '../measure/child/measure-messages.js';
import { MeasureServer } from '../measure/child/measure-server.js';
import { exitCodeOf } from '../cli/cli-error.js';
import { errorCode } from '../text/error-code.js';
import { openMeasuring } from './compose.js';
import { EXIT } from '../cli/exit-codes.js';
import { createDebugLog } from '../cli/log.js';
import { toolVersion } from '../cli/version.js';

const STATS_MS = 1000;

function say(message: MeasureMessage, then?: () => void): void {
  // The channel is gone when the daemon is: then this process ends too, see below.
  if (process.connected) process.send?.(JSON.stringify(message), undefined, {}, () => then?.());
  else then?.();
}

function fail(error: unknown, exitCode = exitCodeOf(error)): void {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 2000);
  say({ kind: 'failed', code: errorCode(error), message, exitCode }, () => process.exit(exitCode));
}

/** Requests in their order, also those that come while the sockets are being opened. */
let work: Promise<unknown> = Promise.resolve();
let server: MeasureServer | null = null;

async function take(request: MeasureRequest): Promise<void> {
  if (server !== null || request.kind !== 'open') {
    server?.obey(request);
    return;
  }
  const opened = await MeasureServer.open(request, {
    openMeasuring,
    say,
    onFatal: (error) => {
      fail(error, EXIT.unavailable);
    },
    readDoNotProbe: (path) => readPrefixFile(path, '--do-not-probe'),
    createDebugLog,
    toolVersion: toolVersion(),
  });
  server = opened;
  say({ kind: 'ready', transport: opened.transportChoice });
  setInterval(() => {
    opened.sayStats();
  }, STATS_MS);
}

process.title = 'pdm-trace: measuring';
// A Ctrl-C and a service manager reach every process of the group: only the daemon decides what becomes of them.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', (error) => {
  fail(error, EXIT.software);
});
process.on('message', (text) => {
  work = work.then(() => take(JSON.parse(String(text)) as MeasureRequest)).catch(fail);
});
