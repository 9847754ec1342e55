/** Traces that somebody asks for now: each a run of one target, some at a time, the rest in order. */
import { parseAddress } from '../../address/address.js';
import { refuseNonPublic } from '../../annotate/target-policy.js';
import type { Settings } from '../../config/settings.js';
import type { StoredRun } from '../../results/store/run-table.js';
import { parseHost } from '../../targets/parse-host.js';
import { TRACE_REFUSALS, type TraceRequest } from '../daemon-view.js';
import { ownSettings, unfinishedRuns, type JobServices } from './job.js';
import { JobRun } from './job-run.js';
import { Slots } from '../../measure/slots.js';

/** No job can have this name. */
export const REQUEST_RUN = '(on request)';

/** Traces on request that are measured at the same time. */
const AT_ONCE = 16;

/** A trace on request that will not be run. `code` is what the HTTP answer names. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  readonly code: (typeof TRACE_REFUSALS)[keyof typeof TRACE_REFUSALS];

  constructor(code: RequestRefused['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Not bound to any job, and measured beside them: each is in the store before `trace` resolves, so that a restart goes on
 * with it.
 */
export class RequestRuns {
  readonly #services: JobServices;
  readonly #slots = new Slots(AT_ONCE);
  readonly #runs = new Set<JobRun>();
  readonly #ends = new Set<Promise<unknown>>();
  #settings: Settings;
  #most: number;
  #stopped = false;

  /** `most`: runs that may wait or be under way. */
  constructor(services: JobServices, settings: Settings, most: number) {
    this.#services = services;
    this.#settings = settings;
    this.#most = most;
  }

  get length(): number {
    return this.#runs.size;
  }

  change(settings: Settings, most: number): void {
    this.#settings = settings;
    this.#most = most;
  }

  /** Goes on with what an earlier process left unfinished. */
  start(): void {
    for (const stored of unfinishedRuns(this.#services.store, REQUEST_RUN)) {
      this.#add(this.#run(ownSettings(this.#services, stored, this.#settings), stored, null));
    }
  }

  /**
   * Resolves when the request is in the store.
   * @throws RequestRefused `EQUEUEFULL`, `EFORBIDDENTARGET`; OutputError when the store cannot be written.
   */
  async trace(request: TraceRequest): Promise<{ readonly runId: string }> {
    const { host, protocol, dport, maxHops, tags } = request;
    if (this.#stopped) throw new RequestRefused(TRACE_REFUSALS.notReady, 'the daemon is ending');
    if (this.#runs.size >= this.#most)
      throw new RequestRefused(TRACE_REFUSALS.queueFull, `${this.#runs.size} traces wait already; ask again later`);
    const refusal = refusedAddress(host);
    if (refusal !== null) throw new RequestRefused(TRACE_REFUSALS.forbiddenTarget, refusal);
    const parsed = parseHost(host, 0);
    if ('reason' in parsed) throw new RequestRefused(TRACE_REFUSALS.forbiddenTarget, parsed.reason);
    const settings: Settings = {
      ...this.#settings,
      ...(protocol === undefined ? {} : { protocol: [protocol] }),
      // SYNs carry no data: what the file says about others' size does not fit them.
      ...(protocol === 'tcp' ? { size: null, fragment: false } : {}),
      ...(dport === undefined ? {} : { dport }),
      ...(maxHops === undefined ? {} : { maxHops }),
    };
    const { company } = settings;
    const row = { kind: 'target', line: 1, company, protocols: settings.protocol, dport: settings.dport } as const;
    const run = this.#run(settings, null, { ...row, ...parsed, tags: tags ?? [] });
    // Counted before it is stored, so that many requests at once do not pass together.
    this.#runs.add(run);
    try {
      const runId = await run.store();
      this.#add(run);
      return { runId };
    } catch (error) {
      this.#runs.delete(run);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const run of this.#runs) run.stop();
    this.#slots.open();
    await Promise.all(this.#ends);
  }

  #run(
    settings: Settings,
    stored: StoredRun | null,
    target: ConstructorParameters<typeof JobRun>[1]['target'],
  ): JobRun {
    const plan = { name: REQUEST_RUN, settings, rate: null, dueAtMs: null, stored, target };
    return new JobRun(this.#services, plan);
  }

  #add(run: JobRun): void {
    this.#runs.add(run);
    const end = this.#slots
      .take()
      .then(() => (this.#stopped ? null : run.run()))
      .finally(() => {
        this.#slots.give();
        this.#runs.delete(run);
        this.#ends.delete(end);
      });
    this.#ends.add(end);
  }
}

/** An address as it stands can be refused at once; what a name resolves to is looked at by who resolves it. */
function refusedAddress(host: string): string | null {
  const octets = parseAddress(host.replace(/^\[|\]$/g, ''))?.octets;
  return octets === undefined ? null : refuseNonPublic(octets);
}
