import { describe, expect, it } from 'vitest';
import { runCommandLine } from '../../src/cli/command-line.js';
import { COMMANDS, flagText, flagsOf } from '../../src/cli/arguments/flags.js';
import { helpText } from '../../src/cli/arguments/help-text.js';
import { parseArguments } from '../../src/cli/arguments/parse-arguments.js';
import { displayWidth } from '../../src/text/terminal-text.js';
import { fakeTerminal, type FakeTerminal } from './fake-terminal.js';

async function fails(argv: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const terminal = fakeTerminal({}, {}, environment);
  const code = await run(argv, terminal);
  expect(terminal.stdout.text).toBe('');
  expect(terminal.stderr.text.endsWith('\n')).toBe(true);
  const lines = terminal.stderr.text.split('\n').slice(0, -1);
  expect(lines).toHaveLength(1);
  return { code, line: lines[0] };
}

function run(argv: readonly string[], terminal: FakeTerminal): Promise<number> {
  return runCommandLine(argv, terminal, {
    openMeasuring: () => Promise.reject(new Error('measuring was started')),
    storePorts: () => Promise.reject(new Error('a store was opened')),
    daemonProcess: () => Promise.reject(new Error('no daemon here')),
    doctorPorts: () => Promise.reject(new Error('the doctor was called')),
    toolVersion: '1.2.3',
  });
}

describe('bad usage', () => {
  it.each([
    [
      ['--hop-interval', 'abc', 'host'],
      '--hop-interval: "abc" is not possible; it must be a whole number from 0 to 60,000, for example --hop-interval 100',
    ],
    [
      ['--max-hops', '65', 'host'],
      '--max-hops: "65" is not possible; it must be a whole number from 1 to 63, for example --max-hops 30',
    ],
    [['--max-hops=', 'host'], '--max-hops needs a value; give it one, for example --max-hops 30'],
    [['host', '--rate'], '--rate needs a value; give it one, for example --rate 100'],
    [['--rate', '--json', 'host'], '--rate needs a value; give it one, for example --rate 100'],
    [['--hop-intervall', '3', 'host'], 'there is no flag --hop-intervall; did you mean --hop-interval?'],
    [['--gap', '3', 'host'], 'there is no flag --gap; did you mean --gap-limit?'],
    [['--nodns', 'host'], 'there is no flag --nodns; did you mean --no-dns?'],
    [['--dns', 'host'], 'there is no flag --dns; did you mean --no-dns?'],
    [['-json', 'host'], 'there is no flag -json; did you mean --json?'],
    [['--qqqqqqqqqq', 'host'], 'there is no flag --qqqqqqqqqq; pdm-trace trace --help lists all flags'],
    [['--offline', 'host'], '--offline is a flag of doctor, not of trace; leave it out or use pdm-trace doctor'],
    [['doctor', '--rate', '5'], '--rate is a flag of trace, not of doctor; leave it out or use pdm-trace trace'],
    [
      ['doctor', '--target', '2001:db8::/32'],
      '--target: "2001:db8::/32" is not a host name: give a name such as www.example.com, or an IPv6 address',
    ],
    [['help', 'nosuch'], 'there is no command "nosuch"; the commands are trace, run, daemon, report, doctor'],
    [['help', 'reprot'], 'there is no command "reprot"; did you mean report?'],
    [['doctor', 'host'], 'doctor takes no "host"; name a host with --target'],
    [[], 'no host given; name one, for example pdm-trace www.example.com (pdm-trace --help says more)'],
    [
      ['trace', '--json'],
      'no host given; name one, for example pdm-trace www.example.com (pdm-trace --help says more)',
    ],
  ] as const)('%j ends with 64 and one line that says what to do', async (argv, message) => {
    expect(await fails(argv)).toEqual({ code: 64, line: `pdm-trace: ${message}` });
  });

  it('does not name things that are not there yet', async () => {
    for (const flag of ['--parallel']) {
      const { code, line } = await fails([flag, 'x', 'host']);
      expect([flag, code, line?.includes(`there is no flag ${flag};`)]).toEqual([flag, 64, true]);
    }
  });

  it('shows no control characters of what was typed', async () => {
    const { line } = await fails(['--\u001b[31mred', 'host']);
    expect(line).toMatch(/^[\x20-\x7e]+$/);
  });

  it('is found in the environment and in the settings file too', async () => {
    expect((await fails(['host'], { PDM_TRACE_MAX_HOPS: '900' })).line).toContain('PDM_TRACE_MAX_HOPS: "900"');
    const missing = await fails(['--config', '/nonexistent/settings.yaml', 'host']);
    expect(missing.code).toBe(66);
    expect(missing.line).toContain('settings file "/nonexistent/settings.yaml" cannot be read (ENOENT)');
  });
});

describe('arguments', () => {
  it('are hosts of trace unless they begin with the name of a command', () => {
    expect(parseArguments(['a', 'b'])).toMatchObject({ command: 'trace', operands: ['a', 'b'] });
    expect(parseArguments(['trace', 'doctor'])).toMatchObject({ command: 'trace', operands: ['doctor'] });
    expect(parseArguments(['--debug', 'doctor'])).toMatchObject({ command: 'doctor', operands: [] });
    expect(parseArguments(['--', '--json'])).toMatchObject({ command: 'trace', operands: ['--json'], flags: {} });
  });

  it('keep the text of values, and of several the last, but join lists', () => {
    expect(parseArguments(['--rate', '007', '--rate=12', 'x']).flags).toEqual({ rate: '12' });
    expect(parseArguments(['--protocol', 'udp', '--protocol', 'icmp6', 'x']).flags).toEqual({ protocol: 'udp,icmp6' });
    expect(parseArguments(['--company', '-5', '12', '0x10']).operands).toEqual(['12', '0x10']);
    expect(parseArguments(['--no-dns', '--json', 'x']).flags).toEqual({ dns: false, json: true });
  });
});

describe('help', () => {
  it.each(COMMANDS)('of %s names every flag with its default, shows examples, and fits the terminal', (command) => {
    for (const columns of [60, 80, 200]) {
      const text = helpText(command, columns);
      for (const flag of flagsOf(command)) {
        expect(text).toContain(`  ${flagText(flag)}${flag.value === null ? '' : ` ${flag.value}`}`);
        if (flag.default !== null) expect(text.replace(/\s+/g, ' ')).toContain(`[${flag.default}]`);
      }
      expect(text).toContain('Examples:');
      expect(text).toContain('Exit codes:');
      const prose = text.split('\n').filter((line) => !line.startsWith('  pdm-trace'));
      expect(Math.max(...prose.map(displayWidth))).toBeLessThanOrEqual(columns);
    }
  });

  it('goes to stdout and ends with 0, for -h too, and whatever else is given', async () => {
    for (const argv of [
      ['--help'],
      ['-h'],
      ['doctor', '--help'],
      ['help'],
      ['help', 'help'],
      ['--help', 'host', '--rate', 'abc'],
    ]) {
      const terminal = fakeTerminal();
      expect(await run(argv, terminal)).toBe(0);
      expect(terminal.stdout.text).toMatch(/^Usage: pdm-trace /);
      expect(terminal.stderr.text).toBe('');
    }
  });

  it('says of a switch that turns something off what it turns off', () => {
    const text = helpText('trace', 100);
    expect(text).toMatch(/--no-dns +skip reverse names\n/);
    expect(text).toMatch(/--no-explain +do not look for the cause of a loss\n/);
  });

  it('of a command is what `help` and its name ask for', () => {
    expect(parseArguments(['help', 'run'])).toMatchObject({ command: 'run', help: true });
    expect(parseArguments(['trace', 'help'])).toMatchObject({ operands: ['help'], help: false });
  });

  it('is an error of 73 where it cannot be written', async () => {
    const terminal = fakeTerminal({ failing: { code: 'ENOSPC', fromWrite: 1 } });
    expect(await run(['--help'], terminal)).toBe(73);
  });

  it('stands beside --version, which prints the version alone', async () => {
    const terminal = fakeTerminal();
    expect(await run(['trace', '--version'], terminal)).toBe(0);
    expect(terminal.stdout.text).toBe('1.2.3\n');
  });
});
