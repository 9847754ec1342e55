/** What a measuring child does with the daemon's requests, around a measuring that does as the test says. */
import { describe, expect, it } from 'vitest';
import { parsePrefixList } from '../../../src/address/prefix.js';
import { loadSettings } from '../../../src/config/load-settings.js';
import type { Settings } from '../../../src/config/settings.js';
import {
  RECORD_WINDOW,
  type MeasureMessage,
  type MeasureRequest,
} from '../../../src/measure/child/measure-messages.js';
import { MeasureServer } from '../../../src/measure/child/measure-server.js';
import { SILENT_LOG } from '../../../src/measure/event-log.js';
import { measureOptions } from '../../../src/measure/measure-options.js';
import { fakeMeasuring, octets, type FakeOptions } from '../../cli/fake-measuring.js';
import { deliveredRecord } from '../../cli/record-builder.js';
import { literalOr, until } from '../../cli/run-bench.js';

const { settings: SETTINGS } = loadSettings({ command: 'run', env: {}, flags: {} });

async function openServer(options: FakeOptions = {}, settings: Partial<Settings> = {}) {
  const fake = fakeMeasuring({ resolve: literalOr(), ...options });
  const said: MeasureMessage[] = [];
  const broken: Error[] = [];
  const files: string[] = [];
  let debugLogs = 0;
  const server = await MeasureServer.open(
    { kind: 'open', settings: { ...SETTINGS, ...settings } },
    {
      openMeasuring: fake.open,
      say: (message) => said.push(message),
      onFatal: (error) => broken.push(error),
      readDoNotProbe: (path) => {
        files.push(path);
        return Promise.resolve(parsePrefixList('2001:db8:1::/48').set);
      },
      createDebugLog: () => {
        debugLogs += 1;
        return Promise.resolve(SILENT_LOG);
      },
      toolVersion: '0',
    },
  );
  const count = (kind: MeasureMessage['kind']): number => said.filter((message) => message.kind === kind).length;
  return { fake, server, said, broken, files, count, debugLogs: () => debugLogs };
}

/** Orders of one protocol each, numbered from 1, each to an address of its own. */
function orders(many: number): MeasureRequest {
  const rest = { company: null, dport: null, stored: [], publicOnly: false, options: measureOptions(SETTINGS, 1) };
  return {
    kind: 'orders',
    orders: Array.from({ length: many }, (_, index) => ({
      number: index + 1,
      order: { runId: 'run', host: `2001:db8::${(index + 1).toString(16)}`, protocols: ['udp'], ...rest },
    })),
  };
}

describe('a measuring child', () => {
  it('hands over no more records than the window allows, and the others as room is made for them', async () => {
    const { server, said, count, fake } = await openServer({ answer: () => deliveredRecord() });
    const many = RECORD_WINDOW + 10;
    server.obey(orders(many));
    await until(() => fake.traces.length === many && count('record') >= RECORD_WINDOW);
    // As long as it takes for what is not held back to be said.
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(count('record')).toBe(RECORD_WINDOW);
    server.obey({ kind: 'taken', records: 3 });
    expect(count('record')).toBe(RECORD_WINDOW + 3);
    server.obey({ kind: 'taken', records: 100 });
    await until(() => count('end') === many);
    expect(count('record')).toBe(many);
    // An end is never said before the record of its order.
    for (let number = 1; number <= many; number += 1) {
      const kinds = said.flatMap((each) => ('number' in each && each.number === number ? [each.kind] : []));
      expect(kinds).toEqual(['started', 'record', 'end']);
    }
  });

  it('says a defect with the end of its order, and goes on with others', async () => {
    const { server, said, fake, count } = await openServer();
    server.obey(orders(2));
    await until(() => fake.traces.length === 2);
    fake.traces[0]!.fail(new Error('no such row'));
    await until(() => count('end') === 1);
    expect(said.at(-1)).toEqual({
      kind: 'end',
      number: 1,
      end: 'interrupted',
      defect: expect.stringContaining('no such row') as string,
    });
    fake.traces[1]!.end(deliveredRecord());
    await until(() => count('end') === 2);
    expect(said.at(-1)).toEqual({ kind: 'end', number: 2, end: 'done', defect: null });
  });

  it('refuses what the do-not-probe file lists, then what the text lists that takes its place, then nothing', async () => {
    const { server, fake, files } = await openServer({}, { doNotProbe: '/etc/do-not-probe' });
    const [{ settings, hooks } = expect.fail('never opened')] = fake.opened;
    const refused = (): boolean[] =>
      ['2001:db8:1::80', '2001:db8:2::80'].map((address) => typeof hooks.refuseToo?.(octets(address)) === 'string');
    expect(files).toEqual(['/etc/do-not-probe']);
    expect(settings.doNotProbe).toBeNull();
    expect(refused()).toEqual([true, false]);
    server.obey({ kind: 'do-not-probe', text: '2001:db8:2::/48 # asked on Monday' });
    expect(refused()).toEqual([false, true]);
    server.obey({ kind: 'do-not-probe', text: null });
    expect(refused()).toEqual([false, false]);
  });

  it('reads no file and opens no log that the settings do not ask for', async () => {
    const { files, debugLogs } = await openServer();
    expect([files, debugLogs()]).toEqual([[], 0]);
    expect((await openServer({}, { debug: true })).debugLogs()).toBe(1);
  });

  it('cannot be opened twice', async () => {
    const { server } = await openServer();
    expect(() => {
      server.obey({ kind: 'open', settings: SETTINGS });
    }).toThrow(new TypeError('opened twice'));
  });

  it('ends what is in flight as interrupted when it is told to', async () => {
    const { server, said, count, fake } = await openServer();
    server.obey(orders(1));
    await until(() => fake.traces.length === 1);
    server.obey({ kind: 'interrupt' });
    await until(() => count('end') === 1);
    expect(said.at(-1)).toEqual({ kind: 'end', number: 1, end: 'interrupted', defect: null });
  });

  it('says warnings, cut to what a message holds, and counts; and leaves a broken transport to its process', async () => {
    const { server, said, broken, fake } = await openServer();
    fake.opened[0]!.hooks.onWarning('w'.repeat(5000));
    server.sayStats();
    expect(said).toEqual([
      { kind: 'warning', message: 'w'.repeat(2000) },
      { kind: 'stats', stats: expect.objectContaining({ probesSent: 42, kernelDrops: null }) as object },
    ]);
    const error = new Error('the socket is gone');
    fake.breakTransport(error);
    expect(broken).toEqual([error]);
    expect(server.transportChoice).toBe('simulated (as the test wants it)');
  });
});
