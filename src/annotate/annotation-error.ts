/**
 * An input of annotation that cannot be used. `code` is stable: `as-database-unreadable`, `as-database-malformed`,
 * `prefix-file-unreadable`, `prefix-file-malformed`, `resolver-address`. The message says what failed, the value and
 * the remedy; `exitCode` is what the process should end with (sysexits.h: 64 usage, 66 input unusable).
 */
export class AnnotationError extends Error {
  override readonly name = 'AnnotationError';
  readonly code: string;
  readonly exitCode: 64 | 66;

  constructor(code: string, exitCode: 64 | 66, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** Errno name of a failed system call, or the message of anything else. */
export function causeText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
