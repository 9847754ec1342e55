import { hostname } from 'node:os';
import { readFileSync, statSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { closestName } from './closest-name.js';
import { largestProbe, probeUriPrefixLength, smallestProbe } from '../trace/probe/probe-size.js';
import type { Command, Setting, SettingKind } from './setting-types.js';
import {
  DEFAULT_CONFIDENCE,
  SETTING_KEYS,
  VARIABLE_PREFIX,
  defaultSettings,
  flagOf,
  settingOf,
  variableOf,
  type GivenSettings,
  type SettingKey,
  type Settings,
} from './settings.js';
import { SettingsError } from './settings-error.js';

/** Layers as they were given, unchecked. */
export interface SettingsInput {
  readonly command: Command;
  /** Settings file; else the one that `--config` or `PDM_TRACE_CONFIG` names. */
  readonly file?: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values of flags by key of the setting, undefined where not given. Other keys are the command's own and passed over. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Further top-level keys that the file may have; handed back unread in `sections`. */
  readonly sections?: readonly string[];
}

/** Where a value came from: `default`, `file`, `environment`, `flag` or `target row`. */
type SettingSource = 'default' | 'file' | 'environment' | 'flag' | 'target row';

/** Checked settings, and where each came from. */
export interface LoadedSettings {
  readonly settings: Settings;
  /** For the debug log. */
  readonly sources: Readonly<Record<SettingKey, SettingSource>>;
  readonly file: string | null;
  readonly sections: Readonly<Record<string, unknown>>;
}

const FILE_LIMIT = 4 << 20;

/**
 * Defaults < file < `PDM_TRACE_*` < flags. Throws SettingsError for a value that is out of range, a key or variable that
 * does not exist, and a file that cannot be read.
 */
export function loadSettings(input: SettingsInput): LoadedSettings {
  const values: Record<string, unknown> = { ...defaultSettings() };
  const sources = Object.fromEntries(SETTING_KEYS.map((key) => [key, 'default'])) as Record<SettingKey, SettingSource>;
  const take = (key: SettingKey, raw: unknown, source: SettingSource, place: string): void => {
    values[key] = readValue(key, raw, source, place);
    sources[key] = source;
  };

  const fromEnvironment = environmentValues(input.env);
  const fromFlags = SETTING_KEYS.filter((key) => input.flags[key] !== undefined);
  for (const [key, raw] of fromEnvironment) take(key, raw, 'environment', variableOf(key));
  for (const key of fromFlags) take(key, input.flags[key], 'flag', flagOf(key));

  // The file is named by the later layers, so it is read after them and only fills what they left.
  const file = input.file ?? (typeof values.config === 'string' ? values.config : null);
  const { entries, sections } = file === null ? NO_FILE : readFile(file, input.sections ?? []);
  for (const [key, raw] of entries) {
    const value = readValue(key, raw, 'file', `${key} in "${file ?? ''}"`);
    if (sources[key] !== 'default') continue;
    values[key] = value;
    sources[key] = 'file';
  }
  return { settings: decide(values as unknown as GivenSettings, input.command), sources, file, sections };
}

/** Settings of one row of a target list; `place` says where it is, e.g. `line 7`. Null and empty cells change nothing. */
export function withTargetRow(settings: Settings, row: TargetRow, place: string): Settings {
  const changed: Record<string, unknown> = { ...settings };
  for (const key of SETTING_KEYS) {
    const raw: unknown = row[key];
    if (raw === undefined || raw === null || raw === '') continue;
    if (settingOf(key).perTarget !== true)
      throw new SettingsError(
        'unknown-setting',
        key,
        `${place}: ${key} cannot be set per target; set it for the whole list`,
      );
    changed[key] = readValue(key, raw, 'target row', `${key} in ${place}`);
  }
  return changed as unknown as Settings;
}

/** What two settings say together. */
export function checkProbeSize(given: Pick<GivenSettings, 'size' | 'fragment' | 'probeUri' | 'protocol'>): void {
  const { size, fragment, probeUri, protocol } = given;
  if (size === null && !fragment) return;
  if (protocol.includes('tcp')) {
    const named = size === null ? flagOf('fragment') : `${flagOf('size')} ${size}`;
    const message = `${named}: SYNs carry no data, so their size is fixed; leave tcp out of ${flagOf('protocol')}, or trace it by itself`;
    throw new SettingsError('bad-setting', size === null ? 'fragment' : 'size', message);
  }
  if (size === null) return;
  const smallest = smallestProbe(probeUriPrefixLength(probeUri), fragment);
  const largest = largestProbe(fragment);
  if (size >= smallest && size <= largest) return;
  const whose = fragment ? `with ${flagOf('fragment')}` : `with ${flagOf('probeUri')}`;
  const message = `${flagOf('size')} ${size}: probes ${whose} have ${smallest} to ${largest} octets; give a value in that range`;
  throw new SettingsError('bad-setting', 'size', message);
}

/** Settings as one row of a target list gives them, unchecked. */
export type TargetRow = Readonly<Partial<Record<SettingKey, unknown>>>;

function decide(given: GivenSettings, command: Command): Settings {
  checkProbeSize(given);
  return {
    ...given,
    confidence: given.confidence ?? DEFAULT_CONFIDENCE[command],
    vantage: given.vantage ?? hostname(),
  };
}

function environmentValues(env: SettingsInput['env']): [SettingKey, string][] {
  const known = new Map(SETTING_KEYS.map((key) => [variableOf(key), key]));
  const found: [SettingKey, string][] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(VARIABLE_PREFIX) || text === undefined || text === '') continue;
    const key = known.get(name);
    if (key === undefined) {
      // Without the prefix, which makes any two look alike.
      const near = closestName(name.slice(VARIABLE_PREFIX.length), SETTING_KEYS);
      const meant = SETTING_KEYS.filter((candidate) => candidate === near).map(variableOf)[0] ?? null;
      throw new SettingsError(
        'unknown-setting',
        null,
        `environment: there is no ${name}; ${remedy(meant, 'unset it')}`,
      );
    }
    found.push([key, text]);
  }
  return found;
}

const NO_FILE = { entries: [] as [SettingKey, unknown][], sections: {} as Record<string, unknown> };

function readFile(file: string, allowed: readonly string[]): typeof NO_FILE {
  const root = parseYaml(file);
  const entries: [SettingKey, unknown][] = [];
  const sections: Record<string, unknown> = {};
  const inFile = SETTING_KEYS.filter((key) => settingOf(key).notInFile !== true);
  for (const [name, value] of Object.entries(root)) {
    const key = inFile.find((candidate) => candidate === name);
    if (key !== undefined) entries.push([key, value]);
    else if (allowed.includes(name)) sections[name] = value;
    else {
      const meant = closestName(name, [...inFile, ...allowed]);
      const message = `settings file "${file}": there is no setting ${quote(name)}; ${remedy(meant, 'remove it')}`;
      throw new SettingsError('unknown-setting', name, message);
    }
  }
  return { entries, sections };
}

function parseYaml(file: string): Record<string, unknown> {
  let text: string;
  try {
    const { size } = statSync(file);
    if (size > FILE_LIMIT) throw new Error(`${size} octets, more than ${FILE_LIMIT}`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const message = `settings file "${file}" cannot be read (${reason}); give a readable file with --config`;
    throw new SettingsError('settings-file-unreadable', null, message, { cause: error });
  }
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
  const problem = document.errors[0];
  if (problem !== undefined) {
    const line = problem.linePos?.[0].line ?? 0;
    const message = `settings file "${file}", line ${line}: ${problem.message.split('\n')[0] ?? ''}; correct the YAML`;
    throw new SettingsError('settings-file-malformed', null, message, { cause: problem });
  }
  let root: unknown;
  try {
    root = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const message = `settings file "${file}": ${error instanceof Error ? error.message : ''}; write values out instead of aliases`;
    throw new SettingsError('settings-file-malformed', null, message, { cause: error });
  }
  if (root === null || root === undefined) return {};
  if (typeof root !== 'object' || Array.isArray(root)) {
    const message = `settings file "${file}" is not a map of settings; write one "key: value" a line, as in config/default.yaml`;
    throw new SettingsError('settings-file-malformed', null, message);
  }
  return root as Record<string, unknown>;
}

function readValue(key: SettingKey, raw: unknown, source: SettingSource, place: string): unknown {
  const setting = settingOf(key);
  const value = source === 'file' && typeof raw !== 'string' ? raw : fromText(raw, setting.kind);
  return checkValue({ key, setting, value, raw, place, example: exampleOf(key, source) });
}

/** One value of a file that is not at its top; `place` says where it is, e.g. `jobs[0].cron in "daemon.yaml"`. */
export function readFileValue(key: string, setting: Setting<unknown>, raw: unknown, place: string): unknown {
  const value = typeof raw === 'string' ? fromText(raw, setting.kind) : raw;
  return checkValue({ key, setting, value, raw, place, example: `${key}: ${setting.example}` });
}

interface GivenValue {
  readonly key: string;
  readonly setting: Setting<unknown>;
  readonly value: unknown;
  readonly raw: unknown;
  readonly place: string;
  readonly example: string;
}

function checkValue({ key, setting, value, raw, place, example }: GivenValue): unknown {
  const result = setting.schema.safeParse(value);
  if (result.success) return result.data;
  const message = `${place}: ${quote(raw)} is not possible; it must be ${setting.expects}, for example ${example}`;
  throw new SettingsError('bad-setting', key, message);
}

function exampleOf(key: SettingKey, source: SettingSource): string {
  const { example, negative } = settingOf(key);
  switch (source) {
    case 'flag':
      return negative === true || settingOf(key).kind === 'boolean' ? flagOf(key) : `${flagOf(key)} ${example}`;
    case 'environment':
      return `${variableOf(key)}=${example}`;
    case 'file':
      return `${key}: ${example}`;
    default:
      return example;
  }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
]);

/** Text as the type that a setting has; what is not of that type is left for the schema to refuse. */
function fromText(raw: unknown, kind: SettingKind): unknown {
  if (kind === 'list') {
    const parts = Array.isArray(raw) ? raw : [raw];
    return parts.flatMap((part: unknown) =>
      typeof part === 'string' ? part.split(',').map((item) => item.trim()) : [part],
    );
  }
  if (typeof raw !== 'string') return raw;
  const text = raw.trim();
  if (kind === 'number') return /^(?:-?\d+(?:\.\d+)?(?:e-?\d+)?|-?\.\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : raw;
  if (kind === 'boolean') return BOOLEANS.get(text.toLowerCase()) ?? raw;
  return raw;
}

function remedy(meant: string | null, otherwise: string): string {
  return meant === null ? `${otherwise}; config/default.yaml lists all settings` : `did you mean ${meant}?`;
}

/** As it was given, for a message of one line. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : ((JSON.stringify(value) as string | undefined) ?? String(value));
  return `"${text.replace(/\p{C}/gu, '?').slice(0, 100)}"`;
}
