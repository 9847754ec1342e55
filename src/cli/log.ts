import type { DaemonLog } from '../daemon/daemon-log.js';

/** Events for whoever debugs: names and fields. People's messages do not go this way. */
export interface Log {
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

export const SILENT_LOG: Log = { debug: () => undefined };

/** JSON lines on stderr, by pino, which is only loaded when somebody wants to see them. */
export async function createDebugLog(): Promise<Log> {
  const { pino } = await import('pino');
  // Written at once: a process that ends by a defect has said all it knew.
  const logger = pino({ level: 'debug', base: null }, pino.destination({ dest: 2, sync: true }));
  return {
    debug: (event, fields = {}) => {
      logger.debug({ event, ...fields }, event);
    },
  };
}

/** The daemon's log: JSON lines on stderr, each with its event's name and time. */
export async function createDaemonLog(debug: boolean): Promise<DaemonLog> {
  const { pino } = await import('pino');
  const logger = pino(
    {
      level: debug ? 'debug' : 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  const writer =
    (level: 'debug' | 'info' | 'warn' | 'error'): DaemonLog['info'] =>
    (event, fields = {}) => {
      logger[level]({ event, ...fields });
    };
  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') };
}
