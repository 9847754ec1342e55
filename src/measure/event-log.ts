/** What the daemon has to say: events by name, with fields. Written as JSON lines on stderr. */
export interface EventLog {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Values that JSON can hold, by a name in camelCase. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The fields that tell of an error. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  // Without a code it is a defect of ours: then the place matters.
  return code === null ? { error: error.message, stack: error.stack } : { error: error.message, code };
}

/** Events for whoever debugs: names and fields. People's messages do not go this way. */
export interface Log {
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** The log of who was not asked for one (`--debug`). */
export const SILENT_LOG: Log = { debug: () => undefined };
