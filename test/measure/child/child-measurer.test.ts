import { describe, expect, it } from 'vitest';
import { defaultSettings, type Settings } from '../../../src/config/settings.js';
import { ChildMeasurer, type MeasureLink } from '../../../src/measure/child/child-measurer.js';
import type { MeasureMessage, MeasureRequest } from '../../../src/measure/child/measure-messages.js';
import { measureOptions } from '../../../src/measure/measure-options.js';
import type { MeasuredRecord, MeasureOrder } from '../../../src/measure/target-measurer.js';
import { buildRecord, RUN_ID, uuid } from '../../results/record-builder.js';
import { VirtualClock } from '../../daemon/virtual-clock.js';

const SETTINGS: Settings = { ...defaultSettings(), confidence: 0.9999, vantage: 'Here' };
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A child that says what the test says. */
class FakeLink implements MeasureLink {
  readonly requests: MeasureRequest[] = [];
  killed = false;
  say: (text: string) => void = () => undefined;
  end: (reason: string) => void = () => undefined;

  send(text: string): void {
    this.requests.push(JSON.parse(text) as MeasureRequest);
  }
  onMessage(listener: (text: string) => void): void {
    this.say = listener;
  }
  onEnd(listener: (reason: string) => void): void {
    this.end = listener;
  }
  kill(): void {
    this.killed = true;
    this.end('SIGKILL');
  }
  tell(message: MeasureMessage): void {
    this.say(JSON.stringify(message));
  }
  orders(): { number: number; order: MeasureOrder }[] {
    return this.requests.flatMap((request) => (request.kind === 'orders' ? request.orders : []));
  }
}

async function startMeasurer() {
  const clock = new VirtualClock(0);
  const links: FakeLink[] = [];
  const refused: unknown[] = [];
  let ids = 1000;
  const measurer = new ChildMeasurer(
    {
      clock,
      log: { ...SILENT, error: (event, fields) => event === 'child-message-refused' && refused.push(fields) },
      openLink: () => {
        const link = new FakeLink();
        links.push(link);
        return link;
      },
      toolVersion: '0',
      newId: () => uuid(++ids),
    },
    SETTINGS,
  );
  const started = measurer.start();
  links[0]!.tell({ kind: 'ready', transport: 'fake' });
  await started;
  return { clock, links, refused, measurer };
}

function order(): MeasureOrder {
  const options = measureOptions(SETTINGS, 1);
  const rest = { company: null, dport: null, stored: [], publicOnly: false };
  return { runId: RUN_ID, host: 'a.example', protocols: ['udp', 'icmp6'], options, ...rest };
}

describe('the measurer in a child', () => {
  it('tells the child its settings, before anything is measured', async () => {
    const { links } = await startMeasurer();
    expect(links[0]!.requests[0]).toEqual({ kind: 'open', settings: SETTINGS });
  });

  it.each([
    ['that is no JSON', 'hello'],
    ['of a kind that does not exist', '{"kind":"exec"}'],
    ['with a record that is none', '{"kind":"record","number":1,"interrupted":false,"last":true,"record":{"id":"x"}}'],
    [
      'with a record of another run',
      JSON.stringify({
        ...{ kind: 'record', number: 1, interrupted: false, last: true },
        record: buildRecord({ runId: uuid(77) }),
      }),
    ],
  ])('kills a child that says something %s, and hands nothing on', async (_what, text) => {
    const { links, measurer, refused } = await startMeasurer();
    const records: MeasuredRecord[] = [];
    const end = measurer.measure(order(), (record) => records.push(record));
    await Promise.resolve();
    links[0]!.say(text);
    expect(await end).toBe('interrupted');
    expect(links[0]!.killed).toBe(true);
    expect(refused).toHaveLength(1);
    expect(records).toEqual([]);
  });

  it('records traces that had begun when the child died as interrupted, with their address', async () => {
    const { links, measurer } = await startMeasurer();
    const records: MeasuredRecord[] = [];
    const end = measurer.measure(order(), (record) => records.push(record));
    await Promise.resolve();
    for (const [index, protocol] of (['udp', 'icmp6'] as const).entries())
      links[0]!.tell({ kind: 'started', number: 1, traceId: uuid(index + 1), protocol, address: '2001:db8::1' });
    links[0]!.end('SIGSEGV');
    expect(await end).toBe('interrupted');
    expect(records.map(({ record, last }) => [record.protocol, record.target.address, last])).toEqual([
      ['udp', '2001:db8::1', false],
      ['icmp6', '2001:db8::1', true],
    ]);
    expect(records[0]!.record.verdict).toMatchObject({
      outcome: 'inconclusive',
      settledBy: 'whole-trace',
      reasons: ['Interrupted: the measuring process ended (SIGSEGV).'],
    });
  });

  it('gives what is in flight to the next child when settings change, less what is measured already', async () => {
    const { links, measurer } = await startMeasurer();
    const records: MeasuredRecord[] = [];
    const end = measurer.measure(order(), (record) => records.push(record));
    await Promise.resolve();
    const first = buildRecord({ number: 5, protocol: 'udp' });
    links[0]!.tell({ kind: 'record', number: 1, record: first, interrupted: false, last: false });
    measurer.replace({ ...SETTINGS, rate: 7 });
    expect(links).toHaveLength(2);
    expect(links[1]!.requests[0]).toMatchObject({ kind: 'open', settings: { rate: 7 } });
    links[1]!.tell({ kind: 'ready', transport: 'fake' });
    await Promise.resolve();
    expect(links[1]!.orders()[0]!.order.stored).toEqual([{ protocol: 'udp', address: first.target.address }]);
    const second = buildRecord({ number: 6, protocol: 'icmp6' });
    links[1]!.tell({ kind: 'record', number: 1, record: second, interrupted: false, last: true });
    links[1]!.tell({ kind: 'end', number: 1, end: 'done', defect: null });
    expect(await end).toBe('done');
    expect(records.map(({ record }) => record.protocol)).toEqual(['udp', 'icmp6']);
    expect(measurer.restarts).toBe(0);
  });

  it('kills a child that begins traces without end for one order', async () => {
    const { links, measurer, refused } = await startMeasurer();
    const end = measurer.measure(order(), () => undefined);
    await Promise.resolve();
    for (let trace = 0; trace < 3000 && !links[0]!.killed; trace += 1)
      links[0]!.tell({ kind: 'started', number: 1, traceId: uuid(trace), protocol: 'udp', address: '2001:db8::1' });
    expect(await end).toBe('interrupted');
    expect(refused).toHaveLength(1);
  });

  it('kills a child that has records without end for one order', async () => {
    const { links, measurer, refused } = await startMeasurer();
    const end = measurer.measure(order(), () => undefined);
    await Promise.resolve();
    const text = JSON.stringify({
      ...{ kind: 'record', number: 1, interrupted: true, last: false },
      record: buildRecord({ protocol: 'udp', distance: 1 }),
    });
    for (let trace = 0; trace < 3000 && !links[0]!.killed; trace += 1) links[0]!.say(text);
    expect(await end).toBe('interrupted');
    expect(refused).toHaveLength(1);
  });

  it('starts the next child with the do-not-probe file that the settings name by now', async () => {
    const { clock, links, measurer } = await startMeasurer();
    measurer.forbid({ ...SETTINGS, doNotProbe: '/new/list' }, '2001:db8::/32\n');
    expect(links[0]!.requests.at(-1)).toEqual({ kind: 'do-not-probe', text: '2001:db8::/32\n' });
    links[0]!.end('SIGKILL');
    await clock.runUntil(2000);
    expect(links[1]!.requests[0]).toMatchObject({ kind: 'open', settings: { doNotProbe: '/new/list' } });
    // It may have read the file already.
    measurer.forbid({ ...SETTINGS, doNotProbe: '/new/list' }, '2001:db8:1::/48\n');
    expect(links[1]!.requests.at(-1)).toEqual({ kind: 'do-not-probe', text: '2001:db8:1::/48\n' });
  });

  it('turns a defect over one target into records that say so', async () => {
    const { links, measurer } = await startMeasurer();
    const records: MeasuredRecord[] = [];
    const end = measurer.measure(order(), (record) => records.push(record));
    await Promise.resolve();
    links[0]!.tell({ kind: 'end', number: 1, end: 'interrupted', defect: 'TypeError: x' });
    expect(await end).toBe('interrupted');
    expect(records.map(({ record, interrupted }) => [record.protocol, record.target.address, interrupted])).toEqual([
      ['udp', null, true],
      ['icmp6', null, true],
    ]);
    expect(links[0]!.killed).toBe(false);
  });

  it('counts what all its children sent', async () => {
    const { clock, links, measurer } = await startMeasurer();
    const counters = {
      tracesInFlight: 1,
      repliesMatched: 0,
      foreign: 0,
      malformed: 0,
      sendErrors: 0,
      kernelDrops: null,
    };
    links[0]!.tell({ kind: 'stats', stats: { ...counters, probesSent: 10 } });
    links[0]!.end('SIGKILL');
    expect(measurer.stats()).toBeNull();
    await clock.runUntil(2000);
    links[1]!.tell({ kind: 'ready', transport: 'fake' });
    links[1]!.tell({ kind: 'stats', stats: { ...counters, probesSent: 5 } });
    expect(measurer.stats()).toMatchObject({ probesSent: 15, tracesInFlight: 1, kernelDrops: null });
  });

  it('gives up at once what comes after an interrupt', async () => {
    const { links, measurer } = await startMeasurer();
    measurer.interrupt();
    expect(await measurer.measure(order(), () => undefined)).toBe('interrupted');
    expect(links[0]!.requests.at(-1)).toEqual({ kind: 'interrupt' });
  });
});
