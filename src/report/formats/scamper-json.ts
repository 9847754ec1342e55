import { ARMS, type Arm, type Protocol, type ResponderRecord, type TraceRecord } from '../../record/record.js';
import { ARM_EXTRA_OCTETS, armPath, expandReplies, quotedHopLimit, reaches, type ArmHop } from './expand-replies.js';
import { pdmTraceObject } from './pdm-trace-object.js';

const METHODS: Readonly<Record<Protocol, string>> = { udp: 'udp-paris', icmp6: 'icmp-echo-paris', tcp: 'tcp' };

/** The arms in the order of their `userid`, scamper's field for what the user wants to tell traces apart by. */
const USER_IDS: Readonly<Record<Arm, number>> = { plain: 0, pdm: 1, do8: 2, do16: 3, long: 4 };

/**
 * What stands before and behind the traces of one file (`cycle-start`, `cycle-stop`). Times are milliseconds since 1970.
 */
export interface ScamperCycle {
  readonly listName: string;
  readonly hostname: string;
  readonly startedAtMs: number;
  readonly stoppedAtMs: () => number;
}

/**
 * scamper's JSON, as `sc_warts2json` prints it, line by line: `cycle-start`, one trace for each arm of each record
 * (`userid` 0 plain, 1 pdm, 2 do8, 3 do16, 4 long), `cycle-stop`. Only answered probes have a hop entry, as with scamper.
 * `pdm_trace` says what scamper has no field for, as in Atlas results; other readers pass over it. The quoted length of packets that
 * the way put headers in is left out, as of all changed ones.
 * What a record does not keep of a reply (`tx`, `reply_size`, `reply_ipid`, `reply_tos`) is left out, and so is `rtt` where
 * it is not known.
 */
export function* scamperLines(records: Iterable<TraceRecord>, cycle: ScamperCycle): IterableIterator<string> {
  const common = { list_name: cycle.listName, id: 0, hostname: cycle.hostname };
  yield `${JSON.stringify({ type: 'cycle-start', ...common, start_time: Math.floor(cycle.startedAtMs / 1000) })}\n`;
  for (const record of records) for (const trace of scamperTraces(record)) yield `${JSON.stringify(trace)}\n`;
  yield `${JSON.stringify({ type: 'cycle-stop', ...common, stop_time: Math.floor(cycle.stoppedAtMs() / 1000) })}\n`;
}

/** One for each arm that was sent. */
export function scamperTraces(record: TraceRecord): Record<string, unknown>[] {
  return ARMS.flatMap((arm) => {
    const path = armPath(record, arm);
    return path.length === 0 ? [] : [scamperTrace(record, arm, path)];
  });
}

function scamperTrace(record: TraceRecord, arm: Arm, path: readonly ArmHop[]): Record<string, unknown> {
  const { flow, parameters } = record;
  const startedAtMs = Date.parse(record.startedAt);
  const probeSize = flow.size === null ? null : flow.size + ARM_EXTRA_OCTETS[arm];
  const hops = path.flatMap((hop) => hopEntries(hop, probeSize));
  return {
    type: 'trace',
    version: '0.1',
    userid: USER_IDS[arm],
    method: METHODS[record.protocol],
    src: record.source.address,
    dst: record.target.address,
    ...(flow.sourcePort === null ? {} : { sport: flow.sourcePort }),
    ...(flow.destinationPort === null ? {} : { dport: flow.destinationPort }),
    ...stopReason(record, arm, path),
    start: {
      sec: Math.floor(startedAtMs / 1000),
      usec: (startedAtMs % 1000) * 1000,
      ftime: new Date(startedAtMs).toISOString().slice(0, 19).replace('T', ' '),
    },
    hop_count: Math.max(...path.map((hop) => hop.hop)),
    attempts: Math.max(...path.map((hop) => hop.sent)),
    hoplimit: parameters.maxHops,
    firsthop: 1,
    wait: Math.ceil(parameters.timeoutMs / 1000),
    wait_probe: 0,
    tos: 0,
    ...(probeSize === null ? {} : { probe_size: probeSize }),
    probe_count: path.reduce((sum, hop) => sum + hop.sent, 0),
    ...(record.vantage === null ? {} : { monitor: record.vantage }),
    ...(hops.length === 0 ? {} : { hops }),
    pdm_trace: pdmTraceObject(record, arm, path),
  };
}

function hopEntries(hop: ArmHop, probeSize: number | null): Record<string, unknown>[] {
  let probeId = 0;
  return hop.responders.flatMap((responder) =>
    expandReplies(responder).map(({ rttMs, icmp }) => ({
      addr: responder.address,
      ...(responder.name === null ? {} : { name: responder.name }),
      probe_ttl: hop.hop,
      probe_id: (probeId += 1),
      ...(probeSize === null ? {} : { probe_size: probeSize }),
      ...(rttMs === null ? {} : { rtt: Math.round(rttMs * 1000) / 1000 }),
      ...(responder.replyHopLimit === null ? {} : { reply_ttl: responder.replyHopLimit }),
      ...(icmp === null ? {} : { icmp_type: icmp.type, icmp_code: icmp.code }),
      ...quoteFields(responder, probeSize),
      ...(icmp?.mtu === undefined ? {} : { icmp_nhmtu: icmp.mtu }),
      ...(responder.mpls.length === 0 ? {} : { icmpext: [mplsExtension(responder)] }),
    })),
  );
}

function quoteFields(responder: ResponderRecord, probeSize: number | null): Record<string, unknown> {
  const hopLimit = quotedHopLimit(responder);
  const unchanged = responder.quotes.length > 0 && responder.quotes.every((quote) => quote.changes.length === 0);
  return {
    ...(hopLimit === null ? {} : { icmp_q_ttl: hopLimit }),
    ...(unchanged && probeSize !== null ? { icmp_q_ipl: probeSize } : {}),
  };
}

/** RFC 4884 object of class 1, type 1; `ie_dl` counts its data, four octets a label. */
function mplsExtension(responder: ResponderRecord): Record<string, unknown> {
  return {
    ie_cn: 1,
    ie_ct: 1,
    ie_dl: 4 * responder.mpls.length,
    mpls_labels: responder.mpls.map(({ label, trafficClass, bottomOfStack, ttl }) => ({
      mpls_ttl: ttl,
      mpls_s: bottomOfStack ? 1 : 0,
      mpls_exp: trafficClass,
      mpls_label: label,
    })),
  };
}

/** COMPLETED when the target answered this arm; UNREACH and ICMP with the code or type of a refusal from elsewhere. */
function stopReason(record: TraceRecord, arm: Arm, path: readonly ArmHop[]): Record<string, unknown> {
  if (path.some((hop) => reaches(hop, record, arm))) return { stop_reason: 'COMPLETED', stop_data: 0 };
  const refusal = path
    .flatMap((hop) => hop.responders)
    .flatMap((responder) => responder.icmp)
    .find((icmp) => icmp.type !== 3 && icmp.type < 128);
  if (refusal?.type === 1) return { stop_reason: 'UNREACH', stop_data: refusal.code };
  if (refusal !== undefined) return { stop_reason: 'ICMP', stop_data: refusal.type };
  return { stop_reason: 'GAPLIMIT', stop_data: 0 };
}
