import type { EventLog, Log } from '../measure/event-log.js';

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
export async function createDaemonLog(debug: boolean): Promise<EventLog> {
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
    (level: 'debug' | 'info' | 'warn' | 'error'): EventLog['info'] =>
    (event, fields = {}) => {
      logger[level]({ event, ...fields });
    };
  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') };
}
