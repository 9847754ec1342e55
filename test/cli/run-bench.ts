/** `pdm-trace run` in this process: a directory, a list, a store, and measuring as the test gives it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAddress } from '../../src/address/address.js';
import type { TargetResolution } from '../../src/annotate/names/names.js';
import { runCommandLine } from '../../src/cli/command-line.js';
import type { OpenMeasuring } from '../../src/measure/measuring.js';
import type { StoreCommitter } from '../../src/runs/store-ports.js';
import { openSqliteStore, type SqliteStore } from '../../src/results/store/sqlite-store.js';
import type { SummaryRow } from '../../src/record/summary-row.js';
import { missing } from './fake-measuring.js';
import { fakeTerminal, type FakeTerminal } from './fake-terminal.js';

export class RunBench {
  readonly directory = mkdtempSync(join(tmpdir(), 'pdm-run-command-'));
  readonly list = join(this.directory, 'list.csv');
  readonly store = join(this.directory, 'store.db');
  /** Stands between the run and its store. */
  openCommitter: (path: string) => StoreCommitter = directCommitter;

  writeList(...lines: readonly string[]): void {
    writeFileSync(this.list, `${lines.join('\n')}\n`);
  }

  begin(open: OpenMeasuring, flags: readonly string[] = [], terminal = fakeTerminal()): Promise<number> {
    return this.command(['run', '--targets', this.list, '--store', this.store, ...flags], open, terminal);
  }

  resume(open: OpenMeasuring, flags: readonly string[] = [], terminal = fakeTerminal()): Promise<number> {
    return this.command(['run', '--resume', '--store', this.store, ...flags], open, terminal);
  }

  command(argv: readonly string[], open: OpenMeasuring, terminal: FakeTerminal): Promise<number> {
    return runCommandLine(argv, terminal, {
      openMeasuring: () => Promise.resolve(open),
      storePorts: () =>
        Promise.resolve({
          becomeFileOwner: () => undefined,
          openCommitter: (path: string) => this.openCommitter(path),
        }),
      doctorPorts: () => Promise.reject(new Error('not wanted here')),
      daemonProcess: () => Promise.reject(new Error('not wanted here')),
      toolVersion: '0.1.0',
    });
  }

  read<T>(look: (store: SqliteStore) => T): T {
    const store = openSqliteStore(this.store, { readOnly: true });
    try {
      return look(store);
    } finally {
      store.close();
    }
  }

  rows(): SummaryRow[] {
    return this.read((store) => [...store.queries.summaries()]);
  }

  /** `<host> <protocol> <outcome>`, sorted. */
  outcomes(): string[] {
    return this.rows()
      .map((row) => `${row.destinationInput} ${row.protocol} ${row.outcome}`)
      .sort();
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

export function directCommitter(path: string): StoreCommitter {
  const store = openSqliteStore(path);
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- what is thrown is a rejection
    commit: async (batch) => store.traces.put(batch),
    close: () => {
      store.close();
      return Promise.resolve();
    },
  };
}

/** Addresses are themselves; names are as given, or do not exist. */
export function literalOr(names: Readonly<Record<string, Partial<TargetResolution>>> = {}) {
  return (host: string): Promise<TargetResolution> => {
    const octets = parseAddress(host)?.octets;
    if (octets === undefined) return Promise.resolve({ ...missing(host), ...names[host] });
    return Promise.resolve({ ...missing(host), addresses: [octets], error: null });
  };
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}
