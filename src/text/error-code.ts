/** `ENOENT`: the code of a system's or Node's error, or of one of ours. Null where it has none. */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
