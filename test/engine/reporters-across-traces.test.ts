/**
 * A silent target behind a drop: only routers beyond it that are known to report packets with the option can show the drop
 * (METHOD §6.5). Other targets of the run make them known, and the store keeps them for later runs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import type { TraceEngine } from '../../src/engine/trace-engine.js';
import { openSqliteStore, type SqliteStore } from '../../src/results/sqlite-store.js';
import type { Protocol, TraceRecord } from '../../src/trace/record.js';
import { octetsOf, TARGET } from '../trace/trace-fixture.js';
import { FakeTransport, ManualTime, requestFor } from './engine-fixture.js';

const SILENT_TARGET = octetsOf('2001:db8:2::2');
const ROUTERS = 5;
const DROP_AFTER = 2;
const SEEN_AT_MS = 1_700_000_000_000;

let directory: string;
let store: SqliteStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-trace-reporters-'));
  store = openSqliteStore(join(directory, 'store.db'));
});

afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

/** All targets are behind the same routers; packets to the silent one that have the option are dropped after hop 2. */
class Run {
  readonly #time = new ManualTime();
  readonly #engine: TraceEngine;

  constructor(knownReporters: Iterable<string>) {
    const transport = new FakeTransport();
    transport.answers = true;
    transport.routers = ROUTERS;
    transport.time = this.#time;
    transport.swallows = (packet) => {
      if (Buffer.compare(packet.subarray(24, 40), SILENT_TARGET) !== 0) return false;
      const hasOption = packet[6] === 60;
      return packet[7]! > ROUTERS || (hasOption && packet[7]! > DROP_AFTER);
    };
    this.#engine = createTraceEngine({
      transport,
      time: this.#time,
      randomBytes: transport.randomBytes,
      rate: 1000,
      knownReporters,
      onReporter: (address) => {
        store.reporters.add([address], SEEN_AT_MS);
      },
    });
  }

  async trace(protocol: Protocol, target: Uint8Array): Promise<TraceRecord> {
    const { record } = this.#engine.start({ ...requestFor(protocol, target), shareNearHops: true });
    await this.#time.runUntil(record);
    return record;
  }
}

describe('a drop before a silent target', () => {
  it('is not claimed when nobody is known to report packets with the option', async () => {
    const { verdict } = await new Run([]).trace('icmp6', SILENT_TARGET);
    expect(verdict.outcome).toBe('inconclusive');
  });

  it('is claimed when another trace of the run found that the hops beyond report them', async () => {
    const run = new Run([]);
    await run.trace('udp', TARGET);
    await run.trace('icmp6', TARGET);
    const { verdict } = await run.trace('icmp6', SILENT_TARGET);
    expect(verdict).toMatchObject({
      outcome: 'dropped',
      evidence: { basis: 'routers' },
      interval: { after: 2, upTo: 3 },
    });
  });

  it('is claimed when an earlier run found that, and the store kept it', async () => {
    const earlier = new Run([]);
    await earlier.trace('udp', TARGET);
    await earlier.trace('icmp6', TARGET);
    store.close();
    store = openSqliteStore(join(directory, 'store.db'));
    const known = [...store.reporters.known(SEEN_AT_MS)];
    expect(known.sort()).toEqual([1, 2, 3, 4, 5].map((hop) => `2001:db8:1:${hop}::1`));
    const { verdict } = await new Run(known).trace('icmp6', SILENT_TARGET);
    expect(verdict).toMatchObject({
      outcome: 'dropped',
      evidence: { basis: 'routers' },
      interval: { after: 2, upTo: 3 },
    });
  });
});
