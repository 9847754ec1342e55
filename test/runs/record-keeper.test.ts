import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SILENT_LOG } from '../../src/measure/event-log.js';
import { RecordKeeper } from '../../src/runs/record-keeper.js';
import { OUTPUT_ERRORS, OutputError } from '../../src/results/output-error.js';
import { buildRecord, RUN_ID } from '../results/record-builder.js';

let directory: string;
let path: string;
let said: string[];
let broken: Error[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-keeper-'));
  path = join(directory, 'store.db');
  said = [];
  broken = [];
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const full = (): OutputError => new OutputError(OUTPUT_ERRORS.full, path, 'no space left', 'make room');

function keeper(commit: () => Promise<unknown>): RecordKeeper {
  return new RecordKeeper({
    path,
    openCommitter: () => ({ commit, close: () => Promise.resolve() }),
    log: SILENT_LOG,
    say: (message) => said.push(message),
    onBroken: (error) => broken.push(error),
  });
}

function put(kept: RecordKeeper, number: number): void {
  kept.writer.put({ record: buildRecord({ number }), targetKey: null, completesTarget: false }).catch(() => undefined);
}

describe('a keeper of records', () => {
  it('waits for a full disk to get room', async () => {
    let attempts = 0;
    const kept = keeper(() => ((attempts += 1) < 3 ? Promise.reject(full()) : Promise.resolve()));
    put(kept, 1);
    await kept.close(60_000);
    expect(said).toEqual([
      expect.stringContaining('no space left') as unknown,
      'the store can be written again; all that was held is stored',
    ]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('gives up when its patience ends, and leaves the records beside the store for their owner alone', async () => {
    const kept = keeper(() => Promise.reject(full()));
    put(kept, 1);
    put(kept, 2);
    await expect(kept.close(0)).rejects.toThrow('no space left');
    const place = `${path}.unstored-${RUN_ID}.jsonl`;
    const ids = readFileSync(place, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { id: string }).id);
    expect(ids).toEqual([buildRecord({ number: 1 }).id, buildRecord({ number: 2 }).id]);
    expect(statSync(place).mode & 0o022).toBe(0);
    expect(said.at(-1)).toBe(`2 records not stored, but kept in ${place}: the next run into that store takes them in`);
  });

  it('does not wait for a store that is damaged, and says so at once', async () => {
    const kept = keeper(() => Promise.reject(new OutputError(OUTPUT_ERRORS.corrupt, path, 'damaged', 'move it away')));
    put(kept, 1);
    await expect(kept.close(60_000)).rejects.toThrow('damaged');
    expect(broken.map(({ message }) => message)).toEqual([expect.stringContaining('damaged') as unknown]);
  });
});
