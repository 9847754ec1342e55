import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { parse } from 'csv-parse/sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyRetention } from '../../../src/results/store/apply-retention.js';
import { driverFor, openSqliteStore, type SqliteStore } from '../../../src/results/store/sqlite-store.js';
import { MIGRATIONS } from '../../../src/results/store/store-schema.js';
import { csvLine, SUMMARY_CSV_COLUMNS } from '../../../src/results/summary-csv.js';
import type { SummaryRow } from '../../../src/record/summary-row.js';
import type { NewTarget } from '../../../src/results/store/target-table.js';
import type { Page } from '../../../src/results/store/trace-queries.js';
import type { TraceFilter } from '../../../src/results/store/trace-filter.js';
import { prepareRecord } from '../../../src/results/store/trace-table.js';
import { buildRecord, RUN_ID, START_MS, withNetworks, type RecordOptions } from '../record-builder.js';

const SECOND_RUN = `${RUN_ID.slice(0, -1)}2`;
const THIRD_RUN = `${RUN_ID.slice(0, -1)}3`;
const DAY_MS = 86_400_000;

let directory: string;
let path: string;
let store: SqliteStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-store-'));
  path = join(directory, 'store.db');
  store = openSqliteStore(path);
  for (const id of [RUN_ID, SECOND_RUN, THIRD_RUN]) createRun(id);
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

function createRun(id: string): void {
  store.runs.create({
    id,
    name: 'list',
    vantage: 'PDM-Toronto',
    toolVersion: '0.1.0',
    options: { rate: 100, protocol: ['udp', 'icmp6'] },
    startedAtMs: START_MS,
  });
}

function put(options: RecordOptions, targetKey: number | null = null, completesTarget = false): void {
  store.traces.put([prepareRecord({ record: buildRecord(options), targetKey, completesTarget })]);
}

function sql(text: string): Record<string, unknown>[] {
  const database = new Database(path, { readonly: true });
  try {
    return database.prepare(text).all() as Record<string, unknown>[];
  } finally {
    database.close();
  }
}

describe('records', () => {
  it('come back as they were stored', () => {
    const record = buildRecord();
    put({});
    expect(store.traces.record(record.id)).toEqual(record);
    expect([...store.queries.records()]).toEqual([record]);
    expect(JSON.stringify(record).length).toBeGreaterThan(15_000);
  });

  it('are stored once when put twice', () => {
    put({});
    put({});
    expect(store.queries.count()).toBe(1);
  });

  it('are stored once for a target, protocol and address, whatever their id', () => {
    const target = addTargets([{ host: 'a.example' }])[0];
    put({ number: 1, input: 'a.example' }, target);
    const again = { ...buildRecord({ number: 1, input: 'a.example' }), id: buildRecord({ number: 2 }).id };
    const entry = prepareRecord({ record: again, targetKey: target ?? null, completesTarget: true });
    expect(store.traces.put([entry])).toEqual({ stored: 0, alreadyStored: 1 });
    expect(store.targets.progress(RUN_ID).done).toBe(1);
    put({ number: 1, input: 'a.example', protocol: 'icmp6' }, target);
    expect(store.queries.count()).toBe(1);
    expect(store.queries.count({ protocol: 'icmp6' })).toBe(0);
  });

  it('are refused all together when one names a run that is not there', () => {
    const good = prepareRecord({ record: buildRecord({ number: 1 }), targetKey: null, completesTarget: false });
    const bad = prepareRecord({
      record: buildRecord({ number: 2, runId: 'none' }),
      targetKey: null,
      completesTarget: false,
    });
    expect(() => store.traces.put([good, bad])).toThrow(expect.objectContaining({ code: 'EOUTPUTNORUN' }) as Error);
    expect(store.queries.count()).toBe(0);
  });

  it('of a target without address are stored', () => {
    const record = buildRecord({ number: 1, outcome: 'not-measured' });
    const unresolved = { ...record, target: { ...record.target, address: null, name: null, asn: null, asName: null } };
    store.traces.put([prepareRecord({ record: unresolved, targetKey: null, completesTarget: false })]);
    expect([...store.queries.csvText()].join('')).toContain(',,www1.customer.example,udp,');
  });

  it('of an interrupted trace give way to those of a resumed run, and to no others', () => {
    const [first, second] = addTargets([{ host: 'a.example' }, { host: 'b.example' }]);
    const interrupted = (number: number, targetKey: number | undefined, protocol: 'udp' | 'icmp6'): void => {
      const record = buildRecord({ number, outcome: 'inconclusive', protocol });
      const entry = { record, targetKey: targetKey ?? null, completesTarget: false, provisional: true };
      store.traces.put([prepareRecord(entry)]);
    };
    interrupted(1, first, 'udp');
    interrupted(2, first, 'icmp6');
    interrupted(3, second, 'udp');
    expect([...store.targets.waiting(RUN_ID)].map((target) => target.stored)).toEqual([[], []]);
    put({ number: 4, outcome: 'delivered' }, first);
    const left = [...store.queries.summaries()].map((row) => row.id);
    expect(left).toEqual([2, 3, 4].map((number) => buildRecord({ number }).id));
    expect(sql('SELECT count(*) AS records FROM record')[0]).toEqual({ records: 3 });
  });

  it('that are too old go, runs that were theirs alone with them', async () => {
    for (let number = 1; number <= 5; number += 1) put({ number });
    put({ number: 6, runId: SECOND_RUN, startedAtMs: START_MS + DAY_MS });
    store.runs.setState(RUN_ID, 'finished', START_MS);
    const retention = { maxAgeMs: DAY_MS, maxOctets: null };
    expect(await applyRetention(store, retention, START_MS + 2 * DAY_MS)).toBe(5);
    expect(store.queries.count()).toBe(1);
    expect(sql('SELECT count(*) AS records FROM record')[0]).toEqual({ records: 1 });
    // Nor is there anything left of who was measured: lists change, and the store is there for years.
    expect(sql('SELECT count(*) AS series FROM series')[0]).toEqual({ series: 1 });
    expect(store.runs.get(RUN_ID)).toBeNull();
    expect(store.runs.get(SECOND_RUN)?.state).toBe('loading');
  });

  it('that are too many go, oldest first, and give their room back', async () => {
    for (let batch = 0; batch < 4; batch += 1)
      store.traces.put(
        Array.from({ length: 300 }, (_, index) => {
          const record = buildRecord({ number: batch * 300 + index + 1, distance: 5 });
          return prepareRecord({ record, targetKey: null, completesTarget: false });
        }),
      );
    const before = store.usedOctets();
    const deleted = await applyRetention(store, { maxAgeMs: null, maxOctets: before / 2 }, START_MS);
    expect(deleted).toBeGreaterThan(500);
    expect(deleted).toBeLessThan(1200);
    expect(store.usedOctets()).toBeLessThan(before / 2);
    expect([...store.queries.summaries()][0]?.id).toBe(buildRecord({ number: deleted + 1 }).id);
    expect(await applyRetention(store, { maxAgeMs: null, maxOctets: before }, START_MS)).toBe(0);
  });

  it('that are too many stay once the list of a run that has none any more makes room enough', async () => {
    const putMany = (first: number, count: number, runId: string): void => {
      const records = Array.from({ length: count }, (_, index) =>
        buildRecord({ number: first + index, distance: 2, runId }),
      );
      store.traces.put(records.map((record) => prepareRecord({ record, targetKey: null, completesTarget: false })));
    };
    const empty = store.usedOctets();
    putMany(1, 500, RUN_ID);
    const ofRecords = store.usedOctets() - empty;
    addTargets(Array.from({ length: 12_000 }, (_, number) => ({ host: `${'a'.repeat(60)}.h${number}.example` })));
    store.runs.setState(RUN_ID, 'finished', START_MS);
    const ofTargets = store.usedOctets() - empty - ofRecords;
    putMany(501, 600, SECOND_RUN);
    const maxOctets = store.usedOctets() - ofRecords - ofTargets / 2;
    expect(await applyRetention(store, { maxAgeMs: null, maxOctets }, START_MS)).toBe(500);
    expect(store.runs.get(RUN_ID)).toBeNull();
    expect(sql('SELECT count(*) AS targets FROM target')[0]).toEqual({ targets: 0 });
    expect(store.usedOctets()).toBeLessThan(maxOctets);
  });

  it('that go are forgotten in pieces, so that much at once does not stop everything else', async () => {
    addTargets(Array.from({ length: 8000 }, (_, number) => ({ host: `${'a'.repeat(500)}.h${number}.example` })));
    store.runs.setState(RUN_ID, 'finished', START_MS);
    put({ number: 1, runId: SECOND_RUN });
    const before = store.usedOctets();
    const compacted: boolean[] = [];
    const watched = {
      ...store,
      compact: () => {
        compacted.push(store.compact());
        return compacted.at(-1) === true;
      },
    };
    await applyRetention(watched, { maxAgeMs: DAY_MS, maxOctets: null }, START_MS + 2 * DAY_MS);
    expect(compacted.length).toBeGreaterThan(1);
    expect(compacted.indexOf(false)).toBe(compacted.length - 1);
    expect(sql('PRAGMA freelist_count')[0]).toEqual({ freelist_count: 0 });
    expect(statSync(path).size).toBeLessThan(before / 2);
    expect(statSync(`${path}-wal`).size).toBe(0);
  });
});

describe('queries', () => {
  beforeEach(() => {
    put({ number: 1, company: 'Acme', outcome: 'dropped' });
    put({ number: 2, company: 'Acme', outcome: 'delivered', protocol: 'icmp6' });
    put({ number: 3, company: 'Other', outcome: 'delivered', runId: SECOND_RUN });
    put({ number: 4, company: null, outcome: 'inconclusive', runId: SECOND_RUN });
  });

  const inputs = (filter: Parameters<typeof store.queries.summaries>[0]): string[] =>
    [...store.queries.summaries(filter)].map((row) => row.destinationInput.replace('.customer.example', ''));

  it('filter by run, company, outcome, protocol, AS, time and destination, all of them together', () => {
    expect(inputs({})).toEqual(['www1', 'www2', 'www3', 'www4']);
    expect(inputs({ runId: SECOND_RUN })).toEqual(['www3', 'www4']);
    expect(inputs({ company: 'Acme' })).toEqual(['www1', 'www2']);
    expect(inputs({ outcomes: ['dropped', 'inconclusive'] })).toEqual(['www1', 'www4']);
    expect(inputs({ protocol: 'icmp6' })).toEqual(['www2']);
    expect(inputs({ asn: 64503 })).toEqual(['www2']);
    expect(inputs({ fromMs: START_MS + 2000, toMs: START_MS + 4000 })).toEqual(['www2', 'www3']);
    expect(inputs({ destination: 'WWW3' })).toEqual(['www3']);
    expect(inputs({ company: 'Acme', outcomes: ['delivered'] })).toEqual(['www2']);
    expect(inputs({ company: "x' OR 1=1 --" })).toEqual([]);
  });

  it('find a record by the AS of hop n+1 as by the destination’s', () => {
    const row = [...store.queries.summaries({ outcomes: ['dropped'] })][0];
    expect(row?.nextHopAsn).not.toBeNull();
    expect(inputs({ asn: row?.nextHopAsn ?? 0, outcomes: ['dropped'] })).toEqual(['www1']);
    expect(inputs({ asn: row?.destinationAsn ?? 0 })).toEqual(['www1']);
  });

  it('find a record by any AS that may be meant, not by a number that is part of another', () => {
    store.traces.put([prepareRecord({ record: withNetworks({ number: 9 }), targetKey: null, completesTarget: false })]);
    expect(inputs({ asn: 64777 })).toEqual(['www9']);
    expect(inputs({ asn: 6477 })).toEqual([]);
    expect(inputs({ asn: 777 })).toEqual([]);
  });

  it('page from either end', () => {
    expect([...store.queries.summaries({}, { limit: 2, offset: 1 })].map((row) => row.id)).toEqual(
      [2, 3].map((number) => buildRecord({ number }).id),
    );
    expect([...store.queries.summaries({}, { newestFirst: true, limit: 1 })][0]?.destinationInput).toContain('www4');
    expect(() => [...store.queries.summaries({}, { limit: -1 })]).toThrow(RangeError);
  });

  it('go on after a record, from either end, and find a host exactly', () => {
    const ids = (page: Page): string[] => [...store.queries.summaries({}, page)].map((row) => row.id);
    const all = ids({});
    expect(all).toHaveLength(4);
    expect(ids({ after: all[1]!, limit: 1 })).toEqual([all[2]]);
    expect(ids({ after: all[2]!, newestFirst: true })).toEqual([all[1], all[0]]);
    expect(ids({ after: 'no such record' })).toEqual([]);
    expect(store.queries.has(all[0]!)).toBe(true);
    expect(store.queries.has('no such record')).toBe(false);
    const found = (host: string): string[] => [...store.queries.summaries({ host })].map((row) => row.id);
    expect(found('www1.Customer.example')).toEqual([all[0]]);
    expect(found('www1.customer')).toEqual([]);
    expect(found(buildRecord({ number: 2 }).target.address!)).toEqual([all[1]]);
  });

  it('count outcomes by protocol', () => {
    expect(store.queries.outcomeCounts()).toEqual([
      { protocol: 'icmp6', outcome: 'delivered', count: 1 },
      ...['delivered', 'dropped', 'inconclusive'].map((outcome) => ({ protocol: 'udp', outcome, count: 1 })),
    ]);
    expect(store.queries.count({ runId: RUN_ID })).toBe(2);
  });

  it('give the same row as the record they were made from', () => {
    const row = [...store.queries.summaries({ outcomes: ['dropped'] })][0];
    expect(row).toMatchObject({
      runId: RUN_ID,
      startedAtMs: START_MS + 1000,
      lastPdmHop: 8,
      nextHop: 9,
      intervalAfter: 8,
      confidence: 0.99976,
      cause: 'option',
      optionSeenUpTo: '8',
    });
  });
});

describe('what changed since the last run', () => {
  const later = (run: number, options: RecordOptions): void => {
    put({
      ...options,
      runId: run === 2 ? SECOND_RUN : THIRD_RUN,
      startedAtMs: START_MS + run * DAY_MS + (options.number ?? 0),
    });
  };
  const changes = (runId: string): unknown[] =>
    [...store.queries.changes({ runId })].map((row) => [
      row.now.destinationInput,
      row.change,
      row.previous.outcome,
      row.previous.lastPdmHop,
      row.now.outcome,
      row.now.lastPdmHop,
    ]);

  it('is each host and protocol whose outcome or last hop with PDM differs, compared with its own last record', () => {
    put({ number: 1, input: 'same.example' });
    put({ number: 2, input: 'outcome.example', outcome: 'delivered', distance: 10 });
    put({ number: 3, input: 'place.example', lastPdmHop: 8 });
    put({ number: 4, input: 'gone.example' });
    later(2, { number: 11, input: 'same.example' });
    later(2, { number: 12, input: 'outcome.example', outcome: 'dropped', lastPdmHop: 4 });
    later(2, { number: 13, input: 'place.example', lastPdmHop: 6 });
    later(2, { number: 14, input: 'new.example' });
    later(2, { number: 15, input: 'same.example', protocol: 'icmp6' });
    expect(changes(RUN_ID)).toEqual([]);
    expect(changes(SECOND_RUN)).toEqual([
      ['outcome.example', 'outcome', 'delivered', 9, 'dropped', 4],
      ['place.example', 'place', 'dropped', 8, 'dropped', 6],
    ]);
  });

  it('looks past runs that did not have the host', () => {
    put({ number: 1, input: 'a.example', outcome: 'delivered' });
    later(2, { number: 2, input: 'b.example' });
    later(3, { number: 3, input: 'A.example', outcome: 'dropped' });
    expect(changes(THIRD_RUN)).toHaveLength(1);
  });

  it('passes over records of interrupted traces', () => {
    put({ number: 1, input: 'a.example', outcome: 'dropped' });
    const record = buildRecord({ number: 2, input: 'a.example', outcome: 'inconclusive', runId: SECOND_RUN });
    store.traces.put([prepareRecord({ record, targetKey: null, completesTarget: false, provisional: true })]);
    later(3, { number: 3, input: 'a.example', outcome: 'dropped' });
    expect(changes(THIRD_RUN)).toEqual([]);
  });

  it('does not compare vantage points, ports, or records of the same run', () => {
    put({ number: 1, input: 'a.example', outcome: 'delivered', vantage: 'Toronto' });
    put({ number: 5, input: 'a.example', outcome: 'dropped', vantage: 'Toronto' });
    later(2, { number: 2, input: 'a.example', outcome: 'dropped', vantage: 'Mumbai' });
    later(2, { number: 3, input: 'a.example', outcome: 'rejected', vantage: 'Toronto', destinationPort: 53 });
    expect([...store.queries.changes()]).toEqual([]);
  });
});

describe('SQL users', () => {
  it('find the columns of the summary CSV in the view summary', () => {
    put({ number: 1 });
    const row = sql('SELECT * FROM summary')[0] ?? {};
    expect(Object.keys(row).slice(0, SUMMARY_CSV_COLUMNS.length)).toEqual(SUMMARY_CSV_COLUMNS);
    expect(row).toMatchObject({ last_pdm_hop: 8, outcome: 'dropped', started_at: '2026-11-24T08:00:01Z' });
  });

  it('find every responder of both arms in the view hop, and silent hops with a null address', () => {
    put({ number: 1, distance: 6, lastPdmHop: 3, silentHops: [2] });
    const rows = sql('SELECT hop, arm, sent, address, rtt_min_ms FROM hop ORDER BY hop, arm DESC');
    expect(rows).toHaveLength(12);
    expect(rows[0]).toEqual({ hop: 1, arm: 'plain', sent: 3, address: '2001:db8:1:1::1', rtt_min_ms: 3.1 });
    expect(rows[2]).toEqual({ hop: 2, arm: 'plain', sent: 3, address: null, rtt_min_ms: null });
    expect(rows.filter((row) => row['arm'] === 'pdm' && row['address'] !== null).map((row) => row['hop'])).toEqual([
      1, 3,
    ]);
  });
});

function addTargets(rows: readonly Partial<NewTarget>[], runId = RUN_ID): number[] {
  store.targets.add(
    runId,
    rows.map((row, index) => ({
      line: index + 1,
      host: row.host ?? `h${index}.example`,
      hostKey: row.host ?? `h${index}.example`,
      company: null,
      protocols: ['udp', 'icmp6'],
      dport: null,
      tags: [],
      spread: { wide: 1, narrow: 1 },
      ...row,
    })),
  );
  store.targets.spread(runId);
  return [...store.targets.waiting(runId)].map((target) => target.targetKey);
}

describe('targets of a run', () => {
  it('come back with all that was said of them, and with the records that they have already', () => {
    const [key] = addTargets([
      { line: 7, host: 'a.example', company: 'Acme', protocols: ['tcp', 'udp'], dport: 53, tags: ['dns', 'ns'] },
    ]);
    put({ input: 'a.example', protocol: 'udp' }, key);
    expect([...store.targets.waiting(RUN_ID)]).toEqual([
      {
        targetKey: key,
        line: 7,
        host: 'a.example',
        company: 'Acme',
        protocols: ['udp', 'tcp'],
        dport: 53,
        tags: ['dns', 'ns'],
        stored: [{ protocol: 'udp', address: buildRecord().target.address }],
      },
    ]);
  });

  it('wait, are in flight, and are done; a resumed run takes up those in flight again', () => {
    const [first, second, third] = addTargets([{}, {}, {}]);
    store.targets.markInFlight([first ?? 0, second ?? 0]);
    expect([...store.targets.waiting(RUN_ID)].map((target) => target.targetKey)).toEqual([third]);
    put({ number: 1 }, first, true);
    store.targets.markDone([third ?? 0]);
    expect(store.targets.progress(RUN_ID)).toEqual({ total: 3, waiting: 0, inFlight: 1, done: 2 });
    expect(store.targets.returnInFlight(RUN_ID)).toBe(1);
    expect([...store.targets.waiting(RUN_ID)].map((target) => target.targetKey)).toEqual([second]);
  });

  it('are given out once each in any size of blocks, also when some are done meanwhile', () => {
    const keys = addTargets(Array.from({ length: 10 }, () => ({})));
    for (const size of [1, 3, 10, 50])
      expect([...store.targets.waiting(RUN_ID, size)].map((target) => target.targetKey)).toEqual(keys);
    const given: number[] = [];
    for (const target of store.targets.waiting(RUN_ID, 3)) {
      given.push(target.targetKey);
      store.targets.markDone([target.targetKey]);
    }
    expect(given).toEqual(keys);
    expect([...store.targets.waiting(RUN_ID)]).toEqual([]);
  });

  it('that are there already are reported as duplicates with the line that has them', () => {
    const row = {
      host: 'a.example',
      hostKey: 'a.example',
      company: null,
      dport: null,
      tags: [],
      spread: { wide: 1, narrow: 1 },
    };
    const add = (line: number, over: Partial<NewTarget>): unknown =>
      store.targets.add(RUN_ID, [{ ...row, line, protocols: ['udp'], ...over }]);
    expect(add(2, {})).toEqual([]);
    expect(add(5, {})).toEqual([{ line: 5, host: 'a.example', firstLine: 2 }]);
    // The same line again is what a load that was killed and started again does.
    expect(add(2, {})).toEqual([]);
    expect(add(6, { dport: 53 })).toEqual([]);
    expect(add(7, { protocols: ['icmp6', 'udp'] })).toEqual([]);
    expect([...store.targets.waiting(RUN_ID)].map((target) => target.protocols)).toEqual([['udp', 'icmp6'], ['udp']]);
    expect(store.targets.progress(SECOND_RUN).total).toBe(0);
  });

  it('are spread so that neighbours go to different networks for as long as there are others', () => {
    // 60 targets in one /32 (two /48s of 30), 20 in each of two more: at best every second or third is of the largest.
    const rows = [...Array(100).keys()].map((index) => ({
      host: `h${index}.example`,
      spread:
        index < 60 ? { wide: 1000, narrow: index < 30 ? 1 : 2 } : { wide: index < 80 ? 77_000 : 5_000, narrow: 3 },
    }));
    addTargets(rows);
    const order = [...store.targets.waiting(RUN_ID)].map(
      (target) => rows[Number(/\d+/.exec(target.host)?.[0])]?.spread,
    );
    let longest = 1;
    let sameNarrow = 0;
    for (let index = 1, length = 1; index < order.length; index += 1) {
      const isSame = order[index]?.wide === order[index - 1]?.wide;
      length = isSame ? length + 1 : 1;
      longest = Math.max(longest, length);
      if (isSame && order[index]?.narrow === order[index - 1]?.narrow) sameNarrow += 1;
    }
    expect(longest).toBeLessThanOrEqual(3);
    expect(sameNarrow).toBeLessThanOrEqual(2);
    expect(new Set(order.slice(0, 30).map((spread) => spread?.wide)).size).toBe(3);
  });

  it('are listed as they stand, a page at a time, and only those of the run', () => {
    addTargets([{}], SECOND_RUN);
    addTargets([{}, { company: 'Example', tags: ['a'] }, {}]);
    addTargets([{}, {}, {}], SECOND_RUN);
    const keys = store.targets.list(RUN_ID, 10).map((target) => target.targetKey);
    put({ number: 7, outcome: 'delivered' }, keys[0], true);
    store.targets.markInFlight([keys[1]!]);
    expect(store.targets.list(RUN_ID, 10).map(({ line, state }) => [line, state])).toEqual([
      [1, 'done'],
      [2, 'in-flight'],
      [3, 'waiting'],
    ]);
    const { id, protocol, target } = buildRecord({ number: 7 });
    const [first] = store.targets.list(RUN_ID, 1);
    expect(first?.records).toEqual([{ id, protocol, address: target.address, outcome: 'delivered' }]);
    expect(store.targets.list(RUN_ID, 1, keys[0])).toMatchObject([{ line: 2, company: 'Example', tags: ['a'] }]);
    expect(store.targets.list(RUN_ID, 10, keys[2])).toEqual([]);
    expect(store.targets.list(THIRD_RUN, 10)).toEqual([]);
  });

  it('cannot be added to a run that is not there', () => {
    expect(() => store.targets.add('none', [])).toThrow(expect.objectContaining({ code: 'EOUTPUTNORUN' }) as Error);
  });
});

describe('runs', () => {
  it('come back with their options; the newest unfinished one of a name is what a resume takes', () => {
    expect(store.runs.get(RUN_ID)).toMatchObject({
      options: { rate: 100, protocol: ['udp', 'icmp6'] },
      state: 'loading',
    });
    store.runs.setState(THIRD_RUN, 'finished', START_MS + 5);
    expect(store.runs.latestUnfinished()?.id).toBe(SECOND_RUN);
    expect(store.runs.latestUnfinished('other')).toBeNull();
    expect(store.runs.list().map((run) => run.id)).toEqual([THIRD_RUN, SECOND_RUN, RUN_ID]);
    expect(store.runs.get(THIRD_RUN)).toMatchObject({ state: 'finished', endedAtMs: START_MS + 5 });
    expect(() => {
      store.runs.setState('none', 'ready');
    }).toThrow(expect.objectContaining({ code: 'EOUTPUTNORUN' }) as Error);
  });

  it('are listed newest first, a page at a time', () => {
    const ids = (limit: number, after?: string): string[] => store.runs.list(limit, after).map((run) => run.id);
    expect(ids(2)).toEqual([THIRD_RUN, SECOND_RUN]);
    expect(ids(2, SECOND_RUN)).toEqual([RUN_ID]);
    expect(ids(2, 'no such run')).toEqual([]);
  });

  it('have one claim at a time', () => {
    expect(store.isClaimed(RUN_ID)).toBe(false);
    const claim = store.claimRun(RUN_ID);
    expect([store.isClaimed(RUN_ID), store.isClaimed(SECOND_RUN)]).toEqual([true, false]);
    expect(() => store.claimRun(RUN_ID)).toThrow(expect.objectContaining({ code: 'EOUTPUTRUNBUSY' }) as Error);
    store.claimRun(SECOND_RUN).release();
    claim.release();
    claim.release();
    expect(store.isClaimed(RUN_ID)).toBe(false);
    store.claimRun(RUN_ID).release();
  });
});

describe('migrations', () => {
  const NEXT = 'ALTER TABLE run ADD COLUMN note TEXT; CREATE TABLE later (x INTEGER) STRICT;';

  it('open a file of the first version, and it has the same tables then as a new one', () => {
    const old = join(directory, 'old.db');
    const database = new Database(old);
    database.exec(readFileSync(join(import.meta.dirname, '../data/store-version-1.sql'), 'utf8'));
    database.close();
    const opened = openSqliteStore(old);
    const record = buildRecord({ number: 1, distance: 3, lastPdmHop: 1 });
    expect(opened.traces.record(record.id)).toEqual(record);
    expect(opened.targets.progress(RUN_ID)).toEqual({ total: 2, waiting: 1, inFlight: 0, done: 1 });
    opened.close();
    const schema = (file: string): unknown[] => {
      const reader = new Database(file, { readonly: true });
      const rows = reader.prepare('SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name').all();
      reader.close();
      return rows;
    };
    expect(schema(old)).toEqual(schema(path));
  });

  const FIRST_VERSION = readFileSync(join(import.meta.dirname, '../data/store-version-1.sql'), 'utf8');
  const CSV_IN_1 = 15;

  /** A file of the first version with records as that version stored them, one of them damaged. */
  function oldStore(): { readonly file: string; readonly rows: readonly SummaryRow[]; readonly csv: string } {
    const records = [withNetworks({ number: 5 }), withNetworks({ number: 6, outcome: 'delivered' })];
    records.push(buildRecord({ number: 7, outcome: 'inconclusive', company: 'Comma, "Quote"' }));
    store.traces.put(records.map((record) => prepareRecord({ record, targetKey: null, completesTarget: false })));
    const rows = [...store.queries.summaries()];
    const csv = [...store.queries.csvText()].join('');
    store.close();
    const file = join(directory, 'old.db');
    const database = new Database(file);
    database.exec(FIRST_VERSION);
    database.pragma('foreign_keys = OFF');
    const columns = database.prepare("SELECT name FROM pragma_table_info('trace')").pluck().all().join(', ');
    database.exec(`ATTACH '${path}' AS new;
      DELETE FROM record; DELETE FROM trace; DELETE FROM target; DELETE FROM series; DELETE FROM run;
      INSERT INTO run SELECT * FROM new.run; INSERT INTO series SELECT * FROM new.series;
      INSERT INTO trace (${columns}) SELECT ${columns} FROM new.trace; INSERT INTO record SELECT * FROM new.record;
      DETACH new;`);
    const lines = database.prepare('SELECT trace_key, csv_line FROM trace').all() as {
      trace_key: number;
      csv_line: string;
    }[];
    const cut = database.prepare('UPDATE trace SET csv_line = ? WHERE trace_key = ?');
    for (const { trace_key, csv_line } of lines) {
      const [cells = []]: string[][] = parse(csv_line);
      cut.run(csvLine(cells.slice(0, CSV_IN_1)), trace_key);
    }
    database.prepare('UPDATE record SET json = \'{"attribution":{\' WHERE trace_key = 3').run();
    database.close();
    return { file, rows, csv };
  }

  it('give old records what newer columns say of them', () => {
    const { file, rows, csv } = oldStore();
    const opened = openSqliteStore(file);
    expect([...opened.queries.summaries()]).toEqual(rows);
    expect([...opened.queries.csvText()].join('')).toBe(csv);
    opened.close();
  });

  it('are not needed to read an old file: it says the same to a reader, and stays as it was', () => {
    const { file, rows, csv } = oldStore();
    const before = readFileSync(file);
    const reader = openSqliteStore(file, { readOnly: true });
    expect([...reader.queries.summaries()]).toEqual(rows);
    expect([...reader.queries.csvText()].join('')).toBe(csv);
    const ids = (filter: TraceFilter): string[] => [...reader.queries.summaries(filter)].map(({ id }) => id);
    expect(ids({ asn: 64777 })).toEqual([rows[0]!.id]);
    expect(ids({ fromMs: rows[1]!.startedAtMs, toMs: rows[2]!.startedAtMs })).toEqual([rows[1]!.id]);
    expect(ids({ host: rows[1]!.destinationInput })).toEqual([rows[1]!.id]);
    expect(reader.traces.record(rows[0]!.id)).toEqual(withNetworks({ number: 5 }));
    expect([...reader.queries.records({ asn: 64777 })]).toEqual([withNetworks({ number: 5 })]);
    expect(reader.queries.runIds()).toEqual([RUN_ID]);
    reader.close();
    expect(readFileSync(file)).toEqual(before);
  });

  it('bring an old file forward and keep what is in it', () => {
    put({ number: 1 });
    store.close();
    store = openSqliteStore(path, { migrations: [...MIGRATIONS, NEXT] });
    expect(sql('PRAGMA user_version')[0]).toEqual({ user_version: MIGRATIONS.length + 1 });
    expect(sql('SELECT note FROM run')).toHaveLength(3);
    expect(store.traces.record(buildRecord({ number: 1 }).id)).toEqual(buildRecord({ number: 1 }));
  });

  it('leave the file as it was when a step fails', () => {
    put({ number: 1 });
    expect(() => openSqliteStore(path, { migrations: [...MIGRATIONS, `${NEXT} SELECT x FROM nowhere;`] })).toThrow(
      /nowhere/,
    );
    expect(sql('PRAGMA user_version')[0]).toEqual({ user_version: MIGRATIONS.length });
    expect(sql("SELECT count(*) AS tables FROM sqlite_schema WHERE name = 'later'")[0]).toEqual({ tables: 0 });
  });

  it('never go back: a newer file is refused and untouched', () => {
    openSqliteStore(path, { migrations: [...MIGRATIONS, NEXT] }).close();
    expect(() => openSqliteStore(path)).toThrow(expect.objectContaining({ code: 'EOUTPUTTOONEW' }) as Error);
    expect(sql('PRAGMA user_version')[0]).toEqual({ user_version: MIGRATIONS.length + 1 });
  });

  it('are not done by readers', () => {
    const open = (): SqliteStore => openSqliteStore(path, { migrations: [...MIGRATIONS, NEXT], readOnly: true });
    expect(open).toThrow(/open it for writing once/);
  });

  it('set what durability needs', () => {
    put({ number: 1 });
    const database = new Database(path);
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(database.pragma('auto_vacuum', { simple: true })).toBe(2);
    expect(database.pragma('application_id', { simple: true })).toBe(0x70646d74);
    database.close();
  });
});

describe('the claim of a run', () => {
  it('holds for the store, whatever path leads to it', () => {
    const link = join(directory, 'link.db');
    symlinkSync(path, link);
    const other = openSqliteStore(link);
    const claim = store.claimRun('daemon');
    expect(() => other.claimRun('daemon')).toThrow(expect.objectContaining({ code: 'EOUTPUTRUNBUSY' }));
    claim.release();
    other.claimRun('daemon').release();
    other.close();
  });
});

describe('the driver', () => {
  it('is the one that its Node runs: neither without Node-API 10 nor with headers that abort', () => {
    expect(['20.19.0', '20.20.2'].map(driverFor)).toEqual(['better-sqlite3', 'better-sqlite3']);
    expect(['22.12.0', '24.19.0', '26.0.0'].map((version) => driverFor(version))).toEqual(
      Array.from({ length: 3 }, () => 'better-sqlite3-napi'),
    );
  });
});
