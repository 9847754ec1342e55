import { refuseNonPublic } from '../annotate/target-policy.js';
import type { Settings } from '../config/settings.js';
import { Slots } from './slots.js';
import type {
  MeasuredRecord,
  MeasureOrder,
  MeasurerStats,
  OrderOptions,
  StartedTrace,
  TargetMeasurer,
} from './target-measurer.js';
import { keepHeapLean } from '../engine/lean-heap.js';
import type { Log } from './event-log.js';
import type { Measuring } from './measuring.js';
import { SharedJobs } from './shared-jobs.js';
import { startHost, traceParameters, type JobsOptions, type TraceJob } from './trace-jobs.js';

/** The engine that orders are measured over, and the settings that they have in common. */
export interface ListMeasurerOptions {
  readonly measuring: Measuring;
  readonly settings: Settings;
  readonly toolVersion: string;
  readonly log: Log;
  /** Traces in flight at most. */
  readonly slots: number;
}

/** At the start of a list, and how many more each trace that ends makes room for: twice as many after each generation. */
const FIRST_TRACES = 16;
const MORE_TRACES = 2;

/**
 * Measures orders over one engine, in this process. Names are looked up before a trace takes a slot and after it gave it
 * back, so that lookups never stall probing as long as more orders are given than there are slots.
 */
export class ListMeasurer implements TargetMeasurer {
  readonly #options: ListMeasurerOptions;
  readonly #slots: Slots;
  readonly #shared = new SharedJobs<TraceJob>();
  /** Traces that may be in flight now: few at first, so that the many find the near hops of the list measured (METHOD: Exploring). */
  #open: number;
  #interrupted = false;

  constructor(options: ListMeasurerOptions) {
    this.#options = options;
    this.#open = Math.min(options.slots, FIRST_TRACES);
    this.#slots = new Slots(this.#open);
    keepHeapLean(options.slots);
  }

  async measure(
    order: MeasureOrder,
    onRecord: (measured: MeasuredRecord) => void,
    // Nobody's process but its own ends with it: who shall be alone is so where a process of its own measures.
    { onStarted }: OrderOptions = {},
  ): Promise<'done' | 'interrupted'> {
    const jobs = await startHost(order.host, this.#jobsOptions(order, onStarted));
    let left = jobs.length;
    let givenUp = false;
    const ends = await Promise.all(
      jobs.map(async (job) => {
        const { record, interrupted } = await job.result;
        left -= 1;
        givenUp ||= interrupted;
        // A record that was there already and waited for its names does not complete what was given up meanwhile.
        const last = left === 0 && (interrupted || !givenUp);
        // What had not begun waits for another day; it needs no record that says so.
        if (!interrupted || record.counters.sent > 0) onRecord({ record, interrupted, last });
        return interrupted;
      }),
    );
    return ends.includes(true) ? 'interrupted' : 'done';
  }

  /** Ends all traces now; orders that come later are given up at once. */
  async interrupt(): Promise<void> {
    this.#interrupted = true;
    this.#slots.open();
    await this.#options.measuring.engine.interrupt();
  }

  stats(): MeasurerStats {
    const { engine, transport } = this.#options.measuring;
    return { ...engine.stats(), kernelDrops: transport.stats().kernelDrops };
  }

  #jobsOptions(order: MeasureOrder, onStarted?: (trace: StartedTrace) => void): JobsOptions {
    const { measuring, toolVersion, log } = this.#options;
    const { options } = order;
    const settings: Settings = {
      ...this.#options.settings,
      ...options,
      protocol: order.protocols,
      dport: order.dport,
      company: order.company,
    };
    return {
      measuring: order.publicOnly ? { ...measuring, refuse: publicOnly(measuring) } : measuring,
      settings,
      parameters: traceParameters(settings, options.seed),
      toolVersion,
      runId: order.runId,
      names: null,
      // What others ask for on their own is no part of a list.
      shareNearHops: !order.publicOnly,
      ...(order.publicOnly ? {} : { shared: this.#shared }),
      log,
      interrupted: () => this.#interrupted,
      ...(onStarted === undefined ? {} : { onStarted }),
      // Who asks for one trace now does not wait for a list; how many may ask is bounded by who takes the orders.
      ...(order.publicOnly ? {} : this.#admission()),
      isStored: (protocol, address) =>
        order.stored.some(
          (stored) => stored.protocol === protocol && (options.addresses === 'first' || stored.address === address),
        ),
    };
  }

  #admission(): Pick<JobsOptions, 'admit' | 'onMeasured'> {
    return {
      admit: (traces) => this.#slots.take(traces),
      onMeasured: () => {
        if (this.#open < this.#options.slots) {
          this.#open = Math.min(this.#options.slots, this.#open + MORE_TRACES);
          this.#slots.resize(this.#open);
        }
        this.#slots.give();
      },
    };
  }
}

function publicOnly(measuring: Measuring): Measuring['refuse'] {
  return (octets, zone) => refuseNonPublic(octets) ?? measuring.refuse(octets, zone);
}
