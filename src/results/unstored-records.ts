/** Records that a store did not take: kept in a file beside it, and taken in once it can be written again. */
import { createReadStream, existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TraceRecord } from '../record/record.js';
import { OUTPUT_ERRORS, OutputError } from './output-error.js';
import { isInMemory, type SqliteStore } from './store/sqlite-store.js';
import { prepareRecord, type OutgoingRecord, type RecordToStore } from './store/trace-table.js';
import { writeWholeFile } from './files/write-whole-file.js';

/** What a line has besides the record's own fields, as `unstored`: how the store would have kept it. */
type Fate = Omit<RecordToStore, 'record'>;

/** Some files, each with how many records are in it, and how many there was no place for. */
export interface KeptAside {
  readonly files: readonly { readonly path: string; readonly records: number }[];
  readonly lost: number;
}

/** A file whose records were stored, and that is gone now; or why it stays. */
export interface TakenIn {
  readonly path: string;
  readonly records: number;
  readonly left: string | null;
}

const END = '.jsonl';
const FILES_OF_A_RUN = 100;
const BATCH = 500;
/** Of a UUID, which ids of runs are. */
const RUN_ID_LENGTH = 36;

/**
 * Writes records into `STORE.unstored-RUN.jsonl`, as JSON Lines, beside the store at `path` or, where there is no room, in the
 * temporary directory. Never rejects.
 */
export async function keepAside(path: string, records: readonly OutgoingRecord[]): Promise<KeptAside> {
  const byRun = new Map<string, OutgoingRecord[]>();
  for (const record of records) {
    const ofRun = byRun.get(record.runId);
    if (ofRun === undefined) byRun.set(record.runId, [record]);
    else ofRun.push(record);
  }
  const files: { path: string; records: number }[] = [];
  let lost = 0;
  for (const [runId, ofRun] of byRun) {
    const file = await writeAside(path, runId, ofRun);
    if (file === null) lost += ofRun.length;
    else files.push({ path: file, records: ofRun.length });
  }
  return { files, lost };
}

async function writeAside(path: string, runId: string, records: readonly OutgoingRecord[]): Promise<string | null> {
  if (isInMemory(path)) return null;
  for (const directory of [dirname(path), tmpdir()]) {
    const stem = join(directory, `${basename(path)}.unstored-${runId}`);
    let place = `${stem}${END}`;
    for (let number = 2; existsSync(place) && number <= FILES_OF_A_RUN; number += 1) place = `${stem}-${number}${END}`;
    try {
      await writeWholeFile(place, records.map(lineOf), { force: false });
      return place;
    } catch {
      // The next place; that there is none is said by the caller, whose store has failed already.
    }
  }
  return null;
}

function lineOf({ json, targetKey, completesTarget, provisional, series }: OutgoingRecord): string {
  const unstored: Fate = { targetKey, completesTarget, provisional, seriesPerAddress: series.at(-1) !== '' };
  return `${json.toString().slice(0, -1)},"unstored":${JSON.stringify(unstored)}}\n`;
}

/**
 * Stores what `keepAside` left for this store, and removes the files. A file stays where not all of it can be stored: its run is
 * in another store, it is damaged, or somebody else's. Rejects with nothing but a defect.
 */
export async function takeInUnstored(store: SqliteStore): Promise<TakenIn[]> {
  if (isInMemory(store.path)) return [];
  const taken: TakenIn[] = [];
  for (const path of asideFiles(store)) taken.push(await takeIn(store, path));
  return taken;
}

/**
 * Files of this name that belong to whoever runs this: in the temporary directory anybody may write one. Those of other stores of
 * the same name lie there as well, and are passed over.
 */
function asideFiles(store: SqliteStore): string[] {
  const start = `${basename(store.path)}.unstored-`;
  const isKnown = (name: string): boolean =>
    store.runs.get(name.slice(start.length, start.length + RUN_ID_LENGTH)) !== null;
  const beside = namesIn(dirname(store.path), start);
  const elsewhere = namesIn(tmpdir(), start).filter(isKnown);
  const files = [
    ...beside.map((name) => join(dirname(store.path), name)),
    ...elsewhere.map((name) => join(tmpdir(), name)),
  ];
  return [...new Set(files.sort())].filter((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.uid === process.geteuid?.();
  });
}

function namesIn(directory: string, start: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.startsWith(start) && name.endsWith(END));
  } catch {
    return [];
  }
}

async function takeIn(store: SqliteStore, path: string): Promise<TakenIn> {
  let records = 0;
  let batch: OutgoingRecord[] = [];
  const put = (): void => {
    store.traces.put(batch);
    records += batch.length;
    batch = [];
  };
  const input = createReadStream(path, 'utf8');
  try {
    let line = 0;
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      line += 1;
      const record = readLine(text);
      if (record === null) return { path, records, left: `line ${line} is no record that was kept` };
      batch.push(record);
      if (batch.length >= BATCH) put();
    }
    put();
    rmSync(path);
    return { path, records, left: null };
  } catch (error) {
    if (error instanceof OutputError) return { path, records, left: leftBecause(error) };
    if (error instanceof Error && 'code' in error) return { path, records, left: error.message };
    throw error;
  } finally {
    input.destroy();
  }
}

function leftBecause(error: OutputError): string {
  return error.code === OUTPUT_ERRORS.noRun ? 'its run is not in this store' : error.message;
}

function readLine(text: string): OutgoingRecord | null {
  try {
    const { unstored, ...record } = JSON.parse(text) as TraceRecord & { readonly unstored?: Fate };
    const schema: unknown = record.schema;
    if (schema !== 'pdm-trace/1' || unstored === undefined) return null;
    const { targetKey, completesTarget, provisional, seriesPerAddress } = unstored;
    const isFate = (targetKey === null || Number.isInteger(targetKey)) && typeof completesTarget === 'boolean';
    if (!isFate) return null;
    return prepareRecord({
      ...{ record, targetKey, completesTarget },
      ...{ provisional: provisional === true, seriesPerAddress: seriesPerAddress === true },
    });
  } catch {
    return null;
  }
}
