/** Targets of a list, measured over one engine in this process. */
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../src/address/address.js';
import { ListMeasurer } from '../../src/measure/list-measurer.js';
import { SILENT_LOG } from '../../src/measure/event-log.js';
import { loadSettings } from '../../src/config/load-settings.js';
import type { MeasuredRecord, MeasureOrder } from '../../src/measure/target-measurer.js';
import type { TraceRecord } from '../../src/record/record.js';
import { fakeMeasuring, resolved, type FakeOptions } from '../cli/fake-measuring.js';
import { deliveredRecord } from '../cli/record-builder.js';
import { literalOr, until } from '../cli/run-bench.js';

const { settings } = loadSettings({ command: 'run', env: {}, flags: {} });
const { confidence, maxHops, timeout, hopInterval, gapLimit, explain, size, fragment } = settings;
const ORDER: MeasureOrder = {
  runId: 'run',
  host: '2001:db8::80',
  company: null,
  protocols: ['udp', 'icmp6'],
  dport: null,
  stored: [],
  publicOnly: false,
  options: {
    ...{ confidence, maxHops, timeout, hopInterval, gapLimit, explain, size, fragment },
    ...{
      seed: 1,
      flowLabel: null,
      probeUri: null,
      source: null,
      interface: null,
      addresses: 'first',
      vantage: 'v',
      reference: null,
    },
  },
};

describe('a target that is interrupted', () => {
  it('is not done with the record of another protocol that had ended before and is named later', async () => {
    const named: (() => void)[] = [];
    const fake = fakeMeasuring({
      resolve: literalOr(),
      annotate: (record) =>
        record.protocol === 'udp'
          ? Promise.resolve(record)
          : new Promise<TraceRecord>((resolve) => {
              named.push(() => {
                resolve(record);
              });
            }),
    });
    const hooks = { onProgress: () => undefined, onWarning: () => undefined, log: SILENT_LOG };
    const measuring = await fake.open(settings, hooks);
    const measurer = new ListMeasurer({ measuring, settings, toolVersion: '0', log: SILENT_LOG, slots: 8 });
    const measured: MeasuredRecord[] = [];
    const end = measurer.measure(ORDER, (record) => measured.push(record));
    await until(() => fake.traces.length === 2);
    fake.traces.find(({ request }) => request.protocol === 'icmp6')!.end(deliveredRecord());
    await until(() => named.length === 1);
    await measurer.interrupt();
    await until(() => measured.length === 1);
    named[0]!();
    expect(await end).toBe('interrupted');
    expect(measured.map(({ record, interrupted, last }) => [record.protocol, interrupted, last])).toEqual([
      ['udp', true, false],
      ['icmp6', false, false],
    ]);
  });
});

describe('names of a run that have the same address', () => {
  const SAME = { addresses: [parseAddress('2001:db8::80')!.octets], error: null };
  const setUp = async (answer?: FakeOptions['answer']) => {
    const names = ['a.example', 'b.example', 'c.example'];
    const fake = fakeMeasuring({
      resolve: literalOr(Object.fromEntries(names.map((name) => [name, { ...SAME, aliases: [`cdn.${name}`] }]))),
      ...(answer === undefined ? {} : { answer }),
    });
    const hooks = { onProgress: () => undefined, onWarning: () => undefined, log: SILENT_LOG };
    const measuring = await fake.open(settings, hooks);
    const measurer = new ListMeasurer({ measuring, settings, toolVersion: '0', log: SILENT_LOG, slots: 8 });
    const measured: MeasuredRecord[] = [];
    const measure = (order: Partial<MeasureOrder>): Promise<string> =>
      measurer.measure({ ...ORDER, ...order }, (record) => measured.push(record));
    return { fake, measurer, measure, measured, names };
  };

  it('are measured once, while it goes on and afterwards, and each has records of its own that say so', async () => {
    const { fake, measure, measured, names } = await setUp();
    const [a, b, c] = names;
    const first = [a, b].map((host) => measure({ host: host!, company: `of ${host!}` }));
    await until(() => fake.traces.length === 2);
    for (const trace of fake.traces) trace.end(deliveredRecord());
    expect(await Promise.all(first)).toEqual(['done', 'done']);
    expect(await measure({ host: c! })).toBe('done');
    expect(fake.traces).toHaveLength(2);
    expect(measured).toHaveLength(6);
    expect(new Set(measured.map(({ record }) => record.id)).size).toBe(6);
    const of = (host: string) => measured.filter(({ record }) => record.target.input === host);
    expect(of(a!).map(({ record }) => record.sharedWith)).toEqual([undefined, undefined]);
    for (const host of [b!, c!]) {
      expect(of(host).map(({ record }) => record.sharedWith)).toEqual(of(a!).map(({ record }) => record.id));
      expect(of(host).map(({ last }) => last)).toEqual([false, true]);
      expect(of(host)[0]!.record.target.aliases).toEqual([`cdn.${host}`]);
    }
    expect(of(b!)[0]!.record).toMatchObject({ company: 'of b.example' });
  });

  it('a relative: are measured each for itself by other protocols, at other ports, in other runs, and for those who ask now', async () => {
    const { fake, measure, names } = await setUp(() => deliveredRecord());
    const [a, b] = names;
    const udp = { protocols: ['udp'] as const };
    await measure({ host: a!, ...udp });
    for (const other of [{ protocols: ['icmp6'] as const }, { ...udp, dport: 53 }, { ...udp, runId: 'next' }])
      await measure({ host: b!, ...other });
    expect(fake.traces).toHaveLength(4);
    await measure({ host: '2001:db8::80', ...udp, publicOnly: true });
    await measure({ host: '2001:db8::80', ...udp });
    expect(fake.traces.length).toBeLessThanOrEqual(5);
  });

  it('are all given up where the one that is measured for them is, and measured anew later', async () => {
    const { fake, measure, measured, measurer, names } = await setUp();
    const ends = names.map((host) => measure({ host, protocols: ['udp'] }));
    await until(() => fake.traces.length === 1);
    await measurer.interrupt();
    expect(await Promise.all(ends)).toEqual(['interrupted', 'interrupted', 'interrupted']);
    for (const { interrupted } of measured) expect(interrupted).toBe(true);
  });
});

describe('a trace that somebody asks for', () => {
  it('begins while all traces of a list that may be in flight are, and takes no room from them', async () => {
    const fake = fakeMeasuring({ resolve: literalOr() });
    const hooks = { onProgress: () => undefined, onWarning: () => undefined, log: SILENT_LOG };
    const measuring = await fake.open(settings, hooks);
    const measurer = new ListMeasurer({ measuring, settings, toolVersion: '0', log: SILENT_LOG, slots: 2 });
    const ends: Promise<string>[] = [];
    const measure = (host: string, publicOnly: boolean): void => {
      ends.push(measurer.measure({ ...ORDER, host, publicOnly }, () => undefined));
    };
    const running = (): string[] => fake.traces.map(({ request }) => formatAddress(request.target));
    measure('2001:db8::1', false);
    await until(() => fake.traces.length === 2);
    measure('2001:db8::2', false);
    measure('2600::3', true);
    await until(() => fake.traces.length === 4);
    expect(running().slice(2)).toEqual(['2600::3', '2600::3']);
    for (const trace of fake.traces.slice(2)) trace.end(deliveredRecord());
    expect(await ends[2]).toBe('done');
    expect(fake.traces.length).toBe(4);
    for (const trace of fake.traces.slice(0, 2)) trace.end(deliveredRecord());
    await until(() => fake.traces.length === 6);
    expect(running().slice(4)).toEqual(['2001:db8::2', '2001:db8::2']);
    for (const trace of fake.traces.slice(4)) trace.end(deliveredRecord());
    await Promise.all(ends);
  });

  it.each(['2001:db8::1', 'fd00::1', '64:ff9b::808:808', '4000::1'])(
    'is not measured where its name leads to %s, whatever else may be probed here',
    async (address) => {
      const fake = fakeMeasuring({
        hosts: { 'rebinding.example': resolved(address) },
        answer: () => deliveredRecord(),
      });
      const measuring = await fake.open(settings, { onProgress: () => undefined, onWarning: () => undefined });
      const allowing = { ...settings, allowSpecial: true };
      const options = { measuring, settings: allowing, toolVersion: '0', log: SILENT_LOG, slots: 2 };
      const outcomes = async (publicOnly: boolean): Promise<string[]> => {
        const found: string[] = [];
        await new ListMeasurer(options).measure({ ...ORDER, host: 'rebinding.example', publicOnly }, ({ record }) => {
          found.push(record.verdict.outcome);
        });
        return [...new Set(found)];
      };
      expect(await outcomes(true)).toEqual(['not-measured']);
      expect(await outcomes(false)).toEqual(['delivered']);
    },
  );
});
