import { formatAddress, parseAddress } from '../address/address.js';
import { destinationPort, type Settings } from '../config/settings.js';
import type { TraceHandle, TraceParameters, TraceRequest } from '../engine/trace-engine.js';
import { LONG_EXTRA as LONGEST_ARM_EXTRA } from '../trace/probe/probe-fragments.js';
import type { Outcome, Protocol, TraceRecord } from '../record/record.js';
import type { Route } from '../transport/probe-transport.js';
import { errorCode } from '../text/error-code.js';
import type { Log } from './event-log.js';
import type { Measuring } from './measuring.js';
import type { NameBook } from './name-book.js';
import type { SharedJobs } from './shared-jobs.js';
import type { StartedTrace } from './target-measurer.js';
import { unmeasuredRecord, type UnmeasuredTarget } from './unmeasured-record.js';

/** Names resolved at the same time. */
const RESOLUTIONS = 16;

/** One record's share in the exit code of `trace`. */
export interface TraceEnd {
  readonly outcome: Outcome;
  /** The name could not be resolved, or this host has no route: nothing was measured for want of a network. */
  readonly networkFailed: boolean;
}

/** One trace as the live view sees it. */
export interface LiveTrace {
  readonly input: string;
  readonly state: 'resolving' | 'running' | 'done';
  /** What is known now, null while it resolves. Only asked for when it is shown. */
  record(): TraceRecord | null;
}

/** What became of a job: its record, what that does to the exit code, and what people are told. */
export interface TraceResult {
  readonly record: TraceRecord;
  readonly end: TraceEnd;
  /** For stderr: why this target could not be measured, with the remedy. */
  readonly failure: string | null;
  /** Nothing was sent, and `failure`, here or with the target's first protocol, says all there is to say to people. */
  readonly failed: boolean;
  /** Ended early because the user, or a broken transport, ended it. */
  readonly interrupted: boolean;
}

/** One record to be: a target and a protocol. Exists as soon as its address is known or known to be missing. */
export interface TraceJob extends LiveTrace {
  readonly traceId: string;
  /** Annotated; never rejects but for a defect of ours or a broken transport. */
  readonly result: Promise<TraceResult>;
}

/** How a host's jobs are measured, when they may begin, and who is told of them. */
export interface JobsOptions {
  readonly measuring: Measuring;
  readonly settings: Settings;
  readonly parameters: TraceParameters;
  readonly toolVersion: string;
  readonly runId: string;
  /** Null for lists, which nobody watches hop by hop. */
  readonly names: NameBook | null;
  readonly log: Log;
  /** Near hops that other traces of the run measured may fill a record: for lists. */
  readonly shareNearHops?: boolean;
  /** True once the user wants no more. */
  readonly interrupted: () => boolean;
  /** Waits until so many further traces may be in flight: between the lookup and the first probe. */
  readonly admit?: (traces: number) => Promise<void>;
  /** A trace that was admitted has begun, with its target's address … */
  readonly onStarted?: (trace: StartedTrace) => void;
  /** … or has ended; names are still to be looked up. */
  readonly onMeasured?: () => void;
  /** Names with the same address are measured once: for lists. */
  readonly shared?: SharedJobs<TraceJob>;
  /** The store has this record already. `address` is null for targets without one. */
  readonly isStored?: (protocol: Protocol, address: string | null) => boolean;
}

/**
 * The jobs of one host, in the order of addresses and protocols: one for each target and protocol, started as soon as
 * the name is resolved. A name without addresses has one for each protocol too: every target yields a record.
 */
export async function startHost(host: string, options: JobsOptions): Promise<TraceJob[]> {
  const { measuring, settings, log } = options;
  const startedAtMs = measuring.time.wallMs();
  const resolution = await measuring.resolve(host);
  log.debug('target-resolved', {
    host,
    addresses: resolution.addresses.map((address) => formatAddress(address)),
    aliases: resolution.aliases,
    error: resolution.error?.code ?? null,
  });
  const addresses = settings.addresses === 'all' ? resolution.addresses : resolution.addresses.slice(0, 1);
  const target = { host, aliases: resolution.aliases, zone: resolution.zone, startedAtMs };
  if (options.interrupted()) return unmeasuredJobs({ ...target, octets: addresses[0] ?? null }, INTERRUPTED, options);
  if (resolution.error !== null) {
    const networkFailed = resolution.error.code !== 'ipv4-only';
    const why: Why = { outcome: 'not-measured', reason: resolution.error.message, networkFailed, told: true };
    return unmeasuredJobs({ ...target, octets: null }, why, options);
  }
  const jobs: TraceJob[] = [];
  for (const octets of addresses) jobs.push(...(await startTarget({ ...target, octets }, options)));
  return jobs;
}

/** Starts the hosts, a bounded number of names at a time; `onJobs` is called in the order of the hosts. */
export async function startHosts(
  hosts: readonly string[],
  options: JobsOptions,
  onJobs: (index: number, jobs: readonly TraceJob[]) => void,
): Promise<void> {
  const started: Promise<TraceJob[]>[] = [];
  for (const [index, host] of hosts.entries()) {
    const previous = started[index - RESOLUTIONS] ?? Promise.resolve();
    const job = previous.then(() => startHost(host, options));
    // Looked at below, in order; until then a failure is not an unhandled one.
    job.catch(() => undefined);
    started.push(job);
  }
  for (const [index, jobs] of started.entries()) onJobs(index, await jobs);
}

interface Target {
  readonly host: string;
  readonly aliases: readonly string[];
  readonly zone: string | null;
  readonly octets: Uint8Array | null;
  readonly startedAtMs: number;
  /** Of the route that was looked up, 16 octets. */
  readonly routedFrom?: Uint8Array;
}

interface Why {
  readonly outcome: UnmeasuredTarget['outcome'];
  readonly reason: string;
  readonly networkFailed: boolean;
  /** Whether stderr says it, in one line for a target. */
  readonly told: boolean;
}

const INTERRUPTED: Why = {
  outcome: 'inconclusive',
  reason: 'Interrupted before the first probe was sent.',
  networkFailed: false,
  told: false,
};

async function startTarget(target: Target & { octets: Uint8Array }, options: JobsOptions): Promise<TraceJob[]> {
  const { measuring } = options;
  const refused = measuring.refuse(target.octets, target.zone);
  if (refused !== null)
    return unmeasuredJobs(
      target,
      { outcome: 'not-measured', reason: refused, networkFailed: false, told: true },
      options,
    );
  const route = await routeTo(target, options);
  if ('reason' in route) return unmeasuredJobs(target, route, options);
  const routed = { ...target, routedFrom: route.source };
  const wanted = wantedProtocols(target, options).map((protocol) => ({
    protocol,
    claim: options.shared?.claim(sharedKey(target, protocol, options)) ?? null,
  }));
  const own = wanted.filter(({ claim }) => claim?.isFirst !== false);
  if (own.length > 0) await options.admit?.(own.length);
  if (options.interrupted()) {
    for (const { claim } of own) if (claim?.isFirst === true) claim.start(null);
    return unmeasuredJobs(target, INTERRUPTED, options);
  }
  const jobs = wanted.map(async ({ protocol, claim }) => {
    if (claim?.isFirst === false) {
      const first = await claim.job;
      return first === null ? null : jobOfOther(target, protocol, first, options);
    }
    const job = measuredJob(routed, protocol, options);
    claim?.start(job);
    return job;
  });
  const started = await Promise.all(jobs);
  const all = started.filter((job) => job !== null);
  // Who came first was interrupted, and so is this one.
  return all.length === started.length ? all : unmeasuredJobs(target, INTERRUPTED, options);
}

/** All that a trace of this run depends on. */
function sharedKey(target: Target & { octets: Uint8Array }, protocol: Protocol, options: JobsOptions): string {
  const port = destinationPort(options.settings, protocol) ?? '';
  return `${options.runId} ${addressText(target.octets, target.zone)} ${protocol} ${port}`;
}

/** The result of another name with the same address, as a record of this one. */
function jobOfOther(target: Target, protocol: Protocol, first: TraceJob, options: JobsOptions): TraceJob {
  const id = options.measuring.newId();
  options.log.debug('trace-shared', { traceId: id, host: target.host, protocol, with: first.traceId });
  const ofThis = (record: TraceRecord): TraceRecord => ({
    ...record,
    id,
    company: options.settings.company,
    target: { ...record.target, input: target.host, aliases: [...target.aliases] },
    sharedWith: first.traceId,
  });
  return {
    traceId: id,
    input: target.host,
    get state() {
      return first.state;
    },
    record: () => {
      const record = first.record();
      return record === null ? null : ofThis(record);
    },
    result: first.result.then((result) => ({ ...result, record: ofThis(result.record) })),
  };
}

function wantedProtocols(target: Target, { settings, isStored }: JobsOptions): readonly Protocol[] {
  if (isStored === undefined) return settings.protocol;
  const address = target.octets === null ? null : addressText(target.octets, target.zone);
  return settings.protocol.filter((protocol) => !isStored(protocol, address));
}

/** Or why the kernel would not send to the target at all, or not probes of this size. */
async function routeTo(target: Target & { octets: Uint8Array }, options: JobsOptions): Promise<Route | Why> {
  const { measuring, settings, log } = options;
  const interfaceName = settings.interface ?? target.zone;
  const source = sourceOctets(settings);
  try {
    const route = await measuring.transport.route(target.octets, {
      ...(interfaceName === null ? {} : { interface: interfaceName }),
      ...(source === null ? {} : { source }),
    });
    const reason = tooLargeFor(route, settings);
    return reason === null ? route : { outcome: 'not-measured', reason, networkFailed: false, told: true };
  } catch (error) {
    log.debug('no-route', { host: target.host, code: errorCode(error) });
    // Without a code it is a defect, not a property of the network.
    if (errorCode(error) === null) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return { outcome: 'unreachable', reason, networkFailed: true, told: true };
  }
}

function tooLargeFor(route: Route, { size, fragment }: Settings): string | null {
  if (size === null || fragment || size + LONGEST_ARM_EXTRA <= route.mtu) return null;
  const largest = route.mtu - LONGEST_ARM_EXTRA;
  return `--size ${size}: packets with the option would have ${size + LONGEST_ARM_EXTRA} octets, and the link (${route.interface}) takes ${route.mtu}; give ${largest} or less, or --fragment`;
}

function measuredJob(target: Target & { octets: Uint8Array }, protocol: Protocol, options: JobsOptions): TraceJob {
  const { measuring, names } = options;
  const id = measuring.newId();
  const handle: TraceHandle = measuring.engine.start(traceRequest(id, target, protocol, options));
  options.log.debug('trace-started', { traceId: id, host: target.host, protocol });
  options.onStarted?.({ id, protocol, address: addressText(target.octets, target.zone) });
  let finished: TraceRecord | null = null;
  const result = handle.record.then(async (raw): Promise<TraceResult> => {
    const interrupted = options.interrupted();
    options.onMeasured?.();
    const record = await measuring.annotate(raw);
    names?.learn(record);
    finished = record;
    options.log.debug('trace-ended', { traceId: id, host: target.host, protocol, outcome: record.verdict.outcome });
    const end = { outcome: record.verdict.outcome, networkFailed: false };
    return { record, end, failure: null, failed: false, interrupted };
  });
  return {
    traceId: id,
    input: target.host,
    get state() {
      return finished === null ? ('running' as const) : ('done' as const);
    },
    record: () => {
      if (finished !== null) return finished;
      const snapshot = handle.snapshot();
      names?.apply(snapshot);
      return snapshot;
    },
    result,
  };
}

function unmeasuredJobs(target: Target, why: Why, options: JobsOptions): TraceJob[] {
  const { measuring } = options;
  return wantedProtocols(target, options).map((protocol, i) => {
    const bare = unmeasuredRecord({
      request: traceRequest(measuring.newId(), target, protocol, options),
      address: target.octets === null ? null : addressText(target.octets, target.zone),
      transport: measuring.transport.name,
      startedAtMs: target.startedAtMs,
      endedAtMs: measuring.time.wallMs(),
      outcome: why.outcome,
      reason: why.reason,
    });
    const end: TraceEnd = { outcome: why.outcome, networkFailed: why.networkFailed };
    let record = bare;
    const result = measuring.annotate(bare).then((annotated): TraceResult => {
      record = annotated;
      // Once for a target, not once for each protocol.
      const failure = why.told && i === 0 ? why.reason : null;
      return { record, end, failure, failed: why.told, interrupted: why === INTERRUPTED };
    });
    return { traceId: bare.id, input: target.host, state: 'done' as const, record: () => record, result };
  });
}

function traceRequest(id: string, target: Target, protocol: Protocol, options: JobsOptions): TraceRequest {
  const { settings } = options;
  return {
    id,
    runId: options.runId,
    vantage: settings.vantage,
    company: settings.company,
    toolVersion: options.toolVersion,
    input: target.host,
    aliases: target.aliases,
    target: target.octets ?? NO_ADDRESS,
    protocol,
    destinationPort: destinationPort(settings, protocol),
    source: sourceOctets(settings),
    interface: settings.interface ?? target.zone,
    ...(target.routedFrom === undefined ? {} : { routedFrom: target.routedFrom }),
    parameters: options.parameters,
    ...(options.shareNearHops === undefined ? {} : { shareNearHops: options.shareNearHops }),
  };
}

/** Stands for the address of a target that has none; such a target is never probed. */
const NO_ADDRESS = new Uint8Array(16);

function addressText(octets: Uint8Array, zone: string | null): string {
  return zone === null ? formatAddress(octets) : `${formatAddress(octets)}%${zone}`;
}

function sourceOctets(settings: Settings): Uint8Array | null {
  return settings.source === null ? null : (parseAddress(settings.source)?.octets ?? null);
}

/** `timeout` and `hopInterval` are milliseconds in settings too. */
export function traceParameters(settings: Settings, seed: number): TraceParameters {
  return {
    confidence: settings.confidence,
    maxHops: settings.maxHops,
    timeoutMs: settings.timeout,
    hopIntervalMs: settings.hopInterval,
    gapLimit: settings.gapLimit,
    explain: settings.explain,
    reference: referenceText(settings.reference),
    seed,
    flowLabel: settings.flowLabel,
    probeUri: settings.probeUri,
    size: settings.size,
    fragment: settings.fragment,
  };
}

/** The same address always in the same words (RFC 5952); null where none is set. */
function referenceText(reference: string | null): string | null {
  const octets = reference === null ? undefined : parseAddress(reference)?.octets;
  return octets === undefined ? null : formatAddress(octets);
}
