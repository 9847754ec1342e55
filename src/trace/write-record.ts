/** From a trace's state to its record. Names and AS fields stay null: annotation fills them. */
import type { Case } from './case.js';
import { median } from './evidence/e-values.js';
import { classify, forEachPair, isAwaited, PAIR_CLASS, replyTo, waitNs } from './evidence/pair.js';
import type { Pair } from './evidence/pair.js';
import { meaningsOf } from './reply/meaning.js';
import type { NearHop } from './trace-context.js';
import { cutOf, probeLength } from './probe/probe-packet.js';
import { ARMS, METHOD_VERSION, RECORD_SCHEMA } from '../record/record.js';
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
} from '../record/record.js';
import type { Judged } from './trace-machine.js';
import { ARM_CODE, isExplaining, isPlainOnly, PURPOSE, TARGET_HOP_LIMIT, witnessOf } from './state/trace-state.js';
import type { ReplySignature, TraceState } from './state/trace-state.js';

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
  const { trace, verdict } = judged;
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
    tool: { ...header.tool, method: METHOD_VERSION },
    parameters: {
      confidence: limits.confidence,
      maxHops: limits.maxHops,
      timeoutMs: limits.timeoutMs,
      hopIntervalMs: limits.hopIntervalMs,
      seed: header.seed,
    },
    company: header.company,
    source: unnamed(identity.sourceText),
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
    hops: [...shared.map(({ record }) => ({ ...record })), ...writeHops(trace)],
    targetPairs: writeTarget(trace),
    summary: writeSummary(trace, verdict),
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

/** Pairs of one place, gathered for its record. */
class PlaceWriter {
  readonly #state: TraceState;
  readonly #pairs: PairCounts = { both: 0, plainOnly: 0, pdmOnly: 0, neither: 0, void: 0 };
  readonly #rowsByArm = new Map<Arm, number[]>();

  constructor(state: TraceState) {
    this.#state = state;
  }

  /** Pairs that explain or are placebos show in the arms only. */
  add(pair: Pair, nowNs: number, wait: number): void {
    for (const row of [pair.first, pair.first + 1]) {
      const arm = ARMS[this.#state.probes.arm(row)] ?? 'plain';
      const list = this.#rowsByArm.get(arm);
      if (list === undefined) this.#rowsByArm.set(arm, [row]);
      else list.push(row);
    }
    const decides = !isExplaining(pair.purpose) && !isPlainOnly(pair.purpose) && !pair.isPlacebo;
    const pairClass = classify(pair);
    // Of a trace that was interrupted: nobody knows yet what comes of the pair.
    if (!decides || (pairClass !== PAIR_CLASS.both && isAwaited(pair, nowNs, wait))) return;
    this.#pairs[CLASS_NAMES[pairClass]] += 1;
  }

  write(): PlaceRecord {
    const arms: PlaceRecord['arms'] = {
      plain: writeArm(this.#state, this.#rowsByArm.get('plain') ?? []),
      pdm: writeArm(this.#state, this.#rowsByArm.get('pdm') ?? []),
    };
    for (const [arm, rows] of this.#rowsByArm) {
      if (arm !== 'plain' && arm !== 'pdm') arms[arm] = writeArm(this.#state, rows);
    }
    return { pairs: { ...this.#pairs }, arms };
  }
}

const CLASS_NAMES = ['both', 'plainOnly', 'pdmOnly', 'neither', 'void'] as const;

function isOfHop({ purpose, hopLimit }: Pair): boolean {
  return hopLimit !== TARGET_HOP_LIMIT && witnessOf(purpose) === null && purpose !== PURPOSE.reference;
}

function isOfTarget({ purpose, hopLimit }: Pair): boolean {
  if (hopLimit !== TARGET_HOP_LIMIT) return false;
  return purpose === PURPOSE.target || purpose === PURPOSE.explain || isPlainOnly(purpose);
}

function writeHops({ state, meanings, nowNs }: Case): TraceRecord['hops'] {
  const wait = waitNs(state);
  const writers = new Map<number, PlaceWriter>();
  forEachPair(state, meanings, state.attemptStart, (pair) => {
    if (!isOfHop(pair)) return;
    let writer = writers.get(pair.hopLimit);
    if (writer === undefined) writers.set(pair.hopLimit, (writer = new PlaceWriter(state)));
    writer.add(pair, nowNs, wait);
  });
  return [...writers]
    .sort(([a], [b]) => a - b)
    .map(([hop, writer]) => ({ hop, ...namesAt(state, hop), ...writer.write() }));
}

/** One hop as it stands in the record of the trace that probed it. */
export function writeHop(state: TraceState, hop: number, atNs: number): HopRecord {
  const writer = new PlaceWriter(state);
  forEachPair(state, meaningsOf(state), state.attemptStart, (pair) => {
    if (isOfHop(pair) && pair.hopLimit === hop) writer.add(pair, atNs, waitNs(state));
  });
  return { hop, ...namesAt(state, hop), ...writer.write() };
}

/** METHOD: Replies. Both names of two that answered one probe are kept. */
function namesAt({ contradicted }: TraceState, hop: number): Pick<HopRecord, 'contradicting'> {
  const names = contradicted.get(hop);
  return names === undefined ? {} : { contradicting: [...names] };
}

function writeTarget({ state, meanings, nowNs, distance }: Case): TargetPairsRecord {
  const writer = new PlaceWriter(state);
  forEachPair(state, meanings, state.attemptStart, (pair) => {
    if (isOfTarget(pair)) writer.add(pair, nowNs, waitNs(state));
  });
  return { hop: null, ...writer.write(), distance: { ...distance } };
}

function writeArm(state: TraceState, rows: readonly number[]): ArmRecord {
  const { probes } = state;
  const byResponder = new Map<string, { rows: number[]; replies: ReplySignature[] }>();
  let sent = 0;
  let answered = 0;
  for (const row of rows) {
    if (probes.isSent(row)) sent += 1;
    const reply = replyTo(state, row);
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
      const { type, code, pointer, mtu } = reply;
      const same = icmp.find(
        (one) => one.type === type && one.code === code && one.pointer === pointer && (one.mtu ?? null) === mtu,
      );
      if (same !== undefined) same.count += 1;
      else icmp.push({ type, code, pointer, ...(mtu === null ? {} : { mtu }), count: 1 });
    }
    if (!reply.quoted) continue;
    const key = reply.changes.join(' ');
    const same = quotes.find((quote) => quote.intact === reply.intact && quote.changes.join(' ') === key);
    if (same !== undefined) same.count += 1;
    else quotes.push({ intact: reply.intact, changes: [...reply.changes], count: 1 });
  }
  const last = replies.at(-1);
  const objects = last?.objects ?? [];
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
    ...(objects.length === 0 ? {} : { objects: objects.map((object) => ({ ...object })) }),
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

function writeSummary(trace: Case, verdict: VerdictRecord): TraceRecord['summary'] {
  const { hops, lastPdmHop: n, lastPlainHop, state } = trace;
  const { contradicted } = state;
  const lastPdm = hops[n];
  const lastPlain = hops[lastPlainHop];
  return {
    lastPdmHop:
      n === 0
        ? null
        : summaryHop(n, lastPdm?.pdmResponders[0] ?? lastPdm?.plainResponders[0] ?? null, contradicted.has(n)),
    lastPlainHop:
      lastPlainHop === 0
        ? null
        : summaryHop(lastPlainHop, lastPlain?.plainResponderOnAnyFlow[0] ?? null, contradicted.has(lastPlainHop)),
    // Where nothing is said of a place, no hop is the next one.
    nextHop: verdict.interval === null ? null : writeNextHop(trace, verdict, verdict.interval.after + 1),
    inDestinationNetwork: null,
    attribution: null,
  };
}

function summaryHop(hop: number, address: string | null, isContradicted = false): SummaryHop {
  return { hop, ...unnamed(address), ...(isContradicted ? { uncertain: true } : {}) };
}

/**
 * Hop n+1 of the plain path, n being where the interval begins, as in all that is said of networks: a hop number even where
 * nobody answers there.
 */
function writeNextHop({ state, hops, distance, nameless }: Case, verdict: VerdictRecord, hop: number): NextHop | null {
  const place = hops[hop];
  const arrivedBefore = distance.plain !== null && hop > distance.plain;
  if (arrivedBefore) return null;
  const responders = place?.plainResponderOnAnyFlow ?? [];
  const target = hop === distance.plain ? state.identity.targetText : null;
  const address = place?.plainResponders[0] ?? responders[0] ?? target;
  const isNameless = address !== null && hop !== distance.plain && nameless.has(address);
  return {
    ...summaryHop(hop, address),
    candidates: responders.length > 1 ? responders.map((candidate) => unnamed(candidate)) : [],
    uncertain: verdict.pathsDiverge !== null || isNameless || state.contradicted.has(hop),
  };
}
