import { createHash, timingSafeEqual } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { HttpStartError } from './http-start-error.js';

const SHORTEST = 32;
const LONGEST = 1024;

/** A token that can be compared but not read. */
export interface TokenDigest {
  /** In a time that depends on nothing but the length of what is offered. */
  matches(offered: string): boolean;
}

/** Keeps the SHA-256 of the token and not the token, so that a dump of the memory does not show it. */
export function tokenDigest(token: string): TokenDigest {
  const digest = sha256(token);
  return { matches: (offered) => timingSafeEqual(sha256(offered), digest) };
}

/**
 * The token in the file at `path`: 32 to 1,024 visible ASCII characters, in a regular file of this user that nobody else
 * can read. Mode and owner are those of the file that is read, not of what the path names a moment later.
 * @throws HttpStartError
 */
export function readToken(path: string, userId: number | null): TokenDigest {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    const remedy =
      reason === 'EACCES' ? 'it must belong to this user' : 'make one with: (umask 077; openssl rand -hex 32 > FILE)';
    throw fail('EHTTPTOKENUNREADABLE', `cannot read the token file "${path}" (${reason}); ${remedy}`, error);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw fail('EHTTPTOKENFILE', `the token file "${path}" is no regular file; name one`);
    if ((stat.mode & 0o077) !== 0) {
      const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
      throw fail(
        'EHTTPTOKENMODE',
        `the token file "${path}" has mode ${mode}: others can read it; chmod 600 it and make a new token`,
      );
    }
    if (userId !== null && stat.uid !== userId) {
      const message = `the token file "${path}" belongs to user ${stat.uid}, this process is user ${userId}; chown ${userId} it`;
      throw fail('EHTTPTOKENOWNER', message);
    }
    const octets = Buffer.alloc(LONGEST + 3);
    const text = octets.toString('latin1', 0, readSync(file, octets, 0, octets.length, 0)).replace(/\r?\n$/, '');
    if (text.length < SHORTEST) {
      const message = `the token in "${path}" has ${text.length} characters, ${SHORTEST} are needed; make one with: openssl rand -hex 32`;
      throw fail('EHTTPTOKENSHORT', message);
    }
    if (text.length > LONGEST || !/^[!-~]+$/.test(text)) {
      const message = `the token in "${path}" must be one line of at most ${LONGEST} visible ASCII characters; make one with: openssl rand -hex 32`;
      throw fail('EHTTPTOKENTEXT', message);
    }
    return tokenDigest(text);
  } finally {
    closeSync(file);
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function fail(code: string, message: string, cause?: unknown): HttpStartError {
  return new HttpStartError(code, 66, message, cause);
}
