import type { TraceQueries } from '../../results/store/trace-queries.js';
import type { TraceFilter } from '../../results/store/trace-filter.js';
import type { Outcome, TraceRecord } from '../../record/record.js';
import { readWay, type RecordStop } from './record-stop.js';
import { faultLines, sharedFaultSentence } from './shared-fault-words.js';
import { SharedFaultTally } from './shared-faults.js';

/** What a report says first, and beside each record that it is about. */
export interface FaultWords {
  /** Sentences for the top; none where nothing is shared. */
  readonly lines: readonly string[];
  /** What the record is part of, in one sentence; null for none. */
  readonly sentenceOf: (record: TraceRecord) => string | null;
  /** The same by the record's id, where only that is at hand. */
  readonly sentenceOfId: (id: string) => string | null;
}

/** Nothing is shared. */
export const NO_FAULTS: FaultWords = { lines: [], sentenceOf: () => null, sentenceOfId: () => null };

/** Fewer records, or targets, share nothing. */
const LEAST = 5;
/** Outcomes of packets with the option that arrived. */
const ARRIVED: readonly Outcome[] = ['delivered', 'impaired', 'stripped', 'altered', 'bypassed'];
/** Whole records that are read at most: 200 MB of JSON, some seconds. */
const MOST_RECORDS = 10_000;
/** … where several runs are shown together, over all of them. */
const MOST_OF_SEVERAL = 3000;

/**
 * The faults that targets share in each run of which the filter shows records: of all records of the run, whatever else is
 * filtered, for what is shared does not depend on what is shown. Throws OutputError.
 */
export function findFaults(queries: TraceQueries, filter: TraceFilter, mostRecords?: number): FaultWords {
  const isOneRun = filter.runId !== undefined;
  let budget = mostRecords ?? (isOneRun ? MOST_RECORDS : MOST_OF_SEVERAL);
  const bound = filter.upToKey === undefined ? {} : { upToKey: filter.upToKey };
  const runs = new Map<string, RunFaults>();
  let unread = 0;
  for (const runId of isOneRun ? [filter.runId] : queries.runIds(filter)) {
    if (!mayShare(queries, { runId, ...bound })) continue;
    if (budget <= 0) {
      unread += 1;
      continue;
    }
    const run = new RunFaults(queries, { runId, ...bound }, budget);
    budget -= run.compared;
    if (run.lines.length > 0) runs.set(runId, run);
  }
  if (runs.size === 0) return NO_FAULTS;
  const lines = [...runs].flatMap(([runId, run]) =>
    isOneRun ? run.lines : run.lines.map((line) => `Run ${runId}: ${line}`),
  );
  if (unread > 0) lines.push(`${unread} older runs are not compared; --run chooses one.`);
  return {
    lines,
    sentenceOf: (record) => runs.get(record.runId)?.sentenceOf(record) ?? null,
    sentenceOfId: (id) => {
      for (const run of runs.values()) {
        const sentence = run.sentenceOfId(id);
        if (sentence !== null) return sentence;
      }
      return null;
    },
  };
}

/** Answered without reading records, so that a run is read only where something may be shared. */
function mayShare(queries: TraceQueries, filter: TraceFilter): boolean {
  const counts = queries.outcomeCounts(filter);
  const records = (outcomes: readonly Outcome[]): number =>
    counts.reduce((sum, { outcome, count }) => (outcomes.includes(outcome) ? sum + count : sum), 0);
  if (records(['rejected']) >= LEAST) return true;
  if (records(['dropped', 'inconclusive']) >= LEAST && records(ARRIVED) === 0) return true;
  if (records(['dropped']) < LEAST) return false;
  const stops = queries.stopCounts(filter);
  // Those without an address may be at any place of that hop.
  const unplaced = (hop: number): number =>
    stops.reduce((sum, { after, address, targets }) => (after === hop && address === null ? sum + targets : sum), 0);
  return stops.some(({ after, address, targets }) => targets + (address === null ? 0 : unplaced(after)) >= LEAST);
}

/** Null for a record that is damaged: what does not need it is shown all the same. */
function parsed(text: string): TraceRecord | null {
  try {
    return JSON.parse(text) as TraceRecord;
  } catch {
    return null;
  }
}

/** The shared faults of one run's records, read once. */
class RunFaults implements FaultWords {
  readonly lines: readonly string[];
  /** Records that were read. */
  readonly compared: number;
  readonly #tally: SharedFaultTally;
  readonly #stops = new Map<string, RecordStop>();

  constructor(queries: TraceQueries, filter: TraceFilter, limit: number) {
    this.#tally = new SharedFaultTally(limit);
    let compared = 0;
    for (const text of queries.recordTexts(filter, { limit })) {
      compared += 1;
      const record = parsed(text);
      if (record === null) continue;
      const way = readWay(record);
      this.#tally.add(way);
      if (way?.stop != null) this.#stops.set(record.id, way.stop);
    }
    this.compared = compared;
    const lines = faultLines(this.#tally.faults());
    const all = lines.length > 0 && compared === limit ? queries.count(filter) : compared;
    if (all > compared) lines.push(`Only the first ${compared} of ${all} records of the run are compared.`);
    this.lines = lines;
  }

  sentenceOf(record: TraceRecord): string | null {
    return this.#sentence(readWay(record)?.stop ?? null);
  }

  sentenceOfId(id: string): string | null {
    return this.#sentence(this.#stops.get(id) ?? null);
  }

  #sentence(stop: RecordStop | null): string | null {
    const fault = this.#tally.faultOf(stop);
    return fault === null ? null : sharedFaultSentence(fault);
  }
}

/** A record's JSON text, with the sentence where it shares a fault; else as it was stored, to the letter. */
export function textWithFault(text: string, faults: FaultWords): string {
  const record = faults.lines.length === 0 ? null : parsed(text);
  const sentence = record === null ? null : faults.sentenceOf(record);
  return record === null || sentence === null ? text : JSON.stringify(withFaultSentence(record, sentence));
}

/** The record with the sentence at the end of its reasons. What is stored stays as it was measured. */
export function withFaultSentence(record: TraceRecord, sentence: string): TraceRecord {
  return { ...record, verdict: { ...record.verdict, reasons: [...record.verdict.reasons, sentence] } };
}
