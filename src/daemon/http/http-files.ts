import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { HttpSettings } from '../../config/http-settings.js';
import { HttpStartError } from './http-start-error.js';
import { readToken, type TokenDigest } from './http-token.js';

/**
 * Whether token, certificate and key are as the daemon will want them; what this user may not read is named instead.
 * Root checks on behalf of the daemon's own user, whoever that is.
 * @throws HttpStartError
 */
export function checkHttpFiles(settings: HttpSettings, userId: number | null): string[] {
  const unread: string[] = [];
  const { tls } = settings;
  for (const read of [() => readTokenOf(settings, userId === 0 ? null : userId), () => tls && readTls(tls)]) {
    try {
      read();
    } catch (error) {
      if (!(error instanceof HttpStartError) || !isDenied(error.cause)) throw error;
      unread.push(`not checked: ${error.message}`);
    }
  }
  return unread;
}

function isDenied(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EACCES';
}

/** Token and certificate, as they are in their files now. @throws HttpStartError where they cannot be used */
export function readHttpFiles(settings: HttpSettings): {
  readonly token: TokenDigest | null;
  readonly tls: { readonly cert: string; readonly key: string } | null;
} {
  const { tls } = settings;
  return { token: readTokenOf(settings, process.geteuid?.() ?? null), tls: tls === null ? null : readTls(tls) };
}

/** @throws HttpStartError */
function readTokenOf({ tokenFile }: HttpSettings, userId: number | null): TokenDigest | null {
  return tokenFile === null ? null : readToken(tokenFile, userId);
}

/** @throws HttpStartError */
function readTls({ certificate, key }: NonNullable<HttpSettings['tls']>): { cert: string; key: string } {
  const read = (path: string, what: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      const message = `http.tls: cannot read the ${what} "${path}" (${reason}); name a readable PEM file`;
      throw new HttpStartError('EHTTPTLS', 66, message, error);
    }
  };
  const pem = { cert: read(certificate, 'certificate'), key: read(key, 'key') };
  try {
    createSecureContext(pem);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `http.tls: "${certificate}" and "${key}" do not work together (${reason}); give a PEM certificate and its own key`;
    throw new HttpStartError('EHTTPTLS', 66, message, error);
  }
  return pem;
}
