import { insertedInOrder } from './inserted-headers.js';
import type { Cause, Membership, Outcome, Protocol, TraceRecord } from './record.js';

/**
 * What tables, filters and comparisons need of a record, flat. The store keeps it beside the record so that no query
 * over many records has to read JSON. Names are as in the record; the CSV's fall-backs to addresses are not applied here.
 */
export interface SummaryRow {
  readonly id: string;
  readonly runId: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly company: string | null;
  readonly startAddress: string | null;
  readonly startName: string | null;
  readonly startAsn: number | null;
  readonly destinationInput: string;
  readonly destinationAddress: string | null;
  readonly destinationName: string | null;
  readonly destinationAsn: number | null;
  readonly destinationAsName: string | null;
  readonly protocol: Protocol;
  readonly destinationPort: number | null;
  readonly lastPdmHop: number | null;
  readonly lastPdmAddress: string | null;
  readonly lastPdmName: string | null;
  readonly lastPdmAsn: number | null;
  readonly lastPlainHop: number | null;
  readonly lastPlainAddress: string | null;
  readonly lastPlainName: string | null;
  readonly lastPlainAsn: number | null;
  readonly nextHop: number | null;
  readonly nextHopAddress: string | null;
  readonly nextHopName: string | null;
  readonly nextHopAsn: number | null;
  readonly nextHopAsName: string | null;
  readonly nextHopInDestinationNetwork: Membership | null;
  readonly attributionBest: number | null;
  readonly attributionWorst: number | null;
  /** `64500 64501`, in the order of the path; null as `attribution` is, or where there is none. */
  readonly attributionCandidates: string | null;
  /** Silent stretches: `5..6 9`. */
  readonly attributionSilent: string | null;
  /** Whether a network that no address names may be meant too. */
  readonly attributionUnknown: 'yes' | 'no' | null;
  /** Kinds of headers that the way put in, and where packets carried them: `routing@5 hop-by-hop@6 routing@target`. */
  readonly insertedHeaders: string | null;
  readonly outcome: Outcome;
  readonly confidence: number | null;
  readonly cause: Cause | null;
  readonly intervalAfter: number | null;
  readonly intervalUpTo: number | null;
  readonly intervalLikelyUpTo: number | null;
  readonly optionSeenUpTo: string | null;
  readonly probesSent: number;
}

/** Of one record: times become milliseconds since 1970, and lists text with spaces between. Nothing is looked up. */
export function summariseRecord(record: TraceRecord): SummaryRow {
  const { summary, verdict, source, target } = record;
  const { lastPdmHop, lastPlainHop, nextHop, attribution } = summary;
  return {
    id: record.id,
    runId: record.runId,
    startedAtMs: Date.parse(record.startedAt),
    endedAtMs: Date.parse(record.endedAt),
    company: record.company,
    startAddress: source.address,
    startName: source.name,
    startAsn: source.asn,
    destinationInput: target.input,
    destinationAddress: target.address,
    destinationName: target.name,
    destinationAsn: target.asn,
    destinationAsName: target.asName,
    protocol: record.protocol,
    destinationPort: record.flow.destinationPort,
    lastPdmHop: lastPdmHop?.hop ?? null,
    lastPdmAddress: lastPdmHop?.address ?? null,
    lastPdmName: lastPdmHop?.name ?? null,
    lastPdmAsn: lastPdmHop?.asn ?? null,
    lastPlainHop: lastPlainHop?.hop ?? null,
    lastPlainAddress: lastPlainHop?.address ?? null,
    lastPlainName: lastPlainHop?.name ?? null,
    lastPlainAsn: lastPlainHop?.asn ?? null,
    nextHop: nextHop?.hop ?? null,
    nextHopAddress: nextHop?.address ?? null,
    nextHopName: nextHop?.name ?? null,
    nextHopAsn: nextHop?.asn ?? null,
    nextHopAsName: nextHop?.asName ?? null,
    nextHopInDestinationNetwork: summary.inDestinationNetwork,
    attributionBest: attribution?.best ?? null,
    attributionWorst: attribution?.worst ?? null,
    attributionCandidates: listText(attribution?.candidates),
    attributionSilent: listText(attribution?.silent?.map(({ from, to }) => (from === to ? from : `${from}..${to}`))),
    attributionUnknown: attribution === null ? null : attribution.unknown === true ? 'yes' : 'no',
    insertedHeaders: listText(insertedInOrder(record).map(({ kind, hop }) => `${kind}@${hop ?? 'target'}`)),
    outcome: verdict.outcome,
    confidence: verdict.confidence,
    cause: verdict.cause,
    intervalAfter: verdict.interval?.after ?? null,
    intervalUpTo: verdict.interval?.upTo ?? null,
    intervalLikelyUpTo: verdict.interval?.likelyUpTo ?? null,
    optionSeenUpTo: verdict.optionSeenUpTo === null ? null : String(verdict.optionSeenUpTo),
    probesSent: record.counters.sent,
  };
}

function listText(parts: readonly (string | number)[] | undefined): string | null {
  return parts === undefined || parts.length === 0 ? null : parts.join(' ');
}

/** All of them, in the order in which wide tables show them. */
export const SUMMARY_FIELDS = [
  'id',
  'runId',
  'startedAtMs',
  'endedAtMs',
  'company',
  'startAddress',
  'startName',
  'startAsn',
  'destinationInput',
  'destinationAddress',
  'destinationName',
  'destinationAsn',
  'destinationAsName',
  'protocol',
  'destinationPort',
  'lastPdmHop',
  'lastPdmAddress',
  'lastPdmName',
  'lastPdmAsn',
  'lastPlainHop',
  'lastPlainAddress',
  'lastPlainName',
  'lastPlainAsn',
  'nextHop',
  'nextHopAddress',
  'nextHopName',
  'nextHopAsn',
  'nextHopAsName',
  'nextHopInDestinationNetwork',
  'attributionBest',
  'attributionWorst',
  'attributionCandidates',
  'attributionSilent',
  'attributionUnknown',
  'insertedHeaders',
  'outcome',
  'confidence',
  'cause',
  'intervalAfter',
  'intervalUpTo',
  'intervalLikelyUpTo',
  'optionSeenUpTo',
  'probesSent',
] as const satisfies readonly (keyof SummaryRow)[];

/** `startedAtMs` → `started_at_ms`: the same names in SQL, CSV and here. */
export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
