import type { TargetResolution } from '../../src/annotate/names/names.js';
import type { Settings } from '../../src/config/settings.js';
import type { Measuring, MeasuringHooks, OpenMeasuring } from '../../src/measure/measuring.js';
import { createSystemTime } from '../../src/cli/system-time.js';
import { formatAddress, parseAddress } from '../../src/address/address.js';
import type { TraceRequest } from '../../src/engine/trace-engine.js';
import { OUTCOMES, type TraceRecord } from '../../src/record/record.js';
import { buildRecord } from './record-builder.js';

interface FakeTrace {
  readonly request: TraceRequest;
  /** Ends the trace with this record. */
  end(record: TraceRecord): void;
  fail(error: Error): void;
  /** What `snapshot` gives. */
  snapshot: TraceRecord;
}

export interface FakeMeasuring {
  readonly open: OpenMeasuring;
  readonly traces: FakeTrace[];
  /** Of every time that measuring was opened. */
  readonly opened: { readonly settings: Settings; readonly hooks: MeasuringHooks }[];
  interrupts: number;
  closes: number;
  lookupStops: number;
  progress: () => void;
  breakTransport(error: Error): void;
}

export interface FakeOptions {
  /** By name; a name that is not here does not exist. */
  readonly hosts?: Readonly<Record<string, Partial<TargetResolution>>>;
  readonly refused?: string;
  readonly routeError?: string;
  /** Record that each trace ends with at once. */
  readonly answer?: (request: TraceRequest) => TraceRecord | null;
  /** Called for every trace that is started. */
  readonly onStart?: (trace: FakeTrace) => void;
  readonly openError?: Error;
  /** Instead of `hosts`. */
  readonly resolve?: (host: string) => Promise<TargetResolution>;
  readonly annotate?: (record: TraceRecord) => Promise<TraceRecord>;
  /** While a trace runs. */
  readonly nameOf?: (address: string) => string | null;
}

const HOST_ADDRESS = '2001:db8:ffff::80';

/** Of all fakes: records of one store have ids, and times, of their own. */
let ids = 0;
const START_MS = Date.UTC(2026, 0, 1);

/** An engine that does as the test says, around it names and routes as given. */
export function fakeMeasuring(options: FakeOptions = {}): FakeMeasuring {
  const hosts = options.hosts ?? { 'www.example.com': resolved(HOST_ADDRESS) };
  const traces: FakeTrace[] = [];
  let fatal: (error: Error) => void = () => undefined;
  const fake: FakeMeasuring = {
    traces,
    opened: [],
    interrupts: 0,
    closes: 0,
    lookupStops: 0,
    progress: () => undefined,
    breakTransport: (error) => {
      fatal(error);
    },
    open: (settings, hooks) => {
      fake.opened.push({ settings, hooks });
      if (options.openError !== undefined) return Promise.reject(options.openError);
      fake.progress = () => {
        for (const trace of traces) hooks.onProgress(trace.request.id);
      };
      return Promise.resolve(measuring);
    },
  };
  const measuring: Measuring = {
    engine: {
      start: (request) => {
        let settle: { end: (record: TraceRecord) => void; fail: (error: Error) => void } | null = null;
        const record = new Promise<TraceRecord>((resolve, reject) => {
          settle = { end: resolve, fail: reject };
        });
        const trace: FakeTrace = {
          request,
          end: (ended) => settle?.end(named(ended, request)),
          fail: (error) => settle?.fail(error),
          snapshot: named(buildRecord({ verdict: { outcome: 'inconclusive' } }), request),
        };
        traces.push(trace);
        const answer = options.answer?.(request) ?? null;
        if (answer !== null) trace.end(answer);
        options.onStart?.(trace);
        return { record, snapshot: () => structuredClone(trace.snapshot) };
      },
      interrupt: () => {
        fake.interrupts += 1;
        for (const trace of traces) {
          trace.end(buildRecord({ verdict: { outcome: 'inconclusive', reasons: ['Interrupted.'] } }));
        }
        return Promise.resolve();
      },
      stats: () => ({
        tracesInFlight: 0,
        probesSent: 42,
        repliesMatched: 40,
        foreign: 0,
        malformed: 0,
        sendErrors: 0,
      }),
      close: () => Promise.resolve(),
    },
    time: createSystemTime(),
    transport: {
      name: 'simulated',
      stats: () => ({ kernelDrops: null }),
      route: () =>
        options.routeError === undefined
          ? Promise.resolve({ source: octets('2001:db8::1'), interface: 'eth0', mtu: 1500 })
          : Promise.reject(
              Object.assign(new Error(`no route (${options.routeError}); add one`), { code: options.routeError }),
            ),
    },
    transportChoice: 'simulated (as the test wants it)',
    newId: () => {
      ids += 1;
      return `id-${ids}`;
    },
    resolve: options.resolve ?? ((host) => Promise.resolve({ ...missing(host), ...hosts[host] })),
    refuse: (address) =>
      formatAddress(address) === options.refused ? `${options.refused} is in the do-not-probe list.` : null,
    annotate: options.annotate ?? ((record) => Promise.resolve(record)),
    describe: (octets) =>
      Promise.resolve({ name: options.nameOf?.(formatAddress(octets)) ?? null, asn: null, asName: null }),
    stopLookups: () => {
      fake.lookupStops += 1;
    },
    onFatal: (listener) => {
      fatal = listener;
    },
    close: () => {
      fake.closes += 1;
      return Promise.resolve();
    },
  };
  return fake;
}

function named(record: TraceRecord, request: TraceRequest): TraceRecord {
  return {
    ...record,
    id: request.id,
    runId: request.runId,
    startedAt: new Date(START_MS + 1000 * ids).toISOString(),
    endedAt: new Date(START_MS + 1000 * ids + 500).toISOString(),
    company: request.company,
    vantage: request.vantage,
    protocol: request.protocol,
    flow: { ...record.flow, destinationPort: request.destinationPort },
    target: { ...record.target, input: request.input },
  };
}

export function resolved(...addresses: string[]): Partial<TargetResolution> {
  return { addresses: addresses.map(octets), error: null };
}

export function missing(host: string): TargetResolution {
  const error = { code: 'no-such-name' as const, message: `"${host}" does not exist; check the spelling` };
  return { addresses: [], zone: null, aliases: [], ipv4Only: false, error };
}

export function octets(text: string): Uint8Array {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`no address: ${text}`);
  return parsed.octets;
}

/** A record for each request, with the outcomes given by host. */
export function outcomes(byHost: Readonly<Record<string, (typeof OUTCOMES)[number]>>) {
  return (request: TraceRequest): TraceRecord =>
    buildRecord({ verdict: { outcome: byHost[request.input] ?? 'delivered', reasons: ['As the test wants it.'] } });
}
