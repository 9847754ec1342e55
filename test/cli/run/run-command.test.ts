import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TraceRequest } from '../../../src/engine/trace-engine.js';
import { OUTPUT_ERRORS, OutputError } from '../../../src/results/output-error.js';
import { openSqliteStore } from '../../../src/results/store/sqlite-store.js';
import type { TraceRecord } from '../../../src/record/record.js';
import { fakeMeasuring, resolved } from '../fake-measuring.js';
import { fakeTerminal } from '../fake-terminal.js';
import { deliveredRecord, droppedRecord, hop, routerPlace } from '../record-builder.js';
import { directCommitter, literalOr, RunBench, until } from '../run-bench.js';
import { moveStore } from '../../results/move-store.js';

let bench: RunBench;
beforeEach(() => {
  bench = new RunBench();
});
afterEach(() => {
  bench.remove();
});

const answer = (): TraceRecord => deliveredRecord();

/** Twelve targets in four networks, network by network. */
const SPREAD = [1, 2, 3, 4].flatMap((net) => ['a', 'b', 'c'].map((host) => `2001:db${net}::${host}`));

/** In as many networks; the last four let the option through. */
const NEAR_HOSTS = Array.from({ length: 24 }, (_, index) => `2001:db8:${(0x100 + index).toString(16)}::80`);

/** Hop 1 loses the option of most when it forwards. */
function nearFault(onStart: () => void = () => undefined): ReturnType<typeof fakeMeasuring> {
  return fakeMeasuring({
    resolve: literalOr(),
    answer: ({ input }: TraceRequest) => {
      const whole = NEAR_HOSTS.indexOf(input) >= 20 ? deliveredRecord() : droppedRecord();
      const record = { ...whole, target: { ...whole.target, address: input } };
      if (whole.verdict.outcome === 'delivered') return record;
      return {
        ...record,
        hops: [1, 2, 3, 4, 5, 6].map((number) => hop(number, number <= 1 ? 'both' : 'plain')),
        summary: { ...record.summary, lastPdmHop: routerPlace(1), nextHop: null },
        verdict: { ...record.verdict, interval: { after: 1, upTo: 2, likelyUpTo: 2 }, optionSeenUpTo: 1 },
      };
    },
    onStart,
  });
}

describe('run', () => {
  it('has the list and all settings on disk before the first packet', async () => {
    bench.writeList(...SPREAD);
    const seen: unknown[] = [];
    const fake = fakeMeasuring({
      resolve: literalOr(),
      answer,
      onStart: () => {
        seen.push(
          bench.read((store) => {
            const run = store.runs.list()[0]!;
            return { total: store.targets.progress(run.id).total, state: run.state, rate: run.options.rate };
          }),
        );
      },
    });
    expect(await bench.begin(fake.open, ['--rate', '123'])).toBe(0);
    expect(seen[0]).toEqual({ total: 12, state: 'ready', rate: 123 });
    expect(bench.read((store) => store.runs.list()[0]?.state)).toBe('finished');
  });

  it('makes a record for every target and protocol, those that cannot be measured too', async () => {
    bench.writeList(
      'host,company,protocol',
      '2001:db8::1,A,',
      'v4.example,B,udp',
      'none.example,C,icmp6',
      '2001:db8::66,D,udp',
      '192.0.2.1,E,udp',
    );
    const names = {
      'v4.example': { ipv4Only: true, error: { code: 'ipv4-only' as const, message: 'IPv4 addresses only' } },
      '192.0.2.1': { ipv4Only: true, error: { code: 'ipv4-only' as const, message: 'IPv4 addresses only' } },
    };
    const fake = fakeMeasuring({ resolve: literalOr(names), refused: '2001:db8::66', answer: () => droppedRecord() });
    expect(await bench.begin(fake.open)).toBe(0);
    expect(bench.outcomes()).toEqual([
      '192.0.2.1 udp not-measured',
      '2001:db8::1 icmp6 dropped',
      '2001:db8::1 udp dropped',
      '2001:db8::66 udp not-measured',
      'none.example icmp6 not-measured',
      'v4.example udp not-measured',
    ]);
    const rows = bench.rows();
    expect(rows.map((row) => row.company).sort()).toEqual(['A', 'A', 'B', 'C', 'D', 'E']);
    expect(rows.find((row) => row.destinationInput === '2001:db8::66')?.destinationAddress).toBe('2001:db8::66');
    expect(rows.find((row) => row.destinationInput === 'v4.example')?.destinationAddress).toBeNull();
  });

  it('goes to another network with each target, in the same order for the same seed', async () => {
    bench.writeList(...SPREAD);
    const orders: string[][] = [];
    for (const seed of ['5', '5', '6']) {
      const fake = fakeMeasuring({ resolve: literalOr(), answer });
      await bench.begin(fake.open, ['--seed', seed, '--protocol', 'udp']);
      orders.push(fake.traces.map(({ request }) => request.input));
    }
    expect(orders[1]).toEqual(orders[0]);
    expect(orders[2]).not.toEqual(orders[0]);
    expect([...orders[0]!].sort()).toEqual([...SPREAD].sort());
    for (const [i, host] of orders[0]!.slice(1).entries())
      expect(host.slice(0, 8)).not.toBe(orders[0]![i]!.slice(0, 8));
  });

  it('names each bad and each repeated row by its line, and measures the others', async () => {
    bench.writeList(
      'host,dport',
      '2001:db8::1,',
      'no host here,',
      '2001:db8::2,70000',
      '2001:DB8:0::1,',
      '2001:db8::3,',
    );
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ resolve: literalOr(), answer });
    expect(await bench.begin(fake.open, ['--protocol', 'udp'], terminal)).toBe(0);
    expect(bench.rows().map((row) => row.destinationInput)).toHaveLength(2);
    expect(terminal.stderr.text).toContain('list.csv: line 3 is skipped:');
    expect(terminal.stderr.text).toContain('list.csv: line 4 is skipped: dport "70000"');
    expect(terminal.stderr.text).toContain('line 5: "2001:DB8:0::1" is on line 2 already');
    expect(terminal.stderr.text).toContain('2 rows of the list skipped');
  });

  it('gives rows their own protocol, port and company, and the others those of the command', async () => {
    bench.writeList('host,company,protocol,dport', '2001:db8::1,Own,icmp6,', '2001:db8::2,,,53', '2001:db8::3,,,');
    const fake = fakeMeasuring({ resolve: literalOr(), answer });
    await bench.begin(fake.open, ['--protocol', 'udp', '--dport', '4000', '--company', 'All', '--confidence', '0.99']);
    const requests = fake.traces.map(({ request }) => request).sort((a, b) => (a.input < b.input ? -1 : 1));
    expect(requests.map((one) => [one.protocol, one.destinationPort, one.company])).toEqual([
      ['icmp6', null, 'Own'],
      ['udp', 53, 'All'],
      ['udp', 4000, 'All'],
    ]);
    expect(requests[0]?.parameters.confidence).toBe(0.99);
  });

  it('says once, first, and at each record, that one fault near this vantage point takes most targets', async () => {
    bench.writeList('host,company', ...NEAR_HOSTS.map((host, index) => `${host},Company ${index}`));
    const people = fakeTerminal();
    expect(await bench.begin(nearFault().open, ['--protocol', 'udp,icmp6'], people)).toBe(0);
    const sentence =
      /(\d+) of (\d+) targets lose packets with the option at one place, between hop 1 \S+ and hop 2 \S+ one fault near this vantage point, counted once/;
    const said = people.stderr.text.split('\n').filter((line) => sentence.test(line));
    // As soon as it is known, and in the end of all.
    expect(said).toHaveLength(2);
    expect(said[0]).toMatch(/^pdm-trace: so far: 5 of \d+ targets/);
    expect(sentence.exec(said[1]!)?.slice(1)).toEqual(['20', '24']);
    expect(people.stderr.text.indexOf(said[1]!)).toBeLessThan(people.stderr.text.indexOf('pdm-trace: done'));

    const programs = fakeTerminal();
    await bench.begin(nearFault().open, ['--json', '--protocol', 'udp'], programs);
    const shown = programs.stdout.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as TraceRecord);
    const saying = shown.filter(({ verdict }) => sentence.test(verdict.reasons.at(-1) ?? ''));
    // Those that came before the fifth could not know.
    expect(saying).toHaveLength(16);
    for (const { verdict } of saying) expect(verdict.outcome).toBe('dropped');
    const stored = bench.read((store) => [...store.queries.records({ runId: shown[0]!.runId })]);
    for (const { verdict } of stored) expect(verdict.reasons).toEqual([]);
  });

  it('knows what is shared with what was stored before it was interrupted', async () => {
    bench.writeList(...NEAR_HOSTS);
    let ended = 0;
    const terminal = fakeTerminal();
    const first = nearFault(() => {
      ended += 1;
      if (ended === 12) terminal.interrupt();
    });
    await bench.begin(first.open, ['--protocol', 'udp'], terminal);
    const again = fakeTerminal();
    expect(await bench.resume(nearFault().open, [], again)).toBe(0);
    expect(again.stderr.text).toContain('20 of 24 targets lose packets with the option at one place');
  });

  it('prints the outcomes in the end, or with --json every record and nothing else', async () => {
    bench.writeList(...SPREAD);
    const fake = (): ReturnType<typeof fakeMeasuring> =>
      fakeMeasuring({
        resolve: literalOr(),
        answer: ({ protocol }: TraceRequest) => (protocol === 'udp' ? droppedRecord() : deliveredRecord()),
      });
    const people = fakeTerminal();
    await bench.begin(fake().open, [], people);
    expect(people.stdout.text).toBe('12 dropped, 12 delivered\n');
    const run = bench.read((store) => store.runs.list()[0]!);
    expect(people.stderr.text).toMatch(new RegExp(`: pdm-trace report --run ${run.id} --store \\S+\\n$`));
    const programs = fakeTerminal();
    await bench.begin(fake().open, ['--json'], programs);
    const printed = programs.stdout.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as TraceRecord);
    expect(printed).toHaveLength(24);
    for (const record of printed) expect(bench.read((store) => store.traces.record(record.id))).toEqual(record);
  });

  it('tells what a list takes and sends, stores and leaves nothing with --dry-run', async () => {
    bench.writeList('host', ...SPREAD, 'not a host', SPREAD[0]!);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ resolve: literalOr(), answer });
    expect(await bench.begin(fake.open, ['--dry-run', '--rate', '50'], terminal)).toBe(0);
    expect(fake.opened).toEqual([]);
    expect(existsSync(bench.store)).toBe(false);
    expect(terminal.stdout.text).toContain('1 row skipped, 1 repeated\n12 targets, 24 records');
    expect(terminal.stdout.text).toMatch(/about [\d,]+ packets .*\nabout .* at 50 packets\/s/);
    expect(terminal.stderr.text).toContain('line 14 is skipped');
    expect(terminal.stdout.text).not.toContain('tcp');
  });

  it('says in a dry run where the rate does not decide how long it takes', async () => {
    bench.writeList('host', ...SPREAD);
    const dryRun = async (rate: string): Promise<string> => {
      const terminal = fakeTerminal();
      expect(await bench.begin(fakeMeasuring().open, ['--dry-run', '--rate', rate], terminal)).toBe(0);
      return terminal.stdout.text;
    };
    expect(await dryRun('2000')).toContain(
      'at 2,000 packets/s, at most 17 s\nlonger where they share routers: each is',
    );
    expect(await dryRun('50')).not.toContain('share routers');
  });

  it('says in a dry run that TCP takes its time whatever the rate', async () => {
    bench.writeList('host', SPREAD[0]!);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ resolve: literalOr(), answer });
    expect(await bench.begin(fake.open, ['--dry-run', '--protocol', 'tcp,udp'], terminal)).toBe(0);
    expect(terminal.stdout.text).toContain('\n1 target, 2 records (');
    expect(terminal.stdout.text).toContain('\nwith tcp not less than 10 s: ');
  });
});

describe('going on where there is no store', () => {
  it('ends with 66 and makes none', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ resolve: literalOr(), answer });
    expect(await bench.resume(fake.open, [], terminal)).toBe(66);
    expect(terminal.stderr.text).toContain(`there is no store "${bench.store}" to go on with; `);
    expect(existsSync(bench.store)).toBe(false);
  });
});

describe('a list that cannot be used', () => {
  it.each([
    ['is not there', null, 66, 'ENOENT'],
    ['names no host', '# nothing but this', 66, 'names no target'],
    ['has a header without host', 'name,company', 66, 'no column "host"'],
  ])('because it %s leaves no run that could be gone on with', async (_why, text, code, message) => {
    if (text !== null) bench.writeList(text);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring();
    expect(await bench.begin(fake.open, [], terminal)).toBe(code);
    expect(terminal.stderr.text).toContain(message);
    expect(bench.read((store) => store.runs.list())).toEqual([]);
  });

  it('leaves none either when measuring is not permitted', async () => {
    bench.writeList(...SPREAD);
    const openError = Object.assign(new Error('not permitted'), { code: 'EPERM', exitCode: 77 });
    expect(await bench.begin(fakeMeasuring({ openError }).open)).toBe(77);
    expect(bench.read((store) => store.runs.list())).toEqual([]);
  });

  it('is asked for when none is named', async () => {
    const terminal = fakeTerminal();
    expect(await bench.command(['run', '--store', bench.store], fakeMeasuring().open, terminal)).toBe(64);
    expect(terminal.stderr.text).toContain('--targets FILE');
  });
});

describe('a run that was interrupted', () => {
  /** Lets `count` traces end, then interrupts with the others in flight. */
  async function interrupted(count: number, flags: readonly string[] = []): Promise<ReturnType<typeof fakeTerminal>> {
    bench.writeList(...SPREAD);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ resolve: literalOr() });
    const running = bench.begin(fake.open, flags, terminal);
    await until(() => fake.traces.length >= 16);
    for (const trace of fake.traces.slice(0, count)) trace.end(deliveredRecord());
    await until(() => existsSync(bench.store) && bench.rows().length >= count);
    terminal.interrupt();
    expect(await running).toBe(130);
    return terminal;
  }

  it('has what was measured on disk, and says how to go on', async () => {
    const terminal = await interrupted(5);
    const rows = bench.rows();
    expect(rows.filter((row) => row.outcome === 'delivered')).toHaveLength(5);
    expect(rows.filter((row) => row.outcome === 'inconclusive').length).toBeGreaterThan(0);
    expect(terminal.stderr.text).toContain(`go on with: pdm-trace run --resume --store ${bench.store}`);
    const brokenOff = rows.filter((row) => row.outcome === 'inconclusive').length;
    expect(terminal.stdout.text).toBe(
      `5 delivered, ${brokenOff} interrupted (inconclusive until --resume measures them again)\n`,
    );
  });

  it('says what is stored of it where nothing was measured to its end', async () => {
    const terminal = await interrupted(0);
    const brokenOff = bench.rows().length;
    expect(brokenOff).toBeGreaterThan(0);
    expect(terminal.stdout.text).toBe(`${brokenOff} interrupted (inconclusive until --resume measures them again)\n`);
  });

  it('measures the rest alone when it is gone on with, and what was broken off gives way', async () => {
    await interrupted(5, ['--rate', '77', '--seed', '3']);
    const kept = bench.rows().filter((row) => row.outcome === 'delivered');
    const terminal = fakeTerminal({}, {}, { PDM_TRACE_RATE: '11' });
    const fake = fakeMeasuring({ resolve: literalOr(), answer: () => droppedRecord() });
    expect(await bench.resume(fake.open, [], terminal)).toBe(0);
    const again = fake.traces.map(({ request }) => `${request.input} ${request.protocol}`);
    expect(again).toHaveLength(24 - 5);
    for (const row of kept) expect(again).not.toContain(`${row.destinationInput} ${row.protocol}`);
    const rows = bench.rows();
    expect(new Set(rows.map((row) => `${row.destinationInput} ${row.protocol}`)).size).toBe(24);
    expect(rows).toHaveLength(24);
    expect(rows.filter((row) => row.outcome === 'dropped')).toHaveLength(19);
    for (const row of kept) expect(rows.map(({ id }) => id)).toContain(row.id);
    // The run's own settings, not what stands around now.
    expect(fake.opened[0]?.settings).toMatchObject({ rate: 77, seed: 3 });
    expect(fake.traces[0]?.request.parameters.seed).toBe(3);
    expect(terminal.stdout.text).toBe('19 dropped, 5 delivered\n');
    expect(await bench.resume(fake.open, [], terminal)).toBe(64);
  });

  it('takes flags that are given when it is gone on with', async () => {
    await interrupted(1, ['--rate', '77']);
    const fake = fakeMeasuring({ resolve: literalOr(), answer });
    await bench.resume(fake.open, ['--rate', '500']);
    expect(fake.opened[0]?.settings.rate).toBe(500);
  });

  it('needs its list no more, and is not mistaken for the run of another list of that name', async () => {
    await interrupted(1);
    const terminal = fakeTerminal();
    const other = join(bench.directory, 'other', 'list.csv');
    const fake = fakeMeasuring({ resolve: literalOr(), answer });
    expect(await bench.resume(fake.open, ['--targets', other], terminal)).toBe(64);
    expect(terminal.stderr.text).toContain(`has the list "${bench.list}"`);
    bench.writeList('# emptied');
    expect(await bench.resume(fake.open, ['--targets', bench.list])).toBe(0);
    expect(bench.rows()).toHaveLength(24);
  });

  it('tells what is left with --resume --dry-run', async () => {
    await interrupted(4);
    const terminal = fakeTerminal();
    expect(await bench.resume(fakeMeasuring().open, ['--dry-run'], terminal)).toBe(0);
    expect(terminal.stdout.text).toContain('20 records (one for each target and protocol)');
    expect(bench.read((store) => store.runs.list()[0]?.state)).toBe('ready');
  });

  it('is worked on by one process at a time', async () => {
    await interrupted(1);
    const store = openSqliteStore(bench.store);
    const claim = store.claimRun(store.runs.list()[0]!.id);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ resolve: literalOr(), answer });
    expect(await bench.resume(fake.open, [], terminal)).toBe(73);
    expect(terminal.stderr.text).toContain('is being worked on by another process');
    expect(fake.traces).toEqual([]);
    claim.release();
    store.close();
  });

  it('ends at once when it is interrupted again, with the cursor given back', async () => {
    bench.writeList(...SPREAD);
    const terminal = fakeTerminal({}, { isTTY: true }, { TERM: 'xterm' });
    let letGo: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    // Names that do not come keep it from ending by itself.
    const fake = fakeMeasuring({
      resolve: literalOr(),
      annotate: async (record) => {
        await gate;
        return record;
      },
    });
    const running = bench.begin(fake.open, [], terminal);
    await until(() => terminal.stderr.text.includes('in flight'));
    terminal.interrupt();
    expect(terminal.exits).toEqual([]);
    terminal.interrupt();
    expect(terminal.exits).toEqual([130]);
    expect(terminal.stderr.text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(
      terminal.stderr.text.lastIndexOf('\u001b[?25l'),
    );
    letGo();
    await running;
  });

  it('gives names up that take too long after it was interrupted', async () => {
    bench.writeList(...SPREAD);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({
      resolve: literalOr(),
      annotate: async (record) => {
        await until(() => fake.lookupStops > 0);
        return record;
      },
    });
    const running = bench.begin(fake.open, [], terminal);
    await until(() => fake.traces.length >= 16);
    terminal.interrupt();
    expect(await running).toBe(130);
  });

  it('is no business of trace, whose runs are nothing to go on with', async () => {
    const fake = fakeMeasuring({ resolve: literalOr(), openError: new Error('killed') });
    const store = openSqliteStore(bench.store);
    const run = { id: 'x', name: 'a', vantage: null, toolVersion: '0', options: { command: 'trace' }, startedAtMs: 1 };
    store.runs.create(run);
    store.close();
    expect(await bench.resume(fake.open)).toBe(64);
  });
});

describe('names', () => {
  it('that are not found for a long time do not keep others from being measured', async () => {
    const slow = Array.from({ length: 40 }, (_, index) => `slow${index}.example`);
    bench.writeList(...slow, ...SPREAD);
    let letGo: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const literal = literalOr(Object.fromEntries(slow.map((name) => [name, resolved('2001:db8::5')])));
    const fake = fakeMeasuring({
      resolve: async (host) => {
        if (host.startsWith('slow')) await gate;
        return literal(host);
      },
      answer,
    });
    const running = bench.begin(fake.open, ['--protocol', 'udp']);
    await until(() => fake.traces.length === SPREAD.length);
    await until(() => existsSync(bench.store) && bench.rows().length === SPREAD.length);
    letGo();
    expect(await running).toBe(0);
    expect(bench.rows()).toHaveLength(52);
  });

  it('of routers that are slow to come do not keep further targets from being traced', async () => {
    const hosts = Array.from({ length: 60 }, (_, index) => `2001:db8:${(index + 1).toString(16)}::1`);
    bench.writeList(...hosts);
    let letGo: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const fake = fakeMeasuring({
      resolve: literalOr(),
      answer,
      annotate: async (record) => {
        await gate;
        return record;
      },
    });
    const running = bench.begin(fake.open, ['--protocol', 'udp']);
    await until(() => fake.traces.length === hosts.length);
    letGo();
    expect(await running).toBe(0);
  });

  it('are asked for as a list does it', async () => {
    bench.writeList(...SPREAD);
    const fake = fakeMeasuring({ resolve: literalOr(), answer });
    await bench.begin(fake.open);
    expect(fake.opened[0]?.hooks.forList).toBe(true);
  });
});

describe('a transport that breaks', () => {
  it('ends the run with 69, what was measured stored, and it can be gone on with', async () => {
    bench.writeList(...SPREAD);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ resolve: literalOr() });
    const running = bench.begin(fake.open, ['--protocol', 'udp'], terminal);
    await until(() => fake.traces.length === 12);
    fake.traces[0]!.end(deliveredRecord());
    await until(() => bench.rows().length === 1);
    fake.breakTransport(Object.assign(new Error('the interface is gone'), { code: 'ENETDOWN' }));
    expect(await running).toBe(69);
    expect(terminal.stderr.text).toContain('the interface is gone; what was measured is stored, go on with --resume');
    const again = fakeMeasuring({ resolve: literalOr(), answer });
    expect(await bench.resume(again.open)).toBe(0);
    expect(again.traces).toHaveLength(11);
  });
});

describe('a store that fails while the list is measured', () => {
  function failing(code: keyof typeof OUTPUT_ERRORS, holds: () => boolean): void {
    bench.openCommitter = (path) => {
      const good = directCommitter(path);
      return {
        ...good,
        commit: (batch) =>
          holds()
            ? Promise.reject(new OutputError(OUTPUT_ERRORS[code], path, 'cannot be written', 'make it so'))
            : good.commit(batch),
      };
    };
  }

  it('is said once, and what was held is stored when it can be written again', async () => {
    bench.writeList(...SPREAD);
    let failures = 0;
    failing('full', () => (failures += 1) <= 2);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ resolve: literalOr(), answer });
    expect(await bench.begin(fake.open, [], terminal)).toBe(0);
    expect(terminal.stderr.text.match(/cannot be written/g)).toHaveLength(1);
    expect(terminal.stderr.text).toMatch(/\d+ records? held in memory, to be tried again/);
    expect(terminal.stderr.text).toContain('can be written again');
    expect(bench.rows()).toHaveLength(24);
    expect(readdirSync(bench.directory).filter((name) => name.includes('unstored'))).toEqual([]);
  });

  it('as it was moved away takes what was measured meanwhile once it is back, and no other takes it', async () => {
    bench.writeList(...SPREAD);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ resolve: literalOr() });
    const running = bench.begin(fake.open, ['--protocol', 'udp'], terminal);
    await until(() => fake.traces.length === 12);
    for (const trace of fake.traces.slice(0, 3)) trace.end(deliveredRecord());
    await until(() => bench.rows().length === 3);
    moveStore(bench.store, `${bench.store}.away`);
    for (const trace of fake.traces.slice(3)) trace.end(deliveredRecord());
    await until(() => terminal.stderr.text.includes('waiting for it'));
    expect(terminal.stderr.text).toMatch(/moved or deleted while it was in use: .+; 9 records held in memory/);
    expect(existsSync(bench.store)).toBe(false);
    moveStore(`${bench.store}.away`, bench.store);
    expect(await running).toBe(0);
    expect(terminal.stderr.text).toContain('the store is back');
    expect(bench.rows()).toHaveLength(12);
  });

  it('for good ends the run with 73, and what is not in it lies beside it', async () => {
    bench.writeList(...SPREAD);
    let broken = false;
    failing('corrupt', () => broken);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ resolve: literalOr() });
    const running = bench.begin(fake.open, ['--protocol', 'udp'], terminal);
    await until(() => fake.traces.length === 12);
    for (const trace of fake.traces.slice(0, 4)) trace.end(deliveredRecord());
    await until(() => bench.rows().length === 4);
    broken = true;
    for (const trace of fake.traces.slice(4, 7)) trace.end(deliveredRecord());
    expect(await running).toBe(73);
    expect(terminal.stderr.text).toContain('cannot be written');
    const beside = readdirSync(bench.directory).filter((name) => name.includes('.unstored-'));
    const saved = readFileSync(join(bench.directory, beside[0]!), 'utf8').split('\n').slice(0, -1);
    const outcomes = saved.map((line) => (JSON.parse(line) as TraceRecord).verdict.outcome);
    expect(outcomes.filter((outcome) => outcome === 'delivered')).toHaveLength(3);

    bench.openCommitter = directCommitter;
    const again = fakeMeasuring({ resolve: literalOr(), answer });
    const told = fakeTerminal();
    expect(await bench.resume(again.open, [], told)).toBe(0);
    // Those whose traces had ended are not measured again.
    expect(told.stderr.text).toMatch(
      /\d+ records of .+\.unstored-.+\.jsonl stored, which an earlier process could not store/,
    );
    expect(readdirSync(bench.directory).filter((name) => name.includes('.unstored-'))).toEqual([]);
    expect(again.traces).toHaveLength(5);
    expect(bench.rows()).toHaveLength(12);
    expect(bench.rows().filter(({ outcome }) => outcome === 'delivered').length).toBeGreaterThanOrEqual(7);
  });
});

describe('trace --store', () => {
  it('keeps the records as a run of its own, in a store that other runs are in', async () => {
    bench.writeList(...SPREAD);
    await bench.begin(fakeMeasuring({ resolve: literalOr(), answer }).open);
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ answer: () => droppedRecord() });
    const argv = ['--store', bench.store, '--company', 'Corp', 'www.example.com'];
    expect(await bench.command(argv, fake.open, terminal)).toBe(11);
    const runs = bench.read((store) => store.runs.list());
    expect(runs.map((run) => [run.name, run.state, run.options.command])).toEqual([
      ['www.example.com', 'finished', 'trace'],
      ['list.csv', 'finished', 'run'],
    ]);
    const rows = bench.rows().filter((row) => row.runId === runs[0]?.id);
    expect(rows.map((row) => [row.protocol, row.outcome, row.company]).sort()).toEqual([
      ['icmp6', 'dropped', 'Corp'],
      ['udp', 'dropped', 'Corp'],
    ]);
  });

  it('has what was measured before Ctrl-C, which no later run is compared with', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring();
    const argv = ['--store', bench.store, 'www.example.com'];
    const running = bench.command(argv, fake.open, terminal);
    await until(() => fake.traces.length === 2);
    fake.traces[0]!.end(deliveredRecord());
    await until(() => existsSync(bench.store) && bench.rows().length === 1);
    terminal.interrupt();
    await running;
    expect(bench.outcomes()).toEqual(['www.example.com icmp6 inconclusive', 'www.example.com udp delivered']);
    await bench.command(argv, fakeMeasuring({ answer: () => droppedRecord() }).open, fakeTerminal());
    const changes = bench.read((store) => [...store.queries.changes()]);
    expect(changes.map(({ now, previous }) => [now.protocol, previous.outcome, now.outcome])).toEqual([
      ['udp', 'delivered', 'dropped'],
    ]);
  });

  it('measures nothing and ends with 73 when the store cannot be opened', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ answer });
    const argv = ['--store', join(bench.directory, 'none', 'store.db'), 'www.example.com'];
    expect(await bench.command(argv, fake.open, terminal)).toBe(73);
    expect(terminal.stderr.text).toContain('its directory must exist');
    expect(fake.opened).toEqual([]);
  });
});
