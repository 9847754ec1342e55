/** Names of a run that have the same address: it is measured once, and each of them gets the result (`sharedWith`). */

/** Jobs kept that have ended, the latest: of a list most names of one address stand near each other, or are few. */
const MOST_ENDED = 1000;

/** What is shared: a trace that is under way, or over. */
export interface Shareable {
  readonly result: Promise<{ readonly interrupted: boolean }>;
}

/** `start` is called by who came first, with its job, or null where it was given up before it began. */
export type Claim<Job> =
  | { readonly isFirst: true; readonly start: (job: Job | null) => void }
  | { readonly isFirst: false; readonly job: Promise<Job | null> };

/** By a key that says all that a trace depends on. */
export class SharedJobs<Job extends Shareable> {
  readonly #jobs = new Map<string, Promise<Job | null>>();
  /** Keys of those that have ended, the oldest first. */
  readonly #ended = new Set<string>();

  claim(key: string): Claim<Job> {
    const job = this.#jobs.get(key);
    if (job !== undefined) return { isFirst: false, job };
    let start: (job: Job | null) => void = () => undefined;
    this.#jobs.set(key, new Promise((resolve) => (start = resolve)));
    return {
      isFirst: true,
      start: (started) => {
        start(started);
        if (started === null) this.#jobs.delete(key);
        else void this.#keep(key, started);
      },
    };
  }

  /** What was broken off is measured again for the next one. */
  async #keep(key: string, { result }: Job): Promise<void> {
    const isWhole = await result.then(
      ({ interrupted }) => !interrupted,
      () => false,
    );
    if (!isWhole) this.#jobs.delete(key);
    else this.#ended.add(key);
    const [oldest] = this.#ended;
    if (this.#ended.size <= MOST_ENDED || oldest === undefined) return;
    this.#ended.delete(oldest);
    this.#jobs.delete(oldest);
  }
}
