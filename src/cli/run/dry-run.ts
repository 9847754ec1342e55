import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import type { Settings } from '../../config/settings.js';
import { loadList } from '../../runs/load-list.js';
import type { StoredRun } from '../../results/store/run-table.js';
import { openSqliteStore, type SqliteStore } from '../../results/store/sqlite-store.js';
import { usageError } from '../cli-error.js';
import { EXIT } from '../exit-codes.js';
import { createResultOutput } from '../result-output.js';
import { fragmentsOf } from '../../trace/probe/probe-size.js';
import { estimateLines, type ListSize } from './run-estimate.js';
import { counted, figures } from '../../text/counted.js';
import type { Terminal } from '../terminal/terminal.js';
import { sanitizeForTerminal } from '../../text/terminal-text.js';
import { createUuidV7 } from '../../runs/uuid-v7.js';

/** What a list would take. In a database of its own that nobody else sees: duplicates are found as in earnest. */
export async function dryRun(settings: Settings, terminal: Terminal): Promise<number> {
  const { targets, protocol, dport, company } = settings;
  if (targets === null) throw usageError('no list given; name one with --targets FILE');
  const store = openSqliteStore('');
  try {
    const id = createUuidV7(Date.now, (length) => randomBytes(length))();
    store.runs.create({ id, name: null, vantage: null, toolVersion: '', options: {}, startedAtMs: Date.now() });
    const defaults = { protocols: protocol, dport, company, seed: 0 };
    const loaded = await loadList(store, id, targets, defaults, {
      onProblem: (text) => {
        terminal.stderr.write(`pdm-trace: ${sanitizeForTerminal(`${basename(targets)}: ${text}`)}\n`);
      },
    });
    const skipped = `${counted(loaded.badRows, 'row')} skipped, ${figures(loaded.duplicates)} repeated`;
    return await print([skipped, ...estimateLines(sizeOf(store, id, loaded.targets, settings))], terminal);
  } finally {
    store.close();
  }
}

/** What is left of a run. */
export async function dryRunOfRest(
  store: SqliteStore,
  run: StoredRun,
  settings: Settings,
  terminal: Terminal,
): Promise<number> {
  const { done, total, waiting, inFlight } = store.targets.progress(run.id);
  const size = sizeOf(store, run.id, waiting + inFlight, settings);
  const head = `run ${run.id} of ${new Date(run.startedAtMs).toISOString()}: ${figures(done)} of ${figures(total)} targets are done; what is left:`;
  const loading = run.state === 'loading' ? ['its list was not read to the end; --resume reads it again'] : [];
  return print([head, ...loading, ...estimateLines(size)], terminal);
}

function sizeOf(
  store: SqliteStore,
  runId: string,
  targets: number,
  { rate, hopInterval, size, fragment }: Settings,
): ListSize {
  let records = 0;
  let tcpRecords = 0;
  for (const { protocols, stored } of store.targets.waiting(runId)) {
    const left = protocols.filter((protocol) => !stored.some((one) => one.protocol === protocol));
    records += left.length;
    if (left.includes('tcp')) tcpRecords += 1;
  }
  const packetsPerProbe = fragment ? fragmentsOf(size) : 1;
  return { targets, records, tcpRecords, rate, hopIntervalMs: hopInterval, packetsPerProbe };
}

async function print(lines: readonly string[], terminal: Terminal): Promise<number> {
  const output = createResultOutput(terminal.stdout);
  output.write(`${lines.join('\n')}\n`);
  await output.flushed();
  return EXIT.ok;
}
