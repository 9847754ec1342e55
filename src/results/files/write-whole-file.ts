import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from './json-lines-file.js';
import { explainOutputError, OUTPUT_ERRORS, OutputError } from '../output-error.js';

const CHUNK = 256 * 1024;

/**
 * Writes a file that appears whole or not at all: into a temporary file beside it, flushed, then moved into place. An
 * existing file is only replaced with `force`.
 * @throws OutputError; the temporary file is gone then, and an existing file as it was.
 */
export async function writeWholeFile(
  path: string,
  parts: Iterable<string> | AsyncIterable<string>,
  options: { readonly force: boolean },
): Promise<void> {
  // Before all the work rather than after it; what comes to be there meanwhile is seen by the link below.
  if (!options.force && existsSync(path)) throw existsAlready(path);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeParts(temporary, parts);
    if (options.force) {
      await rename(temporary, path);
    } else {
      // Unlike a rename, a link never replaces what is there, not even what came between a look and the move.
      await link(temporary, path);
      await rm(temporary);
    }
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw explained(error, path);
  }
}

async function writeParts(path: string, parts: Iterable<string> | AsyncIterable<string>): Promise<void> {
  const handle = await open(path, 'wx', 0o644);
  try {
    let waiting = '';
    for await (const part of parts) {
      waiting += part;
      if (waiting.length < CHUNK) continue;
      await handle.writeFile(waiting);
      waiting = '';
    }
    await handle.writeFile(waiting);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function explained(error: unknown, path: string): unknown {
  if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return existsAlready(path, error);
  return explainOutputError(error, path) ?? error;
}

function existsAlready(path: string, cause?: unknown): OutputError {
  return new OutputError(
    OUTPUT_ERRORS.exists,
    path,
    'exists already',
    'give --force to replace it, or name another file',
    cause,
  );
}
