import { Counter, Gauge, Registry } from 'prom-client';
import { OUTCOMES } from '../../record/record.js';
import type { DaemonView, JobView } from '../daemon-view.js';
import type { Lag } from './event-loop-lag.js';

/** What the numbers come from, asked anew for each answer. */
export interface MetricsInput {
  readonly view: DaemonView;
  readonly toolVersion: string;
  readonly lag: () => Lag;
  /** Null where it cannot be read now. */
  readonly storeOctets: () => Promise<number | null>;
}

/** Prometheus' text format. Names, labels and units are in docs/http.md; base units, counters end in `_total`. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #input: MetricsInput;
  readonly #requests: Counter<'route' | 'status'>;
  readonly #fill: readonly (() => void | Promise<void>)[];

  constructor(input: MetricsInput) {
    this.#input = input;
    this.#requests = new Counter({
      name: 'pdm_trace_http_requests_total',
      help: 'HTTP requests answered, by route and status; route is "none" where there is no such route.',
      labelNames: ['route', 'status'],
      registers: [this.#registry],
    });
    this.#fill = [this.#daemon(), this.#measuring(), this.#jobs(), this.#process()];
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  countRequest(route: string, status: number): void {
    this.#requests.inc({ route, status: String(status) });
  }

  async text(): Promise<string> {
    for (const fill of this.#fill) await fill();
    return this.#registry.metrics();
  }

  #gauge<Label extends string = never>(name: string, help: string, ...labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name: `pdm_trace_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #counter<Label extends string = never>(name: string, help: string, ...labelNames: Label[]): Counter<Label> {
    return new Counter({ name: `pdm_trace_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #daemon(): () => Promise<void> {
    const { view, toolVersion, storeOctets } = this.#input;
    const build = this.#gauge('build_info', 'Always 1; the version is a label.', 'version');
    build.set({ version: toolVersion }, 1);
    const ready = this.#gauge('ready', '1 when the daemon is ready, else 0; /readyz says why not.');
    const records = this.#counter('records_total', 'Records stored since the daemon was started.', 'outcome');
    const queue = this.#gauge('queued_traces', 'Traces asked for over HTTP that wait or are under way.');
    const held = this.#gauge('records_held', 'Records measured and not on disk yet.');
    const store = this.#gauge('store_size_bytes', 'Store in use, free pages inside the file not counted.');
    return async () => {
      const { queueLength, recordsHeld, outcomes } = view.counts();
      ready.set(view.notReady().length === 0 ? 1 : 0);
      records.reset();
      for (const outcome of OUTCOMES) records.inc({ outcome }, outcomes.get(outcome) ?? 0);
      queue.set(queueLength);
      held.set(recordsHeld);
      const octets = await storeOctets();
      if (octets === null) store.remove();
      else store.set(octets);
    };
  }

  #measuring(): () => void {
    const { view } = this.#input;
    const up = this.#gauge('measuring_process_up', '1 while the measuring process answers, else 0.');
    const restarts = this.#counter('measuring_process_restarts_total', 'Restarts of the measuring process.');
    const inFlight = this.#gauge('traces_in_flight', 'Traces being measured.');
    const sent = this.#counter('probes_sent_total', 'Probes sent.');
    const failed = this.#counter('probe_send_errors_total', 'Probes that could not be sent.');
    const replies = this.#counter(
      'replies_total',
      'Packets received: matched to a probe, foreign (of nobody here), or malformed.',
      'kind',
    );
    const drops = this.#counter('kernel_drops_total', 'Received packets that the kernel dropped for want of room.');
    return () => {
      const stats = view.measurer();
      up.set(stats === null ? 0 : 1);
      set(restarts, view.counts().childRestarts);
      inFlight.set(stats?.tracesInFlight ?? 0);
      // Counters of a process that is gone say nothing until it is there again.
      if (stats === null) return;
      set(sent, stats.probesSent);
      set(failed, stats.sendErrors);
      replies.reset();
      replies.inc({ kind: 'matched' }, stats.repliesMatched);
      replies.inc({ kind: 'foreign' }, stats.foreign);
      replies.inc({ kind: 'malformed' }, stats.malformed);
      if (stats.kernelDrops === null) drops.remove();
      else set(drops, stats.kernelDrops);
    };
  }

  #jobs(): () => void {
    const { view } = this.#input;
    const running = this.#gauge('job_running', '1 while the job runs, else 0.', 'job');
    const targets = this.#gauge('job_targets', 'Targets of the run that is under way.', 'job');
    const done = this.#gauge('job_targets_done', 'Of these, those that have all their records.', 'job');
    const nextRun = this.#gauge('job_next_run_timestamp_seconds', 'When the job runs next, Unix time.', 'job');
    const lastEnd = this.#gauge('job_last_end_timestamp_seconds', 'When the job last ended, Unix time.', 'job');
    const finished = this.#gauge(
      'job_last_finished',
      '1 when the last run finished, 0 when it stopped or failed.',
      'job',
    );
    const skipped = this.#counter('job_skipped_total', 'Times that the job was due and did not begin.', 'job');
    const of = ({ name, running: run, nextRunAtMs, lastEnd: end, skipped: times }: JobView): void => {
      const job = { job: name };
      running.set(job, run === null ? 0 : 1);
      if (run !== null) {
        targets.set(job, run.targets);
        done.set(job, run.done);
      }
      if (nextRunAtMs !== null) nextRun.set(job, nextRunAtMs / 1000);
      if (end !== null) {
        lastEnd.set(job, end.endedAtMs / 1000);
        finished.set(job, end.state === 'finished' ? 1 : 0);
      }
      skipped.inc(job, times);
    };
    return () => {
      // Jobs come and go with the configuration.
      for (const metric of [running, targets, done, nextRun, lastEnd, finished, skipped]) metric.reset();
      for (const job of view.jobs()) of(job);
    };
  }

  #process(): () => void {
    const { lag } = this.#input;
    const help = (what: string): string =>
      `Event loop of the daemon: ${what} delay of timers in the last minute or two.`;
    const mean = this.#gauge('event_loop_lag_mean_seconds', help('mean'));
    const p99 = this.#gauge('event_loop_lag_p99_seconds', help('99th percentile of the'));
    const max = this.#gauge('event_loop_lag_max_seconds', help('largest'));
    const registers = [this.#registry];
    const memory = new Gauge({
      name: 'process_resident_memory_bytes',
      help: 'Resident memory of the daemon, the measuring process aside.',
      registers,
    });
    const cpu = new Counter({
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the daemon, the measuring process aside.',
      registers,
    });
    const start = new Gauge({
      name: 'process_start_time_seconds',
      help: 'When the daemon was started, Unix time.',
      registers,
    });
    start.set(performance.timeOrigin / 1000);
    return () => {
      const now = lag();
      mean.set(now.mean / 1000);
      p99.set(now.p99 / 1000);
      max.set(now.max / 1000);
      memory.set(process.memoryUsage.rss());
      const { user, system } = process.cpuUsage();
      set(cpu, (user + system) / 1e6);
    };
  }
}

/** The daemon counts, we only show. */
function set(counter: Counter, value: number): void {
  counter.reset();
  counter.inc(value);
}
