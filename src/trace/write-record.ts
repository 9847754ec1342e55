/** From a trace's state to its record. Names and AS fields stay null: annotation fills them. */
import { formatAddress } from '../address/address.js';
import type { Evidence } from './evidence.js';
import { isOpen, replyOf, waitNs } from './evidence.js';
import type { NearHop } from './near-hops.js';
import { cutOf, probeLength } from './probe-packet.js';
import { ARMS, RECORD_SCHEMA } from './record.js';
import type {
  Arm,
  ArmRecord,
  HopRecord,
  IcmpCount,
  NamedAddress,
  NextHop,
  PairCounts,
  PlaceRecord,
  QuoteCount,
  ResponderRecord,
  RttSummary,
  SummaryHop,
  TargetPairsRecord,
  TraceRecord,
  VerdictRecord,
} from './record.js';
import { median } from './statistics.js';
import type { Judged } from './trace-machine.js';
import { ARM_CODE, PURPOSE, REPLY_KIND, TARGET_HOP_LIMIT } from './trace-state.js';
import type { ReplySignature, TraceState } from './trace-state.js';

/** What the record says besides the measurement. Times in milliseconds since 1970. */
export interface RecordHeader {
  readonly id: string;
  readonly runId: string;
  readonly vantage: string | null;
  readonly company: string | null;
  readonly input: string;
  readonly aliases: readonly string[];
  readonly tool: TraceRecord['tool'];
  readonly seed: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** `shared`: hops below the first own one that other traces measured. */
export function writeRecord(
  state: TraceState,
  judged: Judged,
  header: RecordHeader,
  shared: readonly NearHop[] = [],
): TraceRecord {
  const { identity, limits } = state;
  const { evidence, verdict, atNs } = judged;
  const base = state.flows[0];
  const cut = cutOf(state, ARM_CODE.plain, identity.protocol);
  const isEcho = identity.protocol === 'icmp6';
  return {
    schema: RECORD_SCHEMA,
    id: header.id,
    runId: header.runId,
    vantage: header.vantage,
    startedAt: new Date(header.startedAtMs).toISOString(),
    endedAt: new Date(header.endedAtMs).toISOString(),
    tool: header.tool,
    parameters: {
      confidence: limits.confidence,
      maxHops: limits.maxHops,
      timeoutMs: limits.timeoutMs,
      hopIntervalMs: limits.hopIntervalMs,
      seed: header.seed,
    },
    company: header.company,
    source: unnamed(formatAddress(identity.source)),
    target: { input: header.input, ...unnamed(identity.targetText), aliases: [...header.aliases] },
    protocol: identity.protocol,
    flow: {
      sourcePort: isEcho ? null : (base?.localId ?? null),
      destinationPort: isEcho ? null : identity.destinationPort,
      echoId: isEcho ? (base?.localId ?? null) : null,
      flowLabel: base?.flowLabel ?? null,
      size: probeLength(state, ARM_CODE.plain, identity.protocol),
      ...(cut === null ? {} : { fragments: cut.count }),
    },
    hops: [...shared.map(({ record }) => structuredClone(record)), ...writeHops(state, atNs)],
    targetPairs: writeTarget(state, evidence, atNs),
    summary: writeSummary(state, evidence, verdict),
    verdict,
    pdm: writePdm(state),
    counters: { ...state.counters },
  };
}

function writePdm({ pdm, probes, clockStepped }: TraceState): TraceRecord['pdm'] {
  const { answer } = pdm;
  const roundTripMs = answer === null ? null : probes.rttNs(answer.row) / 1e6;
  const isPlausible = answer !== null && roundTripMs !== null && answer.serverDelayMs <= roundTripMs;
  const implausible = pdm.implausible + (answer === null || isPlausible ? 0 : 1);
  return {
    serverDelayMs: isPlausible ? answer.serverDelayMs : null,
    roundTripMs: clockStepped ? null : roundTripMs,
    ...(implausible === 0 ? {} : { implausible }),
  };
}

function unnamed(address: string | null): NamedAddress {
  return { address, name: null, asn: null, asName: null };
}

/** First rows of the pairs that belong to a hop's record, by hop limit. */
function rowsOfHops(state: TraceState): ReadonlyMap<number, readonly number[]> {
  const rowsByHop = new Map<number, number[]>();
  const { probes } = state;
  for (let row = state.attemptStart; row + 1 < probes.count; row += 2) {
    const purpose = probes.purpose(row);
    const hop = probes.hopLimit(row);
    const atHop = purpose === PURPOSE.explain && hop !== TARGET_HOP_LIMIT;
    if (purpose !== PURPOSE.explore && purpose !== PURPOSE.repeat && purpose !== PURPOSE.beyond && !atHop) continue;
    const rows = rowsByHop.get(hop);
    if (rows === undefined) rowsByHop.set(hop, [row]);
    else rows.push(row);
  }
  return rowsByHop;
}

function writeHops(state: TraceState, atNs: number): TraceRecord['hops'] {
  return [...rowsOfHops(state)]
    .sort(([a], [b]) => a - b)
    .map(([hop, rows]) => ({ hop, ...writePlace(state, rows, false, atNs) }));
}

/** One hop as it stands in the record of the trace that probed it. */
export function writeHop(state: TraceState, hop: number, atNs: number): HopRecord {
  return { hop, ...writePlace(state, rowsOfHops(state).get(hop) ?? [], false, atNs) };
}

function writeTarget(state: TraceState, evidence: Evidence, atNs: number): TargetPairsRecord {
  const rows: number[] = [];
  for (let row = state.attemptStart; row + 1 < state.probes.count; row += 2) {
    const purpose = state.probes.purpose(row);
    const explains = purpose === PURPOSE.explain && state.probes.hopLimit(row) === TARGET_HOP_LIMIT;
    if (purpose === PURPOSE.target || purpose === PURPOSE.retest || explains) rows.push(row);
  }
  return { hop: null, ...writePlace(state, rows, true, atNs), distance: { ...evidence.distance } };
}

/** `rows` are the first rows of pairs. */
function writePlace(state: TraceState, rows: readonly number[], atTarget: boolean, atNs: number): PlaceRecord {
  const { probes } = state;
  const wait = waitNs(state);
  const pairs: PairCounts = { both: 0, plainOnly: 0, pdmOnly: 0, neither: 0, void: 0 };
  const byArm = new Map<Arm, number[]>();
  for (const first of rows) {
    for (const row of [first, first + 1]) {
      const arm = ARMS[probes.arm(row)] ?? 'plain';
      const list = byArm.get(arm);
      if (list === undefined) byArm.set(arm, [row]);
      else list.push(row);
    }
    const plainRow = probes.arm(first) === ARM_CODE.plain ? first : first + 1;
    const treatedRow = plainRow === first ? first + 1 : first;
    const decides = probes.purpose(first) !== PURPOSE.retest && probes.purpose(first) !== PURPOSE.explain;
    // Of a trace that was interrupted: nobody knows yet what comes of the pair.
    const isPending = [plainRow, treatedRow].some((row) => isOpen(state, row, atNs, wait));
    if (decides && !isPending) countPair(state, pairs, plainRow, treatedRow, atTarget);
  }
  const arms: PlaceRecord['arms'] = {
    plain: writeArm(state, byArm.get('plain') ?? []),
    pdm: writeArm(state, byArm.get('pdm') ?? []),
  };
  for (const [arm, armRows] of byArm) {
    if (arm !== 'plain' && arm !== 'pdm') arms[arm] = writeArm(state, armRows);
  }
  return { pairs, arms };
}

function countPair(
  state: TraceState,
  pairs: PairCounts,
  plainRow: number,
  treatedRow: number,
  atTarget: boolean,
): void {
  const { probes } = state;
  const isVoid = [plainRow, treatedRow].some(
    (row) => probes.isFailed(row) || probes.isLate(row) || !probes.isSent(row),
  );
  if (isVoid) {
    pairs.void += 1;
    return;
  }
  const plain = replyOf(state, plainRow);
  const treated = replyOf(state, treatedRow);
  const plainAnswered = atTarget ? plain?.kind === REPLY_KIND.arrived : plain !== null;
  const treatedAnswered = atTarget ? treated?.kind === REPLY_KIND.arrived : treated !== null;
  if (plainAnswered && treatedAnswered) pairs.both += 1;
  else if (plainAnswered) pairs.plainOnly += 1;
  else if (treatedAnswered) pairs.pdmOnly += 1;
  else pairs.neither += 1;
}

function writeArm(state: TraceState, rows: readonly number[]): ArmRecord {
  const { probes } = state;
  const byResponder = new Map<string, { rows: number[]; replies: ReplySignature[] }>();
  let sent = 0;
  let answered = 0;
  for (const row of rows) {
    if (probes.isSent(row)) sent += 1;
    const reply = replyOf(state, row);
    if (reply === null) continue;
    answered += 1;
    const known = byResponder.get(reply.responder);
    if (known === undefined) byResponder.set(reply.responder, { rows: [row], replies: [reply] });
    else {
      known.rows.push(row);
      known.replies.push(reply);
    }
  }
  const responders = [...byResponder].map(([address, found]) =>
    writeResponder(state, address, found.rows, found.replies),
  );
  return { sent, answered, responders };
}

function writeResponder(
  state: TraceState,
  address: string,
  rows: readonly number[],
  replies: readonly ReplySignature[],
): ResponderRecord {
  const icmp: IcmpCount[] = [];
  const quotes: QuoteCount[] = [];
  for (const reply of replies) {
    if (reply.type >= 0) {
      const same = icmp.find((i) => i.type === reply.type && i.code === reply.code && i.pointer === reply.pointer);
      if (same !== undefined) same.count += 1;
      else {
        const mtu = reply.mtu === null ? {} : { mtu: reply.mtu };
        icmp.push({ type: reply.type, code: reply.code, pointer: reply.pointer, ...mtu, count: 1 });
      }
    }
    if (!reply.quoted) continue;
    const key = reply.changes.join(' ');
    const same = quotes.find((quote) => quote.intact === reply.intact && quote.changes.join(' ') === key);
    if (same !== undefined) same.count += 1;
    else quotes.push({ intact: reply.intact, changes: [...reply.changes], count: 1 });
  }
  const last = replies.at(-1);
  return {
    address,
    name: null,
    asn: null,
    asName: null,
    answered: rows.length,
    rttMs: summariseRtt(state, rows),
    replyHopLimit: last?.replyHopLimit ?? null,
    icmp,
    mpls: (last?.mpls ?? []).map((label) => ({ ...label })),
    interfaces: (last?.interfaces ?? []).map((information) => ({ ...information })),
    quotes,
  };
}

function summariseRtt(state: TraceState, rows: readonly number[]): RttSummary | null {
  if (state.clockStepped) return null;
  const rtts = rows.map((row) => state.probes.rttNs(row) / 1e6);
  const middle = median(rtts);
  if (middle === null) return null;
  const round = (ms: number): number => Math.round(ms * 1e4) / 1e4;
  return { min: round(Math.min(...rtts)), median: round(middle), max: round(Math.max(...rtts)) };
}

function writeSummary(state: TraceState, evidence: Evidence, verdict: VerdictRecord): TraceRecord['summary'] {
  const n = evidence.lastPdmHop;
  const lastPdm = evidence.hops[n];
  const lastPlain = evidence.hops[evidence.lastPlainHop];
  // Where packets with the option arrive, or nothing is known of them, no hop is the next one.
  const hasNext = verdict.interval !== null || (verdict.outcome === 'inconclusive' && evidence.pdmArrivals === 0);
  return {
    lastPdmHop: n === 0 ? null : summaryHop(n, lastPdm?.pdmResponders[0] ?? lastPdm?.plainResponders[0] ?? null),
    lastPlainHop:
      evidence.lastPlainHop === 0
        ? null
        : summaryHop(evidence.lastPlainHop, lastPlain?.plainResponderOnAnyFlow[0] ?? null),
    nextHop: hasNext ? writeNextHop(state, evidence, verdict) : null,
    inDestinationNetwork: null,
    attribution: null,
  };
}

function summaryHop(hop: number, address: string | null): SummaryHop {
  return { hop, ...unnamed(address) };
}

/** Hop n+1 of the plain path: a hop number even where nobody answers there. */
function writeNextHop(state: TraceState, evidence: Evidence, verdict: VerdictRecord): NextHop | null {
  const hop = evidence.lastPdmHop + 1;
  const place = evidence.hops[hop];
  const arrivedBefore = evidence.distance.plain !== null && hop > evidence.distance.plain;
  if (arrivedBefore) return null;
  const responders = place?.plainResponderOnAnyFlow ?? [];
  const target = hop === evidence.distance.plain ? state.identity.targetText : null;
  const address = place?.plainResponders[0] ?? responders[0] ?? target;
  return {
    ...summaryHop(hop, address),
    candidates: responders.length > 1 ? responders.map((candidate) => unnamed(candidate)) : [],
    uncertain: verdict.pathsDiverge !== null,
  };
}
