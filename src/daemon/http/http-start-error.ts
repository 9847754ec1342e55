/**
 * Why HTTP cannot be served: `EHTTPTOKEN…` (mode, owner, length of the token's file), `EHTTPTLS`, `EHTTPLISTEN`. The
 * message is one line: what failed, the value, the remedy. `exitCode` is one of sysexits.h: 66 a file, 69 the network.
 */
export class HttpStartError extends Error {
  override readonly name = 'HttpStartError';
  readonly code: string;
  readonly exitCode: 66 | 69;

  constructor(code: string, exitCode: 66 | 69, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.exitCode = exitCode;
  }
}
