/** Whether a file that is open still is the one at its path: it may have been moved, deleted or replaced meanwhile. */
import { statSync } from 'node:fs';

/** A path and the file that lay there when this was made. */
export class FilePlace {
  readonly path: string;
  readonly #identity: string | null;

  constructor(path: string) {
    this.path = path;
    this.#identity = identityOf(path);
  }

  /** `same`: also where it was away and is back. `other`: some file lies there, of which nothing else is known. */
  state(): 'same' | 'gone' | 'other' {
    const now = identityOf(this.path);
    if (now === null) return 'gone';
    return now === this.#identity ? 'same' : 'other';
  }
}

/** Device and inode, which a file keeps when it is renamed; null where there is none, or none that may be looked at. */
function identityOf(path: string): string | null {
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
  } catch {
    return null;
  }
}
