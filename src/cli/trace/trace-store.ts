import type { Settings } from '../../config/settings.js';
import { openSqliteStore, type SqliteStore } from '../../results/store/sqlite-store.js';
import type { TraceRecord } from '../../record/record.js';
import type { Log } from '../../measure/event-log.js';
import { RecordKeeper } from '../../runs/record-keeper.js';
import type { StorePorts } from '../../runs/store-ports.js';
import { newStoredRun } from '../../runs/new-stored-run.js';

/** The store at `path`, and the command whose records go there. `say` writes a line for people. */
export interface TraceStoreOptions {
  readonly path: string;
  readonly hosts: readonly string[];
  /** With the seed that is used. */
  readonly settings: Settings;
  readonly toolVersion: string;
  readonly ports: StorePorts;
  readonly log: Log;
  readonly say: (message: string) => void;
}

const NAME_LENGTH = 200;
/** Somebody is waiting for the prompt. */
const PATIENCE_MS = 10_000;

/** The records of one `trace` command, as a run of their own. */
export class TraceStore {
  readonly runId: string;
  readonly #store: SqliteStore;
  readonly #keeper: RecordKeeper;
  #isEmpty = true;

  /** @throws OutputError: the store cannot be opened or written. */
  constructor({ path, hosts, settings, toolVersion, ports, log, say }: TraceStoreOptions) {
    ports.becomeFileOwner();
    this.#store = openSqliteStore(path);
    try {
      const run = newStoredRun('trace', hosts.join(' ').slice(0, NAME_LENGTH), settings, toolVersion, { hosts });
      this.runId = run.id;
      this.#store.runs.create(run);
      this.#store.runs.setState(run.id, 'ready');
    } catch (error) {
      this.#store.close();
      throw error;
    }
    const onBroken = (error: Error): void => {
      say(error.message);
    };
    this.#keeper = new RecordKeeper({
      path,
      openCommitter: ports.openCommitter,
      log,
      say,
      onBroken,
    });
  }

  put(record: TraceRecord, interrupted: boolean, seriesPerAddress: boolean): void {
    this.#isEmpty = false;
    this.#keeper.writer
      .put({ record, targetKey: null, completesTarget: false, provisional: interrupted, seriesPerAddress })
      // The bound on what is held cannot be reached by one command's hosts; what fails to be written is close's.
      .catch(() => undefined);
  }

  /** @throws OutputError when not all is stored. */
  async close(): Promise<void> {
    try {
      await this.#keeper.close(PATIENCE_MS);
      this.#store.runs.setState(this.runId, 'finished', Date.now());
      if (this.#isEmpty) this.#store.runs.deleteEmpty();
    } finally {
      this.#store.close();
    }
  }
}
