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
