/** Records that a store did not take: what is kept aside comes in later, once, with all that the store would have known. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore, type SqliteStore } from '../../src/results/store/sqlite-store.js';
import { prepareRecord, type OutgoingRecord } from '../../src/results/store/trace-table.js';
import { keepAside, takeInUnstored } from '../../src/results/unstored-records.js';
import { buildRecord, RUN_ID } from './record-builder.js';

const OTHER_RUN = `${RUN_ID.slice(0, -1)}9`;

let directory: string;
let path: string;
let store: SqliteStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-aside-'));
  // Of its own name: some files lie in the temporary directory.
  path = join(directory, `${basename(directory)}.db`);
  store = openSqliteStore(path);
  store.runs.create({ id: RUN_ID, name: null, vantage: null, toolVersion: '0', options: {}, startedAtMs: 0 });
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
  for (const name of asideIn(tmpdir())) rmSync(join(tmpdir(), name));
});

function asideIn(place: string): string[] {
  return readdirSync(place).filter((name) => name.startsWith(`${basename(path)}.unstored-`));
}

function prepared(number: number, runId = RUN_ID): OutgoingRecord {
  const record = { ...buildRecord({ number }), runId };
  return prepareRecord({ record, targetKey: null, completesTarget: false });
}

describe('records kept aside', () => {
  it('lie beside the store by run, each line a record, for their owner to change alone', async () => {
    const { files, lost } = await keepAside(path, [prepared(1), prepared(2), prepared(3, OTHER_RUN)]);
    expect(lost).toBe(0);
    expect(files.map(({ records }) => records)).toEqual([2, 1]);
    expect(files.map((file) => basename(file.path))).toEqual(asideIn(directory).sort());
    const [first] = readFileSync(files[0]!.path, 'utf8').split('\n');
    expect(JSON.parse(first!)).toMatchObject({ ...buildRecord({ number: 1 }), unstored: { targetKey: null } });
    expect(statSync(files[0]!.path).mode & 0o022).toBe(0);
  });

  it('lie in the temporary directory where there is no other place, and never in the place of others', async () => {
    const away = join(directory, 'gone', basename(path));
    expect((await keepAside(away, [prepared(1)])).files.map((file) => file.path)).toEqual(
      asideIn(tmpdir()).map((name) => join(tmpdir(), name)),
    );
    const [one, two] = [await keepAside(path, [prepared(1)]), await keepAside(path, [prepared(2)])];
    expect(one.files[0]!.path).not.toBe(two.files[0]!.path);
    expect(await takeInUnstored(store)).toHaveLength(3);
    expect(store.queries.count()).toBe(2);
  });

  it('are taken in with the target that they complete, and the file is gone; twice is once', async () => {
    store.targets.add(RUN_ID, [
      {
        ...{ line: 1, host: 'a.example', hostKey: 'a.example', spread: { wide: 1, narrow: 1 } },
        ...{ company: null, protocols: ['udp'], dport: null, tags: [] },
      },
    ]);
    store.runs.setState(RUN_ID, 'ready');
    const [target] = [...store.targets.waiting(RUN_ID)];
    const record = buildRecord({ number: 1, input: 'a.example' });
    const entry = prepareRecord({ record, targetKey: target!.targetKey, completesTarget: true });
    await keepAside(path, [entry]);
    await keepAside(path, [entry]);
    const taken = await takeInUnstored(store);
    expect(taken).toMatchObject([
      { records: 1, left: null },
      { records: 1, left: null },
    ]);
    expect(asideIn(directory)).toEqual([]);
    expect([...store.queries.records()]).toEqual([record]);
    expect(store.targets.progress(RUN_ID)).toMatchObject({ total: 1, done: 1 });
    expect(await takeInUnstored(store)).toEqual([]);
  });

  it('stay where their run is in another store, or a line is damaged; what is whole before it is stored', async () => {
    const { files } = await keepAside(path, [prepared(1, OTHER_RUN), prepared(2)]);
    const own = files[1]!.path;
    writeFileSync(own, `${readFileSync(own, 'utf8')}{"schema":"pdm-trace/1","id":`);
    expect(await takeInUnstored(store)).toEqual([
      { path: files[1]!.path, records: 0, left: 'line 2 is no record that was kept' },
      { path: files[0]!.path, records: 0, left: 'its run is not in this store' },
    ]);
    expect(files.every((file) => existsSync(file.path))).toBe(true);
  });

  it.each([
    '{}',
    '[]',
    'null',
    '{"schema":"pdm-trace/1","unstored":{}}',
    '{"schema":"pdm-trace/1","unstored":{"targetKey":null,"completesTarget":true}}',
  ])('are no %s', async (line) => {
    const place = `${path}.unstored-x.jsonl`;
    writeFileSync(place, `${line}\n`);
    expect(await takeInUnstored(store)).toEqual([
      { path: place, records: 0, left: 'line 1 is no record that was kept' },
    ]);
    expect(store.queries.count()).toBe(0);
  });

  it('in the temporary directory are left alone, without a word, where they are of another store of the same name', async () => {
    await keepAside(join(directory, 'gone', basename(path)), [prepared(1, OTHER_RUN)]);
    expect(asideIn(tmpdir())).toHaveLength(1);
    expect(await takeInUnstored(store)).toEqual([]);
    expect(asideIn(tmpdir())).toHaveLength(1);
  });

  it('are no links: whoever may write in the temporary directory names no file to read', async () => {
    const { files } = await keepAside(path, [prepared(1)]);
    symlinkSync(files[0]!.path, join(tmpdir(), `${basename(path)}.unstored-link.jsonl`));
    expect(await takeInUnstored(store)).toHaveLength(1);
  });
});
