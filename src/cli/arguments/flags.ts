import { REPORT_FLAGS, type OwnFlag } from './report-flags.js';
import { DEFAULT_CONFIDENCE, DEFAULT_STORE, kebab, settingOf, type SettingKey } from '../../config/settings.js';

/** Commands of the command line. A new one is an entry here and a case in `command-line.ts`. */
export const COMMANDS = ['trace', 'run', 'daemon', 'report', 'doctor'] as const;
/** One of `COMMANDS`. */
export type CommandName = (typeof COMMANDS)[number];

/** A flag as the command line knows it. */
export interface Flag {
  /** Without the dashes and without `no-`. */
  readonly name: string;
  /** Key under which its value is handed on. */
  readonly key: string;
  /** Shown after the name; null for switches, which take no value. */
  readonly value: string | null;
  /** The flag is `--no-…`. */
  readonly negative: boolean;
  readonly describe: string;
  readonly example: string;
  /** As shown; null where leaving it out says all. */
  readonly default: string | null;
}

type SettingFlag = readonly [SettingKey, string | null];

/** Settings that are flags of `trace` and `run`, in the order of the help, with the name of their value. */
const MEASURING_SETTINGS: readonly SettingFlag[] = [
  ['protocol', 'LIST'],
  ['dport', 'N'],
  ['maxHops', 'N'],
  ['confidence', 'P'],
  ['rate', 'N'],
  ['hopInterval', 'MS'],
  ['timeout', 'MS'],
  ['gapLimit', 'N'],
  ['explain', null],
  ['reference', 'ADDR'],
  ['source', 'ADDR'],
  ['interface', 'IF'],
  ['flowLabel', 'N'],
  ['probeUri', 'URI'],
  ['size', 'N'],
  ['fragment', null],
  ['transport', 'auto|native|raw-socket'],
  ['addresses', 'first|all'],
  ['resolver', 'ADDR'],
  ['dns', null],
  ['asnDb', 'FILE'],
  ['ixpPrefixes', 'FILE'],
  ['doNotProbe', 'FILE'],
  ['allowSpecial', null],
  ['company', 'NAME'],
  ['vantage', 'NAME'],
  ['seed', 'N'],
  ['store', 'FILE'],
  ['json', null],
  ['pcap', 'FILE'],
  ['force', null],
  ['config', 'FILE'],
  ['debug', null],
];

const LIST_SETTINGS: readonly SettingFlag[] = [
  ['targets', 'FILE'],
  ['resume', null],
  ['dryRun', null],
];

/** Everything else is in the file. */
const DAEMON_SETTINGS: readonly SettingFlag[] = [
  ['config', 'FILE'],
  ['debug', null],
];

const DOCTOR_SETTINGS: readonly SettingFlag[] = [
  ['source', 'ADDR'],
  ['interface', 'IF'],
  ['transport', 'auto|native|raw-socket'],
  ['resolver', 'ADDR'],
  ['asnDb', 'FILE'],
  ['config', 'FILE'],
  ['debug', null],
];

const REPORT_SETTINGS: readonly SettingFlag[] = [
  ['store', 'FILE'],
  ['force', null],
  ['config', 'FILE'],
  ['debug', null],
];

const DAEMON_FLAGS: readonly OwnFlag[] = [
  ['check', null, 'check the settings file and the lists, print when the jobs run next, and end', '', null],
];

const DOCTOR_FLAGS: readonly OwnFlag[] = [
  [
    'target',
    'HOST',
    'check the first hops of the way to this host instead of to a documentation address',
    'www.example.com',
    null,
  ],
  ['offline', null, 'send nothing: leave the check of the first hops out', '', null],
];

const HELP_FLAGS: readonly OwnFlag[] = [
  ['help', null, 'show this help', '', null],
  ['version', null, 'show the version', '', null],
];

const OWN_FLAGS: Readonly<Record<CommandName, readonly Flag[]>> = {
  trace: [],
  run: [],
  daemon: DAEMON_FLAGS.map((flag) => ownFlag(flag, flag[0])),
  report: REPORT_FLAGS.map((flag) => ownFlag(flag, reportKey(flag[0]))),
  doctor: DOCTOR_FLAGS.map((flag) => ownFlag(flag, flag[0])),
};

/** The key of one of `report`'s own flags: some have the name of a setting, which is something else. */
export function reportKey(name: string): string {
  return `report.${name}`;
}

function ownFlag([name, value, describe, example, standard]: OwnFlag, key: string): Flag {
  return { name, key, value, negative: false, describe, example, default: standard };
}

const SETTINGS_OF: Readonly<Record<CommandName, readonly SettingFlag[]>> = {
  trace: MEASURING_SETTINGS,
  run: [...LIST_SETTINGS, ...MEASURING_SETTINGS],
  daemon: DAEMON_SETTINGS,
  report: REPORT_SETTINGS,
  doctor: DOCTOR_SETTINGS,
};

/** Its own flags first, then the settings that it takes, then help. */
export function flagsOf(command: CommandName): Flag[] {
  const settings = SETTINGS_OF[command].map(([key, value]) => settingFlag(command, key, value));
  return [...OWN_FLAGS[command], ...settings, ...HELP_FLAGS.map((flag) => ownFlag(flag, flag[0]))];
}

/** `--hop-interval`, `--no-dns`. */
export function flagText(flag: Flag): string {
  return `--${flag.negative ? 'no-' : ''}${flag.name}`;
}

function settingFlag(command: CommandName, key: SettingKey, value: string | null): Flag {
  const setting = settingOf(key);
  return {
    name: kebab(key),
    key,
    value,
    negative: setting.negative === true,
    describe: DESCRIPTIONS[key] ?? setting.describe.replace(/; null: .*$/, ''),
    example: setting.example,
    default: DEFAULTS_OF[command]?.[key] ?? DEFAULTS[key] ?? defaultText(setting.default),
  };
}

/** Where the flag reads differently from the setting. */
const DESCRIPTIONS: Readonly<Partial<Record<SettingKey, string>>> = {
  dns: 'skip reverse names',
  explain: 'do not look for the cause of a loss',
  protocol: 'protocols to measure, one record for each: udp, icmp6, tcp',
};

/** Defaults that depend on something. */
const DEFAULTS: Readonly<Partial<Record<SettingKey, string>>> = {
  dport: '33434 for udp, 443 for tcp',
  confidence: String(DEFAULT_CONFIDENCE.trace),
  source: 'by route',
  interface: 'by route',
  flowLabel: 'random',
  size: 'the smallest, or 1400 with --fragment',
  seed: 'random, shown',
  asnDb: 'the bundled data',
  resolver: 'the system',
  vantage: 'the host name',
};

/** … and those that depend on the command. */
const DEFAULTS_OF: Readonly<Partial<Record<CommandName, Readonly<Partial<Record<SettingKey, string>>>>>> = {
  run: { confidence: String(DEFAULT_CONFIDENCE.run), store: DEFAULT_STORE },
  report: { store: DEFAULT_STORE },
};

function defaultText(value: unknown): string | null {
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'number' || typeof value === 'string') return String(value);
  return null;
}
