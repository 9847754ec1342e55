import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/address/address.js';
import { runCommandLine, type CommandLinePorts } from '../../../src/cli/command-line.js';
import { CliError } from '../../../src/cli/cli-error.js';
import type { TraceRecord } from '../../../src/record/record.js';
import { fakeMeasuring, outcomes, resolved, type FakeMeasuring } from '../fake-measuring.js';
import { fakeTerminal, type FakeTerminal } from '../fake-terminal.js';
import { deliveredRecord, droppedRecord } from '../record-builder.js';

function run(argv: readonly string[], terminal: FakeTerminal, fake: FakeMeasuring): Promise<number> {
  const ports: CommandLinePorts = {
    openMeasuring: () => Promise.resolve(fake.open),
    storePorts: () => Promise.reject(new Error('not wanted here')),
    daemonProcess: () => Promise.reject(new Error('no daemon here')),
    doctorPorts: () => Promise.reject(new Error('not wanted here')),
    toolVersion: '0.1.0',
  };
  return runCommandLine(argv, terminal, ports);
}

function records(terminal: FakeTerminal): TraceRecord[] {
  const lines = terminal.stdout.text.split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => JSON.parse(line) as TraceRecord);
}

/** Lets what is ready run, once the traces are started. */
async function settle(fake: FakeMeasuring): Promise<void> {
  while (fake.traces.length === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('names of who answers', () => {
  const ROUTER = parseAddress('2001:db8:1::1')!.octets;
  const askedFor = async (flags: readonly string[]): Promise<string[]> => {
    const asked: string[] = [];
    const fake = fakeMeasuring({
      nameOf: (address) => {
        asked.push(address);
        return 'r1.example.net';
      },
    });
    const ended = run([...flags, '--protocol', 'udp', 'www.example.com'], fakeTerminal(), fake);
    await settle(fake);
    // Whoever hands it over uses the octets again.
    const octets = ROUTER.slice();
    for (let answers = 0; answers < 3; answers += 1) fake.opened[0]!.hooks.onResponder?.(octets);
    octets.fill(0);
    fake.traces[0]!.end(deliveredRecord());
    expect(await ended).toBe(0);
    return asked;
  };

  it('are looked up when they first answer, once each, and those of both ends before', async () => {
    expect((await askedFor([])).slice(-1)).toEqual(['2001:db8:1::1']);
    expect((await askedFor([])).filter((address) => address === '2001:db8:1::1')).toHaveLength(1);
  });

  it('are not where no names are wanted', async () => {
    expect(await askedFor(['--no-dns'])).toEqual([]);
  });
});

describe('trace', () => {
  it('measures each protocol of a host at the same time and ends with the code of the verdict', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ answer: () => deliveredRecord() });
    expect(await run(['www.example.com'], terminal, fake)).toBe(0);
    expect(fake.traces.map((trace) => [trace.request.protocol, trace.request.destinationPort])).toEqual([
      ['udp', 33434],
      ['icmp6', null],
    ]);
    expect(fake.closes).toBe(1);
    expect(terminal.stderr.text).toBe('');
  });

  it('prints table, verdict and summary once and without colours into a pipe', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ answer: () => deliveredRecord() });
    await run(['--protocol', 'udp', '--seed', '7', 'www.example.com'], terminal, fake);
    expect(terminal.stdout.text).not.toContain('\u001b');
    expect(terminal.stdout.text).toBe(
      `pdm-trace 0.1.0, transport simulated (as the test wants it), seed 7

www.example.com (2001:db8:ffff::80), AS64501 Example Corp: udp to port 33434

hop  plain                               AS                   loss rtt ms | PDM                                 AS                   loss rtt ms
  1  2001:db8:1::1 (r1.example.net)      AS64500 Source Net     0%    1.5 | 2001:db8:1::1 (r1.example.net)      AS64500 Source Net     0%    1.5
  2  2001:db8:2::1 (r2.example.net)      AS64500 Source Net     0%    3.0 | 2001:db8:2::1 (r2.example.net)      AS64500 Source Net     0%    3.0
  3  2001:db8:3::1 (r3.example.net)      AS64500 Source Net     0%    4.5 | 2001:db8:3::1 (r3.example.net)      AS64500 Source Net     0%    4.5
  4  2001:db8:4::1 (r4.example.net)      AS64510 Transit Ltd    0%    6.0 | 2001:db8:4::1 (r4.example.net)      AS64510 Transit Ltd    0%    6.0
  5  2001:db8:5::1 (r5.example.net)      AS64510 Transit Ltd    0%    7.5 | 2001:db8:5::1 (r5.example.net)      AS64510 Transit Ltd    0%    7.5
  6  2001:db8:6::1 (r6.example.net)      AS64510 Transit Ltd    0%    9.0 | 2001:db8:6::1 (r6.example.net)      AS64510 Transit Ltd    0%    9.0
dst  2001:db8:ffff::80 (www.example.com) AS64501 Example Corp   0%   12.3 | 2001:db8:ffff::80 (www.example.com) AS64501 Example Corp   0%   12.5

PDM arrives: the target answers packets with the option as well as plain ones (10 of 10 with, 10 of
10 without).
The target itself quotes the option intact.

Company                 -
Start                   2001:db8::1 (here.example.org)
Destination             2001:db8:ffff::80 (www.example.com)
Last hop with PDM (n)   6  2001:db8:6::1 (r6.example.net)
Last hop without PDM    7  2001:db8:ffff::80 (www.example.com)
Next hop (n+1)          -
In destination network  -
Outcome                 delivered

`,
    );
  });

  it('prints records as JSON Lines and nothing else with --json', async () => {
    const terminal = fakeTerminal({ isTTY: true }, {}, { TERM: 'xterm' });
    const fake = fakeMeasuring({ answer: () => droppedRecord() });
    expect(await run(['--json', 'www.example.com'], terminal, fake)).toBe(11);
    expect(records(terminal).map((record) => [record.protocol, record.verdict.outcome])).toEqual([
      ['udp', 'dropped'],
      ['icmp6', 'dropped'],
    ]);
    expect(terminal.stderr.text).toBe('');
  });

  it('says beside --json on a terminal of stderr what is measured and each verdict, for people', async () => {
    const terminal = fakeTerminal({}, { isTTY: true, columns: 100 }, { TERM: 'xterm' });
    const fake = fakeMeasuring({ answer: () => droppedRecord() });
    expect(await run(['--json', '--protocol', 'udp', '--seed', '7', 'www.example.com'], terminal, fake)).toBe(11);
    expect(records(terminal)).toHaveLength(1);
    const lines = terminal.stderr.text.split('\n');
    expect(lines[0]).toBe('pdm-trace 0.1.0, transport simulated (as the test wants it), seed 7');
    expect(terminal.stderr.text.replaceAll('\n', ' ')).toMatch(
      /www\.example\.com \(.*\).*: udp to port 33434: PDM stops /,
    );
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('prints each JSON record as soon as it is there', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring();
    const running = run(['--json', 'www.example.com'], terminal, fake);
    await settle(fake);
    fake.traces[1]!.end(deliveredRecord());
    await settle(fake);
    expect(records(terminal).map((record) => record.protocol)).toEqual(['icmp6']);
    fake.traces[0]!.end(deliveredRecord());
    await running;
    expect(records(terminal).map((record) => record.protocol)).toEqual(['icmp6', 'udp']);
  });

  it('prints text in the order in which hosts were given, whichever is done first', async () => {
    const terminal = fakeTerminal();
    const hosts = { 'a.example': resolved('2001:db8::a'), 'b.example': resolved('2001:db8::b') };
    const fake = fakeMeasuring({ hosts });
    const running = run(['--protocol=icmp6', 'a.example', 'b.example'], terminal, fake);
    await settle(fake);
    fake.traces[1]!.end(deliveredRecord());
    await settle(fake);
    expect(terminal.stdout.text).not.toContain('b.example');
    fake.traces[0]!.end(deliveredRecord());
    await running;
    expect(terminal.stdout.text.indexOf('a.example (')).toBeLessThan(terminal.stdout.text.indexOf('b.example ('));
  });

  it('hands the settings to the engine', async () => {
    const fake = fakeMeasuring({ answer: () => deliveredRecord() });
    const flags = '--protocol udp --dport 53 --max-hops 12 --confidence 0.99 --timeout 900 --hop-interval 500';
    const more = '--gap-limit 4 --flow-label 0xabcde --seed 5 --company Corp --vantage lab --interface eth7';
    await run([...flags.split(' '), ...more.split(' '), 'www.example.com'], fakeTerminal(), fake);
    expect(fake.traces[0]!.request).toMatchObject({
      input: 'www.example.com',
      company: 'Corp',
      vantage: 'lab',
      interface: 'eth7',
      destinationPort: 53,
      parameters: {
        maxHops: 12,
        confidence: 0.99,
        timeoutMs: 900,
        hopIntervalMs: 500,
        gapLimit: 4,
        flowLabel: 0xabcde,
        seed: 5,
      },
    });
  });

  it.each<[string, readonly string[], Record<string, string>, boolean]>([
    ['nobody', [], {}, false],
    ['the flag', ['--allow-special'], {}, true],
    ['the environment', [], { PDM_TRACE_ALLOW_SPECIAL: '1' }, true],
  ])('allows targets that are not globally reachable when asked by %s', async (_, flags, env, allowSpecial) => {
    const fake = fakeMeasuring({ answer: () => deliveredRecord() });
    await run([...flags, 'www.example.com'], fakeTerminal({}, {}, env), fake);
    expect(fake.opened.map(({ settings }) => settings.allowSpecial)).toEqual([allowSpecial]);
  });

  it('takes the zone of a link-local address as the interface', async () => {
    const hosts = { 'fe80::1%eth0': { ...resolved('fe80::1'), zone: 'eth0' } };
    const fake = fakeMeasuring({ hosts, answer: () => deliveredRecord() });
    await run(['fe80::1%eth0'], fakeTerminal(), fake);
    expect(fake.traces[0]!.request.interface).toBe('eth0');
  });

  it('measures one address of a name, or with --addresses all each of them', async () => {
    const hosts = { 'www.example.com': resolved('2001:db8::a', '2001:db8::b') };
    const first = fakeMeasuring({ hosts, answer: () => deliveredRecord() });
    await run(['www.example.com'], fakeTerminal(), first);
    expect(first.traces).toHaveLength(2);
    const all = fakeMeasuring({ hosts, answer: () => deliveredRecord() });
    await run(['--addresses', 'all', 'www.example.com'], fakeTerminal(), all);
    expect(all.traces).toHaveLength(4);
  });
});

describe('the exit code of trace', () => {
  const three = { 'a.example': resolved('2001:db8::a'), 'b.example': resolved('2001:db8::b') };

  it.each([
    [{ 'a.example': 'delivered', 'b.example': 'dropped' }, 11],
    [{ 'a.example': 'inconclusive', 'b.example': 'impaired' }, 13],
    [{ 'a.example': 'unreachable', 'b.example': 'no-difference' }, 22],
    [{ 'a.example': 'not-measured', 'b.example': 'delivered' }, 23],
    [{ 'a.example': 'stripped', 'b.example': 'rejected' }, 12],
    [{ 'a.example': 'altered', 'b.example': 'impaired' }, 14],
  ] as const)('is of several verdicts (%o) that of the first in the fixed order', async (byHost, code) => {
    const fake = fakeMeasuring({ hosts: three, answer: outcomes(byHost) });
    expect(await run(['a.example', 'b.example'], fakeTerminal(), fake)).toBe(code);
  });

  it('is 69 for a name that does not exist, which is said in one line and yields a record', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring();
    expect(await run(['--json', 'nowhere.example'], terminal, fake)).toBe(69);
    expect(terminal.stderr.text).toBe('pdm-trace: "nowhere.example" does not exist; check the spelling\n');
    expect(
      records(terminal).map((record) => [record.verdict.outcome, record.target.address, record.target.input]),
    ).toEqual([
      ['not-measured', null, 'nowhere.example'],
      ['not-measured', null, 'nowhere.example'],
    ]);
    expect(fake.traces).toEqual([]);
  });

  it('is 23 for a name with IPv4 addresses only, which the record says', async () => {
    const error = { code: 'ipv4-only' as const, message: '"v4.example" has IPv4 addresses only; give an IPv6 host' };
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ hosts: { 'v4.example': { ipv4Only: true, error } } });
    expect(await run(['--json', '--protocol', 'udp', 'v4.example'], terminal, fake)).toBe(23);
    expect(records(terminal)[0]!.verdict.reasons).toEqual([error.message]);
  });

  it('is 23 for an address that must not be probed, which is in the record', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ hosts: { 'no.example': resolved('2001:db8::a') }, refused: '2001:db8::a' });
    expect(await run(['--json', '--protocol', 'udp', 'no.example'], terminal, fake)).toBe(23);
    const [record] = records(terminal);
    expect(record!.target.address).toBe('2001:db8::a');
    expect(record!.verdict.reasons).toEqual(['2001:db8::a is in the do-not-probe list.']);
    expect(fake.traces).toEqual([]);
  });

  it('is 23 for it without --json too, where people get one line on stderr and nothing else', async () => {
    const hosts = { 'no.example': resolved('2001:db8::a') };
    const terminals = [{}, { isTTY: true }].map((stream) => fakeTerminal(stream, stream, { TERM: 'xterm' }));
    for (const terminal of terminals) {
      const fake = fakeMeasuring({ hosts, refused: '2001:db8::a' });
      expect(await run(['no.example'], terminal, fake)).toBe(23);
      expect(terminal.stderr.text).toBe('pdm-trace: 2001:db8::a is in the do-not-probe list.\n');
    }
    expect(terminals[0]!.stdout.text).toBe('');
    expect(terminals[1]!.stdout.text).not.toContain('not-measured');
  });

  it('says of a host that cannot be traced one line beside the records of others', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ answer: () => deliveredRecord() });
    expect(await run(['--protocol', 'udp', 'nowhere.example', 'www.example.com'], terminal, fake)).toBe(69);
    expect(terminal.stderr.text).toBe('pdm-trace: "nowhere.example" does not exist; check the spelling\n');
    expect(terminal.stdout.text).toMatch(/^pdm-trace 0\.1\.0, .*\n\nwww\.example\.com \(/);
    expect(terminal.stdout.text).not.toContain('nowhere.example');
  });

  it.each(['2001:db8::/32', 'https://www.example.com/', '2001:db8::1::2', ''])(
    'is 64 for "%s", which cannot be a host, and nothing is opened',
    async (host) => {
      const terminal = fakeTerminal();
      const fake = fakeMeasuring();
      expect(await run(['--json', 'www.example.com', host], terminal, fake)).toBe(64);
      expect(terminal.stderr.text).toBe(
        `pdm-trace: "${host}" is not a host name: give a name such as www.example.com, or an IPv6 address\n`,
      );
      expect(fake.opened).toEqual([]);
    },
  );

  it('is 69 for a word that no name server knows, which says the command that it was meant to be', async () => {
    const terminal = fakeTerminal();
    expect(await run(['reprot'], terminal, fakeMeasuring())).toBe(69);
    expect(terminal.stderr.text).toBe(
      'pdm-trace: cannot look up "reprot" as a host; did you mean the command report?\n',
    );
  });

  it('is that of the verdict where such a word is a host after all', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ hosts: { reprot: resolved('2001:db8::a') }, answer: () => deliveredRecord() });
    expect(await run(['reprot'], terminal, fake)).toBe(0);
    expect(terminal.stderr.text).toBe('');
  });

  it('is 69 without a route, which is said in one line and yields an unreachable record', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({ routeError: 'ENETUNREACH' });
    expect(await run(['--json', '--protocol', 'udp', 'www.example.com'], terminal, fake)).toBe(69);
    expect(terminal.stderr.text).toBe('pdm-trace: no route (ENETUNREACH); add one\n');
    expect(records(terminal)[0]!.verdict).toMatchObject({
      outcome: 'unreachable',
      reasons: ['no route (ENETUNREACH); add one'],
    });
  });

  it('is that of an accusation where another name does not exist', async () => {
    const fake = fakeMeasuring({ answer: () => droppedRecord() });
    expect(await run(['nowhere.example', 'www.example.com'], fakeTerminal(), fake)).toBe(11);
  });

  it('is 77 with the remedy where a privilege is missing', async () => {
    const terminal = fakeTerminal();
    const openError = new CliError('EPERM', 77, 'raw sockets are not permitted (EPERM); run it as root');
    expect(await run(['www.example.com'], terminal, fakeMeasuring({ openError }))).toBe(77);
    expect(terminal.stdout.text).toBe('');
    expect(terminal.stderr.text).toBe('pdm-trace: raw sockets are not permitted (EPERM); run it as root\n');
  });

  it('is 70 for a defect, whose stack is only shown with --debug', async () => {
    const fail = {
      onStart: (trace: { fail: (error: Error) => void }) => {
        trace.fail(new TypeError('x is not\na function'));
      },
    };
    const quiet = fakeTerminal();
    expect(await run(['www.example.com'], quiet, fakeMeasuring(fail))).toBe(70);
    expect(quiet.stderr.text.split('\n')).toHaveLength(2);
    expect(quiet.stderr.text).toContain('x is not a function (a defect of pdm-trace; run it again with --debug');
    const loud = fakeTerminal();
    await run(['--debug', 'www.example.com'], loud, fakeMeasuring(fail));
    expect(loud.stderr.text).toMatch(/\n {4}at /);
  });

  it('is 69 when the transport breaks, after printing what was measured', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring();
    const running = run(['--json', 'www.example.com'], terminal, fake);
    await settle(fake);
    fake.breakTransport(Object.assign(new Error('poll failed'), { code: 'EBADF' }));
    expect(await running).toBe(69);
    expect(records(terminal)).toHaveLength(2);
    expect(terminal.stderr.text).toContain('the transport failed while measuring: poll failed');
  });
});

describe('ending early', () => {
  it('prints what was measured on Ctrl-C and ends inconclusive', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring();
    const running = run(['--json', 'www.example.com'], terminal, fake);
    await settle(fake);
    terminal.interrupt();
    expect(await running).toBe(21);
    expect(fake.interrupts).toBe(1);
    expect(records(terminal).map((record) => record.verdict.outcome)).toEqual(['inconclusive', 'inconclusive']);
    expect(terminal.stderr.text).toBe(
      'pdm-trace: interrupted, finishing with what was measured; once more ends it at once\n',
    );
    expect(terminal.exits).toEqual([]);
  });

  it('ends at once on a second Ctrl-C', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring();
    const running = run(['www.example.com'], terminal, fake);
    await settle(fake);
    terminal.interrupt();
    terminal.interrupt();
    expect(terminal.exits).toEqual([130]);
    await running;
  });

  it('gives hosts that were not started yet an inconclusive record', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `h${i}.example`);
    const hosts = Object.fromEntries(names.map((name, i) => [name, resolved(`2001:db8::${i + 1}`)]));
    const terminal = fakeTerminal();
    const fake = fakeMeasuring({
      hosts,
      onStart: () => {
        if (fake.traces.length === 1) terminal.interrupt();
      },
    });
    expect(await run(['--json', '--protocol', 'udp', ...names], terminal, fake)).toBe(21);
    const all = records(terminal);
    expect(all.map((record) => record.target.input).sort()).toEqual([...names].sort());
    expect(new Set(all.map((record) => record.verdict.outcome))).toEqual(new Set(['inconclusive']));
    expect(fake.traces.length).toBeLessThan(20);
  });

  it('is quiet when the reader goes away, and stops measuring', async () => {
    const terminal = fakeTerminal({ failing: { code: 'EPIPE', fromWrite: 1 } });
    const fake = fakeMeasuring();
    expect(await run(['www.example.com'], terminal, fake)).toBe(21);
    expect(fake.interrupts).toBe(1);
    expect(terminal.stderr.text).toBe('');
  });

  it('is 73 when output cannot be written', async () => {
    const terminal = fakeTerminal({ failing: { code: 'ENOSPC', fromWrite: 1 } });
    const fake = fakeMeasuring({ answer: () => deliveredRecord() });
    expect(await run(['--json', 'www.example.com'], terminal, fake)).toBe(73);
    expect(terminal.stderr.text).toBe(
      'pdm-trace: standard output cannot be written: ENOSPC; make room or write to another place\n',
    );
  });
});
