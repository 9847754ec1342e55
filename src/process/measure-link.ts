/** The daemon's end of the channel to its measuring processes. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { MeasureLink } from '../measure/child/child-measurer.js';

/** To the starter; `child` numbers the measuring processes. */
export type StarterOrder =
  | { readonly kind: 'start'; readonly child: number }
  | { readonly kind: 'kill'; readonly child: number }
  | { readonly kind: 'say'; readonly child: number; readonly text: string };

/** From it. */
export type StarterReport =
  { readonly child: number; readonly text: string } | { readonly child: number; readonly ended: string };

/** The process that starts measuring processes, as the daemon sees it. */
export interface MeasureStarter {
  openLink(): MeasureLink;
  /** It ended by itself: no measuring process can be started any more. */
  onEnd(listener: (reason: string) => void): void;
  close(): void;
}

interface Listeners {
  message: (text: string) => void;
  end: (reason: string) => void;
}

/** To be called while this process still has its privileges: the starter keeps them. */
export function startMeasureStarter(): MeasureStarter {
  const starter = fork(fileURLToPath(new URL('./measure-starter.js', import.meta.url)), [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const links = new Map<number, Listeners>();
  let onEnd = (_reason: string): void => undefined;
  let ended: string | null = null;
  let closed = false;
  let numbers = 0;
  const end = (reason: string): void => {
    if (ended !== null) return;
    ended = reason;
    for (const { end: told } of links.values()) told(`its starter ended: ${reason}`);
    links.clear();
    if (!closed) onEnd(reason);
  };
  starter.on('message', (message) => {
    const report = message as StarterReport;
    const link = links.get(report.child);
    if ('text' in report) link?.message(report.text);
    else {
      links.delete(report.child);
      link?.end(report.ended);
    }
  });
  starter.on('error', (error) => {
    end(error.message);
  });
  starter.on('exit', (code, signal) => {
    end(signal ?? `exit code ${code ?? 0}`);
  });
  const say = (order: StarterOrder): void => {
    if (starter.connected) starter.send(order, () => undefined);
  };
  return {
    openLink: () => {
      const child = ++numbers;
      const listeners: Listeners = { message: () => undefined, end: () => undefined };
      links.set(child, listeners);
      if (ended === null) say({ kind: 'start', child });
      // Told later, as it would be of a child that was started and ended.
      else
        queueMicrotask(() => {
          listeners.end(`its starter ended: ${ended ?? ''}`);
        });
      return {
        send: (text) => {
          say({ kind: 'say', child, text });
        },
        onMessage: (listener) => {
          listeners.message = listener;
        },
        onEnd: (listener) => {
          listeners.end = listener;
        },
        kill: () => {
          say({ kind: 'kill', child });
        },
      };
    },
    onEnd: (listener) => {
      onEnd = listener;
    },
    close: () => {
      closed = true;
      if (starter.connected) starter.disconnect();
    },
  };
}
