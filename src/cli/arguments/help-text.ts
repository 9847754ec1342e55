import { flagText, flagsOf, type CommandName, type Flag } from './flags.js';
import { displayWidth, padEnd, wrap } from '../../text/terminal-text.js';

interface Help {
  readonly usage: readonly string[];
  readonly about: string;
  readonly examples: readonly (readonly [string, string])[];
  readonly more: readonly string[];
}

const EXIT_CODES =
  'Exit codes: 0 delivered, 10 stripped, 11 dropped, 12 rejected, 13 impaired, 14 altered, 15 bypassed, ' +
  '20 no difference, 21 inconclusive, 22 unreachable, 23 not measured; 64 bad usage or settings, 66 input file unreadable, ' +
  '69 network or name resolution failed, 70 a defect, 73 output cannot be written, 77 missing privilege, 130 ' +
  'ended by a second Ctrl-C.';

const HELP: Readonly<Record<CommandName, Help>> = {
  trace: {
    usage: [
      'pdm-trace <host>...',
      'pdm-trace trace <host>...',
      'pdm-trace run --targets FILE',
      'pdm-trace daemon --config FILE',
      'pdm-trace report',
      'pdm-trace doctor',
    ],
    about:
      'Sends pairs of IPv6 packets with and without the RFC 8250 PDM destination option, hop by hop, and says whether ' +
      'packets with the option arrive and, if not, after which hop they stop and whose network that is.',
    examples: [
      ['pdm-trace www.example.com', 'trace with UDP and ICMPv6, watch it, read the verdict'],
      ['pdm-trace --json www.example.com > result.jsonl', 'the records for other programs'],
      ['pdm-trace --protocol icmp6 --no-dns 2001:db8::1', 'echo requests only, no reverse names'],
      ['pdm-trace --confidence 0.9999 --rate 50 a.example b.example', 'two hosts, a higher bar, a slower pace'],
      ['pdm-trace doctor', 'find out why it does not work here'],
    ],
    more: [
      'Each command has its own --help. Settings: defaults < --config FILE < PDM_TRACE_* variables (PDM_TRACE_MAX_HOPS=20) < flags.',
      EXIT_CODES,
    ],
  },
  run: {
    usage: ['pdm-trace run --targets FILE', 'pdm-trace run --resume'],
    about:
      'Traces every target of a list once and keeps the records in a store. The list and the flags are stored before ' +
      'the first probe, so that a run that was interrupted or killed can be gone on with; it measures nothing twice.',
    examples: [
      ['pdm-trace run --targets targets.csv', 'trace the list, watch how far it is'],
      ['pdm-trace run --targets targets.csv --dry-run', 'how many packets, how long; sends nothing'],
      ['pdm-trace run --resume', 'go on with the last run that was not finished, with its own flags'],
      [
        'pdm-trace run --targets targets.txt --rate 2000 --json > records.jsonl',
        'faster, and every record on stdout too',
      ],
    ],
    more: [
      'A list is CSV with a header (host, and optionally company, protocol, dport, tags) or one host a line; # begins a comment.',
      'Exit codes: 0 the list is done, 130 interrupted (go on with --resume); 64 bad usage or settings, 66 the list cannot ' +
        'be read, 69 the network failed, 70 a defect, 73 the store cannot be written, 77 missing privilege.',
    ],
  },
  daemon: {
    usage: ['pdm-trace daemon --config FILE', 'pdm-trace daemon --config FILE --check'],
    about:
      'Traces lists on schedules, one job for each, into one store, for months. Measuring happens in a process of its own; ' +
      'this one has schedules, store and HTTP and gives up every privilege. The log is JSON lines on stderr.',
    examples: [
      ['pdm-trace daemon --config daemon.yaml --check', 'is the file in order, and when do its jobs run next'],
      ['pdm-trace daemon --config daemon.yaml', 'run until SIGTERM'],
      ['kill -HUP <pid>', 'read the file and the do-not-probe list again'],
    ],
    more: [
      'Everything is set in the file: see config/daemon.example.yaml.',
      'Exit codes: 0 ended by a signal; 64 bad settings, 66 a file cannot be read, 69 the network failed, 70 a defect, ' +
        '73 the store cannot be written, 77 missing privilege.',
    ],
  },
  report: {
    usage: ['pdm-trace report', 'pdm-trace report --changes', 'pdm-trace report --runs'],
    about:
      'Shows what a store holds, one row per record, without changing it; while a run writes into it too. Records are ' +
      'filtered by all that is given; a format for people, spreadsheets, documents or other programs is chosen by --format.',
    examples: [
      ['pdm-trace report', 'every record as a table'],
      ['pdm-trace report --run last --outcome accusations', 'where somebody drops, refuses or changes PDM'],
      ['pdm-trace report --changes', 'what the last run found to be different'],
      ['pdm-trace report --as 64500 --since 2026-11-01 --output as64500.csv', 'one network, for a spreadsheet'],
      ['pdm-trace report --run last --output report.html', 'one page with the evidence of every verdict'],
      ['pdm-trace report --format json --outcome dropped | jq .verdict', 'whole records, one a line'],
      ['pdm-trace report --runs', 'the runs, their ids, and how many records ended how'],
    ],
    more: [
      'atlas is RIPE Atlas traceroute JSON and scamper what sc_warts2json prints, one trace for each kind of packet.',
      'Exit codes: 0 also where nothing matches (stderr says why), 64 bad filter, 66 the store cannot be read, 70 a defect, ' +
        '73 the output cannot be written (it exists: --force), 130 interrupted.',
    ],
  },
  doctor: {
    usage: ['pdm-trace doctor'],
    about:
      'Checks what measuring from here needs: privilege, IPv6 address and route, transport, clock, which of the first ' +
      'two hops lets the option through (hop limits 1, 2 and 3: what a hop forwards is seen at the next one), AS data. ' +
      'One line each, with what to do about it.',
    examples: [
      [
        'pdm-trace doctor',
        'all checks; at most 30 packets go out, in pairs with and without the option, and none gets past the third router',
      ],
      ['pdm-trace doctor --target www.example.com', 'the first hops of the way to that host'],
      ['pdm-trace doctor --offline', 'send nothing'],
    ],
    more: ['Exit codes: 0 measuring works here, with warnings (warn) too; 69 a check failed, 77 missing privilege.'],
  },
};

const LEAST_COLUMNS = 50;
const MOST_COLUMNS = 100;

/** Usage, flags with defaults, examples. Ends with a line break. */
export function helpText(command: CommandName, columns: number): string {
  const width = Math.min(MOST_COLUMNS, Math.max(LEAST_COLUMNS, columns));
  const help = HELP[command];
  const lines = help.usage.map((usage, i) => `${i === 0 ? 'Usage: ' : '       '}${usage}`);
  lines.push('', ...wrap(help.about, width), '', 'Flags:');
  const flags = flagsOf(command);
  const labels = flags.map(labelOf);
  const column = Math.min(30, Math.max(...labels.map(displayWidth))) + 4;
  for (const [i, flag] of flags.entries()) lines.push(...flagLines(labels[i] ?? '', flag, column, width));
  lines.push('', 'Examples:');
  for (const [example, meaning] of help.examples)
    lines.push(`  ${example}`, ...wrap(meaning, width, '      ', '      '));
  lines.push('', ...help.more.flatMap((text) => wrap(text, width)));
  return `${lines.join('\n')}\n`;
}

function labelOf(flag: Flag): string {
  return flag.value === null ? flagText(flag) : `${flagText(flag)} ${flag.value}`;
}

function flagLines(label: string, flag: Flag, column: number, width: number): string[] {
  const text = flag.default === null ? flag.describe : `${flag.describe} [${flag.default}]`;
  const indent = ' '.repeat(column);
  const described = wrap(text, width - column).map((line) => indent + line);
  const first = `  ${label}`;
  if (displayWidth(first) + 2 > column) return [first, ...described];
  return [`${padEnd(first, column)}${(described[0] ?? '').trimStart()}`, ...described.slice(1)];
}
