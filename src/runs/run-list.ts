/** Works through the targets that a run has in the store. */
import type { RecordWriter } from '../results/store/record-writer.js';
import type { SqliteStore } from '../results/store/sqlite-store.js';
import type { StoredTarget } from '../results/store/target-table.js';
import type { TraceRecord } from '../record/record.js';
import { Slots } from '../measure/slots.js';
import type { MeasureOptions, MeasuredRecord, MeasureOrder, TargetMeasurer } from '../measure/target-measurer.js';

/** A run in the store, who measures its targets, and who hears of it. */
export interface ListRun {
  readonly store: SqliteStore;
  readonly runId: string;
  readonly writer: RunWriter;
  readonly measurer: TargetMeasurer;
  readonly options: MeasureOptions;
  /** Targets given out at most: those being traced, those whose names are being looked up before or after. */
  readonly outstanding: number;
  /** Waits until this target may be given out. */
  readonly pace?: (target: StoredTarget) => Promise<void>;
  /** Refuses addresses that only mean something here. Default false. */
  readonly publicOnly?: boolean;
  /** Aborted: no further target is given out, and those who measure are interrupted. */
  readonly signal: AbortSignal;
  /** A record is on disk. */
  readonly onStored?: (record: TraceRecord, interrupted: boolean) => void;
  /** A target has all its records. */
  readonly onTarget?: () => void;
}

/** `flush` resolves when all that was put is on disk. */
export type RunWriter = Pick<RecordWriter, 'put' | 'flush' | 'hasRoom' | 'whenRoom'>;

/**
 * How often the measuring process may die over one target, nothing else being under way, until that is done with: of many that
 * were, all but one are innocent.
 */
const DEATHS_ALONE = 2;

/** How often the process ended while a target was under way. */
interface Deaths {
  readonly all: number;
  /** … with nothing else under way. */
  readonly alone: number;
}

/**
 * Measures what waits, in the store's order, and stores each record as it comes. Resolves when nothing is left (`done`) or
 * when it was stopped and what was in flight is stored (`stopped`). Rejects when a record cannot be kept, or for a defect.
 */
export async function runList(run: ListRun): Promise<'done' | 'stopped'> {
  const deaths = new Map<number, Deaths>();
  for (;;) {
    const left = await onePass(run, deaths);
    await run.writer.flush();
    if (run.signal.aborted) return 'stopped';
    if (left === 0) return 'done';
  }
}

/** Returns how many targets were given up and wait again. `deaths`: of those whose traces were broken off. */
async function onePass(run: ListRun, deaths: Map<number, Deaths>): Promise<number> {
  const slots = new Slots(run.outstanding);
  const underWay = new Set<Promise<void>>();
  const failures: Error[] = [];
  const fail = (error: unknown): void => {
    failures.push(error instanceof Error ? error : new Error(String(error)));
  };
  let left = 0;
  try {
    for (const target of run.store.targets.waiting(run.runId)) {
      // Each death halves the company of those who were there, until whose fault it is has nobody else to be.
      const share = Math.min(run.outstanding, 2 ** (deaths.get(target.targetKey)?.all ?? 0));
      await slots.take(share);
      await run.pace?.(target);
      await roomOrStop(run);
      if (run.signal.aborted || failures.length > 0) break;
      const work = measureTarget(run, target, { deaths, isAlone: share >= run.outstanding }, fail)
        .then((end) => {
          if (end === 'interrupted') left += 1;
        })
        .catch(fail)
        .finally(() => {
          underWay.delete(work);
          slots.give(share);
        });
      underWay.add(work);
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(underWay);
  if (failures[0] !== undefined) throw failures[0];
  return left;
}

/** Records are stored behind it, in groups: `hasRoom` bounds how many. */
async function measureTarget(
  run: ListRun,
  target: StoredTarget,
  { deaths, isAlone }: { readonly deaths: Map<number, Deaths>; readonly isAlone: boolean },
  fail: (error: unknown) => void,
): Promise<'done' | 'interrupted'> {
  const { store, writer, measurer, signal } = run;
  const { targetKey } = target;
  const before = deaths.get(targetKey) ?? { all: 0, alone: 0 };
  const completed: boolean[] = [];
  const interruptions: boolean[] = [];
  const take = ({ record, interrupted, last, toBlame = false }: MeasuredRecord): void => {
    // Whoever interrupts the run wants to go on later; a target over which the process died twice is done with.
    const isLast = toBlame && before.alone >= DEATHS_ALONE - 1;
    const provisional = interrupted && (signal.aborted || !isLast);
    const completesTarget = last && !provisional;
    completed.push(completesTarget);
    if (interrupted) interruptions.push(toBlame);
    writer
      .put({
        record,
        targetKey,
        completesTarget,
        provisional,
        seriesPerAddress: run.options.addresses === 'all',
      })
      .then(() => run.onStored?.(record, provisional))
      .catch(fail);
  };
  const end = await measurer.measure(orderOf(run, target), take, { alone: isAlone });
  // Nothing was left of it: its records were stored before a kill, or it yields none any more.
  if (end === 'done' && !completed.includes(true)) store.targets.markDone([targetKey]);
  if (end === 'done' || completed.includes(true)) {
    deaths.delete(targetKey);
    run.onTarget?.();
    return 'done';
  }
  // A target that had not begun when the process died is not what it died of.
  if (interruptions.length > 0)
    deaths.set(targetKey, { all: before.all + 1, alone: before.alone + (interruptions.includes(true) ? 1 : 0) });
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

function orderOf({ runId, options, publicOnly }: ListRun, target: StoredTarget): MeasureOrder {
  return {
    runId,
    host: target.host,
    company: target.company,
    protocols: target.protocols,
    dport: target.dport,
    stored: target.stored,
    options,
    publicOnly: publicOnly ?? false,
  };
}
