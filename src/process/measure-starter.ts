/**
 * Starts measuring processes for the daemon. It is started before the daemon gives up its privileges and keeps the right to
 * open raw sockets, so that a measuring process that died can be started again. It opens no sockets, reads nothing that it
 * passes on, and ends when the daemon does.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { StarterOrder, StarterReport } from './measure-link.js';

const CHILD = fileURLToPath(new URL('./measure-child.js', import.meta.url));
const children = new Map<number, ChildProcess>();

function report(message: StarterReport): void {
  if (process.connected) process.send?.(message);
}

function start(child: number): void {
  const started = fork(CHILD, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.set(child, started);
  let ended = false;
  const end = (reason: string): void => {
    if (ended) return;
    ended = true;
    children.delete(child);
    report({ child, ended: reason });
  };
  started.on('message', (text) => {
    if (typeof text === 'string') report({ child, text });
  });
  started.on('error', (error) => {
    end(error.message);
  });
  started.on('exit', (code, signal) => {
    end(signal === null ? `exit code ${code ?? 0}` : signal);
  });
}

function obey({ child, ...order }: StarterOrder): void {
  if (order.kind === 'start') start(child);
  else if (order.kind === 'kill') children.get(child)?.kill('SIGKILL');
  else {
    const to = children.get(child);
    // Without a callback a channel that has just closed would be an uncaught error.
    if (to?.connected === true) to.send(order.text, () => undefined);
  }
}

process.title = 'pdm-trace: starter';
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('message', (order) => {
  obey(order as StarterOrder);
});
process.on('disconnect', () => {
  for (const child of children.values()) child.kill('SIGKILL');
  process.exit(0);
});
