import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  openStoreReader,
  type startStoreReader,
  type StoreReader,
} from '../../../src/daemon/http/http-store-reader.js';
import { compileSources, type CompiledSources } from '../../results/compiled-sources.js';
import { HttpFixture, RUN_ID, SECOND_RUN } from './http-fixture.js';

// For busy machines: nothing here takes more than two seconds on an idle one.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let sources: CompiledSources;
let http: HttpFixture;
let start: typeof startStoreReader;

beforeAll(async () => {
  http = new HttpFixture();
  http.fill();
  // A thread cannot be started from TypeScript on Node 20.
  sources = compileSources([
    'src/daemon/http',
    'src/report/page',
    'src/report/words',
    'src/report/faults',
    'src/text',
    'src/annotate',
    'src/wire',
  ]);
  const url = pathToFileURL(join(sources.directory, 'src/daemon/http/http-store-reader.js')).href;
  ({ startStoreReader: start } = (await import(url)) as { startStoreReader: typeof startStoreReader });
});
afterAll(async () => {
  await http.remove();
  sources.remove();
});

async function everything(reader: StoreReader): Promise<unknown> {
  return Promise.all([
    reader.read('runs', 10, null),
    reader.read('run', RUN_ID),
    reader.read('outcomesOf', [RUN_ID, SECOND_RUN]),
    reader.read('targets', SECOND_RUN, 2, null),
    reader.read('traces', { runId: RUN_ID, outcomes: ['dropped'] }, 10, null),
    reader.read('traceText', 'none'),
    reader.read('reportPage', RUN_ID, null, '2026-11-24T09:00:00Z'),
    reader.read('usedOctets'),
  ]);
}

describe('reading the store in a thread', () => {
  it('gives what reading it here gives, and sees what is stored meanwhile', async () => {
    const thread = start(http.path);
    const here = openStoreReader(http.path);
    expect(await everything(thread)).toEqual(await everything(here));
    http.store.runs.setState(SECOND_RUN, 'finished', 5);
    expect(await thread.read('run', SECOND_RUN)).toMatchObject({ state: 'finished', endedAtMs: 5 });
    await thread.close();
    await here.close();
  });

  it('says why a store cannot be read, and reads it once it is there', async () => {
    const thread = start(join(http.directory, 'none.db'));
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(thread.read('runs', 1, null)).rejects.toMatchObject({ name: 'OutputError', code: 'EOUTPUTMISSING' });
    await thread.close();
  });

  it('outlives a question that is a defect', async () => {
    const thread = start(http.path);
    await expect(thread.read('traces', {}, -5, null)).rejects.toThrow();
    expect(await thread.read('usedOctets')).toBeGreaterThan(0);
    await thread.close();
  });

  it('turns questions away when too many wait, and all of them once it is closed', async () => {
    const thread = start(http.path);
    const all = await Promise.allSettled(Array.from({ length: 250 }, () => thread.read('usedOctets')));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(200);
    expect(all.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'ESTOREBUSY' } });
    // Answered or refused, but not left waiting.
    const last = Promise.allSettled([thread.read('usedOctets')]);
    await thread.close();
    expect(await last).toHaveLength(1);
    await expect(thread.read('usedOctets')).rejects.toMatchObject({ code: 'ESTOREBUSY' });
  });
});
