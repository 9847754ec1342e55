import { z } from 'zod';
import { HIGHEST_HOP_LIMIT } from '../trace/numbers.js';
import { LARGEST_PROBE, SMALLEST_PROBE } from '../trace/probe/probe-size.js';
import type { Protocol } from '../record/record.js';
import {
  choice,
  choices,
  optionalAddress,
  optionalFile,
  optionalInterface,
  optionalProbeUri,
  optionalServer,
  optionalShare,
  optionalText,
  optionalWholeNumber,
  wholeNumber,
  yesOrNo,
  type Command,
  type Setting,
} from './setting-types.js';

/** Protocols that can be measured. */
const MEASURED = ['udp', 'icmp6', 'tcp'] as const satisfies readonly Protocol[];

/**
 * All settings, by their key in the file. A flag has the same name in kebab-case, an environment variable in upper case
 * after `PDM_TRACE_`. A new setting is one entry here; run the tests with UPDATE_SCHEMAS=1 to renew the files in config/.
 */
const SETTINGS = {
  protocol: choices(MEASURED, {
    default: ['udp', 'icmp6'],
    example: 'udp,icmp6',
    describe: 'protocols to measure, one record for each',
    perTarget: true,
  }),
  dport: optionalWholeNumber(1, 65535, {
    default: null,
    example: '33434',
    describe: 'destination port, constant for the trace; null: 33434 for udp, 443 for tcp',
    perTarget: true,
  }),
  maxHops: wholeNumber(1, HIGHEST_HOP_LIMIT, { default: 30, example: '30', describe: 'highest hop limit' }),
  confidence: optionalShare(0.5, 1, {
    default: null,
    example: '0.999',
    describe: 'bar for every accusation; null: 0.999 for trace, 0.9999 for lists',
  }),
  rate: wholeNumber(1, 1_000_000, { default: 100, example: '100', describe: 'packets per second over all traces' }),
  hopInterval: wholeNumber(0, 60_000, {
    default: 100,
    example: '100',
    describe:
      'milliseconds between pairs for one target, and between errors asked of one router until its limit is learnt',
  }),
  timeout: wholeNumber(100, 60_000, {
    default: 2000,
    example: '2000',
    describe: 'longest wait for a reply in milliseconds; shorter once the path is known',
  }),
  gapLimit: wholeNumber(1, 64, {
    default: 8,
    example: '8',
    describe: 'stop exploring beyond this many hops silent in both arms',
  }),
  explain: yesOrNo({
    default: true,
    negative: true,
    example: 'true',
    describe: 'after an accusation, find out why with the cause arms',
  }),
  reference: optionalAddress({
    default: null,
    example: '2001:db8:9::1',
    describe:
      'host in another network that is asked, where no router on the way answers packets to itself, whether answers to the option come back at all',
  }),
  source: optionalAddress({
    default: null,
    example: '2001:db8::1',
    describe: 'source address; null: the one the route gives',
  }),
  interface: optionalInterface({
    default: null,
    example: 'eth0',
    describe: 'interface; null: the one the route gives',
  }),
  flowLabel: optionalWholeNumber(1, 0xfffff, {
    default: null,
    example: '0x12345',
    describe: 'IPv6 flow label of all probes; null: a random one, not zero',
  }),
  probeUri: optionalProbeUri({
    default: null,
    example: 'https://example.com/probes',
    describe: 'probe description URI (RFC 9511) carried by every probe, at most 36 characters',
  }),
  size: optionalWholeNumber(SMALLEST_PROBE, LARGEST_PROBE, {
    default: null,
    example: '1200',
    describe:
      'octets of a UDP or echo probe without the option, IPv6 header included; null: the smallest, or 1400 with fragment',
  }),
  fragment: yesOrNo({
    default: false,
    example: 'true',
    describe: 'send UDP and echo probes as fragments, PDM before the Fragment header',
  }),
  transport: choice(['auto', 'native', 'raw-socket'], {
    default: 'auto',
    example: 'auto',
    describe: 'how packets are sent and received; auto says what it chose and why',
  }),
  seed: optionalWholeNumber(0, 0xffffffff, {
    default: null,
    example: '1',
    describe: 'seed of the order of probes; null: random, and logged',
  }),
  addresses: choice(['first', 'all'], { default: 'first', example: 'first', describe: 'which AAAA records of a name' }),
  dns: yesOrNo({ default: true, negative: true, example: 'true', describe: 'look up reverse names' }),
  resolver: optionalServer({
    default: null,
    example: '[2001:db8::53]:53',
    describe: 'name server; null: the system resolver. /etc/hosts counts with either',
  }),
  asnDb: optionalFile({
    default: null,
    example: 'GeoLite2-ASN.mmdb',
    describe: 'AS database, MMDB or CSV rows start,end,asn,organisation (.gz too); null: the bundled data if installed',
  }),
  ixpPrefixes: optionalFile({
    default: null,
    example: 'exchanges.txt',
    describe: 'file of exchange LANs, one prefix a line, never attributed to a network',
  }),
  doNotProbe: optionalFile({
    default: null,
    example: 'do-not-probe.txt',
    describe: 'file of prefixes that are never probed, one a line',
  }),
  allowSpecial: yesOrNo({
    default: false,
    example: 'true',
    describe:
      'trace targets that are not globally reachable and on no link of this host too; never when asked over HTTP',
  }),
  company: optionalText({
    default: null,
    example: 'Example Corp',
    describe: 'whose network is measured; put into the records',
    perTarget: true,
  }),
  vantage: optionalText({
    default: null,
    example: 'PDM-Toronto',
    describe: 'where the measurement is made from; null: the host name',
  }),
  targets: optionalFile({
    default: null,
    example: 'targets.csv',
    describe: 'list of targets: CSV with a header that names a column host, or one host a line',
    notInFile: true,
  }),
  store: optionalFile({
    default: null,
    example: 'pdm-trace.db',
    describe: 'SQLite store for the records; null: none for trace, pdm-trace.db for run and report',
  }),
  resume: yesOrNo({
    default: false,
    example: 'true',
    describe: 'go on with the last run that was not finished, where the store says',
    notInFile: true,
  }),
  dryRun: yesOrNo({
    default: false,
    example: 'true',
    describe: 'print how many packets and how much time the list takes, and send nothing',
    notInFile: true,
  }),
  json: yesOrNo({
    default: false,
    example: 'true',
    describe: 'records on stdout as JSON Lines, and nothing else there',
  }),
  pcap: optionalFile({
    default: null,
    example: 'evidence.pcapng',
    describe: 'write every packet sent and received to this file, as pcapng with nanosecond times',
  }),
  force: yesOrNo({ default: false, example: 'true', describe: 'overwrite output files' }),
  debug: yesOrNo({ default: false, example: 'true', describe: 'stack traces and debug logs on stderr' }),
  config: optionalFile({
    default: null,
    example: 'pdm-trace.yaml',
    describe: 'settings file',
    notInFile: true,
  }),
} satisfies Record<string, Setting<unknown>>;

/** A setting's name, in camelCase as in settings files. */
export type SettingKey = keyof typeof SETTINGS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** As given: null where the default depends on something else. */
export type GivenSettings = { readonly [K in SettingKey]: ValueOf<(typeof SETTINGS)[K]> };

/** As used: what depends on the command or the host is decided. `dport` (by protocol) and `seed`, `flowLabel` (random) stay null. */
export interface Settings extends Omit<GivenSettings, 'confidence' | 'vantage'> {
  readonly confidence: number;
  readonly vantage: string;
}

/** In the order of `SETTINGS`. */
export const SETTING_KEYS = Object.keys(SETTINGS).filter((key): key is SettingKey => key in SETTINGS);

/** Without its value's type, for whoever goes through all of them. */
export function settingOf(key: SettingKey): Setting<unknown> {
  return SETTINGS[key];
}

/** `maxHops` → `--max-hops`, `explain` → `--no-explain`. */
export function flagOf(key: SettingKey): string {
  return `--${settingOf(key).negative === true ? 'no-' : ''}${kebab(key)}`;
}

/** `maxHops` → `PDM_TRACE_MAX_HOPS`. */
export function variableOf(key: SettingKey): string {
  return `${VARIABLE_PREFIX}${kebab(key).replaceAll('-', '_').toUpperCase()}`;
}

/** Before a setting's name in the environment. */
export const VARIABLE_PREFIX = 'PDM_TRACE_';

/** `maxHops` → `max-hops`. */
export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * P by command: a list of 100,000 targets would have a hundred wrong accusations at the bar of one trace (METHOD: Lists).
 */
export const DEFAULT_CONFIDENCE: Readonly<Record<Command, number>> = { trace: 0.999, run: 0.9999, daemon: 0.9999 };

/** Where `run` and `report` look when no store is named. */
export const DEFAULT_STORE = 'pdm-trace.db';

const DEFAULT_PORT: Readonly<Record<Protocol, number | null>> = { udp: 33434, icmp6: null, tcp: 443 };

/** Destination port of a trace: as set, or the protocol's default; null for icmp6, which has none. */
export function destinationPort(settings: Pick<Settings, 'dport'>, protocol: Protocol): number | null {
  return protocol === 'icmp6' ? null : (settings.dport ?? DEFAULT_PORT[protocol]);
}

/** The settings file as a zod schema, for JSON Schema; values are checked one by one, for better messages. */
export function settingsFileSchema(): z.ZodType {
  const shape: Record<string, z.ZodType> = {};
  for (const key of SETTING_KEYS) {
    const setting = settingOf(key);
    if (setting.notInFile !== true) shape[key] = setting.schema.default(setting.default).describe(setting.describe);
  }
  return z.strictObject(shape);
}

/** Before the command and the host decide: what depends on them is null. */
export function defaultSettings(): GivenSettings {
  const values: Record<string, unknown> = {};
  for (const key of SETTING_KEYS) values[key] = settingOf(key).default;
  return values as unknown as GivenSettings;
}
