import { errorCode } from '../text/error-code.js';
import { EXIT } from './exit-codes.js';
import { sanitizeForTerminal } from '../text/terminal-text.js';

/** An end with an exit code of its own. The message says what failed, the value, and the remedy, in one line. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: string;
  readonly exitCode: number;

  constructor(code: string, exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** What the user wrote cannot be done: exit code 64, EX_USAGE of sysexits.h. */
export function usageError(message: string): CliError {
  return new CliError('EUSAGE', EXIT.usage, message);
}

/** The exit code of any thrown value: its own, one that follows from its `code`, or 70. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof Error)) return EXIT.software;
  if ('exitCode' in error && typeof error.exitCode === 'number') return error.exitCode;
  const code = errorCode(error);
  return (code === null ? undefined : EXIT_BY_CODE[code]) ?? EXIT.software;
}

/** `pdm-trace: <message>` without line breaks; the stack and its causes only with `debug`. */
export function errorText(error: unknown, debug: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const defect = exitCodeOf(error) === EXIT.software;
  // File names and what files hold are strangers' words.
  const line = `pdm-trace: ${sanitizeForTerminal(message.replace(/\s*[\r\n]+\s*/g, ' ').trim())}`;
  const hint = defect && !debug ? ' (a defect of pdm-trace; run it again with --debug and report what it prints)' : '';
  if (!debug || !(error instanceof Error)) return `${line}${hint}\n`;
  const stacks = [error.stack ?? error.message];
  for (
    let cause: unknown = error.cause, depth = 0;
    cause instanceof Error && depth < 8;
    cause = cause.cause, depth += 1
  )
    stacks.push(`caused by ${cause.stack ?? cause.message}`);
  const shown = stacks.flatMap((stack) => stack.split('\n')).map(sanitizeForTerminal);
  return `${line}\n${shown.join('\n')}\n`;
}

const EXIT_BY_CODE: Readonly<Record<string, number>> = {
  EPERM: EXIT.noPermission,
  EACCES: EXIT.noPermission,
  ENETUNREACH: EXIT.unavailable,
  EHOSTUNREACH: EXIT.unavailable,
  ENETDOWN: EXIT.unavailable,
  EAFNOSUPPORT: EXIT.unavailable,
  EADDRNOTAVAIL: EXIT.unavailable,
  ENODEV: EXIT.unavailable,
};
