/** Works through the targets that a run has in the store. */
import type { RecordWriter } from '../results/record-writer.js';
import type { SqliteStore } from '../results/sqlite-store.js';
import type { StoredTarget } from '../results/target-table.js';
import type { TraceRecord } from '../trace/record.js';
import { Slots } from './slots.js';
import type { MeasureOptions, MeasuredRecord, MeasureOrder, TargetMeasurer } from './target-measurer.js';

export interface ListRun {
  readonly store: SqliteStore;
  readonly runId: string;
  readonly writer: RecordWriter;
  readonly measurer: TargetMeasurer;
  readonly options: MeasureOptions;
  /** Targets given out at most: those being traced, those whose names are being looked up before or after. */
  readonly outstanding: number;
  /** Waits until a further target may be given out. */
  readonly pace?: () => Promise<void>;
  /** Aborted: no further target is given out, and those who measure are interrupted. */
  readonly signal: AbortSignal;
  /** A record is on disk. */
  readonly onStored?: (record: TraceRecord, interrupted: boolean) => void;
  /** A target has all its records. */
  readonly onTarget?: () => void;
}

/** How often a target is given out again when the measuring process died over it. */
const ATTEMPTS = 2;

/**
 * Measures what waits, in the store's order, and stores each record as it comes. Resolves when nothing is left (`done`) or
 * when it was stopped and what was in flight is stored (`stopped`). Rejects when a record cannot be kept, or for a defect.
 */
export async function runList(run: ListRun): Promise<'done' | 'stopped'> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const left = await onePass(run, attempt === ATTEMPTS);
    await run.writer.flush();
    if (run.signal.aborted) return 'stopped';
    if (left === 0) break;
  }
  return 'done';
}

/** Returns how many targets were given up and wait again. */
async function onePass(run: ListRun, isLast: boolean): Promise<number> {
  const slots = new Slots(run.outstanding);
  const underWay = new Set<Promise<void>>();
  const failures: Error[] = [];
  const fail = (error: unknown): void => {
    failures.push(error instanceof Error ? error : new Error(String(error)));
  };
  let left = 0;
  for (const target of run.store.targets.waiting(run.runId)) {
    await slots.take();
    await run.pace?.();
    await roomOrStop(run);
    if (run.signal.aborted || failures.length > 0) break;
    const work = measureTarget(run, target, isLast, fail)
      .then((end) => {
        if (end === 'interrupted') left += 1;
      })
      .catch(fail)
      .finally(() => {
        underWay.delete(work);
        slots.give();
      });
    underWay.add(work);
  }
  await Promise.all(underWay);
  if (failures[0] !== undefined) throw failures[0];
  return left;
}

/** Records are stored behind it, in groups: `hasRoom` bounds how many. */
async function measureTarget(
  run: ListRun,
  target: StoredTarget,
  isLast: boolean,
  fail: (error: unknown) => void,
): Promise<'done' | 'interrupted'> {
  const { store, writer, measurer, signal } = run;
  const completed: boolean[] = [];
  const end = await measurer.measure(orderOf(run, target), ({ record, interrupted, last }: MeasuredRecord) => {
    // Whoever interrupts the run wants to go on later; a target over which the process died twice is done with.
    const provisional = interrupted && (signal.aborted || !isLast);
    const completesTarget = last && !provisional;
    completed.push(completesTarget);
    writer
      .put({
        record,
        targetKey: target.targetKey,
        completesTarget,
        provisional,
        seriesPerAddress: run.options.addresses === 'all',
      })
      .then(() => run.onStored?.(record, provisional))
      .catch(fail);
  });
  // Nothing was left of it: its records were stored before a kill, or it yields none any more.
  if (end === 'done' && !completed.includes(true)) store.targets.markDone([target.targetKey]);
  if (end === 'done') run.onTarget?.();
  return end;
}

/** Where the disk is slower than the measurement, or full, the measurement waits. */
function roomOrStop({ writer, signal }: ListRun): Promise<void> {
  if (writer.hasRoom || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      signal.removeEventListener('abort', end);
      resolve();
    };
    signal.addEventListener('abort', end);
    void writer.whenRoom().then(end);
  });
}

function orderOf({ runId, options }: ListRun, target: StoredTarget): MeasureOrder {
  return {
    runId,
    host: target.host,
    company: target.company,
    protocols: target.protocols,
    dport: target.dport,
    stored: target.stored,
    options,
    publicOnly: false,
  };
}
