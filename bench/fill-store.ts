/**
 * `fill-store.ts FILE RECORDS`: a store as ten runs of one list leave it. Paths are short, so that it fits on most disks: no table
 * reads whole records. Between runs 4 % of the targets change. Prints how long it took and how large a record is, as JSON.
 */
import process from 'node:process';
import { openSqliteStore } from '../src/results/store/sqlite-store.js';
import { prepareRecord, type OutgoingRecord } from '../src/results/store/trace-table.js';
import { buildRecord, RUN_ID, START_MS, uuid } from '../test/results/record-builder.js';

const RUNS = 10;
const BATCH = 5000;
const DAY_MS = 86_400_000;
const [path = '', count = '0'] = process.argv.slice(2);
const perRun = Math.ceil(Number(count) / RUNS);

const startedAtMs = performance.now();
const store = openSqliteStore(path);
let octets = 0;
for (let run = 0; run < RUNS; run += 1) {
  const runId = `${RUN_ID.slice(0, -2)}${String(run + 10)}`;
  const ranAtMs = START_MS + run * DAY_MS;
  const options = { protocol: ['udp', 'icmp6'] };
  store.runs.create({ id: runId, name: 'list.csv', vantage: null, toolVersion: '0', options, startedAtMs: ranAtMs });
  let batch: OutgoingRecord[] = [];
  const flush = (): void => {
    store.traces.put(batch);
    batch = [];
  };
  for (let target = 0; target < perRun; target += 1) {
    const changed = (target * 7 + run * 13) % 50 === 0;
    const record = buildRecord({
      number: target >> 1,
      runId,
      protocol: target % 2 === 0 ? 'udp' : 'icmp6',
      outcome: changed ? 'dropped' : target % 11 === 0 ? 'rejected' : 'delivered',
      distance: 3,
      lastPdmHop: 1,
      silentHops: [],
      startedAtMs: ranAtMs + target,
    });
    const entry = prepareRecord({
      record: { ...record, id: uuid(run * perRun + target) },
      targetKey: null,
      completesTarget: false,
    });
    octets += entry.json.length;
    batch.push(entry);
    if (batch.length === BATCH) flush();
  }
  flush();
  store.runs.setState(runId, 'finished', ranAtMs + perRun);
}
store.close();
const records = perRun * RUNS;
const seconds = (performance.now() - startedAtMs) / 1000;
process.stdout.write(JSON.stringify({ records, seconds, octetsPerRecord: octets / records }));
