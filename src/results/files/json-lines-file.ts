import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { explainOutputError } from '../output-error.js';

const NEWLINE = 0x0a;
const BLOCK = 64 * 1024;

/** Records as text, one JSON object a line. */
export interface JsonLinesFile {
  readonly path: string;
  /** Octets of a last line without end that were cut off when the file was opened: a write that a kill interrupted. */
  readonly repairedOctets: number;
  /**
   * Appends one line per text and flushes them to the disk. All of them or none: what a full disk let through of a batch is
   * cut off again. Calls are carried out in order.
   * @throws OutputError
   */
  append(lines: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a JSON Lines file for appending (O_APPEND), creating it where needed. A last line without line feed is completed
 * when it is whole JSON and cut off otherwise, so that every line of the file parses. One writer at a time.
 * @throws OutputError
 */
export async function openJsonLinesFile(path: string): Promise<JsonLinesFile> {
  return explained(path, async () => {
    const handle = await open(path, 'a+', 0o644);
    try {
      const repairedOctets = await repairEnd(handle);
      await handle.datasync();
      await syncDirectory(dirname(path));
      return new AppendedFile(path, handle, repairedOctets);
    } catch (error) {
      await handle.close();
      throw error;
    }
  });
}

class AppendedFile implements JsonLinesFile {
  readonly path: string;
  readonly repairedOctets: number;
  readonly #handle: FileHandle;
  #turn: Promise<void> = Promise.resolve();

  constructor(path: string, handle: FileHandle, repairedOctets: number) {
    this.path = path;
    this.#handle = handle;
    this.repairedOctets = repairedOctets;
  }

  append(lines: readonly string[]): Promise<void> {
    const octets = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const done = this.#turn.then(() => explained(this.path, () => this.#appendOctets(octets)));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    await this.#turn;
    await explained(this.path, () => this.#handle.close());
  }

  async #appendOctets(octets: Uint8Array): Promise<void> {
    const { size } = await this.#handle.stat();
    try {
      // A device that is nearly full writes a part: the next write gives its error.
      for (let at = 0; at < octets.length;)
        at += (await this.#handle.write(octets, at, octets.length - at, null)).bytesWritten;
      await this.#handle.datasync();
    } catch (error) {
      await this.#handle.truncate(size);
      throw error;
    }
  }
}

/** Returns the octets that were cut off. */
async function repairEnd(handle: FileHandle): Promise<number> {
  const stat = await handle.stat();
  // A pipe or a terminal has no end to repair.
  if (!stat.isFile() || stat.size === 0) return 0;
  const lineStart = await lastLineStart(handle, stat.size);
  if (lineStart === stat.size) return 0;
  const tail = Buffer.alloc(stat.size - lineStart);
  await handle.read(tail, 0, tail.length, lineStart);
  if (isJson(tail.toString('utf8'))) {
    await handle.write('\n');
    return 0;
  }
  await handle.truncate(lineStart);
  return tail.length;
}

/** Where the octets after the last line feed begin. */
async function lastLineStart(handle: FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(BLOCK);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - BLOCK);
    const { bytesRead } = await handle.read(block, 0, end - start, start);
    const at = block.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A new file is only there after a power loss when its directory was flushed too. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function explained<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw explainOutputError(error, path) ?? error;
  }
}
