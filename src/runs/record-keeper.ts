import { OutputError } from '../results/output-error.js';
import { RecordWriter } from '../results/store/record-writer.js';
import { keepAside } from '../results/unstored-records.js';
import type { Log } from '../measure/event-log.js';
import { counted } from '../text/counted.js';
import type { StoreCommitter, StorePorts } from './store-ports.js';

/** The store at `path`, and who hears of its troubles. */
export interface RecordKeeperOptions {
  readonly path: string;
  readonly openCommitter: StorePorts['openCommitter'];
  readonly log: Log;
  /** One line for people. */
  readonly say: (message: string) => void;
  /** Writing will not work again by itself: the store is damaged, or its thread has ended. */
  readonly onBroken: (error: Error) => void;
}

/** Keeps records in a store that may fail for a while, and says what becomes of them. */
export class RecordKeeper {
  readonly writer: RecordWriter;
  readonly #options: RecordKeeperOptions;
  readonly #committer: StoreCommitter;

  constructor(options: RecordKeeperOptions) {
    const { path, say, onBroken } = options;
    this.#options = options;
    this.#committer = options.openCommitter(path);
    this.writer = new RecordWriter({
      commit: this.#committer.commit,
      path,
      onFailure: (error, held) => {
        if (error instanceof OutputError && error.isTransient)
          say(`${error.message}; ${counted(held, 'record')} held in memory, to be tried again`);
        else onBroken(error);
      },
      onRecovery: () => {
        say('the store can be written again; all that was held is stored');
      },
    });
  }

  /**
   * Waits for at most `patienceMs` for a store that may work again.
   * @throws the failure, when something could not be written; it is beside the store then, if possible.
   */
  async close(patienceMs: number): Promise<void> {
    try {
      await this.writer.close(patienceMs);
    } catch (error) {
      await this.#rescue();
      throw error;
    } finally {
      await this.#committer.close().catch((error: unknown) => {
        this.#options.log.debug('committer-close-failed', { error: String(error) });
      });
    }
  }

  /** Measured is measured: what the store does not take goes where there is room. */
  async #rescue(): Promise<void> {
    const { path, say } = this.#options;
    const { files, lost } = await keepAside(path, this.writer.unwritten());
    for (const file of files)
      say(
        `${counted(file.records, 'record')} not stored, but kept in ${file.path}: the next run into that store takes them in`,
      );
    if (lost > 0) say(`${counted(lost, 'record')} not stored, and lost`);
  }
}
